/*
 * A script: what is said to whom, which accidents happen, and how long it takes. docs/sandbox.md
 * describes the file. The first rule that matches a request counts.
 */
#ifndef KN_SANDBOX_SCRIPT_H
#define KN_SANDBOX_SCRIPT_H

#include "sandbox/faults.h"
#include "sandbox/latency.h"
#include "sandbox/spoken.h"

/* What rules of both kinds have. */
struct kn_script_rule {
    bool has_latency;
    struct kn_sandbox_latency latency;
    struct kn_fault_rules faults; /* one or none */
    int times;                    /* it matches; 0: always */
    int used;                     /* under the script's lock */
};

struct kn_script_hearing {
    struct kn_script_rule rule;
    const char *hash, *name; /* NULL: any */
    int64_t duration_us;     /* -1: any */
    const char *text;
    struct kn_spoken spoken; /* its words are NULL where `text` has no times */
};

struct kn_script_talk {
    struct kn_script_rule rule;
    const char *contains; /* NULL: any */
    bool made;            /* nothing is said here: the sandbox makes it up */
    const char *content, *refusal, *finish_reason;
    bool unchecked; /* may break the schema */
};

struct kn_script {
    pthread_mutex_t lock; /* a leaf */
    struct kn_script_hearing *hearings;
    int hearing_count;
    struct kn_script_talk *talks;
    int talk_count;
    struct kn_sandbox_fault *faults;
    int fault_count;
    bool has_latency[KN_SANDBOX_PATH_COUNT];
    struct kn_sandbox_latency latency[KN_SANDBOX_PATH_COUNT];
};

/* In `arena`; INVALID: the sentence says where it is wrong. Ends with kn_script_done, also after an
 * error. */
enum kn_status kn_script_read(const char *path, const char *text, size_t size,
                              struct kn_arena *arena, struct kn_script *ret_script,
                              struct kn_error *err);
void kn_script_done(struct kn_script *script);

/* NULL: no rule matches. Any thread. */
struct kn_script_hearing *kn_script_hear(struct kn_script *script, const char *hash,
                                         const char *name, int64_t duration_us);
struct kn_script_talk *kn_script_talk(struct kn_script *script, const char *prompt);

#endif
