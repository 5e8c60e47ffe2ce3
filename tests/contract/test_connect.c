/* The way to a server: TLS, names that are not found, servers that are too old. */
#include "contract.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "base/clock.h"
#include "store/postgres.h"
#include "store/postgres_link.h"

enum { WAIT_MS = 5000 };

static enum kn_status try_open(const char *where, int64_t wait_ms, struct kn_error *err)
{
    struct kn_database *database;
    struct kn_database_options options = {.where = where, .wait_ms = wait_ms};
    *err = (struct kn_error){0};
    enum kn_status status = kn_database_open(&options, &database, err);
    if (status == KN_OK)
        kn_database_close(database);
    return status;
}

static void expect_refusal(const char *where, enum kn_status status, const char *part)
{
    struct kn_error error;
    enum kn_status got = try_open(where, WAIT_MS, &error);
    if (got != status || !strstr(error.text, part) || strchr(error.text, '\n'))
        fail_msg("%s: %s: %s", where, kn_status_name(got), error.text);
    assert_null(strstr(error.text, "secret"));
}

/* ---- TLS ---- */

/* $KN_TEST_POSTGRES_TCP at another name of the same host, with parameters. */
static const char *tls_string(const struct contract *c, const char *host, const char *mode,
                              const char *root)
{
    const char *where = getenv("KN_TEST_POSTGRES_TCP"), *own = "127.0.0.1";
    const char *at = strstr(where, own);
    assert_non_null(at);
    return kn_arena_printf(c->arena, "%.*s%s%s?sslmode=%s%s%s", (int)(at - where), where, host,
                           at + strlen(own), mode, root ? "&sslrootcert=" : "", root ? root : "");
}

static bool is_encrypted(const char *where)
{
    struct kn_error error;
    struct kn_database *database;
    struct kn_database_options options = {.where = where, .wait_ms = WAIT_MS};
    PGconn *pg;
    assert_ok(kn_database_open(&options, &database, &error));
    assert_ok(kn_postgres_connect(database, NULL, &pg, &error));
    bool encrypted = PQsslInUse(pg);
    PQfinish(pg);
    kn_database_close(database);
    return encrypted;
}

static void tls_is_as_the_string_asks_for(void **state)
{
    struct contract *c = *state;
    const char *root = getenv("KN_TEST_ROOT");
    assert_false(is_encrypted(tls_string(c, "127.0.0.1", "disable", NULL)));
    assert_true(is_encrypted(tls_string(c, "127.0.0.1", "require", NULL)));
    assert_true(is_encrypted(tls_string(c, "127.0.0.1", "verify-ca", root)));
    assert_true(is_encrypted(tls_string(c, "localhost", "verify-full", root)));
}

static void a_server_that_can_not_prove_itself_is_refused(void **state)
{
    struct contract *c = *state;
    const char *other = getenv("KN_TEST_OTHER_ROOT");
    expect_refusal(tls_string(c, "localhost", "verify-full", other), KN_DENIED,
                   "certificate verify failed");
    expect_refusal(tls_string(c, "127.0.0.1", "verify-full", getenv("KN_TEST_ROOT")), KN_DENIED,
                   "does not match host name");
    expect_refusal(tls_string(c, "localhost", "verify-full", "/none.crt"), KN_DENIED,
                   "root certificate file \"/none.crt\" does not exist");
}

/* ---- a server that has no place just now ---- */

struct place {
    PGconn *taken;
    int64_t for_us;
};

static void *give_back(void *arg)
{
    const struct place *place = arg;
    (void)kn_cancel_wait_ms(NULL, place->for_us / 1000);
    PQfinish(place->taken);
    return NULL;
}

/* As a user with a password who may have `most` connections. */
static const char *string_of_crowded(const struct contract *c, int most)
{
    const char *where = getenv("KN_TEST_POSTGRES_TCP");
    const char *at = strchr(where, '@');
    assert_non_null(at);
    contract_outside((struct contract *)c, "DROP ROLE IF EXISTS crowded");
    contract_outside((struct contract *)c,
                     kn_arena_printf(c->arena,
                                     "CREATE ROLE crowded LOGIN PASSWORD 'pw' CONNECTION LIMIT %d",
                                     most));
    return kn_arena_printf(c->arena, "postgres://crowded:pw%s", at);
}

static void a_place_that_is_taken_is_waited_for(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    const char *where = string_of_crowded(c, 1);
    struct place place = {.taken = PQconnectdb(where), .for_us = 150000};
    pthread_t thread;
    assert_int_equal(PQstatus(place.taken), CONNECTION_OK);
    assert_status(try_open(where, 600, &error), KN_REMOTE);
    assert_says(error.text, "too many connections for role");
    assert_int_equal(pthread_create(&thread, NULL, give_back, &place), 0);
    assert_ok(try_open(where, WAIT_MS, &error));
    pthread_join(thread, NULL);
}

