/*
 * One lock a tree, owned by the root and held only to change lists: no `wake` runs under it.
 *
 * A trigger marks its whole subtree and moves the watches found there to the tree's `due` list in
 * one go; then it takes them off one by one and calls them without the lock. So tokens and watches
 * may come and go while others are being woken, and every watch is called at most once.
 *
 * The lock is let go for nothing but those calls. Who was woken and has taken back its watches may
 * therefore free the tree at once: kn_cancel_free passes through the lock, and then the trigger is
 * over.
 */
#include <kirinuki/cancel.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/sync.h"

enum phase { PHASE_NONE, PHASE_SET, PHASE_WAKING, PHASE_OVER };

struct tree {
    pthread_mutex_t lock;
    pthread_cond_t settled;     /* a wake has returned */
    struct kn_cancel_watch due; /* list head: to be called */
};

struct kn_cancel {
    atomic_bool requested; /* read by anyone, set under the lock */
    struct tree *tree;
    struct kn_cancel *parent;

    /* Protected by the tree's lock. */
    struct kn_cancel *children, *prev, *next; /* siblings */
    struct kn_cancel_watch watches;           /* list head */
    pthread_cond_t triggered;
    int fd; /* -1: nobody has asked for it */
};

static void list_init(struct kn_cancel_watch *head)
{
    head->prev = head->next = head;
}

static void list_remove(struct kn_cancel_watch *watch)
{
    watch->prev->next = watch->next;
    watch->next->prev = watch->prev;
}

static void list_add(struct kn_cancel_watch *head, struct kn_cancel_watch *watch)
{
    watch->prev = head->prev;
    watch->next = head;
    head->prev->next = watch;
    head->prev = watch;
}

static struct tree *tree_new(void)
{
    struct tree *tree = kn_calloc(1, sizeof *tree);
    pthread_mutex_init(&tree->lock, NULL);
    kn_cond_init(&tree->settled);
    list_init(&tree->due);
    return tree;
}

static void tree_free(struct tree *tree)
{
    pthread_mutex_lock(&tree->lock); /* a trigger may be about to let go of it */
    pthread_mutex_unlock(&tree->lock);
    pthread_cond_destroy(&tree->settled);
    pthread_mutex_destroy(&tree->lock);
    free(tree);
}

struct kn_cancel *kn_cancel_new(struct kn_cancel *parent)
{
    struct kn_cancel *cancel = kn_calloc(1, sizeof *cancel);
    cancel->parent = parent;
    cancel->tree = parent ? parent->tree : tree_new();
    cancel->fd = -1;
    list_init(&cancel->watches);
    kn_cond_init(&cancel->triggered);
    if (!parent)
        return cancel;
    KN_LOCKED(&cancel->tree->lock);
    atomic_store(&cancel->requested, atomic_load(&parent->requested));
    cancel->next = parent->children;
    if (cancel->next)
        cancel->next->prev = cancel;
    parent->children = cancel;
    return cancel;
}

static void leave_parent(struct kn_cancel *cancel)
{
    KN_LOCKED(&cancel->tree->lock);
    if (cancel->next)
        cancel->next->prev = cancel->prev;
    if (cancel->prev)
        cancel->prev->next = cancel->next;
    else
        cancel->parent->children = cancel->next;
}

void kn_cancel_free(struct kn_cancel *cancel)
{
    if (!cancel)
        return;
    if (cancel->parent)
        leave_parent(cancel);
    else
        tree_free(cancel->tree);
    assert(!cancel->children && cancel->watches.next == &cancel->watches);
    if (cancel->fd >= 0)
        close(cancel->fd);
    pthread_cond_destroy(&cancel->triggered);
    free(cancel);
}

static void signal_fd(const struct kn_cancel *cancel)
{
    if (cancel->fd >= 0)
        (void)eventfd_write(cancel->fd, 1); /* fails only if the counter were about to overflow */
}

/* Marks the subtree; where a token is marked already, all below it are too. */
static void mark(struct kn_cancel *cancel)
{
    if (atomic_exchange(&cancel->requested, true))
        return;
    signal_fd(cancel);
    pthread_cond_broadcast(&cancel->triggered);
    while (cancel->watches.next != &cancel->watches) {
        struct kn_cancel_watch *watch = cancel->watches.next;
        list_remove(watch);
        list_add(&cancel->tree->due, watch);
    }
    for (struct kn_cancel *child = cancel->children; child; child = child->next)
        mark(child);
}

void kn_cancel_trigger(struct kn_cancel *cancel)
{
    if (!cancel)
        return;
    struct tree *tree = cancel->tree;
    KN_LOCKED(&tree->lock);
    mark(cancel); /* from here on the token itself may be freed by whom it woke */
    while (tree->due.next != &tree->due) {
        struct kn_cancel_watch *watch = tree->due.next;
        list_remove(watch);
        watch->phase = PHASE_WAKING;
        pthread_mutex_unlock(&tree->lock);
        watch->wake(watch->arg);
        pthread_mutex_lock(&tree->lock);
        watch->phase = PHASE_OVER;
        pthread_cond_broadcast(&tree->settled);
    }
}

bool kn_cancel_requested(const struct kn_cancel *cancel)
{
    return cancel && atomic_load_explicit(&cancel->requested, memory_order_acquire);
}

enum kn_status kn_cancel_check(const struct kn_cancel *cancel, struct kn_error *err)
{
    if (!kn_cancel_requested(cancel))
        return KN_OK;
    return kn_error_set(err, KN_CANCELLED, "%s", kn_status_meaning(KN_CANCELLED));
}

int kn_cancel_fd(struct kn_cancel *cancel)
{
    if (!cancel)
        return -1;
    KN_LOCKED(&cancel->tree->lock);
    if (cancel->fd < 0) {
        cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (atomic_load(&cancel->requested))
            signal_fd(cancel);
    }
    return cancel->fd;
}

bool kn_cancel_wait_ms(struct kn_cancel *cancel, int64_t ms)
{
    if (ms <= 0)
        return kn_cancel_requested(cancel);
    int64_t now = kn_now_us();
    int64_t until = ms < (INT64_MAX - now) / 1000 ? now + ms * 1000 : INT64_MAX;
    if (!cancel) {
        struct timespec at = {.tv_sec = (time_t)(until / KN_US_PER_S),
                              .tv_nsec = (long)(until % KN_US_PER_S) * 1000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL))
            ; /* a signal came in between */
        return false;
    }
    KN_LOCKED(&cancel->tree->lock);
    while (!atomic_load(&cancel->requested) && kn_now_us() < until)
        kn_cond_wait_until(&cancel->triggered, &cancel->tree->lock, until);
    return atomic_load(&cancel->requested);
}

void kn_cancel_watch(struct kn_cancel *cancel, struct kn_cancel_watch *watch)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->tree->lock);
    bool late = atomic_load(&cancel->requested);
    watch->phase = late ? PHASE_OVER : PHASE_SET;
    if (!late)
        list_add(&cancel->watches, watch);
    pthread_mutex_unlock(&cancel->tree->lock);
    if (late)
        watch->wake(watch->arg);
}

void kn_cancel_unwatch(struct kn_cancel *cancel, struct kn_cancel_watch *watch)
{
    if (!cancel)
        return;
    KN_LOCKED(&cancel->tree->lock);
    while (watch->phase == PHASE_WAKING)
        pthread_cond_wait(&cancel->tree->settled, &cancel->tree->lock);
    if (watch->phase == PHASE_SET)
        list_remove(watch);
    watch->phase = PHASE_NONE;
}
