#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "analyze/dissolves.h"
#include "analyze/shots.h"
#include "base/memory.h"

#define S  INT64_C(1000000)
#define MS INT64_C(1000)
enum { MAX = 400, FRAME_US = 40 * 1000 };

static struct kn_arena *arena;

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

/* ---- made-up pictures ---- */

/* Scenes are waves over the picture; scenes of different numbers look different, and `moved` cells
 * further the same scene is seen from elsewhere. */
static struct kn_gist gist_of(int scene, double moved)
{
    static const double waves[][3] = {
        {0.55, 0.2, 0}, {0.1, 0.7, 1}, {-0.5, 0.5, 2.4}, {0.9, -0.1, 4}, {0.3, 0.9, 5.2}};
    const double *wave = waves[scene % 5];
    struct kn_gist gist = {0};
    for (int y = 0; y < KN_GIST_CELLS; y++)
        for (int x = 0; x < KN_GIST_CELLS; x++) {
            double value = 125 + 120 * tanh(3 * sin(wave[0] * (x + moved) + wave[1] * y + wave[2]));
            gist.cells[y * KN_GIST_CELLS + x] = (uint8_t)lround(value);
            gist.levels[(int)value / 8]++;
        }
    return gist;
}

static struct kn_gist even_gist(int luma)
{
    struct kn_gist gist = {0};
    memset(gist.cells, luma, sizeof gist.cells);
    gist.levels[luma / 8] = 255;
    return gist;
}

static struct kn_gist mixed(const struct kn_gist *a, const struct kn_gist *b, double share)
{
    struct kn_gist gist;
    for (int i = 0; i < KN_GIST_CELLS * KN_GIST_CELLS; i++)
        gist.cells[i] = (uint8_t)lround(a->cells[i] * (1 - share) + b->cells[i] * share);
    for (int i = 0; i < KN_GIST_LEVELS; i++)
        gist.levels[i] = (uint8_t)lround(a->levels[i] * (1 - share) + b->levels[i] * share);
    return gist;
}

/* ---- cuts in runs of neighbouring pictures ---- */

struct run {
    int count;
    struct kn_moment at[MAX];
};

static struct run run;

static void show(struct kn_gist gist)
{
    int64_t at_us = run.count ? run.at[run.count - 1].at_us + FRAME_US : 0;
    run.at[run.count++] = (struct kn_moment){at_us, gist};
}

static void show_scene(int scene, int pictures)
{
    for (int i = 0; i < pictures; i++)
        show(gist_of(scene, 0.02 * i));
}

static void expect_cuts(const int *pictures, int count)
{
    const struct kn_cut *cuts;
    int found = kn_cuts_find(run.at, run.count, arena, &cuts);
    for (int i = 0; i < found; i++)
        if (i >= count || cuts[i].at_us != run.at[pictures[i]].at_us ||
            cuts[i].before_us != run.at[pictures[i] - 1].at_us)
            fail_msg("cut %d is at %.2f s", i, (double)cuts[i].at_us / 1e6);
    assert_int_equal(found, count);
}

static void cuts_are_at_the_first_new_picture(void **state)
{
    (void)state;
    run.count = 0;
    show_scene(0, 30);
    show_scene(1, 14);
    show_scene(2, 6); /* a quarter of a second */
    show_scene(3, 30);
    expect_cuts((int[]){30, 44, 50}, 3);
}

static void the_scenes_differ_as_real_ones_do(void **state)
{
    (void)state;
    for (int a = 0; a < 5; a++)
        for (int b = 0; b < 5; b++) {
            struct kn_gist first = gist_of(a, 0), second = gist_of(b, 0);
            float difference = kn_gist_difference(&first, &second);
            assert_true(a == b ? difference < 0.01f : difference > 0.33f);
        }
}

static void few_pictures_are_enough_at_the_ends(void **state)
{
    (void)state;
    run.count = 0;
    show_scene(0, 1);
    expect_cuts(NULL, 0);
    show_scene(1, 20);
    show_scene(2, 1);
    expect_cuts((int[]){1, 21}, 2);
    run.count = 0;
    expect_cuts(NULL, 0);
}

static void a_flash_is_no_cut(void **state)
{
    (void)state;
    for (int length = 1; length <= 5; length++) {
        run.count = 0;
        show_scene(0, 30);
        for (int i = 0; i < length; i++)
            show(even_gist(250));
        for (int i = 0; i < 30; i++)
            show(gist_of(0, 0.02 * (30 + length + i)));
        expect_cuts(NULL, 0);
    }
}

