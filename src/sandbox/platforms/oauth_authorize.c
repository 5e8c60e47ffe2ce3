/*
 * The authorization request (RFC 6749, section 4.1.1) and the page on which a person consents.
 * What is wrong with the client or the redirect is told on a page, never to the redirect; anything
 * else goes back to it as an error.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "net/http.h"
#include "sandbox/platforms/platforms_internal.h"
#include "sandbox/rejection.h"

enum { CHALLENGE_HEX = 64, CHALLENGE_BASE64 = 43, STATE_MAX = 500 };

static const struct kn_oauth_dialect *dialect_of(const struct kn_mimic_visit *visit)
{
    return &kn_oauth_dialects[visit->mimic->id];
}

static void add_html(struct kn_str *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'    ? "&amp;"
                             : *text == '<'  ? "&lt;"
                             : *text == '>'  ? "&gt;"
                             : *text == '"'  ? "&quot;"
                             : *text == '\'' ? "&#39;"
                                             : NULL;
        if (entity)
            kn_str_add(out, entity);
        else
            kn_str_add_char(out, *text);
    }
}

static void send_page(struct kn_mimic_visit *visit, int status, const struct kn_str *page)
{
    kn_reply_text(visit->reply, visit->arena, status, "text/html; charset=utf-8", kn_str_text(page),
                  page->length);
    kn_mimic_header(visit, "Content-Security-Policy",
                    "default-src 'none'; style-src "
                    "'unsafe-inline'; frame-ancestors 'none'");
    kn_mimic_header(visit, "X-Content-Type-Options", "nosniff");
    kn_mimic_header(visit, "Cache-Control", "no-store");
    visit->decided = true;
}

static void begin_page(struct kn_str *page, const char *title)
{
    kn_str_printf(page,
                  "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                  "<title>%s</title><style>:root{color-scheme:light dark;font:1rem/1.5 "
                  "system-ui,sans-serif}body{max-width:30rem;margin:3rem auto;padding:0 1rem}"
                  "button{font:inherit;padding:.5rem 1.5rem;margin-right:1rem}li{overflow-wrap:"
                  "anywhere}fieldset{margin:1rem 0}</style>",
                  title);
}

static void refuse_page(struct kn_mimic_visit *visit, int status, const char *code,
                        const char *text)
{
    KN_SCOPED_STR page = {0};
    begin_page(&page, "Sandbox: refused");
    kn_str_printf(&page, "<h1>Error %d: %s</h1><p>", status, code);
    add_html(&page, text);
    send_page(visit, status, &page);
    kn_mimic_reason(visit, code);
}

/* ---- going back ---- */

static void add_encoded(struct kn_str *out, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++)
        if (strchr(plain, *text))
            kn_str_add_char(out, *text);
        else
            kn_str_printf(out, "%%%02X", (unsigned char)*text);
}

static void add_pair(struct kn_str *url, const char *name, const char *value)
{
    if (!value)
        return;
    kn_str_printf(url, "%c%s=", strchr(kn_str_text(url), '?') ? '&' : '?', name);
    add_encoded(url, value);
}

static void go_back(struct kn_mimic_visit *visit, struct kn_str *url)
{
    add_pair(url, "state", kn_mimic_query(visit->exchange, "state"));
    if (dialect_of(visit)->callback_suffix)
        kn_str_add(url, dialect_of(visit)->callback_suffix);
    kn_mimic_empty(visit, 302);
    kn_mimic_header(visit, "Location", "%s", kn_str_text(url));
    kn_mimic_header(visit, "Cache-Control", "no-store");
}

static void go_back_with_error(struct kn_mimic_visit *visit, const char *error, const char *text)
{
    KN_SCOPED_STR url = {0};
    kn_str_add(&url, kn_mimic_query(visit->exchange, "redirect_uri"));
    add_pair(&url, "error", error);
    if (visit->mimic->id == KN_MIMIC_INSTAGRAM && strcmp(error, "access_denied") == 0)
        add_pair(&url, "error_reason", "user_denied");
    if (visit->mimic->id != KN_MIMIC_YOUTUBE)
        add_pair(&url, "error_description", text);
    go_back(visit, &url);
    kn_mimic_reason(visit, error);
}

/* ---- what is asked ---- */

/* Loopback or https, without a fragment or what would break a header. */
static bool redirect_fits(const struct kn_oauth_dialect *dialect, const char *url)
{
    for (const char *at = url; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 127 || *at == '#')
            return false;
    if (strlen(url) > 512)
        return false;
    if (dialect->no_localhost && kn_starts_with(url, "http://localhost"))
        return false;
    return kn_starts_with(url, "https://") ||
           (kn_starts_with(url, "http://") && kn_url_is_loopback(url));
}

