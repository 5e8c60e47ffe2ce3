/* Posts and drafts are opened: what is said about them is judged before any byte comes ("Direct
 * Post", "Upload" and "Media Transfer Guide", 2026-09-11). */
#include <string.h>

#include "base/clock.h"
#include "sandbox/platforms/hosted.h"
#include "sandbox/platforms/tiktok.h"
#include "sandbox/platforms/words.h"

/* "MB" is left open. The least is what is seen to pass, the most is decimal; one that is binary
 * passes with a remark in the ledger, as it is seen to. */
enum {
    CHUNK_LEAST = 5 << 20,
    CHUNK_MOST = 64000000,
    CHUNK_REMARKED = 64 << 20,
    CHUNKS_MOST = 1000,
    TITLE_UNITS = 2200,
    URL_HOURS = 1,
};
#define SIZE_MOST INT64_C(4000000000)

const char *const *kn_tt_levels(const struct kn_mimics *m)
{
    static const char *const open[] = {"PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY",
                                       NULL};
    static const char *const closed[] = {"FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS",
                                         "SELF_ONLY", NULL};
    return m->settings[KN_MIMIC_TIKTOK_PRIVATE] > 0 ? closed : open;
}

/* ---- fields ---- */

enum type { TEXT, TRUTH, WHOLE };
struct field {
    const char *name;
    enum type type;
    bool required;
    int64_t most; /* of WHOLE, which is at least 0 */
};

static bool value_fits(const struct field *field, const json_t *value)
{
    switch (field->type) {
    case TEXT:
        return json_is_string(value);
    case TRUTH:
        return json_is_boolean(value);
    case WHOLE:
        break;
    }
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= field->most;
}

static bool complain(struct kn_mimic_visit *visit, const char *name, const char *what)
{
    kn_tt_fail(visit, "invalid_param", kn_arena_printf(visit->arena, "%.40s %s", name, what));
    return false;
}

/* Each field is known and of its type; those that have to be there are. */
static bool judge_fields(struct kn_mimic_visit *visit, const json_t *object,
                         const struct field *fields, size_t count)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(fields[i].name, name) != 0)
            i++;
        if (i == count)
            return complain(visit, name, "is unknown.");
        if (!value_fits(&fields[i], value))
            return complain(visit, name, "has an invalid value.");
    }
    for (size_t i = 0; i < count; i++)
        if (fields[i].required && !json_object_get(object, fields[i].name))
            return complain(visit, fields[i].name, "is missing.");
    return true;
}

static bool judge_parts(struct kn_mimic_visit *visit, const json_t *body, bool inbox)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)body, name, value)
    {
        bool known = strcmp(name, "source_info") == 0 || (!inbox && strcmp(name, "post_info") == 0);
        if (!known || !json_is_object(value))
            return complain(visit, name, known ? "has to be an object." : "is unknown.");
    }
    if (!json_object_get(body, "source_info"))
        return complain(visit, "source_info", "is missing.");
    if (!inbox && !json_object_get(body, "post_info"))
        return complain(visit, "post_info", "is missing.");
    return true;
}

/* ---- what is said about the post ---- */

static bool is_level(const struct kn_mimics *m, const char *privacy)
{
    for (const char *const *at = kn_tt_levels(m); *at; at++)
        if (strcmp(*at, privacy) == 0)
            return true;
    return false;
}

