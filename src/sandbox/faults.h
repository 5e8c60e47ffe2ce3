/* Which accident befalls a request. */
#ifndef KN_SANDBOX_FAULTS_H
#define KN_SANDBOX_FAULTS_H

#include <pthread.h>

#include "sandbox/chance.h"
#include "sandbox/sandbox.h"

/* Rules, and how many requests each of them has been asked about. Any thread. */
struct kn_fault_rules {
    pthread_mutex_t lock; /* a leaf */
    struct kn_sandbox_fault *rules;
    int64_t *asked; /* under `lock` */
    int count;
};

void kn_fault_rules_init(struct kn_fault_rules *rules, const struct kn_sandbox_fault *faults,
                         int count, const struct kn_sandbox_fault *more, int more_count);
void kn_fault_rules_done(struct kn_fault_rules *rules);
/* The first rule that applies to a request of this path; a copy. Kind NONE: none does. */
struct kn_sandbox_fault kn_fault_rules_draw(struct kn_fault_rules *rules, enum kn_sandbox_path path,
                                            struct kn_chance *chance);

/* KN_SANDBOX_PATH_COUNT: there is none of that name. */
enum kn_sandbox_path kn_sandbox_path_find(const char *name, size_t length);

#endif
