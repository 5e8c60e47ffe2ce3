#include "service/follow.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "queue/wake.h"
#include "service/job_waits.h"
#include "service/progress_text.h"

enum {
    LOOK_US = 500000,
    AWAY_US = 1000000,
    WAITS_APART_US = 2000000, /* between looks at why jobs wait, where nothing has happened */
    WAITS_MOST = 20,          /* jobs that are told why; the first in line come first */
    EVENTS_AT_ONCE = 500,
    JOBS_MOST = 10000,
};

struct entry {
    struct kn_job job;
    double fraction;
    char *told;  /* what was told last; owned; NULL: nothing yet */
    char *waits; /* owned; NULL: not looked for */
};

struct follow {
    struct kn_store *store;
    const struct kn_follow_options *options;
    struct kn_arena *arena;   /* as long as the call */
    struct kn_arena *scratch; /* of one look */
    KN_VEC(struct entry) entries;
    int64_t since;    /* the last event that was read */
    int64_t waits_us; /* when to look for reasons again (kn_now_us) */
    bool looked;      /* once, without a failure */
    struct kn_error *err;
};

/* ---- which jobs ---- */

static struct entry *add_job(struct follow *follow, const struct kn_job *job)
{
    struct entry entry = {.job = *job};
    entry.job.key = kn_arena_strdup(follow->arena, job->key);
    entry.job.owner = kn_arena_strdup(follow->arena, job->owner);
    entry.job.source = kn_arena_strdup(follow->arena, job->source);
    entry.job.options = kn_arena_strdup(follow->arena, job->options);
    kn_vec_push(&follow->entries, entry);
    return kn_vec_last(&follow->entries);
}

static struct entry *find(struct follow *follow, int64_t id)
{
    for (int i = 0; i < follow->entries.count; i++)
        if (follow->entries.at[i].job.id == id)
            return &follow->entries.at[i];
    return NULL;
}

static enum kn_status choose_named(struct follow *follow)
{
    enum kn_status status = KN_OK;
    for (int i = 0; status == KN_OK && i < follow->options->job_count; i++) {
        struct kn_job job;
        status = kn_store_get(follow->store, follow->options->jobs[i], follow->scratch, &job,
                              follow->err);
        if (status == KN_OK && !find(follow, job.id))
            add_job(follow, &job);
    }
    return status;
}

/* All that wait or run now, the oldest first. */
static enum kn_status choose_open(struct follow *follow)
{
    const struct kn_job_filter filter = {.states = 1u << KN_JOB_QUEUED | 1u << KN_JOB_LEASED,
                                         .limit = JOBS_MOST};
    const struct kn_job *jobs;
    int count = 0;
    enum kn_status status =
        kn_store_list(follow->store, &filter, follow->scratch, &jobs, &count, follow->err);
    for (int i = count - 1; status == KN_OK && i >= 0; i--)
        add_job(follow, &jobs[i]);
    return status;
}

/* The events that come after this moment's states are read twice rather than missed. */
static enum kn_status choose(struct follow *follow)
{
    enum kn_status status = KN_OK;
    follow->since = follow->options->since;
    if (follow->since == KN_FOLLOW_FROM_NOW)
        status = kn_store_last_event(follow->store, &follow->since, follow->err);
    if (status != KN_OK)
        return status;
    return follow->options->jobs ? choose_named(follow) : choose_open(follow);
}

/* ---- events ---- */

static enum kn_status read_again(struct follow *follow, struct entry *entry)
{
    struct kn_job job;
    enum kn_status status =
        kn_store_get(follow->store, entry->job.id, follow->scratch, &job, follow->err);
    if (status == KN_NOT_FOUND) {
        entry->job.state = KN_JOB_CANCELLED;
        return KN_OK;
    }
    if (status != KN_OK)
        return status;
    /* Its texts never change. */
    job.key = entry->job.key;
    job.owner = entry->job.owner;
    job.source = entry->job.source;
    job.options = entry->job.options;
    entry->job = job;
    return KN_OK;
}

