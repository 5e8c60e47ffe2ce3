#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "clip/camera.h"
#include "clip/framing.h"

#define S INT64_C(1000000)
enum { SAMPLES_MAX = 400 };

static struct kn_arena *arena;
static const struct kn_source wide = {.has_video = true, .width_px = 1920, .height_px = 1080};
static const struct kn_source tall = {.has_video = true, .width_px = 1080, .height_px = 1920};

/* ---- made-up people ---- */

struct person {
    double x, y, height; /* centre and height of the face, shares of a 16:9 picture */
    double walk, sway;   /* per second; and to and fro, as shares of the width */
    double speaks_from, speaks_to;
};

static struct kn_face_track make_track(const struct person *who, double from, double to)
{
    struct kn_track_sample *samples = kn_arena_array(arena, SAMPLES_MAX, sizeof *samples);
    int n = 0;
    for (double t = from; t < to && n < SAMPLES_MAX; t += 0.2, n++) {
        double width = who->height * 9 / 16;
        bool speaks = t >= who->speaks_from && t < who->speaks_to;
        double x = who->x + who->walk * (t - from) + who->sway * sin(t * 2.1);
        samples[n] =
            (struct kn_track_sample){.at_us = (int64_t)llround(t * 1e6),
                                     .x = (float)(x - width / 2),
                                     .y = (float)(who->y - who->height / 2),
                                     .width = (float)width,
                                     .height = (float)who->height,
                                     .mouth = (float)(speaks ? 0.5 + 0.4 * sin(t * 17) : 0.05)};
    }
    return (struct kn_face_track){(int64_t)(from * 1e6), (int64_t)(to * 1e6), n, samples};
}

static struct kn_framing plan(const struct kn_source *source, const struct kn_face_track *tracks,
                              int track_count, const struct kn_shot *shots, int shot_count,
                              double seconds, enum kn_aspect aspect, enum kn_layout layout)
{
    const struct kn_closeup closeup = {.end_us = (int64_t)(seconds * 1e6),
                                       .shots = shots,
                                       .shot_count = shot_count,
                                       .tracks = tracks,
                                       .track_count = track_count};
    const struct kn_framing_options options = {aspect, layout};
    struct kn_framing framing;
    kn_framing_plan(source, &closeup, NULL, &options, arena, &framing);
    return framing;
}

/* The rectangle on show: linear between keys, held before a cut. */
static struct kn_rect shown(const struct kn_framing *framing, int pane, int64_t at_us)
{
    int i = 0;
    while (i + 1 < framing->key_count && framing->keys[i + 1].at_us <= at_us)
        i++;
    const struct kn_frame_key *a = &framing->keys[i], *b = a + 1;
    if (i + 1 == framing->key_count || b->cut)
        return a->panes[pane];
    double t = (double)(at_us - a->at_us) / (double)(b->at_us - a->at_us);
    const struct kn_rect *p = &a->panes[pane], *q = &b->panes[pane];
    return (struct kn_rect){p->x + (q->x - p->x) * t, p->y + (q->y - p->y) * t, p->width,
                            p->height};
}

/* What every framing keeps to, whatever is in the picture. */
static void check_promises(const struct kn_source *source, const struct kn_framing *framing)
{
    int out_width, out_height;
    kn_aspect_size(framing->aspect, &out_width, &out_height);
    assert_true(framing->key_count >= 1 && framing->keys[0].cut);
    int64_t turned_us = -10 * S;
    int direction = 0;
    for (int i = 0; i < framing->key_count; i++) {
        const struct kn_frame_key *key = &framing->keys[i];
        for (int k = 0; k < key->pane_count; k++) {
            const struct kn_rect *r = &key->panes[k];
            assert_true(r->x >= 0 && r->y >= 0 && r->width > 0 && r->height > 0);
            assert_true(r->x + r->width <= source->width_px + 1e-6);
            assert_true(r->y + r->height <= source->height_px + 1e-6);
            double pane_height = (double)out_height / key->pane_count;
            if (key->layout != KN_LAYOUT_FIT) {
                assert_true(fabs(r->width / r->height - out_width / pane_height) < 1e-6);
                double aspect = out_width / pane_height;
                double largest = fmin(source->width_px / aspect, source->height_px);
                assert_true(pane_height / r->height <=
                            fmax(KN_FRAMING_ENLARGE_MAX, pane_height / largest) + 1e-6);
            }
        }
        if (key->cut || i == 0) {
            direction = 0;
            turned_us = -10 * S;
            continue;
        }
        const struct kn_frame_key *before = key - 1;
        assert_true(key->at_us > before->at_us);
        assert_int_equal(key->layout, before->layout);
        double seconds = (double)(key->at_us - before->at_us) / 1e6;
        double moved = key->panes[0].x - before->panes[0].x;
        assert_true(fabs(moved) / seconds <=
                    KN_FRAMING_SPEED_MAX * key->panes[0].width * 1.001 + 1e-6);
        assert_true(fabs(key->panes[0].width - before->panes[0].width) < 1e-9);
        int way = fabs(moved) < 1e-6 ? 0 : moved > 0 ? 1 : -1;
        if (way && way != direction) {
            if (direction)
                assert_true(before->at_us - turned_us >= KN_FRAMING_TURN_MIN_US - 100000);
            turned_us = before->at_us;
            direction = way;
        }
    }
}

