/*
 * One shot after another: who is in it (subjects.c), which layout suits it, and how the camera
 * moves (camera.c). All of it is planned over the whole shot at once; what comes out are key
 * frames between which the renderer moves linearly.
 *
 * Rejected: following the detector sample by sample with a filter. It lags behind whoever moves
 * and never quite stands still, which is what makes automatic crops look automatic.
 */
#include "clip/framing.h"

#include <math.h>
#include <string.h>

#include "base/vec.h"
#include "clip/camera.h"
#include "clip/subjects.h"

/* A face's centre lies this far down the crop: eyes at about a third, some room above the head. */
#define FACE_DOWN 0.40
/* The subject may wander this far from where it should be before the camera moves; shares of the
 * crop. The face is never wider than the rest, so it stays inside. */
#define DEAD_ZONE_X 0.12
#define DEAD_ZONE_Y 0.08
/* Small faces are brought closer until they fill this share of the crop's height. */
#define FACE_SHARE       0.13
#define SPLIT_FACE_SHARE 0.30
#define ZOOM_WORTHWHILE  0.85
/* People whose faces lie within this share of the crop's width are shown together. */
#define GROUP_WIDTH 0.85
/* Speakers nearer than this share of the crop's width are panned between, farther ones cut. */
#define PAN_WIDTH 0.5
/* A crop whose edge runs through a face is shifted by up to this share of its width. */
#define SHIFT_MAX 0.15
/* Below this share of the picture a crop without people tells too little. */
#define FILL_SHARE_MIN 0.3
/* Two people who alternate faster than this are shown one above the other. */
#define SPLIT_TURN_S 3.0

KN_VEC_TYPE(keys, struct kn_frame_key);

struct planner {
    const struct kn_source *source;
    const struct kn_closeup *closeup;
    const struct kn_sound *speech;
    enum kn_layout wanted;
    int out_width, out_height;
    struct kn_arena *scratch;
    struct keys keys;
};

/* One shot on its grid. */
struct scene {
    int64_t start_us, end_us;
    enum kn_shot_kind kind;
    struct kn_subjects subjects;
    int *who;
};

/* ---- shapes ---- */

struct shape {
    double width, height;
};

/* The largest rectangle of a pane's shape inside the picture. */
static struct shape largest_crop(const struct kn_source *source, double aspect)
{
    double width = fmin(source->width_px, source->height_px * aspect);
    return (struct shape){width, width / aspect};
}

/* Brought closer to a face of a given height, as far as sharpness allows. */
static struct shape zoomed_crop(const struct planner *p, double aspect, int pane_height_px,
                                double face_height, double face_share)
{
    struct shape whole = largest_crop(p->source, aspect);
    double wanted = face_height * p->source->height_px / face_share;
    double least = fmin(pane_height_px / KN_FRAMING_ENLARGE_MAX, whole.height);
    double height = KN_CLAMP(wanted, least, whole.height);
    if (height > ZOOM_WORTHWHILE * whole.height)
        return whole;
    return (struct shape){height * aspect, height};
}

/* ---- key frames ---- */

static struct kn_rect rect_around(const struct kn_source *source, struct shape crop, double x,
                                  double y)
{
    return (struct kn_rect){
        .x = fmax(0, fmin(x - crop.width / 2, source->width_px - crop.width)),
        .y = fmax(0, fmin(y - crop.height / 2, source->height_px - crop.height)),
        .width = crop.width,
        .height = crop.height,
    };
}

static void add_key(struct planner *p, int64_t at_us, bool cut, enum kn_layout layout,
                    int pane_count, const struct kn_rect *panes)
{
    struct kn_frame_key key = {
        .at_us = at_us, .cut = cut, .layout = layout, .pane_count = pane_count};
    memcpy(key.panes, panes, (size_t)pane_count * sizeof *panes);
    kn_vec_push(&p->keys, key);
}