/* Some were trimmed before they could be read: the states alone are told. */
static enum kn_status catch_up(struct follow *follow)
{
    enum kn_status status = kn_store_last_event(follow->store, &follow->since, follow->err);
    for (int i = 0; status == KN_OK && i < follow->entries.count; i++)
        status = read_again(follow, &follow->entries.at[i]);
    return status;
}

/* A job that was not chosen: new, or of the past that was asked for. */
static bool takes_in(const struct follow *follow)
{
    const struct kn_follow_options *options = follow->options;
    return !options->jobs && (options->stays || options->since != KN_FOLLOW_FROM_NOW);
}

static enum kn_status read_event(struct follow *follow, const struct kn_event *event)
{
    const struct kn_follow_options *options = follow->options;
    struct entry *entry = find(follow, event->job);
    struct kn_job job;
    enum kn_status status = KN_OK;
    if (!entry && !takes_in(follow)) {
        follow->since = event->id;
        return KN_OK;
    }
    if (!entry && event->job) {
        status = kn_store_get(follow->store, event->job, follow->scratch, &job, follow->err);
        if (status == KN_OK)
            entry = add_job(follow, &job);
        else if (status != KN_NOT_FOUND) /* removed since */
            return status;
    } else if (entry) {
        status = read_again(follow, entry);
        if (status != KN_OK)
            return status;
    }
    follow->since = event->id; /* now, so that one that could not be told yet is read again */
    if (options->event)
        options->event(options->arg, event, entry ? &entry->job : NULL);
    return KN_OK;
}

static enum kn_status read_events(struct follow *follow)
{
    const struct kn_event *events;
    int count = EVENTS_AT_ONCE;
    enum kn_status status = KN_OK;
    while (status == KN_OK && count == EVENTS_AT_ONCE) {
        status = kn_store_events(follow->store, follow->since, EVENTS_AT_ONCE, follow->scratch,
                                 &events, &count, follow->err);
        if (status == KN_LOST)
            return catch_up(follow);
        for (int i = 0; status == KN_OK && i < count; i++)
            status = read_event(follow, &events[i]);
    }
    return status;
}

/* ---- how they stand ---- */

/* Why each of the first that wait does; of the others it is not worth the questions. */
static void read_waits(struct follow *follow)
{
    const struct kn_queue_outlook outlook = kn_queue_outlook(follow->store, follow->scratch);
    int asked = 0;
    for (int i = 0; i < follow->entries.count; i++) {
        struct entry *entry = &follow->entries.at[i];
        bool queued = entry->job.state == KN_JOB_QUEUED;
        bool leased = entry->job.state == KN_JOB_LEASED; /* whose worker may be gone: no question */
        free(entry->waits);
        entry->waits = NULL;
        if (leased || (queued && asked++ < WAITS_MOST))
            entry->waits =
                kn_strdup(kn_job_waits_in(follow->store, &outlook, &entry->job, follow->scratch));
    }
    follow->waits_us = kn_now_us() + WAITS_APART_US;
}

static void read_progress(struct follow *follow, struct kn_followed *ret)
{
    const char *text;
    int64_t at_us;
    struct kn_progress_view *views;
    struct kn_store *store = follow->store;
    /* A job that has only begun has none yet. */
    if (kn_store_get_progress(store, ret->job->id, follow->scratch, &text, &at_us, NULL) != KN_OK)
        return;
    int64_t then_us = kn_now_us() - KN_MAX(kn_store_now_us(store) - at_us, 0);
    int count;
    if (kn_progress_text_read(text, then_us, follow->scratch, &views, &count, NULL) != KN_OK)
        return;
    ret->views = views;
    ret->view_count = count;
    ret->eta_ms = views[0].eta_ms;
    ret->fraction = KN_MAX(ret->fraction, views[0].fraction);
}

/* What changes with time alone says nothing new: told without it. */
static char *digest(const struct kn_followed *followed)
{
    KN_SCOPED_STR text = {0};
    kn_str_printf(&text, "%d %d %s\n", (int)followed->job->state, followed->job->attempt,
                  followed->waits);
    for (int i = 0; i < followed->view_count; i++) {
        const struct kn_progress_view *v = &followed->views[i];
        kn_str_printf(&text, "%d %d %.4f %s\n", v->id, (int)v->state, v->fraction, v->stage);
    }
    return kn_str_take(&text);
}

