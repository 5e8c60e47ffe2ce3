/* The sandbox's own paths: no part of any platform, without a key. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/sync.h"
#include "sandbox/platforms/platforms_internal.h"
#include "sandbox/rejection.h"
#include "sandbox/visit.h"

extern const char kn_sandbox_page[]; /* made of web/sandbox */

static void complain(struct kn_reply *reply, struct kn_arena *arena, int status, const char *text)
{
    KN_SCOPED_JSON json = json_pack("{s:s}", "error", text);
    kn_reply_json(reply, arena, status, json);
}

static json_t *body_of(const struct kn_exchange *exchange)
{
    json_t *body = exchange->body_size ? json_loadb(exchange->body, exchange->body_size, 0, NULL)
                                       : json_object();
    if (json_is_object(body))
        return body;
    json_decref(body);
    return NULL;
}

static void posts(struct kn_mimics *m, const struct kn_exchange *exchange, const json_t *body,
                  struct kn_reply *reply)
{
    (void)body;
    KN_LOCKED(&m->lock);
    kn_mimics_tick(m);
    KN_SCOPED_JSON json = kn_posts_json(m);
    kn_reply_json(reply, exchange->arena, 200, json);
}

static void tell_clock(struct kn_mimics *m, const struct kn_exchange *exchange,
                       struct kn_reply *reply)
{
    char text[KN_TIME_TEXT_BYTES];
    KN_SCOPED_JSON json = json_pack("{s:s, s:o}", "now", kn_time_iso(kn_mimics_now_us(m), text),
                                    "ahead_s", kn_json_seconds(m->offset_us));
    kn_reply_json(reply, exchange->arena, 200, json);
}

static void read_clock(struct kn_mimics *m, const struct kn_exchange *exchange, const json_t *body,
                       struct kn_reply *reply)
{
    (void)body;
    KN_LOCKED(&m->lock);
    tell_clock(m, exchange, reply);
}

/* Forward only: what has happened has happened. */
static void move_clock(struct kn_mimics *m, const struct kn_exchange *exchange, const json_t *body,
                       struct kn_reply *reply)
{
    const json_t *value = json_object_get(body, "advance_s");
    double advance_s = json_is_number(value) ? json_number_value(value) : -1;
    if (!(advance_s >= 0 && advance_s <= 1e9)) {
        complain(reply, exchange->arena, 400,
                 "say {\"advance_s\": SECONDS}, from 0 to 1000000000: the clock goes forward only");
        return;
    }
    KN_LOCKED(&m->lock);
    m->offset_us += (int64_t)(advance_s * 1e6);
    kn_mimics_tick(m);
    tell_clock(m, exchange, reply);
}

static void reset(struct kn_mimics *m, const struct kn_exchange *exchange, const json_t *body,
                  struct kn_reply *reply)
{
    kn_mimics_reset(m, json_is_true(json_object_get(body, "keep_tokens")));
    KN_SCOPED_JSON json = json_pack("{s:b}", "reset", true);
    kn_reply_json(reply, exchange->arena, 200, json);
}

static json_t *settings_json(const struct kn_mimics *m)
{
    json_t *json = json_object();
    for (int i = 0; i < KN_MIMIC_SETTING_COUNT; i++)
        json_object_set_new(json, kn_mimic_setting_name((enum kn_mimic_setting)i),
                            kn_json_number(m->settings[i], 3));
    return json;
}

/* GET tells, POST changes those that are named. */
static void change_settings(struct kn_mimics *m, const struct kn_exchange *exchange,
                            const json_t *body, struct kn_reply *reply)
{
    const char *name;
    json_t *value;
    KN_LOCKED(&m->lock);
    json_object_foreach((json_t *)body, name, value)
    {
        struct kn_error err = {0};
        double number = json_is_boolean(value)  ? json_is_true(value)
                        : json_is_number(value) ? json_number_value(value)
                                                : NAN;
        if (kn_mimics_set_number(m, name, number, &err) != KN_OK) {
            complain(reply, exchange->arena, 400, err.text);
            return;
        }
    }
    KN_SCOPED_JSON json = settings_json(m);
    kn_reply_json(reply, exchange->arena, 200, json);
}

