/* The YouTube Data API v3, as far as publishing needs it, by its documentation of 2026-09. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/youtube.h"

enum { UPDATE_UNITS = 50, IDS_MAX = 50, PAGE_MAX = 50 };

/* ---- errors ---- */

static const struct {
    const char *reason;
    int status;
    const char *domain, *message;
} failures[] = {
    {"badRequest", 400, "global", "Bad Request"},
    {"badContent", 400, "global", "Bad content."},
    {"parseError", 400, "global", "Parse Error"},
    {"notFound", 404, "global", "Not Found"},
    {"required", 401, "global", "Login Required."},
    {"authError", 401, "global", "Invalid Credentials"},
    {"insufficientPermissions", 403, "global", "Request had insufficient authentication scopes."},
    {"httpMethodNotAllowed", 405, "global", "Method Not Allowed"},
    {"uploadTooLarge", 413, "global", "Request Too Large"},
    {"mediaTooLarge", 413, "global", "Request Too Large"},
    {"rateLimitExceeded", 429, "global", "Resource has been exhausted (e.g. check quota)."},
    {"backendError", 503, "global", "Backend Error"},
    {"internalError", 500, "global", "Internal error encountered."},
    {"quotaExceeded", 403, "youtube.quota",
     "The request cannot be completed because you have exceeded your <a "
     "href=\"/youtube/v3/getting-started#quota\">quota</a>."},
    {"missingRequiredParameter", 400, "youtube.parameter", "No filter selected."},
    {"invalidPageToken", 400, "youtube.parameter", "The page token is not valid."},
    {"invalidValue", 400, "youtube.parameter", "A parameter has an invalid value."},
    {"unknownPart", 400, "youtube.part", "A part is unknown."},
    {"unexpectedPart", 400, "youtube.part", "The body has a part that the request does not name."},
    {"invalidTitle", 400, "youtube.video",
     "The request metadata specifies an invalid or empty video title."},
    {"invalidDescription", 400, "youtube.video",
     "The request metadata specifies an invalid video description."},
    {"invalidTags", 400, "youtube.video", "The request metadata specifies invalid video keywords."},
    {"invalidCategoryId", 400, "youtube.video",
     "The request metadata specifies an invalid category ID."},
    {"invalidPublishAt", 400, "youtube.video",
     "The request metadata specifies an invalid scheduled publishing time."},
    {"invalidRecordingDetails", 400, "youtube.video",
     "The request metadata specifies invalid recording details."},
    {"invalidVideoMetadata", 400, "youtube.video", "The request metadata is invalid."},
    {"defaultLanguageNotSet", 400, "youtube.video",
     "The request adds localized video details without specifying the default language."},
    {"mediaBodyRequired", 400, "youtube.video", "The request does not include the video content."},
    {"uploadLimitExceeded", 400, "youtube.video",
     "The user has exceeded the number of videos they may upload."},
    {"videoNotFound", 404, "youtube.video", "The video cannot be found."},
    {"forbidden", 403, "youtube.video", "The request is not properly authorized."},
    {"invalidImage", 400, "youtube.thumbnail", "The provided image content is invalid."},
    {"invalidMetadata", 400, "youtube.caption", "The request contains invalid metadata values."},
    {"contentRequired", 400, "youtube.caption",
     "The request does not contain the caption track's "
     "contents."},
    {"captionExists", 409, "youtube.caption",
     "The specified video already has a caption track with the given language and name."},
    {"playlistNotFound", 404, "youtube.playlistItem", "The playlist cannot be found."},
};

