#include "clip/captions_shape.h"

#include <assert.h>
#include <math.h>

#include "base/memory.h"

enum { ROWS_MOST = 4, POINTS_MOST = ROWS_MOST * 4 };

struct point {
    double x, y;
};

/* A cubic curve whose handles are this share of the radius is a circle to 0.03 %. */
#define ROUND 0.5523

static void move(struct kn_str *path, char command, struct point p)
{
    kn_str_printf(path, "%s%c %.0f %.0f", path->length ? " " : "", command, p.x, p.y);
}

/* The point `distance` from `at` towards `to`; all edges are axis-parallel. */
static struct point towards(struct point at, struct point to, double distance)
{
    double length = fabs(to.x - at.x) + fabs(to.y - at.y);
    double share = length > 0 ? distance / length : 0;

    return (struct point){at.x + (to.x - at.x) * share, at.y + (to.y - at.y) * share};
}

static double edge_length(struct point a, struct point b)
{
    return fabs(a.x - b.x) + fabs(a.y - b.y);
}

/* A polygon of right angles with every corner rounded by `radius`, or by half of its shorter edge
 * where that is less. */
static void round_polygon(struct kn_str *path, const struct point *points, int count, double radius)
{
    for (int i = 0; i < count; i++) {
        struct point before = points[(i + count - 1) % count], at = points[i];
        struct point after = points[(i + 1) % count];
        double r = KN_MIN(radius, KN_MIN(edge_length(before, at), edge_length(at, after)) / 2);
        struct point from = towards(at, before, r), to = towards(at, after, r);
        struct point handle1 = towards(at, before, r * (1 - ROUND));
        struct point handle2 = towards(at, after, r * (1 - ROUND));
        move(path, i ? 'l' : 'm', from);
        kn_str_printf(path, " b %.0f %.0f %.0f %.0f %.0f %.0f", handle1.x, handle1.y, handle2.x,
                      handle2.y, to.x, to.y);
    }
}

void kn_shape_rows(struct kn_str *path, const struct kn_caption_box *rows, int count, double radius)
{
    struct kn_caption_box even[ROWS_MOST];
    struct point points[POINTS_MOST];
    int n = 0;

    assert(count >= 1 && count <= ROWS_MOST);
    for (int i = 0; i < count; i++)
        even[i] = rows[i];
    /* A step smaller than two corners looks like a mistake: neighbours become equally wide. Twice,
     * so that what the second pair changes reaches the first. */
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i + 1 < count; i++) {
            struct kn_caption_box *a = &even[i], *b = &even[i + 1];
            if (fabs(a->left - b->left) < 2 * radius) {
                a->left = b->left = KN_MIN(a->left, b->left);
                a->right = b->right = KN_MAX(a->right, b->right);
            }
        }
    }
    for (int i = 0; i < count; i++) { /* down the right side */
        if (i && even[i].right == even[i - 1].right)
            n--; /* goes straight on */
        else
            points[n++] = (struct point){even[i].right, even[i].top};
        points[n++] = (struct point){even[i].right, even[i].bottom};
    }
    for (int i = count - 1; i >= 0; i--) { /* and up the left */
        if (i < count - 1 && even[i].left == even[i + 1].left)
            n--;
        else
            points[n++] = (struct point){even[i].left, even[i].bottom};
        points[n++] = (struct point){even[i].left, even[i].top};
    }
    round_polygon(path, points, n, radius);
}
