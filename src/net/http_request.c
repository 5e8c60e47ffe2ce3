/* From a request to a curl handle. */
#include <ctype.h>
#include <string.h>

#include "net/http_internal.h"

enum {
    CONNECT_MS = 10000,
    ANSWER_BYTES = 16 << 20,
    /* Smaller bodies leave in one piece with the head; curl reads larger ones as it sends. */
    SMALL_BODY_BYTES = 32 << 10,
};

/* Options fail for want of memory alone; the others are known to the oldest curl we build with. */
static void must(CURLcode code)
{
    if (code == CURLE_OUT_OF_MEMORY)
        kn_out_of_memory();
}

/* ---- what may be sent ---- */

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text)
{
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("!#$%&'*+-.^_`|~", *at))
            return false;
    return *text != 0;
}

/* Text that can't end the line it stands on. */
static bool is_line(const char *text)
{
    for (const char *at = text; at && *at; at++)
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
            return false;
    return true;
}

static bool given(const struct kn_http_request *request, const char *name)
{
    return kn_http_header_in(request->headers, request->header_count, name) != NULL;
}

static bool has_body(const struct kn_http_request *request)
{
    return request->body || request->parts || request->source;
}

static enum kn_status check(const struct kn_http_request *request, const char *place,
                            struct kn_error *err)
{
    const char *wrong = NULL;
    for (int i = 0; i < request->header_count; i++)
        if (!is_token(request->headers[i].name) || !request->headers[i].value ||
            !is_line(request->headers[i].value))
            wrong = "a header that is not one line of text (is there a line break in a key?)";
    for (int i = 0; i < request->part_count; i++)
        if (!request->parts[i].name || !is_line(request->parts[i].name) ||
            !is_line(request->parts[i].filename) || !is_line(request->parts[i].content_type))
            wrong = "a part whose name or type is not one line of text";
    for (int i = 0; i < request->part_count; i++)
        if (request->parts[i].source && request->parts[i].source->size < 0)
            wrong = "a part of unknown length";
    if (given(request, "content-length") || given(request, "transfer-encoding"))
        wrong = "a length of its own";
    if (request->method && !is_token(request->method))
        wrong = "a method that is none";
    if (!!request->body + !!request->parts + !!request->source > 1)
        wrong = "more than one body";
    if (request->source && request->source->size < 0)
        wrong = "a body of unknown length";
    if (wrong)
        return kn_error_set(err, KN_INVALID, "a request to %s has %s", place, wrong);
    return KN_OK;
}

/* ---- the parts of a handle ---- */

static void add_header(struct kn_http_transfer *transfer, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (!longer)
        kn_out_of_memory();
    transfer->headers = longer;
}

static void set_headers(struct kn_http_transfer *transfer, struct kn_arena *arena)
{
    const struct kn_http_request *request = transfer->request;
    add_header(transfer, "Expect:"); /* would wait a second for servers that do not know it */
    if (!request->parts && !given(request, "content-type"))
        add_header(transfer, "Content-Type:"); /* curl would call everything a web form */
    for (int i = 0; i < request->header_count; i++) {
        const struct kn_http_header *header = &request->headers[i];
        /* "Name;" is how curl wants headers without a value. */
        bool empty = header->value[strspn(header->value, " \t")] == 0;
        add_header(transfer,
                   kn_arena_printf(arena, empty ? "%s;" : "%s: %s", header->name, header->value));
    }
    must(curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers));
}

static void set_feed(struct kn_http_transfer *transfer, struct kn_http_feed *feed)
{
    CURL *easy = transfer->easy;
    must(curl_easy_setopt(easy, CURLOPT_READFUNCTION, kn_http_feed_read));
    must(curl_easy_setopt(easy, CURLOPT_READDATA, feed));
    must(curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, kn_http_feed_seek));
    must(curl_easy_setopt(easy, CURLOPT_SEEKDATA, feed));
    must(curl_easy_setopt(easy, CURLOPT_POST, 1L));
    must(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)feed->size));
}

static struct kn_http_feed *feed_new(struct kn_http_transfer *transfer, struct kn_arena *arena,
                                     int64_t size)
{
    struct kn_http_feed *feed = kn_arena_alloc(arena, sizeof *feed);
    feed->transfer = transfer;
    feed->size = size;
    feed->whole = size == 0;
    transfer->feeds_left += !feed->whole;
    return feed;
}

static void set_body(struct kn_http_transfer *transfer, struct kn_arena *arena)
{
    const struct kn_http_request *request = transfer->request;
    CURL *easy = transfer->easy;
    if (request->source && request->source->size > 0) {
        struct kn_http_feed *feed = feed_new(transfer, arena, request->source->size);
        feed->source = request->source;
        set_feed(transfer, feed);
    } else if (request->body && request->body_size > SMALL_BODY_BYTES) {
        struct kn_http_feed *feed = feed_new(transfer, arena, (int64_t)request->body_size);
        feed->data = request->body;
        set_feed(transfer, feed);
    } else {
        const char *body = request->body && request->body_size ? request->body : "";
        must(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body));
        must(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size));
    }
}