void kn_yt_fail(struct kn_mimic_visit *visit, const char *reason, const char *message)
{
    size_t i = 0;
    while (i + 1 < KN_COUNT_OF(failures) && strcmp(failures[i].reason, reason) != 0)
        i++;
    if (!message)
        message = failures[i].message;
    json_t *one = json_pack("{s:s, s:s, s:s}", "message", message, "domain", failures[i].domain,
                            "reason", reason);
    json_t *error = json_pack("{s:i, s:s}", "code", failures[i].status, "message", message);
    if (failures[i].status == 401) {
        json_object_set_new(one, "location", json_string("Authorization"));
        json_object_set_new(one, "locationType", json_string("header"));
        json_object_set_new(error, "status", json_string("UNAUTHENTICATED"));
        kn_mimic_header(visit, "WWW-Authenticate", "Bearer realm=\"https://accounts.google.com/\"");
    }
    json_object_set_new(error, "errors", json_pack("[o]", one));
    kn_mimic_reason(visit, reason);
    kn_mimic_json(visit, failures[i].status, json_pack("{s:o}", "error", error));
}

static void refuse(struct kn_mimic_visit *visit, enum kn_mimic_refusal why)
{
    static const char *const reasons[] = {
        [KN_REFUSE_NO_TOKEN] = "required",           [KN_REFUSE_BAD_TOKEN] = "authError",
        [KN_REFUSE_EXPIRED_TOKEN] = "authError",     [KN_REFUSE_SCOPE] = "insufficientPermissions",
        [KN_REFUSE_METHOD] = "httpMethodNotAllowed", [KN_REFUSE_TOO_LARGE] = "uploadTooLarge",
        [KN_REFUSE_RATE] = "rateLimitExceeded",      [KN_REFUSE_QUOTA] = "quotaExceeded",
        [KN_REFUSE_SERVER] = "internalError",        [KN_REFUSE_OVERLOADED] = "backendError",
    };
    kn_yt_fail(visit, reasons[why], NULL);
}

/* ---- videos ---- */

struct kn_yt_video *kn_yt_find(const struct kn_mimic_visit *visit, const char *id)
{
    const struct kn_yt_state *state = visit->state;
    for (int i = state->videos.count - 1; i >= 0; i--)
        if (strcmp(state->videos.at[i]->id, id) == 0 && !state->videos.at[i]->deleted)
            return state->videos.at[i];
    return NULL;
}

/* Others see what is not private. */
static bool may_see(const struct kn_mimic_visit *visit, const struct kn_yt_video *video)
{
    return video->account == visit->who.account || video->post->state == KN_SHOWN_LIVE;
}

static json_t *list(const char *kind, json_t *items, size_t total, int page)
{
    return json_pack("{s:s, s:s, s:o, s:{s:i, s:i}}", "kind", kind, "etag", "\"sandbox\"", "items",
                     items, "pageInfo", "totalResults", (int)total, "resultsPerPage", page);
}

static void videos_list(struct kn_mimic_visit *visit)
{
    const char *parts = kn_yt_parts(visit);
    KN_SCOPED_STR ids = {0};
    if (!parts || !kn_yt_charge(visit, 1))
        return;
    for (int i = 0; i < visit->exchange->query_count; i++)
        if (strcmp(visit->exchange->query[i].name, "id") == 0)
            kn_str_printf(&ids, "%s,", (const char *)visit->exchange->query[i].data);
    if (!ids.length) {
        kn_yt_fail(visit, "missingRequiredParameter", NULL);
        return;
    }
    json_t *items = json_array();
    int count = 0;
    for (const char *at = ids.at; *at; at++, count++) {
        size_t size = strcspn(at, ",");
        const struct kn_yt_video *video =
            kn_yt_find(visit, kn_arena_strndup(visit->arena, at, size));
        if (video && may_see(visit, video) && count < IDS_MAX)
            json_array_append_new(items, kn_yt_video_json(visit, video, parts));
        at += size;
    }
    if (count > IDS_MAX) {
        json_decref(items);
        kn_yt_fail(visit, "invalidValue", "At most 50 ids can be asked for.");
        return;
    }
    size_t found = json_array_size(items);
    kn_mimic_json(visit, 200, list("youtube#videoListResponse", items, found, (int)found));
}

static struct kn_yt_video *owned(struct kn_mimic_visit *visit, const char *id)
{
    struct kn_yt_video *video = id ? kn_yt_find(visit, id) : NULL;
    if (!video)
        kn_yt_fail(visit, "videoNotFound", NULL);
    else if (video->account != visit->who.account)
        kn_yt_fail(visit, "forbidden", NULL);
    else
        return video;
    return NULL;
}