/* The share of time that a face's centre third is inside the crop. */
static double kept_in(const struct kn_source *source, const struct kn_framing *framing,
                      const struct kn_face_track *track)
{
    int in = 0;
    for (int i = 0; i < track->sample_count; i++) {
        const struct kn_track_sample *s = &track->samples[i];
        struct kn_rect r = shown(framing, 0, s->at_us);
        double left = (double)s->x * source->width_px;
        double right = (double)(s->x + s->width) * source->width_px;
        in += left >= r.x && right <= r.x + r.width;
    }
    return (double)in / track->sample_count;
}

/* ---- tests ---- */

static void a_still_speaker_has_a_still_camera(void **state)
{
    (void)state;
    const struct person who = {.x = 0.3, .y = 0.4, .height = 0.25, .sway = 0.01};
    struct kn_face_track track = make_track(&who, 0, 20);
    struct kn_framing f = plan(&wide, &track, 1, NULL, 0, 20, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    check_promises(&wide, &f);
    for (int i = 1; i < f.key_count; i++)
        assert_true(fabs(f.keys[i].panes[0].x - f.keys[0].panes[0].x) < 1e-9);
    double centre = f.keys[0].panes[0].x + f.keys[0].panes[0].width / 2;
    assert_true(fabs(centre - 0.3 * 1920) < 25);
}

static void a_walking_speaker_is_followed(void **state)
{
    (void)state;
    const struct person who = {.x = 0.2, .y = 0.4, .height = 0.25, .walk = 0.06};
    struct kn_face_track track = make_track(&who, 0, 10);
    struct kn_framing f = plan(&wide, &track, 1, NULL, 0, 10, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    check_promises(&wide, &f);
    assert_true(kept_in(&wide, &f, &track) > 0.97);
}

static void the_camera_keeps_its_promises_whatever_moves(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 300; seed++) {
        unsigned short random[3] = {(unsigned short)seed, 7, 1};
        struct kn_face_track tracks[4];
        int count = (int)(erand48(random) * 5);
        for (int i = 0; i < count; i++) {
            struct person who = {.x = erand48(random),
                                 .y = erand48(random),
                                 .height = 0.03 + 0.4 * erand48(random),
                                 .walk = 0.2 * (erand48(random) - 0.5),
                                 .sway = 0.1 * erand48(random),
                                 .speaks_from = 20 * erand48(random),
                                 .speaks_to = 20};
            double from = 10 * erand48(random);
            tracks[i] = make_track(&who, from, from + 1 + 15 * erand48(random));
        }
        const struct kn_shot shots[] = {
            {.start_us = 0, .end_us = 7 * S, .kind = KN_SHOT_PEOPLE},
            {.start_us = 7 * S, .end_us = 7 * S + 40000, .kind = KN_SHOT_OTHER},
            {.start_us = 7 * S + 40000, .end_us = 26 * S, .kind = KN_SHOT_PEOPLE}};
        for (int aspect = 0; aspect < KN_ASPECT_COUNT; aspect++) {
            for (int layout = 0; layout < KN_LAYOUT_COUNT; layout++) {
                const struct kn_source *source = seed % 2 ? &wide : &tall;
                struct kn_framing f = plan(source, tracks, count, shots, 3, 26,
                                           (enum kn_aspect)aspect, (enum kn_layout)layout);
                check_promises(source, &f);
            }
        }
        kn_arena_reset(arena);
    }
}

static void swaying_does_not_make_the_crop_hunt(void **state)
{
    (void)state;
    const struct person who = {.x = 0.5, .y = 0.4, .height = 0.3, .sway = 0.03};
    struct kn_face_track track = make_track(&who, 0, 30);
    struct kn_framing f = plan(&wide, &track, 1, NULL, 0, 30, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    double path = 0;
    for (int i = 1; i < f.key_count; i++)
        path += fabs(f.keys[i].panes[0].x - f.keys[i - 1].panes[0].x);
    assert_true(path < 1);
}

static void the_crop_cuts_to_who_speaks(void **state)
{
    (void)state;
    const struct person left = {
        .x = 0.2, .y = 0.4, .height = 0.2, .speaks_from = 0, .speaks_to = 10};
    const struct person right = {
        .x = 0.8, .y = 0.4, .height = 0.2, .speaks_from = 10, .speaks_to = 20};
    struct kn_face_track tracks[] = {make_track(&left, 0, 20), make_track(&right, 0, 20)};
    struct kn_framing f = plan(&wide, tracks, 2, NULL, 0, 20, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    check_promises(&wide, &f);
    int cuts = 0;
    for (int i = 0; i < f.key_count; i++)
        cuts += f.keys[i].cut;
    assert_int_equal(cuts, 2);
    struct kn_rect early = shown(&f, 0, 5 * S), late = shown(&f, 0, 15 * S);
    assert_true(early.x < 0.2 * 1920 && early.x + early.width > 0.2 * 1920);
    assert_true(late.x < 0.8 * 1920 && late.x + late.width > 0.8 * 1920);
}

static void quick_talk_between_two_is_split(void **state)
{
    (void)state;
    /* Turns of two and a half seconds, the left first. */
    struct kn_face_track tracks[2];
    for (int k = 0; k < 2; k++) {
        struct person who = {.x = k ? 0.85 : 0.15, .y = 0.4, .height = 0.2};
        tracks[k] = make_track(&who, 0, 16);
        struct kn_track_sample *samples = (struct kn_track_sample *)tracks[k].samples;
        for (int i = 0; i < tracks[k].sample_count; i++)
            samples[i].mouth = samples[i].at_us / (5 * S / 2) % 2 == k ? 0.8f : 0.02f;
    }
    struct kn_framing f = plan(&wide, tracks, 2, NULL, 0, 16, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    check_promises(&wide, &f);
    assert_int_equal(f.keys[0].layout, KN_LAYOUT_SPLIT);
    assert_int_equal(f.keys[0].pane_count, 2);
    assert_true(f.keys[0].panes[0].x < f.keys[0].panes[1].x);
}

static void people_who_fit_are_shown_together(void **state)
{
    (void)state;
    const struct person a = {.x = 0.45, .y = 0.4, .height = 0.15},
                        b = {.x = 0.6, .y = 0.4, .height = 0.15};
    struct kn_face_track tracks[] = {make_track(&a, 0, 10), make_track(&b, 0, 10)};
    struct kn_framing f = plan(&wide, tracks, 2, NULL, 0, 10, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    check_promises(&wide, &f);
    assert_true(kept_in(&wide, &f, &tracks[0]) == 1 && kept_in(&wide, &f, &tracks[1]) == 1);
}

/* The largest share of a face that the crop's edge cuts through, at any moment. */
static double worst_cut(const struct kn_framing *f, const struct kn_face_track *track)
{
    double worst = 0;
    for (int i = 0; i < track->sample_count; i++) {
        const struct kn_track_sample *face = &track->samples[i];
        struct kn_rect crop = shown(f, 0, face->at_us);
        double width = (double)face->width * 1920, x = (double)face->x * 1920;
        double in = fmax(fmin(x + width, crop.x + crop.width) - fmax(x, crop.x), 0);
        worst = fmax(worst, fmin(in, width - in) / width);
    }
    return worst;
}

static void groups_too_wide_for_the_crop_are_shown_whole(void **state)
{
    (void)state;
    /* Four on a sofa, of whom nobody speaks. */
    struct person sofa[4];
    struct kn_face_track tracks[4];
    for (int k = 0; k < 4; k++) {
        sofa[k] = (struct person){.x = 0.35 + 0.1 * k, .y = 0.5, .height = 0.11};
        tracks[k] = make_track(&sofa[k], 0, 4);
    }
    struct kn_framing f = plan(&wide, tracks, 4, NULL, 0, 4, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    check_promises(&wide, &f);
    assert_int_equal(f.keys[0].layout, KN_LAYOUT_FIT);
    /* One of them talks: the crop is on them. */
    sofa[2].speaks_to = 4;
    tracks[2] = make_track(&sofa[2], 0, 4);
    f = plan(&wide, tracks, 4, NULL, 0, 4, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    check_promises(&wide, &f);
    assert_int_equal(f.keys[0].layout, KN_LAYOUT_FILL);
    assert_true(kept_in(&wide, &f, &tracks[2]) == 1);
}

static void the_crop_s_edge_spares_faces(void **state)
{
    (void)state;
    /* The one who speaks in the middle would have the other's face on the edge, half in. */
    const struct person speaker = {.x = 0.5, .y = 0.4, .height = 0.18, .speaks_to = 10};
    for (double x = 0.62; x < 0.72; x += 0.01) {
        const struct person other = {.x = x, .y = 0.4, .height = 0.16};
        struct kn_face_track tracks[] = {make_track(&speaker, 0, 10), make_track(&other, 0, 10)};
        struct kn_framing f = plan(&wide, tracks, 2, NULL, 0, 10, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
        check_promises(&wide, &f);
        assert_true(kept_in(&wide, &f, &tracks[0]) == 1);
        if (worst_cut(&f, &tracks[1]) > 0.02)
            fail_msg("a face at %.2f is cut by %.2f", x, worst_cut(&f, &tracks[1]));
    }
}

static void slides_are_fitted_and_small_faces_come_closer(void **state)
{
    (void)state;
    const struct kn_shot slide = {.end_us = 10 * S, .kind = KN_SHOT_SLIDE};
    struct kn_framing f = plan(&wide, NULL, 0, &slide, 1, 10, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    assert_int_equal(f.keys[0].layout, KN_LAYOUT_FIT);
    assert_true(f.keys[0].panes[0].width == 1920);
    f = plan(&wide, NULL, 0, &slide, 1, 10, KN_ASPECT_9_16, KN_LAYOUT_FILL);
    assert_int_equal(f.keys[0].layout, KN_LAYOUT_FILL);
    const struct person far_away = {.x = 0.5, .y = 0.5, .height = 0.08};
    struct kn_face_track track = make_track(&far_away, 0, 10);
    f = plan(&wide, &track, 1, NULL, 0, 10, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    check_promises(&wide, &f);
    assert_true(f.keys[0].panes[0].height < 0.8 * 1080);
    double down = (0.5 * 1080 - f.keys[0].panes[0].y) / f.keys[0].panes[0].height;
    assert_true(down > 0.3 && down < 0.5); /* eyes in the upper half, some room above */
}

static void sound_without_pictures_has_no_framing(void **state)
{
    (void)state;
    const struct kn_source sound = {.has_audio = true};
    struct kn_framing f = plan(&sound, NULL, 0, NULL, 0, 10, KN_ASPECT_9_16, KN_LAYOUT_AUTO);
    assert_int_equal(f.key_count, 0);
}

static int begin(void **state)
{
    (void)state;
    arena = kn_arena_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    kn_arena_free(arena);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_still_speaker_has_a_still_camera, begin, end),
        cmocka_unit_test_setup_teardown(a_walking_speaker_is_followed, begin, end),
        cmocka_unit_test_setup_teardown(the_camera_keeps_its_promises_whatever_moves, begin, end),
        cmocka_unit_test_setup_teardown(swaying_does_not_make_the_crop_hunt, begin, end),
        cmocka_unit_test_setup_teardown(the_crop_cuts_to_who_speaks, begin, end),
        cmocka_unit_test_setup_teardown(quick_talk_between_two_is_split, begin, end),
        cmocka_unit_test_setup_teardown(people_who_fit_are_shown_together, begin, end),
        cmocka_unit_test_setup_teardown(groups_too_wide_for_the_crop_are_shown_whole, begin, end),
        cmocka_unit_test_setup_teardown(the_crop_s_edge_spares_faces, begin, end),
        cmocka_unit_test_setup_teardown(slides_are_fitted_and_small_faces_come_closer, begin, end),
        cmocka_unit_test_setup_teardown(sound_without_pictures_has_no_framing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
