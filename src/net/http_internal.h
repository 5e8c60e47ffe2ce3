/* What the files of the HTTP client share. */
#ifndef KN_NET_HTTP_INTERNAL_H
#define KN_NET_HTTP_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/list.h"
#include "net/http.h"

struct kn_http {
    CURLM *multi; /* the loop's, but for curl_multi_wakeup */
    char *authorities;
    pthread_t thread;
    _Atomic bool cancels;  /* some transfer was cancelled */
    struct kn_link active; /* transfers; the loop's */

    pthread_mutex_t lock;
    /* Protected by `lock`. */
    struct kn_link incoming; /* transfers */
    bool closing;
    bool asleep; /* the loop waits, or is about to, and has to be woken */
};

/* Why a transfer was stopped by us, if it was. */
enum kn_http_stop {
    KN_HTTP_STOP_NONE,
    KN_HTTP_STOP_CANCELLED,
    KN_HTTP_STOP_LIMIT,  /* limit_ms */
    KN_HTTP_STOP_STALL,  /* stall_ms */
    KN_HTTP_STOP_HEAD,   /* too many bytes of headers */
    KN_HTTP_STOP_BODY,   /* over answer_max */
    KN_HTTP_STOP_SOURCE, /* the source failed, see source_error */
    KN_HTTP_STOP_REPEAT, /* would have been sent twice */
};

struct kn_http_transfer;

/* What curl reads as it sends: a body, or a part of one. */
struct kn_http_feed {
    struct kn_http_transfer *transfer;
    const char *data;                    /* or */
    const struct kn_http_source *source; /* one of the two */
    int64_t size, at;
    bool whole; /* all of it was handed to curl at some time */
};

/* A request on its way: on the stack of the caller, who waits, while the loop works on it. */
struct kn_http_transfer {
    const struct kn_http_request *request;
    const char *place; /* "host:port" */
    CURL *easy;
    struct curl_slist *headers;
    curl_mime *mime;
    size_t answer_max;
    bool repeatable; /* may reach the server twice, by its method */

    /* From the hand-over on the loop's. */
    struct kn_link link;
    int64_t start_us, limit_us; /* limit_us: INT64_MAX without a limit */
    int64_t moved_us;           /* when the last byte moved; 0: not connected yet */
    int64_t moved, uploaded;    /* bytes */
    int feeds_left;             /* that curl has not read as a whole */
    size_t head_bytes;
    bool head_whole; /* of the last answer: there may be some of 1xx before */
    char *answer;    /* malloc */
    size_t size, room;
    enum kn_http_stop stop;
    struct kn_error source_error;
    CURLcode code;
    int64_t end_us;

    _Atomic bool cancelled;
    sem_t done; /* and not a condition, which the caller may free only after a lock */
};

/* Its value; NULL: there is none of that name. */
static inline const char *kn_http_header_in(const struct kn_http_header *headers, int count,
                                            const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcasecmp(headers[i].name, name) == 0)
            return headers[i].value;
    return NULL;
}

/* ---- http_request.c ---- */

/* INVALID: it cannot be sent as it is. */
enum kn_status kn_http_transfer_open(struct kn_http_transfer *transfer, const struct kn_http *http,
                                     const struct kn_http_request *request, struct kn_arena *arena,
                                     struct kn_error *err);
void kn_http_transfer_close(struct kn_http_transfer *transfer);

/* ---- http_transfer.c: what curl calls while it works ---- */

void kn_http_transfer_listen(struct kn_http_transfer *transfer);
/* For CURLOPT_READFUNCTION and curl_mime_data_cb, with a struct kn_http_feed. */
size_t kn_http_feed_read(char *buffer, size_t size, size_t count, void *arg);
int kn_http_feed_seek(void *arg, curl_off_t offset, int origin);

/* ---- http_loop.c ---- */

/* Returns 0 or an errno. */
int kn_http_loop_open(struct kn_http *http);
void kn_http_loop_close(struct kn_http *http);
/* Returns when the transfer has ended in whatever way. */
void kn_http_loop_run(struct kn_http *http, struct kn_http_transfer *transfer,
                      struct kn_cancel *cancel);

/* ---- http_outcome.c ---- */

enum kn_status kn_http_outcome(const struct kn_http_transfer *transfer, struct kn_error *err);

/* ---- url.c ---- */

struct kn_url_facts {
    const char *place; /* "host:port", in the arena */
    bool tls, loopback;
};
/* INVALID: not a URL of http or https, or one with a password. */
enum kn_status kn_url_check(const char *url, struct kn_arena *arena, struct kn_url_facts *ret_facts,
                            struct kn_error *err);

#endif
