#include "../support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ai/models.h"
#include "base/file.h"
#include "base/str.h"
#include "media/checksum.h"

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

/* What is compiled in is what the set-up fetches. */
static void the_table_is_that_of_the_lock(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *root = getenv("KN_SOURCE_ROOT");
    KN_SCOPED_MEM char *lock = NULL;
    size_t size;
    assert_int_equal(kn_file_read(kn_path_join(arena, root ? root : ".", "scripts/models.lock"),
                                  1 << 20, &lock, &size, NULL),
                     KN_OK);
    struct utsname machine;
    assert_int_equal(uname(&machine), 0);
    int found = 0;
    char *rest = NULL;
    for (char *line = strtok_r(lock, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[64], on[16], sha256[65];
        long long bytes;
        if (sscanf(line, "%63s %15s %*s %*s %lld %64s", name, on, &bytes, sha256) != 4 ||
            (strcmp(on, "any") != 0 && strcmp(on, machine.machine) != 0))
            continue;
        for (int m = 0; m < KN_MODEL_COUNT; m++) {
            const struct kn_model_file *file = kn_model_file((enum kn_model)m);
            if (strcmp(file->name, name) != 0)
                continue;
            assert_int_equal(file->size_bytes, bytes);
            assert_string_equal(file->sha256, sha256);
            found++;
        }
    }
    assert_in_range(found, KN_MODEL_COUNT - 1,
                    KN_MODEL_COUNT); /* not every machine has a runtime */
    kn_arena_free(arena);
}

static void checksums_are_those_of_the_standard(void **state)
{
    (void)state;
    char room[PATH_MAX], sum[KN_SHA256_TEXT_BYTES];
    const char *folder = temp_folder_make(room);
    assert_non_null(folder);
    struct kn_arena *arena = kn_arena_new();
    const char *path = kn_path_join(arena, folder, "abc");
    assert_int_equal(kn_file_write(path, "abc", 3, NULL), KN_OK); /* FIPS 180-2, appendix B.1 */
    assert_int_equal(kn_file_sha256(path, sum, NULL), KN_OK);
    assert_string_equal(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(kn_file_sha256(folder, sum, NULL), KN_IO);
    kn_arena_free(arena);
    temp_folder_remove(folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_named_folder_is_the_only_one),
        cmocka_unit_test(missing_and_cut_files_are_told_apart),
        cmocka_unit_test(the_table_is_that_of_the_lock),
        cmocka_unit_test(checksums_are_those_of_the_standard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