/* Into scopes parted by single spaces; NULL: one of them is unknown, or there is none. */
static char *read_scopes(struct kn_mimic_visit *visit, const char *text)
{
    const struct kn_oauth_dialect *dialect = dialect_of(visit);
    const char parts[] = {dialect->separator, ' ', '\0'};
    KN_SCOPED_STR scopes = {0};
    for (text += strspn(text, parts); *text; text += strspn(text, parts)) {
        size_t size = strcspn(text, parts);
        if (!kn_scopes_have(dialect->scopes, text, size))
            return NULL;
        if (!kn_scopes_have(kn_str_text(&scopes), text, size)) {
            if (scopes.length)
                kn_str_add_char(&scopes, ' ');
            kn_str_add_bytes(&scopes, text, size);
        }
        text += size;
    }
    return scopes.length ? kn_arena_strdup(visit->arena, scopes.at) : NULL;
}

/* Some clients write the method in small letters. */
static const char *challenge_method(const struct kn_mimic_visit *visit)
{
    const char *method = kn_mimic_query(visit->exchange, "code_challenge_method");
    return !method ? "plain" : strcasecmp(method, "s256") == 0 ? "S256" : method;
}

/* NULL: it is as it has to be. */
static const char *judge_challenge(const struct kn_mimic_visit *visit)
{
    const struct kn_oauth_dialect *dialect = dialect_of(visit);
    const char *challenge = kn_mimic_query(visit->exchange, "code_challenge");
    const char *method = challenge_method(visit);
    if (dialect->pkce == KN_PKCE_NONE || (!challenge && dialect->pkce == KN_PKCE_OPTIONAL))
        return NULL;
    if (!challenge || !*challenge)
        return "code_challenge is missing: PKCE is required";
    bool plain = strcmp(method, "plain") == 0;
    if (plain && dialect->plain)
        return strlen(challenge) >= 43 && strlen(challenge) <= 128
                   ? NULL
                   : "a plain code_challenge has 43 to 128 characters";
    if (strcmp(method, "S256") != 0)
        return "code_challenge_method has to be S256";
    if (dialect->hex)
        return strlen(challenge) == CHALLENGE_HEX &&
                       strspn(challenge, "0123456789abcdef") == CHALLENGE_HEX
                   ? NULL
                   : "code_challenge has to be the SHA-256 in 64 lower-case hex digits";
    return strlen(challenge) == CHALLENGE_BASE64 && !strpbrk(challenge, "+/=")
               ? NULL
               : "code_challenge has to be the SHA-256 in base64url without padding";
}

/* False: the answer is made. */
static bool judge_request(struct kn_mimic_visit *visit, char **ret_scopes)
{
    const struct kn_oauth_dialect *dialect = dialect_of(visit);
    const struct kn_exchange *exchange = visit->exchange;
    const char *client = kn_mimic_query(exchange, dialect->client_field);
    const char *redirect = kn_mimic_query(exchange, "redirect_uri");
    const char *type = kn_mimic_query(exchange, "response_type");
    const char *scope = kn_mimic_query(exchange, "scope");
    const char *state = kn_mimic_query(exchange, "state");
    if (!client || strcmp(client, KN_OAUTH_CLIENT) != 0) {
        refuse_page(visit, 401, "invalid_client", "The OAuth client was not found.");
        return false;
    }
    if (!redirect || !redirect_fits(dialect, redirect)) {
        refuse_page(visit, 400, "redirect_uri_mismatch",
                    "redirect_uri has to be https, or http to this machine, without a fragment.");
        return false;
    }
    const char *challenge = judge_challenge(visit);
    if (!type || strcmp(type, "code") != 0)
        go_back_with_error(visit, "unsupported_response_type", "response_type has to be code");
    else if (!scope || !(*ret_scopes = read_scopes(visit, scope)))
        go_back_with_error(visit, "invalid_scope", "a scope is unknown, or there is none");
    else if (state && strlen(state) > STATE_MAX)
        go_back_with_error(visit, "invalid_request", "state is longer than 500 characters");
    else if (challenge)
        go_back_with_error(visit, "invalid_request", challenge);
    return !visit->decided;
}

/* ---- consent ---- */

