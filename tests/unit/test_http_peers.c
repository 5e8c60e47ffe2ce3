/* The client against peers that misbehave, and calls that end early. */
#include "http_help.h"

#include "net/http_internal.h"

enum {
    /* The machine may be busy, so what ends at once has seconds to do so; what it is not to wait
     * for takes longer by far. */
    AT_ONCE_MS = 5000,
    NEVER_MS = 60000,
    UPLOAD_BYTES = 32 << 20,
    ROUNDS = 20,
    RACERS = 10,
};

static char upload[UPLOAD_BYTES];

static void say(int fd, const char *text)
{
    (void)raw_send(fd, text); /* whoever does not listen has gone */
}

/* Until the client goes. */
static void wait_for_end(int fd)
{
    struct kn_str rest = {0};
    (void)raw_read_all(fd, &rest, WAIT_MS);
    kn_str_free(&rest);
}

/* ---- a table of peers: each says its line and ends ---- */

struct saying {
    const char *text;  /* after the request */
    const char *again; /* for ever, until the client goes; NULL: nothing */
    bool stays;        /* says nothing more, and does not close */
};

static void serve_saying(struct peer *peer, int fd, int number)
{
    (void)number;
    const struct saying *saying = peer->arg;
    struct kn_str head = {0};
    if (raw_read_message(fd, &head)) {
        say(fd, saying->text);
        while (saying->again && raw_send(fd, saying->again))
            ;
        if (saying->stays)
            wait_for_end(fd);
    }
    kn_str_free(&head);
}

#define FINE "HTTP/1.1 200 OK\r\n"
static char long_line[200 << 10], kilobyte_header[1024], kilobyte[1025];

static void make_long_texts(void)
{
    memset(long_line, 'a', sizeof long_line - 1);
    memcpy(long_line, FINE "X-Long: ", sizeof FINE "X-Long: " - 1);
    memset(kilobyte, 'b', sizeof kilobyte - 1);
    memset(kilobyte_header, 'c', sizeof kilobyte_header - 3);
    memcpy(kilobyte_header, "X-Again: ", 9);
    memcpy(kilobyte_header + sizeof kilobyte_header - 3, "\r\n", 3);
}

