#include "net/http.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "net/http_internal.h"

enum {
    CONNECTIONS_A_HOST = 64,
    CONNECTIONS_KEPT = 256, /* to all hosts; beyond, those that idle are closed */
    STREAMS = 100,          /* requests on a connection of HTTP/2 at once */
    RETRY_DAYS = 365,
};

static void start_curl(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        kn_out_of_memory();
}

/* All but the loop. */
static void free_parts(struct kn_http *http)
{
    curl_multi_cleanup(http->multi);
    free(http->authorities);
    free(http);
}

enum kn_status kn_http_open(const struct kn_http_options *options, struct kn_http **ret_http,
                            struct kn_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const struct kn_http_options defaults;
    pthread_once(&once, start_curl);
    options = options ? options : &defaults;
    int connections =
        options->connections_a_host ? options->connections_a_host : CONNECTIONS_A_HOST;
    struct kn_http *http = kn_calloc(1, sizeof *http);
    http->multi = curl_multi_init();
    if (!http->multi)
        kn_out_of_memory();
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)connections);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    curl_multi_setopt(http->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)STREAMS);
    http->authorities = kn_strdup(options->authorities);
    int failed = kn_http_loop_open(http);
    if (failed) {
        free_parts(http);
        return kn_error_errno(err, failed, "cannot start a thread");
    }
    *ret_http = http;
    return KN_OK;
}

void kn_http_close(struct kn_http *http)
{
    if (!http)
        return;
    kn_http_loop_close(http);
    free_parts(http);
}

/* The headers of the last answer: those of 1xx answers and proxies are not among them. */
static void read_headers(CURL *easy, struct kn_arena *arena, struct kn_http_answer *answer)
{
    KN_VEC(struct kn_http_header) headers = {0};
    struct curl_header *at = NULL;
    while ((at = curl_easy_nextheader(easy, CURLH_HEADER, -1, at))) {
        struct kn_http_header header = {kn_arena_strdup(arena, at->name),
                                        kn_arena_strdup(arena, at->value)};
        kn_vec_push(&headers, header);
    }
    answer->headers = kn_vec_to_arena(&headers, arena);
    answer->header_count = headers.count;
    kn_vec_free(&headers);
}

static void read_answer(const struct kn_http_transfer *transfer, struct kn_arena *arena,
                        struct kn_http_answer *ret_answer)
{
    long status = 0;
    char *body = kn_arena_alloc(arena, transfer->size + 1);
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->size)
        memcpy(body, transfer->answer, transfer->size);
    *ret_answer = (struct kn_http_answer){
        .status = (int)status,
        .body = body,
        .size = transfer->size,
        .total_us = transfer->end_us - transfer->start_us,
    };
    read_headers(transfer->easy, arena, ret_answer);
}

enum kn_status kn_http_perform(struct kn_http *http, const struct kn_http_request *request,
                               struct kn_cancel *cancel, struct kn_arena *arena,
                               struct kn_http_answer *ret_answer, bool *ret_sent,
                               struct kn_error *err)
{
    struct kn_http_transfer transfer;
    if (ret_sent)
        *ret_sent = false;
    enum kn_status status = kn_cancel_check(cancel, err);
    if (status == KN_OK)
        status = kn_http_transfer_open(&transfer, http, request, arena, err);
    if (status != KN_OK)
        return status;
    kn_http_loop_run(http, &transfer, cancel);
    status = kn_http_outcome(&transfer, err);
    if (status == KN_OK)
        read_answer(&transfer, arena, ret_answer);
    /* Once connected, curl sends what it has; all of it can have gone when it has read all. */
    if (ret_sent)
        *ret_sent = transfer.moved_us && !transfer.feeds_left;
    kn_http_transfer_close(&transfer);
    return status;
}

const char *kn_http_header(const struct kn_http_answer *answer, const char *name)
{
    return kn_http_header_in(answer->headers, answer->header_count, name);
}

/* -1: it is no date, or one that no sum may be made of: curl knows years of ten digits. */
static int64_t parse_date_s(const char *text)
{
    static const int64_t most_s = INT64_C(253402300799); /* the end of 9999 */
    int64_t at_s = curl_getdate(text, NULL);
    return at_s > most_s ? -1 : at_s;
}

int64_t kn_http_date_us(const struct kn_http_answer *answer)
{
    const char *text = kn_http_header(answer, "date");
    int64_t at_s = text && !kn_http_header(answer, "age") ? parse_date_s(text) : 0;
    return KN_MAX(at_s, 0) * KN_US_PER_S;
}

int64_t kn_http_retry_after_ms(const struct kn_http_answer *answer, int64_t wall_us)
{
    static const long long most_ms = RETRY_DAYS * 86400000LL;
    const char *text = kn_http_header(answer, "retry-after-ms");
    double wait_ms;
    long long seconds;
    if (text && kn_parse_double(text, 0, (double)most_ms, &wait_ms))
        return (int64_t)ceil(wait_ms);
    text = kn_http_header(answer, "retry-after");
    if (!text)
        return -1;
    if (kn_parse_int(text, 0, most_ms / 1000, &seconds))
        return seconds * 1000;
    /* curl_getdate takes a lone number for a date; here it is a wait that makes no sense. */
    if (!strpbrk(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        return -1;
    int64_t at_s = parse_date_s(text);
    int64_t from_now_ms = at_s * 1000 - wall_us / 1000;
    return at_s < 0 || from_now_ms > most_ms ? -1 : KN_MAX(from_now_ms, 0);
}
