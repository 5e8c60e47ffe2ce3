#include "net_help.h"

#include "base/sync.h"
#include "net/server.h"

enum { BODY_MAX = 100000 };

/* What the handlers of a test have seen. */
struct seen {
    pthread_mutex_t lock;
    atomic_int handled;
    atomic_int too_large, bad_multipart;
    struct gate entered;
    struct kn_str last; /* as text; protected by `lock` */
};

static void describe_fields(struct kn_str *text, const char *mark,
                            const struct kn_server_field *fields, int count)
{
    for (int i = 0; i < count; i++) {
        kn_str_printf(text, " %s%s", mark, fields[i].name);
        if (fields[i].filename || fields[i].content_type)
            kn_str_printf(text, "(%s,%s)", fields[i].filename ? fields[i].filename : "-",
                          fields[i].content_type ? fields[i].content_type : "-");
        kn_str_add_char(text, '=');
        kn_str_add_bytes(text, fields[i].data, fields[i].size);
        if (((const char *)fields[i].data)[fields[i].size])
            kn_str_add(text, " without its closing NUL");
    }
}

static void take_note(struct seen *seen, const struct kn_exchange *exchange)
{
    KN_LOCKED(&seen->lock);
    kn_str_clear(&seen->last);
    kn_str_printf(&seen->last, "%s %s", exchange->method, exchange->path);
    describe_fields(&seen->last, "?", exchange->query, exchange->query_count);
    describe_fields(&seen->last, "#", exchange->parts, exchange->part_count);
    if (exchange->body_size) {
        kn_str_printf(&seen->last, " body %zu ", exchange->body_size);
        kn_str_add_bytes(&seen->last, exchange->body, KN_MIN(exchange->body_size, 20));
    }
    atomic_fetch_add(&seen->handled, 1);
    atomic_fetch_add(&seen->too_large, exchange->too_large);
    atomic_fetch_add(&seen->bad_multipart, exchange->bad_multipart);
}

static const char answer_text[] = "{\"fine\":true}";
static char huge[16 << 20];

static void handle(void *arg, const struct kn_exchange *exchange, struct kn_reply *reply)
{
    struct seen *seen = arg;
    static const struct kn_server_field header = {.name = "X-Request-Id", .data = "7"};
    static const struct kn_server_field split = {.name = "X", .data = "a\r\nSet-Cookie: b"};
    const char *path = exchange->path;
    take_note(seen, exchange);
    gate_add(&seen->entered);
    reply->body = answer_text;
    reply->size = sizeof answer_text - 1;
    reply->headers = &header;
    reply->header_count = 1;
    if (strcmp(path, "/cut") == 0)
        reply->fault = KN_REPLY_CUT, reply->cut_at = 4;
    if (strcmp(path, "/cut-at-end") == 0)
        reply->fault = KN_REPLY_CUT, reply->cut_at = 1000;
    if (strcmp(path, "/nothing") == 0)
        reply->fault = KN_REPLY_NOTHING;
    if (strcmp(path, "/no-answer") == 0)
        reply->fault = KN_REPLY_NO_ANSWER;
    if (strcmp(path, "/split") == 0)
        reply->headers = &split;
    if (strcmp(path, "/teapot") == 0)
        *reply = (struct kn_reply){.status = 418, .content_type = "text/plain"};
    if (strcmp(path, "/huge") == 0)
        reply->body = huge, reply->size = sizeof huge;
    if (strcmp(path, "/wait") == 0)
        kn_cancel_wait_ms(exchange->cancel, WAIT_MS);
    if (strcmp(path, "/pause") == 0)
        kn_cancel_wait_ms(exchange->cancel, 1500);
}

struct stage {
    struct seen seen;
    struct kn_server *server;
    int port;
};

static void stage_open(struct stage *stage, struct kn_server_options options)
{
    *stage = (struct stage){.seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .entered = GATE_INIT}};
    options.handle = handle;
    options.arg = &stage->seen;
    assert_int_equal(kn_server_open(&options, &stage->server, NULL), KN_OK);
    stage->port = kn_server_port(stage->server);
}

static void stage_close(struct stage *stage)
{
    kn_server_close(stage->server);
    kn_str_free(&stage->seen.last);
}

/* What comes back to a request until the connection ends; to be freed. */
static struct kn_str ask_bytes(struct stage *stage, const void *request, size_t size)
{
    struct kn_str answer = {0};
    int fd = raw_connect(stage->port);
    (void)raw_send_bytes(fd, request, size);
    if (!raw_read_all(fd, &answer, WAIT_MS))
        fail_msg("no end after \"%s\"", kn_str_text(&answer));
    close(fd);
    return answer;
}

