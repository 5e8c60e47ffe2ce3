/*
 * Figures behind the thresholds: between neighbouring pictures, gists within a shot differ by less
 * than 0.12 except in fast turns of the camera (0.3, and then their neighbours differ as much);
 * across cuts by 0.23 to 0.9. Between key frames up to 5 s apart, pairs within a shot mostly
 * differ by less than 0.28 and pairs with a cut between them by more than 0.33 (119 pairs with a
 * cut and 67 without, of which 6 exceeded 0.32: one source, on which the thresholds were chosen).
 *
 * From sparse looks, a cut needs two witnesses: the looks differ, and something hints at where (an
 * irregular key frame, a picture several times as large as its neighbours). Looks that differ very
 * much need no hint, only the place stays open then. Looks that agree hide a cut only if two strong
 * hints say that something else was shown between.
 */
#include "analyze/shots.h"

#include <math.h>

#include "base/vec.h"

static const float SAME = 0.15f;   /* looks that differ by less show the same */
static const float UNSURE = 0.20f; /* by more: different, if an irregular key frame says so too */
static const float VERY_DIFFERENT = 0.45f; /* by more: even if nothing hints at a cut */
static const float STRONG = 2.4f;          /* strength of a hint that needs no other witness */
enum {
    SHORTEST_US = 250 * 1000,      /* of shots that sparse looks tell apart */
    STILL_RUN_US = 5 * 1000 * 1000 /* a picture that stands for this long is frozen */
};
static const float STILL_GIST = 0.006f;   /* looks that differ by less show no motion at all */
static const float STILL_MOTION = 0.012f; /* coding noise alone makes up to this, a second */

KN_VEC_TYPE(shot_list, struct kn_shot);

/* ---- From sparse looks ---- */

bool kn_look_is_black(const struct kn_look *look)
{
    return look->brightness < 0.04f && look->flat > 0.9f;
}

/* Begins a shot at `at_us`, unless the one before would get too short. */
static void begin_shot(struct shot_list *shots, int64_t at_us, int64_t slack_us)
{
    struct kn_shot *last = kn_vec_last(shots);
    if (at_us - last->start_us < SHORTEST_US)
        return;
    slack_us = KN_MIN(slack_us, at_us - last->start_us);
    last->end_us = at_us;
    kn_vec_push(shots, ((struct kn_shot){.start_us = at_us, .slack_us = slack_us}));
}

/* The hints between two looks. */
struct hints {
    const struct kn_cut_hint *at;
    int count, strong;
    const struct kn_cut_hint *best;
};

static struct hints hints_between(const struct kn_glances *glances, int *from, int64_t start_us,
                                  int64_t end_us)
{
    while (*from < glances->hint_count && glances->hints[*from].at_us <= start_us)
        ++*from;
    struct hints hints = {.at = glances->hints + *from};
    for (; *from < glances->hint_count && glances->hints[*from].at_us <= end_us; ++*from) {
        const struct kn_cut_hint *hint = &glances->hints[*from];
        hints.count++;
        hints.strong += hint->strength >= STRONG;
        if (!hints.best || hint->strength > hints.best->strength)
            hints.best = hint;
    }
    return hints;
}

static void cut_at_strong_hints(struct shot_list *shots, const struct hints *hints,
                                int64_t before_us)
{
    for (int i = 0; i < hints->count; i++)
        if (hints->at[i].strength >= STRONG && hints->at[i].at_us < before_us)
            begin_shot(shots, hints->at[i].at_us, hints->at[i].slack_us);
}

