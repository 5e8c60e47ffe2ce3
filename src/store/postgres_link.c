#include "store/postgres_link.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { OLDEST_VERSION = 150000, PREPARED_MOST = 256 };

/* ---- parameters ---- */

void kn_postgres_parameters_free(struct kn_postgres_parameters *parameters)
{
    kn_vec_free(&parameters->list);
    kn_vec_free(&parameters->at);
    kn_str_free(&parameters->buffer);
}

static void begin(struct kn_postgres_parameters *parameters)
{
    kn_vec_clear(&parameters->list);
    kn_str_clear(&parameters->buffer);
}

static void ready(struct kn_postgres_parameters *parameters)
{
    kn_vec_clear(&parameters->at);
    for (int i = 0; i < parameters->list.count; i++) {
        const struct kn_postgres_parameter *p = &parameters->list.at[i];
        const char *text = p->text ? p->text : parameters->buffer.at + p->offset;
        kn_vec_push(&parameters->at, p->null ? NULL : text);
    }
}

static void add_element(struct kn_str *array, const char *text)
{
    if (!text) {
        kn_str_add(array, "NULL");
        return;
    }
    kn_str_add_char(array, '"');
    for (;;) {
        size_t plain = strcspn(text, "\"\\");
        kn_str_add_bytes(array, text, plain);
        text += plain;
        if (!*text)
            break;
        kn_str_add_char(array, '\\');
        kn_str_add_char(array, *text++);
    }
    kn_str_add_char(array, '"');
}

static void add_number(struct kn_str *text, const struct kn_value *value)
{
    char digits[40];
    int length = value->type == KN_VALUE_INTEGER
                     ? snprintf(digits, sizeof digits, "%lld", (long long)value->integer)
                     : snprintf(digits, sizeof digits, "%.17g", value->real);
    kn_str_add_bytes(text, digits, (size_t)length);
}

static void add_list(struct kn_str *array, const struct kn_value *list)
{
    kn_str_add_char(array, '{');
    for (int i = 0; i < list->count; i++) {
        if (i)
            kn_str_add_char(array, ',');
        if (list->type == KN_VALUE_INTEGERS)
            add_number(array,
                       &(struct kn_value){.type = KN_VALUE_INTEGER, .integer = list->integers[i]});
        else
            add_element(array, list->texts[i]);
    }
    kn_str_add_char(array, '}');
}

void kn_postgres_parameters_one(struct kn_postgres_parameters *parameters,
                                const struct kn_operation *operation)
{
    begin(parameters);
    for (int i = 0; i < operation->value_count; i++) {
        const struct kn_value *value = &operation->values[i];
        struct kn_postgres_parameter p = {.offset = parameters->buffer.length};
        switch (value->type) {
        case KN_VALUE_NULL:
            p.null = true;
            break;
        case KN_VALUE_TEXT:
            p.text = value->text;
            break;
        case KN_VALUE_INTEGER:
        case KN_VALUE_REAL:
            add_number(&parameters->buffer, value);
            break;
        case KN_VALUE_INTEGERS:
        case KN_VALUE_TEXTS:
            add_list(&parameters->buffer, value);
            break;
        }
        kn_str_add_char(&parameters->buffer, '\0');
        kn_vec_push(&parameters->list, p);
    }
    ready(parameters);
}

static void add_scalar(struct kn_str *array, const struct kn_value *value)
{
    if (value->type == KN_VALUE_TEXT)
        add_element(array, value->text);
    else if (value->type == KN_VALUE_NULL)
        kn_str_add(array, "NULL");
    else
        add_number(array, value);
}

void kn_postgres_parameters_many(struct kn_postgres_parameters *parameters,
                                 const struct kn_operation *operations, const int *numbers,
                                 int count)
{
    struct kn_str *buffer = &parameters->buffer;
    begin(parameters);
    for (int column = 0; column < operations[numbers[0]].value_count; column++) {
        struct kn_postgres_parameter p = {.offset = buffer->length};
        kn_str_add_char(buffer, '{');
        for (int i = 0; i < count; i++) {
            if (i)
                kn_str_add_char(buffer, ',');
            add_scalar(buffer, &operations[numbers[i]].values[column]);
        }
        kn_str_add(buffer, "}");
        kn_str_add_char(buffer, '\0');
        kn_vec_push(&parameters->list, p);
    }
    ready(parameters);
}

/* ---- connecting ---- */

/* Notices are dropped. What ends a connection comes as one where no statement is to blame. */
static void hear(void *arg, const PGresult *result)
{
    struct kn_postgres_link *link = arg;
    if (kn_postgres_ends(result))
        link->ending = true;
}

