/*
 * The sandbox: a server on this machine that behaves as the AI services do by their documentation,
 * so that everything can be tried without an account, and tests meet real sockets.
 *
 * It is strict: what the service refuses it refuses, with the service's status and form of error.
 * It shares no code with the clients, so that it can't share their mistakes. It is deterministic:
 * the same request gets the same answer, and with the same seed the same latency and the same
 * accidents, in whatever order requests come. It calls nobody.
 *
 * Where the documentation leaves something open, the stricter reading is taken. docs/sandbox.md
 * tells all of this to its users.
 */
#ifndef KN_SANDBOX_SANDBOX_H
#define KN_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "base/file.h"
#include "base/memory.h"

enum kn_sandbox_dialect {
    KN_SANDBOX_OPENAI,
    KN_SANDBOX_WHISPER, /* whisper.cpp's server: /inference, /health, errors of its own form */
    KN_SANDBOX_DIALECT_COUNT,
};

/* What a request is for. */
enum kn_sandbox_path {
    KN_SANDBOX_TRANSCRIPTIONS,
    KN_SANDBOX_CHAT,
    KN_SANDBOX_MODELS,
    KN_SANDBOX_OTHER,
    KN_SANDBOX_OAUTH,            /* from here on: of the platforms */
    KN_SANDBOX_YOUTUBE_INSERT,   /* opens an upload, or is one */
    KN_SANDBOX_YOUTUBE_UPLOAD,   /* what goes to an upload that was opened */
    KN_SANDBOX_YOUTUBE_LIST,     /* videos, channels, playlistItems */
    KN_SANDBOX_YOUTUBE_EDIT,     /* update, delete, thumbnails, captions */
    KN_SANDBOX_TIKTOK_CREATOR,   /* creator_info */
    KN_SANDBOX_TIKTOK_INIT,      /* init, of direct posts and of drafts */
    KN_SANDBOX_TIKTOK_UPLOAD,    /* chunks */
    KN_SANDBOX_TIKTOK_STATUS,    /* status, and cancel */
    KN_SANDBOX_INSTAGRAM_CREATE, /* a container */
    KN_SANDBOX_INSTAGRAM_UPLOAD, /* its bytes */
    KN_SANDBOX_INSTAGRAM_STATUS, /* what is read: containers, limits, media, accounts */
    KN_SANDBOX_INSTAGRAM_PUBLISH,
    KN_SANDBOX_X_INITIALIZE,
    KN_SANDBOX_X_APPEND,
    KN_SANDBOX_X_FINALIZE,
    KN_SANDBOX_X_STATUS, /* of media; and what else is read */
    KN_SANDBOX_X_POST,
    KN_SANDBOX_PATH_COUNT,
};
const char *kn_sandbox_path_name(enum kn_sandbox_path path); /* "transcriptions" */

/* How long a request takes: a fixed time, or drawn from a distribution. */
struct kn_sandbox_latency {
    enum { KN_LATENCY_UNIFORM, KN_LATENCY_EXPONENTIAL, KN_LATENCY_LOG_NORMAL } shape;
    double mean_s;
    double spread_s; /* uniform: to both sides; log-normal: the standard deviation */
};
/* "2", "500ms", "2±1" or "2+-1" (uniform), "exponential:2", "lognormal:2±1". INVALID. */
enum kn_status kn_sandbox_latency_parse(const char *text, struct kn_sandbox_latency *ret_latency,
                                        struct kn_error *err);

/* Bits a second: "20M", "500k", "1.5G", "9600". INVALID. */
enum kn_status kn_sandbox_bandwidth_parse(const char *text, double *ret_bandwidth,
                                          struct kn_error *err);

