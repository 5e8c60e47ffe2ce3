/* What requests share, and a request's way through it. */
#ifndef KN_SANDBOX_VISIT_H
#define KN_SANDBOX_VISIT_H

#include <pthread.h>

#include "sandbox/catalogue.h"
#include "sandbox/faults.h"
#include "sandbox/ledger.h"
#include "sandbox/rates.h"
#include "sandbox/script.h"

struct kn_sandbox {
    /* Its keys and its address are in `arena`; the caller's other lists and texts are read while it
     * is opened, and not after. */
    struct kn_sandbox_options options;
    struct kn_arena *arena;
    struct kn_script script;
    bool has_source;
    struct kn_spoken source; /* all that is said in the source */
    struct kn_models models;
    struct kn_fault_rules faults;
    struct kn_rates limits;
    struct kn_ledger ledger;
    pthread_mutex_t gate; /* a leaf */
    pthread_cond_t gate_opened;
    int inside; /* under `gate` */
    struct kn_mimics *mimics;
    struct kn_server *server;
    char *url;
};

/* The server's hook and its handler; `arg` is the sandbox. Any thread. */
void kn_sandbox_begin(void *arg, const struct kn_exchange *head, struct kn_server_intake *intake,
                      struct kn_reply *reply);
void kn_sandbox_visit(void *arg, const struct kn_exchange *exchange, struct kn_reply *reply);

#endif