static void drop(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/* A peer that vanished is noticed within a minute, unless the string says otherwise. */
static PGconn *begin_to_connect(const char *given)
{
    static const char *const keywords[] = {
        "keepalives_idle",           "keepalives_interval", "keepalives_count", "tcp_user_timeout",
        "fallback_application_name", "client_encoding",     "dbname",           NULL};
    const char *const values[] = {"30", "10", "3", "60000", "kirinuki", "UTF8", given, NULL};
    PGconn *pg = PQconnectStartParams(keywords, values, 1);
    if (!pg)
        kn_out_of_memory();
    return pg;
}

static void dial(struct kn_postgres_link *link, const struct kn_postgres_place *place,
                 struct kn_cancel *cancel)
{
    link->pg = place->by_name
                   ? kn_postgres_lookup(begin_to_connect, place->given, link->deadline_us, cancel)
                   : begin_to_connect(place->given);
    PQsetErrorVerbosity(link->pg, PQERRORS_VERBOSE); /* for find_sqlstate */
    PQsetNoticeReceiver(link->pg, hear, link);
    link->connecting = true;
    link->ending = false;
    link->wants = PGRES_POLLING_WRITING;
}

struct kn_postgres_link *kn_postgres_link_start(const struct kn_postgres_place *place,
                                                struct kn_cancel *cancel)
{
    struct kn_postgres_link *link = kn_calloc(1, sizeof *link);
    link->deadline_us = kn_now_us() + place->wait_ms * 1000;
    dial(link, place, cancel);
    return link;
}

PGconn *kn_postgres_link_plain(struct kn_postgres_link *link)
{
    PGconn *pg = link->pg;
    if (!PQexitPipelineMode(pg) || PQsetnonblocking(pg, 0) != 0)
        return NULL;
    PQsetErrorVerbosity(pg, PQERRORS_DEFAULT);
    PQsetNoticeReceiver(pg, drop, NULL);
    return KN_MOVE(link->pg);
}

void kn_postgres_link_close(struct kn_postgres_link *link)
{
    if (!link)
        return;
    PQfinish(link->pg);
    for (int i = 0; i < link->prepared.count; i++) {
        free(link->prepared.at[i].sql);
        free(link->prepared.at[i].name);
    }
    kn_vec_free(&link->prepared);
    kn_vec_free(&link->replies);
    free(link);
}

static enum kn_status check_version(const struct kn_postgres_link *link,
                                    const struct kn_postgres_place *place, struct kn_error *err)
{
    int version = PQserverVersion(link->pg);
    if (version >= OLDEST_VERSION)
        return KN_OK;
    return kn_error_set(err, KN_MISSING, "%s is PostgreSQL %d; kirinuki needs %d or later",
                        place->shown, version / 10000, OLDEST_VERSION / 10000);
}

enum kn_status kn_postgres_link_step(struct kn_postgres_link *link,
                                     const struct kn_postgres_place *place, struct kn_error *err)
{
    if (!link->pg)
        return kn_postgres_link_late(place, err);
    if (PQstatus(link->pg) == CONNECTION_BAD)
        return kn_postgres_connect_error(place, link->pg, err);
    link->wants = PQconnectPoll(link->pg);
    if (link->wants == PGRES_POLLING_FAILED)
        return kn_postgres_connect_error(place, link->pg, err);
    if (link->wants != PGRES_POLLING_OK)
        return KN_OK;
    enum kn_status status = check_version(link, place, err);
    if (status != KN_OK)
        return status;
    link->connecting = false;
    if (link->ending || PQsetnonblocking(link->pg, 1) != 0 || !PQenterPipelineMode(link->pg))
        return kn_postgres_broken(place, err);
    return KN_OK;
}

enum kn_status kn_postgres_link_late(const struct kn_postgres_place *place, struct kn_error *err)
{
    return kn_error_set(err, KN_TIMEOUT, "cannot connect to %s: no answer within %.3g s",
                        place->shown, (double)place->wait_ms / 1000);
}

static enum kn_status await_once(struct kn_postgres_link *link,
                                 const struct kn_postgres_place *place, struct kn_cancel *cancel,
                                 struct kn_error *err)
{
    while (link->connecting) {
        if (kn_cancel_check(cancel, err) != KN_OK)
            return KN_CANCELLED;
        if (!link->pg)
            return kn_postgres_link_late(place, err);
        if (PQstatus(link->pg) == CONNECTION_BAD)
            return kn_postgres_connect_error(place, link->pg, err);
        int64_t left_us = link->deadline_us - kn_now_us();
        if (left_us <= 0)
            return kn_postgres_link_late(place, err);
        short events = link->wants == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        struct pollfd fds[] = {{.fd = PQsocket(link->pg), .events = events},
                               {.fd = kn_cancel_fd(cancel), .events = POLLIN}};
        int64_t ms = KN_MIN(left_us / 1000 + 1, cancel ? 100 : INT32_MAX);
        if (poll(fds, KN_COUNT_OF(fds), (int)ms) <= 0 || !fds[0].revents)
            continue;
        enum kn_status status = kn_postgres_link_step(link, place, err);
        if (status != KN_OK)
            return status;
    }
    return KN_OK;
}

enum kn_status kn_postgres_link_await(struct kn_postgres_link *link,
                                      const struct kn_postgres_place *place,
                                      struct kn_cancel *cancel, struct kn_error *err)
{
    struct kn_error said = {0};
    for (;;) {
        enum kn_status status = await_once(link, place, cancel, err);
        if (status == KN_TIMEOUT && said.status != KN_OK) /* what it said tells more */
            return kn_error_set(err, said.status, "%s", said.text);
        bool later = status != KN_OK && status != KN_CANCELLED && link->pg &&
                     kn_postgres_says_later(link->pg) &&
                     kn_now_us() + KN_POSTGRES_LATER_MS * 1000 < link->deadline_us;
        if (!later)
            return status;
        if (kn_cancel_wait_ms(cancel, KN_POSTGRES_LATER_MS))
            return kn_cancel_check(cancel, err);
        (void)kn_postgres_connect_error(place, link->pg, &said);
        PQfinish(link->pg);
        dial(link, place, cancel);
    }
}

/* An idle connection has nothing to read, unless the server has taken leave. (Or it tells of a
 * setting that was changed: then a new connection is made without need.) */
bool kn_postgres_link_alive(struct kn_postgres_link *link)
{
    /* Behind a pooler one may get what another one has asked to listen to. */
    for (PGnotify *notify; (notify = PQnotifies(link->pg));)
        PQfreemem(notify);
    if (link->ending || PQstatus(link->pg) == CONNECTION_BAD)
        return false;
    struct pollfd fd = {.fd = PQsocket(link->pg), .events = POLLIN};
    return link->connecting || poll(&fd, 1, 0) == 0;
}

/* ---- sending ---- */

struct kn_reply *kn_postgres_reply(struct kn_postgres_link *link)
{
    bool none = link->replies_first == link->replies.count;
    return none ? NULL : &link->replies.at[link->replies_first];
}

void kn_postgres_reply_pop(struct kn_postgres_link *link)
{
    if (++link->replies_first < link->replies.count)
        return;
    link->replies_first = 0;
    kn_vec_clear(&link->replies);
}

/* FNV-1a, 64 bit (Fowler, Noll, Vo): the same name is the same text, whoever shares the server
 * behind a pooler. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static int find_prepared(const struct kn_postgres_link *link, const char *sql)
{
    for (int i = link->prepared.count - 1; i >= 0; i--)
        if (strcmp(link->prepared.at[i].sql, sql) == 0)
            return i;
    return -1;
}

static int add_prepared(struct kn_postgres_link *link, const char *name, const char *sql)
{
    char full[64]; /* what a name may have */
    snprintf(full, sizeof full, "kn_%.40s_%016llx", name, (unsigned long long)hash_of(sql));
    struct kn_postgres_prepared made = {
        .sql = kn_strdup(sql), .name = kn_strdup(full), .gone = true};
    kn_vec_push(&link->prepared, made);
    return link->prepared.count - 1;
}

