/* Is the post there whose answer is lost? See x.h. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "platform/x.h"

enum {
    POSTS = 100,    /* a page, as many as there may be */
    PAGES_MAX = 32, /* "the 3,200 most recent": User Posts timeline of the X API, 2026-09-11 */
    TEXT_BYTES_MAX = 64 << 10,
    AGAIN_MAX = 3,
};

/* After each look; the last one decides. */
static const int waits_s[] = {5, 15, 40};
/* How far the clocks of the two sides may be apart. */
static const int64_t skew_us = INT64_C(86400000000);

/* What is not shown after this time is not there. */
static const int64_t certain_us = INT64_C(3600000000);

static const char link_start[] = "https://t.co/";

/* ---- one text and the other ---- */

/* The next word of a text as X shows it, without entities; false: there is none. */
static bool next_word(const char **at, bool entities, struct kn_str *out)
{
    static const char *const names[] = {"&amp;", "&lt;", "&gt;"};
    kn_str_clear(out);
    *at += strspn(*at, " \t\r\n");
    while (**at && !strchr(" \t\r\n", **at)) {
        size_t length = 1;
        char c = **at;
        for (size_t i = 0; entities && i < KN_COUNT_OF(names); i++)
            if (kn_starts_with(*at, names[i])) {
                c = "&<>"[i];
                length = strlen(names[i]);
            }
        kn_str_add_char(out, c);
        *at += length;
    }
    return out->length > 0;
}

/* Did a word become this one by having its address replaced? */
static bool is_shortened(const char *sent, const char *seen)
{
    const char *link = strstr(seen, link_start);
    return link && strncmp(sent, seen, (size_t)(link - seen)) == 0 && strpbrk(sent, "./");
}

bool kn_x_is_text(const char *sent, const char *seen)
{
    KN_SCOPED_STR mine = {0}, theirs = {0};
    while (next_word(&sent, false, &mine)) {
        if (!next_word(&seen, true, &theirs))
            return false;
        const char *a = kn_str_text(&mine), *b = kn_str_text(&theirs);
        if (strcmp(a, b) != 0 && !is_shortened(a, b))
            return false;
    }
    while (next_word(&seen, true, &theirs))
        if (!kn_starts_with(kn_str_text(&theirs), link_start))
            return false;
    return true;
}

/* ---- the account's posts ---- */

/* Of the account; NULL: posting->next or the status says why. */
static enum kn_status find_user(struct kn_posting *posting, const char **ret_id,
                                struct kn_error *err)
{
    struct kn_http_answer answer;
    *ret_id = kn_posting_text(posting, "user");
    if (!*ret_id && posting->account_id && posting->account_id[0])
        *ret_id = posting->account_id;
    if (*ret_id)
        return KN_OK;
    enum kn_status status =
        kn_x_call(posting, "GET", kn_x_api(posting, "/2/users/me"), NULL, &answer, NULL, err);
    if (status != KN_OK)
        return status;
    if (answer.status != 200)
        return kn_x_refusal(posting, &answer, NULL, err);
    *ret_id = kn_answer_id(posting, kn_answer_json(posting, &answer), "data.id");
    if (!*ret_id)
        return kn_error_set(err, KN_REMOTE, "X's answer does not say whose the account is");
    kn_posting_set_text(posting, "user", *ret_id);
    return KN_OK;
}

/* What the account's newest posts tell. */
struct search {
    const char *user, *since; /* older ones are not it */
    const char *id;           /* NULL: not found so far */
    bool complete;            /* all that may be it was seen */
};

/* Times of one zone and one form are in order as texts are. */
static bool is_older(const struct search *search, const json_t *post)
{
    const char *at = json_string_value(kn_answer_at(post, "created_at"));
    return at && strncmp(at, search->since, strlen("2026-01-01T00:00:00")) < 0;
}

static bool is_ours(const struct kn_posting *posting, const struct search *search,
                    const json_t *post)
{
    const char *key = kn_posting_text(posting, "media_key");
    const json_t *keys = kn_answer_at(post, "attachments.media_keys");
    for (size_t i = 0; key && i < json_array_size(keys); i++) {
        const char *theirs = json_string_value(json_array_get(keys, i));
        if (theirs && strcmp(theirs, key) == 0)
            return true;
    }
    if (key && keys)
        return false;
    const char *text = json_string_value(kn_answer_at(post, "text"));
    return kn_answer_at(post, "created_at") && !is_older(search, post) && text &&
           strlen(text) <= TEXT_BYTES_MAX && kn_x_is_text(posting->text.caption, text);
}

/* END: it is refused, and posting->next says what then. *ret_json: the page, also an empty one,
 * which has no "data", but tells that of itself. */
