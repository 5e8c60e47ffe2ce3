/* Is the video there whose upload session is gone? See youtube.h. */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "platform/youtube.h"

enum {
    PAGES_MAX = 60 /* two units of the quota each */,
    PAGE_ITEMS = 50,
    LOOKS_MAX = 3,
    LOOK_WAIT_S = 20
};

/* After this time what is not listed is not there: since the session was found gone, or since the
 * sending began, which may have taken hours itself. */
static const int64_t certain_us = INT64_C(3600000000),
                     certain_in_any_case_us = INT64_C(86400000000);
/* How far the clocks of the two sides may be apart. */
static const int64_t skew_us = INT64_C(86400000000);

struct search {
    struct kn_posting *posting;
    const char *uploads; /* the playlist */
    const char *id;      /* found */
    const char *page;    /* the next one; NULL: there is none */
    bool complete;       /* there is no next one, or it is older than the session */
};

/* END: it is refused, and posting->next says what then. */
static enum kn_status get(struct kn_posting *posting, const char *url, const json_t **ret_json,
                          struct kn_error *err)
{
    struct kn_http_answer answer;
    const struct kn_posting_call call = {.request = {.url = url}, .token = KN_TOKEN_BEARER};
    enum kn_status status = kn_posting_call(posting, &call, &answer, NULL, err);
    if (status != KN_OK)
        return status;
    if (answer.status != 200) {
        status = kn_youtube_refusal(posting, &answer, "units", err);
        return status == KN_OK ? KN_END : status;
    }
    *ret_json = kn_answer_json(posting, &answer);
    if (!*ret_json)
        return kn_error_set(err, KN_REMOTE, "YouTube's answer is not JSON");
    return KN_OK;
}

/* The same, of an answer that is a list. */
static enum kn_status get_items(struct kn_posting *posting, const char *url,
                                const json_t **ret_json, const json_t **ret_items,
                                struct kn_error *err)
{
    enum kn_status status = get(posting, url, ret_json, err);
    if (status != KN_OK)
        return status;
    *ret_items = json_object_get(*ret_json, "items");
    return json_is_array(*ret_items)
               ? KN_OK
               : kn_error_set(err, KN_REMOTE, "YouTube's answer is no list of videos");
}

static bool bears_mark(struct search *search, const json_t *item)
{
    const char *mark = kn_youtube_mark(search->posting);
    const json_t *tags = kn_answer_at(item, "snippet.tags");
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *tag = json_string_value(json_array_get(tags, i));
        if (tag && strcasecmp(tag, mark) == 0)
            return true;
    }
    return false;
}

/* Which of these videos bears the mark? */
static enum kn_status look_at(struct search *search, const char *ids, struct kn_error *err)
{
    const json_t *json, *items;
    struct kn_posting *posting = search->posting;
    const char *url = kn_youtube_api(posting, "/youtube/v3/videos?part=snippet&id=%s", ids);
    enum kn_status status = get_items(posting, url, &json, &items, err);
    if (status != KN_OK)
        return status;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        if (bears_mark(search, item))
            search->id = kn_answer_id(posting, item, "id");
    }
    return KN_OK;
}

/* The newest come first. */
static const char *ids_of(struct search *search, const json_t *items)
{
    struct kn_posting *posting = search->posting;
    char since[KN_TIME_TEXT_BYTES];
    KN_SCOPED_STR ids = {0};
    (void)kn_time_iso(kn_posting_number(posting, "session_us") - skew_us, since);
    for (size_t i = 0; i < json_array_size(items) && i < PAGE_ITEMS; i++) {
        const json_t *item = json_array_get(items, i);
        const char *at = kn_answer_text(posting, item, "snippet.publishedAt", 40);
        const char *id = kn_answer_id(posting, item, "contentDetails.videoId");
        id = id ? id : kn_answer_id(posting, item, "snippet.resourceId.videoId");
        /* Times of one zone and one form are in order as texts are. */
        if (at && strncmp(at, since, strlen("2026-01-01T00:00:00")) < 0)
            search->complete = true;
        else if (id)
            kn_str_printf(&ids, "%s%s", ids.length ? "," : "", id);
    }
    return kn_arena_strdup(posting->arena, kn_str_text(&ids));
}

static enum kn_status look_through_page(struct search *search, struct kn_error *err)
{
    const json_t *json, *items;
    struct kn_posting *posting = search->posting;
    const char *url = kn_youtube_api(
        posting,
        "/youtube/v3/playlistItems?part=snippet,contentDetails&maxResults=%d&playlistId=%s%s%s",
        PAGE_ITEMS, search->uploads, search->page ? "&pageToken=" : "",
        search->page ? search->page : "");
    enum kn_status status = get_items(posting, url, &json, &items, err);
    if (status != KN_OK)
        return status;
    search->page = kn_answer_id(posting, json, "nextPageToken");
    search->complete = !json_object_get(json, "nextPageToken");
    const char *ids = ids_of(search, items);
    return *ids ? look_at(search, ids, err) : KN_OK;
}

static enum kn_status look_through(struct search *search, bool *ret_complete, struct kn_error *err)
{
    const json_t *json;
    struct kn_posting *posting = search->posting;
    const char *url = kn_youtube_api(posting, "/youtube/v3/channels?part=contentDetails&mine=true");
    enum kn_status status = get(posting, url, &json, err);
    *ret_complete = false;
    if (status != KN_OK)
        return status;
    search->uploads =
        kn_answer_id(posting, json, "items.0.contentDetails.relatedPlaylists.uploads");
    if (!search->uploads)
        return kn_error_set(err, KN_REMOTE, "YouTube's answer names no list of uploads");
    for (int page = 0; page < PAGES_MAX && !search->id && !*ret_complete; page++) {
        status = look_through_page(search, err);
        if (status != KN_OK)
            return status;
        *ret_complete = search->complete;
        if (!search->page)
            break;
    }
    return KN_OK;
}

static enum kn_status unknown(struct kn_posting *posting, const char *why)
{
    kn_posting_forget(posting, "looks");
    return kn_posting_unknown(posting, NULL,
                              "YouTube forgot the upload after its last byte, and %s", why);
}

enum kn_status kn_youtube_look(struct kn_posting *posting, struct kn_error *err)
{
    struct search search = {.posting = posting};
    bool complete;
    enum kn_status status = look_through(&search, &complete, err);
    if (status == KN_END && posting->next != KN_NEXT_FAILED)
        return KN_OK;
    if (status == KN_END) { /* what is not permitted does not settle anything */
        kn_posting_forget(posting, "looks");
        return kn_posting_untold(posting);
    }
    if (status != KN_OK)
        return status;
    if (search.id)
        return kn_youtube_arrived(posting, search.id, err);
    int64_t now_us = kn_posting_now_us(posting);
    bool certain = now_us - kn_posting_number(posting, "gone_us") >= certain_us ||
                   now_us - kn_posting_intended_us(posting) >= certain_in_any_case_us;
    if (complete && certain)
        return kn_youtube_start_over(posting, err);
    int64_t looks = kn_posting_number(posting, "looks") + 1;
    kn_posting_set_number(posting, "looks", looks);
    if (looks >= LOOKS_MAX)
        return unknown(posting, "the video is not among the channel's uploads so far");
    return kn_posting_wait(posting, now_us + LOOK_WAIT_S * KN_US_PER_S,
                           "YouTube forgot the upload; it is looked for among the channel's");
}
