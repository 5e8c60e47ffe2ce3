/* For suites of many at once: threads that begin together. */
#ifndef KN_TESTS_RACE_HELP_H
#define KN_TESTS_RACE_HELP_H

#include "store_help.h"

#include <pthread.h>
#include <sched.h>

struct party {
    atomic_int ready;
    int size;
};

enum { PARTY_MOST = 17 };

/* Runs `run(arg)` on so many threads and waits for them. */
static inline void run_party(struct party *party, void *arg, void *(*run)(void *), int size)
{
    pthread_t threads[PARTY_MOST];
    party->size = size;
    atomic_store(&party->ready, 0);
    for (int i = 0; i < size; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, arg), 0);
    for (int i = 0; i < size; i++)
        pthread_join(threads[i], NULL);
}

/* On each of them: everybody goes on together. */
static inline void meet(struct party *party)
{
    atomic_fetch_add(&party->ready, 1);
    while (atomic_load(&party->ready) < party->size)
        sched_yield();
}

/* A thread can't fail a test: it says why, and the process ends. */
static inline void must(enum kn_status status, const struct kn_error *err)
{
    if (status == KN_OK)
        return;
    fprintf(stderr, "%s: %s\n", kn_status_name(status), err->text);
    abort();
}

#endif
