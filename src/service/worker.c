/*
 * The main thread of a worker.
 *
 * A turn is taken when jobs have ended, or when there is room and something may have changed; so an
 * idle worker does nothing but upkeep. Ended jobs that could not be finished, because the store
 * was away, are kept and finished with the next turn.
 *
 * A turn that is LOST while the worker is alive may have been committed or not. Before the next one
 * the store is asked, once it is through with it: finishes that were committed are taken out, and
 * jobs that were claimed without our knowing are started. Nobody else would: as long as we live
 * they are ours.
 */
#include "service/worker.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "service/worker_parts.h"

enum {
    DEFAULT_LEASE_US = 30000000,
    UPKEEP_US = 5000000,
    TRIM_US = 600000000,
    KEEP_EVENTS = 1000000,
    LIST_MAX = 1000,
    BUSY_LEAST_US = 500000, /* before a job is tried again whose folder was somebody else's */
    BUSY_MOST_US = 30000000,
    TURNS_FOR_SOMEBODY = 3, /* failed ones, after which who waits is told all the same */
};
static const int64_t KEEP_EVENTS_US = INT64_C(30) * 86400 * 1000000;

/* What the main loop is about to do. */
struct life {
    struct kn_job_worker *worker;
    struct kn_job_task *ended; /* to be finished; in order */
    bool claims;               /* something may be there to claim */
    bool unsure;               /* whether the last turn was committed */
    bool stopping;
    int64_t stop_us; /* when jobs are cancelled (kn_now_us) */
    bool stopped;    /* they are */
    bool over;       /* the store will not come back */
};

/* ---- a turn ---- */

static int count_ended(const struct life *life)
{
    int count = 0;
    for (const struct kn_job_task *task = life->ended; task; task = task->next)
        count++;
    return count;
}

static struct kn_finish finish_of(struct kn_job_worker *worker, const struct kn_job_task *task)
{
    bool well = task->status == KN_OK || task->status == KN_END;
    struct kn_finish finish = {
        .job = task->job.id,
        .attempt = task->job.attempt,
        .outcome = well ? KN_OK : task->status,
        .text = well ? NULL : kn_error_text(&task->error),
        .retry_us = kn_store_now_us(worker->store),
    };
    if (well)
        return finish;
    if (task->stop == KN_STOP_LOST) { /* should it be ours after all, then nobody cancelled it */
        finish.outcome = KN_LOST;
        finish.text = "its worker was told that it had lost it, and handed it back";
        finish.back = true;
    } else if (task->stop == KN_STOP_SHUTDOWN && worker->options->keep) {
        finish.outcome = KN_LOST;
        finish.text = "its worker was stopped and handed it back";
        finish.back = true;
    } else if (task->stop == KN_STOP_NOT && task->status == KN_LOST && !worker->options->only) {
        /* Somebody else works in its folder: it waits for its turn there, however long that
         * takes, and no attempt is used up by that. */
        finish.back = true;
        finish.retry_us += kn_backoff_us(&(struct kn_backoff){.most_us = BUSY_MOST_US},
                                         task->job.attempt, BUSY_LEAST_US);
    } else if (task->stop == KN_STOP_NOT && kn_backoff_helps(task->status)) {
        int failures = task->job.attempts_max - task->job.attempts_left;
        const struct kn_backoff backoff = kn_backoff_after(task->status);
        finish.retry = true;
        finish.retry_us += kn_backoff_us(&backoff, KN_MAX(failures, 1), 0);
    }
    return finish;
}

static void tell_ended(struct kn_job_worker *worker, const struct kn_job_task *task,
                       enum kn_job_state state)
{
    const struct kn_job_worker_options *options = worker->options;
    if (options->ended)
        options->ended(options->arg, &task->run, state, task->status, &task->error);
}

/* The ended ones are told of and freed. `finishes` NULL: their lease was lost. */
static void let_go(struct life *life, const struct kn_finish *finishes)
{
    for (int i = 0; life->ended; i++) {
        struct kn_job_task *task = life->ended;
        bool kept = finishes && finishes[i].status == KN_OK;
        life->ended = task->next;
        tell_ended(life->worker, task, kept ? finishes[i].state : KN_JOB_LEASED);
        kn_task_free(task);
    }
}

