#include "service/store_place.h"

#include "base/file.h"

enum kn_status kn_store_open_at(const char *where, int levels, struct kn_store **ret_store,
                                struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    enum kn_status status = KN_OK;
    if (!where) {
        const char *folder = kn_path_data(arena);
        status = folder
                     ? kn_folder_make(folder, err)
                     : kn_error_set(err, KN_MISSING,
                                    "there is no home folder for the queue: HOME is not set, nor "
                                    "XDG_DATA_HOME; --store names another place");
        where = status == KN_OK ? kn_path_join(arena, folder, "queue.db") : NULL;
    }
    if (status == KN_OK)
        status = kn_store_open(&(struct kn_store_options){.where = where, .levels = levels},
                               ret_store, err);
    kn_arena_free(arena);
    return status;
}