/* The camera's path over steps [from, to) of one scene, as positions of the crop's centre. */
struct path {
    struct shape crop;
    double *x, *y;
};

/* Where the path bends: what lies on a straight line between its neighbours is left out. */
static bool bends(const struct path *path, int i)
{
    return fabs(path->x[i + 1] - 2 * path->x[i] + path->x[i - 1]) > 1e-3 ||
           fabs(path->y[i + 1] - 2 * path->y[i] + path->y[i - 1]) > 1e-3;
}

static void add_path(struct planner *p, const struct scene *scene, int from, int to,
                     enum kn_layout layout, int pane_count, const struct path *paths)
{
    for (int i = from; i < to; i++) {
        bool needed = i == from || i == to - 1;
        for (int k = 0; k < pane_count && !needed; k++)
            needed = bends(&paths[k], i - from);
        if (!needed)
            continue;
        struct kn_rect panes[KN_PANES_MAX];
        for (int k = 0; k < pane_count; k++)
            panes[k] =
                rect_around(p->source, paths[k].crop, paths[k].x[i - from], paths[k].y[i - from]);
        add_key(p, scene->start_us + i * KN_FRAMING_STEP_US, i == from, layout, pane_count, panes);
    }
}

/* ---- the camera on people ---- */

/* Positions to keep in view on steps [from, to), in pixels; y is where the crop's centre should
 * be for the face to be where faces look right. */
struct aim {
    double *x, *y;
    bool *seen;
};

static struct aim new_aim(struct planner *p, int steps)
{
    return (struct aim){
        .x = kn_arena_array(p->scratch, (size_t)steps, sizeof(double)),
        .y = kn_arena_array(p->scratch, (size_t)steps, sizeof(double)),
        .seen = kn_arena_array(p->scratch, (size_t)steps, sizeof(bool)),
    };
}

static void aim_at(const struct planner *p, struct shape crop, const struct kn_subject *subject,
                   int step, int at, struct aim *aim)
{
    aim->seen[at] = subject->seen[step];
    aim->x[at] = subject->at_x[step] * p->source->width_px;
    aim->y[at] = subject->at_y[step] * p->source->height_px + (0.5 - FACE_DOWN) * crop.height;
}

static struct path follow(struct planner *p, struct shape crop, const struct aim *aim, int steps)
{
    double step_s = (double)KN_FRAMING_STEP_US / 1e6;
    struct path path = {
        .crop = crop,
        .x = kn_arena_array(p->scratch, (size_t)steps, sizeof(double)),
        .y = kn_arena_array(p->scratch, (size_t)steps, sizeof(double)),
    };
    struct kn_camera camera = {
        .dead_zone = DEAD_ZONE_X * crop.width,
        .speed_max = KN_FRAMING_SPEED_MAX * crop.width * step_s,
        .stand_min = (int)(KN_FRAMING_TURN_MIN_US / KN_FRAMING_STEP_US),
        .glide = (int)(1.2 / step_s),
        .low = crop.width / 2,
        .high = p->source->width_px - crop.width / 2,
    };
    kn_camera_follow(&camera, aim->x, aim->seen, steps, p->source->width_px / 2.0, path.x);
    camera.dead_zone = DEAD_ZONE_Y * crop.height;
    camera.speed_max = KN_FRAMING_SPEED_MAX * crop.height * step_s;
    camera.low = crop.height / 2;
    camera.high = p->source->height_px - crop.height / 2;
    kn_camera_follow(&camera, aim->y, aim->seen, steps, p->source->height_px / 2.0, path.y);
    return path;
}

/* How much of the faces of steps [from, to) the crop's edges would cut off, or leave of them, if
 * the path were shifted: whole faces in or out cost nothing. The one that is followed counts
 * double. */
