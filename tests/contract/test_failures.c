/* Databases that are not there, not what they should be, or go away. */
#include "contract.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "base/clock.h"
#include "store/postgres.h"

#define PASSWORD "secret-4711"

static enum kn_status try_open(const char *where, struct kn_error *err)
{
    struct kn_database *database;
    struct kn_database_options options = {.where = where, .wait_ms = 400};
    *err = (struct kn_error){0};
    enum kn_status status = kn_database_open(&options, &database, err);
    if (status == KN_OK)
        kn_database_close(database);
    return status;
}

static void expect_refusal(const char *where, enum kn_status status, const char *part)
{
    struct kn_error error;
    enum kn_status got = try_open(where, &error);
    if (got != status || !strstr(error.text, part) || strchr(error.text, '\n'))
        fail_msg("%s: %s: %s", where, kn_status_name(got), error.text);
    assert_null(strstr(error.text, PASSWORD));
}

/* ---- files ---- */

static const char *beside(const struct contract *c, const char *name)
{
    return kn_arena_printf(c->arena, "%.*s/%s", (int)(strrchr(c->where, '/') - c->where), c->where,
                           name);
}

static const char *make_file(const struct contract *c, const char *name, const char *content,
                             size_t size)
{
    const char *path = beside(c, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void files_that_are_no_database_are_refused(void **state)
{
    struct contract *c = *state;
    char text[5000];
    memset(text, 'x', sizeof text);
    const char *no_database = make_file(c, "text", text, sizeof text);
    expect_refusal("", KN_INVALID, "empty");
    expect_refusal(":memory:", KN_INVALID, "has to be a file");
    expect_refusal(beside(c, "."), KN_INVALID, "is a folder");
    expect_refusal(beside(c, "none/x.db"), KN_NOT_FOUND, "none/x.db: No such file or directory");
    expect_refusal(beside(c, "text/x.db"), KN_NOT_FOUND, "Not a directory");
    expect_refusal(no_database, KN_DAMAGED, "text is not an SQLite database");
    struct stat st;
    assert_int_equal(stat(no_database, &st), 0);
    assert_int_equal(st.st_size, sizeof text); /* left as it was */
}

static void what_may_not_be_written_is_refused(void **state)
{
    struct contract *c = *state;
    contract_sql(c, "INSERT INTO note (text) VALUES ('x')");
    const char *uri = kn_arena_printf(c->arena, "file:%s?mode=ro", c->where);
    expect_refusal(uri, KN_DENIED, "is read-only");
    if (geteuid() == 0)
        return; /* whom no mode of a file stops */
    const char *closed = make_file(c, "closed", "", 0);
    assert_int_equal(chmod(closed, 0), 0);
    expect_refusal(closed, KN_DENIED, "closed: Permission denied");
    assert_int_equal(chmod(closed, 0444), 0);
    expect_refusal(closed, KN_DENIED, "is read-only");
}

static void damage_is_found(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_database *database;
    contract_sql(c, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                    "3000) INSERT INTO note (text) SELECT 'a long enough text ' || i FROM n");
    kn_database_close(c->database);
    c->database = NULL;
    int file = open(c->where, O_RDWR | O_CLOEXEC);
    char rubbish[4096];
    memset(rubbish, 0x5a, sizeof rubbish);
    for (int page = 4; page < 20; page++)
        assert_int_equal(pwrite(file, rubbish, sizeof rubbish, page * 4096), sizeof rubbish);
    close(file);
    contract_open(c, 0, &database);
    c->database = database;
    struct kn_operation operations[] = {
        PLAIN(count_items),
        OPERATION(insert_item, INTEGER(1), NOTHING, NOTHING),
        PLAIN(count_notes),
    };
    assert_status(contract_run(c, operations, 3, &error), KN_DAMAGED);
    assert_status(operations[0].status, KN_OK);
    assert_status(operations[2].status, KN_DAMAGED);
    assert_says(error.text, "test.db is damaged");
}

/* A limit of SQLite's own on its pages gives the same code as a full disk. */
static void a_full_disk_undoes_the_transaction(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const struct kn_statement limit = {
        .name = "limit", .access = KN_WRITE, .tables = "", .sql = "PRAGMA max_page_count = 20"};
    static const struct kn_statement fill = {
        .name = "fill",
        .access = KN_WRITE,
        .tables = "note",
        .sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
               "INSERT INTO note (text) SELECT 'text ' || i FROM n"};
    struct kn_operation operations[] = {
        PLAIN(limit), OPERATION(insert_item, INTEGER(1), NOTHING, NOTHING), PLAIN(fill)};
    assert_status(contract_run(c, operations, 3, &error), KN_NO_SPACE);
    assert_says(error.text, "operation 3 (fill): the disk of the database ");
    assert_status(operations[1].status, KN_LOST);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), 0);
    assert_ok(contract_run(c, &operations[1], 1, &error));
}