static enum kn_status get_page(struct kn_posting *posting, const struct search *search,
                               const char *token, const json_t **ret_json, struct kn_error *err)
{
    struct kn_http_answer answer;
    const char *url = kn_x_api(
        posting, "/2/users/%s/tweets?max_results=%d&tweet.fields=created_at,attachments%s%s",
        search->user, POSTS, token ? "&pagination_token=" : "", token ? token : "");
    enum kn_status status = kn_x_call(posting, "GET", url, NULL, &answer, NULL, err);
    if (status != KN_OK)
        return status;
    if (answer.status != 200) {
        status = kn_x_refusal(posting, &answer, NULL, err);
        return status == KN_OK ? KN_END : status;
    }
    *ret_json = kn_answer_json(posting, &answer);
    return json_is_object(json_object_get(*ret_json, "meta"))
               ? KN_OK
               : kn_error_set(err, KN_REMOTE, "X's answer is no list of posts");
}

/* END as above. The newest come first. */
static enum kn_status find(struct kn_posting *posting, struct search *search, struct kn_error *err)
{
    const char *token = NULL;
    enum kn_status status = find_user(posting, &search->user, err);
    if (status != KN_OK || !search->user)
        return status == KN_OK ? KN_END : status;
    for (int page = 0; page < PAGES_MAX && !search->id && !search->complete; page++) {
        const json_t *json = NULL;
        status = get_page(posting, search, token, &json, err);
        if (status != KN_OK)
            return status;
        const json_t *posts = json_object_get(json, "data"); /* without any, it is left out */
        for (size_t i = 0; i < json_array_size(posts) && !search->id; i++) {
            const json_t *post = json_array_get(posts, i);
            search->complete |= is_older(search, post);
            if (is_ours(posting, search, post))
                search->id = kn_answer_id(posting, post, "id");
        }
        token = kn_answer_id(posting, json, "meta.next_token");
        search->complete |= !kn_answer_at(json, "meta.next_token");
        if (!token)
            break;
    }
    return KN_OK;
}

/* ---- what comes of it ---- */

/* The next try begins with a look of its own. */
static void forget_looks(struct kn_posting *posting)
{
    kn_posting_forget(posting, "looks");
    kn_posting_forget(posting, "duplicate");
    kn_posting_set_number(posting, "doubts", 1);
}

static enum kn_status unknown(struct kn_posting *posting, const char *why)
{
    forget_looks(posting);
    return kn_posting_unknown(posting, NULL, "X's answer to the post was lost, and %s", why);
}

static enum kn_status untold(struct kn_posting *posting)
{
    forget_looks(posting);
    return kn_posting_untold(posting);
}

/* The request may be sent again, for nothing came of the last one, or X refuses the second. */
static enum kn_status send_again(struct kn_posting *posting, struct kn_error *err)
{
    kn_posting_forget(posting, "looks");
    kn_posting_set_number(posting, "doubts", kn_posting_number(posting, "doubts") + 1);
    kn_posting_settle(posting);
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

static enum kn_status not_there(struct kn_posting *posting, const struct search *search,
                                struct kn_error *err)
{
    int64_t looks = kn_posting_number(posting, "looks");
    bool duplicate = kn_posting_number(posting, "duplicate") != 0;
    int64_t doubts = kn_posting_number(posting, "doubts");
    if (looks < (int64_t)KN_COUNT_OF(waits_s)) {
        kn_posting_set_number(posting, "looks", looks + 1);
        return kn_posting_wait(posting, kn_posting_now_us(posting) + waits_s[looks] * KN_US_PER_S,
                               "X's answer was lost; the post is looked for");
    }
    if (duplicate && !doubts) {
        kn_posting_forget(posting, "duplicate");
        kn_posting_forget(posting, "looks");
        kn_posting_settle(posting);
        return kn_posting_fail(posting, "change the text and publish it again",
                               "X refuses the text: the account has posted the same not long ago");
    }
    if (!search->complete)
        return unknown(posting,
                       "X does not show as many of the account's posts as there are since");
    if (kn_posting_now_us(posting) - kn_posting_intended_us(posting) >= certain_us && !duplicate)
        return send_again(posting, err);
    if (duplicate)
        return unknown(posting,
                       "X refuses to take it again as a duplicate, but shows no such post");
    if (!posting->text.caption[0])
        return unknown(posting, "a post without a text is not safe to repeat");
    if (doubts >= AGAIN_MAX)
        return unknown(posting, "so were those of all other tries");
    return send_again(posting, err);
}

enum kn_status kn_x_look(struct kn_posting *posting, struct kn_error *err)
{
    char since[KN_TIME_TEXT_BYTES];
    struct search search = {.since = kn_time_iso(kn_posting_intended_us(posting) - skew_us, since)};
    enum kn_status status = find(posting, &search, err);
    if (status == KN_END) /* what is not permitted does not settle anything */
        return posting->next == KN_NEXT_FAILED ? untold(posting) : KN_OK;
    if (status != KN_OK)
        return status;
    return search.id ? kn_x_arrived(posting, search.id, err) : not_there(posting, &search, err);
}