static void a_flash_on_a_cut_leaves_the_cut(void **state)
{
    (void)state;
    run.count = 0;
    show_scene(0, 30);
    show(even_gist(250));
    show_scene(1, 30);
    expect_cuts((int[]){30}, 1);
}

static void a_blended_picture_belongs_to_the_new_shot(void **state)
{
    (void)state;
    run.count = 0;
    struct kn_gist from = gist_of(0, 0.02 * 30), to = gist_of(1, 0), blend = mixed(&from, &to, 0.5);
    show_scene(0, 30);
    show(blend);
    show_scene(1, 30);
    expect_cuts((int[]){30}, 1);
}

static void expect_doubt(int from, int to)
{
    const struct kn_doubt *doubts;
    assert_int_equal(kn_cuts_doubt(run.at, run.count, arena, &doubts), 1);
    assert_int_equal(doubts[0].from_us, run.at[from].at_us);
    assert_int_equal(doubts[0].to_us, run.at[to].at_us);
}

static void doubts_are_where_left_out_pictures_matter(void **state)
{
    (void)state;
    const struct kn_doubt *doubts;
    run.count = 0;
    assert_int_equal(kn_cuts_doubt(run.at, run.count, arena, &doubts), 0);
    show_scene(0, 30);
    assert_int_equal(kn_cuts_doubt(run.at, run.count, arena, &doubts), 0);
    show_scene(1, 30); /* a plain cut: only where exactly */
    expect_doubt(29, 30);
    run.count = 0;
    show_scene(0, 20); /* fast motion: a cut may hide in it */
    for (int i = 1; i <= 12; i++)
        show(gist_of(0, 3.2 * i));
    for (int i = 0; i < 20; i++)
        show(gist_of(0, 3.2 * 12));
    expect_doubt(20 - 1 - 4, 31 + 4);
}

static void a_fast_turn_of_the_camera_is_no_cut(void **state)
{
    (void)state;
    run.count = 0;
    show_scene(0, 20);
    for (int i = 1; i <= 12; i++)
        show(gist_of(0, 3.2 * i));
    float change = kn_gist_difference(&run.at[25].gist, &run.at[26].gist);
    assert_true(change > KN_CUT_DIFFERENCE_MIN); /* as much as across many a cut */
    for (int i = 0; i < 20; i++)
        show(gist_of(0, 3.2 * 12));
    expect_cuts(NULL, 0);
}

static void a_dissolve_is_no_cut(void **state)
{
    (void)state;
    run.count = 0;
    struct kn_gist from = gist_of(0, 0.02 * 30), to = gist_of(1, 0);
    show_scene(0, 30);
    for (int i = 1; i < 15; i++)
        show(mixed(&from, &to, i / 15.0));
    show_scene(1, 30);
    expect_cuts(NULL, 0);
}

/* -1: none */
static void expect_dissolve(int picture, int slack)
{
    const struct kn_cut *cuts, *dissolves;
    int cut_count = kn_cuts_find(run.at, run.count, arena, &cuts);
    int found = kn_dissolves_find(run.at, run.count, cuts, cut_count, arena, &dissolves);
    assert_int_equal(found, picture >= 0);
    if (found && llabs(dissolves[0].at_us - run.at[picture].at_us) > slack * FRAME_US)
        fail_msg("it is at %.2f s", (double)dissolves[0].at_us / 1e6);
}

static void a_dissolve_is_found_at_its_middle(void **state)
{
    (void)state;
    struct kn_gist from = gist_of(0, 0.02 * 30), to = gist_of(1, 0);
    for (int pictures = 12; pictures <= 36; pictures += 12) {
        run.count = 0;
        show_scene(0, 30);
        for (int i = 1; i < pictures; i++)
            show(mixed(&from, &to, (double)i / pictures));
        show_scene(1, 30);
        expect_dissolve(30 + pictures / 2 - 1, 1);
    }
}

static void a_wipe_is_found_as_well(void **state)
{
    (void)state;
    struct kn_gist from = gist_of(0, 0.02 * 30), to = gist_of(1, 0);
    run.count = 0;
    show_scene(0, 30);
    for (int i = 1; i < KN_GIST_CELLS; i++) {
        struct kn_gist part = from;
        memcpy(part.cells, to.cells, (size_t)i * KN_GIST_CELLS); /* row by row from the top */
        show(part);
    }
    show_scene(1, 30);
    expect_dissolve(30 + KN_GIST_CELLS / 2 - 1, 4);
}

