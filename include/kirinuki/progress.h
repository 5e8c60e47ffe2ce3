/*
 * Progress trees: a job, its steps, their parts. Each node runs from 0 to 1 and counts for a
 * share of its parent in proportion to its weight (any positive number; expected seconds are a
 * good choice, since the ETA is made from weights and measured time).
 *
 * What a node shows, its figure:
 * - Without children, what kn_progress_set says.
 * - Once children are added, they share what was open at that moment. Children bring an open node
 *   to 0.99 at most: it shows 1 when it has ended well. A failed child counts as settled (nothing
 *   of it is left to do), a cancelled one stays where it was.
 * - kn_progress_set on a node that has children takes over: from then on the node alone decides,
 *   and its children are detail. That suits a step that knows its position better than the number
 *   of its parts.
 *
 * No figure ever runs backwards. When children come late or weights change, the figure stays and
 * the new shares are taken from what was still open; a node that knows how much is to come says
 * so with kn_progress_expect, and is spared the rush to the end and the long wait there.
 *
 * Percentages coalesce (a listener hears them at most `max_hz` times a second a node); changes of
 * state never do. Any thread may call anything; nodes are freed with the root. Add a node for
 * what a person would like to see, not for each of a thousand parts: every node is kept.
 */
#ifndef KIRINUKI_PROGRESS_H
#define KIRINUKI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kirinuki/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kn_progress;

/*
 *   WAITING --start, set--> RUNNING --end--> DONE | FAILED | CANCELLED
 *      `------end, skip--------'-----skip--> SKIPPED
 *
 * Starting a node starts what it hangs under. Ending one ends what is still open under it, in the
 * same state (CANCELLED under a failure), and what is added to it later has ended too.
 */
enum kn_progress_state {
    KN_PROGRESS_WAITING,
    KN_PROGRESS_RUNNING,
    KN_PROGRESS_DONE,
    KN_PROGRESS_FAILED,
    KN_PROGRESS_CANCELLED,
    KN_PROGRESS_SKIPPED, /* its result was there already */
    KN_PROGRESS_STATE_COUNT
};
const char *kn_progress_state_name(enum kn_progress_state state); /* "running" */

enum { KN_PROGRESS_NAME_BYTES = 96, KN_PROGRESS_STAGE_BYTES = 96 }; /* longer text ends in "…" */

/* One node as it stands, a value to keep. */
struct kn_progress_view {
    int id;     /* stable; the root is 0; grows in order of creation */
    int parent; /* -1 for the root */
    int depth;
    char name[KN_PROGRESS_NAME_BYTES];
    char stage[KN_PROGRESS_STAGE_BYTES]; /* "utterance 12 of 40", may be empty */
    enum kn_progress_state state;
    double fraction; /* 0..1 */
    double weight;
    int64_t start_us, end_us; /* monotonic; 0: not yet */
    int64_t eta_ms;           /* until its end; -1: not known yet; 0: it has ended */
};

struct kn_progress *kn_progress_new(const char *name); /* a root; returns owned */
void kn_progress_free(struct kn_progress *root);       /* the whole tree; NULL is fine */

/* The node belongs to the tree. With a NULL parent, NULL: all calls accept NULL and do nothing.
 * Weight 0 stands for 1. */
struct kn_progress *kn_progress_add(struct kn_progress *parent, const char *name, double weight);
/* How much weight the children will have in all, those included that are there already. */
void kn_progress_expect(struct kn_progress *node, double weight);

void kn_progress_start(struct kn_progress *node); /* idempotent */
/* 0..1; smaller than before is ignored; starts the node if it was waiting. */
void kn_progress_set(struct kn_progress *node, double fraction);
void kn_progress_stage(struct kn_progress *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void kn_progress_weight(struct kn_progress *node, double weight); /* now known better */
/* Ends it: KN_OK gives DONE (1.0), KN_CANCELLED and failures their states. First call wins. */
void kn_progress_end(struct kn_progress *node, enum kn_status status);
void kn_progress_skip(struct kn_progress *node); /* ends it as SKIPPED, 1.0 */

/* With a NULL node: zeroes, and parent -1. */
void kn_progress_view(struct kn_progress *node, struct kn_progress_view *ret_view);
/* Copies up to `max` nodes in depth-first order, all at one moment; returns how many there are
 * in all. */
int kn_progress_snapshot(struct kn_progress *root, struct kn_progress_view *ret_views, int max);

/*
 * `listen` is called with each node that is new or changed: at once for a change of state, at most
 * max_hz times a second a node for fractions and stages (0: never for them alone; the last values
 * always arrive with the node's next change of state). Calls come on the thread that made the
 * change, one at a time for a root and in the order of the changes, so a slow listener holds up
 * whoever changes a state. It must not call back into the tree except for view and snapshot. One
 * listener a root; it is set before work starts.
 */
void kn_progress_listen(struct kn_progress *root, double max_hz,
                        void (*listen)(void *arg, const struct kn_progress_view *view), void *arg);

#ifdef __cplusplus
}
#endif
#endif
