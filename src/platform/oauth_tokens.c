/* Tokens: a code for them, new ones for old ones, and giving them back. */
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "platform/form.h"
#include "platform/oauth.h"
#include "platform/oauth_answer.h"

enum { LIMIT_MS = 30000 };

/* ---- asking ---- */

/* A form that is posted, or with `query` a GET; the texts in `arena`. */
struct question {
    const struct kn_oauth *oauth;
    const struct kn_oauth_client *client;
    const char *host, *path;
    const char *form;
    bool query;
};

/* RFC 6749, section 2.3.1: both are form-encoded before base64. */
static const char *basic_header(const struct kn_oauth_client *client, struct kn_arena *arena)
{
    KN_SCOPED_STR pair = {0};
    kn_form_escape(&pair, client->id);
    kn_str_add_char(&pair, ':');
    kn_form_escape(&pair, client->secret);
    size_t room = sodium_base64_encoded_len(pair.length, sodium_base64_VARIANT_ORIGINAL);
    char *text = kn_arena_alloc(arena, room);
    sodium_bin2base64(text, room, (const unsigned char *)pair.at, pair.length,
                      sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(pair.at, pair.length);
    return kn_arena_printf(arena, "Basic %s", text);
}

static bool is_basic(const struct kn_oauth *oauth, const struct kn_oauth_client *client)
{
    return oauth->secret_as_basic && client->secret;
}

static enum kn_status ask(const struct question *q, struct kn_http *http, struct kn_cancel *cancel,
                          struct kn_arena *arena, struct kn_http_answer *ret_answer, bool *ret_sent,
                          struct kn_error *err)
{
    const char *service = q->client->service_url, *host = service ? service : q->host;
    struct kn_http_header headers[4] = {{"Accept", "application/json"},
                                        {"Cache-Control", "no-cache"}};
    int count = 2;
    if (!q->query)
        headers[count++] =
            (struct kn_http_header){"Content-Type", "application/x-www-form-urlencoded"};
    if (!q->query && is_basic(q->oauth, q->client))
        headers[count++] = (struct kn_http_header){"Authorization", basic_header(q->client, arena)};
    struct kn_http_request request = {
        .method = q->query ? "GET" : "POST",
        .url = q->query ? kn_arena_printf(arena, "%s%s?%s", host, q->path, q->form)
                        : kn_arena_printf(arena, "%s%s", host, q->path),
        .headers = headers,
        .header_count = count,
        .body = q->query ? NULL : q->form,
        .body_size = q->query ? 0 : strlen(q->form),
        .limit_ms = LIMIT_MS,
        .answer_max = KN_OAUTH_ANSWER_BYTES_MAX,
    };
    return kn_http_perform(http, &request, cancel, arena, ret_answer, ret_sent, err);
}

static void add_client(struct kn_str *form, const struct kn_oauth *oauth,
                       const struct kn_oauth_client *client)
{
    if (is_basic(oauth, client))
        return;
    kn_form_add(form, oauth->client_id_name, client->id);
    kn_form_add(form, "client_secret", client->secret);
}

/* Takes the form out, so that the arena holds it, and wipes it here. */
static const char *to_arena(struct kn_str *form, struct kn_arena *arena)
{
    const char *text = kn_arena_strdup(arena, kn_str_text(form));
    if (form->at)
        sodium_memzero(form->at, form->length);
    return text;
}

/* Asks, and reads tokens or a refusal. */
static enum kn_status ask_tokens(const struct question *q, enum kn_oauth_asked asked,
                                 const char *redirect_uri, struct kn_http *http,
                                 struct kn_cancel *cancel, struct kn_arena *arena,
                                 struct kn_tokens *ret_tokens, bool *ret_sent, struct kn_error *err)
{
    int64_t asked_us = kn_wall_us();
    struct kn_http_answer answer;
    struct kn_oauth_refusal refusal;
    struct kn_error why = {0};
    enum kn_status status = ask(q, http, cancel, arena, &answer, ret_sent, &why);
    /* A certificate that is not trusted is no refusal of the platform's. */
    if (status != KN_OK)
        return kn_error_set(err, status == KN_DENIED ? KN_IO : status, "%s: %s", q->oauth->label,
                            kn_error_text(&why));
    if (!kn_oauth_find_refusal(&answer, &refusal))
        return kn_oauth_take_tokens(q->oauth, &answer, asked_us, arena, ret_tokens, err);
    /* Who refuses has not carried it out; who breaks down may have. */
    if (ret_sent && (answer.status < 500 || answer.status == 503))
        *ret_sent = false;
    return kn_oauth_refused(q->oauth, asked, &refusal, redirect_uri, err);
}

/* ---- a code for tokens ---- */

static bool has_scope(const char *scopes, const char *wanted)
{
    size_t length = strlen(wanted);
    for (const char *at = scopes; *at;) {
        size_t n = strcspn(at, " ,");
        if (n == length && strncmp(at, wanted, n) == 0)
            return true;
        at += n + (at[n] != '\0');
    }
    return false;
}

/* People can leave boxes of the consent page empty. */
static enum kn_status check_scopes(const struct kn_oauth *oauth, const struct kn_tokens *tokens,
                                   struct kn_error *err)
{
    if (!tokens->scopes || has_scope(tokens->scopes, oauth->needed))
        return KN_OK;
    return kn_error_set(err, KN_DENIED,
                        "%s was allowed less than posting needs (%s is missing): `kirinuki auth "
                        "%s` again, and leave all boxes ticked",
                        oauth->label, oauth->needed, oauth->platform);
}

static enum kn_status exchange(const struct kn_oauth_round *round, const struct kn_tokens *brief,
                               struct kn_http *http, struct kn_cancel *cancel,
                               struct kn_arena *arena, struct kn_tokens *ret_tokens,
                               struct kn_error *err)
{
    const struct kn_oauth *oauth = round->oauth;
    KN_SCOPED_STR form = {0};
    kn_form_add(&form, "grant_type", oauth->exchange_grant);
    if (oauth->exchange_names_client)
        kn_form_add(&form, oauth->client_id_name, round->client.id);
    kn_form_add(&form, "client_secret", round->client.secret);
    kn_form_add(&form, oauth->exchange_token_name, brief->access);
    const struct question q = {
        oauth, &round->client, oauth->exchange_host, oauth->exchange_path, to_arena(&form, arena),
        true};
    struct kn_tokens tokens;
    enum kn_status status = ask_tokens(&q, KN_ASKED_TOKENS, round->redirect_uri, http, cancel,
                                       arena, &tokens, NULL, err);
    if (status != KN_OK)
        return status;
    tokens.scopes = tokens.scopes ? tokens.scopes : brief->scopes;
    tokens.user_id = tokens.user_id ? tokens.user_id : brief->user_id;
    *ret_tokens = tokens;
    return KN_OK;
}

enum kn_status kn_oauth_redeem(const struct kn_oauth_round *round, struct kn_http *http,
                               const char *code, struct kn_cancel *cancel, struct kn_arena *arena,
                               struct kn_tokens *ret_tokens, struct kn_error *err)
{
    const struct kn_oauth *oauth = round->oauth;
    KN_SCOPED_STR form = {0};
    kn_form_add(&form, "grant_type", oauth->code_by_query ? NULL : "authorization_code");
    kn_form_add(&form, "code", code);
    kn_form_add(&form, "redirect_uri", round->redirect_uri);
    kn_form_add(&form, "code_verifier", round->verifier);
    add_client(&form, oauth, &round->client);
    const struct question q = {oauth,
                               &round->client,
                               oauth->token_host,
                               oauth->token_path,
                               to_arena(&form, arena),
                               oauth->code_by_query};
    struct kn_tokens tokens;
    enum kn_status status = ask_tokens(&q, KN_ASKED_TOKENS, round->redirect_uri, http, cancel,
                                       arena, &tokens, NULL, err);
    if (status == KN_OK)
        status = check_scopes(oauth, &tokens, err);
    if (status == KN_OK && oauth->exchange_path)
        status = exchange(round, &tokens, http, cancel, arena, &tokens, err);
    if (status == KN_OK && oauth->settle)
        status = oauth->settle(http, round->client.service_url, cancel, arena, &tokens, err);
    if (status == KN_OK && oauth->renewal == KN_RENEW_BY_TOKEN && !tokens.refresh)
        return kn_error_set(err, KN_DENIED,
                            "%s gave a token that can't be renewed: take kirinuki off the list of "
                            "applications in the account there, then `kirinuki auth %s` again",
                            oauth->label, oauth->platform);
    if (status == KN_OK)
        *ret_tokens = tokens;
    return status;
}

/* ---- new tokens for old ones ---- */

static enum kn_status past_renewal(const struct kn_oauth *oauth, struct kn_error *err)
{
    return kn_error_set(err, KN_DENIED,
                        "the connection to %s has run out: connect again with `kirinuki auth %s`",
                        oauth->label, oauth->platform);
}

static const char *renewal_form(const struct kn_oauth *oauth, const struct kn_oauth_client *client,
                                const struct kn_tokens *tokens, struct kn_arena *arena)
{
    KN_SCOPED_STR form = {0};
    if (oauth->renewal == KN_RENEW_BY_EXCHANGE) {
        kn_form_add(&form, "grant_type", oauth->renew_grant);
        kn_form_add(&form, "access_token", tokens->access);
    } else {
        kn_form_add(&form, "grant_type", "refresh_token");
        kn_form_add(&form, "refresh_token", tokens->refresh);
        add_client(&form, oauth, client);
    }
    return to_arena(&form, arena);
}

enum kn_status kn_oauth_renew(const struct kn_oauth *oauth, const struct kn_oauth_client *client,
                              const struct kn_tokens *tokens, struct kn_http *http,
                              struct kn_cancel *cancel, struct kn_arena *arena,
                              struct kn_tokens *ret_tokens, bool *ret_sent, struct kn_error *err)
{
    bool exchanges = oauth->renewal == KN_RENEW_BY_EXCHANGE;
    int64_t end_us = exchanges ? tokens->expires_us : tokens->refresh_expires_us;
    *ret_sent = false;
    if (end_us <= kn_wall_us() || (!exchanges && !tokens->refresh))
        return past_renewal(oauth, err); /* also what is never renewed and was refused */
    const struct question q = {oauth,
                               client,
                               exchanges ? oauth->exchange_host : oauth->token_host,
                               exchanges ? oauth->renew_path : oauth->token_path,
                               renewal_form(oauth, client, tokens, arena),
                               exchanges};
    struct kn_tokens renewed;
    enum kn_status status =
        ask_tokens(&q, KN_ASKED_RENEWAL, NULL, http, cancel, arena, &renewed, ret_sent, err);
    if (status != KN_OK && status != KN_DENIED && *ret_sent && oauth->refresh_once)
        return kn_error_add(err, "the answer to a renewal was lost, which %s grants once",
                            oauth->label);
    if (status != KN_OK)
        return status;
    if (!renewed.refresh) {
        renewed.refresh = kn_arena_strdup(arena, tokens->refresh);
        renewed.refresh_expires_us = tokens->refresh_expires_us;
    }
    renewed.scopes = renewed.scopes ? renewed.scopes : kn_arena_strdup(arena, tokens->scopes);
    renewed.user_id = renewed.user_id ? renewed.user_id : kn_arena_strdup(arena, tokens->user_id);
    *ret_tokens = renewed;
    return KN_OK;
}

/* ---- giving them back ---- */

static enum kn_status revoked_or_not(const struct kn_oauth *oauth,
                                     const struct kn_http_answer *answer, struct kn_error *err)
{
    struct kn_oauth_refusal refusal;
    if (!kn_oauth_find_refusal(answer, &refusal))
        return KN_OK;
    static const char *const gone[] = {"invalid_token", "invalid_grant", "access_token_invalid"};
    for (size_t i = 0; i < KN_COUNT_OF(gone); i++)
        if (strcmp(refusal.code, gone[i]) == 0)
            return KN_OK;
    return kn_oauth_refused(oauth, KN_ASKED_REVOCATION, &refusal, NULL, err);
}

enum kn_status kn_oauth_revoke(const struct kn_oauth *oauth, const struct kn_oauth_client *client,
                               const struct kn_tokens *tokens, struct kn_http *http,
                               struct kn_cancel *cancel, struct kn_error *err)
{
    if (!oauth->revoke_path)
        return kn_error_set(err, KN_UNSUPPORTED,
                            "%s lets connections be ended only in the account's own settings, "
                            "under applications and websites",
                            oauth->label);
    struct kn_arena *arena = kn_arena_new();
    KN_SCOPED_STR form = {0};
    struct kn_http_answer answer;
    bool whole = tokens->refresh && oauth->refresh_once; /* what the grant hangs on */
    kn_form_add(&form, "token", whole || oauth->revoke_bare ? tokens->refresh : tokens->access);
    if (whole)
        kn_form_add(&form, "token_type_hint", "refresh_token");
    if (!oauth->revoke_bare)
        add_client(&form, oauth, client);
    const struct question q = {
        oauth, client, oauth->token_host, oauth->revoke_path, to_arena(&form, arena), false};
    enum kn_status status = ask(&q, http, cancel, arena, &answer, NULL, err);
    if (status == KN_OK)
        status = revoked_or_not(oauth, &answer, err);
    else
        (void)kn_error_add(err, "%s", oauth->label);
    kn_arena_free(arena);
    return status;
}