/* Every part that is named is replaced as a whole. */
static void videos_update(struct kn_mimic_visit *visit)
{
    const char *parts = kn_yt_parts(visit);
    if (!parts || !kn_yt_charge(visit, UPDATE_UNITS))
        return;
    json_t *body = kn_mimic_body(visit);
    if (!body) {
        kn_yt_fail(visit, "parseError", NULL);
        return;
    }
    struct kn_yt_video *video = owned(visit, json_string_value(json_object_get(body, "id")));
    if (!video || !kn_yt_judge_video(visit, body, parts, video))
        return;
    kn_yt_video_write(visit->m, video, body, parts);
    kn_mimics_tick(visit->m);
    kn_mimic_json(visit, 200, kn_yt_video_json(visit, video, parts));
}

static void videos_delete(struct kn_mimic_visit *visit)
{
    if (!kn_yt_charge(visit, UPDATE_UNITS))
        return;
    struct kn_yt_video *video = owned(visit, kn_mimic_query(visit->exchange, "id"));
    if (!video)
        return;
    video->deleted = true;
    video->post->state = KN_SHOWN_DELETED;
    kn_mimic_empty(visit, 204);
}

/* ---- the channel and its uploads ---- */

/* A channel's id with "UU" for "UC" is its playlist of uploads. */
static const char *uploads_id(int account, char text[KN_MIMIC_ID_BYTES])
{
    kn_mimic_account_id(KN_MIMIC_YOUTUBE, account, text);
    text[1] = 'U';
    return text;
}

static int count_videos(const struct kn_yt_state *state, int account)
{
    int count = 0;
    for (int i = 0; i < state->videos.count; i++)
        count += state->videos.at[i]->account == account && !state->videos.at[i]->deleted;
    return count;
}

static void channels_list(struct kn_mimic_visit *visit)
{
    const char *parts = kn_yt_parts(visit);
    const char *mine = kn_mimic_query(visit->exchange, "mine");
    char id[KN_MIMIC_ID_BYTES], uploads[KN_MIMIC_ID_BYTES];
    const char *name = visit->m->accounts[visit->who.account];
    if (!parts || !kn_yt_charge(visit, 1))
        return;
    if (!mine || strcmp(mine, "true") != 0) {
        kn_yt_fail(visit, "missingRequiredParameter", "The sandbox knows mine=true alone.");
        return;
    }
    json_t *channel =
        json_pack("{s:s, s:s, s:s}", "kind", "youtube#channel", "etag", "\"sandbox\"", "id",
                  kn_mimic_account_id(KN_MIMIC_YOUTUBE, visit->who.account, id));
    if (kn_yt_has_part(parts, "snippet"))
        json_object_set_new(channel, "snippet",
                            json_pack("{s:s, s:s, s:o}", "title", name, "description", "",
                                      "customUrl", json_sprintf("@%s", name)));
    if (kn_yt_has_part(parts, "contentDetails"))
        json_object_set_new(channel, "contentDetails",
                            json_pack("{s:{s:s, s:s}}", "relatedPlaylists", "likes", "LL",
                                      "uploads", uploads_id(visit->who.account, uploads)));
    if (kn_yt_has_part(parts, "statistics"))
        json_object_set_new(
            channel, "statistics",
            json_pack("{s:o}", "videoCount",
                      json_sprintf("%d", count_videos(visit->state, visit->who.account))));
    if (kn_yt_has_part(parts, "status"))
        json_object_set_new(
            channel, "status",
            json_pack("{s:s, s:s}", "privacyStatus", "public", "longUploadsStatus",
                      visit->m->settings[KN_MIMIC_YOUTUBE_VERIFIED] > 0 ? "allowed" : "eligible"));
    kn_mimic_json(visit, 200, list("youtube#channelListResponse", json_pack("[o]", channel), 1, 5));
}

