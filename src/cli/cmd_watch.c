/*
 * kirinuki watch [ID…]: live progress of jobs, whichever process runs them.
 *
 * Changes of state come from the store's events, by their ids, so none is missed; percentages are
 * the newest snapshot that the job's worker has put there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/vec.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/progress_view.h"
#include "cli/queue_view.h"
#include "queue/wake.h"
#include "service/progress_text.h"

enum { LOOK_US = 500000, EVENTS_AT_ONCE = 500, JOBS_MAX = 10000 };

struct watched {
    struct kn_job job;
    const char *name;
    double fraction; /* as it was said last; JSON */
};

struct watch {
    struct kn_queue_call *call;
    struct kn_cancel *cancel;
    struct kn_progress_display *display; /* bars; NULL: lines or JSON */
    struct kn_arena *scratch;            /* of one look */
    KN_VEC(struct watched) jobs;
    int64_t since; /* the last event that was read */
};

/* ---- which jobs ---- */

static void watch_job(struct watch *watch, const struct kn_job *job)
{
    struct watched watched = {.job = *job, .fraction = -1};
    watched.name = kn_job_name(job, watch->call->arena);
    kn_vec_push(&watch->jobs, watched);
}

static enum kn_status choose_named(struct watch *watch)
{
    struct kn_queue_call *call = watch->call;
    for (int i = 0; i < call->rest_count; i++) {
        int64_t id;
        struct kn_job job;
        enum kn_status status = kn_job_id_parse(call->rest[i], &id, &call->err);
        if (status == KN_OK)
            status = kn_store_get(call->store, id, call->arena, &job, &call->err);
        if (status != KN_OK)
            return status;
        watch_job(watch, &job);
    }
    return KN_OK;
}

/* All that wait or run now, the oldest first. */
static enum kn_status choose_open(struct watch *watch)
{
    struct kn_queue_call *call = watch->call;
    const struct kn_job_filter filter = {.states = 1u << KN_JOB_QUEUED | 1u << KN_JOB_LEASED,
                                         .limit = JOBS_MAX};
    const struct kn_job *jobs;
    int count;
    enum kn_status status =
        kn_store_list(call->store, &filter, call->arena, &jobs, &count, &call->err);
    for (int i = count - 1; status == KN_OK && i >= 0; i--)
        watch_job(watch, &jobs[i]);
    return status;
}

static struct watched *find(struct watch *watch, int64_t id)
{
    for (int i = 0; i < watch->jobs.count; i++)
        if (watch->jobs.at[i].job.id == id)
            return &watch->jobs.at[i];
    return NULL;
}

/* ---- what is said ---- */

struct saying {
    struct watched *watched;
    const char *what, *detail;
};

static void print_line(void *arg)
{
    const struct saying *saying = arg;
    printf("%" PRId64 "  %-9s  %s%s%s\n", saying->watched->job.id, saying->what,
           saying->watched->name, saying->detail ? ": " : "", saying->detail ? saying->detail : "");
    fflush(stdout);
}

static void say_event(struct watch *watch, struct watched *watched, const struct kn_event *event)
{
    struct saying saying = {watched, kn_event_kind_name(event->kind), event->detail};
    char at[KN_TIME_TEXT_BYTES];
    if (watch->call->settings.json) {
        kn_print_json(json_pack("{s:s, s:I, s:I, s:s, s:s, s:s*}", "event", "state", "event_id",
                                (json_int_t)event->id, "job", (json_int_t)event->job, "at",
                                kn_time_iso(event->at_us, at), "what", saying.what, "detail",
                                event->detail));
        fflush(stdout);
        return;
    }
    bool shown = !watch->display || event->kind == KN_EVENT_DONE ||
                 event->kind == KN_EVENT_FAILED || event->kind == KN_EVENT_CANCELLED ||
                 event->kind == KN_EVENT_RETRYING || event->kind == KN_EVENT_RECLAIMED;
    if (shown && watch->display)
        kn_progress_display_above(watch->display, print_line, &saying);
    else if (shown)
        print_line(&saying);
}

/* ---- one look ---- */

static enum kn_status read_again(struct watch *watch, struct watched *watched)
{
    struct kn_queue_call *call = watch->call;
    struct kn_job job;
    enum kn_status status =
        kn_store_get(call->store, watched->job.id, watch->scratch, &job, &call->err);
    if (status == KN_NOT_FOUND) { /* removed */
        watched->job.state = KN_JOB_CANCELLED;
        status = KN_OK;
    } else if (status == KN_OK) {
        watched->job.state = job.state;
    }
    if (status == KN_OK && watch->display && watched->job.state != KN_JOB_LEASED)
        kn_progress_display_remove(watch->display, watched->job.id);
    return status;
}

/* Some were trimmed before they could be read: the states alone are told. */
static enum kn_status catch_up(struct watch *watch)
{
    struct kn_queue_call *call = watch->call;
    enum kn_status status = kn_store_last_event(call->store, &watch->since, &call->err);
    for (int i = 0; status == KN_OK && i < watch->jobs.count; i++)
        status = read_again(watch, &watch->jobs.at[i]);
    return status;
}