static bool judge_post(struct kn_mimic_visit *visit, const json_t *info)
{
    static const struct field fields[] = {
        {.name = "privacy_level", .type = TEXT, .required = true},
        {.name = "title", .type = TEXT},
        {.name = "disable_duet", .type = TRUTH},
        {.name = "disable_comment", .type = TRUTH},
        {.name = "disable_stitch", .type = TRUTH},
        {.name = "video_cover_timestamp_ms", .type = WHOLE, .most = INT32_MAX},
        {.name = "brand_content_toggle", .type = TRUTH, .required = true},
        {.name = "brand_organic_toggle", .type = TRUTH},
        {.name = "is_aigc", .type = TRUTH},
    };
    if (!judge_fields(visit, info, fields, KN_COUNT_OF(fields)))
        return false;
    const char *title = json_string_value(json_object_get(info, "title"));
    const char *privacy = json_string_value(json_object_get(info, "privacy_level"));
    bool alone = strcmp(privacy, "SELF_ONLY") == 0;
    if (title && kn_utf16_units(title) > TITLE_UNITS)
        return complain(visit, "title", "has more than 2200 UTF-16 code units.");
    if (!is_level(visit->m, privacy)) {
        kn_tt_fail(visit, "privacy_level_option_mismatch", NULL);
        return false;
    }
    if (alone && json_is_true(json_object_get(info, "brand_content_toggle")))
        return complain(visit, "brand_content_toggle", "cannot be set with SELF_ONLY.");
    if (visit->m->settings[KN_MIMIC_UNAUDITED] > 0 &&
        (!alone || visit->m->settings[KN_MIMIC_TIKTOK_PRIVATE] == 0)) {
        kn_tt_fail(visit, "unaudited_client_can_only_post_to_private_accounts", NULL);
        return false;
    }
    return true;
}

/* ---- what is said about the file ---- */

/* NULL: the plan is one that TikTok takes. The rest of the division goes into the last chunk. */
static const char *judge_plan(int64_t size, int64_t chunk, int64_t chunks)
{
    if (size < 1 || size > SIZE_MOST)
        return "The video size is invalid";
    if (chunk < 1 || chunk > CHUNK_REMARKED || (size >= CHUNK_LEAST && chunk < CHUNK_LEAST) ||
        chunk > size)
        return "The chunk size is invalid";
    if (size < CHUNK_LEAST && chunk != size)
        return "The chunk size is invalid";
    if (chunks != size / chunk || chunks > CHUNKS_MOST)
        return "The total chunk count is invalid";
    return chunks == 1 && chunk != size ? "The chunk size is invalid" : NULL;
}

static bool judge_upload(struct kn_mimic_visit *visit, const json_t *info, struct kn_tt_post *post)
{
    static const struct field fields[] = {
        {.name = "source", .type = TEXT, .required = true},
        {.name = "video_size", .type = WHOLE, .required = true, .most = INT64_MAX},
        {.name = "chunk_size", .type = WHOLE, .required = true, .most = INT64_MAX},
        {.name = "total_chunk_count", .type = WHOLE, .required = true, .most = INT64_MAX},
    };
    if (!judge_fields(visit, info, fields, KN_COUNT_OF(fields)))
        return false;
    post->size = json_integer_value(json_object_get(info, "video_size"));
    post->chunk = json_integer_value(json_object_get(info, "chunk_size"));
    post->chunks = json_integer_value(json_object_get(info, "total_chunk_count"));
    const char *why = judge_plan(post->size, post->chunk, post->chunks);
    if (why)
        kn_tt_fail(visit, "invalid_params", why);
    else if (post->chunk > CHUNK_MOST)
        kn_mimic_reason(visit, "chunk over 64 MB: risky");
    return !why;
}

static bool judge_url(struct kn_mimic_visit *visit, const json_t *info, struct kn_tt_post *post)
{
    static const struct field fields[] = {
        {.name = "source", .type = TEXT, .required = true},
        {.name = "video_url", .type = TEXT, .required = true},
    };
    if (!judge_fields(visit, info, fields, KN_COUNT_OF(fields)))
        return false;
    const char *url = json_string_value(json_object_get(info, "video_url"));
    if (!kn_hosted_is_ours(visit, url)) {
        if (strncmp(url, "https://", 8) != 0)
            return complain(visit, "video_url", "has to begin with https://.");
        kn_tt_fail(visit, "url_ownership_unverified", NULL);
        return false;
    }
    post->pulled = true;
    post->upload = kn_hosted_find(visit, url);
    return true;
}

