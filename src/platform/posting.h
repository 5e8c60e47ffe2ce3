/*
 * A post on its way: what a platform's client is given, and how it says what happened.
 *
 * The client is a state machine over `memory`, a JSON object of its own that is durable. Its rules:
 *
 *   1. What it must know after a crash is in memory before it is needed: a session's address before
 *      the first byte, the intent ("publishing") before a request that others can see the effect
 *      of, the id after it. kn_posting_remember returns when it is durable, and LOST when the post
 *      is somebody else's by now: then nothing more may be sent.
 *   2. An intent without an id is looked into at the platform before anything is sent again. What
 *      can't be decided is UNKNOWN.
 *   3. It never sleeps: it says when it wants to be called again.
 *   4. Its time is the platform's (kn_posting_now_us): what it remembers of times, compares with
 *      times in answers and waits for stays right where this machine's clock is wrong, is set while
 *      a post is under way, or where another machine goes on with the post.
 *   5. It reads answers as hostile: kn_answer_* take only what has the right kind and length.
 *
 * Hosts fill in the constant part, `memory` and `state`, call kn_posting_advance as often as the
 * outcome says, and kn_posting_done in the end.
 */
#ifndef KN_PLATFORM_POSTING_H
#define KN_PLATFORM_POSTING_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "model/post.h"
#include "net/http.h"
#include "platform/platform.h"

/* What the world is for a post: the publisher's business, or a test's. */
struct kn_posting_host {
    struct kn_http *http;
    struct kn_cancel *cancel;
    /* Makes memory, state and sent_bytes durable. LOST: see above. */
    enum kn_status (*remember)(void *arg, const struct kn_posting *posting, struct kn_error *err);
    /* An access token that is good for a minute at least, in `arena`. `refused` is one that the
     * platform did not take: another is fetched. DENIED: there is none, with what to do. NULL for
     * platforms without accounts. */
    enum kn_status (*token)(void *arg, const char *refused, struct kn_arena *arena,
                            const char **ret_token, struct kn_error *err);
    /* Books more of a quota of platform->quotas for the post. *ret_free_us 0: it is booked; else
     * nothing is, and that is when there is room. NULL: nobody counts. */
    enum kn_status (*book)(void *arg, const char *kind, int amount, int64_t *ret_free_us,
                           struct kn_error *err);
    /* Hears the bytes that are out, often, on another thread; must be quick. May be NULL. */
    void (*progress)(void *arg, int64_t sent_bytes);
    int64_t (*now_us)(void *arg); /* wall clock, the store's; waits are told by it */
    void *arg;
};

/* What comes after a step. */
enum kn_posting_next {
    KN_NEXT_STEP,      /* advance again at once */
    KN_NEXT_WAIT,      /* advance again at `wait_until_us`; `reason` says what for */
    KN_NEXT_LIVE,      /* remote_id and url are set */
    KN_NEXT_SCHEDULED, /* likewise; visible at visible_us, and looked at again at wait_until_us */
    KN_NEXT_FAILED,    /* reason and remedy are set */
    KN_NEXT_UNKNOWN,   /* likewise */
    KN_NEXT_CANCELLED, /* taken back, as `withdraw` wants it; reason says what is left there */
};

struct kn_posting {
    /* What is to be posted; constant. */
    const struct kn_platform *platform;
    struct kn_post_clip clip;
    struct kn_post_text text;
    struct kn_post_options options; /* publish_at_us: also of one that YouTube has, the time that
                                       is wanted by now */
    bool withdraw; /* of SCHEDULED, or of one that is there and held back: somebody wants it taken
                      back */
    const char *account;    /* its name on the platform: "@name", a channel */
    const char *account_id; /* the platform's id of it; "" */
    const char *settings;   /* JSON: the account's own, as `kirinuki auth` wrote it; "{}" */
    const char
        *service_url;   /* where the platform is: "http://127.0.0.1:8787", NULL: the real one */
    const char *marker; /* 16 hexadecimal digits that name this post everywhere */
    int64_t number;     /* the post's own, as commands take it; 0: it has none */
    const struct kn_posting_host *host;
    struct kn_arena *arena; /* for one call of advance */

    /* What changes. */
    json_t *memory;           /* an object; the host's */
    enum kn_post_state state; /* PLANNED, UPLOADING, PROCESSING; or SCHEDULED, to be looked at */
    int64_t sent_bytes;

