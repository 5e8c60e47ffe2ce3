#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "analyze/tracks.h"
#include "base/memory.h"

#define S INT64_C(1000000)
enum { FRAME_US = 66667, SEARCH_EVERY = 6, ACTORS_MAX = 4, CUTS_MAX = 4 };

/* ---- a made-up film ---- */

struct actor {
    double x, y, width;    /* centre of the face; heights are 16/9 of widths */
    double speed;          /* to the right, shares of the picture a second */
    double sway;           /* to and fro, in widths of the face */
    double from, to;       /* seconds during which the actor is there */
    double hidden, shown;  /* between these the finder does not see the face */
    double speaks, silent; /* between these the mouth moves */
    bool seen_once;        /* by the first search alone: what looks like a face by chance */
};

struct film {
    int actor_count, cut_count;
    struct actor actors[ACTORS_MAX];
    double cuts[CUTS_MAX], seconds;
    bool cuts_unnoticed; /* until the end */
};

static struct kn_arena *arena;
static const struct kn_face_track *tracks;
static int track_count;
static bool last_expected; /* what the last search said */

static double centre_x(const struct actor *actor, double t)
{
    return actor->x + actor->speed * (t - actor->from) + actor->sway * actor->width * sin(5 * t);
}

static double height(const struct actor *actor)
{
    return actor->width * 16 / 9;
}

static int grain(int x, int y)
{
    uint32_t hash = (uint32_t)x * 73856093u ^ (uint32_t)y * 19349663u;
    hash = (hash ^ hash >> 13) * 0x5bd1e995u;
    return (int)((hash ^ hash >> 15) & 63);
}

/* Brows, eyes and a nose that stay, and a mouth that opens and closes. */
static int face_luma(const struct actor *actor, double x, double y, double t)
{
    bool speaks = t >= actor->speaks && t < actor->silent;
    double open = speaks ? 0.08 + 0.08 * sin(t * 25) : 0.02;
    if (fabs(x - 0.5) < 0.2 && fabs(y - 0.8) < open)
        return 30;
    bool eye = hypot(fabs(x - 0.5) - 0.22, (y - 0.35) * 1.5) < 0.1;
    bool brow = fabs(fabs(x - 0.5) - 0.22) < 0.15 && fabs(y - 0.18) < 0.04;
    return eye || brow ? 50 : 170 + (int)(30 * sin(9 * x + 4 * y));
}

static int luma_at(const struct film *film, double x, double y, double t)
{
    for (int i = 0; i < film->actor_count; i++) {
        const struct actor *actor = &film->actors[i];
        double u = (x - centre_x(actor, t)) / actor->width + 0.5;
        double v = (y - actor->y) / height(actor) + 0.5;
        if (t >= actor->from && t < actor->to && u >= 0 && u < 1 && v >= 0 && v < 1)
            return face_luma(actor, u, v, t);
    }
    return 80 + grain((int)(x * 160), (int)(y * 90));
}

static struct kn_luma patch_of(const struct film *film, struct kn_area area, double t)
{
    static uint8_t patch[KN_PATCH_PX * KN_PATCH_PX];
    for (int j = 0; j < KN_PATCH_PX; j++)
        for (int i = 0; i < KN_PATCH_PX; i++)
            patch[j * KN_PATCH_PX + i] = (uint8_t)luma_at(
                film, (double)area.x + (i + 0.5) / KN_PATCH_PX * (double)area.width,
                (double)area.y + (j + 0.5) / KN_PATCH_PX * (double)area.height, t);
    return (struct kn_luma){patch, KN_PATCH_PX, KN_PATCH_PX, KN_PATCH_PX};
}

static int find(const struct film *film, double t, int searches, struct kn_face *ret_faces)
{
    int count = 0;
    for (int i = 0; i < film->actor_count; i++) {
        const struct actor *actor = &film->actors[i];
        bool there = t >= actor->from && t < actor->to && !(t >= actor->hidden && t < actor->shown);
        if (!there || (actor->seen_once && searches > 1))
            continue;
        double x = centre_x(actor, t);
        ret_faces[count++] = (struct kn_face){.x = (float)(x - actor->width / 2),
                                              .y = (float)(actor->y - height(actor) / 2),
                                              .width = (float)actor->width,
                                              .height = (float)height(actor),
                                              .mouth_x = (float)x,
                                              .mouth_y = (float)(actor->y + 0.3 * height(actor)),
                                              .score = 0.9f};
    }
    return count;
}