static void peers_may_say_anything(void **state)
{
    (void)state;
    static const struct {
        struct saying saying;
        enum kn_status status;
        const char *what; /* of the answer's body, or of the sentence */
        int code;
    } cases[] = {
        {{FINE "Content-Length: 2\r\n\r\nhi", NULL, true}, KN_OK, "hi", 200},
        {{FINE "\r\nto the end", NULL, false}, KN_OK, "to the end", 200},
        {{FINE "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n",
          NULL, true},
         KN_OK,
         "abcde",
         200},
        {{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" FINE
          "Content-Length: 2\r\n\r\nhi",
          NULL, true},
         KN_OK,
         "hi",
         200},
        {{"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", NULL,
          true},
         KN_OK,
         "",
         302},
        {{"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", NULL, true},
         KN_OK,
         "",
         401},
        {{"HTTP/1.1 204 Nothing\r\n\r\n", NULL, true}, KN_OK, "", 204},
        {{"", NULL, false}, KN_IO, "cut the connection without an answer", 0},
        {{"HTTP/1.1 200 O", NULL, false}, KN_IO, "", 0},
        {{FINE "Content-Le", NULL, false}, KN_IO, "", 0},
        {{FINE "Content-Length: 9\r\n\r\n", NULL, false}, KN_IO, "cut the connection", 0},
        {{FINE "Content-Length: 9\r\n\r\nhalf", NULL, false}, KN_IO, "cut the connection", 0},
        {{FINE "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf", NULL, false}, KN_IO, "cut", 0},
        {{FINE "Transfer-Encoding: chunked\r\n\r\nzz\r\nhalf", NULL, true}, KN_IO, "", 0},
        {{FINE "Content-Length: -5\r\n\r\n", NULL, true}, KN_IO, "", 0},
        {{"SSH-2.0-OpenSSH_9.2\r\n", NULL, true}, KN_IO, "does not answer in HTTP", 0},
        {{"\x16\x03\x01\x02garbage\n\n", NULL, true}, KN_IO, "does not answer in HTTP", 0},
        {{"", NULL, true}, KN_TIMEOUT, "neither sent nor took anything for 200 ms", 0},
        {{FINE "Content-Length: 9\r\n\r\nhalf", NULL, true}, KN_TIMEOUT, "nor took", 0},
        {{FINE, kilobyte_header, false}, KN_LIMIT, "headers", 0},
        {{long_line, kilobyte, false}, KN_LIMIT, "headers", 0},
        {{"", "HTTP/1.1 100 Continue\r\n\r\n", false}, KN_LIMIT, "headers", 0},
        {{FINE "\r\n", kilobyte, false}, KN_LIMIT, "more than 50000 bytes", 0},
        {{FINE "Transfer-Encoding: chunked\r\n\r\n", "4\r\nabcd\r\n", false}, KN_LIMIT, "more", 0},
        {{FINE "Content-Length: 50001\r\n\r\n", NULL, true}, KN_LIMIT, "more than 50000", 0},
        {{FINE "Content-Length: 99999999999999999999\r\n\r\n", NULL, true}, KN_LIMIT, "more", 0},
    };
    struct client client = client_open(NULL);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct peer *peer = kn_malloc(sizeof *peer);
        struct saying saying = cases[i].saying;
        peer_open(peer, serve_saying, &saying);
        struct kn_http_request request = {
            .url = url_at(&client, peer->port, "/?secret"),
            .stall_ms = cases[i].status == KN_TIMEOUT ? 200 : NEVER_MS,
            .answer_max = 50000,
            .body = "secret",
            .body_size = 6,
        };
        struct outcome outcome = perform(client.http, request, NULL, client.arena);
        const char *said = outcome.status == KN_OK ? outcome.answer.body : outcome.err.text;
        bool same = outcome.status == KN_OK ? strcmp(said, cases[i].what) == 0
                                            : strstr(said, cases[i].what) != NULL;
        if (outcome.status != cases[i].status || !same || !outcome.sent || strstr(said, "secret") ||
            (outcome.status == KN_OK && outcome.answer.status != cases[i].code))
            fail_msg("case %d: %s, %s", (int)i, kn_status_name(outcome.status), said);
        peer_close(peer);
        free(peer);
    }
    client_close(&client);
}

/* ---- was it sent? ---- */

static void nobody_listening_has_seen_nothing(void **state)
{
    (void)state;
    int port;
    int listener = raw_listen(1, &port);
    close(listener);
    struct client client = client_open(NULL);
    struct outcome outcome = perform(
        client.http,
        (struct kn_http_request){.url = url_at(&client, port, "/"), .body = "x", .body_size = 1},
        NULL, client.arena);
    assert_outcome(&outcome, KN_IO, false, "Connection refused");
    client_close(&client);
}

/* Reads `*arg` bytes of the body, then resets the connection. */
static void serve_reset(struct peer *peer, int fd, int number)
{
    (void)number;
    struct kn_str head = {0};
    struct linger reset = {.l_onoff = 1};
    if (raw_read_head(fd, &head) && raw_skip(fd, *(long long *)peer->arg))
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    kn_str_free(&head);
    int dummy = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    dup3(dummy, fd, O_CLOEXEC); /* closes it for real; the number stays taken */
    close(dummy);
}

static enum kn_status read_upload(void *arg, int64_t offset, void *buffer, size_t room,
                                  size_t *ret_got, struct kn_error *err)
{
    (void)arg, (void)err;
    size_t size = KN_MIN(room, (size_t)(UPLOAD_BYTES - offset));
    memcpy(buffer, upload + offset, size);
    *ret_got = size;
    return KN_OK;
}
static const struct kn_http_source upload_source = {.size = UPLOAD_BYTES, .read = read_upload};