static double cut_faces(const struct planner *p, const struct scene *scene, int from, int to,
                        const struct path *path, double shift)
{
    double cut = 0;
    for (int i = from; i < to; i++) {
        double left = rect_around(p->source, path->crop, path->x[i - from] + shift, 0).x;
        for (int s = 0; s < scene->subjects.count; s++) {
            const struct kn_subject *subject = &scene->subjects.at[s];
            if (!subject->seen[i])
                continue;
            double width = subject->width * p->source->width_px;
            double x = subject->at_x[i] * p->source->width_px - width / 2;
            double in = fmin(x + width, left + path->crop.width) - fmax(x, left);
            bool followed = s == scene->who[i];
            double lost = followed ? width - fmax(in, 0) : fmin(fmax(in, 0), width - fmax(in, 0));
            cut += (followed ? 2 : 1) * lost / width;
        }
    }
    return cut;
}

/* Shifts a path where that saves faces from being cut through: as little as it takes, and all of
 * it alike, so that the camera moves as it was planned. */
static void spare_faces(const struct planner *p, const struct scene *scene, int from, int to,
                        struct path *path)
{
    enum { STEPS = 15 };
    double best = 0, least = INFINITY, low = path->crop.width / 2;
    for (int i = 0; i <= 2 * STEPS; i++) { /* 0, then ever farther to both sides */
        double shift = (i % 2 ? -1 : 1) * (i + 1) / 2 * (SHIFT_MAX / STEPS) * path->crop.width;
        double cost = cut_faces(p, scene, from, to, path, shift);
        if (cost < 0.95 * least) {
            least = cost;
            best = shift;
        }
    }
    for (int i = 0; i < to - from; i++)
        path->x[i] = KN_CLAMP(path->x[i] + best, low, p->source->width_px - low);
}

/* Steps [from, to) with the camera on whomever `who` names there: people close to each other. */
static void follow_run(struct planner *p, const struct scene *scene, int from, int to)
{
    double aspect = (double)p->out_width / p->out_height, tallest = 0;
    for (int i = from; i < to; i++)
        if (scene->who[i] >= 0)
            tallest = fmax(tallest, scene->subjects.at[scene->who[i]].height);
    struct shape crop = tallest > 0 ? zoomed_crop(p, aspect, p->out_height, tallest, FACE_SHARE)
                                    : largest_crop(p->source, aspect);
    struct aim aim = new_aim(p, to - from);
    for (int i = from; i < to; i++)
        if (scene->who[i] >= 0)
            aim_at(p, crop, &scene->subjects.at[scene->who[i]], i, i - from, &aim);
    struct path path = follow(p, crop, &aim, to - from);
    spare_faces(p, scene, from, to, &path);
    add_path(p, scene, from, to, KN_LAYOUT_FILL, 1, &path);
}

static bool close_enough_to_pan(const struct planner *p, const struct scene *scene, int a, int b)
{
    if (a < 0 || b < 0)
        return true;
    double aspect = (double)p->out_width / p->out_height;
    double distance = fabs(scene->subjects.at[a].x - scene->subjects.at[b].x) * p->source->width_px;
    return distance <= PAN_WIDTH * largest_crop(p->source, aspect).width;
}

/* The camera follows who[], with a cut where the next one is far away. */
static void fill_people(struct planner *p, const struct scene *scene)
{
    int from = 0, steps = scene->subjects.steps;
    for (int i = 1; i < steps; i++) {
        if (scene->who[i] == scene->who[i - 1] ||
            close_enough_to_pan(p, scene, scene->who[i - 1], scene->who[i]))
            continue;
        follow_run(p, scene, from, i);
        from = i;
    }
    follow_run(p, scene, from, steps);
}

