#include <kirinuki/queue.h>

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "queue/wake.h"
#include "service/follow.h"
#include "service/job_text.h"
#include "service/job_waits.h"
#include "service/progress_text.h"
#include "service/settings_queue.h"
#include "service/store_place.h"

enum { LOOK_US = 500000 };

struct kn_queue {
    struct kn_store *store;
};

static void make_tables(void)
{
    (void)kn_settings_job_table();
    (void)kn_settings_table(KN_FOR_RUN);
    (void)kn_settings_table(KN_FOR_QUEUE);
    (void)kn_settings_table(KN_FOR_ALL);
}

/* What the user's configuration and environment say of the queue counts here, too. */
static enum kn_status open_store(const char *where, struct kn_store **ret_store,
                                 struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_settings settings;
    char *none[1] = {NULL}, *rest[1];
    int rest_count;
    enum kn_status status =
        kn_settings_read(KN_FOR_QUEUE, 0, none, arena, &settings, rest, &rest_count, err);
    if (status == KN_OK)
        status = kn_store_open_at(where ? where : settings.queue.store, settings.queue.levels, true,
                                  ret_store, err);
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_queue_open(const char *where, struct kn_queue **ret_queue, struct kn_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct kn_store *store;
    pthread_once(&once, make_tables);
    enum kn_status status = open_store(where, &store, err);
    if (status != KN_OK)
        return status;
    *ret_queue = kn_calloc(1, sizeof **ret_queue);
    (*ret_queue)->store = store;
    return KN_OK;
}

void kn_queue_close(struct kn_queue *queue)
{
    if (!queue)
        return;
    kn_store_close(queue->store);
    free(queue);
}

/* ---- handing over ---- */

static enum kn_status set_option(const struct kn_queue_option *given, struct kn_settings *settings,
                                 struct kn_arena *arena, struct kn_error *err)
{
    const struct kn_option *option = kn_option_find(kn_settings_job_table(), given->name);
    if (!option)
        return kn_error_set(err, KN_INVALID, "unknown option %.60s", given->name);
    return kn_option_set(option, given->value, settings, arena, err);
}

static enum kn_status make_spec(const struct kn_queue *queue, const struct kn_queue_video *video,
                                struct kn_arena *arena, struct kn_cancel *cancel,
                                struct kn_job_spec *ret_spec, struct kn_error *err)
{
    static const enum kn_priority priorities[] = {[KN_QUEUE_NORMAL] = KN_PRIORITY_NORMAL,
                                                  [KN_QUEUE_LOW] = KN_PRIORITY_LOW,
                                                  [KN_QUEUE_HIGH] = KN_PRIORITY_HIGH};
    struct kn_settings settings;
    kn_settings_defaults(&settings);
    settings.queue.owner = video->owner;
    settings.queue.priority = priorities[video->priority];
    settings.queue.levels = kn_store_levels(queue->store);
    settings.queue.at_us = video->not_before_us;
    settings.queue.force = video->force;
    enum kn_status status = KN_OK;
    for (int i = 0; status == KN_OK && i < video->option_count; i++)
        status = set_option(&video->options[i], &settings, arena, err);
    if (status == KN_OK)
        status = kn_settings_check(&settings, err);
    return status == KN_OK
               ? kn_job_spec_make(&settings, video->path, true, arena, cancel, ret_spec, err)
               : status;
}

enum kn_status kn_queue_add(struct kn_queue *queue, const struct kn_queue_video *videos, int count,
                            struct kn_queue_added *ret_added, struct kn_cancel *cancel,
                            struct kn_error *err)
{
    if (count < 0 || count > KN_SUBMIT_MAX)
        return kn_error_set(err, KN_LIMIT, "%d videos at once: up to %d are possible", count,
                            KN_SUBMIT_MAX);
    struct kn_arena *arena = kn_arena_new();
    struct kn_job_spec *specs = kn_arena_array(arena, (size_t)count + 1, sizeof *specs);
    struct kn_submitted *made = kn_arena_array(arena, (size_t)count + 1, sizeof *made);
    enum kn_status status = KN_OK;
    for (int i = 0; status == KN_OK && i < count; i++)
        status = make_spec(queue, &videos[i], arena, cancel, &specs[i], err);
    if (status == KN_OK)
        status = kn_store_submit(queue->store, specs, count, made, cancel, err);
    for (int i = 0; status == KN_OK && i < count; i++)
        ret_added[i] = (struct kn_queue_added){made[i].id, made[i].known};
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_queue_cancel(struct kn_queue *queue, int64_t job, struct kn_error *err)
{
    enum kn_job_state state;
    return kn_store_cancel(queue->store, job, &state, err);
}

/* ---- looking ---- */

static const struct {
    const char *name;
    enum kn_job_state state;
} states[KN_QUEUE_STATE_COUNT] = {
    [KN_QUEUE_WAITING] = {"waiting", KN_JOB_QUEUED},
    [KN_QUEUE_RUNNING] = {"running", KN_JOB_LEASED},
    [KN_QUEUE_DONE] = {"done", KN_JOB_DONE},
    [KN_QUEUE_FAILED] = {"failed", KN_JOB_FAILED},
    [KN_QUEUE_CANCELLED] = {"cancelled", KN_JOB_CANCELLED},
};

const char *kn_queue_state_name(enum kn_queue_state state)
{
    return (unsigned)state < KN_QUEUE_STATE_COUNT ? states[state].name : "unknown";
}

static void copy_text(char *to, size_t room, const char *from)
{
    snprintf(to, room, "%s", from ? from : "");
    kn_utf8_trim(to);
}

/* A job and its tree, as they are in the store now. */
struct look {
    struct kn_arena *arena;
    struct kn_queue_job job;
    struct kn_progress_view *views;
    int count;
};

/* Without a snapshot, or with one that can't be read, nothing is known of it yet. */
static void read_progress(struct kn_store *store, struct look *look)
{
    const char *text;
    int64_t at_us;
    look->count = 0;
    if (kn_store_get_progress(store, look->job.job, look->arena, &text, &at_us, NULL) != KN_OK)
        return;
    int64_t then_us = kn_now_us() - KN_MAX(kn_store_now_us(store) - at_us, 0);
    if (kn_progress_text_read(text, then_us, look->arena, &look->views, &look->count, NULL) !=
        KN_OK) {
        look->count = 0;
        return;
    }
    look->job.fraction = look->views[0].fraction;
    look->job.eta_ms = look->views[0].eta_ms;
}

static enum kn_queue_state state_of(const struct kn_job *job)
{
    int s = 0;
    while (s + 1 < KN_QUEUE_STATE_COUNT && states[s].state != job->state)
        s++;
    return (enum kn_queue_state)s;
}

static enum kn_status look_at(struct kn_store *store, int64_t id, struct look *look,
                              struct kn_error *err)
{
    struct kn_job job;
    enum kn_status status = kn_store_get(store, id, look->arena, &job, err);
    if (status != KN_OK)
        return status;
    look->job = (struct kn_queue_job){
        .job = id, .state = state_of(&job), .attempt = job.attempt, .eta_ms = -1};
    look->count = 0;
    const char *text = "";
    if (job.state == KN_JOB_QUEUED || job.state == KN_JOB_LEASED)
        text = kn_job_waits(store, &job, look->arena);
    else if (job.state == KN_JOB_FAILED || job.state == KN_JOB_CANCELLED)
        text = kn_job_last_reason(store, id, look->arena);
    copy_text(look->job.text, sizeof look->job.text, text);
    if (job.state == KN_JOB_LEASED)
        read_progress(store, look);
    if (job.state == KN_JOB_DONE)
        look->job.fraction = 1;
    return KN_OK;
}

enum kn_status kn_queue_get(struct kn_queue *queue, int64_t job, struct kn_queue_job *ret_job,
                            struct kn_error *err)
{
    struct look look = {.arena = kn_arena_new()};
    enum kn_status status = look_at(queue->store, job, &look, err);
    if (status == KN_OK)
        *ret_job = look.job;
    kn_arena_free(look.arena);
    return status;
}

static struct kn_queue_event public_event(const struct kn_event *event)
{
    struct kn_queue_event made = {.id = event->id, .at_us = event->at_us, .job = event->job};
    copy_text(made.what, sizeof made.what, kn_event_kind_name(event->kind));
    copy_text(made.detail, sizeof made.detail, event->detail);
    return made;
}

enum kn_status kn_queue_events(struct kn_queue *queue, int64_t since, int max,
                               struct kn_queue_event *ret_events, int *ret_count,
                               struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    const struct kn_event *events;
    int count;
    enum kn_status status = kn_store_events(queue->store, since, max, arena, &events, &count, err);
    for (int i = 0; status == KN_OK && i < count; i++)
        ret_events[i] = public_event(&events[i]);
    if (status == KN_OK)
        *ret_count = count;
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_queue_last_event(struct kn_queue *queue, int64_t *ret_id, struct kn_error *err)
{
    return kn_store_last_event(queue->store, ret_id, err);
}

/* ---- following ---- */

struct following {
    struct kn_store *store;
    const struct kn_queue_follower *follower;
};

static void tell_event(void *arg, const struct kn_event *event, const struct kn_job *job)
{
    const struct following *following = arg;
    const struct kn_queue_event made = public_event(event);
    (void)job;
    following->follower->event(following->follower->arg, &made);
}

static void tell_changed(void *arg, const struct kn_followed *followed)
{
    const struct following *following = arg;
    const struct kn_queue_follower *follower = following->follower;
    struct kn_queue_job job = {.job = followed->job->id,
                               .state = state_of(followed->job),
                               .attempt = followed->job->attempt,
                               .fraction = followed->fraction,
                               .eta_ms = followed->eta_ms};
    struct kn_arena *arena = kn_arena_new();
    bool ended_badly = job.state == KN_QUEUE_FAILED || job.state == KN_QUEUE_CANCELLED;
    copy_text(job.text, sizeof job.text,
              ended_badly ? kn_job_last_reason(following->store, job.job, arena) : followed->waits);
    kn_arena_free(arena);
    follower->changed(follower->arg, &job, followed->views, followed->view_count);
}

enum kn_status kn_queue_follow(struct kn_queue *queue, const struct kn_queue_follower *follower,
                               struct kn_cancel *cancel, struct kn_error *err)
{
    struct following following = {queue->store, follower};
    const struct kn_follow_options options = {
        .jobs = follower->jobs,
        .job_count = follower->job_count,
        .since = follower->since,
        .stays = follower->stays,
        .event = follower->event ? tell_event : NULL,
        .changed = follower->changed ? tell_changed : NULL,
        .arg = &following,
    };
    return kn_follow(queue->store, &options, cancel, NULL, err);
}

/* ---- waiting ---- */

static bool is_over(const struct kn_queue_job *job)
{
    return job->state != KN_QUEUE_WAITING && job->state != KN_QUEUE_RUNNING;
}

enum kn_status kn_queue_wait(struct kn_queue *queue, int64_t job,
                             void (*changed)(void *arg, const struct kn_queue_job *job,
                                             const struct kn_progress_view *views, int count),
                             void *arg, struct kn_cancel *cancel, struct kn_queue_job *ret_job,
                             struct kn_error *err)
{
    struct look look = {.arena = kn_arena_new()};
    struct kn_wake *wake = NULL;
    enum kn_status status = kn_wake_open(queue->store, &wake, err);
    while (status == KN_OK) {
        kn_arena_reset(look.arena);
        status = look_at(queue->store, job, &look, err);
        if (status == KN_OK && changed)
            changed(arg, &look.job, look.views, look.count);
        if (status != KN_OK || is_over(&look.job))
            break;
        /* Percentages are no changes that the store tells of. */
        bool polls = changed && look.job.state == KN_QUEUE_RUNNING;
        if (kn_wake_wait(wake, polls ? kn_now_us() + LOOK_US : INT64_MAX, cancel) == KN_CANCELLED)
            status = kn_cancel_check(cancel, err);
    }
    if (status == KN_OK && ret_job)
        *ret_job = look.job;
    kn_wake_close(wake);
    kn_arena_free(look.arena);
    return status;
}