static struct kn_str ask(struct stage *stage, const char *request)
{
    return ask_bytes(stage, request, strlen(request));
}

#define HOST "Host: x\r\nConnection: close\r\n"

/* ---- requests ---- */

static void requests_arrive_as_they_were_sent(void **state)
{
    (void)state;
    static const struct {
        const char *request, *seen;
    } cases[] = {
        {"GET /a%20b/c?x=1&x=2&y&z=%26+%3d HTTP/1.1\r\n" HOST "\r\n",
         "GET /a b/c ?x=1 ?x=2 ?y= ?z=& ="},
        {"POST /p HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "POST /p body 5 hello"},
        {"PUT /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n"
         "0\r\nT: 1\r\n\r\n",
         "PUT /p body 5 abcde"},
        {"DELETE / HTTP/1.0\r\n\r\n", "DELETE /"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Type: application/x-www-form-urlencoded\r\n"
         "Content-Length: 3\r\n\r\na=b",
         "POST / body 3 a=b"},
    };
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){0});
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_str answer = ask(&stage, cases[i].request);
        assert_non_null(strstr(kn_str_text(&answer), " 200 OK\r\n"));
        assert_non_null(strstr(kn_str_text(&answer), "Content-Type: application/json\r\n"));
        assert_non_null(strstr(kn_str_text(&answer), "X-Request-Id: 7\r\n"));
        assert_true(kn_ends_with(kn_str_text(&answer), answer_text));
        assert_string_equal(kn_str_text(&stage.seen.last), cases[i].seen);
        kn_str_free(&answer);
    }
    struct kn_str answer = ask(&stage, "HEAD /teapot HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(kn_str_text(&answer), " 418 "));
    assert_non_null(strstr(kn_str_text(&answer), "Content-Type: text/plain\r\n"));
    kn_str_free(&answer);
    stage_close(&stage);
}

static void connections_are_kept(void **state)
{
    (void)state;
    struct stage stage;
    struct kn_str head = {0};
    stage_open(&stage, (struct kn_server_options){0});
    int fd = raw_connect(stage.port);
    assert_true(
        raw_send(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(raw_read_message(fd, &head));
    assert_true(raw_read_message(fd, &head));
    assert_true(raw_send(fd, "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(raw_read_message(fd, &head));
    assert_string_equal(kn_str_text(&stage.seen.last), "GET /3");
    close(fd);
    kn_str_free(&head);
    stage_close(&stage);
}

/* ---- multipart ---- */

#define FORM       "POST /f HTTP/1.1\r\n" HOST "Content-Type: multipart/form-data; boundary=XX\r\n"
#define PART(name) "--XX\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static struct kn_str form_request(const void *body, size_t size)
{
    struct kn_str request = {0};
    kn_str_printf(&request, FORM "Content-Length: %zu\r\n\r\n", size);
    kn_str_add_bytes(&request, body, size);
    return request;
}

static void forms_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *body, *seen;
    } cases[] = {
        {PART("a") "1\r\n" PART("b") "2\r\n--XX--\r\n", "POST /f #a=1 #b=2"},
        {PART("a") "1\r\n--XX--", "POST /f #a=1"},
        {PART("a[]") "\r\n" PART("a[]") "\r\n" PART("a[]") "x\r\n" PART("a[]") "\r\n--XX--\r\n",
         "POST /f #a[]= #a[]= #a[]=x #a[]="},
        {PART("a") "\r\n--X\r\n\r\n--XY\r\n\r\n--XX--\r\n", "POST /f #a=\r\n--X\r\n\r\n--XY\r\n"},
        {"--XX\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a b.wav\"\r\n"
         "content-type: audio/wav\r\n\r\ndata\r\n" PART("g") "h\r\n--XX--\r\n",
         "POST /f #f(a b.wav,audio/wav)=data #g=h"},
        {"--XX\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; "
         "name=\"t\"\r\n\r\n\xc3\xa9\r\n--XX--\r\n",
         "POST /f #t(-,text/plain; charset=utf-8)=\xc3\xa9"},
        {"before\r\n" PART("a") "1\r\n--XX--\r\n", "POST /f #a=1"},
    };
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){0});
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_str request = form_request(cases[i].body, strlen(cases[i].body));
        struct kn_str answer = ask(&stage, request.at);
        assert_string_equal(kn_str_text(&stage.seen.last), cases[i].seen);
        kn_str_free(&request);
        kn_str_free(&answer);
    }
    assert_int_equal(atomic_load(&stage.seen.bad_multipart), 0);
    stage_close(&stage);
}

