/* Answers, and the faults of a bad day: done to the real socket, so that clients meet what they
 * will meet elsewhere. */
#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/server_internal.h"

enum { CUT_BLOCK_BYTES = 16 << 10, LOOK_MS = 1000 };

/* The body of an answer that is cut. */
struct cut {
    const char *body;
    size_t size;
};

static ssize_t read_cut(void *arg, uint64_t offset, char *buffer, size_t room)
{
    const struct cut *cut = arg;
    if (offset >= cut->size)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t size = KN_MIN(room, cut->size - (size_t)offset);
    memcpy(buffer, cut->body + offset, size);
    return (ssize_t)size;
}

static struct MHD_Response *cut_response(const struct kn_reply *reply)
{
    struct cut *cut = kn_malloc(sizeof *cut);
    *cut = (struct cut){reply->body, reply->body ? KN_MIN(reply->cut_at, reply->size) : 0};
    uint64_t promised = KN_MAX(reply->size, cut->size + 1);
    struct MHD_Response *response =
        MHD_create_response_from_callback(promised, CUT_BLOCK_BYTES, read_cut, cut, free);
    if (!response)
        free(cut);
    return response;
}

static struct MHD_Response *file_response(const struct kn_reply *reply)
{
    int fd = open(reply->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64(reply->size, fd, reply->file_at);
    if (!response)
        close(fd);
    return response;
}

static struct MHD_Response *make_response(const struct kn_reply *reply)
{
    if (reply->fault == KN_REPLY_CUT)
        return cut_response(reply);
    if (reply->file)
        return file_response(reply);
    return MHD_create_response_from_buffer(reply->size, (void *)reply->body,
                                           MHD_RESPMEM_PERSISTENT);
}

static bool add_headers(struct MHD_Response *response, const struct kn_reply *reply)
{
    const char *type = reply->content_type ? reply->content_type : "application/json";
    bool fine = (!reply->size && !reply->content_type) ||
                MHD_add_response_header(response, "Content-Type", type) == MHD_YES;
    for (int i = 0; i < reply->header_count; i++)
        fine = MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].data) ==
                   MHD_YES &&
               fine;
    return fine;
}

/* A peer that is done sending counts as one that has gone. */
static void wait_for_end(const struct kn_server_peer *peer, struct kn_cancel *closing)
{
    struct pollfd fds[] = {{.fd = peer->fd, .events = POLLRDHUP},
                           {.fd = kn_cancel_fd(closing), .events = POLLIN}};
    while (!kn_cancel_requested(closing))
        if (poll(fds, KN_COUNT_OF(fds), LOOK_MS) > 0)
            return;
}

enum MHD_Result kn_server_reply_send(struct MHD_Connection *connection,
                                     const struct kn_reply *reply, struct kn_server_peer *peer,
                                     struct kn_cancel *closing)
{
    assert(reply->status >= 200 && reply->status <= 999);
    if (reply->fault == KN_REPLY_NO_ANSWER)
        wait_for_end(peer, closing);
    if (reply->fault == KN_REPLY_NO_ANSWER || reply->fault == KN_REPLY_NOTHING)
        return MHD_NO;
    struct MHD_Response *response = make_response(reply);
    if (!response)
        return MHD_NO;
    /* A header that is none would change what the peer reads, so there is no answer at all. */
    enum MHD_Result sent = MHD_NO;
    if (add_headers(response, reply)) {
        kn_server_peer_expect(peer, kn_now_us(), reply->size);
        sent = MHD_queue_response(connection, (unsigned)reply->status, response);
    }
    MHD_destroy_response(response);
    return sent;
}
