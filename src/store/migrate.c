#include "store/migrate.h"

#include <assert.h>

#include "store/database_backend.h"

enum kn_status kn_migrate(struct kn_database *database, const struct kn_migration *list, int count,
                          struct kn_error *err)
{
    void *state;
    const struct kn_database_desc *desc = kn_database_backend(database, &state);
    int version;
    enum kn_status status = desc->schema_version(state, &version, err);
    if (status != KN_OK)
        return status;
    if (version > count)
        return kn_error_set(err, KN_UNSUPPORTED,
                            "the database %s was made by a newer kirinuki: its tables have version "
                            "%d, and this program knows them up to %d",
                            kn_database_where(database), version, count);
    for (int i = version; i < count; i++) {
        assert(list[i].number == i + 1);
        if (desc->migrate(state, &list[i], err) != KN_OK)
            return kn_error_add(err, "cannot prepare the tables of %s (%d, %s)",
                                kn_database_where(database), list[i].number, list[i].name);
    }
    return KN_OK;
}