/* The same for a batch of reads, whose connections are made beside each other. */
static void reads_wait_for_a_place_as_well(void **state)
{
    static const struct kn_statement one = {
        .name = "one", .access = KN_READ, .tables = "", .postgres = "SELECT 1"};
    struct contract *c = *state;
    struct kn_error error;
    struct kn_database *database;
    const char *where = string_of_crowded(c, 1);
    struct kn_database_options options = {.where = where, .wait_ms = WAIT_MS, .connections = 2};
    pthread_t thread;
    assert_ok(kn_database_open(&options, &database, &error));
    contract_outside(c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE usename = 'crowded'");
    struct place place = {.taken = NULL, .for_us = 150000};
    do { /* until the server has noticed */
        PQfinish(place.taken);
        place.taken = PQconnectdb(where);
    } while (PQstatus(place.taken) != CONNECTION_OK);
    assert_int_equal(pthread_create(&thread, NULL, give_back, &place), 0);
    struct kn_operation read = PLAIN(one);
    assert_ok(kn_batch_run(database, &read, 1, c->arena, NULL, &error));
    pthread_join(thread, NULL);
    kn_database_close(database);
}

/* ---- a server of ours that says little ---- */

static int listen_at(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(listen(fd, 4), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

struct answer {
    int fd;
    const char *bytes;
    size_t size;
};

/* Reads what comes first, answers, and waits until the client goes. */
static void *answer_one(void *arg)
{
    const struct answer *answer = arg;
    char request[1024];
    int fd = accept4(answer->fd, NULL, NULL, SOCK_CLOEXEC);
    if (read(fd, request, sizeof request) > 0 &&
        write(fd, answer->bytes, answer->size) == (ssize_t)answer->size)
        while (read(fd, request, sizeof request) > 0)
            ;
    close(fd);
    return NULL;
}

static void expect_of(const char *bytes, size_t size, const char *mode, enum kn_status status,
                      const char *part)
{
    int port;
    pthread_t thread;
    struct answer answer = {listen_at(&port), bytes, size};
    char where[128];
    snprintf(where, sizeof where, "postgres://u@127.0.0.1:%d/x?gssencmode=disable&sslmode=%s", port,
             mode);
    assert_int_equal(pthread_create(&thread, NULL, answer_one, &answer), 0);
    expect_refusal(where, status, part);
    pthread_join(thread, NULL);
    close(answer.fd);
}

/* The messages of section 55.7 of PostgreSQL's manual, version 15: AuthenticationOk,
 * ParameterStatus, BackendKeyData, ReadyForQuery. */
static void an_old_server_is_told_by_its_version(void **state)
{
    static const char hello[] = "R\0\0\0\10\0\0\0\0"
                                "S\0\0\0\30server_version\0"
                                "14.9\0"
                                "K\0\0\0\14\0\0\0\1\0\0\0\2"
                                "Z\0\0\0\5I";
    (void)state;
    expect_of(hello, sizeof hello - 1, "disable", KN_MISSING,
              "is PostgreSQL 14; kirinuki needs 15 or later");
}

static void a_server_without_tls_is_refused_where_it_is_required(void **state)
{
    (void)state;
    expect_of("N", 1, "require", KN_REMOTE, "server does not support SSL, but SSL was required");
}

/* ---- names ---- */

#define SLOW_HOST "slow.invalid"
static sem_t resolver_may_end;

/* libpq comes here: this program's own resolver does not answer for SLOW_HOST before it may. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (node && strcmp(node, SLOW_HOST) == 0) {
        sem_wait(&resolver_may_end);
        return EAI_NONAME;
    }
    resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, ret);
}

static void a_name_that_is_not_found_in_time_ends_the_wait(void **state)
{
    struct kn_error error;
    int64_t start_us = kn_now_us();
    (void)state;
    assert_status(try_open("postgres://u@" SLOW_HOST "/x", 300, &error), KN_TIMEOUT);
    assert_says(error.text, "no answer within 0.3 s");
    assert_in_range(kn_now_us() - start_us, 290000, 20000000);
    sem_post(&resolver_may_end);
}

static void *trigger(void *cancel)
{
    kn_cancel_trigger(cancel);
    return NULL;
}

static void looking_a_name_up_can_be_cancelled(void **state)
{
    struct kn_error error;
    struct kn_postgres_place place;
    pthread_t thread;
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    assert_ok(kn_postgres_place_init(&place, "postgres://u@" SLOW_HOST "/x", 60000, &error));
    assert_int_equal(pthread_create(&thread, NULL, trigger, cancel), 0);
    struct kn_postgres_link *link = kn_postgres_link_start(&place, cancel);
    assert_status(kn_postgres_link_await(link, &place, cancel, &error), KN_CANCELLED);
    pthread_join(thread, NULL);
    kn_postgres_link_close(link);
    kn_postgres_place_done(&place);
    kn_cancel_free(cancel);
    sem_post(&resolver_may_end);
    (void)state;
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        CASE(tls_is_as_the_string_asks_for),
        CASE(a_server_that_can_not_prove_itself_is_refused),
        CASE(a_place_that_is_taken_is_waited_for),
        CASE(reads_wait_for_a_place_as_well),
        CASE(an_old_server_is_told_by_its_version),
        CASE(a_server_without_tls_is_refused_where_it_is_required),
        CASE(a_name_that_is_not_found_in_time_ends_the_wait),
        CASE(looking_a_name_up_can_be_cancelled),
    };
    sem_init(&resolver_may_end, 0, 0);
    return cmocka_run_group_tests_name("connect", tests, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
