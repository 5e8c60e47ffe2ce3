/*
 * A folder of a test's own: made under $TMPDIR or /tmp, removed with all that is in it.
 */
#ifndef KN_TESTS_TEMP_FOLDER_H
#define KN_TESTS_TEMP_FOLDER_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static inline int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

/* NULL on failure; the path stays in `room`. */
static inline const char *temp_folder_make(char room[PATH_MAX])
{
    const char *base = getenv("TMPDIR");
    snprintf(room, PATH_MAX, "%s/kirinuki-test-XXXXXX", base && base[0] ? base : "/tmp");
    return mkdtemp(room);
}

static inline int temp_folder_remove(const char *path)
{
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
