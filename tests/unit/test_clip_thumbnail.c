#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "pipeline/attempt.h"

enum { S = 1000000 };

/* A talk: a title, a slide, the speaker, a slide whose beginning is not known exactly. */
static const struct kn_shot shots[] = {
    {.start_us = 0, .end_us = 10 * S, .kind = KN_SHOT_SLIDE},
    {.start_us = 10 * S, .end_us = 30 * S, .kind = KN_SHOT_SLIDE},
    {.start_us = 30 * S, .end_us = 60 * S, .kind = KN_SHOT_PEOPLE},
    {.start_us = 60 * S, .end_us = 90 * S, .slack_us = 4 * S, .kind = KN_SHOT_FROZEN},
};

static void a_still_belongs_to_the_better_clip(void **state)
{
    (void)state;
    static const struct kn_segment segments[] = {
        {.start_us = 20 * S, .end_us = 40 * S},
        {.start_us = 5 * S, .end_us = 20 * S},  /* shares a slide with the first */
        {.start_us = 40 * S, .end_us = 58 * S}, /* the speaker, and perhaps the slide after them */
        {.start_us = 58 * S, .end_us = 80 * S},
        {.start_us = 80 * S, .end_us = 90 * S},
    };
    static const struct {
        int count;
        int64_t start_us, end_us;
    } want[] = {{0}, {1, 10 * S, 30 * S}, {0}, {1, 56 * S, 90 * S}, {1, 56 * S, 90 * S}};
    struct kn_attempt attempt = {
        .timeline = {.shot_count = KN_COUNT_OF(shots), .shots = shots},
        .segments = {.count = KN_COUNT_OF(segments), .segments = segments},
    };
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(segments); i++) {
        struct clip_work clip = {.attempt = &attempt, .arena = arena, .segment = &segments[i]};
        const struct kn_thumbnail_span *known;
        assert_int_equal(kn_clip_known_stills(&clip, &known), want[i].count);
        for (int k = 0; k < want[i].count; k++) {
            assert_int_equal(known[k].start_us, want[i].start_us);
            assert_int_equal(known[k].end_us, want[i].end_us);
        }
    }
    kn_arena_free(arena);
}

/* A face that moves from the top to the bottom: the same in a close look and a coarse one. */
static const struct kn_track_sample going_down[] = {
    {.at_us = 0, .x = 0.42f, .y = 0.08f, .width = 0.16f, .height = 0.5f},
    {.at_us = 10 * S, .x = 0.42f, .y = 0.45f, .width = 0.16f, .height = 0.5f},
};
static const struct kn_face faces[] = {
    {.x = 0.42f, .y = 0.08f, .width = 0.16f, .height = 0.5f},
    {.x = 0.42f, .y = 0.45f, .width = 0.16f, .height = 0.5f},
};
static const struct kn_face_sample face_samples[] = {
    {.at_us = 0, .face_count = 1, .faces = &faces[0]},
    {.at_us = 10 * S, .face_count = 1, .faces = &faces[1]},
};

/* Mean height of the title's lines. */
static double title_height(const char *ass)
{
    double sum = 0, x, y;
    int count = 0;
    for (const char *at = ass; (at = strstr(at, "\\pos(")); at++)
        if (sscanf(at, "\\pos(%lf,%lf)", &x, &y) == 2 && y > 0) {
            sum += y;
            count++;
        }
    assert_true(count > 0);
    return sum / count;
}

/* At the moment of its picture, not at the clip's beginning. */
static void a_title_keeps_off_the_face_of_the_moment(void **state)
{
    (void)state;
    static const struct kn_segment segment = {
        .end_us = 10 * S, .word_count = 1, .title = "Everything that is shown can be read"};
    static const struct kn_word word = {0, S, "Everything", 1.0f, -1, true};
    static const struct kn_face_track track = {0, 20 * S, 2, going_down};
    static const struct kn_frame_key middle = {
        .layout = KN_LAYOUT_FILL, .pane_count = 1, .panes = {{656, 0, 608, 1080}}};
    for (int copy = 0; copy < 2; copy++) {
        struct kn_job_options options;
        kn_job_defaults(&options);
        options.thumbnail_titles = true;
        options.copy = copy;
        struct kn_attempt attempt = {
            .options = &options,
            .folder = ".",
            .source = {.has_video = true, .width_px = 1920, .height_px = 1080},
            .timeline = {.language = "en",
                         .word_count = 1,
                         .words = &word,
                         .face_sample_count = 2,
                         .face_samples = face_samples},
            .segments = {.count = 1, .segments = &segment},
        };
        struct clip_work clip = {
            .attempt = &attempt,
            .arena = kn_arena_new(),
            .segment = &segment,
            .stem = "01",
            .closeup = {.end_us = 10 * S, .track_count = 1, .tracks = &track},
            .framings = {{.aspect = KN_ASPECT_9_16, .key_count = 1, .keys = &middle}},
        };
        int height_px = copy ? 1080 : 1920;
        const struct kn_thumbnail_order *order = kn_clip_thumbnail_order(&clip);
        double high = title_height(order->title(order->title_arg, 0));
        double low = title_height(order->title(order->title_arg, 9900 * 1000));
        if (high < 0.58 * height_px || low > 0.45 * height_px)
            fail_msg("%s: %.0f under a face at the top, %.0f above one at the bottom",
                     copy ? "copied" : "rendered", high, low);
        kn_arena_free(clip.arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_still_belongs_to_the_better_clip),
        cmocka_unit_test(a_title_keeps_off_the_face_of_the_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
