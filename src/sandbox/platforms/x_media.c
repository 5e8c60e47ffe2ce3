/* Uploads ("Chunked media upload"): opened, put together, processed. Segments: x_append.c. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/x.h"

enum { LOOK_AGAIN_MOST_S = 5, SLOW_S = 600 };

static const char *const types[] = {
    "video/mp4",  "video/webm",        "video/mp2t",         "video/quicktime",
    "text/srt",   "text/vtt",          "image/jpeg",         "image/gif",
    "image/bmp",  "image/png",         "image/webp",         "image/pjpeg",
    "image/tiff", "model/gltf-binary", "model/vnd.usdz+zip", NULL,
};

/* Sizes: "Media best practices", 2026-09-01, taken for decimal. The numbers before a media key: 7
 * and 16 are seen, 13 is documented. */
static const struct {
    const char *name;
    enum kn_xapi_kind kind;
    int prefix;
    int64_t most;
} categories[] = {
    {"tweet_video", KN_XAPI_VIDEO, 7, 8000000000}, {"amplify_video", KN_XAPI_VIDEO, 13, 8000000000},
    {"dm_video", KN_XAPI_VIDEO, 7, 8000000000},    {"tweet_gif", KN_XAPI_GIF, 16, 15000000},
    {"dm_gif", KN_XAPI_GIF, 16, 15000000},         {"tweet_image", KN_XAPI_IMAGE, 3, 5000000},
    {"dm_image", KN_XAPI_IMAGE, 3, 5000000},       {"subtitles", KN_XAPI_CAPTIONS, 24, 1000000},
};
static const char *const category_names[] = {
    "tweet_video", "amplify_video", "dm_video",  "tweet_gif", "dm_gif",
    "tweet_image", "dm_image",      "subtitles", NULL,
};

/* ---- initialize ---- */

static bool kind_of_type(const char *type, enum kn_xapi_kind *ret_kind)
{
    if (kn_starts_with(type, "model/"))
        return false;
    *ret_kind = kn_starts_with(type, "video/")   ? KN_XAPI_VIDEO
                : kn_starts_with(type, "text/")  ? KN_XAPI_CAPTIONS
                : strcmp(type, "image/gif") == 0 ? KN_XAPI_GIF
                                                 : KN_XAPI_IMAGE;
    return true;
}

/* The one that is named, or the first of the type's kind; -1: the answer is made. */
static int find_category(struct kn_mimic_visit *visit, const char *name, const char *type)
{
    enum kn_xapi_kind kind;
    bool known = kind_of_type(type, &kind);
    for (size_t i = 0; known && i < KN_COUNT_OF(categories); i++)
        if (categories[i].kind == kind && (!name || strcmp(categories[i].name, name) == 0))
            return (int)i;
    kn_xapi_invalid(visit, "$.media_category", name,
                    "$.media_category: does not go with a media_type of %s", type);
    return -1;
}

static json_int_t seconds_left(const struct kn_mimic_visit *visit,
                               const struct kn_xapi_media *media)
{
    return (json_int_t)((media->until_us - visit->now_us) / KN_US_PER_S);
}

static void open_media(struct kn_mimic_visit *visit, int category, const char *type, int64_t total)
{
    struct kn_mimics *m = visit->m;
    struct kn_xapi_state *state = visit->state;
    struct kn_xapi_media *media = kn_arena_alloc(m->arena, sizeof *media);
    media->id = kn_xapi_make_id(m);
    media->key = kn_arena_printf(m->arena, "%d_%s", categories[category].prefix, media->id);
    media->account = visit->who.account;
    media->kind = categories[category].kind;
    media->category = categories[category].name;
    media->type = kn_arena_strdup(m->arena, type);
    media->total = total;
    media->until_us = visit->now_us + (int64_t)(m->settings[KN_MIMIC_X_EXPIRES] * 1e6);
    kn_vec_push(&state->media, media);
    kn_mimic_json(visit, 200,
                  json_pack("{s:{s:s, s:s, s:I}}", "data", "id", media->id, "media_key", media->key,
                            "expires_after_secs", seconds_left(visit, media)));
}

