/* What can be read: containers, published media, accounts; the fields that are asked for, and the
 * id. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "sandbox/platforms/instagram.h"

enum { PAGE = 25, PAGE_MOST = 100, PAGE_TOKEN_S = 5184000 };

/* ---- fields ---- */

/* The field's value; JSON's null: it has none; NULL: there is no such field. Returns owned. */
typedef json_t *tell_field(struct kn_mimic_visit *visit, const void *node, const char *name);

/* NULL: a field is unknown, the answer is made. Returns owned. */
static json_t *tell(struct kn_mimic_visit *visit, const void *node, tell_field *field,
                    const char *fields)
{
    json_t *json = json_object();
    for (const char *at = fields; *at; at += *at == ',') {
        size_t size = strcspn(at, ",");
        const char *name = kn_arena_strndup(visit->arena, at, size);
        json_t *value = field(visit, node, name);
        if (!value) {
            json_decref(json);
            kn_ig_fail(visit, 100, 0,
                       kn_arena_printf(visit->arena,
                                       "(#100) Tried accessing nonexisting field (%s)", name));
            return NULL;
        }
        if (json_is_null(value))
            json_decref(value);
        else
            json_object_set_new(json, name, value);
        at += size;
    }
    return json;
}

static void answer(struct kn_mimic_visit *visit, const void *node, tell_field *field,
                   const char *fields)
{
    json_t *json = tell(visit, node, field, fields);
    if (!json)
        return;
    json_object_set_new(json, "id", field(visit, node, "id"));
    kn_mimic_json(visit, 200, json);
}

static const char *fields_or(struct kn_mimic_visit *visit, const char *usual)
{
    const char *fields = kn_ig_param(visit, "fields");
    return fields ? fields : usual;
}

/* ---- containers ---- */

static json_t *status_text(const struct kn_ig_container *container, const char *code)
{
    static const char *const texts[][2] = {
        {"IN_PROGRESS", "In Progress: Media is still being processed."},
        {"FINISHED", "Finished: Media has been uploaded and it is ready to be published."},
        {"PUBLISHED", "Published: Media has been successfully published."},
        {"EXPIRED", "Expired: Media was not published within 24 hours and has expired."},
    };
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++)
        if (strcmp(texts[i][0], code) == 0)
            return json_string(texts[i][1]);
    return json_sprintf("Error: Media upload has failed with error code %d", container->subcode);
}

static json_t *video_status(const struct kn_ig_container *container)
{
    int64_t stored = kn_upload_stored(container->upload);
    return json_pack("{s:{s:s, s:I}, s:{s:s}}", "uploading_phase", "status",
                     container->whole ? "complete"
                     : stored         ? "in_progress"
                                      : "not_started",
                     "bytes_transferred", (json_int_t)stored, "processing_phase", "status",
                     container->settled ? container->subcode ? "error" : "complete"
                     : container->whole ? "in_progress"
                                        : "not_started");
}

static json_t *tell_container(struct kn_mimic_visit *visit, const void *node, const char *name)
{
    const struct kn_ig_container *container = node;
    const char *code = kn_ig_status_code(container, visit->now_us);
    if (strcmp(name, "id") == 0)
        return json_string(container->id);
    if (strcmp(name, "status_code") == 0)
        return json_string(code);
    if (strcmp(name, "status") == 0)
        return status_text(container, code);
    if (strcmp(name, "video_status") == 0)
        return container->resumable ? video_status(container) : json_null();
    if (strcmp(name, "copyright_check_status") == 0)
        return json_pack("{s:s, s:b}", "status", container->settled ? "completed" : "in_progress",
                         "matches_found", false);
    return NULL;
}

/* ---- published media ---- */

/* "2026-11-25T14:08:50+0000" */
static json_t *graph_time(int64_t us)
{
    char text[KN_TIME_TEXT_BYTES];
    return json_sprintf("%.19s+0000", kn_time_iso(us, text));
}

