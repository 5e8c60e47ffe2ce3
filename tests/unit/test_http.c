#include "http_help.h"

#include <limits.h>
#include <spawn.h>
#include <sys/wait.h>

#include <microhttpd.h>

#include "base/file.h"
#include "net/server.h"
#include "support/temp_folder.h"

/* ---- against our own server ---- */

enum { BIG_BYTES = 3 << 20 };

static char big[BIG_BYTES];

static const char *name_or_none(const char *name)
{
    return name ? name : "-";
}

/* What came in, as text: what the client has to have sent. */
static void describe(void *arg, const struct kn_exchange *exchange, struct kn_reply *reply)
{
    (void)arg;
    struct kn_str text = {0};
    static const char *const shown[] = {"content-type", "expect", "x-empty", "x-key", "user-agent"};
    kn_str_printf(&text, "%s %s", exchange->method, exchange->path);
    for (int i = 0; i < exchange->query_count; i++)
        kn_str_printf(&text, " ?%s=%s", exchange->query[i].name,
                      (const char *)exchange->query[i].data);
    for (size_t i = 0; i < KN_COUNT_OF(shown); i++) {
        const struct kn_server_field *header = kn_server_header(exchange, shown[i]);
        if (header && !strstr(header->data, "boundary"))
            kn_str_printf(&text, " %s:%s", shown[i], (const char *)header->data);
    }
    if (exchange->body_size)
        kn_str_printf(&text, " body %zu%s", exchange->body_size,
                      exchange->body_size == BIG_BYTES &&
                              memcmp(exchange->body, big, BIG_BYTES) == 0
                          ? " whole"
                          : "");
    for (int i = 0; i < exchange->part_count; i++) {
        const struct kn_server_field *part = &exchange->parts[i];
        bool whole = part->size == BIG_BYTES && memcmp(part->data, big, BIG_BYTES) == 0;
        kn_str_printf(&text, " [%s %s %s %s]", part->name, name_or_none(part->filename),
                      name_or_none(part->content_type), whole ? "big" : (const char *)part->data);
    }
    reply->body = kn_arena_strdup(exchange->arena, kn_str_text(&text));
    reply->size = text.length;
    reply->content_type = "text/plain";
    kn_str_free(&text);
}

static struct kn_server *server_open(void (*handle)(void *arg, const struct kn_exchange *exchange,
                                                    struct kn_reply *reply),
                                     void *arg)
{
    struct kn_server_options options = {.handle = handle, .arg = arg};
    struct kn_server *server = NULL;
    assert_int_equal(kn_server_open(&options, &server, NULL), KN_OK);
    return server;
}

static enum kn_status read_big(void *arg, int64_t offset, void *buffer, size_t room,
                               size_t *ret_got, struct kn_error *err)
{
    (void)err;
    size_t size = KN_MIN(room, 10007); /* less than there is room for */
    size = KN_MIN(size, (size_t)(BIG_BYTES - offset));
    memcpy(buffer, big + offset, size);
    *ret_got = size;
    if (arg)
        *(int *)arg += 1;
    return KN_OK;
}

static void note_sent(void *arg, int64_t bytes)
{
    *(int64_t *)arg = bytes;
}