static void what_moves_is_no_dissolve(void **state)
{
    (void)state;
    run.count = 0; /* a turn of the camera that begins and ends in rest */
    show_scene(0, 20);
    for (int i = 1; i <= 20; i++)
        show(gist_of(0, 1.6 * i));
    for (int i = 0; i < 20; i++)
        show(gist_of(0, 1.6 * 20));
    expect_dissolve(-1, 0);
    run.count = 0; /* and one that goes on */
    for (int i = 0; i < 60; i++)
        show(gist_of(2, 0.5 * i));
    expect_dissolve(-1, 0);
    run.count = 0; /* something dark that fills a third of the picture leaves it */
    for (int i = 0; i < 60; i++) {
        struct kn_gist gist = gist_of(0, 0);
        int rows = KN_CLAMP(5 - (i - 20) / 3, 0, 5);
        memset(gist.cells, 5, (size_t)rows * KN_GIST_CELLS);
        show(gist);
    }
    expect_dissolve(-1, 0);
}

static void a_cut_is_not_a_dissolve_too(void **state)
{
    (void)state;
    run.count = 0;
    show_scene(0, 30);
    show_scene(1, 30);
    expect_dissolve(-1, 0);
}

static void a_cut_beside_motion_is_one(void **state)
{
    (void)state;
    run.count = 0;
    show_scene(3, 20);
    for (int i = 0; i < 20; i++)
        show(gist_of(1, 1.4 * i));
    expect_cuts((int[]){20}, 1);
}

/* ---- shots from sparse looks ---- */

struct sparse {
    int count, hint_count, face_count;
    struct kn_glance at[MAX];
    struct kn_cut_hint hints[MAX];
    struct kn_face_sample faces[MAX];
};

static struct sparse sparse;

static const struct kn_look lively = {
    .brightness = 0.4f, .sharpness = 0.5f, .motion = 0.15f, .edges = 0.06f, .flat = 0.2f};
static const struct kn_look drawn = {
    .brightness = 0.8f, .sharpness = 0.6f, .motion = 0.0f, .edges = 0.05f, .flat = 0.7f};

static struct kn_glance *glance(int64_t at_us, struct kn_look look, struct kn_gist gist)
{
    look.at_us = at_us;
    sparse.at[sparse.count] = (struct kn_glance){.look = look, .gist = gist};
    return &sparse.at[sparse.count++];
}

static void hint(int64_t at_us, float strength)
{
    sparse.hints[sparse.hint_count++] = (struct kn_cut_hint){at_us, 80 * MS, strength};
}

static struct kn_glances all_glances(void)
{
    return (struct kn_glances){.count = sparse.count,
                               .at = sparse.at,
                               .hint_count = sparse.hint_count,
                               .hints = sparse.hints,
                               .face_sample_count = sparse.face_count,
                               .face_samples = sparse.faces};
}

static void expect_shots(int64_t end_us, const int64_t *starts_us, int count)
{
    struct kn_glances glances = all_glances();
    const struct kn_shot *shots;
    int found;
    kn_shots_find(&glances, 0, end_us, arena, &shots, &found);
    for (int i = 0; i < found; i++) {
        if (i >= count || shots[i].start_us != starts_us[i])
            fail_msg("shot %d of %d begins at %.2f s", i, found, (double)shots[i].start_us / 1e6);
        assert_int_equal(shots[i].end_us, i + 1 < found ? shots[i + 1].start_us : end_us);
        assert_true(shots[i].slack_us >= 0 && shots[i].start_us - shots[i].slack_us >= 0);
    }
    assert_int_equal(found, count);
}

static void clear(void)
{
    memset(&sparse, 0, sizeof sparse);
}

static void nothing_seen_is_one_shot(void **state)
{
    (void)state;
    clear();
    expect_shots(10 * S, (int64_t[]){0}, 1);
    expect_shots(0, NULL, 0);
}

static void looks_that_agree_are_one_shot(void **state)
{
    (void)state;
    clear();
    for (int i = 0; i < 10; i++)
        glance(i * 2 * S, lively, gist_of(0, 0.1 * i));
    hint(7 * S, 2.0f); /* something large, but nothing changed */
    expect_shots(20 * S, (int64_t[]){0}, 1);
}

