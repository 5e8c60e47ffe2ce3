/* What curl calls on the loop's thread while it works on a transfer. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "net/http_internal.h"

enum { HEAD_BYTES = 256 << 10, ROOM_FIRST = 4096 };

/* ---- sending ---- */

static enum kn_status read_feed(struct kn_http_feed *feed, char *buffer, size_t room,
                                size_t *ret_got, struct kn_error *err)
{
    if (feed->data) {
        memcpy(buffer, feed->data + feed->at, room);
        *ret_got = room;
        return KN_OK;
    }
    const struct kn_http_source *source = feed->source;
    size_t got = 0;
    enum kn_status status = source->read(source->arg, feed->at, buffer, room, &got, err);
    if (status == KN_OK && (got == 0 || got > room))
        status = kn_error_set(err, KN_DAMAGED, "what was to be sent ended too early");
    *ret_got = got;
    return status;
}

size_t kn_http_feed_read(char *buffer, size_t size, size_t count, void *arg)
{
    struct kn_http_feed *feed = arg;
    struct kn_http_transfer *transfer = feed->transfer;
    size_t got = 0;
    size_t room = (size_t)KN_MIN((int64_t)(size * count), feed->size - feed->at);
    if (room == 0)
        return 0;
    if (read_feed(feed, buffer, room, &got, &transfer->source_error) != KN_OK) {
        transfer->stop = KN_HTTP_STOP_SOURCE;
        return CURL_READFUNC_ABORT;
    }
    feed->at += (int64_t)got;
    if (feed->at == feed->size && !feed->whole) {
        feed->whole = true;
        transfer->feeds_left--;
    }
    return got;
}

int kn_http_feed_seek(void *arg, curl_off_t offset, int origin)
{
    struct kn_http_feed *feed = arg;
    if (origin != SEEK_SET || offset < 0 || offset > feed->size)
        return CURL_SEEKFUNC_FAIL;
    feed->at = offset;
    return CURL_SEEKFUNC_OK;
}

/*
 * The connection is there, and the next thing is to send. Curl comes here a second time when a
 * connection that it had kept turns out to have been closed: it would send again on a new one. That
 * must not happen to a request that does not bear it, once the server could have seen it.
 */
static int before_sending(void *arg, char *peer, char *own, int peer_port, int own_port)
{
    (void)peer, (void)own, (void)peer_port, (void)own_port;
    struct kn_http_transfer *transfer = arg;
    bool again = transfer->moved_us != 0;
    if (again && !transfer->repeatable && !transfer->feeds_left) {
        transfer->stop = KN_HTTP_STOP_REPEAT;
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->moved_us = kn_now_us();
    return CURL_PREREQFUNC_OK;
}

static int progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                    curl_off_t up)
{
    (void)down_total, (void)up_total;
    struct kn_http_transfer *transfer = arg;
    const struct kn_http_request *request = transfer->request;
    if (transfer->moved != down + up && transfer->moved_us)
        transfer->moved_us = kn_now_us();
    transfer->moved = down + up;
    if (transfer->uploaded != up && request->sent)
        request->sent(request->sent_arg, up);
    transfer->uploaded = up;
    return 0;
}

/* ---- receiving ---- */

/* Curl takes a head that is cut between two lines for a whole one, so its end is watched for. */
static void follow_head(struct kn_http_transfer *transfer, const char *line, size_t size)
{
    static const char status[] = "HTTP/";
    if (line[0] == '\r' || line[0] == '\n')
        transfer->head_whole = true;
    else if (size > sizeof status && memcmp(line, status, sizeof status - 1) == 0)
        transfer->head_whole = false;
}

static size_t take_header(char *data, size_t size, size_t count, void *arg)
{
    struct kn_http_transfer *transfer = arg;
    size_t bytes = size * count;
    if (bytes > 0)
        follow_head(transfer, data, bytes);
    transfer->moved_us = kn_now_us();
    transfer->head_bytes += bytes;
    if (transfer->head_bytes <= HEAD_BYTES)
        return bytes;
    transfer->stop = KN_HTTP_STOP_HEAD;
    return bytes + 1;
}

static bool make_room(struct kn_http_transfer *transfer, size_t needed)
{
    if (needed <= transfer->room)
        return true;
    size_t room = KN_MAX(KN_MAX(needed, transfer->room * 2), ROOM_FIRST);
    char *answer = realloc(transfer->answer, room);
    if (!answer)
        return false;
    transfer->answer = answer;
    transfer->room = room;
    return true;
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct kn_http_transfer *transfer = arg;
    size_t bytes = size * count;
    if (bytes > transfer->answer_max - transfer->size ||
        !make_room(transfer, transfer->size + bytes)) {
        transfer->stop = KN_HTTP_STOP_BODY;
        return bytes + 1;
    }
    memcpy(transfer->answer + transfer->size, data, bytes);
    transfer->size += bytes;
    return bytes;
}

void kn_http_transfer_listen(struct kn_http_transfer *transfer)
{
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_sending);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}
