/*
 * The sandbox's platform half: publishing platforms, emulated strictly by their documentation on
 * the port of the sandbox, so that publishing can be tried and tested without an account.
 *
 * A platform that is emulated is a *mimic*: a const descriptor with a table of routes. What all of
 * them need is here: who may do what (oauth.h), where uploads go (spool.h), what is posted
 * (posts.h), a clock that can be put forward, settings, and a request's way. To add one, write its
 * descriptor and put it into the list of platforms.c; faults that name its paths need rows in
 * KN_SANDBOX_FAULT_TABLE and enum kn_sandbox_path.
 *
 * Locks: `lock` of struct kn_mimics protects everything but the bytes of uploads. `begin`, `run`,
 * `gone`, `tick` and `reset` are called with it held; who hashes, probes or waits lets it go with
 * kn_mimics_leave and takes it again with kn_mimics_enter. What is in the arena of struct
 * kn_mimics stays valid until the sandbox closes, a reset forgets it only.
 */
#ifndef KN_SANDBOX_PLATFORMS_H
#define KN_SANDBOX_PLATFORMS_H

#include <pthread.h>

#include <jansson.h>

#include "net/server.h"
#include "sandbox/ledger.h"
#include "sandbox/platforms/oauth.h"
#include "sandbox/platforms/posts.h"
#include "sandbox/platforms/spool.h"
#include "sandbox/sandbox.h"

enum kn_mimic_id {
    KN_MIMIC_YOUTUBE,
    KN_MIMIC_TIKTOK,
    KN_MIMIC_INSTAGRAM,
    KN_MIMIC_X,
    KN_MIMIC_COUNT,
};
const char *kn_mimic_name(enum kn_mimic_id id); /* "youtube" */

/* ---- settings: numbers that tests and the command line change ---- */

/* clang-format off */
#define KN_MIMIC_SETTING_TABLE(X)                                                                 \
    /* name              text                default  most   meaning */                           \
    X(PROCESSING_S,      "processing",       2,       1e6,                                        \
      "seconds that a platform processes an upload, by the sandbox's clock")                      \
    X(UNAUDITED,         "unaudited",        0,       1,                                          \
      "1: the app is not audited; YouTube locks its uploads private, TikTok lets it post to "     \
      "private accounts alone")                                                                   \
    X(YOUTUBE_INSERTS,   "youtube-inserts",  100,     1e9,   "videos.insert calls a day")         \
    X(YOUTUBE_UNITS,     "youtube-units",    10000,   1e9,   "quota units a day for other calls") \
    X(YOUTUBE_UPLOADS,   "youtube-uploads",  1e9,     1e9,   "uploads of a channel in 24 hours")  \
    X(YOUTUBE_VERIFIED,  "youtube-verified", 1,       1,                                          \
      "0: the channel is not verified: no thumbnails, no video over 15 minutes")                  \
    X(YOUTUBE_TESTING,   "youtube-testing",  0,       1,                                          \
      "1: the consent screen is in testing, so that refresh tokens live for 7 days")              \
    X(TIKTOK_ROTATES,    "tiktok-rotates",   1,       1,     "1: refresh tokens are replaced")    \
    X(TIKTOK_ERRORS_200, "tiktok-oauth-200", 0,       1,     "1: its OAuth errors come with 200") \
    X(TIKTOK_POSTS,      "tiktok-posts",     15,      1e9,   "direct posts of an account in 24 h") \
    X(TIKTOK_PENDING,    "tiktok-pending",   5,       1e9,   "drafts of an account in 24 h")       \
    X(TIKTOK_USERS,      "tiktok-users",     5,       1e9,                                        \
      "accounts that an app which is not audited may post to in 24 h")                            \
    X(TIKTOK_SECONDS,    "tiktok-seconds",   600,     600,   "the longest video of its accounts")  \
    X(TIKTOK_PRIVATE,    "tiktok-private",   0,       1,     "1: its accounts are private")        \
    X(TIKTOK_BANNED,     "tiktok-banned",    0,       1,     "1: its accounts may not post")       \
    X(TIKTOK_MODERATION_S, "tiktok-moderation", 1,    1e6,                                        \
      "seconds from PUBLISH_COMPLETE until others see a post and it has its id")                  \
    X(TIKTOK_CREATOR_RATE, "tiktok-creator-rate", 20, 1e9,   "creator_info a minute and token")    \
    X(TIKTOK_INIT_RATE,  "tiktok-init-rate", 6,       1e9,   "inits a minute and token")           \
    X(TIKTOK_STATUS_RATE, "tiktok-status-rate", 30,   1e9,   "status/fetch a minute and token")    \
    X(TIKTOK_FAIL_REASON, "tiktok-fail-reason", 0,    11,                                         \
      "which fail_reason processing-fails gives; 0: internal, for others see docs/sandbox.md")    \
    X(TIKTOK_RANGE_LAST, "tiktok-range-last", 0,      1,                                          \
      "1: Content-Range of a chunk's answer names the last byte, not how many there are")         \
    X(INSTAGRAM_POSTS,   "instagram-posts",  50,      1e9,   "posts of an account in 24 h")        \
    X(INSTAGRAM_CONTAINERS, "instagram-containers", 400, 1e9, "containers of an account in 24 h")  \
    X(INSTAGRAM_CALLS,   "instagram-calls",  4800,    1e9,   "calls for an account in 24 h")       \
    X(INSTAGRAM_PROFESSIONAL, "instagram-professional", 1, 1, "0: its accounts are personal ones") \
    X(INSTAGRAM_PRIMING, "instagram-priming", 1,      1,                                          \
      "0: to the letter: no edit list, also none that skips a sound encoder's delay")             \
    X(INSTAGRAM_FLAT,    "instagram-flat",   0,       1,                                          \
      "1: short tokens come in the older flat form")                                              \
    X(X_SECONDS,         "x-seconds",        1200,    7500,  "the longest video of its accounts")  \
    X(X_SEGMENT,         "x-segment",        5000000, 8000000, "bytes of a segment at most")       \
    X(X_EXPIRES,         "x-expires",        86400,   1e9,   "seconds that an upload can be used") \
    X(X_DUPLICATES,      "x-duplicates",     86400,   1e9,                                         \
      "seconds in which an account may not post the same text again")                             \
    X(X_CREDITS,         "x-credits",        1e9,     1e9,   "dollars of the app for its calls")
