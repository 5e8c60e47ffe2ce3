/* kirinuki watch [ID…]: live progress of jobs, whichever process runs them. */
#include <ctype.h>
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
#include "service/follow.h"
#include "service/job_waits.h"

/* From Ctrl-C to the end, at most. */
enum { STOP_MS = 1000 };

/* What was said of a job, so that only what is new is said again. */
struct said {
    int64_t job;
    double fraction;
    char *waits; /* owned */
    bool end;    /* how it ended was said, or that it was removed */
    KN_VEC(struct kn_progress_view) views;
};

struct watch {
    struct kn_queue_call *call;
    struct kn_progress_display *display; /* bars; NULL: lines or JSON */
    KN_VEC(struct said) jobs;
};

static struct said *said_of(struct watch *watch, int64_t job)
{
    for (int i = 0; i < watch->jobs.count; i++)
        if (watch->jobs.at[i].job == job)
            return &watch->jobs.at[i];
    struct said said = {.job = job, .fraction = -1};
    kn_vec_push(&watch->jobs, said);
    return kn_vec_last(&watch->jobs);
}

static void forget(struct watch *watch)
{
    for (int i = 0; i < watch->jobs.count; i++) {
        free(watch->jobs.at[i].waits);
        kn_vec_free(&watch->jobs.at[i].views);
    }
    kn_vec_free(&watch->jobs);
}

/* ---- lines ---- */

struct line {
    int64_t job;
    const char *what, *name, *detail;
};

static void print_line(void *arg)
{
    const struct line *line = arg;
    kn_say("%" PRId64 "  %-9s  %s%s%s", line->job, line->what, line->name, line->detail ? ": " : "",
           line->detail ? line->detail : "");
    fflush(stdout);
}

static void say_line(struct watch *watch, const struct kn_job *job, const char *what,
                     const char *detail)
{
    struct kn_arena *arena = kn_arena_new();
    struct line line = {job->id, what, kn_job_name(job, arena), detail};
    if (watch->display)
        kn_progress_display_above(watch->display, print_line, &line);
    else
        print_line(&line);
    kn_arena_free(arena);
}

/* ---- events ---- */

static void say_event_json(const struct kn_event *event)
{
    char at[KN_TIME_TEXT_BYTES];
    kn_print_json(json_pack("{s:s, s:I, s:I, s:s, s:s, s:s*}", "event", "state", "event_id",
                            (json_int_t)event->id, "job", (json_int_t)event->job, "at",
                            kn_time_iso(event->at_us, at), "what", kn_event_kind_name(event->kind),
                            "detail", event->detail));
    fflush(stdout);
}

/* Bars show by themselves what goes on. */
static bool is_for_people_with_bars(enum kn_event_kind kind)
{
    return kind == KN_EVENT_DONE || kind == KN_EVENT_FAILED || kind == KN_EVENT_CANCELLED ||
           kind == KN_EVENT_RETRYING || kind == KN_EVENT_RECLAIMED;
}

static bool is_an_end(enum kn_event_kind kind)
{
    return kind == KN_EVENT_DONE || kind == KN_EVENT_FAILED || kind == KN_EVENT_CANCELLED ||
           kind == KN_EVENT_REMOVED;
}

static void say_event(void *arg, const struct kn_event *event, const struct kn_job *job)
{
    struct watch *watch = arg;
    if (job)
        said_of(watch, job->id)->end = is_an_end(event->kind);
    if (watch->call->settings.json)
        say_event_json(event);
    else if (job && (!watch->display || is_for_people_with_bars(event->kind)))
        say_line(watch, job, kn_event_kind_name(event->kind), event->detail);
}

/* ---- how a job stands ---- */

/* Do they differ in more than numbers that count up or down? */
static bool says_something_new(const char *before, const char *now)
{
    for (;;) {
        while (isdigit((unsigned char)*before) || *before == '.')
            before++;
        while (isdigit((unsigned char)*now) || *now == '.')
            now++;
        if (*before != *now)
            return true;
        if (!*now)
            return false;
        before++, now++;
    }
}

