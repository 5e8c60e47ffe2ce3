#include "platform/instagram.h"
#include "platform/oauth.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"

enum { PATH_BYTES = 600, NAME_BYTES = 64 };

/* ---- the account ---- */

const char *kn_instagram_url(const struct kn_posting *posting, const char *format, ...)
{
    va_list args;
    char path[PATH_BYTES];
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    return kn_posting_url(posting, "https://graph.facebook.com", "/v25.0%s", path);
}

/* In the arena; NULL: it is not there. */
static const char *setting(const struct kn_posting *posting, const char *name)
{
    KN_SCOPED_JSON settings = json_loads(posting->settings, 0, NULL);
    return kn_arena_strdup(posting->arena, json_string_value(json_object_get(settings, name)));
}

const char *kn_instagram_user(const struct kn_posting *posting)
{
    const char *id = setting(posting, "ig_user_id");
    id = id ? id : posting->account_id;
    for (const char *at = id; at && *at; at++)
        if (!isdigit((unsigned char)*at))
            return NULL;
    return id && *id ? id : NULL;
}

const char *kn_instagram_profile(const struct kn_posting *posting)
{
    const char *host = "https://www.instagram.com";
    const char *name = posting->account ? posting->account : "";
    name += *name == '@';
    bool fine = *name && strlen(name) <= NAME_BYTES;
    for (const char *at = name; *at; at++)
        fine &= isalnum((unsigned char)*at) || *at == '.' || *at == '_';
    return fine ? kn_posting_url(posting, host, "/%s/", name) : kn_posting_url(posting, host, "/");
}

/* END: posting->next is set. */
static enum kn_status check_account(struct kn_posting *posting)
{
    const char *login = setting(posting, "login");
    if (!login || strcmp(login, "facebook") != 0) {
        (void)kn_posting_fail(
            posting,
            "connect the account once more, by Facebook Login, or put the clip into a folder and "
            "post it from the app",
            "by Instagram Login Meta only takes videos from a public https address, no files");
        return KN_END;
    }
    if (!kn_instagram_user(posting)) {
        (void)kn_posting_fail(posting, "connect the account again with “kirinuki auth instagram”",
                              "the number of the Instagram account is not known");
        return KN_END;
    }
    return KN_OK;
}

/* ---- a container ---- */

/* END: posting->next is set. */
static enum kn_status check_quota(struct kn_posting *posting, struct kn_error *err)
{
    const json_t *json = NULL;
    struct kn_instagram_refusal refusal;
    enum kn_status status = kn_instagram_call(
        posting,
        kn_instagram_url(posting, "/%s/content_publishing_limit?fields=config,quota_usage",
                         kn_instagram_user(posting)),
        NULL, &json, &refusal, err);
    if (status == KN_OK) {
        /* 50 or 100: the documents contradict each other, the answer counts. */
        int64_t total = kn_answer_number(json, "data.0.config.quota_total", 0);
        if (total <= 0 || kn_answer_number(json, "data.0.quota_usage", 0) < total)
            return KN_OK;
        refusal = (struct kn_instagram_refusal){
            KN_INSTAGRAM_USED_UP,
            "the account has posted as much by applications as Instagram allows in a day", ""};
        status = KN_END;
    }
    if (status == KN_END)
        status = kn_instagram_act(posting, &refusal, err);
    return status == KN_OK ? KN_END : status;
}

static json_t *reel(const struct kn_posting *posting)
{
    const struct kn_post_options *options = &posting->options;
    json_t *made = json_pack("{s:s, s:s, s:o, s:b}", "media_type", "REELS", "upload_type",
                             "resumable", "caption", kn_json_text(posting->text.caption),
                             "share_to_feed", options->share_to_feed);
    if (options->cover_us >= 0)
        json_object_set_new(made, "thumb_offset", json_integer(options->cover_us / 1000));
    if (options->made_with_ai)
        json_object_set_new(made, "is_ai_generated", json_true());
    return made;
}

/* The account's token goes there, so it has to be Meta's. */
static const char *upload_url(struct kn_posting *posting, const json_t *json, const char *container)
{
    const char *host = "https://rupload.facebook.com";
    const char *own = kn_posting_url(posting, host, "/ig-api-upload/v25.0/%s", container);
    const char *said = kn_answer_text(posting, json, "uri", PATH_BYTES);
    return said && kn_starts_with(said, kn_posting_url(posting, host, "/")) ? said : own;
}