/* clang-format on */
#define KN_MIMIC_SETTING_ENUM(name, text, normal, most, meaning) KN_MIMIC_##name,
enum kn_mimic_setting { KN_MIMIC_SETTING_TABLE(KN_MIMIC_SETTING_ENUM) KN_MIMIC_SETTING_COUNT };
#undef KN_MIMIC_SETTING_ENUM

/* ---- all of them ---- */

enum { KN_MIMIC_ACCOUNTS_MAX = 64, KN_MIMIC_ID_BYTES = 48 };

struct kn_sandbox;
struct kn_mimic;

struct kn_mimics {
    struct kn_sandbox *sandbox;
    pthread_mutex_t lock;   /* see above */
    struct kn_arena *arena; /* what is remembered; under `lock`, like all that follows */
    KN_VEC(json_t *) jsons; /* that live as long as the arena */
    int64_t offset_us;      /* of the sandbox's clock from the wall's */
    double settings[KN_MIMIC_SETTING_COUNT], settings_first[KN_MIMIC_SETTING_COUNT];
    const char *accounts[KN_MIMIC_ACCOUNTS_MAX]; /* names; every platform has all of them */
    int account_count;
    int64_t issued; /* ids and tokens so far */
    struct kn_grants grants;
    struct kn_spool spool;
    struct kn_shown_posts posts;
    void *states[KN_MIMIC_COUNT];
};

enum kn_status kn_mimics_open(struct kn_sandbox *sandbox, struct kn_mimics **ret_mimics,
                              struct kn_error *err);
void kn_mimics_close(struct kn_mimics *m); /* behind the server; NULL is fine */
void kn_mimics_reset(struct kn_mimics *m, bool keeps_tokens);
/* The server's hooks. Begin leaves alone what is none of its paths; visit gives false then. */
void kn_mimics_begin(struct kn_mimics *m, const struct kn_exchange *head,
                     struct kn_server_intake *intake, struct kn_reply *reply);
bool kn_mimics_visit(struct kn_mimics *m, const struct kn_exchange *exchange,
                     struct kn_reply *reply);

