/*
 * SQLite's log is written before the commit can be seen: the notice of the kernel comes at the
 * write, then the disk is waited for, then the index of the log says that the commit is there. So a
 * notice starts a series of looks at ever longer distances, up to LOOKS_US in all.
 */
#include "queue/wake.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/database_backend.h"
#include "store/postgres.h"

enum {
    FIRST_LOOK_US = 100,
    LOOKS_US = 200000,
    SECOND_US = 1000000,
};

struct kn_wake {
    struct kn_store *store;
    struct kn_database *database;
    struct kn_store_watch watch;
    int own_fd; /* an eventfd: changes by this process */

    /* The ear for others: a socket or an inotify descriptor. */
    const struct ear *ear;
    int64_t look_us; /* when to look without having heard anything (kn_now_us) */
    bool deaf;       /* looks take the place of notices */

    /* PostgreSQL */
    PGconn *pg;
    bool pooled; /* who answers is not whom we connected to */

    /* SQLite */
    int inotify_fd;
    int64_t token;       /* of kn_database_changed */
    int64_t distance_us; /* between looks after a notice; 0: none is under way */
    int64_t notice_us;
};

/* What is different between the databases. */
struct ear {
    enum kn_status (*open)(struct kn_wake *wake, struct kn_error *err);
    int (*fd)(const struct kn_wake *wake);
    /* After the descriptor was ready, or look_us has come; sets the next look_us. */
    bool (*changed)(struct kn_wake *wake);
};

/* ---- PostgreSQL ---- */

/* LISTEN needs a session. A pooler in transaction mode gives it to whichever connection of the
 * server was free, where nobody hears it; that one is rid of it again, if it is free still. */
static void stop_listening(struct kn_wake *wake)
{
    if (wake->pg && wake->pooled)
        PQclear(PQexec(wake->pg, "UNLISTEN kirinuki"));
}

static void notices_off(struct kn_wake *wake, const char *why)
{
    if (!wake->deaf)
        kn_log(KN_LOG_DEBUG, "queue", "%s: looking each second instead", why);
    wake->deaf = true;
    wake->look_us = kn_now_us() + SECOND_US;
}

static enum kn_status listen_on(struct kn_wake *wake, struct kn_error *err)
{
    static const struct kn_statement probe = {
        .name = "probe_notify",
        .access = KN_WRITE,
        .tables = "",
        .postgres = "SELECT pg_notify('kirinuki', '') IS NULL",
    };
    enum kn_status status = kn_postgres_connect(wake->database, NULL, &wake->pg, err);
    if (status != KN_OK)
        return status;
    PGresult *result = PQexec(wake->pg, "SELECT pg_backend_pid()");
    wake->pooled = PQntuples(result) == 1 &&
                   strtol(PQgetvalue(result, 0, 0), NULL, 10) != PQbackendPID(wake->pg);
    PQclear(result);
    result = PQexec(wake->pg, "LISTEN kirinuki");
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (!good)
        return kn_error_set(err, KN_REMOTE, "cannot listen to %s",
                            kn_database_where(wake->database));
    /* Through another connection, as the real ones come. */
    struct kn_operation operation = {.statement = &probe};
    struct kn_arena *arena = kn_arena_new();
    status = kn_batch_run(wake->database, &operation, 1, arena, NULL, err);
    kn_arena_free(arena);
    wake->deaf = false;
    wake->look_us = kn_now_us() + SECOND_US; /* for the probe to come back */
    return status;
}

static int pg_fd(const struct kn_wake *wake)
{
    return wake->pg ? PQsocket(wake->pg) : -1;
}

static bool heard_from_pg(struct kn_wake *wake)
{
    bool heard = false;
    PGnotify *notify;
    while ((notify = PQnotifies(wake->pg))) {
        PQfreemem(notify);
        heard = true;
    }
    return heard;
}

static bool pg_changed(struct kn_wake *wake)
{
    struct kn_error err;
    if (!wake->pg) { /* it broke a while ago: what came meanwhile is not known */
        if (listen_on(wake, &err) != KN_OK) {
            PQfinish(wake->pg);
            wake->pg = NULL;
            notices_off(wake, kn_error_text(&err));
        }
        return true;
    }
    if (!PQconsumeInput(wake->pg)) {
        PQfinish(wake->pg);
        wake->pg = NULL;
        notices_off(wake, "the connection that listens broke");
        return true;
    }
    if (heard_from_pg(wake)) {
        wake->deaf = false;
        wake->look_us = INT64_MAX;
        return true;
    }
    if (kn_now_us() < wake->look_us)
        return false;
    if (!wake->deaf)
        stop_listening(wake);
    notices_off(wake, "notifications do not arrive (a pooler that shares out transactions?)");
    return true;
}

static const struct ear pg_ear = {listen_on, pg_fd, pg_changed};

/* ---- SQLite ---- */