/* What lies between two neighbouring looks. */
static void cut_between(struct shot_list *shots, const struct kn_glance *before,
                        const struct kn_glance *after, const struct hints *hints)
{
    float difference = kn_gist_difference(&before->gist, &after->gist);
    if (kn_look_is_black(&before->look) != kn_look_is_black(&after->look))
        difference = 1;
    int64_t at_us = after->look.at_us;
    if (after->irregular && difference >= UNSURE) {
        cut_at_strong_hints(shots, hints, at_us - SHORTEST_US);
        begin_shot(shots, at_us, after->slack_us);
    } else if (difference >= SAME && hints->strong > 0) {
        cut_at_strong_hints(shots, hints, INT64_MAX);
    } else if (hints->strong > 1) {
        cut_at_strong_hints(shots, hints, INT64_MAX);
    } else if (difference >= KN_GIST_CUT && hints->count > 0) {
        begin_shot(shots, hints->best->at_us, hints->best->slack_us);
    } else if (difference >= VERY_DIFFERENT) {
        begin_shot(shots, at_us, at_us - before->look.at_us);
    }
}

static bool stands_still(const struct kn_glance *a, const struct kn_glance *b)
{
    return a->look.motion < STILL_MOTION && b->look.motion < STILL_MOTION &&
           kn_gist_difference(&a->gist, &b->gist) < STILL_GIST;
}

/* Where a picture that moved comes to stand for long, or starts again: a boundary, too. */
static void split_at_standstill(struct shot_list *shots, const struct kn_glances *glances,
                                int first, int count)
{
    int run = first; /* the look that the present run of still ones began with */
    int64_t shot_start_us = kn_vec_last(shots)->start_us;
    for (int i = first + 1; i <= first + count; i++) {
        bool goes_on = i < first + count && stands_still(&glances->at[i - 1], &glances->at[i]);
        if (goes_on)
            continue;
        int64_t run_us = glances->at[i - 1].look.at_us - glances->at[run].look.at_us;
        bool whole = run == first && i == first + count;
        if (run_us >= STILL_RUN_US && !whole) {
            int64_t start_us = glances->at[run].look.at_us;
            if (run > first && start_us > shot_start_us)
                begin_shot(shots, start_us, start_us - glances->at[run - 1].look.at_us);
            if (i < first + count)
                begin_shot(shots, glances->at[i].look.at_us,
                           glances->at[i].look.at_us - glances->at[i - 1].look.at_us);
        }
        run = i;
    }
}

static int first_look_at(const struct kn_glances *glances, int64_t at_us)
{
    return kn_first_from(glances->at, glances->count, look.at_us, at_us);
}

void kn_shots_find(const struct kn_glances *glances, int64_t start_us, int64_t end_us,
                   struct kn_arena *arena, const struct kn_shot **ret_shots, int *ret_count)
{
    *ret_shots = NULL;
    *ret_count = 0;
    if (end_us <= start_us)
        return;
    struct shot_list cut = {0}, shots = {0};
    kn_vec_push(&cut, ((struct kn_shot){.start_us = start_us}));
    int hint = 0;
    for (int i = 1; i < glances->count; i++) {
        const struct kn_glance *before = &glances->at[i - 1], *after = &glances->at[i];
        struct hints hints = hints_between(glances, &hint, before->look.at_us, after->look.at_us);
        cut_between(&cut, before, after, &hints);
    }
    int64_t last_us = glances->count ? glances->at[glances->count - 1].look.at_us : start_us;
    struct hints tail = hints_between(glances, &hint, last_us, end_us);
    cut_at_strong_hints(&cut, &tail, end_us);
    kn_vec_last(&cut)->end_us = end_us;

    for (int i = 0; i < cut.count; i++) {
        int first = first_look_at(glances, cut.at[i].start_us);
        int after = first_look_at(glances, cut.at[i].end_us);
        kn_vec_push(&shots, cut.at[i]);
        if (after > first)
            split_at_standstill(&shots, glances, first, after - first);
        kn_vec_last(&shots)->end_us = cut.at[i].end_us;
    }
    for (int i = 0; i < shots.count; i++)
        kn_shot_describe(&shots.at[i], glances);
    *ret_count = shots.count;
    *ret_shots = kn_vec_to_arena(&shots, arena);
    kn_vec_free(&cut);
    kn_vec_free(&shots);
}

