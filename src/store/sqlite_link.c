/*
 * Waiting for a lock is SQLite's busy handler, which sleeps on the cancel token; long statements
 * ask the token every few thousand steps of SQLite's machine. sqlite3_interrupt is not used: it
 * does nothing to a statement that begins a moment later.
 */
#include "store/sqlite_link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"

enum {
    STEPS_BETWEEN_LOOKS = 4000, /* some 100 us */
    LONGEST_PAUSE_MS = 20,
    PREPARED_MOST = 256,
    WAL_BYTES_KEPT = 64 * 1024 * 1024,
    CACHE_KB = 16 * 1024, /* at most, a connection */
};

/* ---- errors ---- */

/* SQLite tries to read what it may not make, so the last error is that there is nothing to read. */
static int why_not_made(const char *path, int value)
{
    const char *base = kn_path_base(path);
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", base > path ? (int)(base - path) : 1,
             base > path ? path : ".");
    return value == ENOENT && access(folder, W_OK | X_OK) != 0 ? errno : value;
}

/* A file that can't be opened or written, by what the system says. */
static enum kn_status system_error(const struct kn_sqlite_link *link, enum kn_status otherwise,
                                   struct kn_error *err)
{
    int value = why_not_made(link->path, sqlite3_system_errno(link->db));
    if (value)
        return kn_error_errno(err, value, "cannot use the database %s", link->path);
    return kn_error_set(err, otherwise, "cannot use the database %s: %s", link->path,
                        sqlite3_errmsg(link->db));
}

static enum kn_status read_only_error(const struct kn_sqlite_link *link, struct kn_error *err)
{
    if (!link->writes)
        return kn_error_set(err, KN_INTERNAL, "a statement that is said to read wants to write");
    return kn_error_set(err, KN_DENIED, "the database %s is read-only", link->path);
}

static enum kn_status failed(const struct kn_sqlite_link *link, int code, struct kn_error *err)
{
    const char *message = link->db ? sqlite3_errmsg(link->db) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_INTERRUPT:
        return kn_cancel_check(link->cancel, err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        if (kn_cancel_check(link->cancel, err) != KN_OK)
            return KN_CANCELLED;
        return kn_error_set(err, KN_TIMEOUT, "the database %s is locked by somebody else",
                            link->path);
    case SQLITE_FULL:
        return kn_error_set(err, KN_NO_SPACE, "the disk of the database %s is full", link->path);
    case SQLITE_READONLY:
        return read_only_error(link, err);
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return kn_error_set(err, KN_DENIED, "the database %s: %s", link->path, message);
    case SQLITE_CORRUPT:
        return kn_error_set(err, KN_DAMAGED, "the database %s is damaged", link->path);
    case SQLITE_NOTADB:
        return kn_error_set(err, KN_DAMAGED, "%s is not an SQLite database", link->path);
    case SQLITE_CANTOPEN:
        return system_error(link, KN_DENIED, err);
    case SQLITE_IOERR:
        return system_error(link, KN_IO, err);
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return kn_error_set(err, KN_INVALID, "%s", message);
    case SQLITE_TOOBIG:
        return kn_error_set(err, KN_LIMIT, "%s", message);
    case SQLITE_NOMEM:
        kn_out_of_memory();
    default:
        return kn_error_set(err, KN_INTERNAL, "%s", message);
    }
}

/* ---- opening and closing ---- */

static int wait_for_lock(void *arg, int before)
{
    struct kn_sqlite_link *link = arg;
    int64_t left_us = link->deadline_us - kn_now_us();
    if (left_us <= 0)
        return 0;
    int64_t pause_ms = KN_MIN(1 << KN_MIN(before, 10), LONGEST_PAUSE_MS);
    return !kn_cancel_wait_ms(link->cancel, KN_MIN(pause_ms, left_us / 1000 + 1));
}

static int asked_to_stop(void *arg)
{
    struct kn_sqlite_link *link = arg;
    return kn_cancel_requested(link->cancel);
}

