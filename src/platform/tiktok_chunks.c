/* The upload: "Media Transfer Guide" of TikTok's Content Posting API, 2026-09-11. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/post_document.h"
#include "platform/tiktok.h"

enum {
    CHUNK_MIN_BYTES = 10000000,
    CHUNK_MAX_BYTES = 64000000,
    CHUNKS_MAX = 1000,
    /* Fewer answers are waited for where chunks are large, and less is sent again after a break
     * where they are small. */
    CHUNKS_USUAL = 8,
    BUSY_S = 10,
};

bool kn_tiktok_plan(int64_t bytes, struct kn_tiktok_chunks *ret_chunks)
{
    if (bytes <= 0)
        return false;
    int64_t chunk = KN_CLAMP(bytes / CHUNKS_USUAL, CHUNK_MIN_BYTES, CHUNK_MAX_BYTES);
    int64_t count = bytes / chunk;
    if (count > CHUNKS_MAX)
        return false;
    *ret_chunks = count <= 1 ? (struct kn_tiktok_chunks){.chunk_bytes = bytes, .count = 1}
                             : (struct kn_tiktok_chunks){.chunk_bytes = chunk, .count = (int)count};
    return true;
}

int64_t kn_tiktok_chunk_end(int64_t bytes, int64_t chunk_bytes, int64_t offset)
{
    int64_t count = bytes / chunk_bytes, index = offset / chunk_bytes;
    return index >= count - 1 ? bytes : (index + 1) * chunk_bytes;
}

/* ---- answers ---- */

/* The last number of "bytes 0-9999999/50000123"; -1: there is none. */
static int64_t last_stored(const struct kn_http_answer *answer, int64_t bytes)
{
    const char *range = kn_http_header(answer, "Content-Range");
    char text[24];
    long long last, total;
    const char *dash = range && kn_starts_with(range, "bytes 0-") ? strchr(range, '-') : NULL;
    const char *slash = dash ? strchr(dash, '/') : NULL;
    if (!slash || slash - dash > (int)sizeof text || !kn_parse_int(slash + 1, bytes, bytes, &total))
        return -1;
    snprintf(text, sizeof text, "%.*s", (int)(slash - dash - 1), dash + 1);
    return kn_parse_int(text, 0, bytes, &last) ? last : -1;
}

/*
 * How many bytes TikTok has by its Content-Range, -1: that does not say. The guide's "0-{uploaded
 * bytes}" is not clear on whether the number is the last byte's or the count of them; what ends
 * where a chunk does is meant.
 */
static int64_t stored(const struct kn_posting *posting, const struct kn_http_answer *answer)
{
    int64_t bytes = posting->clip.bytes, chunk = kn_posting_number(posting, "chunk_bytes");
    int64_t last = last_stored(answer, bytes);
    for (int64_t at = last; last >= 0 && at <= KN_MIN(last + 1, bytes); at++)
        if (at == bytes || (at > 0 && kn_tiktok_chunk_end(bytes, chunk, at - 1) == at))
            return at;
    return -1;
}

static enum kn_status have(struct kn_posting *posting, int64_t bytes, struct kn_error *err)
{
    kn_posting_set_number(posting, "sent", bytes);
    kn_posting_forget(posting, "doubt");
    kn_posting_forget(posting, "stuck");
    posting->sent_bytes = bytes;
    if (bytes == posting->clip.bytes)
        posting->state = KN_POST_PROCESSING;
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

static enum kn_status ask_first(struct kn_posting *posting)
{
    kn_posting_set_number(posting, "doubt", 1);
    return kn_posting_step(posting);
}

static enum kn_status take_answer(struct kn_posting *posting, const struct kn_http_answer *answer,
                                  int64_t end, struct kn_error *err)
{
    int64_t there = stored(posting, answer);
    switch (answer->status) {
    case 200:
    case 201:
    case 206:
        if (there < 0 && !kn_http_header(answer, "Content-Range"))
            there = end;
        return there == end ? have(posting, end, err) : ask_first(posting);
    case 416:
        return there > kn_posting_number(posting, "sent") ? have(posting, there, err)
                                                          : ask_first(posting);
    case 401:
    case 403:
    case 404:
    case 410:
        kn_posting_set_number(posting, "gone", 1);
        return kn_posting_step(posting);
    case 400:
    case 411:
    case 413:
    case 415:
        /* Where a broken connection made curl send it twice, the first one may have been taken. */
        if (kn_posting_intended_us(posting))
            return ask_first(posting);
        return kn_tiktok_give_up(posting,
                                 "try it again with “kirinuki publish --retry”; if that does not "
                                 "help, it is a mistake of kirinuki's: report it",
                                 "TikTok refuses a part of the upload (%d)", answer->status);
    }
    kn_posting_set_number(posting, "doubt", 1);
    if (answer->status == 429 || kn_http_header(answer, "Retry-After"))
        return kn_posting_later(posting, answer, BUSY_S * KN_US_PER_S, "TikTok is busy");
    return kn_error_set(err, KN_REMOTE, "TikTok answers a part of the upload with %d",
                        answer->status);
}

/* ---- sending ---- */

static enum kn_status send_part(struct kn_posting *posting, int64_t from, int64_t end,
                                struct kn_http_answer *ret_answer, bool *ret_sent,
                                struct kn_error *err)
{
    const struct kn_http_header headers[] = {
        {"Content-Type", kn_post_content_type(posting->clip.path)},
        {"Content-Range", kn_arena_printf(posting->arena, "bytes %lld-%lld/%lld", (long long)from,
                                          (long long)end - 1, (long long)posting->clip.bytes)},
    };
    const struct kn_posting_call call = {
        .request = {.method = "PUT",
                    .url = kn_posting_text(posting, "upload_url"),
                    .headers = headers,
                    .header_count = KN_COUNT_OF(headers)},
        .file_offset = from,
        .file_bytes = end - from,
    };
    return kn_posting_call(posting, &call, ret_answer, ret_sent, err);
}

enum kn_status kn_tiktok_send(struct kn_posting *posting, struct kn_error *err)
{
    int64_t from = kn_posting_number(posting, "sent"), bytes = posting->clip.bytes;
    int64_t end = kn_tiktok_chunk_end(bytes, kn_posting_number(posting, "chunk_bytes"), from);
    bool first_time = end == bytes && !kn_posting_intended_us(posting);
    struct kn_http_answer answer;
    bool sent = false;
    enum kn_status status = first_time ? kn_posting_intend(posting, err) : KN_OK;
    if (status != KN_OK)
        return status;
    status = send_part(posting, from, end, &answer, &sent, err);
    if (status == KN_OK)
        return take_answer(posting, &answer, end, err);
    if (first_time && !sent) /* without its last byte it is no post */
        kn_posting_settle(posting);
    kn_posting_set_number(posting, "doubt", 1);
    return status;
}
