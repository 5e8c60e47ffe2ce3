/*
 * Segments ("Append media upload"): multipart/form-data or JSON, in any order; one that comes again
 * replaces what was there. A body is held until it is whole, then its file's part is stored.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/x.h"
#include "sandbox/platforms/x_form.h"

enum { AROUND_BYTES = 64 << 10 };

struct appending {
    struct kn_xapi_media *media;
    struct kn_upload *piece;
    struct kn_str body;
    size_t most; /* bytes of the body */
    bool json;
    struct kn_xapi_form form; /* what the body says, also of JSON */
};

/* ---- the head ---- */

static bool is_open(struct kn_mimic_visit *visit, const struct kn_xapi_media *media)
{
    if (media->finishing || media->finalized)
        kn_xapi_invalid(visit, "id", media->id, "The media upload is finalized already.");
    return !visit->decided;
}

static enum kn_take take(struct kn_mimic_visit *visit, const void *data, size_t size)
{
    struct appending *appending = visit->own;
    if (appending->body.length + size > appending->most) {
        visit->over = true;
        return KN_TAKE_ENOUGH;
    }
    kn_str_add_bytes(&appending->body, data, size);
    return KN_TAKE_MORE;
}

void kn_xapi_append_begin(struct kn_mimic_visit *visit)
{
    const char *type = kn_mimic_head(visit->exchange, "content-type");
    struct kn_xapi_media *media = kn_xapi_find(visit, visit->wild[0]);
    struct appending *appending = kn_arena_alloc(visit->arena, sizeof *appending);
    if (media && visit->fault.kind == KN_FAULT_EXPIRED)
        media->until_us = visit->now_us;
    if (!media || visit->fault.kind == KN_FAULT_EXPIRED) {
        kn_xapi_missing(visit, "media", visit->wild[0]);
        return;
    }
    bool json = type && strncasecmp(type, "application/json", 16) == 0;
    if (!is_open(visit, media))
        return;
    if (!json && !kn_xapi_form_begin(&appending->form, type)) {
        kn_xapi_invalid(visit, NULL, NULL,
                        "A segment comes as multipart/form-data with a boundary, or as "
                        "application/json.");
        return;
    }
    appending->json = json;
    appending->most = (json ? KN_XAPI_SEGMENT_HARD_BYTES / 3 * 4 : KN_XAPI_SEGMENT_HARD_BYTES) +
                      (size_t)AROUND_BYTES;
    if (kn_mimic_length(visit->exchange) > (int64_t)appending->most) {
        visit->mimic->refuse(visit, KN_REFUSE_TOO_LARGE);
        return;
    }
    appending->media = media;
    appending->piece = kn_spool_add(&visit->m->spool);
    visit->own = appending;
    visit->take = take;
    kn_mimic_stream(visit, appending->piece, KN_XAPI_SEGMENT_HARD_BYTES);
}

/* ---- the body ---- */

/* False: the answer is made. */
static bool read_json(struct kn_mimic_visit *visit, struct appending *appending)
{
    static const struct kn_xapi_field fields[] = {
        {.name = "segment_index", .type = KN_XAPI_TEXT, .required = true},
        {.name = "media", .type = KN_XAPI_TEXT, .required = true},
        {0},
    };
    KN_SCOPED_JSON json =
        json_loadb(appending->body.at, appending->body.length, JSON_REJECT_DUPLICATES, NULL);
    json_t *index = json_object_get(json, "segment_index");
    if (json_is_integer(index)) /* either is documented */
        json_object_set_new(json, "segment_index",
                            json_sprintf("%lld", (long long)json_integer_value(index)));
    if (!json_is_object(json)) {
        kn_xapi_invalid(visit, NULL, NULL, "The body is no JSON object.");
        return false;
    }
    if (!kn_xapi_fits(visit, json, fields))
        return false;
    const char *text = json_string_value(json_object_get(json, "media"));
    size_t room = strlen(text) / 4 * 3 + 3;
    unsigned char *data = kn_arena_alloc(visit->arena, room);
    if (sodium_base642bin(data, room, text, strlen(text), NULL, &appending->form.size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        kn_xapi_invalid(visit, "$.media", NULL, "$.media: is no base64");
        return false;
    }
    appending->form.index =
        kn_arena_strdup(visit->arena, json_string_value(json_object_get(json, "segment_index")));
    appending->form.data = data;
    return true;
}

static bool read_body(struct kn_mimic_visit *visit, struct appending *appending)
{
    if (appending->json)
        return read_json(visit, appending);
    const char *why = kn_xapi_form_read(&appending->form, kn_str_text(&appending->body),
                                        appending->body.length, visit->arena);
    if (why)
        kn_xapi_invalid(visit, NULL, NULL, "%s", why);
    return !why;
}

/* ---- the segment ---- */

static bool judge(struct kn_mimic_visit *visit, const struct appending *appending, int *ret_index)
{
    long long index;
    int64_t most = (int64_t)visit->m->settings[KN_MIMIC_X_SEGMENT];
    if (!appending->form.index ||
        !kn_parse_int(appending->form.index, 0, KN_XAPI_SEGMENTS_MAX - 1, &index))
        kn_xapi_invalid(visit, "segment_index", appending->form.index,
                        "segment_index: must be from 0 to %d", KN_XAPI_SEGMENTS_MAX - 1);
    else if (!appending->form.size)
        kn_xapi_invalid(visit, "media", NULL, "media: is missing or empty");
    else if (appending->form.size > KN_XAPI_SEGMENT_HARD_BYTES)
        visit->mimic->refuse(visit, KN_REFUSE_TOO_LARGE);
    else if ((int64_t)appending->form.size > most)
        kn_xapi_invalid(visit, "media", NULL, "media: a segment has at most %lld bytes",
                        (long long)most);
    else
        *ret_index = (int)index;
    return !visit->decided;
}

static void keep(struct kn_mimic_visit *visit, struct kn_xapi_media *media, int index,
                 struct kn_upload *piece)
{
    while (media->segments.count <= index)
        kn_vec_push(&media->segments, NULL);
    if (media->segments.at[index])
        kn_upload_discard(media->segments.at[index]);
    media->segments.at[index] = piece;
    kn_mimic_json(
        visit, 200,
        json_pack("{s:{s:I}}", "data", "expires_at", (json_int_t)(media->until_us / KN_US_PER_S)));
}

void kn_xapi_append_run(struct kn_mimic_visit *visit)
{
    struct appending *appending = visit->own;
    struct kn_xapi_media *media = appending->media;
    int index = 0;
    if (visit->over)
        visit->mimic->refuse(visit, KN_REFUSE_TOO_LARGE);
    else if (visit->now_us >= media->until_us)
        kn_xapi_missing(visit, "media", media->id);
    else if (is_open(visit, media) && read_body(visit, appending) &&
             judge(visit, appending, &index)) {
        if (kn_mimic_store(visit, appending->form.data, appending->form.size) == KN_TAKE_MORE)
            keep(visit, media, index, appending->piece);
        else
            visit->mimic->refuse(visit, KN_REFUSE_SERVER);
    }
    if (visit->reply->status != 200)
        kn_upload_discard(appending->piece);
    kn_str_free(&appending->body);
}

void kn_xapi_append_gone(struct kn_mimic_visit *visit)
{
    struct appending *appending = visit->own;
    if (!appending)
        return;
    kn_upload_discard(appending->piece);
    kn_str_free(&appending->body);
}
