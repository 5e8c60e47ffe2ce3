/* The close look, against a reference that decodes every picture completely. */
#include "look_support.h"

#include <kirinuki/cancel.h>

#include "analyze/dissolves.h"
#include "analyze/shots.h"
#include "media/video_reader.h"

KN_VEC_TYPE(moments, struct kn_moment);
KN_VEC_TYPE(times, int64_t);

/* Cuts in (start, end) from all pictures, none of their filters left out. */
static struct times reference_cuts(const struct kn_source *source, int64_t start_us, int64_t end_us)
{
    struct kn_video_options options = {
        .start_us = start_us, .end_us = end_us, .pixels = KN_PIXELS_GRAY8};
    kn_look_size(source->width_px, source->height_px, &options.width_px, &options.height_px);
    KN_SCOPED(kn_video_reader) reader = NULL;
    assert_int_equal(kn_video_reader_open(source, &options, &reader, NULL), KN_OK);
    struct moments moments = {0};
    struct kn_picture picture = {0};
    while (kn_video_reader_read(reader, &picture, NULL) == KN_OK) {
        const struct kn_luma luma = {picture.planes[0], picture.strides[0], picture.width_px,
                                     picture.height_px};
        struct kn_moment moment = {.at_us = picture.at_us};
        kn_gist_measure(&luma, &moment.gist);
        kn_vec_push(&moments, moment);
        kn_picture_clear(&picture);
    }
    struct kn_arena *arena = kn_arena_new();
    const struct kn_cut *cuts, *dissolves;
    int count = kn_cuts_find(moments.at, moments.count, arena, &cuts);
    int more = kn_dissolves_find(moments.at, moments.count, cuts, count, arena, &dissolves);
    struct times times = {0};
    for (int c = 0, d = 0; c + d < count + more;) {
        bool cut_first = d == more || (c < count && cuts[c].at_us < dissolves[d].at_us);
        int64_t at_us = cut_first ? cuts[c++].at_us : dissolves[d++].at_us;
        if (at_us > start_us && at_us < end_us)
            kn_vec_push(&times, at_us);
    }
    kn_arena_free(arena);
    kn_vec_free(&moments);
    return times;
}

static const char *list_of(struct kn_arena *arena, const int64_t *times_us, int count)
{
    KN_SCOPED_STR text = {0};
    for (int i = 0; i < count; i++)
        kn_str_printf(&text, " %.3f", (double)times_us[i] / 1e6);
    return kn_arena_strdup(arena, kn_str_text(&text));
}

/* Returns how many cuts there are. */
static int expect_exact_cuts(struct kn_arena *arena, const struct kn_source *source,
                             int64_t start_us, int64_t end_us, const char *what)
{
    struct looking l = {
        .source = *source, .arena = arena, .closely = true, .start_us = start_us, .end_us = end_us};
    look_well(&l);
    struct times reference = reference_cuts(source, start_us, end_us);
    int count = l.closeup.cut_count;
    bool same = count == reference.count;
    for (int i = 0; i < count && same; i++)
        same = l.closeup.cuts_us[i] == reference.at[i];
    if (!same)
        fail_msg("%s from %.1f s: cuts at%s, and all pictures say%s", what, (double)start_us / 1e6,
                 list_of(arena, l.closeup.cuts_us, count),
                 list_of(arena, reference.at, reference.count));
    kn_vec_free(&reference);
    return count;
}

static const int lengths[] = {37, 22, 51, 18, 33, 46, 29, 61, 24, 40, 35, 28};
enum { SHOTS = KN_COUNT_OF(lengths) };