static bool judge_source(struct kn_mimic_visit *visit, const json_t *info, struct kn_tt_post *post)
{
    const char *source = json_string_value(json_object_get(info, "source"));
    if (source && strcmp(source, "FILE_UPLOAD") == 0)
        return judge_upload(visit, info, post);
    if (source && strcmp(source, "PULL_FROM_URL") == 0)
        return judge_url(visit, info, post);
    return complain(visit, "source", "has to be FILE_UPLOAD or PULL_FROM_URL.");
}

/* ---- init ---- */

static const char *fail_reason(const struct kn_mimics *m)
{
    static const char *const reasons[] = {
        "internal",
        "file_format_check_failed",
        "duration_check_failed",
        "frame_rate_check_failed",
        "picture_size_check_failed",
        "video_pull_failed",
        "publish_cancelled",
        "auth_removed",
        "spam_risk_too_many_posts",
        "spam_risk_user_banned_from_posting",
        "spam_risk_text",
        "spam_risk",
    };
    return reasons[(int)m->settings[KN_MIMIC_TIKTOK_FAIL_REASON]];
}

static void open_post(struct kn_mimic_visit *visit, const struct kn_tt_post *judged,
                      const json_t *info)
{
    struct kn_mimics *m = visit->m;
    struct kn_tt_state *state = visit->state;
    struct kn_tt_post *post = kn_arena_copy(m->arena, judged, sizeof *judged);
    post->grant = visit->who.grant;
    post->made_us = visit->now_us;
    post->id = kn_arena_printf(m->arena, "%s_%s.%s", post->inbox ? "v_inbox" : "v_pub",
                               post->pulled ? "url~v2" : "file~v2-1",
                               kn_mimics_make_id(m, KN_MIMIC_DIGITS, 19));
    post->title = kn_arena_strdup(m->arena, json_string_value(json_object_get(info, "title")));
    post->privacy =
        kn_arena_strdup(m->arena, json_string_value(json_object_get(info, "privacy_level")));
    post->processing_s = m->settings[KN_MIMIC_PROCESSING_S];
    if (visit->fault.kind == KN_FAULT_SLOW_PROCESSING)
        post->processing_s = visit->fault.seconds ? visit->fault.seconds : 600;
    if (visit->fault.kind == KN_FAULT_BAD_PROCESSING)
        post->will_fail = fail_reason(m);
    kn_vec_push(&state->posts, post);
    json_t *data = json_pack("{s:s}", "publish_id", post->id);
    if (post->pulled) {
        kn_tt_process(m, post, visit->now_us);
    } else {
        post->upload = kn_spool_add(&m->spool);
        post->until_us = visit->now_us + INT64_C(3600) * URL_HOURS * KN_US_PER_S;
        post->upload_id = kn_mimics_make_id(m, KN_MIMIC_DIGITS, 19);
        post->upload_token = kn_mimics_make_id(m, KN_MIMIC_BASE64, 36);
        json_object_set_new(data, "upload_url",
                            json_sprintf("%s/video/?upload_id=%s&upload_token=%s",
                                         kn_mimic_base(visit), post->upload_id,
                                         post->upload_token));
    }
    kn_tt_answer(visit, data);
}

void kn_tt_init(struct kn_mimic_visit *visit)
{
    struct kn_tt_post post = {.inbox = strstr(visit->exchange->path, "/inbox/") != NULL};
    if (!kn_tt_admit(visit, post.inbox ? KN_TT_INBOX : KN_TT_DIRECT))
        return;
    const json_t *body = kn_tt_body(visit, false);
    if (!body || !judge_parts(visit, body, post.inbox))
        return;
    const json_t *info = json_object_get(body, "post_info");
    if ((info && !judge_post(visit, info)) ||
        !judge_source(visit, json_object_get(body, "source_info"), &post))
        return;
    const char *capped = kn_tt_capped(visit, post.inbox);
    if (capped)
        kn_tt_fail(visit, capped, NULL);
    else
        open_post(visit, &post, info);
}