static inline void kn_mimics_enter(struct kn_mimics *m)
{
    pthread_mutex_lock(&m->lock);
}
static inline void kn_mimics_leave(struct kn_mimics *m)
{
    pthread_mutex_unlock(&m->lock);
}

int64_t kn_mimics_now_us(const struct kn_mimics *m); /* since 1970, by the sandbox's clock */
/* "name=1.5" INVALID: no such setting (the sentence lists them), or not such a value. */
enum kn_status kn_mimics_set(struct kn_mimics *m, const char *text, struct kn_error *err);
enum kn_status kn_mimics_set_number(struct kn_mimics *m, const char *name, double value,
                                    struct kn_error *err);
const char *kn_mimic_setting_name(enum kn_mimic_setting setting);
/* All platforms' clocks go on to now: what is due becomes visible. */
void kn_mimics_tick(struct kn_mimics *m);
/* Takes `json`, which lives as long as the arena; gives it back. */
json_t *kn_mimics_keep(struct kn_mimics *m, json_t *json);
/* A new id of `length` characters out of `alphabet`, the same in each run; in the arena. */
char *kn_mimics_make_id(struct kn_mimics *m, const char *alphabet, int length);
#define KN_MIMIC_DIGITS "0123456789"
#define KN_MIMIC_BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
/* -1: there is none of that name. */
int kn_mimics_account(const struct kn_mimics *m, const char *name);
/* As the platform names an account: a channel's id, an open_id, digits. */
const char *kn_mimic_account_id(enum kn_mimic_id mimic, int account, char text[KN_MIMIC_ID_BYTES]);

/* ---- a mimic ---- */

/* What the shared code refuses in a mimic's name. */
enum kn_mimic_refusal {
    KN_REFUSE_NO_TOKEN,
    KN_REFUSE_BAD_TOKEN, /* nobody gave it out, or it was revoked */
    KN_REFUSE_EXPIRED_TOKEN,
    KN_REFUSE_SCOPE,
    KN_REFUSE_METHOD, /* the path has other methods */
    KN_REFUSE_TOO_LARGE,
    KN_REFUSE_RATE,  /* 429, or what the platform does instead */
    KN_REFUSE_QUOTA, /* no use in trying again today */
    KN_REFUSE_SERVER,
    KN_REFUSE_OVERLOADED,
};

struct kn_mimic_visit;

struct kn_mimic_route {
    const char *method;
    /* Segments as they are, "*" for any one, "#" for digits, "v*" for one with that beginning. */
    const char *path;
    enum kn_sandbox_path kind;
    /* "a b|c": scopes a and b, or c; "": any token. NULL: the route needs none, or looks for it
     * itself with kn_mimic_sign_in. */
    const char *scopes;
    /* At the head of the request; may start an upload or refuse. NULL: nothing to do. */
    void (*begin)(struct kn_mimic_visit *visit);
    /* When the body is there; makes the reply. */
    void (*run)(struct kn_mimic_visit *visit);
    /* The connection ended before `run`. NULL: nothing to do. */
    void (*gone)(struct kn_mimic_visit *visit);
};

struct kn_mimic {
    enum kn_mimic_id id;
    const struct kn_mimic_route *routes;
    int route_count;
    /* Makes the reply for a refusal, in the platform's form. */
    void (*refuse)(struct kn_mimic_visit *visit, enum kn_mimic_refusal why);
    /* Counts a request that is let in, before its route hears of it; false: it is one too many, and
     * the reply is made. May be NULL. */
    bool (*admit)(struct kn_mimic_visit *visit);
    /* Adds to a reply that is made what every answer carries. May be NULL. */
    void (*complete)(struct kn_mimic_visit *visit);
    bool no_retry_after; /* it tells by other headers when to return */
    size_t state_size;   /* zeroed, in the arena; zeroed again by a reset */
    /* What is due by now happens: processing ends, publishing times come. May be NULL. */
    void (*tick)(struct kn_mimics *m, void *state, int64_t now_us);
    /* Before the state is zeroed: gives back what is not in the arena. May be NULL. */
    void (*reset)(struct kn_mimics *m, void *state);
};
extern const struct kn_mimic kn_mimic_youtube, kn_mimic_tiktok, kn_mimic_instagram, kn_mimic_x;

