#include "service/job_waits.h"

#include "queue/admission.h"

const char *kn_job_last_reason(struct kn_store *store, int64_t job, struct kn_arena *arena)
{
    const struct kn_job_reason *reasons;
    int count;
    bool known = kn_store_reasons(store, job, arena, &reasons, &count, NULL) == KN_OK && count;
    return known ? reasons[count - 1].text : NULL;
}

/* Without what can't be read the sentence says a little less. */
struct kn_queue_outlook kn_queue_outlook(struct kn_store *store, struct kn_arena *arena)
{
    struct kn_queue_outlook outlook = {0};
    (void)kn_store_paused(store, &outlook.paused, NULL);
    (void)kn_store_alive(store, arena, &outlook.workers, &outlook.worker_count, NULL);
    (void)kn_store_rooms(store, arena, &outlook.rooms, &outlook.room_count, NULL);
    return outlook;
}

static bool is_left_alone(const struct kn_queue_outlook *outlook, const struct kn_job *job)
{
    if (job->state != KN_JOB_LEASED || !outlook->workers)
        return false;
    for (int i = 0; i < outlook->worker_count; i++)
        if (outlook->workers[i] == job->worker)
            return false;
    return true;
}

/* A `kirinuki run` is alive, too, and continues nothing of others'. */
static const char *why_left_alone(const struct kn_queue_outlook *outlook, const struct kn_job *job)
{
    if (kn_job_is_reserved(job->held_until_us))
        return "its `kirinuki run` is gone";
    return outlook->room_count ? "its worker is gone; another one continues it"
                               : "its worker is gone, and no other runs";
}

const char *kn_job_waits_in(struct kn_store *store, const struct kn_queue_outlook *outlook,
                            const struct kn_job *job, struct kn_arena *arena)
{
    if (is_left_alone(outlook, job))
        return why_left_alone(outlook, job);
    if (job->state != KN_JOB_QUEUED)
        return "";
    if (kn_job_is_reserved(job->held_until_us))
        return "for the `kirinuki run` that submitted it";
    struct kn_waiting waiting = {
        .job = job,
        .paused = outlook->paused,
        .rooms = outlook->rooms,
        .room_count = outlook->room_count,
        .ahead = -1,
        .now_us = kn_store_now_us(store),
        .reason = job->attempt ? kn_job_last_reason(store, job->id, arena) : NULL,
    };
    char why[KN_WAIT_TEXT_BYTES];
    if (!job->held_until_us)
        (void)kn_store_position(store, job->id, &waiting.ahead, NULL);
    return kn_arena_strdup(arena, kn_waiting_why(&waiting, why));
}

const char *kn_job_waits(struct kn_store *store, const struct kn_job *job, struct kn_arena *arena)
{
    if (job->state != KN_JOB_QUEUED && job->state != KN_JOB_LEASED)
        return "";
    const struct kn_queue_outlook outlook = kn_queue_outlook(store, arena);
    return kn_job_waits_in(store, &outlook, job, arena);
}
