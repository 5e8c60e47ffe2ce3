/*
 * Where a server is, and what it says when it can't be used.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres_link.h"

/* ---- connection strings ---- */

static const char *option_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val ? options->val : "";
    return "";
}

/* Characters of a password that were not encoded end up in other parts, which are shown. */
static bool password_spilled(const PQconninfoOption *options)
{
    const char *port = option_of(options, "port");
    return strchr(option_of(options, "host"), '@') || strchr(option_of(options, "dbname"), '@') ||
           strspn(port, "0123456789,") != strlen(port);
}

static char *show_place(const PQconninfoOption *options)
{
    struct kn_str shown = {0};
    const char *user = option_of(options, "user"), *port = option_of(options, "port");
    const char *host = option_of(options, "host");
    if (!host[0])
        host = option_of(options, "hostaddr");
    kn_str_printf(&shown, "postgresql://%s%s%s", user, user[0] ? "@" : "", host);
    kn_str_printf(&shown, "%s%s/%s", port[0] ? ":" : "", port, option_of(options, "dbname"));
    return kn_str_take(&shown);
}

/* Whether one of the hosts has to be looked up. What libpq would take from a service file is not
 * known here. */
static bool needs_lookup(const PQconninfoOption *options)
{
    const char *host = option_of(options, "host");
    if (option_of(options, "service")[0] || getenv("PGSERVICE"))
        return true;
    if (option_of(options, "hostaddr")[0] || (!host[0] && getenv("PGHOSTADDR")))
        return false;
    if (!host[0])
        host = getenv("PGHOST") ? getenv("PGHOST") : "";
    while (*host) {
        char one[256];
        unsigned char address[sizeof(struct in6_addr)];
        int length = (int)strcspn(host, ",");
        snprintf(one, sizeof one, "%.*s", length, host);
        bool named = one[0] && one[0] != '/' && one[0] != '@' &&
                     inet_pton(AF_INET, one, address) != 1 &&
                     inet_pton(AF_INET6, one, address) != 1;
        if (named)
            return true;
        host += length + (host[length] == ',');
    }
    return false;
}

/* libpq's message may quote the password; the name of a parameter only where it can't be a part of
 * one, which has to end in "@". */
static enum kn_status cannot_be_read(const char *where, const char *message, struct kn_error *err)
{
    static const char unknown[] = "invalid URI query parameter: \"";
    const char *said = message ? strstr(message, unknown) : NULL, *query = strchr(where, '?');
    if (said && query && !strchr(query, '@')) {
        said += strlen(unknown);
        return kn_error_set(err, KN_INVALID,
                            "the connection string of PostgreSQL has a parameter that libpq does "
                            "not know: %.*s",
                            (int)strcspn(said, "\""), said);
    }
    return kn_error_set(err, KN_INVALID,
                        "the connection string of PostgreSQL can't be read; special characters "
                        "in a password are written as %%40 for @, %%2F for / and so on");
}

enum kn_status kn_postgres_place_init(struct kn_postgres_place *place, const char *where,
                                      int64_t wait_ms, struct kn_error *err)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(where, &message);
    if (!options || password_spilled(options)) {
        enum kn_status status = cannot_be_read(where, message, err);
        PQfreemem(message);
        PQconninfoFree(options);
        return status;
    }
    PQfreemem(message);
    place->given = kn_strdup(where);
    place->shown = show_place(options);
    place->password = kn_strdup(option_of(options, "password"));
    place->wait_ms = wait_ms;
    place->by_name = needs_lookup(options);
    PQconninfoFree(options);
    return KN_OK;
}

void kn_postgres_place_done(struct kn_postgres_place *place)
{
    free(place->given);
    free(place->shown);
    free(place->password);
    *place = (struct kn_postgres_place){0};
}

/* ---- errors: appendix A of PostgreSQL's manual, version 15 ---- */

