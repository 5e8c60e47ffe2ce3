/* From a finished container to a post: "IG User media_publish" and "IG User media", 2026-09-11. */
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/instagram.h"

enum {
    CAPTION_BYTES_MAX = 16000,
    URL_BYTES_MAX = 500,
    LISTED = 100, /* a page, as many as there may be */
    CURSOR_BYTES_MAX = 300,
    PAGES_MAX = 100, /* "the 10,000 most recent" */
    TRIES_MAX = 3,
    NOT_READY_S = 10,
    TRY_AGAIN_S = 40, /* "30 s to 2 min" */
    FIND_S = 20,
    READ_S = 5,
};

/* How far the clocks of the two sides may be apart. */
static const int64_t skew_us = 300 * KN_US_PER_S;
/* After this time what is not listed is not there. */
static const int64_t certain_us = 3600 * KN_US_PER_S;

static enum kn_status wait_s(struct kn_posting *posting, int64_t seconds, const char *why)
{
    return kn_posting_wait(posting, kn_posting_now_us(posting) + seconds * KN_US_PER_S, "%s", why);
}

static enum kn_status take_media(struct kn_posting *posting, const char *media,
                                 struct kn_error *err)
{
    kn_posting_set_text(posting, "media", media);
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

/* How often it was so, this time included. */
static int64_t count(struct kn_posting *posting, const char *key)
{
    int64_t times = kn_posting_number(posting, key) + 1;
    kn_posting_set_number(posting, key, times);
    return times;
}

static enum kn_status refused(struct kn_posting *posting,
                              const struct kn_instagram_refusal *refusal, struct kn_error *err)
{
    if (refusal->then == KN_INSTAGRAM_RETRY)
        return kn_instagram_act(posting, refusal, err); /* it may have done it */
    if (refusal->then == KN_INSTAGRAM_SLOW_DOWN)
        return KN_OK; /* it does not harm to ask the container first */
    /* A container that was published is refused in the same way. */
    if (refusal->then == KN_INSTAGRAM_NO_SUCH && kn_posting_number(posting, "asked_us"))
        return count(posting, "refused") < TRIES_MAX
                   ? wait_s(posting, NOT_READY_S,
                            "Instagram is asked whether it published the clip")
                   : kn_instagram_give_up(posting, refusal->remedy, refusal->sentence);
    kn_posting_settle(posting);
    if (refusal->then == KN_INSTAGRAM_NOT_READY)
        return wait_s(posting, NOT_READY_S, refusal->sentence);
    if (refusal->then == KN_INSTAGRAM_NO_SUCH)
        return count(posting, "refused") < TRIES_MAX
                   ? wait_s(posting, TRY_AGAIN_S, refusal->sentence)
                   : kn_instagram_start_over(posting, refusal->sentence, err);
    return kn_instagram_act(posting, refusal, err);
}

enum kn_status kn_instagram_publish(struct kn_posting *posting, struct kn_error *err)
{
    const json_t *json = NULL;
    struct kn_instagram_refusal refusal;
    enum kn_status status = kn_posting_intend(posting, err);
    if (status != KN_OK)
        return status;
    status = kn_instagram_call(
        posting, kn_instagram_url(posting, "/%s/media_publish", kn_instagram_user(posting)),
        json_pack("{s:s}", "creation_id", kn_posting_text(posting, "container")), &json, &refusal,
        err);
    if (status == KN_END)
        return refused(posting, &refusal, err);
    if (status != KN_OK)
        return status;
    const char *media = kn_answer_id(posting, json, "id");
    return media ? take_media(posting, media, err)
                 : kn_error_set(err, KN_REMOTE, "Instagram's answer does not name the post");
}

/* ---- looking for it ---- */

/* Blanks and line ends apart, of which services keep what they like. */
static bool same_text(const char *a, const char *b)
{
    for (;; a++, b++) {
        a += strspn(a, " \t\r\n");
        b += strspn(b, " \t\r\n");
        if (*a != *b || !*a)
            return *a == *b;
    }
}

/* What the account's media tell of the reel. */
struct search {
    int64_t since_us, until_us; /* when it can have been published */
    int found;                  /* how many can be it */
    const char *id;             /* the last of these */
    int others;    /* of the same time, with another caption, which people can change */
    bool complete; /* all that may be it was seen */
};

/* The newest come first. */
static void look_through(struct kn_posting *posting, const json_t *list, struct search *search)
{
    for (size_t i = 0; i < json_array_size(list) && i < LISTED; i++) {
        const json_t *item = json_array_get(list, i);
        const char *caption = json_string_value(json_object_get(item, "caption"));
        const char *id = kn_answer_id(posting, item, "id");
        int64_t at_us = kn_answer_time(posting, item, "timestamp");
        caption = caption ? caption : "";
        search->complete |= at_us >= 0 && at_us < search->since_us;
        if (!id || at_us < search->since_us || strlen(caption) > CAPTION_BYTES_MAX)
            continue;
        bool same = same_text(caption, posting->text.caption);
        search->id = same ? id : search->id;
        search->found += same;
        search->others += !same && at_us <= search->until_us;
    }
}

/* Of the next page, as it can stand in an address; NULL: there is none. */
static const char *cursor(struct kn_posting *posting, const json_t *json)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.~=";
    const char *text = kn_answer_text(posting, json, "paging.cursors.after", CURSOR_BYTES_MAX);
    return text && *text && !text[strspn(text, letters)] ? text : NULL;
}

