#include "clip/camera.h"

#include <math.h>
#include <string.h>

#include "base/vec.h"

/* The camera stands at `at` for the samples [from, to). */
struct stand {
    int from, to;
    double least, most; /* of the targets inside */
    double at;
    double before, after; /* steps that the move to here takes on each side of `from` */
};
KN_VEC_TYPE(stands, struct stand);

/* Copies the targets, filling what was not seen from both sides. False: nothing was seen. */
static bool fill_gaps(const double *target, const bool *seen, int n, double *ret)
{
    int last = -1;
    for (int i = 0; i < n; i++) {
        if (!seen[i])
            continue;
        ret[i] = target[i];
        for (int k = last + 1; k < i; k++)
            ret[k] = last < 0 ? target[i]
                              : target[last] + (target[i] - target[last]) * (k - last) / (i - last);
        last = i;
    }
    for (int k = last + 1; k < n && last >= 0; k++)
        ret[k] = target[last];
    return last >= 0;
}

/* The fewest stands: each goes on as long as one position is within the dead zone of all of its
 * targets. (Greedy is optimal for stabbing intervals in order.) */
static void find_stands(const double *target, int n, double dead_zone, struct stands *stands)
{
    struct stand now = {.to = 1, .least = target[0], .most = target[0]};
    for (int i = 1; i < n; i++) {
        double least = fmin(now.least, target[i]), most = fmax(now.most, target[i]);
        if (most - least > 2 * dead_zone) {
            kn_vec_push(stands, now);
            now = (struct stand){.from = i, .to = i + 1, .least = target[i], .most = target[i]};
            continue;
        }
        now.least = least;
        now.most = most;
        now.to = i + 1;
    }
    kn_vec_push(stands, now);
}

static double middle(const struct stand *stand)
{
    return (stand->least + stand->most) / 2;
}

static void join(struct stands *stands, int first)
{
    struct stand *a = &stands->at[first], *b = a + 1;
    a->to = b->to;
    a->least = fmin(a->least, b->least);
    a->most = fmax(a->most, b->most);
    memmove(b, b + 1, (size_t)(stands->count - first - 2) * sizeof *b);
    stands->count--;
}

/* Stands too short to be one join the neighbour that is nearer to them. */
static void join_short_stands(struct stands *stands, int stand_min)
{
    for (int i = 0; i < stands->count && stands->count > 1;) {
        struct stand *s = &stands->at[i];
        if (s->to - s->from >= stand_min) {
            i++;
            continue;
        }
        bool has_left = i > 0, has_right = i + 1 < stands->count;
        double left = has_left ? fabs(middle(s) - middle(s - 1)) : INFINITY;
        double right = has_right ? fabs(middle(s) - middle(s + 1)) : INFINITY;
        join(stands, left <= right ? i - 1 : i);
        i = left <= right && i > 0 ? i - 1 : i;
    }
}

/* The smooth step 3t² - 2t³ is 1.5 times as fast in its middle as on average. A move has the half
 * of both stands at most, and where that is too short for the speed, the stand gives way. */
static void place_stands(const struct kn_camera *camera, struct stands *stands)
{
    for (int i = 0; i < stands->count; i++) {
        struct stand *s = &stands->at[i];
        s->at = KN_CLAMP(middle(s), camera->low, camera->high);
        if (i == 0)
            continue;
        double from = s[-1].at;
        double wanted = fmax(camera->glide, fabs(s->at - from) * 1.5 / camera->speed_max);
        s->before = fmin(wanted / 2, (s[-1].to - s[-1].from) / 2.0);
        s->after = fmin(wanted / 2, (s->to - s->from) / 2.0);
        double reach = camera->speed_max * (s->before + s->after) / 1.5;
        s->at = KN_CLAMP(s->at, from - reach, from + reach);
    }
}

static void draw_path(const struct stands *stands, double *ret_pos)
{
    for (int i = 0; i < stands->count; i++)
        for (int k = stands->at[i].from; k < stands->at[i].to; k++)
            ret_pos[k] = stands->at[i].at;
    for (int i = 1; i < stands->count; i++) {
        const struct stand *a = &stands->at[i - 1], *b = &stands->at[i];
        double begin = b->from - b->before, length = b->before + b->after;
        for (int k = (int)ceil(begin); k <= (int)floor(begin + length) && k < b->to; k++) {
            double t = KN_CLAMP((k - begin) / length, 0, 1);
            ret_pos[k] = a->at + (b->at - a->at) * t * t * (3 - 2 * t);
        }
    }
}

void kn_camera_follow(const struct kn_camera *camera, const double *target, const bool *seen, int n,
                      double home, double *ret_pos)
{
    KN_SCOPED_MEM double *filled = kn_malloc((size_t)n * sizeof *filled);
    struct stands stands = {0};
    if (!fill_gaps(target, seen, n, filled))
        for (int i = 0; i < n; i++)
            filled[i] = home;
    find_stands(filled, n, camera->dead_zone, &stands);
    join_short_stands(&stands, camera->stand_min);
    place_stands(camera, &stands);
    draw_path(&stands, ret_pos);
    kn_vec_free(&stands);
}
