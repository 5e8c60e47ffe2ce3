/*
 * The old shot and the new one are two pictures some way apart, both of which stand still enough to
 * be trusted as its ends. Cell by cell of their gists, each picture between must lie between them,
 * and have gone farther than the one before.
 */
#include "analyze/dissolves.h"

#include <math.h>
#include <stdlib.h>

#include "base/vec.h"

enum {
    CELLS = KN_GIST_CELLS * KN_GIST_CELLS,
    STEADY_US = 200 * 1000, /* so long before and after, the picture is that of its shot */
    CELL_SLACK = 6,         /* luma; what moves within a shot, and noise */
};
static const float DIFFERENT = 0.10f; /* mean change of a cell from the old shot to the new one */
static const float ALL_OVER = 0.5f;   /* so many of the cells change: somebody who leaves the
                                         picture takes less of it along */
static const float STEADY = 0.10f;    /* a shot's own change by its side is at most so much of it:
                                       a turn of the camera goes on */
static const float STRAY = 0.12f;     /* what lies outside of both, as a share of the change */
static const float BACK = 0.05f;      /* a picture may be so much less far than the one before */

/* Mean absolute difference of the cells, 0..1. Unlike kn_gist_difference it knows no forgiveness
 * for what moved by a cell: a turn of the camera must not pass. */
static float cell_change(const struct kn_gist *a, const struct kn_gist *b)
{
    int sum = 0;
    for (int i = 0; i < CELLS; i++)
        sum += abs(a->cells[i] - b->cells[i]);
    return (float)sum / (255.0f * CELLS);
}

static bool changes_all_over(const struct kn_gist *a, const struct kn_gist *b)
{
    int changed = 0;
    for (int i = 0; i < CELLS; i++)
        changed += abs(a->cells[i] - b->cells[i]) > 2 * CELL_SLACK;
    return (float)changed >= ALL_OVER * CELLS;
}

/* How far `between` is from what a dissolve or a wipe from a to b, `done` of it, would show, 0..1:
 * the same blend everywhere, or each cell either old or new. */
static float stray(const struct kn_gist *a, const struct kn_gist *b, const struct kn_gist *between,
                   float done)
{
    int blended = 0, wiped = 0;
    for (int i = 0; i < CELLS; i++) {
        int old = a->cells[i], new = b->cells[i], is = between->cells[i];
        int blend = (int)lroundf((float)old + done * (float)(new - old));
        blended += KN_MAX(abs(is - blend) - CELL_SLACK, 0);
        wiped += KN_MAX(KN_MIN(abs(is - old), abs(is - new)) - CELL_SLACK, 0);
    }
    return (float)KN_MIN(blended, wiped) / (255.0f * CELLS);
}

/* The last moment at or before `at_us`, the first at or after it. */
static int moment_before(const struct kn_moment *moments, int from, int64_t at_us)
{
    while (from > 0 && moments[from].at_us > at_us)
        from--;
    return from;
}

static int moment_after(const struct kn_moment *moments, int count, int from, int64_t at_us)
{
    while (from < count - 1 && moments[from].at_us < at_us)
        from++;
    return from;
}

static bool is_steady(const struct kn_moment *moments, int count, int first, int last, float change)
{
    int before = moment_before(moments, first, moments[first].at_us - STEADY_US);
    int after = moment_after(moments, count, last, moments[last].at_us + STEADY_US);
    return before < first && after > last &&
           cell_change(&moments[before].gist, &moments[first].gist) <= STEADY * change &&
           cell_change(&moments[last].gist, &moments[after].gist) <= STEADY * change;
}

/* From `first`, the old shot, to `last`, the new one: the picture in the middle of it, or -1. */
static int middle_of(const struct kn_moment *moments, int count, int first, int last)
{
    const struct kn_gist *old = &moments[first].gist, *new = &moments[last].gist;
    float change = cell_change(old, new), so_far = 0;
    if (change < DIFFERENT || last - first < 4 || !changes_all_over(old, new) ||
        !is_steady(moments, count, first, last, change))
        return -1;
    int middle = -1;
    for (int i = first + 1; i < last; i++) {
        const struct kn_gist *gist = &moments[i].gist;
        float done = cell_change(old, gist) / change;
        if (stray(old, new, gist, done) > STRAY * change || done < so_far - BACK)
            return -1;
        so_far = fmaxf(so_far, done);
        if (middle < 0 && done >= 0.5f)
            middle = i;
    }
    return middle;
}

static bool has_cut(const struct kn_cut *cuts, int count, int64_t from_us, int64_t to_us)
{
    for (int i = 0; i < count; i++)
        if (cuts[i].at_us > from_us && cuts[i].at_us <= to_us)
            return true;
    return false;
}

int kn_dissolves_find(const struct kn_moment *moments, int count, const struct kn_cut *cuts,
                      int cut_count, struct kn_arena *arena, const struct kn_cut **ret_dissolves)
{
    KN_VEC(struct kn_cut) found = {0};
    for (int first = 1; first < count; first++) {
        /* The shortest span that holds all of it: longer ones have more time to go astray. */
        int64_t start_us = moments[first].at_us;
        int last = moment_after(moments, count, first, start_us + KN_DISSOLVE_MIN_US);
        int middle = -1;
        for (; last < count && moments[last].at_us <= start_us + KN_DISSOLVE_MAX_US; last++)
            if ((middle = middle_of(moments, count, first, last)) >= 0)
                break;
        if (middle < 0 || has_cut(cuts, cut_count, start_us, moments[last].at_us))
            continue;
        kn_vec_push(&found, ((struct kn_cut){moments[middle - 1].at_us, moments[middle].at_us}));
        first = last;
    }
    int found_count = found.count;
    *ret_dissolves = kn_vec_to_arena(&found, arena);
    kn_vec_free(&found);
    return found_count;
}
