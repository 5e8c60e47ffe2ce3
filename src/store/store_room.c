/*
 * How much room each worker has. Nobody decides by it: it tells people why a job waits.
 */
#include "store/store_parts.h"

enum kn_status kn_store_put_room(struct kn_store *store, int64_t worker,
                                 const struct kn_worker_room *room, struct kn_error *err)
{
    static const struct kn_statement put_room = {
        .name = "put_room",
        .access = KN_WRITE,
        .tables = "worker",
        .sql = "UPDATE worker SET running = $2, running_most = $3, memory_used = $4,"
               " memory_most = $5, memory_next = $6 WHERE id = $1",
    };
    struct kn_arena *arena = kn_arena_new();
    struct kn_rows rows;
    enum kn_status status = kn_store_do(
        store, &put_room,
        KN_VALUES(KN_INT(worker), KN_INT(room->running), KN_INT(room->running_most),
                  KN_INT(room->memory_used), KN_INT(room->memory_most), KN_INT(room->memory_next)),
        arena, &rows, err);
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_store_rooms(struct kn_store *store, struct kn_arena *arena,
                              const struct kn_worker_room **ret_rooms, int *ret_count,
                              struct kn_error *err)
{
    static const struct kn_statement get_rooms = {
        .name = "get_rooms",
        .access = KN_READ,
        .tables = "worker",
        .sql = "SELECT running, running_most, memory_used, memory_most, memory_next FROM worker"
               " WHERE alive_until_us >= $1 AND running_most > 0 ORDER BY id",
    };
    struct kn_rows rows;
    enum kn_status status = kn_store_do(
        store, &get_rooms, KN_VALUES(KN_INT(kn_store_now_us(store))), arena, &rows, err);
    if (status != KN_OK)
        return status;
    struct kn_worker_room *rooms = kn_arena_array(arena, (size_t)rows.count + 1, sizeof *rooms);
    for (int i = 0; i < rows.count; i++)
        rooms[i] = (struct kn_worker_room){
            .running = (int)kn_cell_int(&rows, i, 0),
            .running_most = (int)kn_cell_int(&rows, i, 1),
            .memory_used = kn_cell_int(&rows, i, 2),
            .memory_most = kn_cell_int(&rows, i, 3),
            .memory_next = kn_cell_int(&rows, i, 4),
        };
    *ret_rooms = rooms;
    *ret_count = rows.count;
    return KN_OK;
}

enum kn_status kn_store_alive(struct kn_store *store, struct kn_arena *arena,
                              const int64_t **ret_workers, int *ret_count, struct kn_error *err)
{
    static const struct kn_statement alive_workers = {
        .name = "alive_workers",
        .access = KN_READ,
        .tables = "worker",
        .sql = "SELECT id FROM worker WHERE alive_until_us >= $1 ORDER BY id",
    };
    struct kn_rows rows;
    enum kn_status status = kn_store_do(
        store, &alive_workers, KN_VALUES(KN_INT(kn_store_now_us(store))), arena, &rows, err);
    if (status != KN_OK)
        return status;
    int64_t *workers = kn_arena_array(arena, (size_t)rows.count + 1, sizeof *workers);
    for (int i = 0; i < rows.count; i++)
        workers[i] = kn_cell_int(&rows, i, 0);
    *ret_workers = workers;
    *ret_count = rows.count;
    return KN_OK;
}
