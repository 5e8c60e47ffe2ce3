#include "clip/subjects.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/memory.h"

enum { SUBJECTS_MAX = 8, MOUTH_STEPS = 4 }; /* mouths are smoothed over ± this many steps */

#define PRESENCE_MIN         0.15   /* of the shot … */
#define PRESENCE_US          700000 /* … and at least this long */
#define SIZE_AGAINST_LARGEST 0.35   /* faces much smaller than the largest are bystanders */
/* What a change costs, in steps of full advantage: somebody must lead clearly for this long. */
#define CHANGE_COST 9.0
#define SIZE_WEIGHT 0.15 /* against who speaks */

/* ---- tracks on the grid ---- */

static void sample_track(const struct kn_face_track *track, int64_t start_us, int steps,
                         struct kn_subject *subject)
{
    int k = 0, last = track->sample_count - 1;
    for (int i = 0; i < steps; i++) {
        int64_t at_us = start_us + i * KN_FRAMING_STEP_US;
        if (at_us + KN_FRAMING_STEP_US <= track->start_us || at_us >= track->end_us)
            continue;
        while (k < last && track->samples[k + 1].at_us <= at_us)
            k++;
        const struct kn_track_sample *a = &track->samples[k],
                                     *b = &track->samples[KN_MIN(k + 1, last)];
        double span = (double)(b->at_us - a->at_us);
        double t = span > 0 ? KN_CLAMP((double)(at_us - a->at_us) / span, 0, 1) : 0;
        subject->seen[i] = true;
        subject->at_x[i] =
            (double)(a->x + a->width / 2) * (1 - t) + (double)(b->x + b->width / 2) * t;
        subject->at_y[i] =
            (double)(a->y + a->height / 2) * (1 - t) + (double)(b->y + b->height / 2) * t;
        subject->mouth[i] = (double)a->mouth * (1 - t) + (double)b->mouth * t;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of one float member over a track's samples. */
static double median_of(const struct kn_face_track *track, size_t member)
{
    KN_SCOPED_MEM double *values = kn_malloc((size_t)track->sample_count * sizeof *values);
    for (int i = 0; i < track->sample_count; i++)
        values[i] = (double)*(const float *)((const char *)&track->samples[i] + member);
    qsort(values, (size_t)track->sample_count, sizeof *values, by_value);
    return values[track->sample_count / 2];
}

static struct kn_subject make_subject(const struct kn_face_track *track, int64_t start_us,
                                      int steps, struct kn_arena *arena)
{
    struct kn_subject subject = {
        .track = track,
        .width = median_of(track, offsetof(struct kn_track_sample, width)),
        .height = median_of(track, offsetof(struct kn_track_sample, height)),
        .seen = kn_arena_array(arena, (size_t)steps, sizeof(bool)),
        .at_x = kn_arena_array(arena, (size_t)steps, sizeof(double)),
        .at_y = kn_arena_array(arena, (size_t)steps, sizeof(double)),
        .mouth = kn_arena_array(arena, (size_t)steps, sizeof(double)),
    };
    subject.x = median_of(track, offsetof(struct kn_track_sample, x)) + subject.width / 2;
    subject.y = median_of(track, offsetof(struct kn_track_sample, y)) + subject.height / 2;
    sample_track(track, start_us, steps, &subject);
    int seen = 0;
    for (int i = 0; i < steps; i++)
        seen += subject.seen[i];
    subject.presence = (double)seen / steps;
    return subject;
}

static double importance(const struct kn_subject *subject)
{
    return subject->presence * subject->width;
}

static int by_importance(const void *a, const void *b)
{
    double x = importance(a), y = importance(b);
    return (x < y) - (x > y);
}

static int by_place(const void *a, const void *b)
{
    const struct kn_subject *x = a, *y = b;
    return (x->x > y->x) - (x->x < y->x);
}

static bool overlaps(const struct kn_face_track *track, int64_t start_us, int64_t end_us)
{
    return track->sample_count > 0 && track->start_us < end_us && track->end_us > start_us;
}

void kn_subjects_find(const struct kn_closeup *closeup, int64_t start_us, int64_t end_us,
                      struct kn_arena *arena, struct kn_subjects *ret_subjects)
{
    int steps = (int)((end_us - start_us + KN_FRAMING_STEP_US - 1) / KN_FRAMING_STEP_US);
    steps = KN_MAX(steps, 1);
    struct kn_subject *all = kn_arena_array(arena, (size_t)closeup->track_count + 1, sizeof *all);
    int found = 0, kept = 0;
    double largest = 0;
    for (int i = 0; i < closeup->track_count; i++)
        if (overlaps(&closeup->tracks[i], start_us, end_us))
            all[found++] = make_subject(&closeup->tracks[i], start_us, steps, arena);
    for (int i = 0; i < found; i++)
        largest = fmax(largest, all[i].width);
    double least = KN_MIN(PRESENCE_MIN, (double)PRESENCE_US / (double)KN_MAX(end_us - start_us, 1));
    for (int i = 0; i < found; i++)
        if (all[i].presence >= least && all[i].width >= SIZE_AGAINST_LARGEST * largest)
            all[kept++] = all[i];
    if (kept > 1)
        qsort(all, (size_t)kept, sizeof *all, by_importance);
    kept = KN_MIN(kept, SUBJECTS_MAX);
    if (kept > 1)
        qsort(all, (size_t)kept, sizeof *all, by_place);
    *ret_subjects = (struct kn_subjects){kept, all, steps};
}

/* ---- whom to follow ---- */

static double speech_at(const struct kn_sound *speech, int64_t at_us)
{
    if (!speech || !speech->speech || speech->step_us <= 0)
        return 1;
    int64_t i = at_us / speech->step_us;
    return i >= 0 && i < speech->count ? (double)speech->speech[i] : 0;
}

static double smooth_mouth(const struct kn_subject *subject, int step, int steps)
{
    double sum = 0;
    int n = 0;
    for (int i = KN_MAX(step - MOUTH_STEPS, 0); i <= KN_MIN(step + MOUTH_STEPS, steps - 1); i++) {
        if (!subject->seen[i])
            continue;
        sum += subject->mouth[i];
        n++;
    }
    return n ? sum / n : 0;
}

/* What showing each subject at a step is worth: the shares of mouth motion and of size. */
static void worth(const struct kn_subjects *subjects, int step, double speaks, double *ret)
{
    double mouths = 1e-6, sizes = 1e-6;
    for (int s = 0; s < subjects->count; s++) {
        const struct kn_subject *subject = &subjects->at[s];
        ret[s] = smooth_mouth(subject, step, subjects->steps);
        if (subject->seen[step]) {
            mouths += ret[s];
            sizes += subject->width;
        }
    }
    for (int s = 0; s < subjects->count; s++) {
        const struct kn_subject *subject = &subjects->at[s];
        ret[s] = subject->seen[step]
                     ? speaks * ret[s] / mouths + SIZE_WEIGHT * subject->width / sizes
                     : -1;
    }
}

/* Runs of one subject that are too short to be shown go to the run before (or, first, after). */
static void drop_short_runs(int *who, int steps)
{
    int least = (int)(KN_FRAMING_SWITCH_MIN_US / KN_FRAMING_STEP_US);
    for (int from = 0, to; from < steps; from = to) {
        for (to = from + 1; to < steps && who[to] == who[from]; to++)
            ;
        if (to - from >= least || (from == 0 && to == steps))
            continue;
        int instead = from > 0 ? who[from - 1] : who[to];
        for (int i = from; i < to; i++)
            who[i] = instead;
        if (from == 0)
            to = 0; /* the first run is longer now: look at it again */
    }
}

void kn_subjects_follow(const struct kn_subjects *subjects, int64_t start_us,
                        const struct kn_sound *speech, struct kn_arena *arena, int *ret_who)
{
    int n = subjects->count, steps = subjects->steps;
    if (n == 0) {
        for (int i = 0; i < steps; i++)
            ret_who[i] = -1;
        return;
    }
    double total[SUBJECTS_MAX] = {0}, value[SUBJECTS_MAX];
    unsigned char *came_from = kn_arena_array(arena, (size_t)steps * (size_t)n, 1);
    for (int i = 0; i < steps; i++) {
        worth(subjects, i, speech_at(speech, start_us + i * KN_FRAMING_STEP_US), value);
        int best = 0;
        for (int s = 1; s < n; s++)
            best = total[s] > total[best] ? s : best;
        double leader = total[best] - CHANGE_COST;
        for (int s = 0; s < n; s++) {
            bool change = i > 0 && leader > total[s];
            came_from[(size_t)i * (size_t)n + (size_t)s] = (unsigned char)(change ? best : s);
            total[s] = (change ? leader : total[s]) + value[s];
        }
    }
    int at = 0;
    for (int s = 1; s < n; s++)
        at = total[s] > total[at] ? s : at;
    for (int i = steps - 1; i >= 0; i--) {
        ret_who[i] = at;
        at = came_from[(size_t)i * (size_t)n + (size_t)at];
    }
    drop_short_runs(ret_who, steps);
}

/* A mouth that moves so much more than any other's, and so much at all, is a speaker's. */
#define LEAD        1.5
#define MOUTH_LEAST 0.02
/* For so much of the shot. */
#define SPEAKS_SHARE (1.0 / 3)

bool kn_subjects_speaker_clear(const struct kn_subjects *subjects, int64_t start_us,
                               const struct kn_sound *speech, const int *who)
{
    int clear = 0;
    for (int i = 0; i < subjects->steps; i++) {
        double others = 0;
        if (who[i] < 0 || !subjects->at[who[i]].seen[i] ||
            speech_at(speech, start_us + i * KN_FRAMING_STEP_US) < 0.5)
            continue;
        for (int s = 0; s < subjects->count; s++)
            if (s != who[i] && subjects->at[s].seen[i])
                others = fmax(others, smooth_mouth(&subjects->at[s], i, subjects->steps));
        double mouth = smooth_mouth(&subjects->at[who[i]], i, subjects->steps);
        clear += mouth >= MOUTH_LEAST && mouth >= LEAD * others;
    }
    return clear >= SPEAKS_SHARE * subjects->steps;
}