/* Bytes that look like what ends a part, of any length and in any place. */
static void any_bytes_come_through_forms(void **state)
{
    (void)state;
    enum { ROUNDS = 60, PARTS = 5 };
    static const char *const pieces[] = {"\r",     "\n",      "\r\n",     "-",  "--",
                                         "\r\n--", "\r\n--X", "\r\n--XY", "\0", "a"};
    struct dice dice = {.state = 99};
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){0});
    for (int round = 0; round < ROUNDS; round++) {
        struct kn_str body = {0}, seen = {0};
        kn_str_add(&seen, "POST /f");
        for (int p = 0; p < PARTS; p++) {
            kn_str_add(&body, PART("p"));
            kn_str_add(&seen, " #p=");
            for (uint32_t n = dice_below(&dice, round % 10 ? 30 : 60000); n; n--) {
                const char *piece = pieces[dice_below(&dice, KN_COUNT_OF(pieces))];
                kn_str_add_bytes(&body, piece, *piece ? strlen(piece) : 1);
                kn_str_add_bytes(&seen, piece, *piece ? strlen(piece) : 1);
            }
            kn_str_add(&body, "\r\n");
        }
        kn_str_add(&body, "--XX--\r\n");
        struct kn_str request = form_request(body.at, body.length);
        struct kn_str answer = ask_bytes(&stage, request.at, request.length);
        assert_int_equal(stage.seen.last.length, seen.length);
        assert_memory_equal(stage.seen.last.at, seen.at, seen.length);
        kn_str_free(&body);
        kn_str_free(&seen);
        kn_str_free(&request);
        kn_str_free(&answer);
    }
    stage_close(&stage);
}

static void broken_forms_are_called_so(void **state)
{
    (void)state;
    static const char encoded[] = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n"
                                  "Content-Transfer-Encoding: base64\r\n\r\neA==\r\n--XX--\r\n";
    static const char *const bodies[] = {
        "",
        "no boundary at all",
        "--XX--\r\n",
        "--XX",
        "--XX\r\n",
        PART("a"),
        PART("a") "1",
        PART("a") "1\r\n--X",
        PART("a") "1\r\n--XX",
        PART("a") "1\r\n--XX-",
        PART("a") "1\r\n--XXgarbage",
        PART("a") "1\r\n--XX--\r\ngarbage",
        "--XX\r\nContent-Type: text/plain\r\n\r\nno name\r\n--XX--\r\n",
        encoded,
    };
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){0});
    for (size_t i = 0; i < KN_COUNT_OF(bodies); i++) {
        struct kn_str request = form_request(bodies[i], strlen(bodies[i]));
        struct kn_str answer = ask(&stage, request.at);
        if (atomic_load(&stage.seen.bad_multipart) != (int)i + 1 ||
            strcmp(kn_str_text(&stage.seen.last), "POST /f") != 0)
            fail_msg("\"%s\" is taken as \"%s\"", bodies[i], kn_str_text(&stage.seen.last));
        kn_str_free(&request);
        kn_str_free(&answer);
    }
    /* Without a boundary, and more parts than anybody sends. */
    struct kn_str many = {0};
    for (int i = 0; i < 1100; i++)
        kn_str_add(&many, PART("a") "\r\n");
    kn_str_add(&many, "--XX--\r\n");
    struct kn_str request = form_request(many.at, many.length);
    struct kn_str first = ask(&stage, request.at);
    struct kn_str second =
        ask(&stage, "POST /f HTTP/1.1\r\n" HOST "Content-Type: multipart/form-data\r\n"
                    "Content-Length: 3\r\n\r\nabc");
    assert_int_equal(atomic_load(&stage.seen.bad_multipart), KN_COUNT_OF(bodies) + 2);
    kn_str_free(&many);
    kn_str_free(&request);
    kn_str_free(&first);
    kn_str_free(&second);
    stage_close(&stage);
}

/* ---- limits ---- */