static void an_irregular_key_frame_and_another_look_are_a_cut(void **state)
{
    (void)state;
    clear();
    glance(0, lively, gist_of(0, 0));
    glance(2 * S, lively, gist_of(0, 0));
    struct kn_glance *new = glance(3300 * MS, lively, gist_of(1, 0));
    new->irregular = true;
    new->slack_us = 80 * MS;
    glance(5 * S, lively, gist_of(1, 0))->irregular = true; /* but it looks the same */
    expect_shots(8 * S, (int64_t[]){0, 3300 * MS}, 2);
    struct kn_glances glances = all_glances();
    const struct kn_shot *shots;
    int count;
    kn_shots_find(&glances, 0, 8 * S, arena, &shots, &count);
    assert_int_equal(shots[1].slack_us, 80 * MS);
}

static void hints_say_where_looks_differ(void **state)
{
    (void)state;
    clear();
    glance(0, lively, gist_of(0, 0));
    glance(2 * S, lively, gist_of(1, 0));
    glance(4 * S, lively, gist_of(2, 0));
    hint(500 * MS, 1.6f);
    hint(1400 * MS, 2.0f); /* the strongest between the first two */
    hint(3 * S, 3.0f);
    expect_shots(6 * S, (int64_t[]){0, 1400 * MS, 3 * S}, 3);
}

static void without_a_hint_the_place_stays_open(void **state)
{
    (void)state;
    clear();
    glance(0, lively, even_gist(20));
    glance(2 * S, lively, even_gist(240));
    struct kn_glances glances = all_glances();
    const struct kn_shot *shots;
    int count;
    kn_shots_find(&glances, 0, 4 * S, arena, &shots, &count);
    assert_int_equal(count, 2);
    assert_int_equal(shots[1].start_us, 2 * S);
    assert_int_equal(shots[1].slack_us, 2 * S);
}

static void a_shot_between_two_looks_that_agree_takes_two_strong_hints(void **state)
{
    (void)state;
    clear();
    glance(0, lively, gist_of(0, 0));
    glance(4 * S, lively, gist_of(0, 0.1));
    hint(1 * S, 3.0f);
    expect_shots(6 * S, (int64_t[]){0}, 1);
    hint(2500 * MS, 3.0f);
    expect_shots(6 * S, (int64_t[]){0, 1 * S, 2500 * MS}, 3);
}

static void a_picture_that_comes_to_stand_begins_a_shot(void **state)
{
    (void)state;
    clear();
    struct kn_look still = lively;
    still.motion = 0.001f;
    for (int i = 0; i < 4; i++)
        glance(i * 2 * S, lively, gist_of(0, 0.2 * i));
    for (int i = 4; i < 9; i++)
        glance(i * 2 * S, still, gist_of(0, 0.8));
    glance(18 * S, lively, gist_of(0, 1.0));
    expect_shots(20 * S, (int64_t[]){0, 8 * S, 18 * S}, 3);
}

/* ---- kinds ---- */

static const struct kn_face close_face = {.x = 0.4f, .y = 0.2f, .width = 0.2f, .height = 0.35f};
static const struct kn_face inset_face = {.x = 0.85f, .y = 0.8f, .width = 0.08f, .height = 0.12f};

static void face_sample(int64_t at_us, const struct kn_face *face)
{
    sparse.faces[sparse.face_count++] =
        (struct kn_face_sample){.at_us = at_us, .face_count = face != NULL, .faces = face};
}

static enum kn_shot_kind kind_of(int64_t start_us, int64_t end_us)
{
    struct kn_glances glances = all_glances();
    struct kn_shot shot = {.start_us = start_us, .end_us = end_us};
    kn_shot_describe(&shot, &glances);
    return shot.kind;
}

static const struct kn_surface bare = {0.75f, 0.02f}, seen = {0.3f, 0.4f}, plain = {0.7f, 0.22f};

static void expect_kind(const char *what, const struct kn_look *look, struct kn_surface surface,
                        const struct kn_face *face, enum kn_shot_kind kind)
{
    clear();
    for (int i = 0; i < 5; i++) {
        bool moves = look->motion > 0.02f;
        glance(i * 2 * S, *look, gist_of(0, moves ? 0.3 * i : 0))->surface = surface;
        face_sample(i * 2 * S, face);
    }
    enum kn_shot_kind found = kind_of(0, 10 * S);
    if (found != kind)
        fail_msg("%s is taken for %s", what, kn_shot_kind_name(found));
}