/* Tokens without a consent: {"platform", "account", "scopes"}; for tests of what comes after. */
static void make_token(struct kn_mimics *m, const struct kn_exchange *exchange, const json_t *body,
                       struct kn_reply *reply)
{
    const char *platform = json_string_value(json_object_get(body, "platform"));
    const char *account = json_string_value(json_object_get(body, "account"));
    const char *scopes = json_string_value(json_object_get(body, "scopes"));
    int mimic = 0;
    while (mimic < KN_MIMIC_COUNT &&
           strcmp(kn_mimic_name((enum kn_mimic_id)mimic), platform ? platform : "") != 0)
        mimic++;
    KN_LOCKED(&m->lock);
    int number = kn_mimics_account(m, account ? account : m->accounts[0]);
    if (mimic == KN_MIMIC_COUNT || number < 0) {
        complain(reply, exchange->arena, 400,
                 "say {\"platform\": \"youtube\", \"account\": \"demo\", \"scopes\": \"a b\"}: "
                 "there is no such platform or account");
        return;
    }
    const struct kn_oauth_dialect *dialect = &kn_oauth_dialects[mimic];
    struct kn_grant *grant = kn_grants_add(m, mimic, number, scopes ? scopes : dialect->scopes);
    struct kn_token *access = kn_grants_token(m, grant, false, dialect->access_s);
    struct kn_token *refresh = dialect->refresh == KN_REFRESH_NONE
                                   ? NULL
                                   : kn_grants_token(m, grant, true, dialect->refresh_s);
    char id[KN_MIMIC_ID_BYTES];
    KN_SCOPED_JSON json =
        json_pack("{s:s, s:o, s:f, s:s, s:s, s:s}", "access_token", access->text, "refresh_token",
                  kn_json_text(refresh ? refresh->text : NULL), "expires_in", dialect->access_s,
                  "scope", grant->scopes, "account", m->accounts[number], "account_id",
                  kn_mimic_account_id((enum kn_mimic_id)mimic, number, id));
    kn_reply_json(reply, exchange->arena, 200, json);
}

/* ---- the page ---- */

/* Its policy is in it, as sums of its own script and style; who frames a page is told in a head
 * alone. */
static void page(struct kn_mimics *m, const struct kn_exchange *exchange, const json_t *body,
                 struct kn_reply *reply)
{
    static const struct kn_server_field headers[] = {
        {.name = "Content-Security-Policy", .data = "frame-ancestors 'none'"},
        {.name = "X-Content-Type-Options", .data = "nosniff"},
        {.name = "Cache-Control", .data = "no-cache"},
    };
    (void)m, (void)body;
    kn_reply_text(reply, exchange->arena, 200, "text/html; charset=utf-8", kn_sandbox_page,
                  strlen(kn_sandbox_page));
    reply->headers = headers;
    reply->header_count = KN_COUNT_OF(headers);
}

/* ---- media ---- */

/* "bytes=A-B", "bytes=A-" or "bytes=-N" of one range (RFC 9110, section 14.1.2). 0: there is none
 * that counts; -1: it lies outside. */
static int read_range(const char *text, int64_t size, int64_t *ret_first, int64_t *ret_last)
{
    long long first = 0, last = size - 1;
    char buffer[64];
    if (!text || strncmp(text, "bytes=", 6) != 0 || strlen(text) >= sizeof buffer ||
        strchr(text, ','))
        return 0;
    snprintf(buffer, sizeof buffer, "%s", text + 6);
    char *dash = strchr(buffer, '-');
    if (!dash)
        return 0;
    *dash = '\0';
    bool has_first = buffer[0], has_last = dash[1];
    if ((has_first && !kn_parse_int(buffer, 0, INT64_MAX, &first)) ||
        (has_last && !kn_parse_int(dash + 1, 0, INT64_MAX, &last)) || (!has_first && !has_last))
        return 0;
    if (!has_first) {
        first = KN_MAX(size - last, 0);
        last = size - 1;
    }
    if (first >= size || last < first)
        return -1;
    *ret_first = first;
    *ret_last = KN_MIN(last, size - 1);
    return 1;
}