static void say_waits(struct watch *watch, struct said *said, const struct kn_followed *followed)
{
    const char *now = followed->waits;
    bool json = watch->call->settings.json;
    if (said->waits && strcmp(said->waits, now) == 0)
        return;
    if (json && now[0]) {
        kn_print_json(json_pack("{s:s, s:I, s:o}", "event", "waits", "job",
                                (json_int_t)followed->job->id, "why", kn_json_text(now)));
        fflush(stdout);
    } else if (!watch->display && now[0] &&
               (!said->waits || says_something_new(said->waits, now))) {
        say_line(watch, followed->job, "waits", now);
    }
    free(said->waits);
    said->waits = kn_strdup(now);
}

static const struct kn_progress_view *view_before(const struct said *said, int id)
{
    for (int i = 0; i < said->views.count; i++)
        if (said->views.at[i].id == id)
            return &said->views.at[i];
    return NULL;
}

/* As `kirinuki run --json` tells it, with its job and its share of what it is a part of. */
static void say_step(const struct kn_progress_view *view, int64_t job)
{
    kn_print_json(json_pack("{s:s, s:I, s:i, s:i, s:o, s:s, s:o, s:o, s:o, s:I}", "event", "step",
                            "job", (json_int_t)job, "id", view->id, "parent", view->parent, "name",
                            kn_json_text(view->name), "state", kn_progress_state_name(view->state),
                            "fraction", kn_json_number(view->fraction, 4), "weight",
                            kn_json_number(view->weight, 3), "stage", kn_json_text(view->stage),
                            "eta_ms", (json_int_t)view->eta_ms));
}

/* The rows that are new or changed. */
static void say_steps(struct said *said, const struct kn_followed *followed)
{
    for (int i = 0; i < followed->view_count; i++) {
        const struct kn_progress_view *view = &followed->views[i];
        const struct kn_progress_view *before = view_before(said, view->id);
        bool known = before && before->state == view->state && before->fraction == view->fraction &&
                     strcmp(before->stage, view->stage) == 0;
        if (view->id >= 0 && !known) /* parts that wait are told apart by nothing */
            say_step(view, followed->job->id);
    }
    kn_vec_clear(&said->views);
    for (int i = 0; i < followed->view_count; i++)
        kn_vec_push(&said->views, followed->views[i]);
}

static void say_progress_json(struct said *said, const struct kn_followed *followed)
{
    say_steps(said, followed);
    if (followed->view_count && followed->fraction > said->fraction) {
        said->fraction = followed->fraction;
        kn_print_json(json_pack("{s:s, s:I, s:o, s:I}", "event", "progress", "job",
                                (json_int_t)followed->job->id, "fraction",
                                kn_json_number(followed->fraction, 4), "eta_ms",
                                (json_int_t)followed->eta_ms));
    }
    fflush(stdout);
}

/* A job that waits has a row as well, with the reason in the place of its bar. */
static void show_waiting(struct watch *watch, const struct kn_followed *followed)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_progress_view row = {.parent = -1, .state = KN_PROGRESS_WAITING, .eta_ms = -1};
    snprintf(row.name, sizeof row.name, "%s", kn_job_name(followed->job, arena));
    snprintf(row.stage, sizeof row.stage, "%s", followed->waits);
    kn_utf8_trim(row.name);
    kn_utf8_trim(row.stage);
    kn_progress_display_set(watch->display, followed->job->id, &row, 1);
    kn_arena_free(arena);
}

static void show(struct watch *watch, const struct kn_followed *followed)
{
    if (followed->waits[0])
        show_waiting(watch, followed);
    else if (followed->view_count)
        kn_progress_display_set(watch->display, followed->job->id, followed->views,
                                followed->view_count);
    else if (followed->job->state != KN_JOB_LEASED)
        kn_progress_display_remove(watch->display, followed->job->id);
}