/* ---- a request ---- */

enum { KN_MIMIC_WILD_MAX = 4, KN_MIMIC_HEADERS_MAX = 16 };

struct kn_mimic_visit {
    struct kn_mimics *m;
    const struct kn_mimic *mimic;
    const struct kn_mimic_route *route;
    void *state; /* the mimic's */
    const struct kn_exchange *exchange;
    struct kn_reply *reply;
    struct kn_arena *arena;              /* the request's */
    const char *wild[KN_MIMIC_WILD_MAX]; /* what stood for "*" and "#" */
    int64_t now_us;
    struct kn_signed_in who; /* `grant` is NULL: nobody */
    struct kn_sandbox_fault fault;
    bool decided; /* the reply is made */
    struct kn_sandbox_entry entry;
    void *own; /* the mimic's, in the request's arena */

    /* An upload: set by `begin` through kn_mimic_stream. */
    struct kn_upload *upload;
    int64_t room;               /* bytes that may come; more are refused */
    int64_t stores;             /* of these so many are stored; the rest is taken and lost */
    int64_t came, stored, lost; /* of the whole body; of the file */
    bool over;                  /* more came than there is room for */
    bool failed;                /* the disk */
    /* Instead of storing as it comes, for bodies that hold more than the file. */
    enum kn_take (*take)(struct kn_mimic_visit *visit, const void *data, size_t size);

    /* The shared code's. */
    struct kn_reply kept;
    uint64_t content; /* names what is asked, for draws */
    int occurrence;   /* how often it was asked before */
    int64_t cut_at;   /* bytes of the body after which the connection is cut; -1 */
    struct kn_server_field headers[KN_MIMIC_HEADERS_MAX];
    int header_count;
    bool left;        /* is in the ledger */
    json_t *body;     /* see kn_mimic_body */
    int64_t began_us; /* kn_now_us */
};

/* Looks for the bearer of `token` (NULL: none was given); false: it was refused. */
bool kn_mimic_sign_in(struct kn_mimic_visit *visit, const char *token, const char *scopes);
/* What stands behind the scheme ("Bearer") of the header Authorization; NULL. */
const char *kn_mimic_credentials(const struct kn_exchange *exchange, const char *scheme);
/* Takes the body as a stream: at most `room` bytes, stored in `upload`; the writer of an earlier
 * connection to the same upload is cut. */
void kn_mimic_stream(struct kn_mimic_visit *visit, struct kn_upload *upload, int64_t room);
/* Stores what came of the file, of which `take` found the bounds; what KN_TAKE_ it comes to. */
enum kn_take kn_mimic_store(struct kn_mimic_visit *visit, const void *data, size_t size);
/* Of the header Content-Length; -1: there is none. */
int64_t kn_mimic_length(const struct kn_exchange *exchange);
/* A parameter of the query, of a form, of multipart or of a JSON object, in this order; NULL. */
const char *kn_mimic_param(struct kn_mimic_visit *visit, const char *name);
const char *kn_mimic_query(const struct kn_exchange *exchange, const char *name); /* NULL */
const char *kn_mimic_head(const struct kn_exchange *exchange, const char *name);  /* NULL */
/* The body as a JSON object, or a form's fields as one; NULL: it is neither. Lives with the
 * visit. */
json_t *kn_mimic_body(struct kn_mimic_visit *visit);
/* "http://127.0.0.1:8090": how the client reached the sandbox. */
const char *kn_mimic_base(const struct kn_mimic_visit *visit);

void kn_mimic_json(struct kn_mimic_visit *visit, int status, json_t *json); /* takes `json` */
void kn_mimic_empty(struct kn_mimic_visit *visit, int status);
void kn_mimic_header(struct kn_mimic_visit *visit, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What the ledger says was wrong. */
void kn_mimic_reason(struct kn_mimic_visit *visit, const char *reason);
/* What a client should not do, though nothing was wrong; counted in the ledger. */
void kn_mimic_warn(struct kn_mimic_visit *visit, const char *warning);

/* ---- the sandbox's own paths (own.c): posts, clock, settings, media, the page ---- */

bool kn_mimics_own(struct kn_mimics *m, const struct kn_exchange *exchange, struct kn_reply *reply);

#endif
