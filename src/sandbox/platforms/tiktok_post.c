/* What becomes of posts: processing, moderation, and how they are told of ("Get Post Status",
 * 2026-09-11). */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/tiktok.h"

#define LEAST_FPS 23.0
#define MOST_FPS  60.0
enum { LEAST_PX = 360, MOST_PX = 4096, HEAD_BYTES = 64 };

/* ---- the file ---- */

/* Matroska and WebM are one to the demuxer; the document type of the head parts them (RFC 8794,
 * section 11.2.6). */
static bool is_webm(const char *path)
{
    static const unsigned char type[] = {0x42, 0x82, 0x84, 'w', 'e', 'b', 'm'};
    unsigned char head[HEAD_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, head, sizeof head) : -1;
    if (fd >= 0)
        close(fd);
    return size > 0 && memmem(head, (size_t)size, type, sizeof type);
}

static bool format_fits(const struct kn_upload *upload)
{
    static const char *const codecs[] = {"h264", "hevc", "vp8", "vp9"};
    const struct kn_shown_facts *facts = &upload->facts;
    if (!strstr(facts->container, "mp4") &&
        !(strstr(facts->container, "webm") && is_webm(upload->path)))
        return false;
    for (size_t i = 0; i < KN_COUNT_OF(codecs); i++)
        if (strcmp(codecs[i], facts->video) == 0)
            return true;
    return false;
}

const char *kn_tt_judge_file(const struct kn_upload *upload, double longest_s)
{
    const struct kn_shown_facts *facts = &upload->facts;
    double seconds = (double)facts->duration_us / KN_US_PER_S;
    if (!facts->readable || !format_fits(upload))
        return "file_format_check_failed";
    if (seconds <= 0 || seconds > longest_s)
        return "duration_check_failed";
    if (facts->fps < LEAST_FPS || facts->fps > MOST_FPS)
        return "frame_rate_check_failed";
    if (KN_MIN(facts->width, facts->height) < LEAST_PX ||
        KN_MAX(facts->width, facts->height) > MOST_PX)
        return "picture_size_check_failed";
    return NULL;
}

/* ---- time goes on ---- */

void kn_tt_process(struct kn_mimics *m, struct kn_tt_post *post, int64_t now_us)
{
    int account = post->grant->account;
    post->whole = true;
    post->processed_us = now_us + (int64_t)(post->processing_s * 1e6);
    post->moderated_us =
        post->processed_us + (int64_t)(m->settings[KN_MIMIC_TIKTOK_MODERATION_S] * 1e6);
    /* Beyond what a double holds exactly, and within 64 bits with a sign. */
    post->post_id = kn_arena_printf(m->arena, "7%s", kn_mimics_make_id(m, KN_MIMIC_DIGITS, 18));
    post->post = kn_shown_posts_add(m, "tiktok", account, now_us);
    post->post->id = post->inbox ? post->id : post->post_id;
    post->post->privacy = post->privacy;
    post->post->video = post->upload;
    post->post->text =
        kn_mimics_keep(m, json_pack("{s:s, s:s}", "caption", post->title ? post->title : "",
                                    "publish_id", post->id));
    if (!post->inbox)
        post->post->url = kn_arena_printf(m->arena, "https://www.tiktok.com/@%s/video/%s",
                                          m->accounts[account], post->post_id);
}

static void end_failed(struct kn_tt_post *post, const char *reason)
{
    post->settled = true;
    post->failure = reason;
    if (!post->post)
        return;
    post->post->state = KN_SHOWN_FAILED;
    post->post->reason = reason;
}

static void settle(const struct kn_mimics *m, struct kn_tt_post *post)
{
    const char *why = post->will_fail ? post->will_fail
                      : !post->upload
                          ? "video_pull_failed"
                          : kn_tt_judge_file(post->upload, m->settings[KN_MIMIC_TIKTOK_SECONDS]);
    if (why) {
        end_failed(post, why);
        return;
    }
    post->settled = true;
    if (post->inbox)
        post->post->state = KN_SHOWN_DRAFT;
    else if (strcmp(post->privacy, "SELF_ONLY") == 0)
        post->post->state = KN_SHOWN_HIDDEN;
}

void kn_tt_tick(struct kn_mimics *m, void *arg, int64_t now_us)
{
    struct kn_tt_state *state = arg;
    for (int i = 0; i < state->posts.count; i++) {
        struct kn_tt_post *post = state->posts.at[i];
        if (!post->settled && post->grant->revoked)
            end_failed(post, "auth_removed");
        if (!post->settled && post->whole && now_us >= post->processed_us)
            settle(m, post);
        if (post->settled && !post->failure && post->post->state == KN_SHOWN_PROCESSING &&
            now_us >= post->moderated_us)
            kn_shown_appear(m, post->post, post->moderated_us);
    }
}

/* ---- telling ---- */

/* NULL: the answer is made. */
static struct kn_tt_post *find_post(struct kn_mimic_visit *visit, enum kn_tt_call call)
{
    const struct kn_tt_state *state = visit->state;
    const json_t *body = kn_tt_admit(visit, call) ? kn_tt_body(visit, false) : NULL;
    if (!body)
        return NULL;
    const char *id = json_string_value(json_object_get(body, "publish_id"));
    for (int i = state->posts.count - 1; i >= 0 && id; i--) {
        struct kn_tt_post *post = state->posts.at[i];
        if (strcmp(post->id, id) != 0)
            continue;
        if (post->grant->account == visit->who.account)
            return post;
        kn_tt_fail(visit, "token_not_authorized_for_specified_publish_id", NULL);
        return NULL;
    }
    kn_tt_fail(visit, "invalid_publish_id", NULL);
    return NULL;
}

static const char *status_of(const struct kn_tt_post *post)
{
    if (!post->settled)
        return post->pulled ? "PROCESSING_DOWNLOAD" : "PROCESSING_UPLOAD";
    return post->failure ? "FAILED" : post->inbox ? "SEND_TO_USER_INBOX" : "PUBLISH_COMPLETE";
}

void kn_tt_status(struct kn_mimic_visit *visit)
{
    struct kn_tt_post *post = find_post(visit, KN_TT_STATUS);
    if (!post)
        return;
    json_t *data = json_pack("{s:s}", "status", status_of(post));
    if (post->upload)
        json_object_set_new(data, post->pulled ? "downloaded_bytes" : "uploaded_bytes",
                            json_integer(kn_tt_stored(post)));
    if (post->failure)
        json_object_set_new(data, "fail_reason", json_string(post->failure));
    if (post->post && post->post->state == KN_SHOWN_LIVE &&
        strcmp(post->privacy, "PUBLIC_TO_EVERYONE") == 0)
        json_object_set_new(data, "publicaly_available_post_id",
                            json_pack("[I]", (json_int_t)strtoll(post->post_id, NULL, 10)));
    kn_tt_answer(visit, data);
}

void kn_tt_cancel(struct kn_mimic_visit *visit)
{
    struct kn_tt_post *post = find_post(visit, KN_TT_CANCEL);
    if (!post)
        return;
    if (post->settled) {
        kn_tt_fail(visit, "publish_not_cancellable", NULL);
        return;
    }
    end_failed(post, "publish_cancelled");
    kn_tt_answer(visit, json_object());
}
