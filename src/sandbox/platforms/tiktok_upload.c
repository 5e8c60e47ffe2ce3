/*
 * Chunks go to the upload_url of an init, one after another ("Media Transfer Guide", 2026-09-11).
 * A chunk is stored as a whole or not at all: what came of one that was cut is given up, so that
 * the progress is always that of the plan.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sandbox/platforms/tiktok.h"

struct sending {
    struct kn_tt_post *post;
    int64_t first, last;
};

int64_t kn_tt_stored(const struct kn_tt_post *post)
{
    int64_t stored = post->upload ? kn_upload_stored(post->upload) : 0;
    if (post->whole || post->pulled)
        return stored;
    return KN_MIN(stored / post->chunk, post->chunks - 1) * post->chunk;
}

/* The documentation writes "bytes 0-{UPLOADED_BYTES}/{TOTAL}", which is taken at its word. */
static void tell_progress(struct kn_mimic_visit *visit, const struct kn_tt_post *post)
{
    int64_t stored = kn_tt_stored(post);
    int64_t told = stored - (visit->m->settings[KN_MIMIC_TIKTOK_RANGE_LAST] > 0 && stored > 0);
    kn_mimic_header(visit, "Content-Range", "bytes 0-%" PRId64 "/%" PRId64, told, post->size);
}

static struct kn_tt_post *find_upload(const struct kn_mimic_visit *visit)
{
    const struct kn_tt_state *state = visit->state;
    const char *id = kn_mimic_query(visit->exchange, "upload_id");
    const char *token = kn_mimic_query(visit->exchange, "upload_token");
    for (int i = state->posts.count - 1; i >= 0 && id && token; i--) {
        struct kn_tt_post *post = state->posts.at[i];
        if (post->upload_id && strcmp(post->upload_id, id) == 0)
            return strcmp(post->upload_token, token) == 0 ? post : NULL;
    }
    return NULL;
}

static bool is_video_type(const char *type)
{
    static const char *const types[] = {"video/mp4", "video/quicktime", "video/webm"};
    for (size_t i = 0; type && i < KN_COUNT_OF(types); i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

/* "bytes A-B/T", all three known. */
static bool read_range(const char *text, int64_t ret_numbers[3])
{
    static const char ends[3] = {'-', '/', '\0'};
    if (!text || strncmp(text, "bytes ", 6) != 0)
        return false;
    const char *at = text + 6;
    for (int i = 0; i < 3; i++) {
        size_t digits = strspn(at, "0123456789");
        if (digits < 1 || digits > 18 || at[digits] != ends[i])
            return false;
        ret_numbers[i] = strtoll(at, NULL, 10);
        at += digits + 1;
    }
    return true;
}

/* The last byte of the chunk that begins at `first`, by the plan; -1: none begins there. */
static int64_t planned_last(const struct kn_tt_post *post, int64_t first)
{
    int64_t index = first / post->chunk;
    if (first % post->chunk || index >= post->chunks)
        return -1;
    return index == post->chunks - 1 ? post->size - 1 : first + post->chunk - 1;
}

/* NULL: what the chunk says of itself is right. */
static const char *judge_chunk(const struct kn_mimic_visit *visit, const struct kn_tt_post *post,
                               const int64_t range[3])
{
    int64_t length = kn_mimic_length(visit->exchange);
    if (!is_video_type(kn_mimic_head(visit->exchange, "content-type")))
        return "Content-Type has to be video/mp4, video/quicktime or video/webm.";
    if (range[2] != post->size)
        return "The total in Content-Range is not video_size.";
    if (length < 0)
        return "Content-Length is missing.";
    if (range[1] < range[0] || length != range[1] - range[0] + 1)
        return "Content-Length is not the length of Content-Range.";
    if (range[1] != planned_last(post, range[0]))
        return "The chunk is not one of chunk_size and total_chunk_count.";
    return NULL;
}

static void begin_chunk(struct kn_mimic_visit *visit, struct kn_tt_post *post)
{
    int64_t range[3];
    struct sending *sending = kn_arena_alloc(visit->arena, sizeof *sending);
    if (!read_range(kn_mimic_head(visit->exchange, "content-range"), range)) {
        kn_tt_fail(visit, "invalid_param", "Content-Range has to be bytes FIRST-LAST/TOTAL.");
        return;
    }
    if (post->whole || range[0] != kn_tt_stored(post)) {
        kn_tt_fail(visit, "range_mismatch", NULL);
        tell_progress(visit, post);
        return;
    }
    const char *why = judge_chunk(visit, post, range);
    if (why) {
        kn_tt_fail(visit, "invalid_param", why);
        return;
    }
    *sending = (struct sending){.post = post, .first = range[0], .last = range[1]};
    visit->own = sending;
    kn_mimic_stream(visit, post->upload, range[1] - range[0] + 1);
    kn_upload_shorten(post->upload, visit, range[0]); /* what a connection left that is gone */
}

void kn_tt_upload_begin(struct kn_mimic_visit *visit)
{
    struct kn_tt_post *post = find_upload(visit);
    if (post && !post->whole && visit->fault.kind == KN_FAULT_EXPIRED)
        post->until_us = visit->now_us;
    if (!post || (post->settled && !post->whole))
        kn_tt_fail(visit, "upload_not_found", NULL);
    else if (!post->whole && visit->now_us >= post->until_us)
        kn_tt_fail(visit, "url_expired", NULL);
    else if (post->finishing)
        kn_tt_fail(visit, "internal_error", NULL);
    else
        begin_chunk(visit, post);
}

/* The hash and the look into the file take time, in which others go on. */
static void finish(struct kn_mimic_visit *visit, struct kn_tt_post *post)
{
    post->finishing = true;
    kn_mimics_leave(visit->m);
    kn_upload_finish(post->upload);
    kn_mimics_enter(visit->m);
    post->finishing = false;
    visit->now_us = kn_mimics_now_us(visit->m);
    if (post->settled) { /* it was cancelled meanwhile */
        kn_tt_fail(visit, "upload_not_found", NULL);
        return;
    }
    kn_tt_process(visit->m, post, visit->now_us);
    kn_mimic_empty(visit, 201);
    tell_progress(visit, post);
}

void kn_tt_upload_run(struct kn_mimic_visit *visit)
{
    struct sending *sending = visit->own;
    struct kn_tt_post *post = sending->post;
    bool fits = !visit->over && visit->stored + visit->lost == sending->last - sending->first + 1;
    if (!fits || visit->lost)
        kn_upload_shorten(post->upload, visit, sending->first);
    if (post->whole || post->finishing) { /* by a request that came meanwhile */
        kn_tt_fail(visit, "range_mismatch", NULL);
        tell_progress(visit, post);
    } else if (post->settled) {
        kn_tt_fail(visit, "upload_not_found", NULL);
    } else if (!fits) {
        kn_tt_fail(visit, "invalid_param", "The body is not as long as Content-Range says.");
    } else if (kn_upload_stored(post->upload) == post->size) {
        finish(visit, post);
    } else {
        kn_mimic_empty(visit, 206);
        tell_progress(visit, post);
    }
}

void kn_tt_upload_gone(struct kn_mimic_visit *visit)
{
    const struct sending *sending = visit->own;
    if (sending)
        kn_upload_shorten(sending->post->upload, visit, sending->first);
}
