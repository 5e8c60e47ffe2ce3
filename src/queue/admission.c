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

/* What stays with a job in flight that does not compute: its words, shots and curves, its threads,
 * and what waits between its steps. */
enum { STANDING_BYTES = 4 << 20, STANDING_SHARE = 32 };

static int64_t standing_of(int64_t need)
{
    return KN_MIN(need, STANDING_BYTES + need / STANDING_SHARE);
}

/* The largest need of which no more stays than this. */
static int64_t need_that_leaves(int64_t standing)
{
    return KN_MAX(standing, (standing - STANDING_BYTES) * STANDING_SHARE);
}

static int64_t working_of(int64_t need)
{
    return need - standing_of(need);
}

static int lanes_of(const struct kn_admission *admission)
{
    return KN_MAX(admission->lanes, 1);
}

/* How many of its heavy steps a job has under way at most: a render has a second thread. */
static int steps_each(const struct kn_admission *admission)
{
    return KN_MAX(lanes_of(admission) / 2, 1);
}

/* How many jobs fill the lanes. */
static int filling(const struct kn_admission *admission)
{
    int each = steps_each(admission);
    return (lanes_of(admission) + each - 1) / each;
}

void kn_admission_done(struct kn_admission *admission)
{
    kn_vec_free(&admission->needs);
}

void kn_admission_begin(struct kn_admission *admission, const struct kn_job *job)
{
    admission->running++;
    kn_vec_push(&admission->needs, job->memory_bytes);
    int64_t *needs = admission->needs.at;
    for (int i = admission->needs.count - 1; i > 0 && needs[i] > needs[i - 1]; i--) {
        int64_t smaller = needs[i - 1];
        needs[i - 1] = needs[i];
        needs[i] = smaller;
    }
}

void kn_admission_end(struct kn_admission *admission, const struct kn_job *job)
{
    int at = 0, count = admission->needs.count;
    while (at < count && admission->needs.at[at] != job->memory_bytes)
        at++;
    assert(at < count);
    for (; at + 1 < count; at++)
        admission->needs.at[at] = admission->needs.at[at + 1];
    admission->needs.count--;
    admission->running--;
}

int64_t kn_admission_used(const struct kn_admission *admission)
{
    int64_t used = admission->base_bytes;
    for (int i = 0; i < admission->needs.count; i++) {
        int64_t need = admission->needs.at[i];
        used += standing_of(need);
        if (i < filling(admission))
            used += steps_each(admission) * working_of(need);
    }
    return KN_MAX(used, admission->measured_bytes);
}

/*
 * The largest need that is let in now, as `count` jobs together; at least 1, since 0 would be no
 * bound. While jobs do not fill the lanes yet, each new one counts whole. Then a new one takes the
 * place of the smallest that does, where it is larger; else only what stays with it counts.
 */
static int64_t largest_next(const struct kn_admission *admission)
{
    int64_t left = admission->memory_bytes - kn_admission_used(admission);
    int places = filling(admission), steps = steps_each(admission);
    if (left <= 0)
        return 1;
    if (admission->running < places)
        return KN_MAX(left / steps, 1);
    int64_t smallest = admission->needs.at[places - 1];
    if (standing_of(smallest) <= left)
        return smallest + (left - standing_of(smallest)) / steps;
    return need_that_leaves(left);
}

int kn_admission_room(const struct kn_admission *admission)
{
    int chunk = admission->chunk_size ? admission->chunk_size : DEFAULT_CHUNK;
    int room = KN_CLAMP(concurrency_of(admission) - admission->running, 0, chunk);
    int places = filling(admission);
    if (!admission->memory_bytes || !room)
        return room;
    if (admission->running && largest_next(admission) <= 1)
        return 0;
    if (admission->running < places)
        return KN_MIN(room, places - admission->running);
    /* One by one: what the next may take depends on the one before. Of jobs whose need is not
     * known there is nothing to count. */
    return admission->needs.at[places - 1] > 0 ? 1 : room;
}