static enum kn_status read_events(struct watch *watch)
{
    struct kn_queue_call *call = watch->call;
    const struct kn_event *events;
    int count = EVENTS_AT_ONCE;
    enum kn_status status = KN_OK;
    while (status == KN_OK && count == EVENTS_AT_ONCE) {
        status = kn_store_events(call->store, watch->since, EVENTS_AT_ONCE, watch->scratch, &events,
                                 &count, &call->err);
        if (status == KN_LOST)
            return catch_up(watch);
        for (int i = 0; status == KN_OK && i < count; i++) {
            struct watched *watched = find(watch, events[i].job);
            watch->since = events[i].id;
            if (!watched)
                continue;
            say_event(watch, watched, &events[i]);
            status = read_again(watch, watched);
        }
    }
    return status;
}

static void say_progress(struct watch *watch, struct watched *watched,
                         const struct kn_progress_view *views, int count)
{
    if (watch->display)
        kn_progress_display_set(watch->display, watched->job.id, views, count);
    if (!watch->call->settings.json || views[0].fraction <= watched->fraction)
        return;
    watched->fraction = views[0].fraction;
    kn_print_json(json_pack(
        "{s:s, s:I, s:o, s:I}", "event", "progress", "job", (json_int_t)watched->job.id, "fraction",
        kn_json_number(views[0].fraction, 4), "eta_ms", (json_int_t)views[0].eta_ms));
    fflush(stdout);
}

static void read_progress(struct watch *watch, struct watched *watched)
{
    const char *text;
    int64_t at_us;
    struct kn_progress_view *views;
    int count;
    struct kn_store *store = watch->call->store;
    /* A job that has only begun has none yet. */
    if (kn_store_get_progress(store, watched->job.id, watch->scratch, &text, &at_us, NULL) != KN_OK)
        return;
    int64_t then_us = kn_now_us() - KN_MAX(kn_store_now_us(store) - at_us, 0);
    if (kn_progress_text_read(text, then_us, watch->scratch, &views, &count, NULL) == KN_OK)
        say_progress(watch, watched, views, count);
}

/* Returns how many are not over yet; -1: `status` tells. */
static int look(struct watch *watch, enum kn_status *ret_status)
{
    int open = 0;
    bool shows = watch->display || watch->call->settings.json;
    kn_arena_reset(watch->scratch);
    *ret_status = read_events(watch);
    if (*ret_status != KN_OK)
        return -1;
    for (int i = 0; i < watch->jobs.count; i++) {
        struct watched *watched = &watch->jobs.at[i];
        open += !kn_job_state_final(watched->job.state);
        if (shows && watched->job.state == KN_JOB_LEASED)
            read_progress(watch, watched);
    }
    return open;
}

/* ---- the command ---- */

static enum kn_status look_until_over(struct watch *watch)
{
    struct kn_wake *wake = NULL;
    enum kn_status status = kn_wake_open(watch->call->store, &wake, &watch->call->err);
    bool shows = watch->display || watch->call->settings.json;
    while (status == KN_OK && look(watch, &status) > 0) {
        if (kn_wake_wait(wake, shows ? kn_now_us() + LOOK_US : INT64_MAX, watch->cancel) ==
            KN_CANCELLED)
            status = KN_CANCELLED;
    }
    kn_wake_close(wake);
    return status;
}

static bool has_bars(const struct kn_settings *settings)
{
    const char *term = getenv("TERM");
    return !settings->json && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) && term &&
           strcmp(term, "dumb") != 0;
}

static int code_of(const struct watch *watch)
{
    int bad = 0;
    for (int i = 0; i < watch->jobs.count; i++)
        bad += watch->jobs.at[i].job.state != KN_JOB_DONE;
    if (!bad)
        return KN_EXIT_OK;
    return bad < watch->jobs.count ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
}

/* The events that come after this moment's states are read twice rather than missed. */
static enum kn_status choose(struct watch *watch)
{
    struct kn_queue_call *call = watch->call;
    enum kn_status status = kn_store_last_event(call->store, &watch->since, &call->err);
    if (status == KN_OK)
        status = call->rest_count ? choose_named(watch) : choose_open(watch);
    return status;
}

static int watch_jobs(struct kn_queue_call *call)
{
    struct watch watch = {.call = call, .cancel = kn_interrupt_watch()};
    enum kn_status status = choose(&watch);
    if (status == KN_INVALID)
        return kn_complain_usage("watch", &call->err);
    if (status != KN_OK)
        return kn_complain(status, &call->err);
    watch.scratch = kn_arena_new();
    if (!watch.jobs.count && !call->settings.json)
        printf("nothing waits or runs\n");
    if (has_bars(&call->settings))
        watch.display = kn_progress_display_start(
            &(struct kn_progress_options){.style = KN_PROGRESS_BARS, .out = stderr});
    status = look_until_over(&watch);
    if (watch.display)
        kn_progress_display_stop(watch.display);
    int code = status == KN_OK ? code_of(&watch) : kn_complain(status, &call->err);
    kn_arena_free(watch.scratch);
    kn_vec_free(&watch.jobs);
    return code;
}

int kn_cmd_watch(int argc, char **argv)
{
    struct kn_queue_call call;
    int code = kn_queue_begin(&call, "watch", KN_FOR_WATCH, "", argc, argv);
    if (code == KN_EXIT_OK)
        code = watch_jobs(&call);
    kn_queue_end(&call);
    return code;
}
