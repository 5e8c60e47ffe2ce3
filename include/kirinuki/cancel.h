/*
 * Cancel tokens: "please stop", sticky, handed down a tree.
 *
 * Triggering a token triggers all of its children, now and later. Work polls its token at least
 * every 100 ms (kn_cancel_requested costs one atomic load), sleeps with kn_cancel_wait_ms, polls
 * kn_cancel_fd beside its own descriptors, or registers a function that interrupts what it is
 * blocked in.
 *
 * Every function but kn_cancel_free may be called from any thread. A NULL token is one that
 * nobody ever triggers.
 */
#ifndef KIRINUKI_CANCEL_H
#define KIRINUKI_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kn_cancel;

/* Borrows `parent` (NULL: none), which must outlive the new token. */
struct kn_cancel *kn_cancel_new(struct kn_cancel *parent);
/* NULL is fine. No children, watches or waiting threads may be left. Whoever has seen the token
 * triggered may free it, even while kn_cancel_trigger is still at work on another thread. */
void kn_cancel_free(struct kn_cancel *cancel);

void kn_cancel_trigger(struct kn_cancel *cancel); /* not from a signal handler: it locks */
bool kn_cancel_requested(const struct kn_cancel *cancel);
/* KN_OK, or KN_CANCELLED with the sentence for a user: for returns. */
enum kn_status kn_cancel_check(const struct kn_cancel *cancel, struct kn_error *err);

/* Readable once triggered: poll it, never read it. Owned by the token, made at the first call.
 * -1 when no descriptor could be had: poll() passes over it, so poll with a timeout. */
int kn_cancel_fd(struct kn_cancel *cancel);

/* Sleeps `ms` or until triggered; true when triggered. */
bool kn_cancel_wait_ms(struct kn_cancel *cancel, int64_t ms);

/*
 * Calls `wake(arg)` once when the token is triggered, on the triggering thread, or at once when
 * it already is. `wake` must not block (a short lock is fine) and must not touch any token of this
 * tree but by kn_cancel_requested. kn_cancel_unwatch returns only when `wake` is not running and
 * will not run any more; so neither call may be made under a lock that `wake` takes. The watch is
 * the caller's storage and stays put from watch to unwatch.
 */
struct kn_cancel_watch {
    void (*wake)(void *arg);
    void *arg;
    struct kn_cancel_watch *prev, *next; /* the token's own, like `phase` */
    int phase;
};
void kn_cancel_watch(struct kn_cancel *cancel, struct kn_cancel_watch *watch);
void kn_cancel_unwatch(struct kn_cancel *cancel, struct kn_cancel_watch *watch);

#ifdef __cplusplus
}
#endif
#endif