/* A failure of the store: nothing is lost, it is tried again after a while. */
static void be_patient(struct kn_job_worker *worker, const struct kn_error *err)
{
    worker->failures++;
    worker->retry_us = kn_now_us() + kn_backoff_us(&worker->patience, worker->failures, 100000);
    if (err->status != KN_LOST) /* then the heartbeat finds out what that means */
        kn_worker_heard(worker, KN_ASKER_MAIN, err->status, err);
}

static void be_glad(struct kn_job_worker *worker)
{
    worker->failures = 0;
    kn_worker_heard(worker, KN_ASKER_MAIN, KN_OK, NULL);
}

static bool is_ended(const struct life *life, const struct kn_job *job)
{
    for (const struct kn_job_task *task = life->ended; task; task = task->next)
        if (task->job.id == job->id && task->job.attempt == job->attempt)
            return true;
    return false;
}

/* Takes out the ended ones whose finish was committed. */
static enum kn_status take_out_finished(struct life *life, struct kn_arena *arena,
                                        struct kn_error *err)
{
    struct kn_job_worker *worker = life->worker;
    for (struct kn_job_task **at = &life->ended; *at;) {
        struct kn_job_task *task = *at;
        struct kn_job job;
        enum kn_status status = kn_store_get(worker->store, task->job.id, arena, &job, err);
        if (status != KN_OK && status != KN_NOT_FOUND)
            return status;
        if (status == KN_NOT_FOUND || job.state == KN_JOB_LEASED || job.worker != worker->id ||
            job.attempt != task->job.attempt) {
            at = &task->next; /* to be finished yet, or somebody else's: the turn will tell */
            continue;
        }
        *at = task->next;
        tell_ended(worker, task, job.state);
        kn_task_free(task);
    }
    return KN_OK;
}

/* Jobs that the store says are ours, and that we do not know of. */
static enum kn_status adopt(struct life *life, struct kn_arena *arena, struct kn_error *err)
{
    struct kn_job_worker *worker = life->worker;
    const struct kn_job_filter filter = {.states = 1u << KN_JOB_LEASED, .limit = LIST_MAX};
    const struct kn_job *jobs;
    int count;
    enum kn_status status = kn_store_list(worker->store, &filter, arena, &jobs, &count, err);
    for (int i = 0; status == KN_OK && i < count; i++)
        if (jobs[i].worker == worker->id && !is_ended(life, &jobs[i]) &&
            !kn_tasks_has(worker, jobs[i].id, jobs[i].attempt))
            kn_tasks_start(worker, &jobs[i], 1);
    return status;
}

static enum kn_status find_out(struct life *life, struct kn_arena *arena, struct kn_error *err)
{
    if (!life->unsure)
        return KN_OK;
    enum kn_status status = kn_store_await_changes(life->worker->store, err);
    if (status == KN_OK)
        status = take_out_finished(life, arena, err);
    if (status == KN_OK)
        status = adopt(life, arena, err);
    life->unsure = status != KN_OK;
    return status;
}

/* Somebody waits for these jobs and is told how they ended, though the store does not come to know
 * of it: they stay leased there until the lease ends. */
static void give_up(struct life *life)
{
    let_go(life, NULL);
    life->claims = false;
}

static enum kn_status take_turn(struct life *life, struct kn_turn *turn, struct kn_arena *arena,
                                struct kn_error *err)
{
    struct kn_job_worker *worker = life->worker;
    turn->worker = worker->id;
    turn->finish_count = count_ended(life);
    turn->finishes = kn_arena_array(arena, (size_t)turn->finish_count + 1, sizeof *turn->finishes);
    int i = 0;
    for (const struct kn_job_task *task = life->ended; task; task = task->next)
        turn->finishes[i++] = finish_of(worker, task);
    if (life->claims && !life->stopping) {
        if (worker->options->measure)
            worker->admission.measured_bytes = worker->options->measure();
        kn_admission_fill(&worker->admission, turn);
    }
    turn->only = worker->options->only;
    turn->only_count = worker->options->only_count;
    if (!turn->finish_count && !turn->claim_max)
        return KN_OK;
    return kn_store_turn(worker->store, turn, arena, NULL, err);
}

