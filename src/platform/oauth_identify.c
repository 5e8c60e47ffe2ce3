/*
 * Each platform has one call that says whose token it is. They differ in the address and in where
 * the answer has the id and the name, so these are data.
 */
#include "platform/oauth_identify.h"

#include <jansson.h>
#include <string.h>

#include "base/json.h"
#include "platform/oauth_answer.h"
#include "platform/posting.h"

enum { LIMIT_MS = 30000, ID_BYTES_MAX = 100, NAME_BYTES_MAX = 200 };

struct place {
    const char *label, *host, *path;
    const char *id, *name;           /* where the answer has them, as kn_answer_at takes it */
    const char *flat_id, *flat_name; /* or there; NULL */
    const char *list, *nobody;       /* what is said where this list is empty; NULL */
};

/* Ids are texts: numbers beyond 2^53 are among them. */
static const char *take(const json_t *root, const char *path, size_t max, struct kn_arena *arena)
{
    const json_t *value = path ? kn_answer_at(root, path) : NULL;
    if (json_is_integer(value))
        return kn_arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    const char *text = json_string_value(value);
    bool fine = text && text[0] && json_string_length(value) <= max && kn_text_is_clean(text);
    return fine ? kn_arena_strdup(arena, text) : NULL;
}

static enum kn_status read_answer(const struct place *place, const struct kn_http_answer *answer,
                                  struct kn_arena *arena, const char **ret_id,
                                  const char **ret_name, struct kn_error *err)
{
    KN_SCOPED_JSON root = json_loadb(answer->body, answer->size, 0, NULL);
    const char *id = take(root, place->id, ID_BYTES_MAX, arena);
    const char *name = take(root, place->name, NAME_BYTES_MAX, arena);
    if (!id)
        id = take(root, place->flat_id, ID_BYTES_MAX, arena);
    if (!name)
        name = take(root, place->flat_name, NAME_BYTES_MAX, arena);
    const json_t *list = place->list ? json_object_get(root, place->list) : NULL;
    if (json_is_array(list) ? !json_array_size(list) : json_is_object(root) && place->list)
        return kn_error_set(err, KN_DENIED, "%s", place->nobody);
    if (!id || !name)
        return kn_error_set(err, KN_REMOTE, "%s does not say whose account this is", place->label);
    *ret_id = id;
    *ret_name = name;
    return KN_OK;
}

/* What the platform answers to the question of `place`, if it is no refusal. */
static enum kn_status ask(const struct place *place, struct kn_http *http, const char *service_url,
                          const char *token, struct kn_cancel *cancel, struct kn_arena *arena,
                          struct kn_http_answer *ret_answer, struct kn_error *err)
{
    const struct kn_http_header headers[] = {
        {"Authorization", kn_arena_printf(arena, "Bearer %s", token)},
        {"Accept", "application/json"},
    };
    const struct kn_http_request request = {
        .url = kn_arena_printf(arena, "%s%s", service_url ? service_url : place->host, place->path),
        .headers = headers,
        .header_count = KN_COUNT_OF(headers),
        .limit_ms = LIMIT_MS,
        .answer_max = KN_OAUTH_ANSWER_BYTES_MAX,
    };
    struct kn_oauth_refusal refusal;
    enum kn_status status = kn_http_perform(http, &request, cancel, arena, ret_answer, NULL, err);
    if (status != KN_OK)
        return kn_error_add(err, "%s", place->label);
    if (!kn_oauth_find_refusal(ret_answer, &refusal))
        return KN_OK;
    bool later = refusal.status == 429 || refusal.status >= 500;
    return kn_error_set(err, later ? KN_REMOTE : KN_DENIED,
                        "%s does not say whose account this is (%s%s%s)", place->label,
                        refusal.code, refusal.code[0] && refusal.text[0] ? ": " : "",
                        refusal.code[0] || refusal.text[0] ? refusal.text : "no reason is given");
}

static enum kn_status identify(const struct place *place, struct kn_http *http,
                               const char *service_url, const char *token, struct kn_cancel *cancel,
                               struct kn_arena *arena, const char **ret_id, const char **ret_name,
                               struct kn_error *err)
{
    struct kn_http_answer answer;
    enum kn_status status = ask(place, http, service_url, token, cancel, arena, &answer, err);
    return status == KN_OK ? read_answer(place, &answer, arena, ret_id, ret_name, err) : status;
}

