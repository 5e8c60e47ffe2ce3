/*
 * Groups: fan out inside a step.
 *
 * A step creates a group from its environment, adds tasks, and waits. Tasks run on the group's
 * lane. The waiting step lends its own thread to its group's tasks when it is on the same lane;
 * when nothing of its group is left to start, or on another lane, it sleeps and gives its place in
 * its lane to other work. So no arrangement of groups can starve a lane or deadlock, however few
 * workers there are and however deep they nest.
 *
 * kn_group_add runs or waits for tasks once `limit` are unfinished: whoever produces tasks faster
 * than they are done is slowed down, and memory stays bounded (what is kept of a task that has
 * ended well is one pointer).
 *
 * `all`: the first error cancels the rest, and is returned when every task has ended.
 * `all_settled`: every task runs and every outcome is kept.
 */
#ifndef KIRINUKI_GROUP_H
#define KIRINUKI_GROUP_H

#include <kirinuki/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kn_group;

enum kn_group_mode { KN_GROUP_ALL, KN_GROUP_ALL_SETTLED };

struct kn_group_options {
    enum kn_group_mode mode;
    enum kn_lane lane;
    int limit; /* unfinished tasks; 0: 4 times the lane's workers */
    /* Adds a progress node a task under the step's when true: for tasks that a person would like
     * to see each (clips), not for hundreds. */
    bool show_tasks;
    double expected_weight; /* of all tasks, for their nodes' shares; 0: not known */
};

struct kn_outcome {
    enum kn_status status;
    struct kn_error error;
};

/* `env` is borrowed until the group is freed, `options` are copied. Used by the step's thread
 * alone. Without an executor in `env`, kn_group_add runs the task in place. */
struct kn_group *kn_group_new(const struct kn_step_env *env,
                              const struct kn_group_options *options);
/* Waits for unfinished tasks (cancelling them) and frees. NULL is fine. */
void kn_group_free(struct kn_group *group);

/* Adds a task; `arg` is borrowed until it has ended, `name` is copied. Its number in order of
 * adding goes with the outcome. A task gets an env of its own: scratch arena, the group's cancel
 * token, a progress node (weight 0 stands for 1) or NULL. KN_CANCELLED: the group was cancelled or
 * (mode all) has failed; the task does not run and has no number, and the caller should go to
 * kn_group_wait for the reason. */
enum kn_status kn_group_add(struct kn_group *group, const char *name, double weight,
                            kn_step_fn *run, void *arg);

/* Waits for every task. ALL: the first error. ALL_SETTLED: KN_OK. Both: KN_CANCELLED when the step
 * itself was cancelled before any error. May be followed by more adds. */
enum kn_status kn_group_wait(struct kn_group *group, struct kn_error *err);

/* After wait. */
int kn_group_count(const struct kn_group *group);
const struct kn_outcome *kn_group_outcome(const struct kn_group *group, int task);

#ifdef __cplusplus
}
#endif
#endif