void kn_admission_fill(const struct kn_admission *admission, struct kn_turn *turn)
{
    turn->claim_max = kn_admission_room(admission);
    turn->memory_max_bytes = admission->memory_bytes ? largest_next(admission) : 0;
    turn->memory_first = !admission->running;
}

struct kn_worker_room kn_admission_tell(const struct kn_admission *admission)
{
    return (struct kn_worker_room){
        .running = admission->running,
        .running_most = concurrency_of(admission),
        .memory_used = kn_admission_used(admission),
        .memory_most = admission->memory_bytes,
        .memory_next =
            admission->memory_bytes && admission->running ? largest_next(admission) : INT64_MAX,
    };
}

/* ---- why a job waits ---- */

/* "14:05 +0100", or with the day where it is another one. */
static void time_of_day(int64_t at_us, int64_t now_us, char *text, size_t room)
{
    time_t at = (time_t)(at_us / KN_US_PER_S), now = (time_t)(now_us / KN_US_PER_S);
    struct tm then, today;
    text[0] = '\0';
    if (!localtime_r(&at, &then) || !localtime_r(&now, &today))
        return;
    bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    if (!strftime(text, room, same_day ? "%H:%M %z" : "%Y-%m-%d %H:%M %z", &then))
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

static bool lacks_memory(const struct kn_job *job, const struct kn_worker_room *room)
{
    return job->memory_bytes > room->memory_next;
}

static bool is_full(const struct kn_worker_room *room)
{
    return room->running >= room->running_most;
}

/* The worker that keeps it waiting; NULL: one of them may take it at any moment, or none is known.
 */
static const struct kn_worker_room *who_has_no_room(const struct kn_waiting *waiting)
{
    const struct kn_worker_room *found = NULL;
    for (int i = 0; i < waiting->room_count; i++) {
        const struct kn_worker_room *room = &waiting->rooms[i];
        if (!lacks_memory(waiting->job, room) && !is_full(room))
            return NULL;
        if (!found || lacks_memory(waiting->job, room))
            found = room;
    }
    return found;
}

/* "memory 3.1 of 4 GB in use", in the units of --memory. */
static void why_no_room(const struct kn_waiting *waiting, const struct kn_worker_room *room,
                        char *text, size_t size)
{
    const double gb = 1024.0 * 1024 * 1024;
    if (lacks_memory(waiting->job, room))
        snprintf(text, size, "memory %.2g of %.3g GB in use", (double)room->memory_used / gb,
                 (double)room->memory_most / gb);
    else
        snprintf(text, size, "%d of %d jobs run", room->running, room->running_most);
}

static void why_in_line(const struct kn_waiting *waiting, char *text, size_t size)
{
    char why[KN_WAIT_TEXT_BYTES] = "", ahead[48] = "";
    const struct kn_worker_room *room = who_has_no_room(waiting);
    if (room)
        why_no_room(waiting, room, why, sizeof why);
    if (waiting->ahead > 0)
        snprintf(ahead, sizeof ahead, "%" PRId64 " job%s ahead", waiting->ahead,
                 waiting->ahead == 1 ? "" : "s");
    snprintf(text, size, "waiting: %s%s%s", ahead, ahead[0] && why[0] ? ", " : "",
             ahead[0] || why[0] ? why : "next");
}

const char *kn_waiting_why(const struct kn_waiting *waiting, char text[KN_WAIT_TEXT_BYTES])
{
    const struct kn_job *job = waiting->job;
    text[0] = '\0';
    if (job->state != KN_JOB_QUEUED)
        return text;
    if (waiting->paused)
        snprintf(text, KN_WAIT_TEXT_BYTES, "the queue is paused");
    else if (job->held_until_us > waiting->now_us)
        why_held(waiting, text, KN_WAIT_TEXT_BYTES);
    else
        why_in_line(waiting, text, KN_WAIT_TEXT_BYTES);
    kn_utf8_trim(text);
    return text;
}
