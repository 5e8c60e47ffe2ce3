/* For tests that look at pictures: sources of made-up shots, and the step that looks. */
#ifndef KN_TESTS_LOOK_SUPPORT_H
#define KN_TESTS_LOOK_SUPPORT_H

#include "support/media.h"

#include <kirinuki/executor.h>

#include "ai/models.h"
#include "base/vec.h"
#include "pipeline/look.h"

struct looking {
    struct kn_source source;
    struct kn_face_finder *finder; /* or NULL */
    struct kn_arena *arena;
    bool closely;
    int64_t start_us, end_us; /* of the close look */
    struct kn_seen seen;
    struct kn_closeup closeup;
};

static inline enum kn_status looking_step(void *arg, const struct kn_step_env *env,
                                          struct kn_error *err)
{
    struct looking *l = arg;
    return l->closely ? kn_look_closely(&l->source, l->finder, l->start_us, l->end_us, env,
                                        l->arena, &l->closeup, err)
                      : kn_look_over(&l->source, l->finder, env, l->arena, &l->seen, err);
}

static inline enum kn_status look(struct looking *l, struct kn_cancel *cancel, struct kn_error *err)
{
    struct kn_executor *executor;
    int lanes[KN_LANE_COUNT] = {1, 2, 0};
    assert_int_equal(kn_executor_open(lanes, &executor, err), KN_OK);
    struct kn_plan *plan = kn_plan_new();
    kn_plan_add(plan, &(struct kn_step){
                          .name = "look", .lane = KN_LANE_CPU, .run = looking_step, .arg = l});
    enum kn_status status = kn_executor_run_wait(executor, plan, cancel, NULL, err);
    kn_plan_free(plan);
    kn_executor_close(executor);
    return status;
}

static inline void look_well(struct looking *l)
{
    struct kn_error err = {0};
    if (look(l, NULL, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
}

/* The models' face finder; the test is skipped where it is not installed. */
static inline struct kn_face_finder *need_finder(void)
{
    struct kn_face_finder *finder = NULL;
    struct kn_error err = {0};
    if (kn_face_finder_open(NULL, &finder, &err) != KN_OK) {
        print_message("skipped: %s\n", kn_error_text(&err));
        skip();
    }
    return finder;
}

/*
 * Moving pictures that hardly resemble each other, cut hard after lengths[i] pictures each. The
 * encoder is told neither to put key frames at cuts nor to choose the kinds of pictures by what
 * they show, so that cuts fall on every kind.
 */
static inline void make_shots(const char *path, int rate, const int *lengths, int count,
                              const char *filter)
{
    static const struct {
        const char *source, *filter;
    } looks[] = {
        {"testsrc2", ""},
        {"sierpinski", ":seed=3:jump=1,gblur=2"},
        {"smptehdbars", ",scroll=h=0.004"},
        {"cellauto", ":rule=110:seed=7,gblur=3,negate"},
        {"rgbtestsrc", ",scroll=v=0.003"},
        {"testsrc2", ",hflip,negate"},
        {"yuvtestsrc", ",rotate=n/200,negate"},
        {"pal75bars", ",hflip,scroll=h=0.003"},
    };
    KN_SCOPED_STR graph = {0};
    for (int i = 0; i < count; i++) {
        size_t k = (size_t)i % KN_COUNT_OF(looks);
        kn_str_printf(&graph, "%s=s=320x180:r=%d%s,trim=end_frame=%d,setsar=1,format=yuv420p[s%d];",
                      looks[k].source, rate, looks[k].filter, lengths[i], i);
    }
    for (int i = 0; i < count; i++)
        kn_str_printf(&graph, "[s%d]", i);
    kn_str_printf(&graph, "concat=n=%d%s", count, filter);
    make_media(
        "-filter_complex %s -fps_mode vfr -c:v libx264 -preset ultrafast -threads 1 -x264-params "
        "scenecut=0:keyint=250:bframes=3:ref=3:b-adapt=0:b-pyramid=normal %s",
        kn_str_text(&graph), path);
}

#endif
