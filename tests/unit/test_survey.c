#include "support/media.h"

#include <kirinuki/cancel.h>

#include "base/vec.h"
#include "media/survey.h"

KN_VEC_TYPE(coded_list, struct kn_coded);

static void hear(void *arg, const struct kn_coded *coded)
{
    struct coded_list *list = arg;
    kn_vec_push(list, *coded);
}

static const char *make_source(struct kn_arena *arena, const char *folder)
{
    const char *path = kn_path_join(arena, folder, "x.mp4");
    make_media("-f lavfi -i testsrc2=s=160x90:r=25:d=4 -c:v libx264 -preset ultrafast -x264-params "
               "keyint=25:scenecut=0:bframes=2:b-adapt=0 %s",
               path);
    return path;
}

static void every_coded_picture_is_heard_of_once(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = probed(arena, make_source(arena, folder));
    struct coded_list list = {0};
    assert_int_equal(kn_survey(&source, NULL, hear, &list, NULL), KN_OK);
    assert_int_equal(list.count, 100);
    bool heard[100] = {false}, in_order = true;
    int keys = 0;
    for (int i = 0; i < list.count; i++) {
        const struct kn_coded *coded = &list.at[i];
        int64_t picture = (coded->at_us + 20000) / 40000;
        assert_int_equal(coded->at_us, picture * 40000); /* media time: the first is at 0 */
        assert_in_range(picture, 0, 99);
        assert_false(heard[picture]);
        heard[picture] = true;
        in_order &= i == 0 || coded->at_us > list.at[i - 1].at_us;
        assert_int_equal(coded->key, picture % 25 == 0);
        keys += coded->key;
        assert_true(coded->bytes > 0);
    }
    assert_int_equal(keys, 4);
    assert_false(in_order); /* the order is that of decoding */
    kn_vec_free(&list);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_damaged_end_is_no_error(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.mkv");
    make_media("-f lavfi -i testsrc2=s=160x90:r=25:d=4 -c:v libx264 %s", path);
    assert_int_equal(truncate(path, kn_file_size(path) / 2), 0);
    struct kn_source source = probed(arena, path);
    struct coded_list list = {0};
    assert_int_equal(kn_survey(&source, NULL, hear, &list, NULL), KN_OK);
    assert_in_range(list.count, 20, 80);
    kn_vec_free(&list);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_cancelled_survey_ends(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    struct kn_source source = probed(arena, make_source(arena, folder));
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    struct coded_list list = {0};
    assert_int_equal(kn_survey(&source, cancel, hear, &list, NULL), KN_CANCELLED);
    kn_vec_free(&list);
    kn_cancel_free(cancel);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_missing_file_is_said_plainly(void **state)
{
    (void)state;
    struct kn_source source = {.path = "gone.mp4", .has_video = true};
    struct kn_error err = {0};
    assert_int_equal(kn_survey(&source, NULL, hear, NULL, &err), KN_NOT_FOUND);
    assert_non_null(strstr(kn_error_text(&err), "gone.mp4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_coded_picture_is_heard_of_once),
        cmocka_unit_test(a_damaged_end_is_no_error),
        cmocka_unit_test(a_cancelled_survey_ends),
        cmocka_unit_test(a_missing_file_is_said_plainly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