static enum kn_status watch_log(struct kn_wake *wake, struct kn_error *err)
{
    char path[PATH_MAX];
    bool changed;
    enum kn_status status = kn_database_changed(wake->database, &wake->token, &changed, err);
    if (status != KN_OK)
        return status;
    int length = snprintf(path, sizeof path, "%s-wal", kn_database_where(wake->database));
    wake->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (length >= (int)sizeof path || wake->inotify_fd < 0 ||
        inotify_add_watch(wake->inotify_fd, path, IN_MODIFY) < 0)
        notices_off(wake, "the database's log can't be watched");
    wake->look_us = kn_now_us() + SECOND_US;
    return KN_OK;
}

static int log_fd(const struct kn_wake *wake)
{
    return wake->inotify_fd;
}

static bool drain_notices(struct kn_wake *wake)
{
    char events[4096];
    bool any = false;
    while (wake->inotify_fd >= 0 && read(wake->inotify_fd, events, sizeof events) > 0)
        any = true;
    return any;
}

static void plan_next_look(struct kn_wake *wake, bool notice, bool changed)
{
    int64_t now_us = kn_now_us();
    if (notice) {
        wake->notice_us = now_us;
        wake->distance_us = FIRST_LOOK_US;
    } else if (changed || now_us - wake->notice_us > LOOKS_US) {
        wake->distance_us = 0;
    }
    wake->look_us = now_us + (wake->distance_us ? wake->distance_us : SECOND_US);
    wake->distance_us += wake->distance_us / 2;
}

static bool log_changed(struct kn_wake *wake)
{
    bool notice = drain_notices(wake), changed = false;
    struct kn_error err;
    if (kn_database_changed(wake->database, &wake->token, &changed, &err) != KN_OK)
        changed = true; /* whoever uses the store then will hear the reason */
    plan_next_look(wake, notice, changed);
    return changed;
}

static const struct ear log_ear = {watch_log, log_fd, log_changed};

/* ---- both ---- */

static void signal_own(void *arg)
{
    struct kn_wake *wake = arg;
    uint64_t one = 1;
    (void)!write(wake->own_fd, &one, sizeof one); /* full: it is readable anyway */
}

static bool take_own(struct kn_wake *wake)
{
    uint64_t count;
    return read(wake->own_fd, &count, sizeof count) > 0;
}

enum kn_status kn_wake_open(struct kn_store *store, struct kn_wake **ret_wake, struct kn_error *err)
{
    struct kn_wake *wake = kn_calloc(1, sizeof *wake);
    wake->store = store;
    wake->database = kn_store_database(store);
    wake->inotify_fd = -1;
    wake->look_us = INT64_MAX;
    wake->watch = (struct kn_store_watch){.changed = signal_own, .arg = wake};
    wake->own_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    kn_store_watch(store, &wake->watch);
    enum kn_status status = KN_OK;
    if (wake->own_fd < 0)
        status = kn_error_set(err, KN_LIMIT, "too many open files");
    wake->ear = kn_database_kind(wake->database) == KN_DATABASE_POSTGRES ? &pg_ear : &log_ear;
    if (status == KN_OK)
        status = wake->ear->open(wake, err);
    if (status != KN_OK) {
        kn_wake_close(wake);
        return status;
    }
    *ret_wake = wake;
    return KN_OK;
}

void kn_wake_close(struct kn_wake *wake)
{
    if (!wake)
        return;
    kn_store_unwatch(wake->store, &wake->watch);
    if (wake->pg)
        PQfinish(wake->pg);
    if (wake->inotify_fd >= 0)
        close(wake->inotify_fd);
    if (wake->own_fd >= 0)
        close(wake->own_fd);
    free(wake);
}

/* To the microsecond: looks after a notice are closer together than poll's milliseconds. */
static void sleep_until(struct kn_wake *wake, int64_t until_us, struct kn_cancel *cancel)
{
    struct pollfd fds[] = {{.fd = wake->own_fd, .events = POLLIN},
                           {.fd = wake->ear->fd(wake), .events = POLLIN},
                           {.fd = kn_cancel_fd(cancel), .events = POLLIN}};
    if (cancel && fds[2].fd < 0) /* no descriptor could be had */
        until_us = KN_MIN(until_us, kn_now_us() + SECOND_US / 10);
    int64_t left_us = KN_MAX(until_us - kn_now_us(), 0);
    struct timespec left = {.tv_sec = left_us / KN_US_PER_S,
                            .tv_nsec = left_us % KN_US_PER_S * 1000};
    (void)ppoll(fds, KN_COUNT_OF(fds), until_us == INT64_MAX ? NULL : &left, NULL);
}

enum kn_status kn_wake_wait(struct kn_wake *wake, int64_t until_us, struct kn_cancel *cancel)
{
    for (;;) {
        if (kn_cancel_requested(cancel))
            return KN_CANCELLED;
        bool own = take_own(wake);
        if (wake->ear->changed(wake) || own)
            return KN_OK;
        if (kn_now_us() >= until_us)
            return KN_TIMEOUT;
        sleep_until(wake, KN_MIN(until_us, wake->look_us), cancel);
    }
}
