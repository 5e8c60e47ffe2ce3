#include "queue/admission.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"

enum { DEFAULT_CONCURRENCY = 50, DEFAULT_CHUNK = 10 };

static int concurrency_of(const struct kn_admission *admission)
{
    return admission->max_concurrency ? admission->max_concurrency : DEFAULT_CONCURRENCY;
}

void kn_admission_begin(struct kn_admission *admission, const struct kn_job *job)
{
    admission->running++;
    admission->memory_used += job->memory_bytes;
}

void kn_admission_end(struct kn_admission *admission, const struct kn_job *job)
{
    admission->running--;
    admission->memory_used -= job->memory_bytes;
    assert(admission->running >= 0 && admission->memory_used >= 0);
}

int kn_admission_room(const struct kn_admission *admission)
{
    int chunk = admission->chunk_size ? admission->chunk_size : DEFAULT_CHUNK;
    int room = concurrency_of(admission) - admission->running;
    bool full = admission->memory_bytes && admission->running &&
                admission->memory_used >= admission->memory_bytes;
    return full ? 0 : KN_CLAMP(room, 0, chunk);
}

void kn_admission_fill(const struct kn_admission *admission, struct kn_turn *turn)
{
    turn->claim_max = kn_admission_room(admission);
    /* With nothing left kn_admission_room is 0, but for an idle worker. */
    int64_t left = admission->memory_bytes - admission->memory_used;
    turn->memory_max_bytes = admission->memory_bytes ? KN_MAX(left, 1) : 0;
    turn->memory_first = !admission->running;
}

/* ---- why a job waits ---- */

/* "14:05", or with the day where it is another one. */
static void time_of_day(int64_t at_us, int64_t now_us, char *text, size_t room)
{
    time_t at = (time_t)(at_us / KN_US_PER_S), now = (time_t)(now_us / KN_US_PER_S);
    struct tm then, today;
    text[0] = '\0';
    if (!localtime_r(&at, &then) || !localtime_r(&now, &today))
        return;
    bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    if (!strftime(text, room, same_day ? "%H:%M" : "%Y-%m-%d %H:%M", &then))
        text[0] = '\0';
}

static void why_held(const struct kn_waiting *waiting, char *text, size_t room)
{
    const struct kn_job *job = waiting->job;
    char when[KN_TIME_TEXT_BYTES];
    if (!job->attempt) {
        time_of_day(job->held_until_us, waiting->now_us, when, sizeof when);
        snprintf(text, room, "scheduled for %s", when);
        return;
    }
    int64_t left_s =
        (KN_MAX(job->held_until_us - waiting->now_us, 0) + KN_US_PER_S - 1) / KN_US_PER_S;
    int next = job->attempts_max - job->attempts_left + 1;
    if (left_s < 120)
        snprintf(when, sizeof when, "%" PRId64 " s", left_s);
    else
        snprintf(when, sizeof when, "%" PRId64 " min", (left_s + 59) / 60);
    snprintf(text, room, "retry %d of %d in %s%s%s", next, job->attempts_max, when,
             waiting->reason ? ": " : "", waiting->reason ? waiting->reason : "");
}

static bool lacks_memory(const struct kn_job *job, const struct kn_admission *admission)
{
    return admission->memory_bytes && admission->running &&
           admission->memory_used + job->memory_bytes > admission->memory_bytes;
}

const char *kn_waiting_why(const struct kn_waiting *waiting, char text[KN_WAIT_TEXT_BYTES])
{
    const struct kn_job *job = waiting->job;
    const struct kn_admission *admission = waiting->admission;
    const size_t room = KN_WAIT_TEXT_BYTES;
    text[0] = '\0';
    if (job->state != KN_JOB_QUEUED)
        return text;
    if (waiting->paused)
        snprintf(text, room, "the queue is paused");
    else if (job->held_until_us > waiting->now_us)
        why_held(waiting, text, room);
    else if (waiting->ahead > 0)
        snprintf(text, room, "waiting: %" PRId64 " job%s ahead", waiting->ahead,
                 waiting->ahead == 1 ? "" : "s");
    else if (admission && lacks_memory(job, admission))
        snprintf(text, room, "waiting: memory %.1f of %.1f GB in use",
                 (double)admission->memory_used / 1e9, (double)admission->memory_bytes / 1e9);
    else if (admission && admission->running >= concurrency_of(admission))
        snprintf(text, room, "waiting: %d of %d jobs run", admission->running,
                 concurrency_of(admission));
    else
        snprintf(text, room, "waiting: next");
    kn_utf8_trim(text);
    return text;
}
