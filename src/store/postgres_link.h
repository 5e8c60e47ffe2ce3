/*
 * One connection to a PostgreSQL server in pipeline mode: what has been sent and not yet answered,
 * and which statements it has prepared. One thread at a time; nothing here waits, but
 * kn_postgres_link_await.
 */
#ifndef KN_STORE_POSTGRES_LINK_H
#define KN_STORE_POSTGRES_LINK_H

#include <libpq-fe.h>

#include <kirinuki/database.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/vec.h"

/* Where the server is, fixed once the database is open. */
struct kn_postgres_place {
    char *given; /* the connection string: may hold a password */
    char *shown; /* without it */
    char *password;
    int64_t wait_ms;
    bool by_name; /* a host has a name, which has to be looked up */
};

/* INVALID: not a connection string, said without a word of it. */
enum kn_status kn_postgres_place_init(struct kn_postgres_place *place, const char *where,
                                      int64_t wait_ms, struct kn_error *err);
void kn_postgres_place_done(struct kn_postgres_place *place);

/* ---- errors ---- */

/* What a SQLSTATE means. */
enum kn_status kn_postgres_status(const char *sqlstate);
/* Of a result that failed; `ret_sqlstate` (may be NULL) is "" where the server did not answer. */
enum kn_status kn_postgres_error(const struct kn_postgres_place *place, const PGresult *result,
                                 char ret_sqlstate[6], struct kn_error *err);
/* Of a connection that broke. */
enum kn_status kn_postgres_broken(const struct kn_postgres_place *place, struct kn_error *err);

/* Of a connection that could not be made. */
enum kn_status kn_postgres_connect_error(const struct kn_postgres_place *place, const PGconn *pg,
                                         struct kn_error *err);

/* Whether the server that refused it may take a connection in a moment: all places are taken, by
 * others that may be done soon (53300), or it is starting up (57P03). */
bool kn_postgres_says_later(const PGconn *pg);
enum { KN_POSTGRES_LATER_MS = 100 }; /* before it is asked again */

/* Whether the server ends the connection with it. */
bool kn_postgres_ends(const PGresult *result);

/* ---- parameters as libpq wants them ---- */

struct kn_postgres_parameter {
    const char *text; /* NULL: at `offset` of the buffer */
    size_t offset;
    bool null;
};
struct kn_postgres_parameters {
    KN_VEC(struct kn_postgres_parameter) list;
    KN_VEC(const char *) at; /* for libpq, after _ready */
    struct kn_str buffer;
};
void kn_postgres_parameters_free(struct kn_postgres_parameters *parameters);
void kn_postgres_parameters_one(struct kn_postgres_parameters *parameters,
                                const struct kn_operation *operation);
/* The values of operations numbers[0 … count) of the same statement, an array a parameter. */
void kn_postgres_parameters_many(struct kn_postgres_parameters *parameters,
                                 const struct kn_operation *operations, const int *numbers,
                                 int count);

/* ---- looking a host up ---- */

typedef PGconn *kn_postgres_begin_fn(const char *given);
/* What `begin` returns for the connection string; NULL: it was not done in time, or cancelled. */
PGconn *kn_postgres_lookup(kn_postgres_begin_fn *begin, const char *given, int64_t deadline_us,
                           struct kn_cancel *cancel);

/* ---- the connection ---- */

enum kn_reply_kind { KN_REPLY_SETTING, KN_REPLY_PREPARE, KN_REPLY_RUN, KN_REPLY_SYNC };

/* An answer that is still to come. */
struct kn_reply {
    enum kn_reply_kind kind;
    bool transaction;
    bool answered; /* its result was there; the end of it was not */
    bool sure;     /* a prepared statement that the server was known to have */
    int first;     /* place in the list of the attempt's reads, or in batch->writes */
    int count;     /* of operations that it runs as one */
    int prepared;  /* that it makes */
};

struct kn_postgres_prepared {
    char *sql, *name;
    bool there; /* the server has said so */
    bool gone;  /* its preparation was passed over: prepare it again */
};

struct kn_postgres_link {
    PGconn *pg; /* NULL: its host was not found in time */
    bool connecting;
    PostgresPollingStatusType wants; /* while connecting */
    int64_t deadline_us;             /* to be connected */

    KN_VEC(struct kn_postgres_prepared) prepared;
    KN_VEC(struct kn_reply) replies;
    int replies_first; /* those before it have come */
    int reads;         /* in flight */
    bool unsent;       /* bytes wait for the socket */
    bool broken;
    bool ending;  /* the server took leave while nothing was asked of it */
    bool stale;   /* was begun by an earlier batch */
    bool spoiled; /* what it has prepared is out of date: not to be used again */
};

/* Begins to connect; never NULL. Step it when its socket is ready for what it wants. Blocks while
 * the (first) host's name is looked up, until the place's wait is over or the cancel. */
struct kn_postgres_link *kn_postgres_link_start(const struct kn_postgres_place *place,
                                                struct kn_cancel *cancel);
void kn_postgres_link_close(struct kn_postgres_link *link);
KN_SCOPED_DEFINE(kn_postgres_link, kn_postgres_link_close)
/* One step; connected when link->connecting is false. */
enum kn_status kn_postgres_link_step(struct kn_postgres_link *link,
                                     const struct kn_postgres_place *place, struct kn_error *err);
/* Steps until connected. A server that says later is asked again until the deadline. */
enum kn_status kn_postgres_link_await(struct kn_postgres_link *link,
                                      const struct kn_postgres_place *place,
                                      struct kn_cancel *cancel, struct kn_error *err);
/* The error of one that was not connected in time. */
enum kn_status kn_postgres_link_late(const struct kn_postgres_place *place, struct kn_error *err);
/* Whether an idle connection can still be used, as far as can be told without asking the server. */
bool kn_postgres_link_alive(struct kn_postgres_link *link);

/* Takes the connection out, for other uses: blocking, in no pipeline. NULL: it broke. */
PGconn *kn_postgres_link_plain(struct kn_postgres_link *link);

struct kn_reply *kn_postgres_reply(struct kn_postgres_link *link); /* the next; NULL: none */
void kn_postgres_reply_pop(struct kn_postgres_link *link);

/* Queues a statement with its parameters; `prepare`: prepared at its first use. The reply's kind,
 * preparation and sureness are filled in. False: the connection is broken. */
bool kn_postgres_send(struct kn_postgres_link *link, const char *name, const char *sql,
                      struct kn_postgres_parameters *parameters, bool prepare,
                      struct kn_reply reply);
bool kn_postgres_sync(struct kn_postgres_link *link, bool transaction);
/* Sends what the socket takes. */
bool kn_postgres_flush(struct kn_postgres_link *link);

#endif