static void requests_arrive_as_they_were_given(void **state)
{
    (void)state;
    static const struct kn_http_header key[] = {{"X-Key", "a b"}, {"X-Empty", ""}};
    static const struct kn_http_header json[] = {{"Content-Type", "application/json"}};
    static const struct kn_http_part parts[] = {
        {"tags[]", NULL, NULL, "one", 3},
        {"tags[]", NULL, NULL, "", 0},
        {"tags[]", NULL, NULL, "two", 3},
        {"file", "a.wav", "audio/wav", big, BIG_BYTES},
    };
    static const struct kn_http_source source = {.size = BIG_BYTES, .read = read_big};
    static const struct kn_http_part read_parts[] = {
        {"tags[]", NULL, NULL, "one", 3},
        {"file", "a.wav", "audio/wav", .source = &source},
    };
    static const struct {
        const char *path, *seen;
        struct kn_http_request request;
    } cases[] = {
        {"/a%20b?q=1&r=%26", "GET /a b ?q=1 ?r=& user-agent:kirinuki/" KN_VERSION, {0}},
        {"/",
         "GET / x-empty: x-key:a b user-agent:kirinuki/" KN_VERSION,
         {.headers = key, .header_count = 2}},
        {"/",
         "POST / content-type:application/json user-agent:kirinuki/" KN_VERSION " body 2",
         {.body = "{}", .body_size = 2, .headers = json, .header_count = 1}},
        {"/",
         "POST / user-agent:kirinuki/" KN_VERSION " body 3145728 whole",
         {.body = big, .body_size = BIG_BYTES}},
        {"/",
         "PUT / user-agent:kirinuki/" KN_VERSION " body 3145728 whole",
         {.method = "PUT", .source = &source}},
        {"/", "POST / user-agent:kirinuki/" KN_VERSION, {.body = "", .body_size = 0}},
        {"/", "DELETE / user-agent:kirinuki/" KN_VERSION, {.method = "DELETE"}},
        {"/",
         "PATCH / user-agent:kirinuki/" KN_VERSION " body 1",
         {.method = "PATCH", .body = "x", .body_size = 1}},
        {"/",
         "POST / user-agent:kirinuki/" KN_VERSION
         " [tags[] - - one] [tags[] - - ] [tags[] - - two] [file a.wav audio/wav big]",
         {.parts = parts, .part_count = 4}},
        {"/",
         "POST / user-agent:kirinuki/" KN_VERSION " [tags[] - - one] [file a.wav audio/wav big]",
         {.parts = read_parts, .part_count = 2}},
    };
    struct kn_server *server = server_open(describe, NULL);
    struct client client = client_open(NULL);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        int64_t sent_bytes = 0;
        struct kn_http_request request = cases[i].request;
        request.url = url_at(&client, kn_server_port(server), cases[i].path);
        request.sent = note_sent;
        request.sent_arg = &sent_bytes;
        struct outcome outcome = perform(client.http, request, NULL, client.arena);
        assert_outcome(&outcome, KN_OK, true, NULL);
        assert_int_equal(outcome.answer.status, 200);
        assert_string_equal(outcome.answer.body, cases[i].seen);
        assert_int_equal(outcome.answer.size, strlen(cases[i].seen));
        assert_string_equal(kn_http_header(&outcome.answer, "CONTENT-type"), "text/plain");
        assert_null(kn_http_header(&outcome.answer, "content"));
        assert_true(outcome.answer.total_us > 0);
        if (strstr(cases[i].seen, "whole"))
            assert_int_equal(sent_bytes, BIG_BYTES);
    }
    client_close(&client);
    kn_server_close(server);
}

static void requests_that_cannot_be_sent_are_refused(void **state)
{
    (void)state;
    static const struct kn_http_header broken = {"Authorization", "Bearer secret\r\nX: 1"};
    static const struct kn_http_header nul_name = {"", "x"}, space = {"A B", "x"};
    static const struct kn_http_header length = {"content-LENGTH", "1"};
    static const struct kn_http_part part = {"a\nb", NULL, NULL, "", 0};
    static const struct kn_http_request cases[] = {
        {.url = NULL},
        {.url = ""},
        {.url = "secret"},
        {.url = "ftp://127.0.0.1/secret"},
        {.url = "file:///etc/secret"},
        {.url = "http://"},
        {.url = "http://127.0.0.1:99999/secret"},
        {.url = "http://user:secret@127.0.0.1/"},
        {.url = "http://127.0.0.1/a b?secret"},
        {.url = "http://127.0.0.1/\r\nsecret: 1"},
        {.url = "http://127.0.0.1/?secret", .headers = &broken, .header_count = 1},
        {.url = "http://127.0.0.1/?secret", .headers = &nul_name, .header_count = 1},
        {.url = "http://127.0.0.1/?secret", .headers = &space, .header_count = 1},
        {.url = "http://127.0.0.1/?secret", .headers = &length, .header_count = 1},
        {.url = "http://127.0.0.1/?secret", .method = "GET / HTTP/1.1\r\nsecret:"},
        {.url = "http://127.0.0.1/?secret", .parts = &part, .part_count = 1},
        {.url = "http://127.0.0.1/?secret", .parts = &part, .part_count = 1, .body = "secret"},
    };
    struct client client = client_open(NULL);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct outcome outcome = perform(client.http, cases[i], NULL, client.arena);
        if (outcome.status != KN_INVALID || outcome.sent || strstr(outcome.err.text, "secret"))
            fail_msg("case %d: %s, %s", (int)i, kn_status_name(outcome.status), outcome.err.text);
    }
    client_close(&client);
}