static void a_read_that_writes_is_a_mistake(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const struct kn_statement liar = {
        .name = "liar", .access = KN_READ, .tables = "item", .sql = "DELETE FROM item"};
    struct kn_operation operation = PLAIN(liar);
    assert_status(contract_run(c, &operation, 1, &error), KN_INTERNAL);
}

/* ---- servers ---- */

/* $KN_TEST_POSTGRES_TCP with `from` replaced. */
static const char *changed(const struct contract *c, const char *from, const char *to)
{
    const char *where = getenv("KN_TEST_POSTGRES_TCP");
    const char *at = strstr(where, from);
    assert_non_null(at);
    return kn_arena_printf(c->arena, "%.*s%s%s", (int)(at - where), where, to, at + strlen(from));
}

static int loopback(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &size), 0);
    return fd;
}

static void servers_that_can_not_be_used_are_told_apart(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    assert_ok(try_open(getenv("KN_TEST_POSTGRES_TCP"), &error));
    expect_refusal(changed(c, PASSWORD, "wrong-" PASSWORD), KN_DENIED,
                   "password authentication failed");
    expect_refusal(changed(c, ":" PASSWORD, ""), KN_DENIED, "password");
    expect_refusal(changed(c, "kirinuki:", "nobody:"), KN_DENIED, "nobody");
    expect_refusal(changed(c, "/postgres", "/none"), KN_NOT_FOUND,
                   "database \"none\" does not exist");
    /* A socket that nobody accepts on, and one that was closed. */
    struct sockaddr_in address;
    int fd = loopback(&address);
    assert_int_equal(listen(fd, 1), 0);
    const char *where = kn_arena_printf(c->arena, "postgres://user:" PASSWORD "@127.0.0.1:%d/x",
                                        ntohs(address.sin_port));
    expect_refusal(where, KN_TIMEOUT, "no answer within 0.4 s");
    close(fd);
    expect_refusal(where, KN_REMOTE, "Connection refused");
}

static void no_sentence_shows_a_password(void **state)
{
    struct contract *c = *state;
    static const char *const strings[] = {
        "postgres://user:" PASSWORD "%zz@127.0.0.1/x",
        "postgres://user:a@" PASSWORD "@127.0.0.1/x",
        "postgres://user:a/" PASSWORD "@127.0.0.1/x",
        "postgres://user:" PASSWORD "/a@127.0.0.1/x",
        "postgres://user:a?" PASSWORD "@127.0.0.1/x",
        "postgres://user:a#" PASSWORD "@127.0.0.1:1/x",
        "postgres://127.0.0.1:1/x?password=" PASSWORD "&nonsense=1",
        "postgres://127.0.0.1:1/x?user=u&password=" PASSWORD,
        "postgresql://user:" PASSWORD "@[::1",
    };
    for (size_t i = 0; i < KN_COUNT_OF(strings); i++) {
        struct kn_error error;
        assert_int_not_equal(try_open(strings[i], &error), KN_OK);
        if (strstr(error.text, PASSWORD))
            fail_msg("%s", error.text);
    }
    struct kn_database *database;
    struct kn_database_options options = {.where = getenv("KN_TEST_POSTGRES_TCP")};
    struct kn_error error;
    assert_ok(kn_database_open(&options, &database, &error));
    assert_null(strstr(kn_database_where(database), PASSWORD));
    assert_says(kn_database_where(database), "postgresql://kirinuki@127.0.0.1:");
    kn_database_close(database);
    (void)c;
}

#define OF_KIRINUKI "application_name = 'kirinuki' AND pid <> pg_backend_pid()"

/* Also those that are still being made. */
static void kill_connections(struct contract *c)
{
    while (contract_outside_number(c, "SELECT count(pg_terminate_backend(pid)) FROM "
                                      "pg_stat_activity WHERE " OF_KIRINUKI))
        ;
}

static void connections_closed_meanwhile_are_replaced(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    for (int i = 0; i < 5; i++) {
        struct kn_operation operations[] = {
            PLAIN(count_items),
            OPERATION(insert_note, TEXT("after")),
            PLAIN(count_notes),
        };
        kill_connections(c);
        assert_ok(contract_run(c, operations, 3, &error));
        assert_int_equal(operations[2].rows.values[0].integer, i + 1);
    }
}

/* They take a minute, until somebody has put a note; `twice`: two notes. */
#define SLEEPS_UNTIL(count)                                                                        \
    "CASE WHEN (SELECT count(*) FROM note) >= " count " THEN '' ELSE pg_sleep(60)::text END"