void kn_xapi_initialize(struct kn_mimic_visit *visit)
{
    static const struct kn_xapi_field owner = {.name = "id", .type = KN_XAPI_ID};
    static const struct kn_xapi_field fields[] = {
        {.name = "media_type", .type = KN_XAPI_TEXT, .required = true, .among = types},
        {.name = "total_bytes", .type = KN_XAPI_INTEGER, .required = true, .most = 17179869184},
        {.name = "media_category", .type = KN_XAPI_TEXT, .among = category_names},
        {.name = "shared", .type = KN_XAPI_BOOL},
        {.name = "additional_owners", .type = KN_XAPI_LIST, .inner = &owner},
        {0},
    };
    const json_t *body = kn_xapi_body(visit, fields);
    if (!body)
        return;
    const char *type = json_string_value(json_object_get(body, "media_type"));
    int64_t total = json_integer_value(json_object_get(body, "total_bytes"));
    int category =
        find_category(visit, json_string_value(json_object_get(body, "media_category")), type);
    if (category < 0)
        return;
    if (total > categories[category].most)
        kn_xapi_invalid(visit, "$.total_bytes", NULL,
                        "$.total_bytes: a file of %s has at most %" PRId64 " bytes",
                        categories[category].name, categories[category].most);
    else
        open_media(visit, category, type, total);
}

/* ---- what others ask ---- */

struct kn_xapi_media *kn_xapi_find(const struct kn_mimic_visit *visit, const char *id)
{
    const struct kn_xapi_state *state = visit->state;
    for (int i = state->media.count - 1; i >= 0; i--) {
        struct kn_xapi_media *media = state->media.at[i];
        if (strcmp(media->id, id) == 0)
            return media->account == visit->who.account && visit->now_us < media->until_us ? media
                                                                                           : NULL;
    }
    return NULL;
}

bool kn_xapi_is_ready(const struct kn_mimic_visit *visit, const struct kn_xapi_media *media)
{
    return media->finalized && !media->code && visit->now_us >= media->processed_us;
}

/* What still comes in finds it expired. */
void kn_xapi_media_free(struct kn_xapi_media *media)
{
    media->until_us = 0;
    kn_vec_free(&media->segments);
    kn_vec_free(&media->subtitles);
}

/* ---- processing, as it is told ---- */

static json_t *processing_json(const struct kn_mimic_visit *visit, struct kn_xapi_media *media)
{
    int64_t all_us = KN_MAX(media->processed_us - media->finalized_us, 1);
    int64_t left_us = media->processed_us - visit->now_us;
    if (left_us <= 0 && media->code)
        return json_pack("{s:s, s:i, s:{s:i, s:s, s:s}}", "state", "failed", "progress_percent",
                         100, "error", "code", media->code, "name", media->failure, "message",
                         media->message);
    if (left_us <= 0)
        return json_pack("{s:s, s:i}", "state", "succeeded", "progress_percent", 100);
    int after_s = (int)KN_CLAMP((left_us + KN_US_PER_S - 1) / KN_US_PER_S, 1, LOOK_AGAIN_MOST_S);
    media->next_look_us = visit->now_us + after_s * KN_US_PER_S;
    json_t *json = json_pack("{s:s, s:i}", "state", left_us == all_us ? "pending" : "in_progress",
                             "check_after_secs", after_s);
    if (left_us < all_us)
        json_object_set_new(json, "progress_percent",
                            json_integer((all_us - left_us) * 100 / all_us));
    return json;
}

static void answer_state(struct kn_mimic_visit *visit, struct kn_xapi_media *media)
{
    json_t *data = json_pack("{s:s, s:s, s:I}", "id", media->id, "media_key", media->key,
                             "expires_after_secs", seconds_left(visit, media));
    if (media->finalized)
        json_object_set_new(data, "size", json_integer(media->total));
    if (media->finalized && (media->kind == KN_XAPI_VIDEO || media->kind == KN_XAPI_GIF))
        json_object_set_new(data, "processing_info", processing_json(visit, media));
    kn_mimic_json(visit, 200, json_pack("{s:o}", "data", data));
}