/* Handlers that wait for each other: they only ever end if so many run at once. */
struct crowd {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int wanted, inside, most, in_all;
};

static void join_crowd(void *arg, const struct kn_exchange *exchange, struct kn_reply *reply)
{
    (void)reply;
    struct crowd *crowd = arg;
    int64_t until_us = kn_now_us() + WAIT_MS * INT64_C(1000);
    pthread_mutex_lock(&crowd->lock);
    crowd->inside++;
    crowd->in_all++;
    crowd->most = KN_MAX(crowd->most, crowd->inside);
    pthread_cond_broadcast(&crowd->changed);
    while (crowd->most < crowd->wanted &&
           kn_cond_wait_until(&crowd->changed, &crowd->lock, until_us))
        ;
    pthread_mutex_unlock(&crowd->lock);
    kn_cancel_wait_ms(exchange->cancel, 5); /* for whoever comes on top to be seen */
    pthread_mutex_lock(&crowd->lock);
    crowd->inside--;
    pthread_mutex_unlock(&crowd->lock);
}

enum { CALLS = 100 };

static void perform_many(struct crowd *crowd, const struct kn_http_options *options)
{
    pthread_mutex_init(&crowd->lock, NULL);
    kn_cond_init(&crowd->changed);
    struct kn_server *server = server_open(join_crowd, crowd);
    struct client client = client_open(options);
    struct call calls[CALLS];
    const char *url = url_at(&client, kn_server_port(server), "/");
    for (int i = 0; i < CALLS; i++) {
        calls[i] = (struct call){.http = client.http, .request = {.url = url}};
        call_start(&calls[i]);
    }
    for (int i = 0; i < CALLS; i++) {
        struct outcome outcome = call_join(&calls[i]);
        assert_outcome(&outcome, KN_OK, true, NULL);
        kn_arena_free(calls[i].arena);
    }
    assert_int_equal(crowd->in_all, CALLS);
    client_close(&client);
    kn_server_close(server);
    pthread_cond_destroy(&crowd->changed);
    pthread_mutex_destroy(&crowd->lock);
}

static void a_hundred_requests_run_at_once(void **state)
{
    (void)state;
    struct crowd crowd = {.wanted = CALLS};
    perform_many(&crowd, &(struct kn_http_options){.connections_a_host = CALLS});
    assert_int_equal(crowd.most, CALLS);
}

static void connections_are_bounded(void **state)
{
    (void)state;
    struct crowd crowd = {.wanted = 4};
    perform_many(&crowd, &(struct kn_http_options){.connections_a_host = 4});
    assert_int_equal(crowd.most, 4);
}

/* All together wait longer than the limits, each alone far less. */
enum { PAUSERS = 8, PAUSE_MS = 250, PAUSE_LIMIT_MS = 1500 };

static void pause_shortly(void *arg, const struct kn_exchange *exchange, struct kn_reply *reply)
{
    (void)arg, (void)reply;
    kn_cancel_wait_ms(exchange->cancel, PAUSE_MS);
}

static void waiting_for_a_connection_is_not_connecting(void **state)
{
    (void)state;
    struct kn_server *server = server_open(pause_shortly, NULL);
    struct client client = client_open(&(struct kn_http_options){.connections_a_host = 1});
    struct call calls[PAUSERS];
    for (int i = 0; i < PAUSERS; i++) {
        calls[i] = (struct call){.http = client.http,
                                 .request = {.url = url_at(&client, kn_server_port(server), "/"),
                                             .connect_ms = PAUSE_LIMIT_MS,
                                             .stall_ms = PAUSE_LIMIT_MS}};
        call_start(&calls[i]);
    }
    for (int i = 0; i < PAUSERS; i++) {
        struct outcome outcome = call_join(&calls[i]);
        assert_outcome(&outcome, KN_OK, true, NULL);
        kn_arena_free(calls[i].arena);
    }
    client_close(&client);
    kn_server_close(server);
}

/* ---- TLS ---- */

/* A certificate for localhost that nobody has signed, and its key: by the openssl program, since a
 * key does not belong among sources. False: there is no such program. */
