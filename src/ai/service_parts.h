/*
 * The parts of a service; private to service*.c and their tests. service.c tells the story.
 */
#ifndef KN_AI_SERVICE_PARTS_H
#define KN_AI_SERVICE_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <kirinuki/cancel.h>
#include <kirinuki/status.h>
#include <pthread.h>

#include "ai/service.h"
#include "base/list.h"
#include "net/http.h"

/* ---- service_limits.c: who may send when ---- */

struct kn_limits;

/* Which start of a service this is, and when it was. */
struct kn_start {
    int64_t number, at_us;
};

/* Any thread may call anything but new and free. */
struct kn_limits *kn_limits_new(int concurrency, double requests_a_minute, double tokens_a_minute);
void kn_limits_free(struct kn_limits *limits);
/* For tests: its clock runs so many times faster than the real one. Before use. */
void kn_limits_use_speed(struct kn_limits *limits, double speed);
int64_t kn_limits_now_us(struct kn_limits *limits);
/* Sleeps that long by that clock; true: cancelled. */
bool kn_limits_sleep_ms(struct kn_limits *limits, int64_t ms, struct kn_cancel *cancel);

/* Takes one of the places for requests in flight; CANCELLED without one. */
enum kn_status kn_limits_enter(struct kn_limits *limits, struct kn_cancel *cancel);
/* Waits, in a place, until one request with so many tokens may start. CANCELLED: it may not. */
enum kn_status kn_limits_start(struct kn_limits *limits, double tokens, struct kn_cancel *cancel,
                               struct kn_start *ret_start);
/* What came of the request that started so: its headers are heeded, and how long it
 * took for how much `work`. OK: the service takes requests; LIMIT: it is asked too much; others say
 * nothing about that. */
void kn_limits_heed(struct kn_limits *limits, const struct kn_start *start, double work,
                    const struct kn_http_answer *answer, enum kn_status outcome);
void kn_limits_leave(struct kn_limits *limits);
/* Nobody starts for that long. */
void kn_limits_pause_ms(struct kn_limits *limits, int64_t ms);
int kn_limits_concurrency(struct kn_limits *limits); /* in force */

/* "1s", "6m0s", "1h2m3.5s", "120ms" as Go prints durations, or a plain number of seconds; in
 * milliseconds, rounded up. -1: neither. */
int64_t kn_go_duration_ms(const char *text);

/* ---- service_error.c: what an answer that is none says ---- */

/* Whom a sentence is about. Borrowed. */
struct kn_service_names {
    const char *name, *origin, *key, *key_hint, *path, *model;
};

enum kn_refused {
    KN_REFUSED_THIS,  /* this request, for now */
    KN_REFUSED_MODEL, /* all of this model and path */
    KN_REFUSED_ALL,   /* everybody with this key */
};

struct kn_refusal {
    enum kn_status status;
    bool retry;         /* it may pass */
    bool too_much;      /* the service wants fewer requests */
    bool overloaded;    /* it has trouble of its own: wait longer */
    enum kn_refused of; /* what else will fare the same */
    struct kn_error why;
};

/* `body`: the answer's as JSON, NULL: it is none. An answer of status 2xx may be an error as well:
 * see kn_is_error. */
void kn_refusal_read(const struct kn_http_answer *answer, const json_t *body,
                     const struct kn_service_names *names, struct kn_refusal *ret_refusal);
bool kn_is_error(const json_t *body);

/* The answer's body as JSON (owned), with U+FFFD for what is not UTF-8; NULL: it is none. */
json_t *kn_service_answer_json(const struct kn_http_answer *answer);

/* ---- service_cache.c: answers that were paid for ---- */

struct kn_answers;

/* `folder` is copied; NULL: nothing is kept. */
struct kn_answers *kn_answers_new(const char *folder, int64_t bytes_max);
void kn_answers_free(struct kn_answers *answers);
/* Owned; NULL: it is not there, or not what was written. */
json_t *kn_answers_find(struct kn_answers *answers, const char *name);
/* What can't be kept is not: then it is asked again another time. */
void kn_answers_keep(struct kn_answers *answers, const char *name, const json_t *answer);
/*
 * Whoever is about to pay for an answer claims its name: who wants the same, in another process or
 * another kn_answers, waits here until it is released, up to `limit_ms`, and then looks for it
 * again. One process claims a name once at a time. False: nobody waits for this one, because
 * the file system has no locks, the time is over, or it was cancelled; there is nothing to release.
 */
bool kn_answers_claim(struct kn_answers *answers, const char *name, int64_t limit_ms,
                      struct kn_cancel *cancel);
void kn_answers_release(struct kn_answers *answers, const char *name);

/* ---- service_send.c: one question, until it is answered or has failed for good ---- */

/* What is known to fail for a while: everything, or one model on one path. */
struct kn_down {
    uint64_t subject; /* 0: everything */
    int64_t until_us;
    struct kn_error why;
};

enum { KN_DOWN_MAX = 8 };

struct kn_service {
    struct kn_http *http;
    /* Immutable. */
    char *name, *base_url, *origin, *key, *key_hint, *authorization;
    int attempts;
    int64_t limit_ms;
    struct kn_limits *limits;
    struct kn_answers *answers;
    struct kn_secrets *secrets; /* `key` is one of them */

    pthread_mutex_t lock;
    pthread_cond_t landed; /* a flight */
    /* Protected by `lock`. */
    struct kn_link flights;
    struct kn_service_counts counts;
    struct kn_down downs[KN_DOWN_MAX];
    int down_count;
    int failures;  /* calls in a row that failed for good without an answer */
    bool answered; /* anything, ever */
};

/* `body`: what is sent, JSON as text; NULL where the call has parts. *ret_keep: the answer may be
 * kept, as `accept` says. */
enum kn_status kn_service_ask(struct kn_service *service, const struct kn_service_call *call,
                              const char *body, struct kn_cancel *cancel, json_t **ret_answer,
                              bool *ret_keep, struct kn_error *err);

#endif
