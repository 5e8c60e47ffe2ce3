/* Bodies that are taken as they come: of any size, refused, cut, or never finished. */
#include "net_help.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "base/sync.h"
#include "net/server.h"

enum { BLOCK = 65536 };

/* What a path asks for, and what was seen of its body. */
struct sink {
    struct stage *stage;
    int64_t came;
    uint64_t sum;
    int64_t most; /* then ENOUGH; 0: no limit */
    int64_t cut;  /* then CUT; 0: never */
    bool waits;   /* with the first block, for the end of the server */
    bool handled;
    struct kn_cancel *cancel;
};

struct stage {
    struct kn_server *server;
    int port;
    struct gate begun, taken, done;
    atomic_int handled;
    atomic_llong came; /* of the last sink that is done */
    atomic_ullong sum;
};

static enum kn_take take(void *context, const void *data, size_t size)
{
    struct sink *sink = context;
    const unsigned char *bytes = data;
    sink->came += (int64_t)size;
    for (size_t i = 0; i < size; i += 97)
        sink->sum += bytes[i];
    gate_add(&sink->stage->taken);
    if (sink->waits)
        kn_cancel_wait_ms(sink->cancel, WAIT_MS);
    if (sink->cut && sink->came >= sink->cut)
        return KN_TAKE_CUT;
    return sink->most && sink->came >= sink->most ? KN_TAKE_ENOUGH : KN_TAKE_MORE;
}

static void done(void *context)
{
    struct sink *sink = context;
    struct stage *stage = sink->stage;
    atomic_store(&stage->came, sink->came);
    atomic_store(&stage->sum, sink->sum);
    free(sink);
    gate_add(&stage->done);
}

static void begin(void *arg, const struct kn_exchange *head, struct kn_server_intake *intake,
                  struct kn_reply *reply)
{
    static const char no[] = "{\"no\":true}";
    struct stage *stage = arg;
    const char *path = head->path;
    gate_add(&stage->begun);
    assert_int_equal(head->body_size, 0);
    if (strcmp(path, "/kept") == 0)
        return;
    if (strcmp(path, "/refused") == 0) {
        const struct kn_server_field *why = kn_server_query(head, "status");
        intake->way = KN_INTAKE_ANSWERED;
        *reply = (struct kn_reply){.status = why ? (int)strtol(why->data, NULL, 10) : 403,
                                   .body = no,
                                   .size = sizeof no - 1};
        return;
    }
    struct sink *sink = calloc(1, sizeof *sink);
    *sink = (struct sink){.stage = stage,
                          .most = strcmp(path, "/enough") == 0 ? 100000 : 0,
                          .cut = strcmp(path, "/cut") == 0 ? 100000 : 0,
                          .waits = strcmp(path, "/waits") == 0,
                          .cancel = head->cancel};
    *intake = (struct kn_server_intake){KN_INTAKE_STREAM, sink, take, done};
}

static void handle(void *arg, const struct kn_exchange *exchange, struct kn_reply *reply)
{
    struct stage *stage = arg;
    const struct sink *sink = exchange->context;
    char *text = kn_arena_printf(exchange->arena, "%s came %lld kept %zu", exchange->method,
                                 sink ? (long long)sink->came : -1, exchange->body_size);
    atomic_fetch_add(&stage->handled, 1);
    reply->status = sink && sink->most ? 413 : 200;
    reply->body = text;
    reply->size = strlen(text);
}

static void stage_open(struct stage *stage, int64_t idle_ms)
{
    struct kn_server_options options = {
        .begin = begin, .handle = handle, .arg = stage, .body_max = 1 << 20, .idle_ms = idle_ms};
    *stage = (struct stage){.begun = GATE_INIT, .taken = GATE_INIT, .done = GATE_INIT};
    assert_int_equal(kn_server_open(&options, &stage->server, NULL), KN_OK);
    stage->port = kn_server_port(stage->server);
}

static void stage_close(struct stage *stage)
{
    kn_server_close(stage->server);
}

/* Sends `count` blocks; false: the server takes no more. */
static bool send_blocks(int fd, int64_t bytes, bool chunked, uint64_t *ret_sum)
{
    static unsigned char block[BLOCK];
    for (int64_t sent = 0; sent < bytes;) {
        size_t size = (size_t)KN_MIN((int64_t)sizeof block, bytes - sent);
        char head[32];
        for (size_t i = 0; ret_sum && i < size; i++)
            block[i] = (unsigned char)(i * 31 + (size_t)sent);
        snprintf(head, sizeof head, "%zx\r\n", size);
        if ((chunked && !raw_send(fd, head)) || !raw_send_bytes(fd, block, size) ||
            (chunked && !raw_send(fd, "\r\n")))
            return false;
        sent += (int64_t)size;
    }
    return !chunked || raw_send(fd, "0\r\n\r\n");
}

static void expect_end(int fd, const char *wanted)
{
    KN_SCOPED_STR answer = {0};
    assert_true(raw_read_all(fd, &answer, WAIT_MS));
    close(fd);
    if (!strstr(kn_str_text(&answer), wanted))
        fail_msg("no \"%s\" in \"%s\"", wanted, kn_str_text(&answer));
}