static void kinds_are_told_apart(void **state)
{
    (void)state;
    static const struct kn_look dark = {.brightness = 0.01f, .flat = 1};
    struct kn_look still = lively, moving = drawn;
    still.motion = 0;
    moving.motion = 0.3f;
    moving.sharpness = 0.9f;
    expect_kind("an unmoving black", &dark, (struct kn_surface){0}, NULL, KN_SHOT_BLACK);
    expect_kind("a slide", &drawn, bare, NULL, KN_SHOT_SLIDE);
    expect_kind("a slide with a photo", &drawn, plain, NULL, KN_SHOT_SLIDE);
    expect_kind("a slide with its speaker", &drawn, bare, &inset_face, KN_SHOT_SLIDE);
    expect_kind("a photo between bars", &drawn, seen, NULL, KN_SHOT_FROZEN);
    expect_kind("somebody far away", &drawn, seen, &inset_face, KN_SHOT_PEOPLE);
    expect_kind("a person before a plain wall", &drawn, plain, &close_face, KN_SHOT_PEOPLE);
    expect_kind("a person", &lively, seen, &close_face, KN_SHOT_PEOPLE);
    expect_kind("a landscape", &lively, seen, NULL, KN_SHOT_OTHER);
    expect_kind("a photo", &still, seen, NULL, KN_SHOT_FROZEN);
    expect_kind("a cartoon", &moving, plain, NULL, KN_SHOT_OTHER);
    expect_kind("a title on moving colours", &moving, bare, NULL, KN_SHOT_SLIDE);
    expect_kind("a letter that looks like a face", &moving, bare, &close_face, KN_SHOT_SLIDE);
}

static void a_photo_of_a_statue_is_nobody(void **state)
{
    (void)state;
    clear();
    for (int i = 0; i < 2; i++) {
        glance(i * S / 2, drawn, gist_of(0, 0))->surface = seen;
        face_sample(i * S / 2, &inset_face);
    }
    assert_int_equal(kind_of(0, 600 * MS), KN_SHOT_FROZEN);
}

static void measurements_are_means_over_the_shot_alone(void **state)
{
    (void)state;
    clear();
    for (int i = 0; i < 6; i++) {
        struct kn_look look = lively;
        look.brightness = i < 3 ? 0.9f : 0.1f * (float)i;
        glance(i * S, look, gist_of(i < 3, 0));
        face_sample(i * S, i < 3 || i == 4 ? &close_face : NULL);
    }
    struct kn_glances glances = all_glances();
    struct kn_shot shot = {.start_us = 3 * S, .end_us = 6 * S};
    kn_shot_describe(&shot, &glances);
    assert_float_equal(shot.brightness, 0.4, 1e-5);
    assert_float_equal(shot.motion, 0.15, 1e-5);
    assert_float_equal(shot.faces, 1.0 / 3, 1e-5);
    assert_float_equal(shot.face_area, 0.07 / 3, 1e-5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_scenes_differ_as_real_ones_do),
        TEST(cuts_are_at_the_first_new_picture),
        TEST(few_pictures_are_enough_at_the_ends),
        TEST(a_flash_is_no_cut),
        TEST(a_flash_on_a_cut_leaves_the_cut),
        TEST(a_blended_picture_belongs_to_the_new_shot),
        TEST(doubts_are_where_left_out_pictures_matter),
        TEST(a_fast_turn_of_the_camera_is_no_cut),
        TEST(a_dissolve_is_no_cut),
        TEST(a_dissolve_is_found_at_its_middle),
        TEST(a_wipe_is_found_as_well),
        TEST(what_moves_is_no_dissolve),
        TEST(a_cut_is_not_a_dissolve_too),
        TEST(a_cut_beside_motion_is_one),
        TEST(nothing_seen_is_one_shot),
        TEST(looks_that_agree_are_one_shot),
        TEST(an_irregular_key_frame_and_another_look_are_a_cut),
        TEST(hints_say_where_looks_differ),
        TEST(without_a_hint_the_place_stays_open),
        TEST(a_shot_between_two_looks_that_agree_takes_two_strong_hints),
        TEST(a_picture_that_comes_to_stand_begins_a_shot),
        TEST(kinds_are_told_apart),
        TEST(a_photo_of_a_statue_is_nobody),
        TEST(measurements_are_means_over_the_shot_alone),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
