#include "service/job_waits.h"

#include "queue/admission.h"

static const char *last_reason(struct kn_store *store, int64_t job, struct kn_arena *arena)
{
    const struct kn_job_reason *reasons;
    int count;
    bool known = kn_store_reasons(store, job, arena, &reasons, &count, NULL) == KN_OK && count;
    return known ? reasons[count - 1].text : NULL;
}

/* Jobs of `kirinuki run` wait with a time that never comes. */
static bool is_reserved(const struct kn_job *job)
{
    return job->held_until_us >= INT64_MAX / 8;
}

const char *kn_job_waits(struct kn_store *store, const struct kn_job *job, struct kn_arena *arena)
{
    if (job->state != KN_JOB_QUEUED)
        return "";
    if (is_reserved(job))
        return "for the `kirinuki run` that submitted it";
    struct kn_waiting waiting = {
        .job = job,
        .ahead = -1,
        .now_us = kn_store_now_us(store),
        .reason = last_reason(store, job->id, arena),
    };
    char why[KN_WAIT_TEXT_BYTES];
    /* Without these the sentence says a little less. */
    (void)kn_store_paused(store, &waiting.paused, NULL);
    (void)kn_store_position(store, job->id, &waiting.ahead, NULL);
    (void)kn_store_rooms(store, arena, &waiting.rooms, &waiting.room_count, NULL);
    return kn_arena_strdup(arena, kn_waiting_why(&waiting, why));
}