void kn_xapi_status(struct kn_mimic_visit *visit)
{
    static const char *const known[] = {"command", "media_id", NULL};
    const char *command = kn_mimic_query(visit->exchange, "command");
    const char *id = kn_mimic_query(visit->exchange, "media_id");
    if (!kn_xapi_query_fits(visit, known))
        return;
    if (!command || strcmp(command, "STATUS") != 0 || !id) {
        kn_xapi_invalid(visit, id ? "command" : "media_id", command,
                        "The query has to be command=STATUS and a media_id.");
        return;
    }
    struct kn_xapi_media *media = kn_xapi_find(visit, id);
    if (!media) {
        kn_xapi_missing(visit, "media", id);
        return;
    }
    if (visit->now_us < media->next_look_us)
        kn_mimic_warn(visit, "polled early");
    answer_state(visit, media);
}

/* ---- finalize ---- */

/* The segments in their order, in the request's arena; NULL: they are not all there, or not as long
 * as it was said. */
static struct kn_upload **all_segments(const struct kn_mimic_visit *visit,
                                       const struct kn_xapi_media *media)
{
    int64_t sum = 0;
    for (int i = 0; i < media->segments.count; i++) {
        if (!media->segments.at[i])
            return NULL;
        sum += kn_upload_stored(media->segments.at[i]);
    }
    if (sum != media->total || !sum)
        return NULL;
    return kn_arena_copy(visit->arena, media->segments.at,
                         (size_t)media->segments.count * sizeof *media->segments.at);
}

/* Others go on meanwhile; a reset leaves what is in the arena, and no files. */
static bool put_together(struct kn_mimic_visit *visit, struct kn_xapi_media *media,
                         struct kn_upload **segments)
{
    int count = media->segments.count;
    struct kn_upload *whole = kn_spool_add(&visit->m->spool);
    bool fine = true;
    media->finishing = true;
    kn_mimics_leave(visit->m);
    for (int i = 0; i < count && fine; i++) {
        fine = kn_upload_join(whole, segments[i]);
        kn_upload_discard(segments[i]);
    }
    if (fine)
        kn_upload_finish(whole);
    kn_mimics_enter(visit->m);
    media->finishing = false;
    media->upload = whole;
    kn_vec_clear(&media->segments);
    visit->now_us = kn_mimics_now_us(visit->m);
    return fine && visit->now_us < media->until_us;
}

static void begin_processing(struct kn_mimic_visit *visit, struct kn_xapi_media *media)
{
    bool processes = media->kind == KN_XAPI_VIDEO || media->kind == KN_XAPI_GIF;
    double seconds = processes ? visit->m->settings[KN_MIMIC_PROCESSING_S] : 0;
    if (processes && visit->fault.kind == KN_FAULT_SLOW_PROCESSING)
        seconds = visit->fault.seconds ? visit->fault.seconds : SLOW_S;
    media->finalized = true;
    media->finalized_us = visit->now_us;
    media->processed_us = visit->now_us + (int64_t)(seconds * 1e6);
    if (processes)
        kn_xapi_judge(media, visit->fault.kind == KN_FAULT_BAD_PROCESSING);
}

static bool body_is_empty(struct kn_mimic_visit *visit)
{
    const json_t *body = kn_mimic_body(visit);
    bool empty = visit->exchange->body_size == 0 || (body && json_object_size(body) == 0);
    if (!empty)
        kn_xapi_invalid(visit, NULL, NULL, "Finalize takes no body, or an empty object.");
    return empty;
}

void kn_xapi_finalize(struct kn_mimic_visit *visit)
{
    struct kn_xapi_media *media = kn_xapi_find(visit, visit->wild[0]);
    if (!media) {
        kn_xapi_missing(visit, "media", visit->wild[0]);
        return;
    }
    if (!body_is_empty(visit))
        return;
    if (media->finishing || media->finalized) {
        kn_xapi_invalid(visit, "id", media->id, "The media upload is finalized already.");
        return;
    }
    struct kn_upload **segments = all_segments(visit, media);
    if (!segments) {
        kn_xapi_invalid(visit, "id", media->id,
                        "Segments do not add up to provided total file size.");
        return;
    }
    if (!put_together(visit, media, segments)) {
        media->until_us = 0;
        visit->mimic->refuse(visit, KN_REFUSE_SERVER);
        return;
    }
    const char *why = kn_xapi_judge_small(media);
    if (why) {
        media->until_us = 0;
        kn_xapi_invalid(visit, "id", media->id, "%s", why);
        return;
    }
    begin_processing(visit, media);
    answer_state(visit, media);
}