static json_t *tell_media(struct kn_mimic_visit *visit, const void *node, const char *name)
{
    const struct kn_ig_media *media = node;
    const struct kn_ig_container *container = media->container;
    const struct kn_upload *file =
        strcmp(name, "thumbnail_url") == 0 ? container->cover : container->upload;
    const char *place = kn_arena_printf(visit->arena, "%s/sandbox/media/%d", kn_mimic_base(visit),
                                        file ? file->number : 0);
    const char *account = visit->m->accounts[container->account];
    const struct {
        const char *name, *text; /* text NULL: it has none */
    } texts[] = {
        {"id", media->id},
        {"caption", container->caption},
        {"media_type", "VIDEO"},
        {"media_product_type", container->story ? "STORY" : "REELS"},
        {"permalink", media->post->url},
        {"shortcode", media->shortcode},
        {"username", account},
        {"media_url", place},
        {"thumbnail_url", file ? place : NULL},
    };
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++)
        if (strcmp(texts[i].name, name) == 0)
            return kn_json_text(texts[i].text);
    if (strcmp(name, "timestamp") == 0)
        return graph_time(media->at_us);
    if (strcmp(name, "is_shared_to_feed") == 0)
        return json_boolean(container->to_feed);
    if (strcmp(name, "like_count") == 0 || strcmp(name, "comments_count") == 0)
        return json_integer(0);
    return NULL;
}

static const struct kn_ig_media *find_media(const struct kn_mimic_visit *visit, const char *id)
{
    const struct kn_ig_state *state = visit->state;
    for (int i = state->media.count - 1; i >= 0; i--)
        if (strcmp(state->media.at[i]->id, id) == 0)
            return state->media.at[i];
    return NULL;
}

/* Cursors are places in the list of all media, so that what is new does not move a page. */
static json_t *paging(struct kn_mimic_visit *visit, int first, int last, bool more, int limit,
                      const char *fields)
{
    char before[16], after[16];
    snprintf(before, sizeof before, "%d", first);
    snprintf(after, sizeof after, "%d", last);
    json_t *json = json_pack("{s:{s:s, s:s}}", "cursors", "before", before, "after", after);
    if (more)
        json_object_set_new(json, "next",
                            json_sprintf("%s%s?fields=%s&limit=%d&after=%s&access_token=%s",
                                         kn_mimic_base(visit), visit->exchange->path, fields, limit,
                                         after, visit->who.token->text));
    return json;
}

/* Newest first. */
void kn_ig_media_list(struct kn_mimic_visit *visit)
{
    const struct kn_ig_state *state = visit->state;
    if (!kn_ig_enter(visit, KN_IG_MAY_READ) || !kn_ig_is_own(visit))
        return;
    const char *fields = fields_or(visit, "id");
    const char *limit_text = kn_ig_param(visit, "limit"), *after = kn_ig_param(visit, "after");
    long long limit = PAGE, from = state->media.count;
    if ((limit_text && !kn_parse_int(limit_text, 1, PAGE_MOST, &limit)) ||
        (after && !kn_parse_int(after, 0, state->media.count, &from))) {
        kn_ig_fail(visit, 100, 0, "(#100) limit is 1 to 100, after a cursor");
        return;
    }
    KN_SCOPED_JSON data = json_array();
    int first = (int)from, last = (int)from;
    bool more = false;
    for (int i = (int)from - 1; i >= 0 && !more; i--) {
        const struct kn_ig_media *media = state->media.at[i];
        /* Stories are in a list of their own. */
        if (media->container->account != visit->who.account || media->container->story)
            continue;
        more = (long long)json_array_size(data) == limit;
        if (more)
            break;
        json_t *json = tell(visit, media, tell_media, fields);
        if (!json)
            return;
        json_object_set_new(json, "id", json_string(media->id));
        json_array_append_new(data, json);
        first = json_array_size(data) == 1 ? i + 1 : first;
        last = i;
    }
    json_t *json = json_pack("{s:O}", "data", data);
    if (json_array_size(data))
        json_object_set_new(json, "paging", paging(visit, first, last, more, (int)limit, fields));
    kn_mimic_json(visit, 200, json);
}