static const struct kn_statement sleepy_read = {.name = "sleepy_read",
                                                .access = KN_READ,
                                                .tables = "",
                                                .postgres = "SELECT " SLEEPS_UNTIL("1")};
static const struct kn_statement sleepy_write = {
    .name = "sleepy_write",
    .access = KN_WRITE,
    .tables = "item",
    .postgres = "INSERT INTO item (id, name) SELECT $1, " SLEEPS_UNTIL("1")};
static const struct kn_statement stubborn_write = {
    .name = "stubborn_write",
    .access = KN_WRITE,
    .tables = "item",
    .postgres = "INSERT INTO item (id, name) SELECT $1, " SLEEPS_UNTIL("2")};

struct killer {
    struct contract *c;
    int times;
};

/* Kills whoever sleeps in a statement and was not killed before. */
static void *kill_sleepers(void *arg)
{
    struct killer *killer = arg;
    static const char sleeping[] = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = "
                                   "'PgSleep' AND pid NOT IN (SELECT pid FROM killed)";
    contract_outside(killer->c, "CREATE TEMP TABLE killed (pid INT)");
    for (int i = 0; i < killer->times; i++) {
        while (!contract_outside_number(killer->c, sleeping))
            ;
        contract_outside(killer->c, "INSERT INTO note (text) VALUES ('now')");
        contract_outside(killer->c, "INSERT INTO killed SELECT pid FROM pg_stat_activity WHERE "
                                    "wait_event = 'PgSleep'");
        contract_outside(killer->c, "SELECT pg_terminate_backend(pid) FROM killed");
    }
    return NULL;
}

static enum kn_status run_beside(struct contract *c, struct killer *killer,
                                 struct kn_operation *operations, int count, struct kn_error *err)
{
    pthread_t thread;
    killer->c = c;
    assert_int_equal(pthread_create(&thread, NULL, kill_sleepers, killer), 0);
    enum kn_status status = contract_run(c, operations, count, err);
    pthread_join(thread, NULL);
    return status;
}

static void a_connection_killed_at_work_is_tried_again(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_operation operations[] = {
        OPERATION(sleepy_write, INTEGER(1)),
        OPERATION(insert_item, INTEGER(2), NOTHING, NOTHING),
        PLAIN(count_items),
    };
    assert_ok(run_beside(c, &(struct killer){.times = 1}, operations, 3, &error));
    assert_int_equal(operations[2].rows.values[0].integer, 2);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), 2);
}

static void so_are_reads(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_operation operations[] = {PLAIN(count_items), PLAIN(sleepy_read), PLAIN(count_notes)};
    assert_ok(run_beside(c, &(struct killer){.times = 1}, operations, 3, &error));
    assert_int_equal(operations[2].rows.values[0].integer, 1);
}

static void it_is_not_tried_for_ever(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    struct kn_operation operations[] = {
        OPERATION(insert_item, INTEGER(1), NOTHING, NOTHING),
        OPERATION(stubborn_write, INTEGER(2)),
    };
    assert_status(run_beside(c, &(struct killer){.times = 2}, operations, 2, &error), KN_REMOTE);
    assert_int_equal(contract_number(c, "SELECT count(*) FROM item"), 0);
}

/* Ends our side of every connection that a statement of the server's is busy on, without a word
 * of the server's: as a router would that lost its table. */
static void *cut_wires(void *arg)
{
    struct contract *c = arg;
    const char *sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    while (!contract_outside_number(c, sleeping))
        ;
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        bool connected = getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
        if (connected && fd != PQsocket(c->outside))
            shutdown(fd, SHUT_RDWR);
    }
    contract_outside(c, "INSERT INTO note (text) VALUES ('now')");
    return NULL;
}

static void what_may_have_been_committed_is_lost(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    pthread_t thread;
    static const struct kn_statement long_write = {
        .name = "long_write",
        .access = KN_WRITE,
        .tables = "item",
        .postgres = "INSERT INTO item (id, score) SELECT $1, count(pg_sleep(0.5))"};
    struct kn_operation operations[] = {OPERATION(long_write, INTEGER(1)), PLAIN(count_items)};
    assert_int_equal(contract_outside_number(c, "SELECT 0"), 0); /* opens it on this thread */
    assert_int_equal(pthread_create(&thread, NULL, cut_wires, c), 0);
    assert_status(contract_run(c, operations, 2, &error), KN_LOST);
    pthread_join(thread, NULL);
    assert_says(error.text, "may have happened or not");
    assert_status(operations[0].status, KN_LOST);
    assert_status(operations[1].status, KN_LOST);
    /* It did: the server learnt of it too late. */
    while (!contract_outside_number(c, "SELECT count(*) FROM item"))
        ;
    assert_ok(contract_run(c, (struct kn_operation[]){PLAIN(count_items)}, 1, &error));
}