/* As the close look does: cuts break, every picture is followed, some are searched. */
static void watch(const struct film *film)
{
    struct kn_tracker *tracker = kn_tracker_new();
    int cut = 0, searches = 0, since = SEARCH_EVERY;
    for (int n = 0; n * FRAME_US < film->seconds * 1e6; n++) {
        int64_t at_us = (int64_t)n * FRAME_US;
        double t = (double)at_us / 1e6;
        bool changed = cut < film->cut_count && t >= film->cuts[cut];
        cut += changed;
        changed &= !film->cuts_unnoticed;
        if (changed)
            kn_tracker_break(tracker);
        for (int i = 0; i < kn_tracker_count(tracker); i++) {
            struct kn_luma patch = patch_of(film, kn_tracker_area(tracker, i), t);
            kn_tracker_follow(tracker, i, at_us, &patch);
        }
        if (changed || ++since >= SEARCH_EVERY) {
            struct kn_face faces[ACTORS_MAX];
            int count = find(film, t, ++searches, faces);
            last_expected = kn_tracker_found(tracker, at_us, faces, count);
            since = 0;
        }
    }
    int64_t cuts_us[CUTS_MAX];
    for (int i = 0; i < film->cut_count; i++)
        cuts_us[i] = (int64_t)llround(film->cuts[i] * 1e6);
    const struct kn_track_span span = {
        .end_us = (int64_t)(film->seconds * 1e6), .cut_count = film->cut_count, .cuts_us = cuts_us};
    track_count = kn_tracker_end(tracker, &span, arena, &tracks);
    kn_tracker_free(tracker);
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

/* The farthest that a track is from its actor, in widths of the face. */
static double worst_error(const struct kn_face_track *track, const struct actor *actor)
{
    double worst = 0;
    for (int i = 0; i < track->sample_count; i++) {
        const struct kn_track_sample *sample = &track->samples[i];
        double x = (double)(sample->x + sample->width / 2);
        double y = (double)(sample->y + sample->height / 2);
        double dx = x - centre_x(actor, (double)sample->at_us / 1e6);
        worst = fmax(worst, hypot(dx / actor->width, (y - actor->y) / height(actor)));
        if (i > 0)
            assert_true(sample->at_us > track->samples[i - 1].at_us);
    }
    return worst;
}

static double mean_mouth(const struct kn_face_track *track, double from, double to)
{
    double sum = 0;
    int count = 0;
    for (int i = 0; i < track->sample_count; i++) {
        double t = (double)track->samples[i].at_us / 1e6;
        if (t < from || t >= to)
            continue;
        sum += (double)track->samples[i].mouth;
        count++;
    }
    assert_true(count > 0);
    return sum / count;
}

static const struct actor sitting = {.x = 0.4, .y = 0.4, .width = 0.1, .to = 100};

static void nobody_gives_no_track(void **state)
{
    (void)state;
    const struct film film = {.seconds = 3};
    watch(&film);
    assert_int_equal(track_count, 0);
    assert_true(last_expected);
}

static void somebody_who_sits_is_one_track_that_stands(void **state)
{
    (void)state;
    const struct film film = {.actor_count = 1, .actors = {sitting}, .seconds = 6};
    watch(&film);
    assert_int_equal(track_count, 1);
    assert_int_equal(tracks[0].start_us, 0);
    assert_int_equal(tracks[0].end_us, 6 * S);
    assert_true(worst_error(&tracks[0], &sitting) < 0.01);
    assert_true(tracks[0].sample_count > 80); /* dense enough to see a mouth move */
    assert_true(last_expected);
}

static void somebody_who_walks_is_followed_between_searches(void **state)
{
    (void)state;
    struct film film = {.actor_count = 1, .actors = {sitting}, .seconds = 5};
    film.actors[0].x = 0.2;
    film.actors[0].speed = 0.1;
    watch(&film);
    assert_int_equal(track_count, 1);
    assert_true(worst_error(&tracks[0], &film.actors[0]) < 0.08);
}

/* To and fro faster than searches follow each other. */
static void somebody_who_sways_is_followed_between_searches(void **state)
{
    (void)state;
    struct film film = {.actor_count = 1, .actors = {sitting}, .seconds = 5};
    film.actors[0].sway = 0.3;
    watch(&film);
    assert_int_equal(track_count, 1);
    assert_true(worst_error(&tracks[0], &film.actors[0]) < 0.1);
}

static void mouths_move_while_they_speak(void **state)
{
    (void)state;
    struct film film = {.actor_count = 2, .actors = {sitting, sitting}, .seconds = 8};
    film.actors[0].speaks = 1;
    film.actors[0].silent = 4;
    film.actors[1].x = 0.7;
    film.actors[1].speaks = 4;
    film.actors[1].silent = 8;
    film.actors[1].sway = 0.25; /* moving about is no speaking */
    watch(&film);
    assert_int_equal(track_count, 2);
    int left = tracks[0].samples[0].x < tracks[1].samples[0].x ? 0 : 1;
    double left_first = mean_mouth(&tracks[left], 1.2, 3.8);
    double left_then = mean_mouth(&tracks[left], 4.2, 7.8);
    double right_first = mean_mouth(&tracks[1 - left], 1.2, 3.8);
    double right_then = mean_mouth(&tracks[1 - left], 4.2, 7.8);
    if (left_first < 3 * left_then || right_then < 3 * right_first || left_first < 10 * right_first)
        fail_msg("left %.3f then %.3f, right %.3f then %.3f", left_first, left_then, right_first,
                 right_then);
}

static void nobody_is_followed_across_a_cut(void **state)
{
    (void)state;
    struct film film = {.actor_count = 2,
                        .actors = {sitting, sitting},
                        .cut_count = 1,
                        .cuts = {2.5},
                        .seconds = 5};
    film.actors[0].to = film.actors[1].from = 2.5;
    film.actors[1].x = 0.43; /* where the other one was */
    watch(&film);
    assert_int_equal(track_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tracks[i].start_us, i ? 2500000 : 0);
        assert_int_equal(tracks[i].end_us, i ? 5 * S : 2500000);
        assert_true(worst_error(&tracks[i], &film.actors[i]) < 0.02);
    }
    film.cuts_unnoticed = true; /* while pictures came; known in the end */
    watch(&film);
    assert_int_equal(track_count, 2);
    assert_int_equal(tracks[0].end_us, 2500000);
    assert_int_equal(tracks[1].start_us, 2500000);
}