static json_t *playlist_item(struct kn_mimic_visit *visit, const struct kn_yt_video *video,
                             const char *parts, const char *playlist, int position)
{
    char at[KN_TIME_TEXT_BYTES], channel[KN_MIMIC_ID_BYTES];
    json_t *item = json_pack("{s:s, s:s, s:o}", "kind", "youtube#playlistItem", "etag",
                             "\"sandbox\"", "id", json_sprintf("UUitem-%s", video->id));
    KN_SCOPED_JSON whole = kn_yt_video_json(visit, video, "snippet,status");
    const json_t *snippet = json_object_get(whole, "snippet");
    if (kn_yt_has_part(parts, "snippet"))
        json_object_set_new(
            item, "snippet",
            json_pack("{s:s, s:s, s:O, s:O, s:O, s:s, s:s, s:i, s:{s:s, s:s}}", "publishedAt",
                      kn_time_iso(video->made_us, at), "channelId",
                      kn_mimic_account_id(KN_MIMIC_YOUTUBE, video->account, channel), "title",
                      json_object_get(snippet, "title"), "description",
                      json_object_get(snippet, "description"), "thumbnails",
                      json_object_get(snippet, "thumbnails"), "channelTitle",
                      visit->m->accounts[video->account], "playlistId", playlist, "position",
                      position, "resourceId", "kind", "youtube#video", "videoId", video->id));
    if (kn_yt_has_part(parts, "contentDetails"))
        json_object_set_new(item, "contentDetails",
                            json_pack("{s:s, s:s}", "videoId", video->id, "videoPublishedAt",
                                      kn_time_iso(video->made_us, at)));
    if (kn_yt_has_part(parts, "status"))
        json_object_set_new(
            item, "status",
            json_pack("{s:O}", "privacyStatus",
                      json_object_get(json_object_get(whole, "status"), "privacyStatus")));
    return item;
}

/* The channel whose playlist it is, for its owner; -1. */
static int playlist_account(const struct kn_mimic_visit *visit, const char *playlist)
{
    char text[KN_MIMIC_ID_BYTES];
    for (int i = 0; i < visit->m->account_count; i++)
        if (strcmp(uploads_id(i, text), playlist) == 0)
            return i;
    return -1;
}

/* Newest first; a page's token is the number of those before it. */
static void playlist_items_list(struct kn_mimic_visit *visit)
{
    const struct kn_yt_state *state = visit->state;
    const char *parts = kn_yt_parts(visit);
    const char *playlist = kn_mimic_query(visit->exchange, "playlistId");
    const char *most = kn_mimic_query(visit->exchange, "maxResults");
    const char *token = kn_mimic_query(visit->exchange, "pageToken");
    long long page = 5, skip = 0;
    if (!parts || !kn_yt_charge(visit, 1))
        return;
    int account = playlist ? playlist_account(visit, playlist) : -1;
    if (most && !kn_parse_int(most, 0, PAGE_MAX, &page))
        kn_yt_fail(visit, "invalidValue", "maxResults is from 0 to 50.");
    else if (token && (strncmp(token, "SB", 2) != 0 || !kn_parse_int(token + 2, 0, 1 << 30, &skip)))
        kn_yt_fail(visit, "invalidPageToken", NULL);
    else if (account < 0)
        kn_yt_fail(visit, playlist ? "playlistNotFound" : "missingRequiredParameter", NULL);
    if (visit->decided)
        return;
    json_t *items = json_array();
    int position = 0;
    for (int i = state->videos.count - 1; i >= 0; i--) {
        const struct kn_yt_video *video = state->videos.at[i];
        if (video->account != account || video->deleted || !may_see(visit, video))
            continue;
        if (position >= skip && position < skip + page)
            json_array_append_new(items, playlist_item(visit, video, parts, playlist, position));
        position++;
    }
    json_t *json = list("youtube#playlistItemListResponse", items, (size_t)position, (int)page);
    if (page && position > skip + page)
        json_object_set_new(json, "nextPageToken", json_sprintf("SB%d", (int)(skip + page)));
    kn_mimic_json(visit, 200, json);
}