static void cuts_are_exact_on_every_kind_of_picture(void **state)
{
    (void)state;
    static const int rates[] = {25, 30, 60};
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    for (size_t i = 0; i < KN_COUNT_OF(rates); i++) {
        const char *path = kn_arena_printf(arena, "%s/%d.mp4", folder, rates[i]);
        make_shots(path, rates[i], lengths, SHOTS, "");
        struct kn_source source = probed(arena, path);
        const char *what = kn_arena_printf(arena, "%d pictures a second", rates[i]);
        int count = expect_exact_cuts(arena, &source, 0, source.duration_us, what);
        assert_int_equal(count, SHOTS - 1);
        /* And where the lengths say. */
        struct times reference = reference_cuts(&source, 0, source.duration_us);
        int64_t pictures = 0;
        for (int k = 0; k + 1 < SHOTS; k++) {
            pictures += lengths[k];
            assert_int_equal((reference.at[k] * rates[i] + 500000) / 1000000, pictures);
        }
        kn_vec_free(&reference);
        /* Beginning anywhere, on no key frame. */
        expect_exact_cuts(arena, &source, 1100 * 1000, source.duration_us - 777 * 1000, what);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void cuts_are_exact_at_variable_rates(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "variable.mp4");
    make_shots(
        path, 30, lengths, SHOTS,
        ",select=not(eq(mod(n\\,7)\\,3))*not(eq(mod(n\\,11)\\,5))*not(between(n\\,90\\,96))");
    struct kn_source source = probed(arena, path);
    int count = expect_exact_cuts(arena, &source, 0, source.duration_us, "variable rate");
    assert_int_equal(count, SHOTS - 1);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* Flashes are no cuts, cuts in fast motion are, and what is left out must not change that. */
static void cuts_are_exact_in_restless_films(void **state)
{
    (void)state;
    static const struct {
        const char *name, *filter;
    } cases[] = {
        {"flashes", ",drawbox=c=white:t=fill:enable=lt(mod(n\\,43)\\,2)"},
        {"fast", ",crop=240:136:40+40*sin(n/3):22+22*cos(n/2),scale=320:180"},
    };
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *path = kn_arena_printf(arena, "%s/%s.mp4", folder, cases[i].name);
        make_shots(path, 30, lengths, SHOTS, cases[i].filter);
        struct kn_source source = probed(arena, path);
        int count = expect_exact_cuts(arena, &source, 0, source.duration_us, cases[i].name);
        assert_in_range(count, SHOTS / 2, SHOTS + 3);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void cuts_are_exact_in_real_films(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int from_s, to_s;
    } cases[] = {
        {"google_paris_office.mp4", 0, 17},
        {"google_paris_office.mp4", 17, 35}, /* one right after a fast turn of the camera */
        {"bbb_nospeech_117s.mp4", 5, 35},
        {"bbb_nospeech_117s.mp4", 60, 90},
    };
    struct kn_arena *arena = kn_arena_new();
    int count = 0;
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_source source = probed(arena, corpus_file(arena, cases[i].name));
        count += expect_exact_cuts(arena, &source, cases[i].from_s * INT64_C(1000000),
                                   cases[i].to_s * INT64_C(1000000), cases[i].name);
    }
    assert_true(count >= 10);
    kn_arena_free(arena);
}

static void shots_fill_the_span_between_cuts(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "shots.mp4");
    make_shots(path, 25, (int[]){50, 50, 50}, 3, "");
    struct looking l = {.source = probed(arena, path),
                        .arena = arena,
                        .closely = true,
                        .start_us = 1000000,
                        .end_us = 5000000};
    look_well(&l);
    assert_int_equal(l.closeup.start_us, 1000000);
    assert_int_equal(l.closeup.end_us, 5000000);
    assert_int_equal(l.closeup.shot_count, 3);
    int64_t at_us = 1000000;
    for (int i = 0; i < 3; i++) {
        const struct kn_shot *shot = &l.closeup.shots[i];
        assert_int_equal(shot->start_us, at_us);
        assert_int_equal(shot->slack_us, 0);
        at_us = i < 2 ? l.closeup.cuts_us[i] : 5000000;
        assert_int_equal(shot->end_us, at_us);
        assert_true(shot->brightness > 0.1f && shot->sharpness > 0);
        assert_true(shot->faces <= 0);
    }
    assert_int_equal(l.closeup.track_count, 0);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void sound_alone_gives_an_empty_closeup(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct looking l = {.arena = arena, .closely = true, .start_us = 5, .end_us = 10};
    look_well(&l);
    assert_int_equal(l.closeup.start_us, 5);
    assert_int_equal(l.closeup.end_us, 10);
    assert_int_equal(l.closeup.cut_count + l.closeup.shot_count + l.closeup.track_count, 0);
    kn_arena_free(arena);
}

static void a_cancelled_look_ends_as_cancelled(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct looking l = {.source = probed(arena, corpus_file(arena, "google_paris_office.mp4")),
                        .arena = arena,
                        .closely = true,
                        .end_us = 30000000};
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    struct kn_error err = {0};
    assert_int_equal(look(&l, cancel, &err), KN_CANCELLED);
    kn_cancel_free(cancel);
    kn_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_are_exact_on_every_kind_of_picture),
        cmocka_unit_test(cuts_are_exact_at_variable_rates),
        cmocka_unit_test(cuts_are_exact_in_restless_films),
        cmocka_unit_test(cuts_are_exact_in_real_films),
        cmocka_unit_test(shots_fill_the_span_between_cuts),
        cmocka_unit_test(sound_alone_gives_an_empty_closeup),
        cmocka_unit_test(a_cancelled_look_ends_as_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