/* ---- accounts ---- */

static json_t *tell_account(struct kn_mimic_visit *visit, const void *node, const char *name)
{
    int account = *(const int *)node;
    char id[KN_MIMIC_ID_BYTES];
    kn_mimic_account_id(KN_MIMIC_INSTAGRAM, account, id);
    if (strcmp(name, "id") == 0 || strcmp(name, "user_id") == 0)
        return json_string(id);
    if (strcmp(name, "username") == 0 || strcmp(name, "name") == 0)
        return json_string(visit->m->accounts[account]);
    if (strcmp(name, "account_type") == 0)
        return json_string(visit->m->settings[KN_MIMIC_INSTAGRAM_PROFESSIONAL] > 0 ? "BUSINESS"
                                                                                   : "PERSONAL");
    return NULL;
}

/* The Pages of a Facebook Login, one for each account that it consented for. */
static json_t *tell_page(struct kn_mimic_visit *visit, const void *node, const char *name)
{
    int account = *(const int *)node;
    char id[KN_MIMIC_ID_BYTES];
    if (strcmp(name, "id") == 0)
        return json_sprintf("1020%011d", account);
    if (strcmp(name, "name") == 0)
        return json_string(visit->m->accounts[account]);
    if (strcmp(name, "access_token") == 0)
        return json_string(kn_grants_token(visit->m, visit->who.grant, false, PAGE_TOKEN_S)->text);
    if (strcmp(name, "instagram_business_account") == 0)
        return visit->m->settings[KN_MIMIC_INSTAGRAM_PROFESSIONAL] == 0
                   ? json_null()
                   : json_pack("{s:s}", "id", kn_mimic_account_id(KN_MIMIC_INSTAGRAM, account, id));
    return NULL;
}

/* With a Page's token it is the Page, which alone has an Instagram account of its own. */
static json_t *tell_me(struct kn_mimic_visit *visit, const void *node, const char *name)
{
    bool of_page = strcmp(name, "instagram_business_account") == 0;
    return of_page ? tell_page(visit, node, name) : tell_account(visit, node, name);
}

void kn_ig_me(struct kn_mimic_visit *visit)
{
    if (kn_ig_enter(visit, KN_IG_MAY_READ) && kn_ig_id(visit))
        answer(visit, &visit->who.account, tell_me, fields_or(visit, "id,name"));
}

void kn_ig_accounts(struct kn_mimic_visit *visit)
{
    if (!kn_ig_enter(visit, "instagram_basic") || !kn_ig_id(visit))
        return;
    json_t *page =
        tell(visit, &visit->who.account, tell_page, fields_or(visit, "id,name,access_token"));
    if (page)
        kn_mimic_json(visit, 200, json_pack("{s:[o]}", "data", page));
}

/* ---- by id ---- */

void kn_ig_node(struct kn_mimic_visit *visit)
{
    char own[KN_MIMIC_ID_BYTES];
    if (!kn_ig_enter(visit, KN_IG_MAY_READ))
        return;
    const char *id = kn_ig_id(visit);
    if (!id)
        return;
    const struct kn_ig_container *container = kn_ig_find(visit, id);
    const struct kn_ig_media *media = find_media(visit, id);
    if (media && media->container->account == visit->who.account)
        answer(visit, media, tell_media, fields_or(visit, "id"));
    else if (container && container->account == visit->who.account)
        answer(visit, container, tell_container, fields_or(visit, "id"));
    else if (strcmp(id, kn_mimic_account_id(KN_MIMIC_INSTAGRAM, visit->who.account, own)) == 0)
        answer(visit, &visit->who.account, tell_account, fields_or(visit, "id"));
    else
        kn_ig_fail(visit, 100, 33, NULL);
}