static void bodies_are_bounded(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){.body_max = BODY_MAX});
    for (int extra = 0; extra < 2; extra++)
        for (int chunked = 0; chunked < 2; chunked++) {
            struct kn_str request = {0};
            int size = BODY_MAX + extra;
            kn_str_add(&request, "POST / HTTP/1.1\r\n" HOST);
            if (chunked)
                kn_str_printf(&request, "Transfer-Encoding: chunked\r\n\r\n%x\r\n", size);
            else
                kn_str_printf(&request, "Content-Length: %d\r\n\r\n", size);
            kn_str_add_bytes(&request, huge, (size_t)size);
            kn_str_add(&request, chunked ? "\r\n0\r\n\r\n" : "");
            struct kn_str answer = ask_bytes(&stage, request.at, request.length);
            assert_non_null(strstr(kn_str_text(&answer), " 200 OK\r\n"));
            assert_int_equal(atomic_exchange(&stage.seen.too_large, 0), extra);
            assert_int_equal(strstr(kn_str_text(&stage.seen.last), "body") == NULL, extra);
            kn_str_free(&request);
            kn_str_free(&answer);
        }
    stage_close(&stage);
}

/* Is the answer so? */
static bool asked_gets(int fd, const struct kn_str *request, const char *answer)
{
    struct kn_str head = {0};
    assert_true(raw_send_bytes(fd, request->at, request->length));
    assert_true(raw_read_message(fd, &head));
    bool is = strstr(kn_str_text(&head), answer) != NULL;
    kn_str_free(&head);
    return is;
}

/*
 * A connection whose body is held all but its last byte, so that another one finds no room. Which
 * of the two finds none is a race while both come in; when it was this one, another takes its
 * place.
 */
static int hold_a_body(struct stage *stage, int other, const struct kn_str *request)
{
    enum { TRIES = 20 };
    int64_t until_us = kn_now_us() + WAIT_MS * INT64_C(1000);
    for (;;) {
        int fd = raw_connect(stage->port);
        assert_true(raw_send_bytes(fd, request->at, request->length - 1));
        for (int i = 0; i < TRIES; i++)
            if (asked_gets(other, request, " 503 "))
                return fd;
        assert_true(kn_now_us() < until_us);
        close(fd);
    }
}

static void all_bodies_together_are_bounded(void **state)
{
    (void)state;
    struct stage stage;
    struct kn_str request = {0}, head = {0};
    stage_open(&stage,
               (struct kn_server_options){.body_max = BODY_MAX, .bodies_max = BODY_MAX * 3 / 2});
    kn_str_printf(&request, "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", BODY_MAX);
    kn_str_add_bytes(&request, huge, BODY_MAX);
    int second = raw_connect(stage.port), first = hold_a_body(&stage, second, &request);
    assert_true(raw_send_bytes(first, request.at + request.length - 1, 1));
    assert_true(raw_read_message(first, &head));
    assert_non_null(strstr(kn_str_text(&head), " 200 OK\r\n"));
    int64_t until_us = kn_now_us() + WAIT_MS * INT64_C(1000);
    while (!asked_gets(second, &request, " 200 OK\r\n"))
        assert_true(kn_now_us() < until_us);
    close(first);
    close(second);
    kn_str_free(&request);
    kn_str_free(&head);
    stage_close(&stage);
}

static void hostile_heads_reach_no_handler(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "garbage\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: abc\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
        "GET / HTTP/9.9\r\n" HOST "\r\n",
    };
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){.idle_ms = 1000});
    for (size_t i = 0; i < KN_COUNT_OF(requests); i++) {
        struct kn_str answer = ask(&stage, requests[i]);
        if (atomic_load(&stage.seen.handled) || strstr(kn_str_text(&answer), " 200 "))
            fail_msg("\"%s\" was answered: %s", requests[i], kn_str_text(&answer));
        kn_str_free(&answer);
    }
    /* A line, a header and headers without an end. */
    static const char *const starts[] = {"GET /", "GET / HTTP/1.1\r\nX: ", "GET / HTTP/1.1\r\n"};
    static const char *const goes_on[] = {"aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa",
                                          "X: aaaaaaaaaaa\r\n"};
    for (size_t i = 0; i < KN_COUNT_OF(starts); i++) {
        struct kn_str request = {0};
        kn_str_add(&request, starts[i]);
        while (request.length < 100000)
            kn_str_add(&request, goes_on[i]);
        struct kn_str answer = ask(&stage, request.at);
        assert_int_equal(atomic_load(&stage.seen.handled), 0);
        assert_null(strstr(kn_str_text(&answer), " 200 "));
        kn_str_free(&answer);
        kn_str_free(&request);
    }
    stage_close(&stage);
}

/* ---- time ---- */

