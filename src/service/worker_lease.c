/*
 * The heartbeat and the ear.
 *
 * The lease counts by our own monotonic clock from the moment before a renewal was sent, which is
 * never later than what the store counts from. When it is over by that clock, others may have our
 * jobs, but only the store knows: most often it was away for everybody, and nobody has them. So
 * what runs goes on until the store says LOST. Until then nothing can be recorded or finished
 * twice, as the store sees to that, and whoever took a job over waits for the folder that we hold.
 *
 * Whoever was cut off takes nobody for dead until a lease after that: when a server comes back,
 * each worker has the time to renew its own, whichever of them is the first. One that has only
 * begun can't know whether the others were cut off, and gives them two of their tries to renew.
 * While our lease was over a user may have cancelled what runs here, without waiting for us: so
 * what runs is looked up when it is renewed, and stopped where it is not ours any more.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "service/worker_parts.h"

/* Between looks for cancels that news of the store lead to. */
enum { POKES_APART_US = 100000 };
/* Between tries to renew, at most. */
enum { TRIES_APART_US = 5000000 };

static int64_t tries_apart_us(const struct kn_job_worker *worker)
{
    return KN_MIN(worker->lease_us / 10, TRIES_APART_US);
}

enum kn_status kn_lease_join(struct kn_job_worker *worker, struct kn_error *err)
{
    int64_t before_us = kn_now_us(), id;
    enum kn_status status =
        kn_store_join(worker->store, worker->options->name, worker->lease_us, &id, err);
    if (status != KN_OK)
        return status;
    KN_LOCKED(&worker->lock);
    worker->id = id;
    worker->alive_until_us = before_us + worker->lease_us;
    worker->settled_us = kn_now_us() + 2 * tries_apart_us(worker);
    worker->lost = false;
    pthread_cond_signal(&worker->beat);
    return KN_OK;
}

/* With the lock. */
static void lose(struct kn_job_worker *worker)
{
    worker->lost = true;
    worker->woken = true;
    kn_tasks_stop(worker, KN_STOP_LOST, NULL, 0);
    pthread_cond_signal(&worker->changed);
}

bool kn_lease_is_settled(struct kn_job_worker *worker, int64_t *ret_again_us)
{
    KN_LOCKED(&worker->lock);
    int64_t now_us = kn_now_us();
    *ret_again_us = KN_MAX(worker->settled_us, now_us + tries_apart_us(worker));
    return !worker->lost && now_us >= worker->settled_us && now_us < worker->alive_until_us;
}

/* With the lock. */
static void note_renewal(struct kn_job_worker *worker, int64_t before_us)
{
    int64_t now_us = kn_now_us();
    if (now_us >= worker->alive_until_us || worker->trouble.askers & 1u << KN_ASKER_HEART) {
        worker->settled_us = now_us + worker->lease_us;
        worker->doubts = true;
    }
    worker->alive_until_us = before_us + worker->lease_us;
}

static enum kn_status look_up_tasks(struct kn_job_worker *worker, struct kn_arena *arena,
                                    struct kn_error *err)
{
    int count;
    const struct kn_holder *held = kn_tasks_held(worker, arena, &count);
    for (int i = 0; i < count; i++) {
        struct kn_job job;
        enum kn_status status = kn_store_get(worker->store, held[i].job, arena, &job, err);
        if (status != KN_OK && status != KN_NOT_FOUND)
            return status;
        if (status == KN_NOT_FOUND || job.state != KN_JOB_LEASED || job.worker != held[i].worker ||
            job.attempt != held[i].attempt)
            kn_tasks_lose(worker, &held[i]); /* unless it has been finished meanwhile */
    }
    return KN_OK;
}

/* Once it is known that we are alive. What can't be read now is with the next renewal. */
static void settle_doubts(struct kn_job_worker *worker, struct kn_arena *arena)
{
    struct kn_error err;
    pthread_mutex_lock(&worker->lock);
    bool doubts = worker->doubts && !worker->lost;
    pthread_mutex_unlock(&worker->lock);
    if (!doubts || look_up_tasks(worker, arena, &err) != KN_OK)
        return;
    KN_LOCKED(&worker->lock);
    worker->doubts = false;
}