/* A job that was over before anybody watched: there was no event to tell. */
static void say_end(struct watch *watch, const struct kn_followed *followed)
{
    const struct kn_job *job = followed->job;
    struct kn_arena *arena = kn_arena_new();
    const char *why =
        job->state == KN_JOB_FAILED ? kn_job_last_reason(watch->call->store, job->id, arena) : NULL;
    if (watch->call->settings.json)
        say_event_json(&(struct kn_event){.id = followed->event_id,
                                          .at_us = job->finished_us,
                                          .kind = job->state == KN_JOB_DONE ? KN_EVENT_DONE
                                                  : job->state == KN_JOB_FAILED
                                                      ? KN_EVENT_FAILED
                                                      : KN_EVENT_CANCELLED,
                                          .job = job->id,
                                          .detail = why});
    else
        say_line(watch, job, kn_job_state_shown(job->state), why);
    kn_arena_free(arena);
}

static void say_changed(void *arg, const struct kn_followed *followed)
{
    struct watch *watch = arg;
    struct said *said = said_of(watch, followed->job->id);
    say_waits(watch, said, followed);
    if (watch->display)
        show(watch, followed);
    else if (watch->call->settings.json)
        say_progress_json(said, followed);
    if (kn_job_state_final(followed->job->state) && !said->end) {
        said->end = true;
        say_end(watch, followed);
    }
}

static void print_note(void *arg)
{
    fprintf(stderr, "note: waiting for the database: %s\n", (const char *)arg);
}

static void say_away(void *arg, const struct kn_error *why)
{
    struct watch *watch = arg;
    char text[KN_ERROR_TEXT_BYTES];
    snprintf(text, sizeof text, "%s", kn_error_text(why));
    if (watch->display)
        kn_progress_display_above(watch->display, print_note, text);
    else
        print_note(text);
}

/* ---- the command ---- */

static bool has_bars(const struct kn_settings *settings)
{
    return !settings->json && isatty(STDOUT_FILENO) && kn_progress_can_draw(stderr);
}

static enum kn_status read_ids(struct kn_queue_call *call, int64_t **ret_ids)
{
    int64_t *ids = kn_arena_array(call->arena, (size_t)call->rest_count + 1, sizeof *ids);
    for (int i = 0; i < call->rest_count; i++)
        if (kn_id_parse("job", call->rest[i], &ids[i], &call->err) != KN_OK)
            return KN_INVALID;
    *ret_ids = ids;
    return KN_OK;
}

static int code_of(const struct kn_follow_end *end)
{
    if (end->done == end->jobs)
        return KN_EXIT_OK;
    return end->done ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
}

static int watch_jobs(struct kn_queue_call *call)
{
    struct watch watch = {.call = call};
    int64_t *ids;
    if (read_ids(call, &ids) != KN_OK)
        return kn_complain_usage("watch", &call->err);
    if (has_bars(&call->settings))
        watch.display = kn_progress_display_start(
            &(struct kn_progress_options){.style = KN_PROGRESS_BARS, .out = stderr});
    const struct kn_follow_options options = {
        .jobs = call->rest_count ? ids : NULL,
        .job_count = call->rest_count,
        .since = call->settings.queue.since,
        .event = say_event,
        .changed = say_changed,
        .away = say_away,
        .arg = &watch,
    };
    kn_interrupt_limit(STOP_MS, KN_EXIT_INTERRUPTED, "");
    struct kn_follow_end end;
    enum kn_status status =
        kn_follow(call->store, &options, kn_interrupt_watch(), &end, &call->err);
    if (watch.display)
        kn_progress_display_stop(watch.display);
    if (status == KN_OK && !end.jobs && !call->settings.json)
        printf("nothing waits or runs\n");
    forget(&watch);
    return status == KN_OK ? code_of(&end) : kn_complain(status, &call->err);
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
