/*
 * HTTP server over libmicrohttpd: a handler runs on a thread of its connection and may block, up to
 * a bounded number of connections.
 *
 * Everything that comes in is hostile: lines, headers, bodies and times are limited before anybody
 * looks at them. A head has at most 32 KiB. A peer that neither sends nor takes a byte within
 * `idle_ms` is cut, and so is one that dawdles: a head has to be there within that time, and bodies
 * and answers have to move at 4 KiB a second on top of it. Handlers may take as long as they like.
 */
#ifndef KN_NET_SERVER_H
#define KN_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "base/memory.h"

struct kn_server;

/* A field of a query or of multipart/form-data. */
struct kn_server_field {
    const char *name;
    const char *filename, *content_type; /* of a part; NULL: none */
    const void *data;                    /* with a closing NUL that `size` does not count */
    size_t size;
};

/* One request. Everything lives in `arena` until the handler has returned. */
struct kn_exchange {
    const char *method;
    const char *path; /* decoded, without the query */
    const struct kn_server_field *query;
    int query_count;
    const struct kn_server_field *headers;
    int header_count;
    const void *body; /* as it came, but for multipart bodies, which are `parts` */
    size_t body_size;
    const struct kn_server_field *parts;
    int part_count;
    bool bad_multipart;       /* it says multipart/form-data and is not */
    bool too_large;           /* the body was over the limit, and is not here */
    void *context;            /* of the intake, see below; NULL: there is none */
    struct kn_cancel *cancel; /* triggered when the server closes */
    struct kn_arena *arena;
};

/* How the connection goes on once the answer was handed over: the faults of a bad day. */
enum kn_reply_fault {
    KN_REPLY_WHOLE,
    KN_REPLY_CUT,       /* the connection is cut after `cut_at` bytes of the body, or all of them;
                         * what its head promised is never whole */
    KN_REPLY_NOTHING,   /* the connection is cut without any answer */
    KN_REPLY_NO_ANSWER, /* nothing is sent, until the peer goes or the server closes */
};

/* The answer; starts as 200 without a body. */
struct kn_reply {
    int status;
    const char *content_type; /* NULL: application/json */
    const void *body;         /* borrowed until it is sent: in the exchange's arena */
    size_t size;
    const struct kn_server_field *headers;
    int header_count;
    const char *file; /* instead of `body`: `size` bytes of it, from `file_at` on; borrowed until
                       * the handler returns */
    uint64_t file_at;
    enum kn_reply_fault fault;
    size_t cut_at;
};

/* What is done with a body, decided when the head is there and before any byte of the body. */
enum kn_intake_way {
    KN_INTAKE_KEEP,     /* kept in memory as far as `body_max`, then handled */
    KN_INTAKE_STREAM,   /* each block goes to `take`, of any size all together, then handled */
    KN_INTAKE_ANSWERED, /* the reply is sent at once and the body not read; `handle` hears nothing.
                         * A peer that sends nevertheless is listened to for some seconds, or its
                         * system would throw the answer away (RFC 9112, section 9.6) */
};

enum kn_take {
    KN_TAKE_MORE,
    KN_TAKE_ENOUGH, /* the rest is dropped as it comes, for `idle_ms` at most, then handled */
    KN_TAKE_CUT,    /* the connection is cut at once; `handle` hears nothing */
};

struct kn_server_intake {
    enum kn_intake_way way;
    void *context;
    /* On the connection's thread. May block, which slows the peer down, but not for `idle_ms`. */
    enum kn_take (*take)(void *context, const void *data, size_t size);
    /* Once for each request that was begun, at its very end, whether it was handled or the peer
     * went or the server closed. May be NULL. */
    void (*done)(void *context);
};

struct kn_server_options {
    const char *address; /* NULL: 127.0.0.1 */
    int port;            /* 0: any that is free */
    int connections_max; /* 0: 256; what comes on top is closed at once */
    size_t body_max;     /* 0: 64 MiB; a larger one is `too_large` */
    size_t bodies_max;   /* of all requests together; 0: 1 GiB. Answers 503 beyond */
    int64_t idle_ms;     /* 0: 30 s, rounded up to seconds; see above */
    /* Hears of each request when its head is there: the exchange has no body yet. The intake is all
     * zero: the body is kept. On the connection's thread; may block. NULL: all bodies are kept. */
    void (*begin)(void *arg, const struct kn_exchange *head, struct kn_server_intake *intake,
                  struct kn_reply *reply);
    /* Runs on the connection's thread; may block. */
    void (*handle)(void *arg, const struct kn_exchange *exchange, struct kn_reply *reply);
    void *arg;
};

enum kn_status kn_server_open(const struct kn_server_options *options,
                              struct kn_server **ret_server, struct kn_error *err);
int kn_server_port(const struct kn_server *server);
/* Takes no more requests, cancels those that run, waits for them. NULL is fine. */
void kn_server_close(struct kn_server *server);
KN_SCOPED_DEFINE(kn_server, kn_server_close)

/* By name, NULL when there is none; headers in any case, others exactly. */
const struct kn_server_field *kn_server_header(const struct kn_exchange *exchange,
                                               const char *name);
const struct kn_server_field *kn_server_part(const struct kn_exchange *exchange, const char *name);
const struct kn_server_field *kn_server_query(const struct kn_exchange *exchange, const char *name);
const char *kn_server_text(const struct kn_exchange *exchange, const char *name); /* of a part */

#endif