/* Returns when the next renewal is due. */
static int64_t renew(struct kn_job_worker *worker)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err;
    const int64_t *jobs = NULL;
    int count = 0;
    int64_t before_us = kn_now_us();
    enum kn_status status =
        kn_store_renew(worker->store, worker->id, worker->lease_us, arena, &jobs, &count, &err);
    pthread_mutex_lock(&worker->lock);
    int64_t next_us = before_us + worker->lease_us / 3;
    if (status == KN_OK) {
        note_renewal(worker, before_us);
        if (count)
            kn_tasks_stop(worker, KN_STOP_ASKED, jobs, count);
    } else if (status == KN_LOST) {
        lose(worker);
    } else if (status == KN_NOT_FOUND && !worker->options->only) {
        worker->gone = err; /* for good */
        lose(worker);
    } else {
        next_us = kn_now_us() + tries_apart_us(worker);
    }
    pthread_mutex_unlock(&worker->lock);
    if (status == KN_LOST)
        kn_log(KN_LOG_WARN, "worker", "the lease could not be renewed: %s", kn_error_text(&err));
    if (status != KN_NOT_FOUND || worker->options->only)
        kn_worker_heard(worker, KN_ASKER_HEART, status == KN_LOST ? KN_OK : status, &err);
    if (status == KN_OK)
        settle_doubts(worker, arena);
    kn_arena_free(arena);
    return next_us;
}

static void *keep_alive(void *arg)
{
    struct kn_job_worker *worker = arg;
    int64_t next_us = kn_now_us() + worker->lease_us / 3, poke_us = 0;
    pthread_mutex_lock(&worker->lock);
    while (!worker->closing) {
        int64_t now_us = kn_now_us();
        bool look = worker->poked && now_us >= poke_us;
        if (worker->lost || (now_us < next_us && !look)) {
            int64_t until_us = worker->poked ? KN_MIN(next_us, poke_us) : next_us;
            if (worker->lost) /* until the main thread has joined anew */
                pthread_cond_wait(&worker->beat, &worker->lock);
            else
                (void)kn_cond_wait_until(&worker->beat, &worker->lock, until_us);
            continue;
        }
        worker->poked = false;
        pthread_mutex_unlock(&worker->lock);
        next_us = renew(worker);
        poke_us = kn_now_us() + POKES_APART_US;
        pthread_mutex_lock(&worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void *keep_listening(void *arg)
{
    struct kn_job_worker *worker = arg;
    while (kn_wake_wait(worker->wake, INT64_MAX, worker->close) != KN_CANCELLED) {
        KN_LOCKED(&worker->lock);
        worker->woken = true;
        worker->poked = worker->tasks != NULL;
        pthread_cond_signal(&worker->changed);
        pthread_cond_signal(&worker->beat);
    }
    return NULL;
}

enum kn_status kn_lease_start(struct kn_job_worker *worker, struct kn_error *err)
{
    worker->close = kn_cancel_new(NULL);
    int failed = kn_thread_start(&worker->heart, "kn-heart", keep_alive, worker);
    if (!failed) {
        failed = kn_thread_start(&worker->ear, "kn-ear", keep_listening, worker);
        if (!failed)
            return KN_OK;
        pthread_mutex_lock(&worker->lock);
        worker->closing = true;
        pthread_cond_signal(&worker->beat);
        pthread_mutex_unlock(&worker->lock);
        pthread_join(worker->heart, NULL);
    }
    kn_cancel_free(worker->close);
    return kn_error_errno(err, failed, "cannot start a thread");
}

void kn_lease_stop(struct kn_job_worker *worker)
{
    kn_cancel_trigger(worker->close);
    pthread_mutex_lock(&worker->lock);
    worker->closing = true;
    pthread_cond_signal(&worker->beat);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->heart, NULL);
    pthread_join(worker->ear, NULL);
    kn_cancel_free(worker->close);
}