/* ---- the mimic ---- */

static void reset(struct kn_mimics *m, void *arg)
{
    (void)m;
    struct kn_yt_state *state = arg;
    for (int i = 0; i < state->videos.count; i++)
        kn_vec_free(&state->videos.at[i]->captions);
    kn_vec_free(&state->videos);
    kn_vec_free(&state->sessions);
}

/* clang-format off */
#define UPLOAD(method_, path_, kind_, scopes_)                                                    \
    {.method = method_, .path = path_, .kind = kind_, .scopes = scopes_,                          \
     .begin = kn_yt_upload_begin, .run = kn_yt_upload_run, .gone = kn_yt_upload_gone}
#define UPLOADS(prefix)                                                                           \
    UPLOAD("POST", prefix "/videos", KN_SANDBOX_YOUTUBE_INSERT, KN_YT_MAY_UPLOAD),                \
    UPLOAD("PUT", prefix "/videos", KN_SANDBOX_YOUTUBE_UPLOAD, KN_YT_MAY_UPLOAD),                 \
    UPLOAD("POST", prefix "/thumbnails/set", KN_SANDBOX_YOUTUBE_EDIT, KN_YT_MAY_UPLOAD),          \
    UPLOAD("PUT", prefix "/thumbnails/set", KN_SANDBOX_YOUTUBE_EDIT, KN_YT_MAY_UPLOAD),           \
    UPLOAD("POST", prefix "/captions", KN_SANDBOX_YOUTUBE_EDIT, KN_YT_MAY_CAPTION),               \
    UPLOAD("PUT", prefix "/captions", KN_SANDBOX_YOUTUBE_EDIT, KN_YT_MAY_CAPTION)
#define PLAIN(method_, path_, kind_, scopes_, run_)                                               \
    {.method = method_, .path = path_, .kind = kind_, .scopes = scopes_, .run = run_}

static const struct kn_mimic_route routes[] = {
    UPLOADS("/upload/youtube/v3"),
    UPLOADS("/resumable/upload/youtube/v3"),
    PLAIN("GET", "/youtube/v3/videos", KN_SANDBOX_YOUTUBE_LIST, KN_YT_MAY_READ, videos_list),
    PLAIN("PUT", "/youtube/v3/videos", KN_SANDBOX_YOUTUBE_EDIT, KN_YT_MAY_CHANGE, videos_update),
    PLAIN("DELETE", "/youtube/v3/videos", KN_SANDBOX_YOUTUBE_EDIT, KN_YT_MAY_CHANGE, videos_delete),
    PLAIN("GET", "/youtube/v3/channels", KN_SANDBOX_YOUTUBE_LIST, KN_YT_MAY_READ, channels_list),
    PLAIN("GET", "/youtube/v3/playlistItems", KN_SANDBOX_YOUTUBE_LIST, KN_YT_MAY_READ,
          playlist_items_list),
    PLAIN("GET", "/o/oauth2/v2/auth", KN_SANDBOX_OAUTH, NULL, kn_oauth_authorize),
    PLAIN("POST", "/token", KN_SANDBOX_OAUTH, NULL, kn_oauth_token),
    PLAIN("POST", "/revoke", KN_SANDBOX_OAUTH, NULL, kn_mimic_revoke),
    PLAIN("GET", "/tokeninfo", KN_SANDBOX_OAUTH, NULL, kn_oauth_tokeninfo),
    PLAIN("POST", "/tokeninfo", KN_SANDBOX_OAUTH, NULL, kn_oauth_tokeninfo),
};
/* clang-format on */

const struct kn_mimic kn_mimic_youtube = {
    .id = KN_MIMIC_YOUTUBE,
    .routes = routes,
    .route_count = KN_COUNT_OF(routes),
    .refuse = refuse,
    .state_size = sizeof(struct kn_yt_state),
    .tick = kn_yt_tick,
    .reset = reset,
};
