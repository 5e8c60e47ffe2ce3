/* The coarse look at a whole source. */
#include "look_support.h"

#include <kirinuki/cancel.h>

static const int lengths[] = {75, 60, 90, 50, 110, 65};
enum { SHOTS = KN_COUNT_OF(lengths), RATE = 25, KEYS_EVERY = 50 };

static struct kn_seen look_over(struct kn_arena *arena, const char *path)
{
    struct looking l = {.source = probed(arena, path), .arena = arena};
    look_well(&l);
    return l.seen;
}

static const char *make_source(struct kn_arena *arena, const char *folder, int keyint)
{
    const char *shots = kn_path_join(arena, folder, "shots.mp4");
    const char *path = kn_path_join(arena, folder, "x.mp4");
    make_shots(shots, RATE, lengths, SHOTS, "");
    make_media("-i %s -c:v libx264 -preset ultrafast -x264-params "
               "keyint=%d:min-keyint=%d:scenecut=0:bframes=2:b-adapt=0 %s",
               shots, keyint, keyint, path);
    return path;
}

static void check_cover(const struct kn_seen *seen, int64_t duration_us)
{
    assert_true(seen->shot_count > 0);
    assert_int_equal(seen->shots[0].start_us, 0);
    for (int i = 0; i < seen->shot_count; i++) {
        const struct kn_shot *shot = &seen->shots[i];
        int64_t next_us = i + 1 < seen->shot_count ? shot[1].start_us : duration_us;
        assert_int_equal(shot->end_us, next_us);
        assert_true(shot->slack_us >= 0 && shot->slack_us <= shot->start_us);
    }
    for (int i = 1; i < seen->look_count; i++)
        assert_true(seen->looks[i].at_us > seen->looks[i - 1].at_us);
}

/* As many shots as there are, and cuts where sparse looks say that they lie; but for the one into
 * still bars from a picture that is larger each time, where sizes mislead. */
static void check_cuts(const struct kn_seen *seen)
{
    int64_t pictures = 0;
    int found = 0;
    for (int k = 0; k + 1 < SHOTS; k++) {
        pictures += lengths[k];
        int64_t cut_us = pictures * 1000000 / RATE;
        for (int i = 1; i < seen->shot_count; i++) {
            const struct kn_shot *shot = &seen->shots[i];
            found += cut_us >= shot->start_us - shot->slack_us - 1000000 / RATE &&
                     cut_us <= shot->start_us + 1000000 / RATE;
        }
    }
    assert_int_equal(seen->shot_count, SHOTS);
    assert_in_range(found, SHOTS - 2, SHOTS - 1);
    int narrow = 0; /* the size of a picture told where */
    for (int i = 1; i < seen->shot_count; i++)
        narrow += seen->shots[i].slack_us <= 120000;
    assert_true(narrow >= SHOTS - 2);
    assert_true(seen->shots[0].motion > 0.02f);
}

static void key_frames_and_sizes_find_the_cuts(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = make_source(arena, folder, KEYS_EVERY);
    struct kn_seen seen = look_over(arena, path);
    check_cover(&seen, probed(arena, path).duration_us);
    check_cuts(&seen);
    assert_int_equal(seen.look_count, 9); /* the key frames, 2 s apart */
    for (int i = 0; i < seen.look_count; i++)
        assert_int_equal(seen.looks[i].at_us, i * INT64_C(2000000));
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void far_key_frames_are_looked_on_from(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = make_source(arena, folder, 1000);
    struct kn_seen seen = look_over(arena, path);
    check_cover(&seen, probed(arena, path).duration_us);
    assert_in_range(seen.look_count, 3, 4); /* of 18 s, 5 s apart */
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_note_says_that_faces_were_not_looked_for(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_seen seen = look_over(arena, make_source(arena, folder, KEYS_EVERY));
    assert_int_equal(seen.note_count, 1);
    assert_non_null(strstr(seen.notes[0].text, "faces were not looked for"));
    assert_int_equal(seen.face_sample_count, 0);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void sound_alone_gives_nothing_to_see(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct looking l = {.arena = arena};
    look_well(&l);
    assert_int_equal(l.seen.shot_count + l.seen.look_count + l.seen.note_count, 0);
    kn_arena_free(arena);
}

static void people_are_seen_in_a_film_of_people(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    KN_SCOPED(kn_face_finder) finder = need_finder();
    const char *path = corpus_file(arena, "latentsync2_vertical_hevc.mp4");
    struct looking l = {.source = probed(arena, path), .finder = finder, .arena = arena};
    look_well(&l);
    assert_int_equal(l.seen.note_count, 0);
    assert_true(l.seen.face_sample_count > 0);
    for (int i = 0; i < l.seen.face_sample_count; i++)
        assert_int_equal(l.seen.face_samples[i].face_count, 1);
    assert_int_equal(l.seen.shots[0].kind, KN_SHOT_PEOPLE);
    kn_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_frames_and_sizes_find_the_cuts),
        cmocka_unit_test(far_key_frames_are_looked_on_from),
        cmocka_unit_test(a_note_says_that_faces_were_not_looked_for),
        cmocka_unit_test(sound_alone_gives_nothing_to_see),
        cmocka_unit_test(people_are_seen_in_a_film_of_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
