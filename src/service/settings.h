/*
 * What a user can set, in one table: command line, configuration file and environment.
 */
#ifndef KN_SERVICE_SETTINGS_H
#define KN_SERVICE_SETTINGS_H

#include "base/option.h"
#include "pipeline/job.h"
#include "service/settings_accounts.h"
#include "service/settings_ai.h"
#include "service/settings_publish.h"

/* Which commands a row belongs to. */
enum kn_command_set {
    KN_FOR_RUN = 1,
    KN_FOR_ANALYZE = 2,
    KN_FOR_SEGMENTS = 4,
    KN_FOR_DOCTOR = 8,
    KN_FOR_WORKER = 16,
    KN_FOR_ADD = 32,
    KN_FOR_JOBS = 64,
    KN_FOR_WATCH = 128,
    KN_FOR_QUEUE = 256, /* the commands that show single jobs or change the queue */
    KN_FOR_SANDBOX = 1024,
    KN_FOR_ENGINES = 2048,
    KN_FOR_CHANGE = 4096, /* the commands that change jobs */
    KN_FOR_AUTH = 8192,
    KN_FOR_ACCOUNTS = 16384,
    KN_FOR_PUBLISH = 32768,
    KN_FOR_POSTS = 65536,
    KN_FOR_ALL = 511 | KN_FOR_PUBLISH | KN_FOR_POSTS | KN_FOR_SANDBOX | KN_FOR_ENGINES |
                 KN_FOR_CHANGE | KN_FOR_AUTH | KN_FOR_ACCOUNTS,
    KN_FOR_VERSION = 512, /* reads no settings: it answers whatever a file says */
};

/* What only the commands of the queue take. */
struct kn_queue_settings {
    const char *store; /* NULL: the user's own */
    const char *owner; /* NULL: nobody's */
    int priority;      /* a level, or enum kn_priority */
    int levels;        /* of priority */
    int64_t at_us;     /* wall clock; 0: at once */
    bool force;
    int attempts;
    unsigned states; /* 1 << enum kn_job_state each; 0: all */
    int limit;
    int64_t since; /* an event's id; -1: from now on */

    int concurrency, chunk;
    int64_t memory_bytes; /* 0: three quarters of the machine's */
    double lease_s;
    const char *watch; /* folder */
    bool drain;
    int grace_s;
};

/* Texts of an option that may be given several times; in the arena. */
struct kn_setting_texts {
    const char *const *at;
    int count;
};

/* What only the sandbox takes; it reads the texts itself. */
struct kn_sandbox_settings {
    const char *address, *script, *transcript, *latency; /* NULL: not given */
    int port;                                            /* 0: any that is free */
    int dialect;                                         /* enum kn_sandbox_dialect */
    double rate, tokens, burst;                          /* 0: no limit */
    int at_once;
    int seed;
    struct kn_setting_texts faults, keys, models;
    const char *keep, *bandwidth; /* NULL: not given */
    struct kn_setting_texts accounts, set;
};

struct kn_settings {
    struct kn_job_options job;
    struct kn_queue_settings queue;
    struct kn_service_settings services;
    struct kn_sandbox_settings sandbox;
    struct kn_account_settings accounts;
    struct kn_publish_settings publish;
    int workers;            /* of the CPU lane; 0: as many as cores */
    const char *sandbox_at; /* answers for services and platforms: a running one; "": one inside of
                             * this process; NULL: none */
    bool verbose, quiet, json;
    bool tsv, boundaries; /* segments */
    int topics;           /* enum kn_topic_detail */
    const char *config;   /* a configuration file instead of the user's own */
};

void kn_settings_defaults(struct kn_settings *ret_settings);

/* The rows of some commands, as a table for kn_options_…; static storage, made at the first call
 * from one thread. */
const struct kn_option *kn_settings_table(unsigned commands);
/* The rows that make up a job: what is done to a video, wherever and by whomever it is done. */
const struct kn_option *kn_settings_job_table(void);
/* Options that can't be meant together, each fine by itself. */
enum kn_status kn_settings_check(const struct kn_settings *settings, struct kn_error *err);

/*
 * Defaults, then the configuration file (--config FILE, $KIRINUKI_CONFIG, or kirinuki.conf in the
 * user's configuration folder if it is there), then the environment, then `argv`. What is no
 * option goes to ret_rest, which has room for argc pointers.
 */
enum kn_status kn_settings_read(unsigned commands, int argc, char **argv, struct kn_arena *arena,
                                struct kn_settings *ret_settings, char **ret_rest,
                                int *ret_rest_count, struct kn_error *err);

#endif