enum { IDLE_MS = 400 };

struct dawdler {
    const char *start, *byte;
    int port;
    int64_t took_ms; /* until the server has had enough */
    pthread_t thread;
};

/* Sends `start` and then a byte now and then. */
static void *dawdle(void *arg)
{
    struct dawdler *dawdler = arg;
    int fd = raw_connect(dawdler->port);
    int64_t start_us = kn_now_us();
    bool goes_on = raw_send(fd, dawdler->start);
    char c;
    while (goes_on && kn_now_us() - start_us < WAIT_MS * 1000) {
        ssize_t n = raw_read(fd, &c, 1, 50);
        goes_on = n > 0 || (n < 0 && raw_send(fd, dawdler->byte));
    }
    close(fd);
    dawdler->took_ms = (kn_now_us() - start_us) / 1000;
    return NULL;
}

static void dawdlers_are_cut(void **state)
{
    (void)state;
    struct dawdler dawdlers[] = {
        {"", ""},
        {"", "G"},
        {"GET / HTTP/1.1\r\nX: ", "a"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", "a"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", ""},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nX: ", "a"},
    };
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){.idle_ms = IDLE_MS});
    for (size_t i = 0; i < KN_COUNT_OF(dawdlers); i++) {
        dawdlers[i].port = stage.port;
        pthread_create(&dawdlers[i].thread, NULL, dawdle, &dawdlers[i]);
    }
    for (size_t i = 0; i < KN_COUNT_OF(dawdlers); i++)
        pthread_join(dawdlers[i].thread, NULL);
    for (size_t i = 0; i < KN_COUNT_OF(dawdlers); i++)
        if (dawdlers[i].took_ms < IDLE_MS ||
            dawdlers[i].took_ms > IDLE_MS * 2 + 6000) /* of WAIT_MS */
            fail_msg("case %d: cut after %d ms", (int)i, (int)dawdlers[i].took_ms);
    stage_close(&stage);
}

static void those_who_do_not_read_are_cut(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){.idle_ms = IDLE_MS, .connections_max = 1});
    int fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n"));
    gate_wait(&stage.seen.entered, 1);
    /* Its place is free when others are served. */
    int64_t until_us = kn_now_us() + WAIT_MS * INT64_C(1000);
    while (atomic_load(&stage.seen.handled) < 2 && kn_now_us() < until_us) {
        struct kn_str answer = ask(&stage, "GET / HTTP/1.1\r\n" HOST "\r\n");
        kn_str_free(&answer);
    }
    assert_int_equal(atomic_load(&stage.seen.handled), 2);
    close(fd);
    stage_close(&stage);
}

static void handlers_may_take_their_time(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){.idle_ms = IDLE_MS});
    struct kn_str answer = ask(&stage, "GET /pause HTTP/1.1\r\n" HOST "\r\n");
    assert_true(kn_ends_with(kn_str_text(&answer), answer_text));
    kn_str_free(&answer);
    stage_close(&stage);
}

/* ---- peers that go ---- */

static void half_closed_connections_end(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int handled;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", 1},
        {"", 0},
        {"GET / HT", 0},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabc", 0},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nabc", 0},
        {"GET /no-answer HTTP/1.1\r\n" HOST "\r\n", 1},
    };
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){0});
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_str answer = {0};
        int fd = raw_connect(stage.port);
        assert_true(raw_send(fd, cases[i].request));
        shutdown(fd, SHUT_WR);
        assert_true(raw_read_all(fd, &answer, WAIT_MS));
        assert_int_equal(atomic_exchange(&stage.seen.handled, 0), cases[i].handled);
        assert_int_equal(i == 0, kn_ends_with(kn_str_text(&answer), answer_text));
        kn_str_free(&answer);
        close(fd);
    }
    stage_close(&stage);
}