static void half_a_request_was_not_sent(void **state)
{
    (void)state;
    static const struct kn_http_part parts[] = {
        {"model", NULL, NULL, "x", 1},
        {"file", "a.bin", NULL, upload, UPLOAD_BYTES},
    };
    static const struct kn_http_request requests[] = {
        {.source = &upload_source},
        {.body = upload, .body_size = UPLOAD_BYTES},
        {.parts = parts, .part_count = 2},
    };
    struct client client = client_open(NULL);
    for (size_t i = 0; i < KN_COUNT_OF(requests); i++) {
        for (int whole = 0; whole < 2; whole++) {
            struct peer *peer = kn_malloc(sizeof *peer);
            long long bytes = whole ? UPLOAD_BYTES : 1000;
            peer_open(peer, serve_reset, &bytes);
            struct kn_http_request request = requests[i];
            request.url = url_at(&client, peer->port, "/");
            struct outcome outcome = perform(client.http, request, NULL, client.arena);
            assert_outcome(&outcome, KN_IO, whole, "cut the connection");
            peer_close(peer);
            free(peer);
        }
    }
    client_close(&client);
}

/* Answers before the body has come, and either reads on or does not. */
static void serve_refusal(struct peer *peer, int fd, int number)
{
    (void)number;
    static const char answer[] = "HTTP/1.1 413 Too Large\r\nContent-Length: 7\r\n"
                                 "Connection: close\r\n\r\nsmaller";
    struct kn_str head = {0};
    if (raw_read_head(fd, &head) && raw_skip(fd, 1000) && raw_send(fd, answer) &&
        *(bool *)peer->arg)
        wait_for_end(fd);
    else
        gate_wait(&peer->moment, 1);
    kn_str_free(&head);
}

static void early_refusals_are_heard(void **state)
{
    (void)state;
    struct client client = client_open(NULL);
    for (int reads_on = 0; reads_on < 2; reads_on++) {
        struct peer *peer = kn_malloc(sizeof *peer);
        bool arg = reads_on;
        peer_open(peer, serve_refusal, &arg);
        struct outcome outcome =
            perform(client.http,
                    (struct kn_http_request){.url = url_at(&client, peer->port, "/"),
                                             .source = &upload_source},
                    NULL, client.arena);
        assert_outcome(&outcome, KN_OK, outcome.sent, NULL);
        assert_int_equal(outcome.answer.status, 413);
        assert_string_equal(outcome.answer.body, "smaller");
        gate_add(&peer->moment);
        peer_close(peer);
        free(peer);
    }
    client_close(&client);
}

/* ---- connections that are kept ---- */

/* Answers the first request of its first connection, and cuts at the second; answers all later. */
static void serve_stale(struct peer *peer, int fd, int number)
{
    struct kn_str head = {0};
    for (int i = 0; raw_read_message(fd, &head); i++) {
        atomic_fetch_add(&peer->requests, 1);
        if (number == 0 && i == 1)
            break;
        say(fd, FINE "Content-Length: 2\r\n\r\nhi");
    }
    kn_str_free(&head);
}

static void only_harmless_requests_are_repeated(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body;
        enum kn_status status;
        int requests;
        bool once;
    } cases[] = {
        {"POST", "{}", KN_IO, 2}, {"PATCH", "{}", KN_IO, 2},     {"GET", NULL, KN_OK, 3},
        {"PUT", "{}", KN_OK, 3},  {"PUT", "{}", KN_IO, 2, true},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct client client = client_open(NULL);
        struct peer *peer = kn_malloc(sizeof *peer);
        peer_open(peer, serve_stale, NULL);
        struct kn_http_request request = {.url = url_at(&client, peer->port, "/")};
        struct outcome outcome = perform(client.http, request, NULL, client.arena);
        assert_outcome(&outcome, KN_OK, true, NULL);
        request.method = cases[i].method;
        request.once = cases[i].once;
        request.body = cases[i].body;
        request.body_size = request.body ? strlen(request.body) : 0;
        outcome = perform(client.http, request, NULL, client.arena);
        assert_outcome(&outcome, cases[i].status, true, NULL);
        assert_int_equal(atomic_load(&peer->requests), cases[i].requests);
        peer_close(peer);
        free(peer);
        client_close(&client);
    }
}

