#include "../support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "ai/models.h"
#include "base/file.h"
#include "base/str.h"

static void a_named_folder_is_the_only_one(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folders[KN_MODEL_FOLDERS_MAX];
    setenv("KIRINUKI_MODELS", "/from/environment", 1);
    assert_int_equal(kn_model_folders("/given", arena, folders), 1);
    assert_string_equal(folders[0], "/given");
    assert_int_equal(kn_model_folders(NULL, arena, folders), 1);
    assert_string_equal(folders[0], "/from/environment");
    unsetenv("KIRINUKI_MODELS");
    setenv("XDG_DATA_HOME", "/data", 1);
    assert_int_equal(kn_model_folders("", arena, folders), 3);
    assert_string_equal(folders[0], "/data/kirinuki/models");
    assert_true(kn_ends_with(folders[2], "/../share/kirinuki/models"));
    unsetenv("XDG_DATA_HOME");
    kn_arena_free(arena);
}

static void missing_and_cut_files_are_told_apart(void **state)
{
    (void)state;
    char room[PATH_MAX];
    const char *folder = temp_folder_make(room), *path = NULL;
    assert_non_null(folder);
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err;
    assert_int_equal(kn_model_find(folder, KN_MODEL_VAD, arena, &path, &err), KN_MISSING);
    assert_non_null(strstr(err.text, "silero-vad.onnx (finds where somebody speaks) is missing"));
    assert_non_null(strstr(err.text, folder));
    assert_null(path);
    const char *file = kn_path_join(arena, folder, "silero-vad.onnx");
    assert_int_equal(kn_file_write(file, "cut", 3, &err), KN_OK);
    assert_int_equal(kn_model_find(folder, KN_MODEL_VAD, arena, &path, &err), KN_OK);
    assert_string_equal(path, file);
    assert_int_equal(kn_model_check(folder, KN_MODEL_VAD, arena, &path, &err), KN_DAMAGED);
    assert_non_null(strstr(err.text, "has 3 bytes where 2327524 are expected"));
    kn_arena_free(arena);
    temp_folder_remove(folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_named_folder_is_the_only_one),
        cmocka_unit_test(missing_and_cut_files_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