/* For people who ask why their job waits. Jobs of one's own are no part of the queue. */
static void tell_room(struct kn_job_worker *worker)
{
    const struct kn_worker_room room = kn_admission_tell(&worker->admission);
    if (!worker->options->only)
        kn_progress_hub_room(worker->hub, worker->id, &room);
}

/* The upkeep releases those that are to be tried again: it is due with the first of them. */
static void expect_again(struct kn_job_worker *worker, const struct kn_turn *turn)
{
    int64_t now_us = kn_now_us(), store_now_us = kn_store_now_us(worker->store);
    for (int i = 0; i < turn->finish_count; i++) {
        const struct kn_finish *finish = &turn->finishes[i];
        int64_t due_us = now_us + KN_MAX(finish->retry_us - store_now_us, 0) + 1000;
        if (finish->retry || finish->back)
            worker->upkeep_us = KN_MIN(worker->upkeep_us, due_us);
    }
}

static void turn(struct life *life)
{
    struct kn_job_worker *worker = life->worker;
    struct kn_arena *arena = kn_arena_new();
    struct kn_turn turn = {0};
    struct kn_error err;
    enum kn_status status = find_out(life, arena, &err);
    if (status == KN_OK) {
        status = take_turn(life, &turn, arena, &err);
        life->unsure = status == KN_LOST;
    }
    if (status == KN_OK) {
        be_glad(worker);
        expect_again(worker, &turn);
        let_go(life, turn.finishes);
        /* A full chunk: there may be more. */
        life->claims = turn.claim_max && turn.claimed_count == turn.claim_max;
        kn_tasks_start(worker, turn.claimed, turn.claimed_count);
        tell_room(worker);
    } else {
        pthread_mutex_lock(&worker->lock);
        worker->poked = true; /* to find out whether we are still alive */
        pthread_cond_signal(&worker->beat);
        pthread_mutex_unlock(&worker->lock);
        be_patient(worker, &err);
        if (worker->options->only && worker->failures >= TURNS_FOR_SOMEBODY)
            give_up(life);
    }
    kn_arena_free(arena);
}

/* ---- upkeep ---- */

/* Releases what is due, and says when to look again (kn_now_us). */
static int64_t promote(struct life *life, struct kn_error *err, enum kn_status *ret_status)
{
    struct kn_job_worker *worker = life->worker;
    int released = 0, promoted = 0;
    bool more = true;
    int64_t due_us = INT64_MAX;
    enum kn_status status = KN_OK;
    while (more && status == KN_OK) {
        status = kn_store_promote(worker->store, &released, &promoted, &more, err);
        life->claims |= status == KN_OK && released > 0;
    }
    if (status == KN_OK)
        status = kn_store_next_due(worker->store, &due_us, err);
    *ret_status = status;
    int64_t now_us = kn_now_us();
    if (status != KN_OK || due_us == INT64_MAX)
        return now_us + UPKEEP_US;
    return now_us + KN_CLAMP(due_us - kn_store_now_us(worker->store) + 1000, 1000, UPKEEP_US);
}

static void upkeep(struct life *life)
{
    struct kn_job_worker *worker = life->worker;
    struct kn_error err;
    int reclaimed = 0;
    int64_t again_us;
    enum kn_status status = KN_OK;
    bool settled = kn_lease_is_settled(worker, &again_us);
    if (settled)
        status = kn_store_reclaim(worker->store, &reclaimed, &err);
    if (status == KN_OK && reclaimed)
        kn_log(KN_LOG_INFO, "worker", "%d job%s of a silent worker taken back", reclaimed,
               reclaimed == 1 ? "" : "s");
    /* What the process has may have become less though no job has ended. */
    life->claims |=
        reclaimed > 0 || (worker->admission.measured_bytes && worker->admission.running);
    if (status == KN_OK)
        worker->upkeep_us = promote(life, &err, &status);
    if (!settled)
        worker->upkeep_us = KN_MIN(worker->upkeep_us, again_us);
    if (status == KN_OK && kn_now_us() >= worker->trim_us) {
        worker->trim_us = kn_now_us() + TRIM_US;
        status = kn_store_trim(worker->store, KEEP_EVENTS, KEEP_EVENTS_US, &err);
    }
    if (status != KN_OK) {
        worker->upkeep_us = kn_now_us() + UPKEEP_US;
        be_patient(worker, &err);
    } else if (!life->ended && !life->claims) { /* no turn is to come that would tell */
        be_glad(worker);
    }
}