enum kn_status kn_postgres_status(const char *sqlstate)
{
    static const struct {
        const char *begins;
        enum kn_status status;
    } known[] = {
        {"08P01", KN_INTERNAL}, /* the numbers of values and parameters differ */
        {"08", KN_REMOTE},      {"22", KN_INVALID},
        {"23", KN_INVALID},     {"25006", KN_DENIED}, /* read-only */
        {"28", KN_DENIED},      {"3D000", KN_NOT_FOUND},
        {"40", KN_TIMEOUT}, /* a deadlock that did not go away */
        {"42501", KN_DENIED},   {"53100", KN_NO_SPACE},
        {"53", KN_REMOTE},      {"54", KN_LIMIT},
        {"55P03", KN_TIMEOUT},  {"57014", KN_TIMEOUT}, /* by a limit of the server's own */
        {"57", KN_REMOTE},      {"58", KN_IO},
        {"XX001", KN_DAMAGED},  {"XX002", KN_DAMAGED},
    };
    for (size_t i = 0; i < KN_COUNT_OF(known); i++)
        if (strncmp(sqlstate, known[i].begins, strlen(known[i].begins)) == 0)
            return known[i].status;
    return KN_INTERNAL;
}

enum kn_status kn_postgres_error(const struct kn_postgres_place *place, const PGresult *result,
                                 char ret_sqlstate[6], struct kn_error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (ret_sqlstate)
        snprintf(ret_sqlstate, 6, "%s", sqlstate ? sqlstate : "");
    if (!sqlstate)
        return kn_postgres_broken(place, err);
    enum kn_status status = kn_postgres_status(sqlstate);
    if (strcmp(sqlstate, "55P03") == 0)
        return kn_error_set(err, status, "waited too long for a lock that somebody else holds");
    return kn_error_set(err, status, "%s", message ? message : sqlstate);
}

/* libpq's own text is a guess at the reasons, over several lines. */
enum kn_status kn_postgres_broken(const struct kn_postgres_place *place, struct kn_error *err)
{
    return kn_error_set(err, KN_REMOTE, "the connection to %s broke", place->shown);
}

bool kn_postgres_ends(const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

/* "… FATAL:  28P01: the message" at a verbosity that names the state. */
static const char *find_sqlstate(const char *text, char ret_sqlstate[6])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const char *at = text; (at = strstr(at, ":  ")); at++) {
        const char *state = at + 3;
        if (strspn(state, digits) == 5 && state[5] == ':' && state[6] == ' ') {
            snprintf(ret_sqlstate, 6, "%.5s", state);
            return state + 7;
        }
    }
    return NULL;
}

bool kn_postgres_says_later(const PGconn *pg)
{
    char sqlstate[6];
    return find_sqlstate(PQerrorMessage(pg), sqlstate) &&
           (strcmp(sqlstate, "53300") == 0 || strcmp(sqlstate, "57P03") == 0);
}

enum kn_status kn_postgres_connect_error(const struct kn_postgres_place *place, const PGconn *pg,
                                         struct kn_error *err)
{
    const char *text = PQerrorMessage(pg);
    char sqlstate[6];
    const char *own = find_sqlstate(text, sqlstate);
    if (own) {
        int length = (int)strcspn(own, "\n");
        return kn_error_set(err, kn_postgres_status(sqlstate), "cannot connect to %s: %.*s",
                            place->shown, length, own);
    }
    /* The last part of libpq's first line: "… failed: Connection refused". */
    char line[256];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
    const char *reason = strstr(line, " failed: ");
    reason = reason ? reason + strlen(" failed: ") : line;
    if (place->password[0] && strstr(reason, place->password))
        reason = kn_status_meaning(KN_REMOTE);
    /* "certificate verify failed", "server certificate for … does not match host name …" */
    bool denied = strstr(line, "password") || strstr(line, "certificate");
    enum kn_status status = denied ? KN_DENIED : KN_REMOTE;
    return kn_error_set(err, status, "cannot connect to %s: %s", place->shown, reason);
}
