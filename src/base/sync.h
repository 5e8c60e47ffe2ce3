/*
 * Small help for POSIX threads: threads without signals, condition variables on the monotonic clock
 * (a change of the wall clock must not stretch a wait), locks that end with their scope.
 */
#ifndef KN_BASE_SYNC_H
#define KN_BASE_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void kn_cond_init(pthread_cond_t *cond);
/* Waits until signalled or until `deadline_us` (kn_now_us); false: the deadline has passed. May
 * wake without reason, as all condition variables do. */
bool kn_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_us);

/* Starts a thread that leaves signals to the others (only faults of its own reach it). `name` is
 * what tools like top show, cut to 15 bytes. Returns 0 or an errno. */
int kn_thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *arg), void *arg);

static inline pthread_mutex_t *kn_lock(pthread_mutex_t *mutex)
{
    pthread_mutex_lock(mutex);
    return mutex;
}
static inline void kn_unlock_scoped(pthread_mutex_t **at)
{
    pthread_mutex_unlock(*at);
}
/* `KN_LOCKED(&channel->lock);` holds the lock until the end of the block. */
#define KN_LOCKED(mutex)           KN_LOCKED_AT_(mutex, __LINE__)
#define KN_LOCKED_AT_(mutex, line) KN_LOCKED_AT__(mutex, line)
#define KN_LOCKED_AT__(mutex, line)                                                                \
    pthread_mutex_t *locked_##line __attribute__((cleanup(kn_unlock_scoped), unused)) =            \
        kn_lock(mutex)

#endif