/* Everybody at once: the camera follows the middle between the outermost faces. */
static void fill_group(struct planner *p, const struct scene *scene)
{
    const struct kn_subjects *subjects = &scene->subjects;
    struct shape crop = largest_crop(p->source, (double)p->out_width / p->out_height);
    struct aim aim = new_aim(p, subjects->steps);
    for (int i = 0; i < subjects->steps; i++) {
        double left = INFINITY, right = -INFINITY, y = 0;
        int seen = 0;
        for (int s = 0; s < subjects->count; s++) {
            if (!subjects->at[s].seen[i])
                continue;
            left = fmin(left, subjects->at[s].at_x[i]);
            right = fmax(right, subjects->at[s].at_x[i]);
            y += subjects->at[s].at_y[i];
            seen++;
        }
        /* With somebody missing the middle would jump: keep to moments that show everybody. */
        aim.seen[i] = seen == subjects->count;
        aim.x[i] = (left + right) / 2 * p->source->width_px;
        aim.y[i] = seen ? y / seen * p->source->height_px + (0.5 - FACE_DOWN) * crop.height : 0;
    }
    struct path path = follow(p, crop, &aim, subjects->steps);
    add_path(p, scene, 0, subjects->steps, KN_LAYOUT_FILL, 1, &path);
}

static bool is_group(const struct planner *p, const struct kn_subjects *subjects)
{
    double left = INFINITY, right = -INFINITY;
    for (int s = 0; s < subjects->count; s++) {
        left = fmin(left, subjects->at[s].x - subjects->at[s].width / 2);
        right = fmax(right, subjects->at[s].x + subjects->at[s].width / 2);
    }
    struct shape crop = largest_crop(p->source, (double)p->out_width / p->out_height);
    return subjects->count >= 2 && (right - left) * p->source->width_px <= GROUP_WIDTH * crop.width;
}

static void split(struct planner *p, const struct scene *scene, const struct kn_subject *people[2])
{
    struct path paths[2];
    int steps = scene->subjects.steps, pane_height = p->out_height / 2;
    for (int k = 0; k < 2; k++) {
        struct shape crop = zoomed_crop(p, (double)p->out_width / pane_height, pane_height,
                                        people[k]->height, SPLIT_FACE_SHARE);
        struct aim aim = new_aim(p, steps);
        for (int i = 0; i < steps; i++)
            aim_at(p, crop, people[k], i, i, &aim);
        paths[k] = follow(p, crop, &aim, steps);
    }
    add_path(p, scene, 0, steps, KN_LAYOUT_SPLIT, 2, paths);
}

static void fit(struct planner *p, const struct scene *scene)
{
    const struct kn_rect whole = {0, 0, p->source->width_px, p->source->height_px};
    add_key(p, scene->start_us, true, KN_LAYOUT_FIT, 1, &whole);
}

/* ---- which layout ---- */

/* The two who are there most, left first; false when there are not two. */
static bool find_pair(const struct kn_subjects *subjects, const struct kn_subject *ret_pair[2])
{
    int first = -1, second = -1;
    for (int s = 0; s < subjects->count; s++) {
        if (first < 0 || subjects->at[s].presence > subjects->at[first].presence) {
            second = first;
            first = s;
        } else if (second < 0 || subjects->at[s].presence > subjects->at[second].presence) {
            second = s;
        }
    }
    if (second < 0)
        return false;
    ret_pair[0] = &subjects->at[KN_MIN(first, second)];
    ret_pair[1] = &subjects->at[KN_MAX(first, second)];
    return true;
}

static bool alternates_quickly(const struct scene *scene)
{
    int changes = 0;
    for (int i = 1; i < scene->subjects.steps; i++)
        changes += scene->who[i] != scene->who[i - 1];
    double seconds = (double)(scene->end_us - scene->start_us) / 1e6;
    return changes >= 2 && seconds / (changes + 1) < SPLIT_TURN_S;
}