static bool make_certificate(const char *folder, char key[PATH_MAX], char certificate[PATH_MAX])
{
    snprintf(key, PATH_MAX, "%s/key.pem", folder);
    snprintf(certificate, PATH_MAX, "%s/certificate.pem", folder);
    const char *const line[] = {
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        key,
        "-out",
        certificate,
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        NULL,
    };
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child;
    int status = -1;
    bool started = posix_spawnp(&child, line[0], &quiet, NULL, (char **)line, environ) == 0;
    posix_spawn_file_actions_destroy(&quiet);
    return started && waitpid(child, &status, 0) == child && status == 0;
}

static enum MHD_Result say_hi(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **at)
{
    (void)arg, (void)url, (void)method, (void)version, (void)upload, (void)upload_size, (void)at;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(2, (void *)"hi", MHD_RESPMEM_PERSISTENT);
    enum MHD_Result sent = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return sent;
}

static struct MHD_Daemon *tls_server_open(const char *key_path, const char *certificate_path,
                                          int *ret_port)
{
    char *key, *certificate;
    size_t size;
    assert_int_equal(kn_file_read(key_path, 1 << 16, &key, &size, NULL), KN_OK);
    assert_int_equal(kn_file_read(certificate_path, 1 << 16, &certificate, &size, NULL), KN_OK);
    int listener = raw_listen(16, ret_port);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_TLS | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, say_hi, NULL,
                         MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_HTTPS_MEM_KEY, key,
                         MHD_OPTION_HTTPS_MEM_CERT, certificate, MHD_OPTION_END);
    free(key);
    free(certificate);
    return daemon;
}

static void certificates_have_to_be_trusted(void **state)
{
    (void)state;
    char room[PATH_MAX], key[PATH_MAX], certificate[PATH_MAX];
    int port;
    const char *folder = temp_folder_make(room);
    if (!make_certificate(folder, key, certificate)) {
        temp_folder_remove(folder);
        skip();
    }
    struct MHD_Daemon *daemon = tls_server_open(key, certificate, &port);
    assert_non_null(daemon);
    static const enum kn_status expected[] = {KN_DENIED, KN_OK, KN_INVALID};
    const char *const authorities[] = {NULL, certificate, folder};
    for (size_t i = 0; i < KN_COUNT_OF(expected); i++) {
        struct client client =
            client_open(&(struct kn_http_options){.authorities = authorities[i]});
        const char *url = kn_arena_printf(client.arena, "https://127.0.0.1:%d/?secret", port);
        struct outcome outcome =
            perform(client.http, (struct kn_http_request){.url = url, .body = "x", .body_size = 1},
                    NULL, client.arena);
        assert_outcome(&outcome, expected[i], expected[i] == KN_OK, NULL);
        assert_null(strstr(outcome.err.text, "secret"));
        client_close(&client);
    }
    MHD_stop_daemon(daemon);
    temp_folder_remove(folder);
}

static void clear_text_is_no_tls(void **state)
{
    (void)state;
    struct kn_server *server = server_open(describe, NULL);
    struct client client = client_open(NULL);
    const char *url =
        kn_arena_printf(client.arena, "https://127.0.0.1:%d/", kn_server_port(server));
    struct outcome outcome =
        perform(client.http, (struct kn_http_request){.url = url}, NULL, client.arena);
    assert_outcome(&outcome, KN_IO, false, "encrypted connection");
    client_close(&client);
    kn_server_close(server);
}

/* ---- URLs and headers ---- */

static void urls_are_read_as_curl_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *url, *origin;
        bool loopback;
    } cases[] = {
        {"http://localhost/x?y", "http://localhost", true},
        {"http://LocalHost:80/", "http://LocalHost", true},
        {"https://127.0.0.1:8443/v1?key=1", "https://127.0.0.1:8443", true},
        {"http://127.8.9.10", "http://127.8.9.10", true},
        {"http://127.1/", "http://127.0.0.1", true},
        {"http://0x7f000001/", "http://127.0.0.1", true},
        {"http://[::1]:99/", "http://[::1]:99", true},
        {"http://[::ffff:127.0.0.1]/", NULL, true},
        {"https://api.openai.com:443/v1", "https://api.openai.com", false},
        {"https://api.openai.com:8443/v1", "https://api.openai.com:8443", false},
        {"http://key:secret@127.0.0.1.example.com/", "http://127.0.0.1.example.com", false},
        {"http://localhost@example.com/", "http://example.com", false},
        {"http://localhost.example.com/", "http://localhost.example.com", false},
        {"http://10.0.0.1/", "http://10.0.0.1", false},
        {"http://[::2]/", "http://[::2]", false},
        {"localhost", "an address that is not a URL", false},
        {"", "an address that is not a URL", false},
        {NULL, "an address that is not a URL", false},
    };
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        if (kn_url_is_loopback(cases[i].url) != cases[i].loopback)
            fail_msg("%s: loopback", cases[i].url);
        if (cases[i].origin)
            assert_string_equal(kn_url_origin(arena, cases[i].url), cases[i].origin);
    }
    kn_arena_free(arena);
}