static void serve_politely(struct peer *peer, int fd, int number)
{
    (void)number;
    struct kn_str head = {0};
    while (raw_read_message(fd, &head)) {
        atomic_fetch_add(&peer->requests, 1);
        say(fd, FINE "Content-Length: 2\r\n\r\nhi");
    }
    kn_str_free(&head);
}

static void connections_are_shared(void **state)
{
    (void)state;
    struct client client = client_open(NULL);
    struct peer *peer = kn_malloc(sizeof *peer);
    peer_open(peer, serve_politely, NULL);
    for (int i = 0; i < 50; i++) {
        struct outcome outcome =
            perform(client.http,
                    (struct kn_http_request){
                        .url = url_at(&client, peer->port, "/"), .body = "x", .body_size = 1},
                    NULL, client.arena);
        assert_outcome(&outcome, KN_OK, true, NULL);
    }
    assert_int_equal(atomic_load(&peer->requests), 50);
    assert_int_equal(atomic_load(&peer->accepted), 1);
    peer_close(peer);
    free(peer);
    client_close(&client);
}

/* ---- proxies ---- */

static void serve_as_proxy(struct peer *peer, int fd, int number)
{
    (void)number;
    struct kn_str head = {0};
    if (raw_read_message(fd, &head) &&
        kn_starts_with(kn_str_text(&head), "GET http://service.invalid/x HTTP/1.1\r\n"))
        atomic_fetch_add(&peer->requests, 1);
    say(fd, FINE "Content-Length: 2\r\n\r\nhi");
    kn_str_free(&head);
}

static void proxies_are_for_others_only(void **state)
{
    (void)state;
    char proxy_url[64];
    struct peer *peer = kn_malloc(sizeof *peer), *proxy = kn_malloc(sizeof *proxy);
    peer_open(peer, serve_politely, NULL);
    peer_open(proxy, serve_as_proxy, NULL);
    snprintf(proxy_url, sizeof proxy_url, "http://127.0.0.1:%d", proxy->port);
    setenv("http_proxy", proxy_url, 1);
    struct client client = client_open(NULL);
    struct outcome outcome =
        perform(client.http, (struct kn_http_request){.url = url_at(&client, peer->port, "/x")},
                NULL, client.arena);
    assert_outcome(&outcome, KN_OK, true, NULL);
    assert_int_equal(atomic_load(&proxy->accepted), 0);
    outcome = perform(client.http, (struct kn_http_request){.url = "http://service.invalid/x"},
                      NULL, client.arena);
    assert_outcome(&outcome, KN_OK, true, NULL);
    assert_int_equal(atomic_load(&proxy->requests), 1);
    client_close(&client);
    unsetenv("http_proxy");
    peer_close(peer);
    peer_close(proxy);
    free(peer);
    free(proxy);
}

/* ---- ends in time ---- */

/* One byte every 30 ms, as long as `*arg` says (-1: for ever), then silence. */
static void serve_slowly(struct peer *peer, int fd, int number)
{
    (void)number;
    struct kn_str head = {0};
    if (raw_read_message(fd, &head) && raw_send(fd, FINE "Content-Length: 1000\r\n\r\n"))
        for (int i = 0; i != *(int *)peer->arg && raw_send(fd, "x"); i++)
            if (raw_read(fd, (char[1]){0}, 1, 30) == 0)
                break;
    wait_for_end(fd);
    kn_str_free(&head);
}