/* "Channels: list", 1 unit of quota. */
KN_OAUTH_IDENTIFY(youtube)
{
    static const struct place place = {
        .label = "YouTube",
        .host = "https://www.googleapis.com",
        .path = "/youtube/v3/channels?part=snippet&mine=true",
        .id = "items.0.id",
        .name = "items.0.snippet.title",
        .list = "items", /* left out where there is none */
        .nobody = "this Google account has no YouTube channel: make one at "
                  "https://www.youtube.com/create_channel, then `kirinuki auth youtube` again",
    };
    return identify(&place, http, service_url, token, cancel, arena, ret_id, ret_name, err);
}

/* "Get User Info", with user.info.basic. */
KN_OAUTH_IDENTIFY(tiktok)
{
    static const struct place place = {
        .label = "TikTok",
        .host = "https://open.tiktokapis.com",
        .path = "/v2/user/info/?fields=open_id,display_name",
        .id = "data.user.open_id",
        .name = "data.user.display_name",
    };
    return identify(&place, http, service_url, token, cancel, arena, ret_id, ret_name, err);
}

/* "Business Login for Instagram"; {"data": [{…}]} or flat. */
KN_OAUTH_IDENTIFY(instagram)
{
    static const struct place place = {
        .label = "Instagram",
        .host = "https://graph.instagram.com",
        .path = "/me?fields=user_id,username",
        .id = "data.0.user_id",
        .name = "data.0.username",
        .flat_id = "user_id",
        .flat_name = "username",
    };
    return identify(&place, http, service_url, token, cancel, arena, ret_id, ret_name, err);
}

/* "Users: me", 75 requests in 15 minutes. */
KN_OAUTH_IDENTIFY(x)
{
    static const struct place place = {
        .label = "X",
        .host = "https://api.x.com",
        .path = "/2/users/me",
        .id = "data.id",
        .name = "data.username",
    };
    return identify(&place, http, service_url, token, cancel, arena, ret_id, ret_name, err);
}

/* ---- the token of a page ---- */

#define GRAPH "https://graph.facebook.com"

/* "me" is the page whose token it is. */
KN_OAUTH_IDENTIFY(page)
{
    static const struct place place = {
        .label = "Instagram",
        .host = GRAPH,
        .path = "/v25.0/me?fields=name,instagram_business_account",
        .id = "instagram_business_account.id",
        .name = "name",
    };
    return identify(&place, http, service_url, token, cancel, arena, ret_id, ret_name, err);
}

/* The one page with an Instagram account; NULL: there is none, or *ret_several. */
static const json_t *find_page(const json_t *root, bool *ret_several)
{
    const json_t *pages = json_object_get(root, "data"), *found = NULL;
    *ret_several = false;
    for (size_t i = 0; i < json_array_size(pages); i++) {
        const json_t *page = json_array_get(pages, i);
        if (!kn_answer_at(page, "instagram_business_account.id"))
            continue;
        *ret_several |= found != NULL;
        found = page;
    }
    return *ret_several ? NULL : found;
}

enum kn_status kn_oauth_settle_page(struct kn_http *http, const char *service_url,
                                    struct kn_cancel *cancel, struct kn_arena *arena,
                                    struct kn_tokens *tokens, struct kn_error *err)
{
    static const struct place place = {
        .label = "Instagram",
        .host = GRAPH,
        .path = "/v25.0/me/accounts?fields=id,name,access_token,instagram_business_account",
    };
    struct kn_http_answer answer;
    bool several;
    enum kn_status status =
        ask(&place, http, service_url, tokens->access, cancel, arena, &answer, err);
    if (status != KN_OK)
        return status;
    KN_SCOPED_JSON root = json_loadb(answer.body, answer.size, 0, NULL);
    const json_t *page = find_page(root, &several);
    if (several)
        return kn_error_set(err, KN_DENIED,
                            "several Instagram accounts were allowed at once: `kirinuki auth "
                            "instagram` again, and choose one page with one account");
    if (!page)
        return kn_error_set(err, KN_DENIED,
                            "no page that was allowed has a professional Instagram account: link "
                            "them in Instagram's settings, then `kirinuki auth instagram` again");
    const char *access = kn_oauth_take_token(page, "access_token", arena);
    const char *id = take(page, "instagram_business_account.id", ID_BYTES_MAX, arena);
    if (!access || !id)
        return kn_error_set(err, KN_REMOTE, "Instagram gives no token of the page");
    tokens->access = access;
    tokens->user_id = id;
    tokens->expires_us = INT64_MAX;
    return KN_OK;
}