static void three_hundred_connections(void **state)
{
    (void)state;
    enum { MANY = 300, MOST = 256 };
    int fds[MANY], answered = 0;
    struct kn_str head = {0};
    struct stage stage;
    int before = open_descriptors();
    stage_open(&stage, (struct kn_server_options){0});
    for (int i = 0; i < MANY; i++)
        fds[i] = raw_connect(stage.port);
    for (int i = 0; i < MANY; i++) {
        (void)raw_send(fds[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        answered += raw_read_message(fds[i], &head);
    }
    assert_int_equal(answered, MOST);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    int handled = 0;
    for (int64_t until_us = kn_now_us() + WAIT_MS * INT64_C(1000);
         !handled && kn_now_us() < until_us;) {
        struct kn_str answer = ask(&stage, "GET / HTTP/1.1\r\n" HOST "\r\n");
        handled = kn_ends_with(kn_str_text(&answer), answer_text);
        kn_str_free(&answer);
    }
    assert_int_equal(handled, 1);
    kn_str_free(&head);
    stage_close(&stage);
    assert_int_equal(open_descriptors(), before);
}

/* ---- faults ---- */

static void faults_happen_on_the_wire(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){0});
    struct kn_str cut = ask(&stage, "GET /cut HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(kn_str_text(&cut), "Content-Length: 13\r\n"));
    assert_true(kn_ends_with(kn_str_text(&cut), "\r\n\r\n{\"fi"));
    struct kn_str end = ask(&stage, "GET /cut-at-end HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(kn_str_text(&end), "Content-Length: 14\r\n"));
    assert_true(kn_ends_with(kn_str_text(&end), answer_text));
    struct kn_str nothing = ask(&stage, "GET /nothing HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(nothing.length, 0);
    struct kn_str split = ask(&stage, "GET /split HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(split.length, 0);
    kn_str_free(&cut);
    kn_str_free(&end);
    kn_str_free(&nothing);
    kn_str_free(&split);

    char c;
    int fd = raw_connect(stage.port);
    assert_true(raw_send(fd, "GET /no-answer HTTP/1.1\r\nHost: x\r\n\r\n"));
    gate_wait(&stage.seen.entered, 5);
    assert_int_equal(raw_read(fd, &c, 1, 100), -1);
    close(fd);
    stage_close(&stage);
}

/* ---- opening and closing ---- */

static void closing_ends_whatever_runs(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /no-answer HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n",
        "",
        "GET / HTT",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
    };
    enum { COUNT = KN_COUNT_OF(requests), HANDLED = 3 };
    int fds[COUNT];
    struct stage stage;
    stage_open(&stage, (struct kn_server_options){0});
    for (int i = 0; i < COUNT; i++) {
        fds[i] = raw_connect(stage.port);
        assert_true(raw_send(fds[i], requests[i]));
    }
    gate_wait(&stage.seen.entered, HANDLED);
    int64_t start_us = kn_now_us();
    stage_close(&stage);
    assert_true(kn_now_us() - start_us < 4 * KN_US_PER_S);
    for (int i = 0; i < COUNT; i++) {
        struct kn_str rest = {0};
        assert_true(raw_read_all(fds[i], &rest, WAIT_MS));
        kn_str_free(&rest);
        close(fds[i]);
    }
}

static void servers_say_why_they_cannot_open(void **state)
{
    (void)state;
    struct stage stage;
    struct kn_server *server = NULL;
    struct kn_error err = {0};
    stage_open(&stage, (struct kn_server_options){0});
    struct kn_server_options options = {.handle = handle, .port = stage.port};
    assert_int_equal(kn_server_open(&options, &server, &err), KN_IO);
    assert_non_null(strstr(err.text, "cannot listen on 127.0.0.1, port "));
    assert_non_null(strstr(err.text, "Address already in use"));
    options = (struct kn_server_options){.handle = handle, .address = "localhost.example"};
    assert_int_equal(kn_server_open(&options, &server, &err), KN_INVALID);
    options = (struct kn_server_options){.handle = handle, .port = 65536};
    assert_int_equal(kn_server_open(&options, &server, &err), KN_INVALID);
    assert_null(server);
    kn_server_close(NULL);
    stage_close(&stage);
}

int main(void)
{
    memset(huge, 'h', sizeof huge);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_arrive_as_they_were_sent),
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(forms_are_split),
        cmocka_unit_test(any_bytes_come_through_forms),
        cmocka_unit_test(broken_forms_are_called_so),
        cmocka_unit_test(bodies_are_bounded),
        cmocka_unit_test(all_bodies_together_are_bounded),
        cmocka_unit_test(hostile_heads_reach_no_handler),
        cmocka_unit_test(dawdlers_are_cut),
        cmocka_unit_test(those_who_do_not_read_are_cut),
        cmocka_unit_test(handlers_may_take_their_time),
        cmocka_unit_test(half_closed_connections_end),
        cmocka_unit_test(three_hundred_connections),
        cmocka_unit_test(faults_happen_on_the_wire),
        cmocka_unit_test(closing_ends_whatever_runs),
        cmocka_unit_test(servers_say_why_they_cannot_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