/* END: refused, as kn_instagram_call. */
static enum kn_status look_through_all(struct kn_posting *posting, struct search *search,
                                       struct kn_instagram_refusal *ret_refusal,
                                       struct kn_error *err)
{
    const char *after = "";
    for (int page = 0; page < PAGES_MAX && !search->complete; page++) {
        const json_t *json = NULL;
        const char *url =
            kn_instagram_url(posting, "/%s/media?fields=id,caption,timestamp&limit=%d%s%s",
                             kn_instagram_user(posting), LISTED, *after ? "&after=" : "", after);
        enum kn_status status = kn_instagram_call(posting, url, NULL, &json, ret_refusal, err);
        if (status != KN_OK)
            return status;
        const json_t *list = json_object_get(json, "data");
        if (!json_is_array(list))
            return kn_error_set(err, KN_REMOTE, "Instagram's answer is no list of reels");
        look_through(posting, list, search);
        after = cursor(posting, json);
        search->complete |= !kn_answer_at(json, "paging.next");
        if (!after)
            break;
    }
    return KN_OK;
}

/* When nothing of that time is left that could be it, the reel is not there, and was not removed in
 * a hurry by somebody who saw it. */
static bool is_certainly_absent(struct kn_posting *posting, const struct search *search)
{
    return search->complete && !search->found && !search->others &&
           kn_posting_now_us(posting) >= search->until_us;
}

static enum kn_status not_found(struct kn_posting *posting, bool published,
                                const struct search *search, struct kn_error *err)
{
    int found = search->found;
    if (!found && !published && is_certainly_absent(posting, search)) {
        kn_posting_settle(posting);
        return kn_instagram_start_over(posting, "Instagram let the upload expire", err);
    }
    if (!found && count(posting, "finds") < TRIES_MAX)
        return wait_s(posting, FIND_S, "the reel is looked for among the account's");
    kn_posting_forget(posting, "finds");
    if (!published)
        return kn_instagram_give_up(
            posting, NULL,
            found ? "Instagram's answer to publishing was lost, and the account has several reels "
                    "with this caption"
                  : "Instagram's answer to publishing was lost, and no reel of the account has "
                    "this caption");
    kn_posting_remark(posting, "Instagram published it, but does not tell its address: it is in "
                               "the account's profile");
    return kn_posting_live(posting, kn_posting_text(posting, "container"),
                           kn_instagram_profile(posting));
}

enum kn_status kn_instagram_find(struct kn_posting *posting, bool published, struct kn_error *err)
{
    struct kn_instagram_refusal refusal;
    int64_t asked_us = kn_posting_number(posting, "asked_us");
    int64_t from_us = asked_us ? asked_us : kn_posting_intended_us(posting);
    struct search search = {.since_us = from_us - skew_us,
                            .until_us = kn_posting_intended_us(posting) + certain_us};
    enum kn_status status = look_through_all(posting, &search, &refusal, err);
    if (status == KN_END && published && refusal.then == KN_INSTAGRAM_STOP)
        return not_found(posting, published, &search, err);
    if (status == KN_END)
        return kn_instagram_act(posting, &refusal, err);
    if (status != KN_OK)
        return status;
    return search.found == 1 ? take_media(posting, search.id, err)
                             : not_found(posting, published, &search, err);
}

/* ---- its address ---- */

enum kn_status kn_instagram_read_back(struct kn_posting *posting, struct kn_error *err)
{
    static const char host[] = "https://www.instagram.com";
    const json_t *json = NULL;
    struct kn_instagram_refusal refusal;
    const char *media = kn_posting_text(posting, "media");
    enum kn_status status =
        kn_instagram_call(posting, kn_instagram_url(posting, "/%s?fields=id,permalink", media),
                          NULL, &json, &refusal, err);
    if (status == KN_CANCELLED || status == KN_LOST)
        return status;
    const char *url =
        status == KN_OK ? kn_answer_text(posting, json, "permalink", URL_BYTES_MAX) : NULL;
    if (url && kn_starts_with(url, kn_posting_url(posting, host, "/")))
        return kn_posting_live(posting, media, url);
    if (url && kn_starts_with(url, host)) /* a sandbox that names the real one */
        return kn_posting_live(posting, media,
                               kn_posting_url(posting, host, "%s", url + strlen(host)));
    /* The post is there, whatever becomes of this. */
    if (count(posting, "reads") < TRIES_MAX)
        return wait_s(posting, READ_S, "the reel's address is asked for");
    kn_posting_remark(posting, "Instagram does not tell the reel's address");
    return kn_posting_live(posting, media, kn_instagram_profile(posting));
}