/* clang-format off */
#define KN_SANDBOX_FAULT_TABLE(X)                                                                 \
    X(NONE,           "none",           "nothing goes wrong")                                     \
    X(RATE,           "429",            "over the rate limit, with Retry-After")                  \
    X(RATE_BARE,      "429-bare",       "over the rate limit, without a word on when to return")  \
    X(SLOW_DOWN,      "slow-down",      "429: traffic rose too fast")                             \
    X(QUOTA,          "quota",          "429: the account's quota is used up; no use in retrying") \
    X(UNAUTHORIZED,   "401",            "the key is refused")                                     \
    X(SERVER,         "500",            "the server failed")                                      \
    X(OVERLOADED,     "503",            "the server is overloaded")                               \
    X(TIMEOUT,        "timeout",        "no answer ever comes")                                   \
    X(CUT,            "cut",            "the connection is cut without an answer")                \
    X(CUT_BODY,       "cut-body",       "the connection is cut in the middle of the answer")      \
    X(TRUNCATED,      "truncated-json", "a whole HTTP answer whose JSON ends in the middle")      \
    X(GARBAGE,        "garbage",        "200 with something that is not JSON")                    \
    X(ERROR_200,      "error-200",      "200 with an error in the body")                          \
    X(EMPTY,          "empty",          "200 with no body at all")                                \
    X(BLANK,          "blank",          "a proper answer that says nothing")                      \
    X(REFUSAL,        "refusal",        "chat: the model declines")                               \
    X(LENGTH,         "length",         "chat: the answer is cut off at its longest")             \
    X(FILTER,         "content-filter", "chat: the answer is withheld")                           \
    X(WRONG_SCHEMA,   "wrong-schema",   "chat: JSON that the schema does not allow")              \
    X(DISORDER,       "disorder",       "transcriptions: times that run backwards")               \
    X(BEYOND,         "beyond",         "transcriptions: times beyond the end")                   \
    X(CUT_UPLOAD,     "cut-upload",     "uploads: the connection is cut in the middle of the body") \
    X(PARTIAL,        "partial",        "uploads: less is stored than was sent")                  \
    X(EXPIRED,        "expired",        "uploads: what was opened is gone")                       \
    X(LOST,           "lost",           "platforms: it is done, and the connection is cut without an answer") \
    X(LATE_SERVER,    "500-late",       "platforms: it is done, and the answer is 500 all the same")   \
    X(BAD_PROCESSING, "processing-fails", "platforms: what was uploaded cannot be processed")     \
    X(SLOW_PROCESSING, "processing-slow", "platforms: processing takes ten minutes, or seconds=N")
/* clang-format on */
#define KN_SANDBOX_FAULT_ENUM(name, text, meaning) KN_FAULT_##name,
enum kn_sandbox_fault_kind { KN_SANDBOX_FAULT_TABLE(KN_SANDBOX_FAULT_ENUM) KN_FAULT_COUNT };
#undef KN_SANDBOX_FAULT_ENUM
const char *kn_sandbox_fault_name(enum kn_sandbox_fault_kind kind);    /* "429" */
const char *kn_sandbox_fault_meaning(enum kn_sandbox_fault_kind kind); /* the table's sentence */

/* An accident, and which requests it befalls: those that meet all conditions that are set. */
struct kn_sandbox_fault {
    enum kn_sandbox_fault_kind kind;
    unsigned paths;       /* 1 << enum kn_sandbox_path each; 0: those that it can befall */
    int first;            /* only the first so many requests of those paths; 0: any */
    int after;            /* not the first so many */
    int every;            /* only each so-manyth; 0: any */
    double chance;        /* 0..1 of those; 0 is taken for 1 */
    double retry_after_s; /* that the answer names; 0: 1 s of RATE and SLOW_DOWN, else none */
    int64_t bytes;        /* after which an upload is cut, or that are stored; 0: half of them */
    double seconds;       /* of processing; 0: ten minutes */
};
/* "429,first=3", "cut,path=chat,chance=0.1", "500,after=10,every=5", "429,retry-after=2". INVALID.
 */
enum kn_status kn_sandbox_fault_parse(const char *text, struct kn_sandbox_fault *ret_fault,
                                      struct kn_error *err);