/* Its number; -1: so many are prepared already that this one is not. */
static int prepared_for(struct kn_postgres_link *link, const char *name, const char *sql)
{
    int number = find_prepared(link, sql);
    if (number >= 0 || link->prepared.count >= PREPARED_MOST)
        return number;
    return add_prepared(link, name, sql);
}

static bool prepare(struct kn_postgres_link *link, int number, struct kn_reply reply)
{
    struct kn_postgres_prepared *prepared = &link->prepared.at[number];
    if (!prepared->gone)
        return true;
    if (!PQsendPrepare(link->pg, prepared->name, prepared->sql, 0, NULL))
        return false;
    prepared->gone = false;
    reply.kind = KN_REPLY_PREPARE;
    reply.prepared = number;
    kn_vec_push(&link->replies, reply);
    return true;
}

bool kn_postgres_send(struct kn_postgres_link *link, const char *name, const char *sql,
                      struct kn_postgres_parameters *parameters, bool prepare_it,
                      struct kn_reply reply)
{
    int count = parameters->at.count;
    const char *const *values = parameters->at.at;
    int number = prepare_it ? prepared_for(link, name, sql) : -1;
    reply.sure = number >= 0 && link->prepared.at[number].there;
    reply.prepared = number;
    int sent = 0;
    if (number < 0)
        sent = PQsendQueryParams(link->pg, sql, count, NULL, values, NULL, NULL, 0);
    else if (prepare(link, number, reply))
        sent = PQsendQueryPrepared(link->pg, link->prepared.at[number].name, count, values, NULL,
                                   NULL, 0);
    if (!sent)
        return false;
    kn_vec_push(&link->replies, reply);
    link->unsent = true;
    return true;
}

bool kn_postgres_sync(struct kn_postgres_link *link, bool transaction)
{
    if (!PQpipelineSync(link->pg))
        return false;
    struct kn_reply reply = {.kind = KN_REPLY_SYNC, .transaction = transaction};
    kn_vec_push(&link->replies, reply);
    link->unsent = true;
    return true;
}

bool kn_postgres_flush(struct kn_postgres_link *link)
{
    int left = PQflush(link->pg);
    if (left >= 0)
        link->unsent = left > 0;
    return left >= 0;
}
