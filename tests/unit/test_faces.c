/* Finding faces. Needs the models and the corpus; skipped where they are not here. */
#include "look_support.h"

#include "media/video_reader.h"
#include "pipeline/seeing.h"

static void a_missing_model_is_said_plainly(void **state)
{
    (void)state;
    struct kn_face_finder *finder = NULL;
    struct kn_error err = {0};
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    setenv("KIRINUKI_MODELS", folder, 1);
    setenv("XDG_DATA_HOME", folder, 1);
    if (kn_face_finder_open(folder, &finder, &err) != KN_MISSING) {
        print_message("skipped: the models are installed for everybody\n");
        kn_face_finder_close(finder);
    } else {
        assert_null(finder);
        assert_true(strlen(kn_error_text(&err)) > 10);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* The faces of the picture at `at_us`. */
static int faces_at(struct kn_face_finder *finder, const struct kn_source *source, int64_t at_us,
                    float threshold, struct kn_face faces[KN_FACES_MAX])
{
    const struct kn_video_options options = {.start_us = at_us,
                                             .end_us = at_us + 1000000,
                                             .pixels = KN_PIXELS_GRAY8,
                                             .width_px = 64,
                                             .height_px = 64};
    KN_SCOPED(kn_video_reader) reader = NULL;
    assert_int_equal(kn_video_reader_open(source, &options, &reader, NULL), KN_OK);
    struct kn_picture picture = {0};
    assert_int_equal(kn_video_reader_read(reader, &picture, NULL), KN_OK);
    kn_picture_clear(&picture);
    struct kn_seen_faces seen = {0};
    struct kn_error err = {0};
    if (kn_seen_faces_add(&seen, finder, source, reader, at_us, threshold, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    int count = seen.samples.at[0].count;
    for (int i = 0; i < count; i++)
        faces[i] = seen.faces.at[i];
    kn_seen_faces_free(&seen);
    return count;
}

static void check_shape(const struct kn_face *face)
{
    assert_true(face->x >= 0 && face->y >= 0 && face->width > 0 && face->height > 0);
    assert_true(face->x + face->width <= 1.001f && face->y + face->height <= 1.001f);
    assert_true(face->eye_x[0] <= face->eye_x[1]);
    assert_true(face->mouth_y > face->eye_y[0] && face->mouth_y > face->eye_y[1]);
    assert_true(face->score >= 0.5f && face->score <= 1);
}

/* Shares of the picture where the face of somebody who hardly moves is, as seen by a person. */
static void faces_are_where_people_see_them(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double at_s;
        float x, y; /* the face's middle */
        int count;
    } cases[] = {
        {"latentsync2_vertical_hevc.mp4", 1, 0.5f, 0.25f, 1},
        {"latentsync3_vertical_hevc.mp4", 1, 0.53f, 0.35f, 1},
        {"google_paris_office.mp4", 23, 0.71f, 0.35f, 1},
        {"google_paris_office.mp4", 20, 0.4f, 0.58f, 4},
    };
    struct kn_arena *arena = kn_arena_new();
    KN_SCOPED(kn_face_finder) finder = need_finder();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_source source = probed(arena, corpus_file(arena, cases[i].name));
        struct kn_face faces[KN_FACES_MAX];
        int count = faces_at(finder, &source, (int64_t)(cases[i].at_s * 1e6), 0.6f, faces);
        assert_int_equal(count, cases[i].count);
        bool near = false;
        for (int k = 0; k < count; k++) {
            check_shape(&faces[k]);
            assert_true(k == 0 || faces[k].score <= faces[k - 1].score);
            float dx = faces[k].x + faces[k].width / 2 - cases[i].x;
            float dy = faces[k].y + faces[k].height / 2 - cases[i].y;
            near |= dx * dx + dy * dy < 0.08f * 0.08f;
        }
        if (!near)
            fail_msg("%s: the face is not where it should be", cases[i].name);
    }
    kn_arena_free(arena);
}

static void a_picture_without_people_has_no_faces(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    KN_SCOPED(kn_face_finder) finder = need_finder();
    struct kn_source source = probed(arena, corpus_file(arena, "autoeditor_example.mp4"));
    struct kn_face faces[KN_FACES_MAX];
    assert_int_equal(faces_at(finder, &source, 5000000, 0.5f, faces), 0);
    kn_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faces_are_where_people_see_them),
        cmocka_unit_test(a_picture_without_people_has_no_faces),
        cmocka_unit_test(a_missing_model_is_said_plainly), /* changes the environment: last */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
