/*
 * For tests of platforms: a post is taken to its end by a publisher of this file's, at a platform
 * of the test's, while one thing goes wrong after the other.
 *
 * The test brings a world: what the platform holds, and how it answers. A run begins with an empty
 * world and an empty memory; it crashes where its plan says, goes on from what was durable, and
 * ends with an outcome. A sweep makes runs with a crash at every `remember`, a fault at every
 * request, and both together, and has each judged: exactly one post is there, or the outcome says
 * why not.
 *
 * Time is the harness's own: waits pass at once. Nobody sleeps.
 */
#ifndef KN_TESTS_POSTING_HARNESS_H
#define KN_TESTS_POSTING_HARNESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/server.h"
#include "platform/posting.h"

enum harness_fault {
    HARNESS_NONE,
    HARNESS_UNSEEN,   /* the connection is cut, and the platform never hears of the request */
    HARNESS_HALF,     /* it is cut with half of the body here: the world sees body_size too small */
    HARNESS_LOST,     /* it is carried out, and the answer lost */
    HARNESS_BUSY,     /* 503 with Retry-After, and nothing is done */
    HARNESS_CONFUSED, /* it is carried out, and 500 is what is said */
    HARNESS_GARBLED,  /* it is carried out, and the answer is no JSON */
    HARNESS_TOKEN,    /* 401: the token has expired */
    HARNESS_FAULT_COUNT
};

/* What goes wrong in a run. */
struct harness_plan {
    int crash_at;     /* the so many-th time that memory is made durable, from 1; 0: never */
    bool crash_after; /* just after that instead of just before */
    int fault_at;     /* request, from 1; 0: none */
    enum harness_fault fault;
    bool for_ever; /* all the requests behind that one meet it, too */
};

struct harness {
    /* ---- the test's, set after harness_open ---- */
    const struct kn_platform *platform;
    void *world;
    void (*reset)(void *world); /* before each run */
    /* Called under `lock`, one request at a time. */
    void (*serve)(void *world, const struct kn_exchange *x, struct kn_reply *reply);
    struct kn_post_clip clip; /* a file of this harness */
    struct kn_post_text text;
    struct kn_post_options options;
    bool withdraw;
    const char *account, *account_id, *settings;
    /* For a platform that is another server: set service_url as well. */
    const char *token_text;                  /* NULL: tokens of the harness's own */
    int64_t start_us;                        /* of its clock, for each run */
    int64_t ahead_us;                        /* the platform's clock, of the publisher's */
    void (*passed)(void *world, int64_t us); /* so much of a wait is over; NULL */
    /* What counts quotas, as struct kn_posting_host has it; its arg is the harness; NULL: nobody.
     */
    enum kn_status (*book)(void *arg, const char *kind, int amount, int64_t *ret_free_us,
                           struct kn_error *err);

    /* ---- of the last run ---- */
    enum kn_posting_next outcome; /* LIVE, SCHEDULED, FAILED, UNKNOWN or CANCELLED */
    enum kn_status status;        /* of the advance that ended it */
    char remote_id[160], url[512], reason[600], remedy[400];
    char quota[32]; /* the last that was said to be used up */
    int64_t quota_until_us;
    int64_t visible_us, look_us; /* of SCHEDULED */
    bool wish_refused;
    int remembers, requests, restarts;
    int64_t waited_us; /* by the clock of the run */
    char *memory;      /* as it is durable; JSON */

    /* ---- its own ---- */
    pthread_mutex_t lock;
    int64_t now_us;
    int token; /* the number of the one that is good */
    int64_t progress_bytes;
    const char *folder;
    struct kn_http *http;
    struct kn_server *server;
    char service_url[64];
    struct kn_arena *arena;
    const struct harness_plan *plan;
    enum kn_post_state state;
    bool crashed, sent_after_crash;
};

/* With a clip of `bytes` random bytes, a thumbnail and subtitles. */
void harness_open(struct harness *h, const struct kn_platform *platform, size_t bytes);
void harness_close(struct harness *h);
/* Another file instead. */
void harness_use_clip(struct harness *h, const char *path);

/* Setup and teardown of tests: a world, which begins with its harness, as the test's state. `size`
 * zeroed bytes; it is reset before it goes as before each run. `serve` NULL: nobody is asked. */
void *harness_world_open(void **state, size_t size, const struct kn_platform *platform,
                         size_t clip_bytes, void (*reset)(void *world),
                         void (*serve)(void *world, const struct kn_exchange *x,
                                       struct kn_reply *reply));
int harness_world_close(void **state);

/* NULL: nothing goes wrong. */
void harness_run(struct harness *h, const struct harness_plan *plan);
/* Goes on from the memory of the last run, as when a user asks for another try; one that came to be
 * SCHEDULED is looked at by that. */
void harness_run_again(struct harness *h, const struct harness_plan *plan);
void harness_sweep(struct harness *h,
                   void (*judge)(struct harness *h, const struct harness_plan *plan));
/* Fails the test with the run's plan and what came of it. */
void harness_fail(const struct harness *h, const char *sentence);
/* The last run ended well, with this id, at this path of the platform; `good`: the world has what
 * `sentence` says. */
void harness_expect_live(const struct harness *h, bool good, const char *sentence,
                         const char *remote_id, const char *path);

/* ---- for worlds ---- */

/* By the platform's clock. */
int64_t harness_there_us(const struct harness *h);

/* Does the request bear the token that is good, as "Bearer …" or "OAuth …"? */
bool harness_is_authorized(const struct harness *h, const struct kn_exchange *x);
/* "" where there is none. */
const char *harness_header(const struct kn_exchange *x, const char *name);
const char *harness_query(const struct kn_exchange *x, const char *name);
/* Is less of the body here than was announced? */
bool harness_is_cut(const struct kn_exchange *x);
/* printf into the answer, as JSON. */
void harness_reply(const struct kn_exchange *x, struct kn_reply *reply, int status,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
void harness_reply_header(const struct kn_exchange *x, struct kn_reply *reply, const char *name,
                          const char *value);

#endif