static const char *media_type(const struct kn_upload *upload)
{
    const char *container = upload->facts.container;
    if (strstr(container, "mp4"))
        return "video/mp4";
    if (strstr(container, "webm"))
        return "video/webm";
    if (strstr(container, "png"))
        return "image/png";
    if (strstr(container, "jpeg") || strcmp(container, "image2") == 0)
        return "image/jpeg";
    return "application/octet-stream";
}

static void send_upload(const struct kn_upload *upload, const struct kn_exchange *exchange,
                        struct kn_reply *reply)
{
    int64_t size = kn_file_size(upload->path), first = 0, last = size - 1;
    int ranged = read_range(kn_mimic_head(exchange, "range"), size, &first, &last);
    struct kn_server_field *headers = kn_arena_array(exchange->arena, 3, sizeof *headers);
    headers[0] = (struct kn_server_field){.name = "Accept-Ranges", .data = "bytes"};
    headers[1] = (struct kn_server_field){.name = "X-Content-Type-Options", .data = "nosniff"};
    reply->headers = headers;
    reply->header_count = 2;
    if (ranged)
        headers[reply->header_count++] = (struct kn_server_field){
            .name = "Content-Range",
            .data = ranged > 0
                        ? kn_arena_printf(exchange->arena, "bytes %" PRId64 "-%" PRId64 "/%" PRId64,
                                          first, last, size)
                        : kn_arena_printf(exchange->arena, "bytes */%" PRId64, size)};
    reply->status = ranged < 0 ? 416 : ranged ? 206 : 200;
    if (ranged < 0)
        return;
    reply->content_type = media_type(upload);
    reply->file = upload->path;
    reply->file_at = (uint64_t)first;
    reply->size = (size_t)(last - first + 1);
}

static void media(struct kn_mimics *m, const struct kn_exchange *exchange, const json_t *body,
                  struct kn_reply *reply)
{
    (void)body;
    long long number;
    const struct kn_upload *upload = NULL;
    KN_LOCKED(&m->lock);
    if (kn_parse_int(strrchr(exchange->path, '/') + 1, 1, m->spool.uploads.count, &number))
        upload = m->spool.uploads.at[number - 1];
    if (upload && upload->hash[0] && kn_file_exists(upload->path))
        send_upload(upload, exchange, reply);
    else
        complain(reply, exchange->arena, 404, "there is no such upload");
}

/* ---- paths ---- */

static const struct {
    const char *method, *path;
    void (*run)(struct kn_mimics *m, const struct kn_exchange *exchange, const json_t *body,
                struct kn_reply *reply);
} routes[] = {
    {"GET", "/", page},
    {"GET", "/sandbox/posts", posts},
    {"GET", "/sandbox/clock", read_clock},
    {"POST", "/sandbox/clock", move_clock},
    {"POST", "/sandbox/reset", reset},
    {"GET", "/sandbox/settings", change_settings},
    {"POST", "/sandbox/settings", change_settings},
    {"POST", "/sandbox/token", make_token},
    {"GET", "/sandbox/media/#", media},
};

bool kn_mimics_own(struct kn_mimics *m, const struct kn_exchange *exchange, struct kn_reply *reply)
{
    bool known = false;
    for (size_t i = 0; i < KN_COUNT_OF(routes); i++) {
        if (!kn_mimic_path_fits(routes[i].path, exchange->path, NULL, NULL))
            continue;
        known = true;
        if (strcmp(routes[i].method, exchange->method) != 0)
            continue;
        KN_SCOPED_JSON body = body_of(exchange);
        if (body)
            routes[i].run(m, exchange, body, reply);
        else
            complain(reply, exchange->arena, 400, "the body is no JSON object");
        return true;
    }
    if (known)
        complain(reply, exchange->arena, 405, "this path has another method");
    return known;
}