/* What SQLite would only call "unable to open". */
static enum kn_status check_path(const char *path, struct kn_error *err)
{
    struct stat st;
    if (!path[0])
        return kn_error_set(err, KN_INVALID, "the path of the database is empty");
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return kn_error_set(err, KN_INVALID, "%s is a folder, not a database", path);
    return KN_OK;
}

/* A new one is its owner's alone: it holds the addresses of uploads and what is yet to be posted.
 */
static void make_private(const char *path)
{
    if (kn_starts_with(path, "file:"))
        return;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

static enum kn_status open_file(struct kn_sqlite_link *link, struct kn_error *err)
{
    make_private(link->path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
    int code = sqlite3_open_v2(link->path, &link->db, flags, NULL);
    if (code != SQLITE_OK)
        return failed(link, code, err);
    sqlite3_extended_result_codes(link->db, 1);
    sqlite3_busy_handler(link->db, wait_for_lock, link);
    sqlite3_progress_handler(link->db, STEPS_BETWEEN_LOOKS, asked_to_stop, link);
    /* "name" is a name and never a text: as in PostgreSQL. */
    sqlite3_db_config(link->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(link->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    const char *file = sqlite3_db_filename(link->db, "main");
    if (!file || !file[0])
        return kn_error_set(err, KN_INVALID, "the database %s has to be a file", link->path);
    return KN_OK;
}

/* Switching needs the file for itself for a moment, and SQLite does not always call the busy
 * handler for that: two processes that begin together would fail. */
static enum kn_status switch_to_wal(struct kn_sqlite_link *link, struct kn_error *err)
{
    for (int round = 0;; round++) {
        enum kn_status status = kn_sqlite_exec(link, "PRAGMA journal_mode=WAL", err);
        if (status != KN_TIMEOUT || !wait_for_lock(link, round))
            return status;
    }
}

static enum kn_status set_up(struct kn_sqlite_link *link, struct kn_error *err)
{
    int64_t version;
    char settings[256];
    snprintf(settings, sizeof settings,
             "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
             "PRAGMA journal_size_limit=%d; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY;"
             "PRAGMA query_only=%s",
             WAL_BYTES_KEPT, CACHE_KB, link->writes ? "OFF" : "ON");
    /* The first look into the file tells what it is. */
    enum kn_status status = kn_sqlite_number(link, "PRAGMA schema_version", &version, err);
    if (status == KN_OK && sqlite3_db_readonly(link->db, "main") == 1)
        status = kn_error_set(err, KN_DENIED, "the database %s is read-only", link->path);
    if (status == KN_OK)
        status = switch_to_wal(link, err);
    if (status == KN_OK)
        status = kn_sqlite_exec(link, settings, err);
    return status;
}

enum kn_status kn_sqlite_link_open(const char *path, bool writes, int64_t wait_ms,
                                   struct kn_sqlite_link **ret_link, struct kn_error *err)
{
    enum kn_status status = check_path(path, err);
    if (status != KN_OK)
        return status;
    KN_SCOPED(kn_sqlite_link) link = kn_calloc(1, sizeof *link);
    link->path = path;
    link->writes = writes;
    kn_sqlite_use(link, NULL, wait_ms);
    status = open_file(link, err);
    if (status == KN_OK)
        status = set_up(link, err);
    if (status == KN_OK)
        *ret_link = KN_MOVE(link);
    return status;
}

void kn_sqlite_link_close(struct kn_sqlite_link *link)
{
    if (!link)
        return;
    for (int i = 0; i < link->prepared.count; i++)
        sqlite3_finalize(link->prepared.at[i].stmt);
    kn_vec_free(&link->prepared);
    sqlite3_close(link->db);
    free(link);
}

void kn_sqlite_use(struct kn_sqlite_link *link, struct kn_cancel *cancel, int64_t wait_ms)
{
    link->cancel = cancel;
    link->deadline_us = kn_now_us() + wait_ms * 1000;
}

/* ---- statements ---- */

enum kn_status kn_sqlite_exec(struct kn_sqlite_link *link, const char *sql, struct kn_error *err)
{
    int code = sqlite3_exec(link->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? KN_OK : failed(link, code, err);
}

enum kn_status kn_sqlite_number(struct kn_sqlite_link *link, const char *sql, int64_t *ret_number,
                                struct kn_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int64_t number = 0;
    int code = sqlite3_prepare_v2(link->db, sql, -1, &stmt, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(stmt);
        if (code == SQLITE_ROW)
            number = sqlite3_column_int64(stmt, 0);
    }
    enum kn_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? KN_OK : failed(link, code, err);
    sqlite3_finalize(stmt);
    if (status == KN_OK)
        *ret_number = number;
    return status;
}

static int parameter_number(sqlite3_stmt *stmt, int index)
{
    long long number;
    const char *name = sqlite3_bind_parameter_name(stmt, index);
    bool numbered = name && name[0] == '$' && kn_parse_int(name + 1, 1, 999, &number);
    return numbered ? (int)number : 0;
}

static int highest_parameter(sqlite3_stmt *stmt)
{
    int highest = 0;
    for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++)
        highest = KN_MAX(highest, parameter_number(stmt, i));
    return highest;
}

/* Looks from the one used last; a batch has long runs of the same. */
static const struct kn_sqlite_prepared *find_prepared(struct kn_sqlite_link *link, const char *sql)
{
    for (int i = link->prepared.count - 1; i >= 0; i--) {
        struct kn_sqlite_prepared found = link->prepared.at[i];
        if (strcmp(sqlite3_sql(found.stmt), sql) != 0)
            continue;
        memmove(&link->prepared.at[i], &link->prepared.at[i + 1],
                (size_t)(link->prepared.count - 1 - i) * sizeof found);
        *kn_vec_last(&link->prepared) = found;
        return kn_vec_last(&link->prepared);
    }
    return NULL;
}

static enum kn_status prepare(struct kn_sqlite_link *link, const char *sql,
                              const struct kn_sqlite_prepared **ret, struct kn_error *err)
{
    if ((*ret = find_prepared(link, sql)))
        return KN_OK;
    sqlite3_stmt *stmt;
    int code = sqlite3_prepare_v3(link->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (code != SQLITE_OK)
        return failed(link, code, err);
    if (!stmt)
        return kn_error_set(err, KN_INTERNAL, "the statement is empty");
    if (link->prepared.count == PREPARED_MOST) {
        sqlite3_finalize(link->prepared.at[0].stmt);
        memmove(&link->prepared.at[0], &link->prepared.at[1],
                (PREPARED_MOST - 1) * sizeof link->prepared.at[0]);
        link->prepared.count--;
    }
    struct kn_sqlite_prepared made = {.stmt = stmt, .parameters = highest_parameter(stmt)};
    kn_vec_push(&link->prepared, made);
    *ret = kn_vec_last(&link->prepared);
    return KN_OK;
}

/* ---- values ---- */

static void add_json_text(struct kn_str *json, const char *text)
{
    if (!text) {
        kn_str_add(json, "null");
        return;
    }
    kn_str_add_char(json, '"');
    for (const char *at = text; *at;) {
        size_t plain = 0;
        while (at[plain] && at[plain] != '"' && at[plain] != '\\' && (unsigned char)at[plain] >= 32)
            plain++;
        kn_str_add_bytes(json, at, plain);
        at += plain;
        if (*at)
            kn_str_printf(json, "\\u%04x", (unsigned char)*at++);
    }
    kn_str_add_char(json, '"');
}

static int bind_list(sqlite3_stmt *stmt, int index, const struct kn_value *value)
{
    KN_SCOPED_STR json = {0};
    kn_str_add_char(&json, '[');
    for (int i = 0; i < value->count; i++) {
        if (i)
            kn_str_add_char(&json, ',');
        if (value->type == KN_VALUE_INTEGERS)
            kn_str_printf(&json, "%lld", (long long)value->integers[i]);
        else
            add_json_text(&json, value->texts[i]);
    }
    kn_str_add_char(&json, ']');
    return sqlite3_bind_text64(stmt, index, kn_str_text(&json), json.length, SQLITE_TRANSIENT,
                               SQLITE_UTF8);
}

static int bind_value(sqlite3_stmt *stmt, int index, const struct kn_value *value)
{
    switch (value->type) {
    case KN_VALUE_NULL:
        return sqlite3_bind_null(stmt, index);
    case KN_VALUE_INTEGER:
        return sqlite3_bind_int64(stmt, index, value->integer);
    case KN_VALUE_REAL:
        return sqlite3_bind_double(stmt, index, value->real);
    case KN_VALUE_TEXT:
        return sqlite3_bind_text64(stmt, index, value->text, strlen(value->text), SQLITE_STATIC,
                                   SQLITE_UTF8);
    case KN_VALUE_INTEGERS:
    case KN_VALUE_TEXTS:
        return bind_list(stmt, index, value);
    }
    return SQLITE_MISUSE;
}

static enum kn_status bind(struct kn_sqlite_link *link, const struct kn_sqlite_prepared *prepared,
                           const struct kn_operation *operation, struct kn_error *err)
{
    if (operation->value_count != prepared->parameters)
        return kn_error_set(err, KN_INTERNAL, "it takes %d values and was given %d",
                            prepared->parameters, operation->value_count);
    for (int i = 1; i <= sqlite3_bind_parameter_count(prepared->stmt); i++) {
        int number = parameter_number(prepared->stmt, i);
        if (!number)
            return kn_error_set(err, KN_INTERNAL, "its parameters are not $1, $2 …");
        int code = bind_value(prepared->stmt, i, &operation->values[number - 1]);
        if (code != SQLITE_OK)
            return failed(link, code, err);
    }
    return KN_OK;
}

static void take_row(sqlite3_stmt *stmt, int columns, struct kn_rows_maker *maker)
{
    for (int i = 0; i < columns; i++) {
        switch (sqlite3_column_type(stmt, i)) {
        case SQLITE_NULL:
            kn_rows_add(maker, (struct kn_value){.type = KN_VALUE_NULL});
            break;
        case SQLITE_INTEGER:
            kn_rows_add(maker, (struct kn_value){.type = KN_VALUE_INTEGER,
                                                 .integer = sqlite3_column_int64(stmt, i)});
            break;
        case SQLITE_FLOAT:
            kn_rows_add(maker, (struct kn_value){.type = KN_VALUE_REAL,
                                                 .real = sqlite3_column_double(stmt, i)});
            break;
        default: {
            const char *text = (const char *)sqlite3_column_text(stmt, i);
            kn_rows_add_text(maker, text ? text : "", (size_t)sqlite3_column_bytes(stmt, i));
        }
        }
    }
}

enum kn_status kn_sqlite_run(struct kn_sqlite_link *link, struct kn_batch *batch, int number,
                             struct kn_rows_maker *maker, struct kn_error *err)
{
    const struct kn_operation *operation = &batch->operations[number];
    const struct kn_sqlite_prepared *prepared;
    const char *sql = kn_statement_text(operation->statement, KN_DATABASE_SQLITE);
    enum kn_status status = prepare(link, sql, &prepared, err);
    if (status == KN_OK)
        status = bind(link, prepared, operation, err);
    if (status != KN_OK)
        return status;

    sqlite3_stmt *stmt = prepared->stmt;
    int64_t before = sqlite3_total_changes64(link->db);
    int code = sqlite3_step(stmt);
    int columns = sqlite3_column_count(stmt); /* only now: the tables may have changed since */
    for (; code == SQLITE_ROW; code = sqlite3_step(stmt))
        take_row(stmt, columns, maker);
    if (code == SQLITE_DONE) {
        bool wrote = sqlite3_total_changes64(link->db) != before;
        int64_t changed = wrote ? sqlite3_changes64(link->db) : 0;
        kn_rows_store(maker, batch, number, columns, changed);
    } else {
        status = failed(link, code, err);
        kn_rows_drop(maker);
    }
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt); /* texts are borrowed for the call alone */
    return status;
}
