#include "run/deadline.h"

#include <assert.h>

#include "base/clock.h"
#include "base/sync.h"

static struct kn_deadline *first(struct kn_deadlines *deadlines)
{
    if (kn_list_empty(&deadlines->waiting))
        return NULL;
    return KN_CONTAINER(deadlines->waiting.next, struct kn_deadline, link);
}

/* With the lock, which is let go for the trigger: waking others is not done under a lock. */
static void fire(struct kn_deadlines *deadlines, struct kn_deadline *deadline)
{
    kn_list_remove(&deadline->link);
    deadline->phase = KN_DEADLINE_FIRING;
    pthread_mutex_unlock(&deadlines->lock);
    kn_cancel_trigger(deadline->cancel);
    pthread_mutex_lock(&deadlines->lock);
    deadline->phase = KN_DEADLINE_FIRED;
    pthread_cond_broadcast(&deadlines->changed);
}

static void *deadlines_main(void *arg)
{
    struct kn_deadlines *deadlines = arg;
    KN_LOCKED(&deadlines->lock);
    while (!deadlines->closing) {
        struct kn_deadline *next = first(deadlines);
        if (!next)
            pthread_cond_wait(&deadlines->changed, &deadlines->lock);
        else if (next->at_us > kn_now_us())
            kn_cond_wait_until(&deadlines->changed, &deadlines->lock, next->at_us);
        else
            fire(deadlines, next);
    }
    return NULL;
}

enum kn_status kn_deadlines_open(struct kn_deadlines *deadlines, struct kn_error *err)
{
    *deadlines = (struct kn_deadlines){0};
    pthread_mutex_init(&deadlines->lock, NULL);
    kn_cond_init(&deadlines->changed);
    kn_list_init(&deadlines->waiting);
    int failed = kn_thread_start(&deadlines->thread, "kn-deadlines", deadlines_main, deadlines);
    if (!failed)
        return KN_OK;
    pthread_cond_destroy(&deadlines->changed);
    pthread_mutex_destroy(&deadlines->lock);
    return kn_error_errno(err, failed, "cannot start a thread");
}

void kn_deadlines_close(struct kn_deadlines *deadlines)
{
    pthread_mutex_lock(&deadlines->lock);
    assert(kn_list_empty(&deadlines->waiting));
    deadlines->closing = true;
    pthread_cond_broadcast(&deadlines->changed);
    pthread_mutex_unlock(&deadlines->lock);
    pthread_join(deadlines->thread, NULL);
    pthread_cond_destroy(&deadlines->changed);
    pthread_mutex_destroy(&deadlines->lock);
}

void kn_deadline_set(struct kn_deadlines *deadlines, struct kn_deadline *deadline, int64_t at_us,
                     struct kn_cancel *cancel)
{
    *deadline = (struct kn_deadline){.at_us = at_us, .cancel = cancel};
    KN_LOCKED(&deadlines->lock);
    /* As many as there are running steps with a limit: a walk is short. */
    struct kn_link *at = deadlines->waiting.next;
    while (at != &deadlines->waiting && KN_CONTAINER(at, struct kn_deadline, link)->at_us <= at_us)
        at = at->next;
    kn_list_add(at, &deadline->link);
    if (first(deadlines) == deadline)
        pthread_cond_broadcast(&deadlines->changed);
}

bool kn_deadline_unset(struct kn_deadlines *deadlines, struct kn_deadline *deadline)
{
    KN_LOCKED(&deadlines->lock);
    while (deadline->phase == KN_DEADLINE_FIRING)
        pthread_cond_wait(&deadlines->changed, &deadlines->lock);
    if (deadline->phase == KN_DEADLINE_FIRED)
        return true;
    kn_list_remove(&deadline->link);
    return false;
}
