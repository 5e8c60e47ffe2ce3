#include "cli/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"

static sigset_t watched;

/* Set before `has_limit`, and never again. */
static struct {
    int64_t ms;
    int code;
    const char *why;
} limit;
static atomic_bool has_limit;

void kn_interrupt_limit(int64_t ms, int code, const char *why)
{
    limit.ms = ms;
    limit.code = code;
    limit.why = why;
    atomic_store(&has_limit, true);
}

/* The second signal, or the end of the time. */
static void wait_for_the_end(void)
{
    int number;
    if (!atomic_load(&has_limit)) {
        sigwait(&watched, &number);
        _exit(KN_EXIT_INTERRUPTED);
    }
    int64_t end_us = kn_now_us() + limit.ms * 1000;
    for (int64_t left_us; (left_us = end_us - kn_now_us()) > 0;) {
        const struct timespec left = {.tv_sec = (time_t)(left_us / KN_US_PER_S),
                                      .tv_nsec = (long)(left_us % KN_US_PER_S) * 1000};
        if (sigtimedwait(&watched, NULL, &left) > 0)
            _exit(KN_EXIT_INTERRUPTED);
    }
    (void)!write(STDERR_FILENO, limit.why, strlen(limit.why)); /* stdio may be locked */
    _exit(limit.code);
}

/* A thread of its own waits for signals, so that nothing runs in a signal handler. */
static void *wait_for_signals(void *arg)
{
    struct kn_cancel *cancel = arg;
    int number;
    sigwait(&watched, &number);
    kn_cancel_trigger(cancel);
    wait_for_the_end();
    return NULL;
}

struct kn_cancel *kn_interrupt_watch(void)
{
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    sigemptyset(&watched);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &watched, NULL); /* threads started later inherit it */
    signal(SIGPIPE, SIG_IGN);                   /* writing to a closed pipe is an error instead */
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_signals, cancel) == 0)
        pthread_detach(thread);
    else
        pthread_sigmask(SIG_UNBLOCK, &watched, NULL); /* then Ctrl-C simply ends the program */
    return cancel;
}