static void a_face_that_turns_away_for_a_moment_is_the_same(void **state)
{
    (void)state;
    struct film film = {.actor_count = 1, .actors = {sitting}, .seconds = 8};
    film.actors[0].hidden = 3;
    film.actors[0].shown = 4.2;
    watch(&film);
    assert_int_equal(track_count, 1);
    film.actors[0].shown = 6.5; /* too long to be sure */
    watch(&film);
    assert_int_equal(track_count, 2);
    assert_in_range(tracks[0].end_us, 2600000, 3100000);
    assert_in_range(tracks[1].start_us, 6400000, 7000000);
}

static void chance_finds_are_no_tracks(void **state)
{
    (void)state;
    struct film film = {.actor_count = 2, .actors = {sitting, sitting}, .seconds = 4};
    film.actors[1].x = 0.8;
    film.actors[1].seen_once = true;
    watch(&film);
    assert_int_equal(track_count, 1);
    assert_true(worst_error(&tracks[0], &film.actors[0]) < 0.02);
}

static void people_who_pass_each_other_keep_their_tracks(void **state)
{
    (void)state;
    struct film film = {.actor_count = 2, .actors = {sitting, sitting}, .seconds = 6};
    film.actors[0].x = 0.2;
    film.actors[0].y = 0.35;
    film.actors[0].speed = 0.1;
    film.actors[1].x = 0.8;
    film.actors[1].y = 0.65;
    film.actors[1].speed = -0.1;
    watch(&film);
    assert_int_equal(track_count, 2);
    int first = tracks[0].samples[0].x < 0.5f ? 0 : 1;
    assert_true(worst_error(&tracks[first], &film.actors[0]) < 0.15);
    assert_true(worst_error(&tracks[1 - first], &film.actors[1]) < 0.15);
}

static void a_search_says_whether_it_found_what_was_expected(void **state)
{
    (void)state;
    struct kn_tracker *tracker = kn_tracker_new();
    struct kn_face face = {.x = 0.4f, .y = 0.3f, .width = 0.1f, .height = 0.18f, .score = 0.9f};
    assert_false(kn_tracker_found(tracker, 0, &face, 1)); /* came */
    assert_true(kn_tracker_found(tracker, S, &face, 1));
    face.x += 0.07f;
    assert_false(kn_tracker_found(tracker, 2 * S, &face, 1)); /* moved */
    assert_true(kn_tracker_found(tracker, 3 * S, &face, 1));
    assert_false(kn_tracker_found(tracker, 4 * S, NULL, 0)); /* went */
    kn_tracker_free(tracker);
    kn_tracker_free(NULL);
}

static void more_faces_than_can_be_followed_do_no_harm(void **state)
{
    (void)state;
    struct kn_tracker *tracker = kn_tracker_new();
    struct kn_face faces[40];
    for (int i = 0; i < 40; i++)
        faces[i] = (struct kn_face){.x = (float)(i % 8) / 8,
                                    .y = (float)(i / 8) / 5,
                                    .width = 0.05f,
                                    .height = 0.08f,
                                    .score = 0.9f};
    for (int n = 0; n < 3; n++)
        (void)kn_tracker_found(tracker, n * S / 2, faces, 40);
    assert_int_equal(kn_tracker_count(tracker), KN_TRACKS_AT_ONCE_MAX);
    for (int i = 0; i < KN_TRACKS_AT_ONCE_MAX; i++) {
        struct kn_area area = kn_tracker_area(tracker, i);
        assert_true(area.x >= 0 && area.y >= 0 && area.x + area.width <= 1.001f);
    }
    kn_tracker_free(tracker);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(nobody_gives_no_track),
        TEST(somebody_who_sits_is_one_track_that_stands),
        TEST(somebody_who_walks_is_followed_between_searches),
        TEST(somebody_who_sways_is_followed_between_searches),
        TEST(mouths_move_while_they_speak),
        TEST(nobody_is_followed_across_a_cut),
        TEST(a_face_that_turns_away_for_a_moment_is_the_same),
        TEST(chance_finds_are_no_tracks),
        TEST(people_who_pass_each_other_keep_their_tracks),
        TEST(a_search_says_whether_it_found_what_was_expected),
        TEST(more_faces_than_can_be_followed_do_no_harm),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