static void slow_answers_are_no_stall_and_have_a_limit(void **state)
{
    (void)state;
    static const struct {
        int bytes;
        int64_t stall_ms, limit_ms, least_ms;
        const char *what;
    } cases[] = {
        {40, 1000, 0, 2000, "neither sent nor took anything for 1.0 s"},
        {-1, NEVER_MS, 500, 500, "did not answer within 500 ms"},
    };
    struct client client = client_open(NULL);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct peer *peer = kn_malloc(sizeof *peer);
        int bytes = cases[i].bytes;
        peer_open(peer, serve_slowly, &bytes);
        struct outcome outcome =
            perform(client.http,
                    (struct kn_http_request){.url = url_at(&client, peer->port, "/"),
                                             .stall_ms = cases[i].stall_ms,
                                             .limit_ms = cases[i].limit_ms},
                    NULL, client.arena);
        assert_outcome(&outcome, KN_TIMEOUT, true, cases[i].what);
        assert_true(outcome.took_us >= cases[i].least_ms * 1000);
        assert_true(outcome.took_us < (cases[i].least_ms + AT_ONCE_MS) * 1000);
        peer_close(peer);
        free(peer);
    }
    client_close(&client);
}

/* A listener whose queue is full: whoever connects waits. Returns how many `ret_fds` were needed.
 */
static int fill_queue(int port, int ret_fds[8])
{
    struct sockaddr_in at = loopback_address(port);
    for (int i = 0; i < 8; i++) {
        ret_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(ret_fds[i], (struct sockaddr *)&at, sizeof at);
        struct pollfd writable = {.fd = ret_fds[i], .events = POLLOUT};
        if (poll(&writable, 1, 50) == 0)
            return i + 1;
    }
    return 8;
}

static void connecting_has_a_limit_of_its_own(void **state)
{
    (void)state;
    int port, fds[8];
    int listener = raw_listen(0, &port);
    int count = fill_queue(port, fds);
    struct client client = client_open(NULL);
    struct outcome outcome = perform(
        client.http, (struct kn_http_request){.url = url_at(&client, port, "/"), .connect_ms = 100},
        NULL, client.arena);
    assert_outcome(&outcome, KN_TIMEOUT, false, "cannot connect to 127.0.0.1");
    assert_true(outcome.took_us >= 100000 && outcome.took_us < AT_ONCE_MS * 1000);
    client_close(&client);
    for (int i = 0; i < count; i++)
        close(fds[i]);
    close(listener);
}

/* ---- cancelling ---- */

enum moment { AT_HEAD, IN_UPLOAD, IN_ANSWER };

/* Raises the moment, stays, and raises another when the client has gone. */
static void serve_until_gone(struct peer *peer, int fd, int number)
{
    (void)number;
    struct kn_str head = {0};
    enum moment moment = *(enum moment *)peer->arg;
    if (raw_read_head(fd, &head)) {
        if (moment == IN_UPLOAD)
            raw_skip(fd, 100000);
        if (moment == IN_ANSWER)
            say(fd, FINE "Content-Length: 100\r\n\r\nhalf");
        gate_add(&peer->moment);
        wait_for_end(fd);
        gate_add(&peer->moment);
    }
    kn_str_free(&head);
}

static void assert_cancelled_at_once(struct call *call, bool sent)
{
    int64_t start_us = kn_now_us();
    kn_cancel_trigger(call->cancel);
    struct outcome outcome = call_join(call);
    int64_t took_us = kn_now_us() - start_us;
    assert_outcome(&outcome, KN_CANCELLED, sent, "stopped by request");
    assert_true(took_us < AT_ONCE_MS * 1000);
    kn_arena_free(call->arena);
    kn_cancel_free(call->cancel);
}

static void calls_end_at_once_when_cancelled(void **state)
{
    (void)state;
    struct client client = client_open(&(struct kn_http_options){.connections_a_host = 1});
    for (enum moment moment = AT_HEAD; moment <= IN_ANSWER; moment++) {
        struct peer *peer = kn_malloc(sizeof *peer);
        peer_open(peer, serve_until_gone, &moment);
        struct kn_http_request request = {.url = url_at(&client, peer->port, "/"),
                                          .limit_ms = NEVER_MS};
        struct call waiting = {
            .http = client.http, .request = request, .cancel = kn_cancel_new(NULL)};
        if (moment == IN_UPLOAD)
            request.source = &upload_source;
        struct call call = {.http = client.http, .request = request, .cancel = kn_cancel_new(NULL)};
        call_start(&call);
        gate_wait(&peer->moment, 1);
        call_start(&waiting);  /* for the one connection */
        if (moment == AT_HEAD) /* after the timers that curl starts with, nothing else wakes it */
            (void)kn_cancel_wait_ms(call.cancel, 400);
        assert_cancelled_at_once(&waiting, false);
        assert_cancelled_at_once(&call, moment != IN_UPLOAD);
        gate_wait(&peer->moment, 2);
        assert_int_equal(atomic_load(&peer->accepted), 1);
        peer_close(peer);
        free(peer);
    }
    client_close(&client);
}