static void waits_are_read_from_headers(void **state)
{
    (void)state;
    static const int64_t wall_us = INT64_C(1445412480000000); /* 2015-10-21 07:28:00 */
    static const struct {
        const char *name, *value;
        int64_t wait_ms;
    } cases[] = {
        {"Retry-After", "0", 0},
        {"retry-after", "120", 120000},
        {"RETRY-AFTER", "Wed, 21 Oct 2015 07:28:30 GMT", 30000},
        {"Retry-After", "Wednesday, 21-Oct-15 07:29:00 GMT", 60000},
        {"Retry-After", "Wed Oct 21 07:28:07 2015", 7000},
        {"Retry-After", "Wed, 21 Oct 2015 07:00:00 GMT", 0},
        {"Retry-After", "Wed, 21 Oct 2099 07:00:00 GMT", -1},
        {"Retry-After", "Wed, 21 Oct 2000000000 07:00:00 GMT", -1},
        {"Retry-After", "-1", -1},
        {"Retry-After", "1.5", -1},
        {"Retry-After", "soon", -1},
        {"Retry-After", "", -1},
        {"Retry-After", "99999999999999999999", -1},
        {"Retry-After", "20151021", 20151021000},
        {"Retry-After", "2015-10-21", -1},
        {"retry-after-ms", "1500", 1500},
        {"Retry-After-Ms", "0.2", 1},
        {"retry-after-ms", "nan", -1},
        {"retry-after-ms", "-5", -1},
        {"retry-after-ms", "1e300", -1},
        {"X-Retry-After", "5", -1},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_http_header header = {cases[i].name, cases[i].value};
        struct kn_http_answer answer = {.headers = &header, .header_count = 1};
        int64_t wait_ms = kn_http_retry_after_ms(&answer, wall_us);
        if (wait_ms != cases[i].wait_ms)
            fail_msg("%s: %s is %lld ms", cases[i].name, cases[i].value, (long long)wait_ms);
    }
    static const struct kn_http_header both[] = {{"Retry-After", "2"}, {"Retry-After-Ms", "1700"}};
    assert_int_equal(
        kn_http_retry_after_ms(&(struct kn_http_answer){.headers = both, .header_count = 2}, 0),
        1700);
}

static void dates_are_read_from_headers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        int64_t at_us;
    } cases[] = {
        {"Date", "Wed, 21 Oct 2015 07:28:00 GMT", INT64_C(1445412480000000)},
        {"date", "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799000000)},
        {"Date", "Wed, 21 Oct 2000000000 07:28:00 GMT", 0}, /* more than microseconds can say */
        {"Date", "Thu, 01 Jan 1914 00:00:00 GMT", 0},
        {"Date", "today", 0},
        {"Expires", "Wed, 21 Oct 2015 07:28:00 GMT", 0},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const struct kn_http_header headers[] = {{cases[i].name, cases[i].value}, {"Age", "5"}};
        struct kn_http_answer answer = {.headers = headers, .header_count = 1};
        int64_t at_us = kn_http_date_us(&answer);
        if (at_us != cases[i].at_us)
            fail_msg("%s: %s is %lld us", cases[i].name, cases[i].value, (long long)at_us);
        answer.header_count = 2; /* from a cache */
        assert_int_equal(kn_http_date_us(&answer), 0);
    }
}

int main(void)
{
    for (int i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 31 + (i >> 8));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_arrive_as_they_were_given),
        cmocka_unit_test(requests_that_cannot_be_sent_are_refused),
        cmocka_unit_test(a_hundred_requests_run_at_once),
        cmocka_unit_test(connections_are_bounded),
        cmocka_unit_test(waiting_for_a_connection_is_not_connecting),
        cmocka_unit_test(certificates_have_to_be_trusted),
        cmocka_unit_test(clear_text_is_no_tls),
        cmocka_unit_test(urls_are_read_as_curl_reads_them),
        cmocka_unit_test(waits_are_read_from_headers),
        cmocka_unit_test(dates_are_read_from_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