/* ---- What kind of picture it is ---- */

/* A face that framing should care for: a fortieth of a wide picture's area in a close-up, still
 * four thousandths in a wide shot of somebody on a stage. */
static const float USEFUL_FACE_AREA = 0.004f;
static const int64_t PHOTO_US = 3000000;    /* photos in series are shorter than this */
static const float BARE_OF_FACES = 0.05f;   /* less texture than any face in view brings along */
static const float INSET_FACE_AREA = 0.03f; /* up to this it may be a speaker's inset on a slide */

static float largest_area(const struct kn_face_sample *sample)
{
    float largest = 0;
    for (int i = 0; i < sample->face_count; i++)
        largest = fmaxf(largest, sample->faces[i].width * sample->faces[i].height);
    return largest;
}

/* Returns the share of the samples that show a face of useful size. */
static float describe_faces(struct kn_shot *shot, const struct kn_glances *glances)
{
    int samples = 0, useful = 0;
    double faces = 0, area = 0;
    for (int i = 0; i < glances->face_sample_count; i++) {
        const struct kn_face_sample *sample = &glances->face_samples[i];
        if (sample->at_us < shot->start_us || sample->at_us >= shot->end_us)
            continue;
        float largest = largest_area(sample);
        samples++;
        useful += largest >= USEFUL_FACE_AREA;
        faces += sample->face_count;
        area += largest;
    }
    shot->faces = samples ? (float)(faces / samples) : 0;
    shot->face_area = samples ? (float)(area / samples) : 0;
    return samples ? (float)useful / (float)samples : 0;
}

/* Averages over a shot's looks. */
struct means {
    int count, black;
    float brightness, sharpness, motion, edges, flat, even, textured;
    bool still; /* nothing ever moves */
};

static struct means mean_looks(const struct kn_glances *glances, int first, int after)
{
    struct means means = {.still = after - first > 1};
    for (int i = first; i < after; i++) {
        const struct kn_look *look = &glances->at[i].look;
        means.count++;
        means.black += kn_look_is_black(look);
        means.brightness += look->brightness;
        means.sharpness += look->sharpness;
        means.motion += look->motion;
        means.edges += look->edges;
        means.flat += look->flat;
        means.even += glances->at[i].surface.even;
        means.textured += glances->at[i].surface.textured;
        if (i > first && !stands_still(&glances->at[i - 1], &glances->at[i]))
            means.still = false;
    }
    float share = means.count ? 1 / (float)means.count : 0;
    means.brightness *= share;
    means.sharpness *= share;
    means.motion *= share;
    means.edges *= share;
    means.flat *= share;
    means.even *= share;
    means.textured *= share;
    return means;
}

/* Drawn areas are perfectly flat, text and lines on them sharp, and neither has texture; a slide
 * with a photo on it is even for the greater part. */
static bool is_drawn(const struct means *means)
{
    bool bare = means->textured < 0.11f || (means->textured < 0.25f && means->even > 0.6f);
    return means->flat > 0.4f && means->edges > 0.008f && means->sharpness > 0.25f && bare;
}

/* Large letters on colours that move. */
static bool is_title(const struct means *means)
{
    return is_drawn(means) && means->even > 0.6f && means->textured < 0.18f &&
           means->edges > 0.02f && means->sharpness > 0.6f;
}

