#include "base/sync.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"

void kn_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool kn_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_us)
{
    if (deadline_us < 0)
        deadline_us = 0;
    struct timespec at = {.tv_sec = (time_t)(deadline_us / KN_US_PER_S),
                          .tv_nsec = (long)(deadline_us % KN_US_PER_S) * 1000};
    return pthread_cond_timedwait(cond, mutex, &at) != ETIMEDOUT;
}

int kn_thread_start(pthread_t *ret_thread, const char *name, void *(*run)(void *arg), void *arg)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF};
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < KN_COUNT_OF(faults); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int failed = pthread_create(ret_thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return failed;
    char cut[16]; /* what the kernel has room for */
    snprintf(cut, sizeof cut, "%s", name);
    pthread_setname_np(*ret_thread, cut);
    return 0;
}
