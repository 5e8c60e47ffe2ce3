/*
 * A request from its first line to its answer. libmicrohttpd calls once when the head is there,
 * once for each piece of the body, and once at its end, where the handler runs.
 */
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"
#include "net/server_internal.h"

struct request {
    struct kn_server_work *work;
    struct kn_server_peer *peer;
    struct kn_arena *arena; /* holds this as well */
    struct kn_exchange exchange;
    struct kn_server_intake intake;
    struct kn_server_body body;
    char *parts_data;
    int64_t head_us; /* when the head was there; later by the time that `take` took */
    int64_t drop_us; /* when its body turned out to be too much; 0: it has not */
    size_t came;     /* bytes of the body */
    bool unread;     /* answered before its body was read */
};

static struct request *request_new(struct kn_server_work *work, struct MHD_Connection *connection)
{
    struct kn_arena *arena = kn_arena_new();
    struct request *request = kn_arena_alloc(arena, sizeof *request);
    *request = (struct request){
        .work = work,
        .arena = arena,
        .body = {.max = work->options.body_max,
                 .held = &work->held,
                 .held_max = work->options.bodies_max},
        .head_us = kn_now_us(),
    };
    request->peer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    kn_server_peer_expect(request->peer, request->head_us, 0);
    return request;
}

void kn_server_request_done(void *arg, struct MHD_Connection *connection, void **at,
                            enum MHD_RequestTerminationCode why)
{
    (void)arg, (void)connection;
    struct request *request = *at;
    if (!request)
        return;
    *at = NULL;
    if (request->unread && why == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        kn_server_peer_linger(request->peer, request->work->closing);
    kn_server_peer_expect(request->peer, kn_now_us(), 0);
    if (request->intake.done)
        request->intake.done(request->intake.context);
    kn_server_body_free(&request->body);
    free(request->parts_data);
    kn_arena_free(request->arena);
}

/*
 * What is too much is dropped as it comes, but for so long only: who answers at once and closes
 * takes the answer away from a peer that is still sending (RFC 9112, section 9.6).
 */
static void keep_block(struct request *request, const char *data, size_t size)
{
    request->came += size;
    kn_server_body_add(&request->body, data, size);
    bool drops = request->body.too_large || request->body.crowded;
    if (drops && !request->drop_us)
        request->drop_us = kn_now_us();
}

/* What `take` needs for a block is not the peer's time. False: the connection is to be cut. */
static bool hand_block(struct request *request, const char *data, size_t size)
{
    if (request->drop_us)
        return true;
    int64_t began_us = kn_now_us();
    kn_server_peer_wait(request->peer);
    enum kn_take verdict = request->intake.take(request->intake.context, data, size);
    int64_t now_us = kn_now_us();
    request->head_us += now_us - began_us;
    request->came += size;
    if (verdict == KN_TAKE_ENOUGH)
        request->drop_us = now_us;
    return verdict != KN_TAKE_CUT;
}

static enum MHD_Result take_body(struct request *request, const char *data, size_t size)
{
    if (request->intake.way != KN_INTAKE_STREAM)
        keep_block(request, data, size);
    else if (!hand_block(request, data, size))
        return MHD_NO;
    if (request->drop_us)
        kn_server_peer_expect(request->peer, request->drop_us, 0);
    else
        kn_server_peer_expect(request->peer, request->head_us, request->came);
    return MHD_YES;
}

/* ---- the exchange ---- */

KN_VEC_TYPE(fields, struct kn_server_field);

static enum MHD_Result add_field(void *arg, enum MHD_ValueKind kind, const char *name,
                                 size_t name_size, const char *value, size_t value_size)
{
    (void)kind, (void)name_size;
    struct fields *fields = arg;
    struct kn_server_field field = {.name = name, .data = value ? value : "", .size = value_size};
    kn_vec_push(fields, field);
    return MHD_YES;
}

/* The values lie in the connection's memory, as long as the request. */
static const struct kn_server_field *read_fields(struct request *request,
                                                 struct MHD_Connection *connection,
                                                 enum MHD_ValueKind kind, int *ret_count)
{
    struct fields fields = {0};
    MHD_get_connection_values_n(connection, kind, add_field, &fields);
    const struct kn_server_field *copy = kn_vec_to_arena(&fields, request->arena);
    *ret_count = fields.count;
    kn_vec_free(&fields);
    return copy;
}

static bool says_multipart(const struct kn_exchange *exchange)
{
    static const char type[] = "multipart/form-data";
    const struct kn_server_field *header = kn_server_header(exchange, "content-type");
    if (!header || strncasecmp(header->data, type, sizeof type - 1) != 0)
        return false;
    char after = ((const char *)header->data)[sizeof type - 1];
    return !after || strchr("; \t", after);
}

static void read_body(struct request *request, struct MHD_Connection *connection,
                      struct kn_exchange *exchange)
{
    struct kn_server_field *parts = NULL;
    exchange->too_large = request->body.too_large;
    if (exchange->too_large)
        return;
    if (says_multipart(exchange)) {
        exchange->bad_multipart =
            !kn_server_body_parts(&request->body, connection, request->arena, &parts,
                                  &exchange->part_count, &request->parts_data);
        exchange->parts = parts;
        return;
    }
    exchange->body = request->body.data ? request->body.data : "";
    exchange->body_size = request->body.size;
}

static void read_head(struct request *request, struct MHD_Connection *connection, const char *url,
                      const char *method)
{
    struct kn_exchange *exchange = &request->exchange;
    *exchange = (struct kn_exchange){
        .method = method,
        .path = url,
        .cancel = request->work->closing,
        .arena = request->arena,
    };
    exchange->headers = read_fields(request, connection, MHD_HEADER_KIND, &exchange->header_count);
    exchange->query =
        read_fields(request, connection, MHD_GET_ARGUMENT_KIND, &exchange->query_count);
}

/* Lets the user of the server say what is done with the body. */
static enum MHD_Result begin(struct request *request, struct MHD_Connection *connection)
{
    struct kn_server_work *work = request->work;
    struct kn_reply reply = {.status = 200};
    if (!work->options.begin)
        return MHD_YES;
    if (kn_cancel_requested(work->closing))
        return MHD_NO;
    kn_server_peer_wait(request->peer);
    work->options.begin(work->options.arg, &request->exchange, &request->intake, &reply);
    request->exchange.context = request->intake.context;
    request->head_us = kn_now_us();
    if (request->intake.way == KN_INTAKE_ANSWERED) {
        request->unread = kn_server_header(&request->exchange, "content-length") ||
                          kn_server_header(&request->exchange, "transfer-encoding");
        return kn_server_reply_send(connection, &reply, request->peer, work->closing);
    }
    kn_server_peer_expect(request->peer, request->head_us, 0);
    return MHD_YES;
}

static enum MHD_Result answer(struct request *request, struct MHD_Connection *connection)
{
    struct kn_server_work *work = request->work;
    struct kn_reply reply = {.status = 200};
    if (kn_cancel_requested(work->closing))
        return MHD_NO;
    kn_server_peer_wait(request->peer);
    if (request->body.crowded) {
        reply.status = 503;
    } else {
        read_body(request, connection, &request->exchange);
        work->options.handle(work->options.arg, &request->exchange, &reply);
    }
    return kn_server_reply_send(connection, &reply, request->peer, work->closing);
}

enum MHD_Result kn_server_request_access(void *arg, struct MHD_Connection *connection,
                                         const char *url, const char *method, const char *version,
                                         const char *upload, size_t *upload_size, void **at)
{
    (void)version;
    struct request *request = *at;
    if (!request) {
        *at = request = request_new(arg, connection);
        read_head(request, connection, url, method);
        return begin(request, connection);
    }
    if (*upload_size) {
        size_t size = *upload_size;
        *upload_size = 0;
        return take_body(request, upload, size);
    }
    return answer(request, connection);
}