static void a_pooler_that_loses_statements_is_noticed(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const struct kn_statement prepared = {.name = "prepared",
                                                 .access = KN_READ,
                                                 .tables = "",
                                                 .sql =
                                                     "SELECT count(*) FROM pg_prepared_statements"};
    struct kn_operation operations[] = {
        OPERATION(insert_item, INTEGER(1), NOTHING, NOTHING),
        PLAIN(count_items),
        PLAIN(prepared),
    };
    assert_ok(contract_run(c, operations, 3, &error));
    contract_sql(c, "DELETE FROM item");
    struct kn_operation reset[20];
    static const struct kn_statement deallocate = {
        .name = "reset", .access = KN_READ, .tables = "", .sql = "DEALLOCATE ALL"};
    for (int i = 0; i < 20; i++)
        reset[i] = PLAIN(deallocate);
    (void)contract_run(c, reset, 20, &error);
    assert_ok(contract_run(c, operations, 3, &error));
    contract_sql(c, "DELETE FROM item");
    (void)contract_run(c, reset, 20, &error);
    assert_ok(contract_run(c, operations, 3, &error));
    assert_int_equal(operations[1].rows.values[0].integer, 1);
    assert_int_equal(operations[2].rows.values[0].integer, 0); /* it prepares no more */
}

/* Behind such a pooler, somebody else's statement may be there under the same name. */
static void a_name_that_is_taken_is_no_trouble(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    static const struct kn_statement names = {
        .name = "names",
        .access = KN_READ,
        .tables = "",
        .sql = "SELECT name FROM pg_prepared_statements WHERE name LIKE 'kn_one_item%'"};
    struct kn_operation operations[] = {OPERATION(one_item, INTEGER(1)), PLAIN(names)};
    assert_ok(contract_run(c, operations, 2, &error));
    assert_int_equal(operations[1].rows.count, 1);
    struct kn_database *other;
    contract_open(c, 2, &other);
    struct kn_statement taken = {.name = "taken", .access = KN_WRITE, .tables = "item"};
    taken.sql =
        kn_arena_printf(c->arena, "PREPARE \"%s\" AS SELECT 1", operations[1].rows.values[0].text);
    struct kn_operation take = PLAIN(taken);
    assert_ok(kn_batch_run(other, &take, 1, c->arena, NULL, &error));
    struct kn_operation both[] = {
        OPERATION(insert_item, INTEGER(1), NOTHING, NOTHING),
        OPERATION(one_item, INTEGER(1)),
    };
    assert_ok(kn_batch_run(other, both, 2, c->arena, NULL, &error));
    assert_int_equal(both[1].rows.values[0].integer, 1);
    kn_database_close(other);
}

static void a_connection_of_its_own_listens(void **state)
{
    struct contract *c = *state;
    struct kn_error error;
    PGconn *pg;
    assert_ok(kn_postgres_connect(c->database, NULL, &pg, &error));
    PQclear(PQexec(pg, "LISTEN kirinuki_test"));
    contract_sql(c, "NOTIFY kirinuki_test, 'hello'");
    PGnotify *notify;
    while (!(notify = PQnotifies(pg)))
        PQclear(PQexec(pg, "SELECT 1"));
    assert_string_equal(notify->extra, "hello");
    PQfreemem(notify);
    PQfinish(pg);
}

static int run(void)
{
    const struct CMUnitTest files[] = {
        CASE(files_that_are_no_database_are_refused),
        CASE(what_may_not_be_written_is_refused),
        CASE(damage_is_found),
        CASE(a_full_disk_undoes_the_transaction),
        CASE(a_read_that_writes_is_a_mistake),
    };
    const struct CMUnitTest servers[] = {
        CASE(servers_that_can_not_be_used_are_told_apart),
        CASE(no_sentence_shows_a_password),
        CASE(connections_closed_meanwhile_are_replaced),
        CASE(a_connection_killed_at_work_is_tried_again),
        CASE(so_are_reads),
        CASE(it_is_not_tried_for_ever),
        CASE(what_may_have_been_committed_is_lost),
        CASE(a_pooler_that_loses_statements_is_noticed),
        CASE(a_name_that_is_taken_is_no_trouble),
        CASE(a_connection_of_its_own_listens),
    };
    if (contract_is(KN_DATABASE_SQLITE))
        return cmocka_run_group_tests(files, NULL, NULL);
    return cmocka_run_group_tests(servers, NULL, NULL);
}

int main(int count, char **arguments)
{
    return contract_main(count, arguments, run);
}