static enum kn_status have_all(struct kn_posting *posting, struct kn_error *err)
{
    kn_posting_set_number(posting, "uploaded_us", kn_posting_now_us(posting));
    posting->sent_bytes = posting->clip.bytes;
    posting->state = KN_POST_PROCESSING;
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

static void forget_container(struct kn_posting *posting)
{
    static const char *const keys[] = {"container", "upload_url", "uploaded_us", "asked_us",
                                       "looks",     "finds",      "refused"};
    for (size_t i = 0; i < KN_COUNT_OF(keys); i++)
        kn_posting_forget(posting, keys[i]);
    posting->sent_bytes = 0;
    posting->state = KN_POST_UPLOADING;
}

/* It has failed; another try begins from the beginning. */
static void forget_all(struct kn_posting *posting)
{
    forget_container(posting);
    kn_posting_forget(posting, "containers");
}

static enum kn_status send(struct kn_posting *posting, int64_t offset, struct kn_error *err)
{
    struct kn_instagram_refusal refusal;
    posting->sent_bytes = offset;
    enum kn_status status = kn_instagram_send(posting, offset, &refusal, err);
    if (status == KN_OK)
        return have_all(posting, err);
    if (status != KN_END)
        return status;
    if (refusal.then == KN_INSTAGRAM_NO_SUCH)
        return kn_instagram_start_over(posting, refusal.sentence, err);
    status = kn_instagram_act(posting, &refusal, err);
    if (status == KN_OK && posting->next == KN_NEXT_FAILED)
        forget_all(posting);
    return status;
}

static enum kn_status begin(struct kn_posting *posting, struct kn_error *err)
{
    const json_t *json = NULL;
    struct kn_instagram_refusal refusal;
    enum kn_status status = check_account(posting);
    if (status == KN_OK)
        status = check_quota(posting, err);
    if (status != KN_OK)
        return status == KN_END ? KN_OK : status;
    status = kn_instagram_call(posting,
                               kn_instagram_url(posting, "/%s/media", kn_instagram_user(posting)),
                               reel(posting), &json, &refusal, err);
    if (status == KN_END)
        return kn_instagram_act(posting, &refusal, err);
    if (status != KN_OK)
        return status;
    const char *container = kn_answer_id(posting, json, "id");
    if (!container)
        return kn_error_set(err, KN_REMOTE, "Instagram's answer names no container");
    kn_posting_set_text(posting, "container", container);
    kn_posting_set_text(posting, "upload_url", upload_url(posting, json, container));
    kn_posting_set_number(posting, "containers", kn_posting_number(posting, "containers") + 1);
    posting->state = KN_POST_UPLOADING;
    status = kn_posting_remember(posting, err);
    return status == KN_OK ? send(posting, 0, err) : status;
}

enum kn_status kn_instagram_start_over(struct kn_posting *posting, const char *why,
                                       struct kn_error *err)
{
    enum { CONTAINERS_MAX = 3 };
    forget_container(posting);
    if (kn_posting_number(posting, "containers") >= CONTAINERS_MAX) {
        kn_posting_forget(posting, "containers");
        return kn_posting_fail(posting, "try it again later with “kirinuki publish --retry”",
                               "%s, %d times in a row", why, CONTAINERS_MAX);
    }
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

/* ---- how it is ---- */

static enum kn_status look_later(struct kn_posting *posting, struct kn_error *err)
{
    /* Once a minute is asked for; short clips are done before. */
    static const int waits_s[] = {5, 10, 15, 30, 60};
    enum { PATIENCE_S = 3600 };
    int64_t looks = kn_posting_number(posting, "looks"), now_us = kn_posting_now_us(posting);
    int64_t wait_s = waits_s[KN_MIN(looks, (int64_t)KN_COUNT_OF(waits_s) - 1)];
    if (now_us - kn_posting_number(posting, "uploaded_us") > PATIENCE_S * KN_US_PER_S) {
        if (!kn_posting_intended_us(posting))
            return kn_instagram_start_over(posting, "Instagram did not process the clip in an hour",
                                           err);
        return kn_instagram_give_up(posting, NULL,
                                    "Instagram does not say whether it published "
                                    "the clip");
    }
    kn_posting_set_number(posting, "looks", looks + 1);
    return kn_posting_wait(posting, now_us + wait_s * KN_US_PER_S, "Instagram processes the clip");
}

static enum kn_status in_progress(struct kn_posting *posting, const json_t *json,
                                  struct kn_error *err)
{
    if (kn_posting_number(posting, "uploaded_us"))
        return look_later(posting, err);
    const json_t *phase = kn_answer_at(json, "video_status.uploading_phase");
    int64_t bytes = kn_answer_number(phase, "bytes_transferred", 0);
    if (bytes < 0 || bytes > posting->clip.bytes)
        return kn_instagram_start_over(posting, "Instagram has more of the clip than there is",
                                       err);
    return bytes == posting->clip.bytes ? have_all(posting, err) : send(posting, bytes, err);
}

/* A container that says so was not published, and never will be. */
static enum kn_status spoilt(struct kn_posting *posting, const char *code, const json_t *json,
                             struct kn_error *err)
{
    kn_posting_settle(posting);
    if (strcmp(code, "EXPIRED") == 0)
        return kn_instagram_start_over(posting, "Instagram let the upload expire", err);
    struct kn_instagram_refusal refusal =
        kn_instagram_error(posting, json_string_value(json_object_get(json, "status")));
    if (refusal.then != KN_INSTAGRAM_STOP && refusal.then != KN_INSTAGRAM_USED_UP)
        return kn_instagram_start_over(posting, refusal.sentence, err);
    forget_all(posting);
    return kn_instagram_act(posting, &refusal, err);
}

static enum kn_status finished(struct kn_posting *posting, struct kn_error *err)
{
    enum { SURE_S = 60, AGAIN_S = 15 };
    int64_t intended_us = kn_posting_intended_us(posting), now_us = kn_posting_now_us(posting);
    if (intended_us && now_us < intended_us + SURE_S * KN_US_PER_S)
        return kn_posting_wait(posting, now_us + AGAIN_S * KN_US_PER_S,
                               "Instagram is asked whether it published the clip");
    /* Published it would say so. The same container once more makes no second post of it. */
    if (intended_us && !kn_posting_number(posting, "asked_us"))
        kn_posting_set_number(posting, "asked_us", intended_us);
    return kn_instagram_publish(posting, err);
}

enum kn_status kn_instagram_look(struct kn_posting *posting, struct kn_error *err)
{
    const json_t *json = NULL;
    struct kn_instagram_refusal refusal;
    enum kn_status status =
        kn_instagram_call(posting,
                          kn_instagram_url(posting, "/%s?fields=id,status,status_code,video_status",
                                           kn_posting_text(posting, "container")),
                          NULL, &json, &refusal, err);
    if (status == KN_END && refusal.then == KN_INSTAGRAM_NO_SUCH)
        return kn_posting_intended_us(posting)
                   ? kn_instagram_find(posting, false, err)
                   : kn_instagram_start_over(posting, refusal.sentence, err);
    if (status == KN_END)
        return kn_instagram_act(posting, &refusal, err);
    if (status != KN_OK)
        return status;
    const char *code = kn_answer_id(posting, json, "status_code");
    code = code ? code : "";
    if (strcmp(code, "IN_PROGRESS") == 0)
        return in_progress(posting, json, err);
    if (strcmp(code, "FINISHED") == 0)
        return finished(posting, err);
    if (strcmp(code, "PUBLISHED") == 0)
        return kn_instagram_find(posting, true, err);
    if (strcmp(code, "ERROR") == 0 || strcmp(code, "EXPIRED") == 0)
        return spoilt(posting, code, json, err);
    return kn_error_set(err, KN_REMOTE, "Instagram's answer names no state that is known");
}

static enum kn_status advance(struct kn_posting *posting, struct kn_error *err)
{
    if (kn_posting_text(posting, "media"))
        return kn_instagram_read_back(posting, err);
    if (!kn_posting_text(posting, "container"))
        return begin(posting, err);
    return kn_instagram_look(posting, err);
}

/* ---- what it takes ---- */

static const struct kn_media_rules media = {
    .bytes_max = 300000000,
    .duration_min_us = 3 * KN_US_PER_S,
    .duration_max_us = 900 * KN_US_PER_S,
    .width_max_px = 1920,
    .aspect_min = 0.01,
    .aspect_max = 10,
    .fps_min = 23,
    .fps_max = 60,
    .containers = (const char *const[]){"mp4", "mov", NULL},
    .video_codecs = (const char *const[]){"h264", "hevc", NULL},
    .audio_codecs = (const char *const[]){"aac", NULL},
    .audio_rate_max = 48000,
    .audio_channels_max = 2,
    .video_bits_a_second_max = 25000000,
    .index_first = true,
    .no_edit_lists = true,
    .source = "https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/"
              "reference/ig-user/media",
    .date = "2026-09-11",
};

static const struct kn_quota quotas[] = {
    {.kind = "posts",
     .limit = 50,
     .span_us = 24 * 3600 * KN_US_PER_S,
     .source = "content_publishing_limit, 2026-09-11: 50 in its reference, 100 in the guide"},
    {.kind = "containers",
     .limit = 400,
     .span_us = 24 * 3600 * KN_US_PER_S,
     .source = "IG User Media, 2026-09-11"},
};

const struct kn_platform kn_platform_instagram = {
    .name = "instagram",
    .label = "Instagram",
    .summary = "reels of a professional account that is connected by Facebook Login",
    .shown_as = "reels",
    .shown_at = "in Instagram's app",
    .caption = {.name = "caption",
                .max = 2200,
                .unit = KN_UNIT_UTF16, /* "characters": the strictest reading */
                .hashtags_max = 30,
                .mentions_max = 20,
                .usual = "{hook|title}\n\n{description}\n\n{hashtags}"},
    .media = &media,
    .oauth = &kn_oauth_instagram_page,
    .quotas = quotas,
    /* Buffer's study of 9.6 million posts, 2026: 9:00, 12:00 and 18:00; told of at
     * posttempo.com/blog/best-time-to-post-on-instagram-2026. */
    .best_times = "09:00,12:00,18:00",
    .quota_count = KN_COUNT_OF(quotas),
    .advance = advance,
};