static void test_larger_than_what_is_kept(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, 0);
    uint64_t sum = 0;
    int fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "PUT /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n"
                             "Connection: close\r\n\r\n"));
    assert_true(send_blocks(fd, 5000000, false, &sum));
    expect_end(fd, "PUT came 5000000 kept 0");
    fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                             "Connection: close\r\n\r\n"));
    assert_true(send_blocks(fd, 5000000, true, &sum));
    expect_end(fd, "POST came 5000000 kept 0");
    stage_close(&stage);
    gate_wait(&stage.done, 2);
}

static void test_kept_as_before(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, 0);
    int fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "POST /kept HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                             "Connection: close\r\n\r\nhello"));
    expect_end(fd, "POST came -1 kept 5");
    fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    expect_end(fd, "GET came 0 kept 0");
    stage_close(&stage);
}

/* The answer is there although nobody read the body, and reaches a peer that sends on. */
static void test_answered_at_the_head(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, 0);
    int fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "PUT /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000000\r\n"
                             "Expect: 100-continue\r\n\r\n"));
    KN_SCOPED_STR head = {0};
    assert_true(raw_read_head(fd, &head));
    assert_true(kn_starts_with(kn_str_text(&head), "HTTP/1.1 403"));
    (void)send_blocks(fd, 3000000, false, NULL);
    shutdown(fd, SHUT_WR);
    expect_end(fd, "{\"no\":true}");
    fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "PUT /refused?status=401 HTTP/1.1\r\nHost: a\r\n"
                             "Content-Length: 9000000\r\n\r\n"));
    assert_true(send_blocks(fd, 9000000, false, NULL)); /* is taken, and counts for nothing */
    shutdown(fd, SHUT_WR);
    expect_end(fd, "HTTP/1.1 401");
    assert_int_equal(atomic_load(&stage.handled), 0);
    stage_close(&stage);
}

static void test_refused_in_the_middle(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, 0);
    int fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "PUT /enough HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n"
                             "Connection: close\r\n\r\n"));
    assert_true(send_blocks(fd, 3000000, false, NULL));
    expect_end(fd, "HTTP/1.1 413");
    stage_close(&stage);
    gate_wait(&stage.done, 1);
    assert_in_range(atomic_load(&stage.came), 100000, 200000);
}

static void test_cut_in_the_middle(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, 0);
    int fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "PUT /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n"));
    (void)send_blocks(fd, 30000000, false, NULL);
    KN_SCOPED_STR answer = {0};
    assert_true(raw_read_all(fd, &answer, WAIT_MS));
    close(fd);
    assert_string_equal(kn_str_text(&answer), "");
    gate_wait(&stage.done, 1);
    assert_int_equal(atomic_load(&stage.handled), 0);
    stage_close(&stage);
}

static void test_peer_goes_in_the_middle(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, 0);
    int fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "PUT /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n"));
    assert_true(send_blocks(fd, 500000, false, NULL));
    close(fd);
    gate_wait(&stage.done, 1);
    assert_int_equal(atomic_load(&stage.came), 500000);
    assert_int_equal(atomic_load(&stage.handled), 0);
    stage_close(&stage);
}

/* A peer that stalls in its body is cut by the clock of its connection. */
static void test_peer_stalls_in_the_middle(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, 1000);
    int fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "PUT /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\nabc"));
    gate_wait(&stage.done, 1);
    assert_int_equal(atomic_load(&stage.handled), 0);
    close(fd);
    stage_close(&stage);
}

static void test_server_closes_in_the_middle(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, 0);
    int busy = raw_connect(stage.port), idle = raw_connect(stage.port);
    assert_true(
        raw_send(busy, "PUT /waits HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\nabc"));
    assert_true(
        raw_send(idle, "PUT /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\nabc"));
    gate_wait(&stage.taken, 2);
    stage_close(&stage);
    gate_wait(&stage.done, 2);
    assert_int_equal(atomic_load(&stage.handled), 0);
    close(busy);
    close(idle);
}

static long resident_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* KN_HUGE=1: 4 GiB through one connection, in flat memory. */
static void test_four_gibibytes(void **state)
{
    (void)state;
    if (!getenv("KN_HUGE"))
        skip();
    struct stage stage;
    stage_open(&stage, 0);
    int fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "PUT /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 4294967296\r\n"
                             "Connection: close\r\n\r\n"));
    assert_true(send_blocks(fd, 64 << 20, false, NULL));
    long before = resident_kib();
    assert_true(send_blocks(fd, INT64_C(4294967296) - (64 << 20), false, NULL));
    expect_end(fd, "PUT came 4294967296 kept 0");
    assert_true(resident_kib() - before < 4096);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_larger_than_what_is_kept),
        cmocka_unit_test(test_kept_as_before),
        cmocka_unit_test(test_answered_at_the_head),
        cmocka_unit_test(test_refused_in_the_middle),
        cmocka_unit_test(test_cut_in_the_middle),
        cmocka_unit_test(test_peer_goes_in_the_middle),
        cmocka_unit_test(test_peer_stalls_in_the_middle),
        cmocka_unit_test(test_server_closes_in_the_middle),
        cmocka_unit_test(test_four_gibibytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
