/*
 * Control groups: proc(5) /proc/self/cgroup and /proc/self/mountinfo; the kernel's
 * Documentation/admin-guide/cgroup-v2.rst ("cpu.max") and scheduler/sched-bwc.rst (version 1). A
 * quota binds all groups below, so the smallest on the way up to the mount point counts.
 */
#include "run/cores.h"

#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/str.h"

enum { MOST_CORES = 1 << 16 };

static int cores_of_affinity(void)
{
    /* The kernel's mask may be larger than cpu_set_t: it says EINVAL until there is room. */
    for (int room = 1024; room <= MOST_CORES; room *= 4) {
        cpu_set_t *set = CPU_ALLOC(room);
        if (!set)
            kn_out_of_memory();
        size_t bytes = CPU_ALLOC_SIZE(room);
        int cores = sched_getaffinity(0, bytes, set) ? 0 : CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
        if (cores > 0)
            return cores;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)KN_MIN(online, MOST_CORES) : 1;
}

/* The first line of root + folder + name; "" when it can't be read. */
static const char *first_line(char line[64], const char *root, const char *folder, const char *name)
{
    KN_SCOPED_STR path = {0};
    kn_str_printf(&path, "%s%s/%s", root, folder, name);
    line[0] = '\0';
    FILE *file = fopen(kn_str_text(&path), "re");
    if (!file)
        return line;
    if (!fgets(line, 64, file))
        line[0] = '\0';
    fclose(file);
    return line;
}

/* In cores; INFINITY: none is set in this folder. */
static double quota_in(const char *root, const char *folder, bool v2)
{
    char line[64];
    double quota = -1, period = -1;
    if (v2) {
        if (sscanf(first_line(line, root, folder, "cpu.max"), "%lf %lf", &quota, &period) != 2)
            return INFINITY; /* "max 100000" */
    } else if (sscanf(first_line(line, root, folder, "cpu.cfs_quota_us"), "%lf", &quota) != 1 ||
               sscanf(first_line(line, root, folder, "cpu.cfs_period_us"), "%lf", &period) != 1) {
        return INFINITY;
    }
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

/* Is `word` one of the words in `list` that commas divide? */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ',') && (!at[length] || strchr(",\n", at[length])))
            return true;
    return false;
}

/* Where this process stands in the hierarchy of version 2, or in the one of 1 that has "cpu".
 * Returns owned, NULL: nowhere. */
static char *own_group(const char *root, bool v2)
{
    KN_SCOPED_STR path = {0};
    kn_str_printf(&path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(kn_str_text(&path), "re");
    if (!file)
        return NULL;
    char *line = NULL, *group = NULL;
    size_t room = 0;
    while (!group && getline(&line, &room, file) > 0) {
        char *controllers = strchr(line, ':');
        char *where = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!where)
            continue;
        *where++ = '\0';
        where[strcspn(where, "\n")] = '\0';
        controllers++;
        if (v2 ? !*controllers : has_word(controllers, "cpu"))
            group = kn_strdup(where);
    }
    free(line);
    fclose(file);
    return group;
}

struct mount {
    char top[512], point[512]; /* the group that is mounted, and where */
};

/* One line of mountinfo. */
static bool parse_mount(const char *line, bool v2, struct mount *ret_mount)
{
    struct mount mount;
    char type[16], options[512];
    const char *rest = strstr(line, " - ");
    if (!rest || sscanf(line, "%*s %*s %*s %511s %511s", mount.top, mount.point) != 2 ||
        sscanf(rest, " - %15s %*s %511s", type, options) != 2)
        return false;
    if (v2 ? strcmp(type, "cgroup2") != 0
           : strcmp(type, "cgroup") != 0 || !has_word(options, "cpu"))
        return false;
    *ret_mount = mount;
    return true;
}

static bool find_mount(const char *root, bool v2, struct mount *ret_mount)
{
    KN_SCOPED_STR path = {0};
    kn_str_printf(&path, "%s/proc/self/mountinfo", root);
    FILE *file = fopen(kn_str_text(&path), "re");
    if (!file)
        return false;
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    while (!found && getline(&line, &room, file) > 0)
        found = parse_mount(line, v2, ret_mount);
    free(line);
    fclose(file);
    return found;
}

static double quota_of(const char *root, bool v2)
{
    struct mount mount;
    KN_SCOPED_MEM char *group = own_group(root, v2);
    if (!group || !find_mount(root, v2, &mount))
        return INFINITY;
    /* In a container, the top of what is mounted is often the group itself. */
    const char *below = group;
    size_t top = strcmp(mount.top, "/") == 0 ? 0 : strlen(mount.top);
    if (strncmp(group, mount.top, top) == 0)
        below += top;
    KN_SCOPED_STR folder = {0};
    kn_str_printf(&folder, "%s%s", mount.point, below);
    double quota = INFINITY;
    for (;;) {
        quota = fmin(quota, quota_in(root, kn_str_text(&folder), v2));
        char *slash = folder.at ? strrchr(folder.at, '/') : NULL;
        if (!slash || (size_t)(slash - folder.at) < strlen(mount.point))
            return quota;
        *slash = '\0';
    }
}

double kn_cores_quota(const char *root)
{
    double quota = fmin(quota_of(root, true), quota_of(root, false));
    return isinf(quota) ? 0 : quota;
}

int kn_cores(void)
{
    int cores = cores_of_affinity();
    double quota = kn_cores_quota("");
    if (quota > 0)
        cores = KN_MIN(cores, (int)ceil(fmin(quota, MOST_CORES)));
    return KN_MAX(cores, 1);
}
