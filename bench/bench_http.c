/*
 * The HTTP client beside plain curl_easy, against one and the same server on loopback:
 *
 *   requests a second with 1 and 64 in flight (the rival: so many threads, each with a handle that
 *   keeps its connection), and an upload of 1 GB that is read as it is sent.
 *
 * Both take turns; each line gives the median of the rounds and their ratio.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/http.h"
#include "net/server.h"

enum { ROUNDS = 7, REQUESTS = 6000, IN_FLIGHT_MOST = 64 };
static const int64_t UPLOAD_BYTES = INT64_C(1) << 30;

__attribute__((noreturn)) static void give_up(const char *what)
{
    fprintf(stderr, "bench_http: %s\n", what);
    exit(1);
}

/* ---- the server, a process of its own ---- */

static void answer(void *arg, const struct kn_exchange *exchange, struct kn_reply *reply)
{
    (void)arg, (void)exchange;
    reply->body = "{\"text\":\"fine\"}";
    reply->size = strlen(reply->body);
}

/* Ends when the other end of `life` does. Bodies of uploads are dropped as they come. */
static void serve(int port_out, int life)
{
    struct kn_error err = {0};
    struct kn_server *server = NULL;
    struct kn_server_options options = {.handle = answer, .body_max = 1 << 20};
    char c;
    if (kn_server_open(&options, &server, &err) != KN_OK)
        give_up(kn_error_text(&err));
    int port = kn_server_port(server);
    if (write(port_out, &port, sizeof port) != sizeof port || read(life, &c, 1) < 0)
        give_up("cannot talk to the bench");
    kn_server_close(server);
}

static pid_t start_server(char url[64], int *ret_life)
{
    int ports[2], life[2], port = 0;
    if (pipe(ports) || pipe(life))
        give_up("no pipes");
    pid_t child = fork();
    if (child == 0) {
        close(life[1]);
        serve(ports[1], life[0]);
        _exit(0);
    }
    if (child < 0 || read(ports[0], &port, sizeof port) != sizeof port)
        give_up("cannot start the server");
    snprintf(url, 64, "http://127.0.0.1:%d/", port);
    *ret_life = life[1];
    return child;
}

/* ---- requests ---- */

struct caller {
    pthread_t thread;
    struct kn_http *http; /* NULL: plain curl */
    const char *url;
    int requests;
};

static void *call_ours(void *arg)
{
    struct caller *caller = arg;
    struct kn_arena *arena = kn_arena_new();
    for (int i = 0; i < caller->requests; i++) {
        struct kn_error err = {0};
        struct kn_http_answer got;
        struct kn_http_request request = {.url = caller->url, .body = "{}", .body_size = 2};
        if (kn_http_perform(caller->http, &request, NULL, arena, &got, NULL, &err) != KN_OK)
            give_up(kn_error_text(&err));
        kn_arena_reset(arena);
    }
    kn_arena_free(arena);
    return NULL;
}

static size_t drop(char *data, size_t size, size_t count, void *arg)
{
    (void)data, (void)arg;
    return size * count;
}

static CURL *plain_handle(const char *url)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    return easy;
}

static void *call_plain(void *arg)
{
    struct caller *caller = arg;
    CURL *easy = plain_handle(caller->url);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "{}");
    for (int i = 0; i < caller->requests; i++)
        if (curl_easy_perform(easy) != CURLE_OK)
            give_up("plain curl failed");
    curl_easy_cleanup(easy);
    return NULL;
}

static double requests_a_second(struct kn_http *http, const char *url, int in_flight)
{
    struct caller callers[IN_FLIGHT_MOST];
    int64_t start_us = kn_now_us();
    for (int i = 0; i < in_flight; i++) {
        callers[i] = (struct caller){.http = http, .url = url, .requests = REQUESTS / in_flight};
        pthread_create(&callers[i].thread, NULL, http ? call_ours : call_plain, &callers[i]);
    }
    for (int i = 0; i < in_flight; i++)
        pthread_join(callers[i].thread, NULL);
    int done = REQUESTS / in_flight * in_flight;
    return done / kn_seconds(kn_now_us() - start_us);
}

/* ---- uploads ---- */

static enum kn_status read_source(void *arg, int64_t offset, void *buffer, size_t room,
                                  size_t *ret_got, struct kn_error *err)
{
    (void)arg, (void)err;
    *ret_got = (size_t)KN_MIN((int64_t)room, UPLOAD_BYTES - offset);
    memset(buffer, (int)(offset >> 16), *ret_got);
    return KN_OK;
}

static size_t read_plain(char *buffer, size_t size, size_t count, void *arg)
{
    int64_t *offset = arg;
    size_t got;
    (void)read_source(NULL, *offset, buffer, size * count, &got, NULL);
    *offset += (int64_t)got;
    return got;
}

static void upload_plain(const char *url)
{
    int64_t offset = 0;
    CURL *easy = plain_handle(url);
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_plain);
    curl_easy_setopt(easy, CURLOPT_READDATA, &offset);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)UPLOAD_BYTES);
    if (curl_easy_perform(easy) != CURLE_OK)
        give_up("plain curl failed");
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
}

static double bytes_a_second(struct kn_http *http, const char *url, int in_flight)
{
    (void)in_flight;
    int64_t start_us = kn_now_us();
    if (http) {
        struct kn_error err = {0};
        struct kn_http_source source = {.size = UPLOAD_BYTES, .read = read_source};
        struct kn_http_request request = {.url = url, .source = &source};
        struct kn_http_answer got;
        struct kn_arena *arena = kn_arena_new();
        if (kn_http_perform(http, &request, NULL, arena, &got, NULL, &err) != KN_OK)
            give_up(kn_error_text(&err));
        kn_arena_free(arena);
    } else {
        upload_plain(url);
    }
    return (double)UPLOAD_BYTES / kn_seconds(kn_now_us() - start_us);
}

/* ---- both in turns ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

static void measure(const char *what, double unit, struct kn_http *http, const char *url,
                    int in_flight, double (*speed)(struct kn_http *, const char *, int))
{
    double ours[ROUNDS], plain[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = speed(http, url, in_flight);
        plain[i] = speed(NULL, url, in_flight);
    }
    double a = median(ours), b = median(plain);
    printf("%-26s %9.0f %12.0f %8.2f\n", what, a / unit, b / unit, a / b);
    fflush(stdout);
}

int main(void)
{
    char url[64];
    int life;
    pid_t child = start_server(url, &life);
    struct kn_error err = {0};
    struct kn_http *http = NULL;
    if (kn_http_open(NULL, &http, &err) != KN_OK)
        give_up(kn_error_text(&err));
    printf("%-26s %9s %12s %8s\n", "", "ours", "plain curl", "ratio");
    measure("requests/s, 1 in flight", 1, http, url, 1, requests_a_second);
    measure("requests/s, 64 in flight", 1, http, url, IN_FLIGHT_MOST, requests_a_second);
    measure("upload of 1 GB, MB/s", 1e6, http, url, 1, bytes_a_second);
    kn_http_close(http);
    close(life);
    waitpid(child, NULL, 0);
    return 0;
}