static enum kn_shot_kind kind_of(const struct kn_shot *shot, const struct means *means,
                                 float with_faces)
{
    if (means->count > 0 && means->black * 2 > means->count)
        return KN_SHOT_BLACK;
    /* A slide hardly moves, even with a speaker in its corner. A larger face in a picture without
     * texture is none: faces are textured. */
    bool calm = means->motion < 0.04f;
    bool no_face = shot->face_area < INSET_FACE_AREA || means->textured < BARE_OF_FACES;
    if (is_drawn(means) && calm && no_face)
        return KN_SHOT_SLIDE;
    if (is_title(means) && (with_faces < 0.4f || means->textured < BARE_OF_FACES))
        return KN_SHOT_SLIDE;
    bool brief = shot->end_us - shot->start_us < PHOTO_US;
    if (means->still && brief && shot->face_area < INSET_FACE_AREA)
        return KN_SHOT_FROZEN; /* a photo or a statue, whatever looks like a face on it */
    if (with_faces >= 0.4f)
        return KN_SHOT_PEOPLE;
    return means->still ? KN_SHOT_FROZEN : KN_SHOT_OTHER;
}

void kn_shot_describe(struct kn_shot *shot, const struct kn_glances *glances)
{
    int first = first_look_at(glances, shot->start_us);
    int after = first_look_at(glances, shot->end_us);
    if (first == after && glances->count > 0) { /* too short for a look: the next best one */
        first = KN_MIN(first, glances->count - 1);
        after = first + 1;
    }
    struct means means = mean_looks(glances, first, after);
    shot->brightness = means.brightness;
    shot->sharpness = means.sharpness;
    shot->motion = means.motion;
    float with_faces = describe_faces(shot, glances);
    shot->kind = kind_of(shot, &means, with_faces);
}

/* ---- From neighbouring pictures ---- */

enum {
    AROUND = 4,             /* pictures to each side that a difference is compared with */
    FLASH_US = 200 * 1000,  /* a difference that is gone after this was a flash */
    CALM_SIDE_PICTURES = 2, /* fewer on one side tell nothing */
};
static const float CUT_RATIO = 2.5f;            /* to the largest one around */
static const float CUT_BESIDE_MOTION = 0.3f;    /* where one side is all motion: at least this, */
static const float CUT_RATIO_BESIDE = 4;        /* that to the calmer side, */
static const float CUT_RATIO_TO_MOTION = 1.25f; /* and this to the other */
static const float NOISE = 0.02f;

/* The largest of changes[from..to) but for two of them. */
static float largest_change(const float *changes, int from, int to, int but, int and_but)
{
    float largest = 0;
    for (int i = from; i < to; i++)
        if (i != but && i != and_but)
            largest = fmaxf(largest, changes[i]);
    return largest;
}

/* The largest change near `at` beside that one; -1: there is none. */
static int rival_of(const float *changes, int from, int to, int at)
{
    int rival = -1;
    for (int i = from; i < to; i++)
        if (i != at && (rival < 0 || changes[i] > changes[rival]))
            rival = i;
    return rival;
}

/* Two changes with a few pictures between that show something else: a flash (is_flash), one on a
 * cut, or a picture that is a blend of both shots. */
static bool stands_out_with(const float *changes, int count, int at, int rival)
{
    int from = KN_MAX(KN_MIN(at, rival) - AROUND, 1);
    int to = KN_MIN(KN_MAX(at, rival) + AROUND + 1, count);
    float rest = largest_change(changes, from, to, at, rival) + NOISE;
    return fminf(changes[at], changes[rival]) >= CUT_RATIO * rest;
}

static bool stands_out(const float *changes, int count, int at)
{
    float change = changes[at];
    if (change < KN_CUT_DIFFERENCE_MIN)
        return false;
    int from = KN_MAX(at - AROUND, 1), to = KN_MIN(at + AROUND + 1, count);
    float before = largest_change(changes, from, at, at, at) + NOISE;
    float after = largest_change(changes, at + 1, to, at, at) + NOISE;
    if (change >= CUT_RATIO * fmaxf(before, after))
        return true;
    int rival = rival_of(changes, from, to, at);
    if (rival >= 0 && changes[rival] >= KN_CUT_DIFFERENCE_MIN &&
        stands_out_with(changes, count, at, rival))
        return true;
    if (at - from < CALM_SIDE_PICTURES || to - at - 1 < CALM_SIDE_PICTURES)
        return false;
    return change >= CUT_BESIDE_MOTION && change >= CUT_RATIO_BESIDE * fminf(before, after) &&
           change >= CUT_RATIO_TO_MOTION * fmaxf(before, after);
}