static void set_parts(struct kn_http_transfer *transfer, struct kn_arena *arena)
{
    const struct kn_http_request *request = transfer->request;
    transfer->mime = curl_mime_init(transfer->easy);
    for (int i = 0; i < request->part_count; i++) {
        const struct kn_http_part *given_part = &request->parts[i];
        curl_mimepart *part = curl_mime_addpart(transfer->mime);
        const struct kn_http_source *source = given_part->source;
        int64_t size = source ? source->size : (int64_t)given_part->size;
        struct kn_http_feed *feed = feed_new(transfer, arena, size);
        feed->data = source ? NULL : given_part->data;
        feed->source = source;
        must(curl_mime_name(part, given_part->name));
        must(curl_mime_filename(part, given_part->filename));
        must(curl_mime_type(part, given_part->content_type));
        if (size)
            must(curl_mime_data_cb(part, (curl_off_t)size, kn_http_feed_read, kn_http_feed_seek,
                                   NULL, feed));
        else
            must(curl_mime_data(part, "", 0));
    }
    must(curl_easy_setopt(transfer->easy, CURLOPT_MIMEPOST, transfer->mime));
}

static void set_method(struct kn_http_transfer *transfer, struct kn_arena *arena)
{
    static const char *const repeatable[] = {"GET", "PUT", "DELETE", "OPTIONS", "TRACE"};
    const struct kn_http_request *request = transfer->request;
    const char *method = request->method ? request->method : has_body(request) ? "POST" : "GET";
    for (size_t i = 0; i < KN_COUNT_OF(repeatable); i++)
        transfer->repeatable |= strcmp(method, repeatable[i]) == 0; /* RFC 9110, section 9.2.2 */
    transfer->repeatable &= !request->once;
    bool empty_body =
        !has_body(request) &&
        (strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0);
    if (request->parts)
        set_parts(transfer, arena);
    else if (has_body(request) || empty_body)
        set_body(transfer, arena);
    must(curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, method));
    must(curl_easy_setopt(transfer->easy, CURLOPT_MAXFILESIZE_LARGE,
                          (curl_off_t)transfer->answer_max));
}

static void set_connection(struct kn_http_transfer *transfer, const struct kn_http *http,
                           const struct kn_url_facts *facts)
{
    const struct kn_http_request *request = transfer->request;
    CURL *easy = transfer->easy;
    long connect_ms = request->connect_ms ? (long)request->connect_ms : CONNECT_MS;
    must(curl_easy_setopt(easy, CURLOPT_URL, request->url));
    must(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https"));
    must(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
    /* Or the end of a request would wait for a resolver that does not answer. */
    must(curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L));
    must(curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms));
    must(curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L));
    must(curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L));
    must(curl_easy_setopt(easy, CURLOPT_USERAGENT, "kirinuki/" KN_VERSION));
    if (http->authorities)
        must(curl_easy_setopt(easy, CURLOPT_CAINFO, http->authorities));
    if (facts->loopback)
        must(curl_easy_setopt(easy, CURLOPT_PROXY, "")); /* whatever the environment says */
    /* Whoever comes while the first connection is still being made waits to hear whether it takes
     * many requests; in clear text it never does. */
    must(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                          facts->tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1));
    must(curl_easy_setopt(easy, CURLOPT_PIPEWAIT, facts->tls ? 1L : 0L));
}

enum kn_status kn_http_transfer_open(struct kn_http_transfer *transfer, const struct kn_http *http,
                                     const struct kn_http_request *request, struct kn_arena *arena,
                                     struct kn_error *err)
{
    struct kn_url_facts facts;
    *transfer = (struct kn_http_transfer){.request = request};
    enum kn_status status = kn_url_check(request->url, arena, &facts, err);
    if (status == KN_OK)
        status = check(request, facts.place, err);
    if (status != KN_OK)
        return status;
    transfer->place = facts.place;
    transfer->answer_max = request->answer_max ? request->answer_max : ANSWER_BYTES;
    transfer->easy = curl_easy_init();
    if (!transfer->easy)
        kn_out_of_memory();
    set_connection(transfer, http, &facts);
    set_headers(transfer, arena);
    set_method(transfer, arena);
    kn_http_transfer_listen(transfer);
    return KN_OK;
}

void kn_http_transfer_close(struct kn_http_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_mime_free(transfer->mime);
    curl_slist_free_all(transfer->headers);
    free(transfer->answer);
}