static void tell(struct follow *follow, struct entry *entry)
{
    struct kn_followed followed = {.job = &entry->job,
                                   .event_id = follow->since,
                                   .waits = entry->waits ? entry->waits : "",
                                   .fraction = entry->fraction,
                                   .eta_ms = -1};
    if (entry->job.state == KN_JOB_LEASED)
        read_progress(follow, &followed);
    if (entry->job.state == KN_JOB_DONE)
        followed.fraction = 1;
    entry->fraction = followed.fraction;
    char *now = digest(&followed);
    if (entry->told && strcmp(entry->told, now) == 0) {
        free(now);
        return;
    }
    free(entry->told);
    entry->told = now;
    follow->options->changed(follow->options->arg, &followed);
}

/* Returns how many are not over yet; -1: `status` tells. */
static int look(struct follow *follow, bool news, enum kn_status *ret_status)
{
    int open = 0;
    kn_arena_reset(follow->scratch);
    *ret_status = read_events(follow);
    if (*ret_status != KN_OK)
        return -1;
    if (follow->options->changed && (news || kn_now_us() >= follow->waits_us))
        read_waits(follow);
    for (int i = 0; i < follow->entries.count; i++) {
        struct entry *entry = &follow->entries.at[i];
        bool over = kn_job_state_final(entry->job.state);
        open += !over;
        if (follow->options->changed && (!over || !entry->told || news))
            tell(follow, entry);
    }
    return open;
}

/* A look that failed is made again until the store answers. */
static int look_patiently(struct follow *follow, bool news, struct kn_cancel *cancel,
                          enum kn_status *ret_status)
{
    const struct kn_follow_options *options = follow->options;
    for (bool away = false;; away = true) {
        int open = look(follow, news || away, ret_status);
        if (open >= 0 || !options->away || !follow->looked || !kn_status_retryable(*ret_status))
            return open;
        if (!away)
            options->away(options->arg, follow->err);
        if (kn_cancel_wait_ms(cancel, AWAY_US / 1000)) {
            *ret_status = kn_cancel_check(cancel, follow->err);
            return -1;
        }
    }
}

static enum kn_status look_until_over(struct follow *follow, struct kn_cancel *cancel)
{
    struct kn_wake *wake = NULL;
    bool news = true;
    enum kn_status status = kn_wake_open(follow->store, &wake, follow->err);
    while (status == KN_OK) {
        int open = look_patiently(follow, news, cancel, &status);
        if (open < 0 || (open == 0 && !follow->options->stays))
            break;
        follow->looked = true;
        /* Percentages are no changes that the store tells of. */
        int64_t until_us = follow->options->changed ? kn_now_us() + LOOK_US : INT64_MAX;
        enum kn_status woken = kn_wake_wait(wake, until_us, cancel);
        news = woken == KN_OK;
        if (woken == KN_CANCELLED)
            status = kn_cancel_check(cancel, follow->err);
    }
    kn_wake_close(wake);
    return status;
}

enum kn_status kn_follow(struct kn_store *store, const struct kn_follow_options *options,
                         struct kn_cancel *cancel, struct kn_follow_end *ret_end,
                         struct kn_error *err)
{
    struct follow follow = {.store = store,
                            .options = options,
                            .arena = kn_arena_new(),
                            .scratch = kn_arena_new(),
                            .err = err};
    enum kn_status status = choose(&follow);
    if (status == KN_OK)
        status = look_until_over(&follow, cancel);
    struct kn_follow_end end = {.jobs = follow.entries.count};
    for (int i = 0; i < follow.entries.count; i++) {
        end.done += follow.entries.at[i].job.state == KN_JOB_DONE;
        free(follow.entries.at[i].told);
        free(follow.entries.at[i].waits);
    }
    if (ret_end)
        *ret_end = end;
    kn_vec_free(&follow.entries);
    kn_arena_free(follow.scratch);
    kn_arena_free(follow.arena);
    return status;
}
