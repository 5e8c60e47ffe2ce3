/* Who the bearer is, and what an account has posted: the newest first. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/x.h"

enum { PAGE = 10, PAGE_LEAST = 5, PAGE_MOST = 100 };

void kn_xapi_me(struct kn_mimic_visit *visit)
{
    static const char *const known[] = {"user.fields", "expansions", "tweet.fields", NULL};
    const char *name = visit->m->accounts[visit->who.account];
    char id[KN_MIMIC_ID_BYTES];
    if (kn_xapi_query_fits(visit, known))
        kn_mimic_json(visit, 200,
                      json_pack("{s:{s:s, s:s, s:s}}", "data", "id",
                                kn_mimic_account_id(KN_MIMIC_X, visit->who.account, id), "name",
                                name, "username", name));
}

/* ---- fields ---- */

static const char *const fields[] = {
    "attachments", "author_id",    "created_at", "edit_history_tweet_ids", "entities",       "id",
    "lang",        "made_with_ai", "note_tweet", "public_metrics",         "reply_settings", "text",
    NULL,
};

static bool has_field(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list ? list : ""; *at; at += *at == ',') {
        size_t size = strcspn(at, ",");
        if (size == length && strncmp(at, name, size) == 0)
            return true;
        at += size;
    }
    return false;
}

/* False: one is asked for that there is not; the answer is made. */
static bool judge_fields(struct kn_mimic_visit *visit, const char *list)
{
    for (const char *at = list ? list : ""; *at; at += *at == ',') {
        size_t size = strcspn(at, ",");
        const char *name = kn_arena_strndup(visit->arena, at, size);
        int i = 0;
        while (fields[i] && strcmp(fields[i], name) != 0)
            i++;
        if (!fields[i]) {
            kn_xapi_invalid(visit, "tweet.fields", name,
                            "The query parameter value [%.60s] is not one of tweet.fields.", name);
            return false;
        }
        at += size;
    }
    return true;
}

static json_t *post_json(const struct kn_xapi_post *post, const char *list)
{
    char id[KN_MIMIC_ID_BYTES], time[KN_TIME_TEXT_BYTES];
    json_t *json = json_pack("{s:s, s:o, s:[s]}", "id", post->id, "text", kn_json_text(post->shown),
                             "edit_history_tweet_ids", post->id);
    if (has_field(list, "created_at")) {
        const char *iso = kn_time_iso(post->made_us, time);
        json_object_set_new(json, "created_at",
                            json_sprintf("%.*s.000Z", (int)strcspn(iso, "Z"), iso));
    }
    if (has_field(list, "author_id"))
        json_object_set_new(json, "author_id",
                            json_string(kn_mimic_account_id(KN_MIMIC_X, post->account, id)));
    if (has_field(list, "attachments") && post->media.count) {
        json_t *keys = json_array();
        for (int i = 0; i < post->media.count; i++)
            json_array_append_new(keys, json_string(post->media.at[i]->key));
        json_object_set_new(json, "attachments", json_pack("{s:o}", "media_keys", keys));
    }
    return json;
}

/* ---- pages ---- */

static int find_account(const struct kn_mimic_visit *visit, const char *id)
{
    char text[KN_MIMIC_ID_BYTES];
    for (int i = 0; i < visit->m->account_count; i++)
        if (strcmp(kn_mimic_account_id(KN_MIMIC_X, i, text), id) == 0)
            return i;
    return -1;
}

static json_t *page_json(const struct kn_mimic_visit *visit, int account, int skip, int page)
{
    const struct kn_xapi_state *state = visit->state;
    const char *list = kn_mimic_query(visit->exchange, "tweet.fields");
    json_t *data = json_array(), *meta = json_object();
    int position = 0;
    for (int i = state->posts.count - 1; i >= 0; i--) {
        const struct kn_xapi_post *post = state->posts.at[i];
        if (post->account != account || post->deleted)
            continue;
        if (position >= skip && position < skip + page) {
            json_array_append_new(data, post_json(post, list));
            if (position == skip)
                json_object_set_new(meta, "newest_id", json_string(post->id));
            json_object_set_new(meta, "oldest_id", json_string(post->id));
        }
        position++;
    }
    json_object_set_new(meta, "result_count", json_integer((json_int_t)json_array_size(data)));
    if (position > skip + page)
        json_object_set_new(meta, "next_token", json_sprintf("sb%d", skip + page));
    if (json_array_size(data))
        return json_pack("{s:o, s:o}", "data", data, "meta", meta);
    json_decref(data);
    return json_pack("{s:o}", "meta", meta);
}

/* An account that is not there is an error with status 200, as for all that is looked up. */
static void answer_nobody(struct kn_mimic_visit *visit, const char *id)
{
    kn_mimic_reason(visit, "resource-not-found");
    kn_mimic_json(visit, 200,
                  json_pack("{s:[{s:s, s:s, s:s, s:s, s:o, s:o}]}", "errors", "title",
                            "Not Found Error", "type",
                            "https://api.twitter.com/2/problems/resource-not-found",
                            "resource_type", "user", "parameter", "id", "value", kn_json_text(id),
                            "detail", json_sprintf("Could not find user with id: [%.40s].", id)));
}

void kn_xapi_timeline(struct kn_mimic_visit *visit)
{
    static const char *const known[] = {"max_results",
                                        "pagination_token",
                                        "tweet.fields",
                                        "media.fields",
                                        "user.fields",
                                        "expansions",
                                        NULL};
    const char *most = kn_mimic_query(visit->exchange, "max_results");
    const char *token = kn_mimic_query(visit->exchange, "pagination_token");
    long long page = PAGE, skip = 0;
    if (!kn_xapi_query_fits(visit, known) ||
        !judge_fields(visit, kn_mimic_query(visit->exchange, "tweet.fields")))
        return;
    int account = find_account(visit, visit->wild[0]);
    if (most && !kn_parse_int(most, PAGE_LEAST, PAGE_MOST, &page))
        kn_xapi_invalid(visit, "max_results", most,
                        "The max_results query parameter value is not from %d to %d.", PAGE_LEAST,
                        PAGE_MOST);
    else if (token && (!kn_starts_with(token, "sb") || !kn_parse_int(token + 2, 0, 1 << 30, &skip)))
        kn_xapi_invalid(visit, "pagination_token", token, "The pagination_token is not valid.");
    else if (account < 0)
        answer_nobody(visit, visit->wild[0]);
    else
        kn_mimic_json(visit, 200, page_json(visit, account, (int)skip, (int)page));
}