static void cancelling_before_and_while_connecting(void **state)
{
    (void)state;
    int port, fds[8];
    int listener = raw_listen(0, &port);
    int count = fill_queue(port, fds);
    struct client client = client_open(NULL);
    struct call call = {.http = client.http,
                        .request = {.url = url_at(&client, port, "/"), .connect_ms = NEVER_MS},
                        .cancel = kn_cancel_new(NULL)};
    call_start(&call);
    (void)kn_cancel_wait_ms(call.cancel, 30); /* it connects, or is about to */
    assert_cancelled_at_once(&call, false);

    struct kn_cancel *cancel = kn_cancel_new(NULL);
    kn_cancel_trigger(cancel);
    struct outcome outcome =
        perform(client.http, (struct kn_http_request){.url = url_at(&client, port, "/")}, cancel,
                client.arena);
    assert_outcome(&outcome, KN_CANCELLED, false, "stopped by request");
    kn_cancel_free(cancel);
    client_close(&client);
    for (int i = 0; i < count; i++)
        close(fds[i]);
    close(listener);
}

/* Starts so many calls, and cancels each a moment later: about when it is handed over. */
static void start_and_cancel(struct client *client, int port, struct dice *dice, struct call *calls)
{
    for (int i = 0; i < RACERS; i++) {
        calls[i] =
            (struct call){.http = client->http,
                          .request = {.url = url_at(client, port, "/"), .limit_ms = NEVER_MS},
                          .cancel = kn_cancel_new(NULL)};
        call_start(&calls[i]);
    }
    for (int i = 0; i < RACERS; i++) {
        for (uint32_t spin = dice_below(dice, 100000); spin; spin--)
            kn_cancel_requested(calls[i].cancel);
        kn_cancel_trigger(calls[i].cancel);
    }
}

/* Returns how many were cancelled; each ends once, and as cancelled or well. */
static int join_racers(struct call *calls)
{
    int cancelled = 0;
    for (int i = 0; i < RACERS; i++) {
        struct outcome outcome = call_join(&calls[i]);
        assert_true(outcome.status == KN_OK || outcome.status == KN_CANCELLED);
        cancelled += outcome.status == KN_CANCELLED;
        kn_arena_free(calls[i].arena);
        kn_cancel_free(calls[i].cancel);
    }
    return cancelled;
}

static void cancelling_races_with_the_end(void **state)
{
    (void)state;
    struct client client = client_open(NULL);
    struct peer *peer = kn_malloc(sizeof *peer);
    struct dice dice = {.state = 4711};
    peer_open(peer, serve_politely, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        struct call calls[RACERS];
        start_and_cancel(&client, peer->port, &dice, calls);
        join_racers(calls);
    }
    peer_close(peer);
    free(peer);
    client_close(&client);
}

/* Nobody answers, and a cancel that is missed once is missed until the peer gives up. */
static void cancelling_races_with_the_start(void **state)
{
    (void)state;
    struct client client = client_open(NULL);
    struct peer *peer = kn_malloc(sizeof *peer);
    struct dice dice = {.state = 1174};
    enum moment moment = AT_HEAD;
    peer_open(peer, serve_until_gone, &moment);
    for (int round = 0; round < ROUNDS; round++) {
        struct call calls[RACERS];
        start_and_cancel(&client, peer->port, &dice, calls);
        int64_t start_us = kn_now_us();
        assert_int_equal(join_racers(calls), RACERS);
        assert_true(kn_now_us() - start_us < AT_ONCE_MS * 1000);
    }
    peer_close(peer);
    free(peer);
    client_close(&client);
}

