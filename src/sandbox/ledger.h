/* Everything that was asked, so that a test can see the other side. */
#ifndef KN_SANDBOX_LEDGER_H
#define KN_SANDBOX_LEDGER_H

#include <pthread.h>

#include <jansson.h>

#include "base/vec.h"
#include "sandbox/sandbox.h"

enum { KN_LEDGER_ENTRIES_MAX = 100000 };

struct kn_ledger {
    pthread_mutex_t lock; /* a leaf */
    int64_t opened_us;    /* kn_now_us */
    int64_t arrived;      /* under `lock`, like what follows */
    int in_flight;
    KN_VEC(struct kn_sandbox_entry) entries;
    KN_VEC(uint64_t) contents; /* of those let in, to count what comes again */
    struct kn_sandbox_counts counts;
};

void kn_ledger_init(struct kn_ledger *ledger);
void kn_ledger_done(struct kn_ledger *ledger);

/* A request came; fills number, time and how many there are. */
void kn_ledger_arrive(struct kn_ledger *ledger, struct kn_sandbox_entry *ret_entry);
/* It was let in: gives how often the same content was before. */
int kn_ledger_admit(struct kn_ledger *ledger, uint64_t content);
/* It leaves: what is sent can be sent whole, or not. */
void kn_ledger_leave(struct kn_ledger *ledger, const struct kn_sandbox_entry *entry, bool whole);

void kn_ledger_counts(struct kn_ledger *ledger, struct kn_sandbox_counts *ret_counts);
json_t *kn_ledger_entry_json(const struct kn_sandbox_entry *entry); /* returns owned */
json_t *kn_sandbox_counts_json(const struct kn_sandbox_counts *counts);
json_t *kn_ledger_json(struct kn_ledger *ledger); /* {"counts": …, "requests": […]} */

#endif
