/*
 * HTTP client: one curl multi loop in a thread of its own; callers block in kn_http_perform on
 * threads that may wait. Connections and HTTP/2 streams are shared between all callers.
 *
 * Nothing is retried and no redirect is followed: whoever knows the protocol decides on that. The
 * one exception is a kept connection that was closed just as it was used again: the request goes
 * out on a new one if the server cannot have seen all of it, or if its method is idempotent (RFC
 * 9110, section 9.2.2). Keys go in headers alone, and no header's value ever appears in a sentence
 * or a log.
 */
#ifndef KN_NET_HTTP_H
#define KN_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "base/memory.h"

struct kn_http;

struct kn_http_options {
    int connections_a_host;  /* at most; 0: 64 */
    const char *authorities; /* a file of certificates to trust instead of the system's; NULL */
};

/* Any thread may perform at the same time. Close waits for none: nobody may be performing. */
enum kn_status kn_http_open(const struct kn_http_options *options, struct kn_http **ret_http,
                            struct kn_error *err);
void kn_http_close(struct kn_http *http); /* NULL is fine */
KN_SCOPED_DEFINE(kn_http, kn_http_close)

struct kn_http_header {
    const char *name, *value; /* INVALID: a line break or another control character in either */
};

/* A body that is read as it is sent, in bounded memory. */
struct kn_http_source {
    int64_t size; /* bytes */
    /* Fills `buffer` from `offset` on with 1..room bytes. Called on the loop's thread, so it must
     * not wait for anything but a disk. May be asked for an offset again. */
    enum kn_status (*read)(void *arg, int64_t offset, void *buffer, size_t room, size_t *ret_got,
                           struct kn_error *err);
    void *arg;
};

/* A field of multipart/form-data. */
struct kn_http_part {
    const char *name;
    const char *filename, *content_type; /* NULL: none, as for plain fields */
    const void *data;
    size_t size;
    const struct kn_http_source *source; /* instead of data and size; NULL: those */
};

/* Everything is borrowed until kn_http_perform returns. At most one of body, parts and source. */
struct kn_http_request {
    const char *method; /* NULL: GET, or POST with a body; HEAD is not for this client */
    const char *url;    /* http or https; INVALID otherwise */
    const struct kn_http_header *headers;
    int header_count;
    const void *body;
    size_t body_size;
    const struct kn_http_part *parts;
    int part_count;
    const struct kn_http_source *source;
    int64_t connect_ms; /* 0: 10 s */
    int64_t limit_ms;   /* for all of it, with the wait for a connection; 0: none. TIMEOUT */
    int64_t stall_ms;   /* connected, but no byte in either direction; 0: no limit. TIMEOUT */
    bool once;          /* goes out on a new connection only if the server cannot have seen all of
                           it, whatever its method is */
    size_t answer_max;  /* bytes of the answer's body; more is LIMIT. 0: 16 MiB */
    /* Hears how many bytes of the body are sent, on the loop's thread; must be quick. May be NULL.
     */
    void (*sent)(void *arg, int64_t bytes);
    void *sent_arg;
};

/* In the arena given to kn_http_perform. */
struct kn_http_answer {
    int status; /* 200; whatever came */
    const struct kn_http_header *headers;
    int header_count;
    const char *body; /* with a closing NUL that `size` does not count */
    size_t size;
    int64_t total_us; /* since the request was handed over */
};

/*
 * KN_OK: an answer came, of whatever status. IO: the connection was refused, cut or never made;
 * TIMEOUT; LIMIT; INVALID: the request cannot be sent as it is; DENIED: the certificate is not
 * trusted; CANCELLED: at once, the transfer with it. The sentence names the host and the port,
 * never the query or a header.
 *
 * *ret_sent (may be NULL) is set in every case: could the server have seen a whole request? While
 * it is false, sending again is safe whatever the request does.
 */
enum kn_status kn_http_perform(struct kn_http *http, const struct kn_http_request *request,
                               struct kn_cancel *cancel, struct kn_arena *arena,
                               struct kn_http_answer *ret_answer, bool *ret_sent,
                               struct kn_error *err);

/* The value of a header by its name in any case; NULL: there is none. */
const char *kn_http_header(const struct kn_http_answer *answer, const char *name);
/* Retry-After (RFC 9110, section 10.2.3: seconds or a date) or retry-after-ms in milliseconds from
 * `wall_us` on; -1: neither is there, or they make no sense. */
int64_t kn_http_retry_after_ms(const struct kn_http_answer *answer, int64_t wall_us);

/* When it was made by the server's clock, to a second (Date; RFC 9110, section 6.6.1), wall clock;
 * 0: it does not say, or comes from a cache, which may have kept it for long. */
int64_t kn_http_date_us(const struct kn_http_answer *answer);

/* Is the URL one of this machine (localhost, 127.0.0.0/8, ::1)? */
bool kn_url_is_loopback(const char *url);
/* "https://api.openai.com:8443" of a URL, for sentences; in `arena`. */
const char *kn_url_origin(struct kn_arena *arena, const char *url);

#endif
