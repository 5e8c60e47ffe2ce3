#include "service/store_place.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

static enum kn_status own_place(bool make, struct kn_arena *arena, const char **ret_where,
                                struct kn_error *err)
{
    const char *folder = kn_path_data(arena);
    if (!folder)
        return kn_error_set(err, KN_MISSING,
                            "there is no home folder for the queue: HOME is not set, nor "
                            "XDG_DATA_HOME; --store names another place");
    *ret_where = kn_path_join(arena, folder, "queue.db");
    return make ? kn_folder_make(folder, err) : KN_OK;
}

enum kn_status kn_store_open_at(const char *where, int levels, bool make,
                                struct kn_store **ret_store, struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    enum kn_status status = where ? KN_OK : own_place(make, arena, &where, err);
    const struct kn_store_options options = {.where = where, .levels = levels, .existing = !make};
    if (status == KN_OK)
        status = kn_store_open(&options, ret_store, err);
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_store_open_private(struct kn_arena *arena, int levels, char **ret_folder,
                                     struct kn_store **ret_store, struct kn_error *err)
{
    const char *base = getenv("TMPDIR");
    char *folder = kn_arena_printf(arena, "%s/kirinuki-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(folder))
        return kn_error_set(err, KN_IO, "cannot make a folder for a private queue in %s", folder);
    *ret_folder = folder;
    return kn_store_open(
        &(struct kn_store_options){.where = kn_path_join(arena, folder, "queue.db"),
                                   .levels = levels},
        ret_store, err);
}

void kn_store_remove_private(struct kn_arena *arena, const char *folder)
{
    static const char *const names[] = {"queue.db", "queue.db-wal", "queue.db-shm"};
    if (!folder)
        return;
    for (size_t i = 0; i < KN_COUNT_OF(names); i++)
        (void)unlink(kn_path_join(arena, folder, names[i])); /* some are not there */
    (void)rmdir(folder);
}