/* ---- the end ---- */

/* Jobs that wait for a later time have not begun; those after an error have. */
static bool is_left(const struct kn_job *job)
{
    return job->state == KN_JOB_LEASED || !job->held_until_us || job->attempt > 0;
}

static bool nothing_is_left(struct life *life)
{
    struct kn_job_worker *worker = life->worker;
    struct kn_arena *arena = kn_arena_new();
    const struct kn_job_filter filter = {.states = 1u << KN_JOB_QUEUED | 1u << KN_JOB_LEASED,
                                         .limit = LIST_MAX};
    const struct kn_job *jobs = NULL;
    int count = 0, left = 0;
    bool paused = false;
    struct kn_error err;
    bool known = kn_store_list(worker->store, &filter, arena, &jobs, &count, &err) == KN_OK &&
                 kn_store_paused(worker->store, &paused, &err) == KN_OK;
    for (int i = 0; i < count; i++)
        left += is_left(&jobs[i]) && !(paused && jobs[i].state == KN_JOB_QUEUED);
    kn_arena_free(arena);
    return known && !left;
}

/* Of `only`: nothing of it waits any more. They were claimed as far as there was room. */
static bool is_over(struct life *life)
{
    const struct kn_job_worker_options *options = life->worker->options;
    if (life->ended || life->worker->admission.running)
        return false;
    if (life->stopping || life->over)
        return true;
    if (options->only)
        return !life->claims;
    return options->drain && !life->claims && nothing_is_left(life);
}

static void heed_stop(struct life *life, struct kn_cancel *stop)
{
    struct kn_job_worker *worker = life->worker;
    int64_t now_us = kn_now_us();
    if (!life->stopping && kn_cancel_requested(stop)) {
        life->stopping = true;
        life->stop_us = now_us + worker->options->grace_ms * 1000;
        if (worker->options->keep && worker->admission.running && worker->options->grace_ms)
            kn_log(KN_LOG_INFO, "worker", "stopping: %d jobs have %lld s to finish",
                   worker->admission.running, (long long)(worker->options->grace_ms / 1000));
    }
    if (!life->stopping || now_us < life->stop_us)
        return;
    life->stopped = true; /* and whatever is adopted after that, too */
    KN_LOCKED(&worker->lock);
    kn_tasks_stop(worker, KN_STOP_SHUTDOWN, NULL, 0);
}

/* The lease is gone: what ran is cancelled; when all of it has ended, a new life begins. */
static bool heed_loss(struct life *life)
{
    struct kn_job_worker *worker = life->worker;
    pthread_mutex_lock(&worker->lock);
    bool lost = worker->lost;
    life->over = worker->gone.status != KN_OK;
    pthread_mutex_unlock(&worker->lock);
    if (!lost)
        return false;
    let_go(life, NULL);
    if (worker->admission.running || life->over)
        return true;
    struct kn_error err;
    if (life->stopping || kn_now_us() < worker->retry_us)
        return true;
    if (kn_lease_join(worker, &err) != KN_OK) {
        be_patient(worker, &err);
    } else {
        life->claims = true;
        worker->upkeep_us = 0; /* what was ours may be taken back by now */
    }
    return true;
}

/* ---- the loop ---- */

static int64_t next_moment(const struct life *life, bool lost)
{
    const struct kn_job_worker *worker = life->worker;
    int64_t until_us = worker->options->only ? INT64_MAX : worker->upkeep_us;
    bool waits = worker->failures && (life->ended || life->claims || lost);
    if (waits)
        until_us = KN_MIN(until_us, worker->retry_us);
    if (life->stopping && !life->stopped)
        until_us = KN_MIN(until_us, life->stop_us);
    return until_us;
}

static void sleep_until(struct life *life, int64_t until_us)
{
    struct kn_job_worker *worker = life->worker;
    KN_LOCKED(&worker->lock);
    while (!worker->woken && kn_now_us() < until_us)
        if (until_us == INT64_MAX)
            pthread_cond_wait(&worker->changed, &worker->lock);
        else
            (void)kn_cond_wait_until(&worker->changed, &worker->lock, until_us);
    life->claims |= worker->woken;
    worker->woken = false;
}

