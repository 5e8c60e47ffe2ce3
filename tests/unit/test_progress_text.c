#include "run_help.h"

#include "base/clock.h"
#include "service/progress_text.h"

static struct kn_arena *arena;

static const struct kn_progress_view *named(const struct kn_progress_view *views, int count,
                                            const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(views[i].name, name) == 0)
            return &views[i];
    return NULL;
}

/* A tree with many parts, as a run with 40 clips has it. */
static struct kn_progress *big_tree(void)
{
    struct kn_progress *root = kn_progress_new("talk \"1\".mp4");
    struct kn_progress *analysis = kn_progress_add(root, "analysis", 1);
    struct kn_progress *clips = kn_progress_add(root, "clips", 3);
    kn_progress_end(analysis, KN_OK);
    for (int i = 0; i < 120; i++) {
        char name[32];
        snprintf(name, sizeof name, "part %d", i);
        struct kn_progress *part = kn_progress_add(clips, name, 1);
        if (i < 60)
            kn_progress_end(part, i == 3 ? KN_IO : KN_OK);
        else if (i < 62)
            kn_progress_set(part, 0.5);
    }
    kn_progress_stage(clips, "é 12 of 40");
    return root;
}

static void what_is_shown_comes_back_and_the_rest_is_counted(void **state)
{
    (void)state;
    static struct kn_progress_view before[256];
    struct kn_progress *root = big_tree();
    int before_count = kn_progress_snapshot(root, before, 256), count, waiting = 0;
    KN_SCOPED_STR text = {0};
    struct kn_progress_view *views;
    struct kn_error err;
    kn_progress_text_write(before, before_count, kn_now_us(), &text);
    assert_true(text.length < 2000);
    assert_int_equal(
        kn_progress_text_read(kn_str_text(&text), kn_now_us(), arena, &views, &count, &err), KN_OK);
    assert_string_equal(views[0].name, "talk \"1\".mp4");
    assert_true(views[0].fraction > 0.1 && views[0].depth == 0);
    const struct kn_progress_view *clips = named(views, count, "clips");
    assert_int_equal(clips->depth, 1);
    assert_string_equal(clips->stage, "é 12 of 40");
    assert_int_equal(named(views, count, "part 61")->state, KN_PROGRESS_RUNNING);
    assert_int_equal(named(views, count, "part 61")->parent, clips->id);
    assert_int_equal(named(views, count, "part 3")->state, KN_PROGRESS_FAILED);
    assert_non_null(named(views, count, "part 59"));
    assert_null(named(views, count, "part 20"));
    for (int i = 0; i < count; i++)
        waiting += views[i].state == KN_PROGRESS_WAITING && views[i].parent == clips->id;
    assert_int_equal(waiting, 58);
    kn_progress_free(root);
}

static void texts_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"nodes\":[]}",
        "{\"nodes\":[1]}",
        "{\"nodes\":[[1,2]]}",
        "{\"nodes\":[[0,-1,\"a\",\"\",99,0.5,1,0,-1,-1]]}", /* a state that is none */
        "{\"nodes\":[[0,-1,\"a\",\"\",1,1.5,1,0,-1,-1]]}",  /* more than all */
        "{\"nodes\":[[0,-1,\"a\",null,1,0.5,1,0,-1,-1]]}",
    };
    for (size_t i = 0; i < KN_COUNT_OF(wrong); i++) {
        struct kn_progress_view *views;
        int count;
        struct kn_error err;
        if (kn_progress_text_read(wrong[i], 1000, arena, &views, &count, &err) != KN_DAMAGED)
            fail_msg("%s was read", wrong[i]);
    }
    /* Odd, but harmless: parents that are not there, and more waiting than there can be. */
    struct kn_progress_view *views;
    int count;
    struct kn_error err;
    assert_int_equal(kn_progress_text_read("{\"nodes\":[[0,-1,\"a\",\"\",1,0.5,1,0,-1,-1],"
                                           "[1,7,\"b\",\"\",1,0.5,1,9,-1,-1]],"
                                           "\"waiting\":[[0,999999999],[5,3],7]}",
                                           1000, arena, &views, &count, &err),
                     KN_OK);
    assert_true(count <= 2 + 4096);
}

static int make_arena(void **state)
{
    (void)state;
    arena = kn_arena_new();
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    kn_arena_free(arena);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown_comes_back_and_the_rest_is_counted),
        cmocka_unit_test(texts_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