    /* Set by advance; texts in `arena`. */
    enum kn_posting_next next;
    int64_t wait_until_us; /* by the host's clock, once advance has returned; of SCHEDULED
                            * 0: it is not looked at again */
    int64_t visible_us;    /* of SCHEDULED and LIVE: from when on; 0: now */
    bool wish_refused;     /* of SCHEDULED: what was asked of it (another time, `withdraw`) came to
                              nothing, and reason says why */
    const char *quota;     /* of WAIT: a kind of platform->quotas that is used up until then, for
                              whoever shares it; NULL: the wait is this post's alone */
    const char *remote_id, *url;
    const char *reason, *remedy; /* of LIVE and SCHEDULED: reason has the remarks, or is NULL */

    /* The functions' below: kept from one advance to the next. */
    struct kn_clip_file *file;
    json_t *answers;
};

/* platform->advance, after what the last one left behind was cleared. The arena may be emptied
 * between two calls. */
enum kn_status kn_posting_advance(struct kn_posting *posting, struct kn_error *err);
/* Closes the clip. A posting that lives on between advances reads a clip once; one that is made
 * anew for each reads again what lies before the part that it sends, to know its hash. */
void kn_posting_done(struct kn_posting *posting);

/* By the platform's clock, as its last answer told it; the host's where the two are half a minute
 * apart or less, or where no answer has come yet. */
int64_t kn_posting_now_us(const struct kn_posting *posting);
/* How far the platform's clock is ahead of the host's; 0: it is not, or not by much. */
int64_t kn_posting_ahead_us(const struct kn_posting *posting);

/* posting_call.c's: what an answer says of the platform's clock. */
void kn_posting_note_date(struct kn_posting *posting, const struct kn_http_answer *answer);

/* ---- memory ---- */

/* NULL: it is not there, or no text. Lives until it is set again. */
const char *kn_posting_text(const struct kn_posting *posting, const char *key);
int64_t kn_posting_number(const struct kn_posting *posting, const char *key); /* 0: not there */
void kn_posting_set_text(struct kn_posting *posting, const char *key, const char *value);
void kn_posting_set_number(struct kn_posting *posting, const char *key, int64_t value);
void kn_posting_forget(struct kn_posting *posting, const char *key);
enum kn_status kn_posting_remember(struct kn_posting *posting, struct kn_error *err);

/*
 * The intent: a request whose effect others can see is about to be sent. Remembered at once, with
 * its time. While it stands the post may be there, or is, and whoever gives up has to say UNKNOWN.
 * An answer that leaves no doubt that it is not there settles it.
 */
enum kn_status kn_posting_intend(struct kn_posting *posting, struct kn_error *err);
int64_t kn_posting_intended_us(const struct kn_posting *posting); /* 0: no intent stands */
void kn_posting_settle(struct kn_posting *posting); /* not yet durable: remember does that */

/* Something beside the post went wrong (a thumbnail): told with it when it is live. The first few
 * are kept, each once. */