/* The loop was told, and looked for it, before the transfer reached it: the mark is all there is.
 */
static void cancelling_before_the_hand_over(void **state)
{
    (void)state;
    struct client client = client_open(NULL);
    struct peer *peer = kn_malloc(sizeof *peer);
    enum moment moment = AT_HEAD;
    peer_open(peer, serve_until_gone, &moment);
    struct kn_http_request request = {.url = url_at(&client, peer->port, "/"),
                                      .limit_ms = NEVER_MS};
    struct kn_http_transfer transfer;
    struct kn_error err;
    assert_int_equal(kn_http_transfer_open(&transfer, client.http, &request, client.arena, &err),
                     KN_OK);
    atomic_store(&transfer.cancelled, true);
    kn_http_loop_run(client.http, &transfer, NULL);
    assert_int_equal(transfer.stop, KN_HTTP_STOP_CANCELLED);
    assert_true(transfer.end_us - transfer.start_us < AT_ONCE_MS * 1000);
    kn_http_transfer_close(&transfer);
    peer_close(peer);
    free(peer);
    client_close(&client);
}

/* ---- sources ---- */

static enum kn_status fail_at_a_megabyte(void *arg, int64_t offset, void *buffer, size_t room,
                                         size_t *ret_got, struct kn_error *err)
{
    if (offset < 1 << 20)
        return read_upload(NULL, offset, buffer, room, ret_got, err);
    *ret_got = 0;
    return *(bool *)arg ? kn_error_set(err, KN_DENIED, "the disk says no") : KN_OK;
}

static void sources_may_fail(void **state)
{
    (void)state;
    struct client client = client_open(NULL);
    struct peer *peer = kn_malloc(sizeof *peer);
    enum moment moment = AT_HEAD;
    peer_open(peer, serve_until_gone, &moment);
    for (int fails = 0; fails < 2; fails++) {
        bool arg = fails;
        struct kn_http_source source = {UPLOAD_BYTES, fail_at_a_megabyte, &arg};
        struct outcome outcome = perform(
            client.http,
            (struct kn_http_request){.url = url_at(&client, peer->port, "/"), .source = &source},
            NULL, client.arena);
        assert_outcome(&outcome, fails ? KN_DENIED : KN_DAMAGED, false,
                       fails ? "the disk says no" : "ended too early");
    }
    peer_close(peer);
    free(peer);
    client_close(&client);
}

/* Whatever happened above, no descriptor is left. */
static int descriptors_before;

static void nothing_is_left(void **state)
{
    (void)state;
    assert_int_equal(open_descriptors(), descriptors_before);
}

int main(void)
{
    make_long_texts();
    unsetenv("http_proxy");
    struct client warm = client_open(NULL); /* what curl opens once stays */
    client_close(&warm);
    descriptors_before = open_descriptors();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_may_say_anything),
        cmocka_unit_test(nobody_listening_has_seen_nothing),
        cmocka_unit_test(half_a_request_was_not_sent),
        cmocka_unit_test(early_refusals_are_heard),
        cmocka_unit_test(only_harmless_requests_are_repeated),
        cmocka_unit_test(connections_are_shared),
        cmocka_unit_test(proxies_are_for_others_only),
        cmocka_unit_test(slow_answers_are_no_stall_and_have_a_limit),
        cmocka_unit_test(connecting_has_a_limit_of_its_own),
        cmocka_unit_test(calls_end_at_once_when_cancelled),
        cmocka_unit_test(cancelling_before_and_while_connecting),
        cmocka_unit_test(cancelling_races_with_the_end),
        cmocka_unit_test(cancelling_races_with_the_start),
        cmocka_unit_test(cancelling_before_the_hand_over),
        cmocka_unit_test(sources_may_fail),
        cmocka_unit_test(nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
