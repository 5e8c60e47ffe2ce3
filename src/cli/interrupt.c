#include "cli/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"

static sigset_t watched;

/* A thread of its own waits for signals, so that nothing runs in a signal handler. */
static void *wait_for_signals(void *arg)
{
    struct kn_cancel *cancel = arg;
    int number;
    sigwait(&watched, &number);
    kn_cancel_trigger(cancel);
    sigwait(&watched, &number);
    _exit(KN_EXIT_INTERRUPTED);
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