void kn_posting_remark(struct kn_posting *posting, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- asking ---- */

enum kn_posting_token { KN_TOKEN_NONE, KN_TOKEN_BEARER, KN_TOKEN_OAUTH /* "OAuth TOKEN" */ };

struct kn_posting_call {
    /* Without Authorization; the url absolute. Times that are 0: a minute for an answer, or with a
     * file a minute without a byte in either direction; answer_max 0: 1 MiB. */
    struct kn_http_request request;
    enum kn_posting_token token; /* one that is refused is asked again once with another one */
    /* Does this answer say that the token is refused? NULL: 401 does. */
    bool (*refused)(struct kn_posting *posting, const struct kn_http_answer *answer);
    const json_t *json;  /* NULL, or the body */
    int64_t file_offset; /* with file_bytes: this part of the clip is the body, or where the request
                            has parts, the data of the last of them */
    int64_t file_bytes;  /* 0: the file is not sent */
};

/*
 * KN_OK: an answer of whatever status came, *ret_answer in posting->arena. REMOTE: it was too long
 * to be read. Everything else as in kn_http_perform; *ret_sent (may be NULL): could the server have
 * seen a whole request? Bytes of the file count as progress.
 *
 * INVALID: the clip is not the file any more that it was when the post was planned, by its size,
 * its time, or the hash of what was read; NOT_FOUND: it is gone. The last byte of a clip leaves
 * only when the hash of all of it is right, so a platform never has a whole file that is another
 * one.
 */
enum kn_status kn_posting_call(struct kn_posting *posting, const struct kn_posting_call *call,
                               struct kn_http_answer *ret_answer, bool *ret_sent,
                               struct kn_error *err);
/* service_url and path, or host and path: "https://api.x.com/2/tweets"; in the arena. */
const char *kn_posting_url(const struct kn_posting *posting, const char *host, const char *format,
                           ...) __attribute__((format(printf, 3, 4)));

/* ---- answers ---- */

/* The body as JSON, of which the arena becomes the owner; NULL: it is none. */
const json_t *kn_answer_json(struct kn_posting *posting, const struct kn_http_answer *answer);
/* "data.errors.0.reason": whatever is there; NULL: nothing. */
const json_t *kn_answer_at(const json_t *json, const char *path);
/* A text there without control characters and not longer than `max` bytes, in the arena; NULL: it
 * is not there or is not one. Whole numbers become their digits: ids are texts. */
const char *kn_answer_text(struct kn_posting *posting, const json_t *json, const char *path,
                           size_t max);
/* An id: kn_answer_text of 1 to 128 letters, digits, '-', '_', '.' and '~', which can stand in an
 * address as it is. */
const char *kn_answer_id(struct kn_posting *posting, const json_t *json, const char *path);
/* What the service says to people: cut and cleaned instead of refused; NULL: nothing. Where it is
 * an object in JSON once more, as rupload's are, the message in that; tags of HTML are left out. */
const char *kn_answer_sentence(struct kn_posting *posting, const json_t *json, const char *path);
/* A whole number, also one that comes as a text of digits. */
int64_t kn_answer_number(const json_t *json, const char *path, int64_t otherwise);
/* A time: "2026-12-01T12:00:00Z", with parts of a second or another zone ("+0000") as well; in
 * microseconds, wall clock; -1: it is none. */
int64_t kn_answer_time(struct kn_posting *posting, const json_t *json, const char *path);

/* ---- what then ---- */

enum kn_status kn_posting_step(struct kn_posting *posting); /* KN_OK, like all of these */
/* Sentences are cut to a sensible length; the format's arguments may be hostile. */
enum kn_status kn_posting_wait(struct kn_posting *posting, int64_t until_us, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));
enum kn_status kn_posting_live(struct kn_posting *posting, const char *remote_id, const char *url);
enum kn_status kn_posting_fail(struct kn_posting *posting, const char *remedy, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));
/* The remedy says what a person has to look for and where: in the platform's own places, or by
 * `look` ("ask the receiver whether it has the clip"), where that is not NULL; and which commands
 * tell what was seen. */
enum kn_status kn_posting_unknown(struct kn_posting *posting, const char *look, const char *format,
                                  ...) __attribute__((format(printf, 3, 4)));
/* UNKNOWN, because the platform refuses to tell what became of it: with the sentence and the remedy
 * of the FAILED that the last step has set. */
enum kn_status kn_posting_untold(struct kn_posting *posting);
/* FAILED with that remedy, or while an intent stands UNKNOWN with `look`. */
enum kn_status kn_posting_give_up(struct kn_posting *posting, const char *look, const char *remedy,
                                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* For an answer that says "later" (429, 503): waits for its Retry-After, or for `usual_us`. */
enum kn_status kn_posting_later(struct kn_posting *posting, const struct kn_http_answer *answer,
                                int64_t usual_us, const char *reason);
/* A wait because a quota (a kind of platform->quotas; NULL: one that nobody keeps) is used up until
 * then. */
enum kn_status kn_posting_used_up(struct kn_posting *posting, const char *quota, int64_t until_us,
                                  const char *reason);
/* SCHEDULED: like live. `look_us`: wait_until_us. */
enum kn_status kn_posting_scheduled(struct kn_posting *posting, const char *remote_id,
                                    const char *url, int64_t visible_us, int64_t look_us);
enum kn_status kn_posting_withdrawn(struct kn_posting *posting, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Books so much more of a quota; where it does not fit, *ret_fits is false and the post waits. */
enum kn_status kn_posting_book(struct kn_posting *posting, const char *quota, int amount,
                               bool *ret_fits, struct kn_error *err);

#endif