/* A request that was answered, or not, as the ledger keeps it. */
struct kn_sandbox_entry {
    int64_t number;     /* 1, 2, … in the order of arrival */
    int64_t at_us;      /* since the sandbox was opened */
    int64_t latency_us; /* what it was made to wait */
    enum kn_sandbox_path path;
    char url[64], method[8], model[64], name[64]; /* cut to that; name: the file's */
    char hash[KN_HASH_TEXT_BYTES];                /* of the file, as scripts name it; "" */
    int status;                                   /* that was answered; 0: none was */
    enum kn_sandbox_fault_kind fault;
    char error[32];   /* the error's code or type; "" */
    char warning[32]; /* what a client should not do, and got an answer to; "" */
    int64_t bytes_in, bytes_out;
    int64_t duration_us; /* of the sound; -1: there is none */
    int images, input_tokens, output_tokens;
    int at_once; /* requests in flight when it came, itself among them */
};

struct kn_sandbox_options {
    const char *address; /* NULL: 127.0.0.1 */
    int port;            /* 0: any that is free */
    enum kn_sandbox_dialect dialect;
    const char *script;      /* a file by docs/sandbox.md; NULL */
    const char *script_text; /* the same as text, for tests; NULL */
    const char *transcript;  /* .srt or timeline JSON of the whole source; NULL */
    struct kn_sandbox_latency latency;
    const struct kn_sandbox_fault *faults; /* the first that applies befalls */
    int fault_count;
    double requests_a_minute, tokens_a_minute; /* for each model; 0: no limit */
    double burst;                              /* requests at once at most; 0: a minute's */
    int at_once;             /* requests worked on at a time, others wait; 0: any (whisper: 1) */
    const char *const *keys; /* that are let in; NULL: any that begins with "sk-" */
    int key_count;
    const char *const *models; /* that are known besides the service's own; for both paths */
    int model_count;
    uint64_t seed;
    /* Of the platforms, see src/sandbox/platforms. */
    const char *keep;            /* a folder where uploads stay; NULL: a temporary one */
    double bandwidth;            /* of each upload, in bits a second; 0: no limit */
    const char *const *accounts; /* names; NULL: "demo" and "second" */
    int account_count;
    const char *const *settings; /* "youtube-inserts=5" */
    int setting_count;
    /* Hears each request when its answer is ready, on the connection's thread. May be NULL. */
    void (*said)(void *arg, const struct kn_sandbox_entry *entry);
    void *arg;
};

struct kn_sandbox;

/* INVALID: the script or the transcript cannot be used; IO: the port is taken. All is copied but
 * `arg`. */
enum kn_status kn_sandbox_open(const struct kn_sandbox_options *options,
                               struct kn_sandbox **ret_sandbox, struct kn_error *err);
/* Ends what runs and takes nothing more, so that counts and entries are whole; from then on there
 * is no port. Twice is fine. */
void kn_sandbox_stop(struct kn_sandbox *sandbox);
void kn_sandbox_close(struct kn_sandbox *sandbox); /* stops it first; NULL is fine */
KN_SCOPED_DEFINE(kn_sandbox, kn_sandbox_close)

int kn_sandbox_port(const struct kn_sandbox *sandbox);
/* "http://127.0.0.1:8080/v1": what a client takes for its base URL; lives with the sandbox. */
const char *kn_sandbox_url(const struct kn_sandbox *sandbox);

/* Sums over all requests so far, but those for the ledger itself. */
struct kn_sandbox_counts {
    int64_t requests, answered; /* with 200 */
    int64_t limited;            /* 429, for whatever reason */
    int64_t refused;            /* other 4xx */
    int64_t failed;             /* 5xx, and no answer or half of one */
    int64_t warned;             /* with a warning, whatever was answered */
    int64_t by_path[KN_SANDBOX_PATH_COUNT];
    int64_t by_fault[KN_FAULT_COUNT];
    int64_t audio_us, latency_us, input_tokens, output_tokens, bytes_in, bytes_out;
    int at_once_most;
};
void kn_sandbox_counts(struct kn_sandbox *sandbox, struct kn_sandbox_counts *ret_counts);
/* The entries kept (the oldest 100,000), copied into `arena`. */
const struct kn_sandbox_entry *kn_sandbox_entries(struct kn_sandbox *sandbox,
                                                  struct kn_arena *arena, int *ret_count);

#endif