static void append_ended(struct life *life)
{
    struct kn_job_task **at = &life->ended;
    while (*at)
        at = &(*at)->next;
    *at = kn_tasks_take_ended(life->worker);
}

static void live(struct life *life, struct kn_cancel *stop)
{
    struct kn_job_worker *worker = life->worker;
    for (;;) {
        heed_stop(life, stop);
        append_ended(life);
        bool lost = heed_loss(life);
        bool ready = kn_now_us() >= worker->retry_us || !worker->failures;
        if (!lost && ready && !worker->options->only && kn_now_us() >= worker->upkeep_us)
            upkeep(life);
        if (!lost && ready && (life->ended || life->claims))
            turn(life);
        if (is_over(life) && !(lost && worker->admission.running))
            return;
        bool more = !lost && life->claims && !worker->failures && !life->stopping &&
                    kn_admission_room(&worker->admission) > 0;
        if (!more)
            sleep_until(life, next_moment(life, lost));
    }
}

static void wake_main(void *arg)
{
    struct kn_job_worker *worker = arg;
    KN_LOCKED(&worker->lock);
    worker->woken = true;
    pthread_cond_signal(&worker->changed);
}

static int64_t machine_memory(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

static enum kn_status open_recorder(struct kn_job_worker *worker, struct kn_error *err)
{
    const struct kn_step_recorder_options options = {
        .store = worker->store,
        .tries = worker->options->only ? TURNS_FOR_SOMEBODY : 0,
        .lost = kn_task_lost,
        .arg = worker,
    };
    return kn_step_recorder_open(&options, &worker->recorder, err);
}

static enum kn_status open_parts(struct kn_job_worker *worker, struct kn_error *err)
{
    enum kn_status status = kn_wake_open(worker->store, &worker->wake, err);
    if (status == KN_OK)
        status = kn_progress_hub_open(worker->store, &worker->hub, err);
    if (status == KN_OK)
        status = open_recorder(worker, err);
    if (status == KN_OK)
        status = kn_lease_join(worker, err);
    if (status != KN_OK)
        return status;
    status = kn_lease_start(worker, err);
    if (status != KN_OK)
        (void)kn_store_leave(worker->store, worker->id, NULL); /* it would end by itself */
    return status;
}

static void work(struct kn_job_worker *worker, struct kn_cancel *stop)
{
    struct kn_cancel_watch watch = {.wake = wake_main, .arg = worker};
    struct life life = {.worker = worker, .claims = true};
    kn_cancel_watch(stop, &watch);
    live(&life, stop);
    kn_cancel_unwatch(stop, &watch);
    kn_lease_stop(worker);
    struct kn_error err;
    if (kn_store_leave(worker->store, worker->id, &err) != KN_OK)
        kn_log(KN_LOG_DEBUG, "worker", "leaving: %s", kn_error_text(&err));
}

enum kn_status kn_job_worker_run(const struct kn_job_worker_options *options,
                                 struct kn_cancel *stop, struct kn_error *err)
{
    struct kn_job_worker worker = {
        .options = options,
        .store = options->store,
        .lease_us = options->lease_us ? options->lease_us : DEFAULT_LEASE_US,
        .admission = {.max_concurrency = options->concurrency,
                      .chunk_size = options->chunk,
                      .memory_bytes =
                          options->memory_bytes ? options->memory_bytes : machine_memory() / 4 * 3,
                      .base_bytes = options->base_bytes,
                      .lanes = options->lanes},
        .patience = {.first_us = 500000, .most_us = 10 * KN_US_PER_S},
        .trim_us = kn_now_us() + TRIM_US / 10,
    };
    pthread_mutex_init(&worker.lock, NULL);
    kn_cond_init(&worker.changed);
    kn_cond_init(&worker.beat);
    enum kn_status status = open_parts(&worker, err);
    if (status == KN_OK) {
        work(&worker, stop);
        status = worker.gone.status;
        if (status != KN_OK && err)
            *err = worker.gone;
    }
    kn_step_recorder_close(worker.recorder);
    kn_progress_hub_close(worker.hub);
    kn_wake_close(worker.wake);
    kn_admission_done(&worker.admission);
    pthread_cond_destroy(&worker.beat);
    pthread_cond_destroy(&worker.changed);
    pthread_mutex_destroy(&worker.lock);
    return status;
}