static void add_choices(struct kn_mimic_visit *visit, struct kn_str *page, const char *scopes)
{
    kn_str_add(page, "<p>The client asks for:</p><ul>");
    for (const char *at = scopes; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        kn_str_add(page, "<li>");
        kn_str_add_bytes(page, at, size); /* is one of the table's */
        at += size;
    }
    kn_str_add(page, "</ul><form method=\"get\"><fieldset><legend>Account</legend>");
    for (int i = 0; i < visit->m->account_count; i++)
        kn_str_printf(page,
                      "<label><input type=\"radio\" name=\"sandbox_account\" value=\"%s\"%s> "
                      "%s</label><br>",
                      visit->m->accounts[i], i ? "" : " checked", visit->m->accounts[i]);
    kn_str_add(page, "</fieldset>");
}

static void ask(struct kn_mimic_visit *visit, const char *scopes)
{
    KN_SCOPED_STR page = {0};
    const struct kn_exchange *exchange = visit->exchange;
    const char *title = dialect_of(visit)->title;
    begin_page(&page, "Sandbox: consent");
    kn_str_printf(&page, "<h1>%s, in the sandbox</h1>", title);
    add_choices(visit, &page, scopes);
    for (int i = 0; i < exchange->query_count; i++) {
        if (kn_starts_with(exchange->query[i].name, "sandbox_"))
            continue;
        kn_str_add(&page, "<input type=\"hidden\" name=\"");
        add_html(&page, exchange->query[i].name);
        kn_str_add(&page, "\" value=\"");
        add_html(&page, exchange->query[i].data);
        kn_str_add(&page, "\">");
    }
    kn_str_add(&page, "<button name=\"sandbox_consent\" value=\"allow\">Allow</button>"
                      "<button name=\"sandbox_consent\" value=\"deny\">Deny</button></form>");
    send_page(visit, 200, &page);
}

static bool is_offline(struct kn_mimic_visit *visit, int account, const char *scopes)
{
    const char *access = kn_mimic_query(visit->exchange, "access_type");
    const char *prompt = kn_mimic_query(visit->exchange, "prompt");
    switch (dialect_of(visit)->offline) {
    case KN_OFFLINE_ALWAYS:
        return true;
    case KN_OFFLINE_SCOPE:
        return kn_scopes_have(scopes, "offline.access", strlen("offline.access"));
    case KN_OFFLINE_ASKED:
        return access && strcmp(access, "offline") == 0 &&
               ((prompt && strstr(prompt, "consent")) ||
                !kn_grants_known(visit->m, (int)visit->mimic->id, account));
    case KN_OFFLINE_NEVER:
        break;
    }
    return false;
}

static const char *join_scopes(struct kn_mimic_visit *visit, const char *scopes)
{
    char *joined = kn_arena_strdup(visit->arena, scopes);
    for (char *at = joined; *at; at++)
        *at = *at == ' ' ? dialect_of(visit)->separator : *at;
    return joined;
}

static void allow(struct kn_mimic_visit *visit, int account, const char *scopes)
{
    KN_SCOPED_STR url = {0};
    struct kn_mimics *m = visit->m;
    const struct kn_oauth_dialect *dialect = dialect_of(visit);
    const char *challenge = kn_mimic_query(visit->exchange, "code_challenge");
    const char *redirect = kn_mimic_query(visit->exchange, "redirect_uri");
    bool offline = is_offline(visit, account, scopes);
    struct kn_code *code =
        kn_grants_code(m, kn_grants_add(m, (int)visit->mimic->id, account, scopes));
    code->redirect = kn_arena_strdup(m->arena, redirect);
    code->offline = offline;
    if (challenge && dialect->pkce != KN_PKCE_NONE) {
        code->challenge = kn_arena_strdup(m->arena, challenge);
        code->method = kn_arena_strdup(m->arena, challenge_method(visit));
    }
    kn_str_add(&url, redirect);
    add_pair(&url, "code", code->text);
    if (dialect->granted_field)
        add_pair(&url, dialect->granted_field, join_scopes(visit, scopes));
    go_back(visit, &url);
}

void kn_oauth_authorize(struct kn_mimic_visit *visit)
{
    char *scopes = NULL;
    if (!judge_request(visit, &scopes))
        return;
    const char *consent = kn_mimic_query(visit->exchange, "sandbox_consent");
    const char *name = kn_mimic_query(visit->exchange, "sandbox_account");
    int account = name ? kn_mimics_account(visit->m, name) : 0;
    if (!consent)
        ask(visit, scopes);
    else if (strcmp(consent, "allow") != 0)
        go_back_with_error(visit, "access_denied", "The user denied the request.");
    else if (account < 0)
        refuse_page(visit, 400, "invalid_account", "There is no account of that name.");
    else
        allow(visit, account, scopes);
}