/* Is the picture before `at` soon there again? Or the one at `at` there already, some time before?
 */
static bool is_flash(const struct kn_moment *moments, int count, int at, float change)
{
    for (int i = at + 1; i < count && moments[i].at_us - moments[at].at_us <= FLASH_US; i++)
        if (kn_gist_difference(&moments[at - 1].gist, &moments[i].gist) < change / 2)
            return true;
    for (int i = at - 2; i >= 0 && moments[at].at_us - moments[i + 1].at_us <= FLASH_US; i--)
        if (kn_gist_difference(&moments[at].gist, &moments[i].gist) < change / 2)
            return true;
    return false;
}

/* changes[i]: from picture i - 1 to picture i. To be freed. */
static float *measure_changes(const struct kn_moment *moments, int count)
{
    float *changes = kn_malloc((size_t)KN_MAX(count, 1) * sizeof *changes);
    for (int i = 1; i < count; i++)
        changes[i] = kn_gist_difference(&moments[i - 1].gist, &moments[i].gist);
    return changes;
}

int kn_cuts_find(const struct kn_moment *moments, int count, struct kn_arena *arena,
                 const struct kn_cut **ret_cuts)
{
    KN_VEC(struct kn_cut) cuts = {0};
    KN_SCOPED_MEM float *changes = measure_changes(moments, count);
    for (int i = 1; i < count; i++) {
        if (!stands_out(changes, count, i) || is_flash(moments, count, i, changes[i]))
            continue;
        if (cuts.count > 0 && moments[i].at_us - kn_vec_last(&cuts)->at_us < KN_CUT_STEP_MIN_US)
            continue;
        kn_vec_push(&cuts, ((struct kn_cut){moments[i - 1].at_us, moments[i].at_us}));
    }
    int found = cuts.count;
    *ret_cuts = kn_vec_to_arena(&cuts, arena);
    kn_vec_free(&cuts);
    return found;
}

int kn_cuts_doubt(const struct kn_moment *moments, int count, struct kn_arena *arena,
                  const struct kn_doubt **ret_doubts)
{
    KN_VEC(struct kn_doubt) doubts = {0};
    KN_SCOPED_MEM float *changes = measure_changes(moments, count);
    for (int i = 1; i < count; i++) {
        if (changes[i] < KN_CUT_DIFFERENCE_MIN)
            continue;
        int around = stands_out(changes, count, i) ? 0 : AROUND;
        int64_t from_us = moments[KN_MAX(i - 1 - around, 0)].at_us;
        int64_t to_us = moments[KN_MIN(i + around, count - 1)].at_us;
        struct kn_doubt *last = doubts.count > 0 ? kn_vec_last(&doubts) : NULL;
        if (last && from_us <= last->to_us)
            last->to_us = KN_MAX(last->to_us, to_us);
        else
            kn_vec_push(&doubts, ((struct kn_doubt){from_us, to_us}));
    }
    int found = doubts.count;
    *ret_doubts = kn_vec_to_arena(&doubts, arena);
    kn_vec_free(&doubts);
    return found;
}

double kn_shots_black_share(const struct kn_shot *shots, int count, int64_t start_us,
                            int64_t end_us)
{
    int64_t black_us = 0;
    for (int i = 0; i < count && shots[i].start_us < end_us; i++)
        if (shots[i].kind == KN_SHOT_BLACK && shots[i].end_us > start_us)
            black_us += KN_MIN(shots[i].end_us, end_us) - KN_MAX(shots[i].start_us, start_us);
    return end_us > start_us ? (double)black_us / (double)(end_us - start_us) : 0;
}