/* For most of the scene there are more people than fit into the widest crop. */
static bool is_crowded(const struct planner *p, const struct scene *scene)
{
    const struct kn_subjects *subjects = &scene->subjects;
    double room = largest_crop(p->source, (double)p->out_width / p->out_height).width;
    int crowded = 0;
    for (int i = 0; i < subjects->steps; i++) {
        double left = INFINITY, right = -INFINITY;
        for (int s = 0; s < subjects->count; s++) {
            if (!subjects->at[s].seen[i])
                continue;
            left = fmin(left, subjects->at[s].at_x[i] - subjects->at[s].width / 2);
            right = fmax(right, subjects->at[s].at_x[i] + subjects->at[s].width / 2);
        }
        crowded += (right - left) * p->source->width_px > GROUP_WIDTH * room;
    }
    return 2 * crowded > subjects->steps;
}

static bool should_fit(const struct planner *p, const struct scene *scene)
{
    bool wide_frame = p->out_width > p->out_height;
    if (wide_frame && p->source->height_px > p->source->width_px)
        return true;
    if (scene->kind == KN_SHOT_SLIDE)
        return true;
    if (scene->subjects.count > 0)
        return false;
    struct shape crop = largest_crop(p->source, (double)p->out_width / p->out_height);
    double share = crop.width * crop.height / ((double)p->source->width_px * p->source->height_px);
    return scene->kind == KN_SHOT_FROZEN || share < FILL_SHARE_MIN;
}

static void frame_scene(struct planner *p, struct scene *scene)
{
    const struct kn_subject *pair[2];
    bool two = find_pair(&scene->subjects, pair);
    bool tall = p->out_height > p->out_width;
    bool apart = two && !is_group(p, &scene->subjects);
    if (p->wanted == KN_LAYOUT_FIT || (p->wanted == KN_LAYOUT_AUTO && should_fit(p, scene)))
        fit(p, scene);
    else if (p->wanted == KN_LAYOUT_SPLIT && two)
        split(p, scene, pair);
    else if (p->wanted == KN_LAYOUT_AUTO && tall && apart && pair[0]->presence > 0.7 &&
             pair[1]->presence > 0.7 && alternates_quickly(scene))
        split(p, scene, pair);
    else if (p->wanted == KN_LAYOUT_AUTO && apart && is_crowded(p, scene) &&
             !kn_subjects_speaker_clear(&scene->subjects, scene->start_us, p->speech, scene->who))
        fit(p, scene); /* whom should the crop leave out? */
    else if (two && !apart)
        fill_group(p, scene);
    else
        fill_people(p, scene);
}

/* ---- all shots ---- */

static void plan_shot(struct planner *p, int64_t start_us, int64_t end_us, enum kn_shot_kind kind)
{
    struct scene scene = {.start_us = start_us, .end_us = end_us, .kind = kind};
    kn_subjects_find(p->closeup, start_us, end_us, p->scratch, &scene.subjects);
    scene.who = kn_arena_array(p->scratch, (size_t)scene.subjects.steps, sizeof *scene.who);
    kn_subjects_follow(&scene.subjects, start_us, p->speech, p->scratch, scene.who);
    frame_scene(p, &scene);
    kn_arena_reset(p->scratch);
}

void kn_framing_plan(const struct kn_source *source, const struct kn_closeup *closeup,
                     const struct kn_sound *speech, const struct kn_framing_options *options,
                     struct kn_arena *arena, struct kn_framing *ret_framing)
{
    struct planner p = {
        .source = source, .closeup = closeup, .speech = speech, .wanted = options->layout};
    *ret_framing = (struct kn_framing){.aspect = options->aspect};
    if (!source->has_video)
        return;
    kn_aspect_size(options->aspect, &p.out_width, &p.out_height);
    p.scratch = kn_arena_new();
    for (int i = 0; i < closeup->shot_count; i++)
        plan_shot(&p, closeup->shots[i].start_us, closeup->shots[i].end_us, closeup->shots[i].kind);
    if (closeup->shot_count == 0)
        plan_shot(&p, closeup->start_us, closeup->end_us, KN_SHOT_OTHER);
    ret_framing->key_count = p.keys.count;
    ret_framing->keys = kn_vec_to_arena(&p.keys, arena);
    kn_vec_free(&p.keys);
    kn_arena_free(p.scratch);
}
