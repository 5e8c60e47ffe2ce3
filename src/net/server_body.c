/*
 * Multipart bodies are taken apart when they are there as a whole: MHD_PostProcessor calls with
 * offset 0 twice for a part whose first bytes come alone, which is not to be told from two parts of
 * one name. Given all at once, it calls with offset 0 exactly once a part.
 */
#include <string.h>

#include "base/vec.h"
#include "net/server_internal.h"

enum { ROOM_FIRST = 16 << 10, PART_BUFFER_BYTES = 64 << 10 };

static void drop(struct kn_server_body *body)
{
    atomic_fetch_sub(body->held, body->room);
    free(body->data);
    body->data = NULL;
    body->size = body->room = 0;
}

/* Takes `more` bytes from what all bodies share. */
static bool hold(struct kn_server_body *body, size_t more)
{
    if (atomic_fetch_add(body->held, more) + more <= body->held_max)
        return true;
    atomic_fetch_sub(body->held, more);
    return false;
}

static bool make_room(struct kn_server_body *body, size_t needed)
{
    if (needed <= body->room)
        return true;
    size_t room = KN_MAX(KN_MAX(needed, body->room * 2), ROOM_FIRST);
    room = KN_MAX(needed, KN_MIN(room, body->max + 1));
    if (!hold(body, room - body->room))
        return false;
    char *data = realloc(body->data, room);
    if (!data) {
        atomic_fetch_sub(body->held, room - body->room);
        return false;
    }
    body->data = data;
    body->room = room;
    return true;
}

void kn_server_body_add(struct kn_server_body *body, const void *data, size_t size)
{
    if (body->too_large || body->crowded)
        return;
    if (size > body->max - body->size)
        body->too_large = true;
    else if (!make_room(body, body->size + size + 1))
        body->crowded = true;
    if (body->too_large || body->crowded) {
        drop(body);
        return;
    }
    memcpy(body->data + body->size, data, size);
    body->size += size;
    body->data[body->size] = 0;
}

void kn_server_body_free(struct kn_server_body *body)
{
    if (body->held)
        drop(body);
}

/* ---- multipart/form-data ---- */

struct splitting {
    struct kn_arena *arena;
    KN_VEC(struct kn_server_field) parts;
    char *data; /* of all parts, one after the other, each with a closing NUL */
    size_t used, room;
};

static enum MHD_Result take_bytes(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *filename, const char *content_type,
                                  const char *encoding, const char *data, uint64_t offset,
                                  size_t size)
{
    (void)kind;
    struct splitting *to = arg;
    /* RFC 7578, section 4.7: nobody sends transfer encodings, and here nobody decodes them. */
    bool plain = !encoding || strcasecmp(encoding, "binary") == 0 ||
                 strcasecmp(encoding, "8bit") == 0 || strcasecmp(encoding, "7bit") == 0;
    if (!name || !plain || (offset == 0 && to->parts.count == KN_SERVER_PARTS))
        return MHD_NO;
    if (offset == 0) {
        if (to->parts.count)
            to->used++; /* the NUL of the part before */
        struct kn_server_field part = {
            .name = kn_arena_strdup(to->arena, name),
            .filename = kn_arena_strdup(to->arena, filename),
            .content_type = kn_arena_strdup(to->arena, content_type),
            .data = to->data + to->used,
        };
        kn_vec_push(&to->parts, part);
    } else if (!to->parts.count) {
        return MHD_NO;
    }
    if (size >= to->room - to->used)
        return MHD_NO;
    memcpy(to->data + to->used, data, size);
    to->used += size;
    kn_vec_last(&to->parts)->size += size;
    return MHD_YES;
}

static bool split(struct kn_server_body *body, struct MHD_Connection *connection,
                  struct splitting *to)
{
    struct MHD_PostProcessor *processor =
        MHD_create_post_processor(connection, PART_BUFFER_BYTES, take_bytes, to);
    if (!processor)
        return false;
    bool fine = MHD_post_process(processor, body->data, body->size) == MHD_YES;
    fine = MHD_destroy_post_processor(processor) == MHD_YES && fine;
    /* A body without any boundary is fine for the library. */
    return fine && to->parts.count > 0;
}

bool kn_server_body_parts(struct kn_server_body *body, struct MHD_Connection *connection,
                          struct kn_arena *arena, struct kn_server_field **ret_parts,
                          int *ret_count, char **ret_data)
{
    /* The boundaries take more than the closing NULs, so that all parts fit in this. */
    struct splitting to = {.arena = arena, .room = body->size + 1};
    to.data = body->size ? calloc(1, to.room) : NULL;
    bool fine = to.data && split(body, connection, &to);
    drop(body);
    if (fine) {
        *ret_parts = kn_vec_to_arena(&to.parts, arena);
        *ret_count = to.parts.count;
        *ret_data = to.data;
    } else {
        free(to.data);
    }
    kn_vec_free(&to.parts);
    return fine;
}
