#include "../support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "run/cores.h"

#define V2_MOUNT "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
#define V1_MOUNT                                                                                   \
    "32 31 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"                            \
    "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct\n"

/* A machine's files as they are in each case: path, content. */
static const struct {
    const char *what;
    struct {
        const char *path, *content;
    } files[8];
    double quota;
} cases[] = {
    {"nothing is known", {{NULL, NULL}}, 0},
    {"version 2 without a quota",
     {{"proc/self/cgroup", "0::/\n"},
      {"proc/self/mountinfo", V2_MOUNT},
      {"sys/fs/cgroup/cpu.max", "max 100000\n"}},
     0},
    {"version 2 in a container",
     {{"proc/self/cgroup", "0::/\n"},
      {"proc/self/mountinfo", V2_MOUNT},
      {"sys/fs/cgroup/cpu.max", "150000 100000\n"}},
     1.5},
    {"version 2, the smallest on the way up counts",
     {{"proc/self/cgroup", "0::/user.slice/job/step\n"},
      {"proc/self/mountinfo", V2_MOUNT},
      {"sys/fs/cgroup/user.slice/job/step/cpu.max", "max 100000\n"},
      {"sys/fs/cgroup/user.slice/job/cpu.max", "50000 20000\n"},
      {"sys/fs/cgroup/user.slice/cpu.max", "400000 100000\n"}},
     2.5},
    {"version 1, beside other hierarchies",
     {{"proc/self/cgroup", "5:cpuset:/a\n4:cpu,cpuacct:/docker/abc\n0::/\n"},
      {"proc/self/mountinfo", V1_MOUNT},
      {"sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "100\n"},
      {"sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "100\n"},
      {"sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "300000\n"},
      {"sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n"}},
     3},
    {"version 1, the group itself is mounted",
     {{"proc/self/cgroup", "4:cpuacct,cpu:/docker/abc\n"},
      {"proc/self/mountinfo",
       "33 31 0:30 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"},
      {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
      {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
     0},
    {"broken files",
     {{"proc/self/cgroup", "0\n::\n0::/x"},
      {"proc/self/mountinfo", "a b - cgroup2\n - - -\n" V2_MOUNT},
      {"sys/fs/cgroup/x/cpu.max", "100000 0\n"},
      {"sys/fs/cgroup/cpu.max", "garbage\n"}},
     0},
};

static void quotas_are_found(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        char room[PATH_MAX];
        const char *root = temp_folder_make(room);
        for (int i = 0; i < 8 && cases[c].files[i].path; i++) {
            struct kn_error err;
            char *path = kn_path_join(arena, root, cases[c].files[i].path);
            char *folder = kn_arena_strndup(arena, path, (size_t)(strrchr(path, '/') - path));
            const char *content = cases[c].files[i].content;
            assert_int_equal(kn_folder_make(folder, &err), KN_OK);
            assert_int_equal(kn_file_write(path, content, strlen(content), &err), KN_OK);
        }
        double quota = kn_cores_quota(root);
        if (quota < cases[c].quota - 1e-9 || quota > cases[c].quota + 1e-9)
            fail_msg("%s: %g, not %g", cases[c].what, quota, cases[c].quota);
        assert_int_equal(temp_folder_remove(root), 0);
    }
    kn_arena_free(arena);
}

static void there_is_always_a_core(void **state)
{
    (void)state;
    assert_true(kn_cores() >= 1);
    assert_true(kn_cores() <= sysconf(_SC_NPROCESSORS_CONF));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_are_found),
        cmocka_unit_test(there_is_always_a_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
