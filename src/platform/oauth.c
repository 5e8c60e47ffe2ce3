/*
 * A round of asking for consent: the address that a person opens, and what comes back from there.
 *
 * `state` ties the answer to this round: without it somebody else's code could be slipped in.
 * `verifier` stays here, and only its digest is in the address: a code that somebody reads on its
 * way is of no use without it. A code that a person has typed in has no state; they know what they
 * have pasted.
 */
#include "platform/oauth.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "platform/form.h"
#include "platform/oauth_answer.h"

enum {
    STATE_BYTES = 24,    /* random, before base64; X takes 500 characters */
    VERIFIER_BYTES = 48, /* 64 characters; RFC 7636, section 4.1 allows 43 to 128 */
    TEXT_BYTES_MAX = 8192,
    CODE_BYTES_MAX = 2048,
};

const char *kn_oauth_challenge(enum kn_pkce pkce, const char *verifier, struct kn_arena *arena)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[2 * sizeof digest + 1];
    if (pkce == KN_PKCE_NONE)
        return NULL;
    crypto_hash_sha256(digest, (const unsigned char *)verifier, strlen(verifier));
    if (pkce == KN_PKCE_S256_HEX)
        sodium_bin2hex(text, sizeof text, digest, sizeof digest);
    else
        sodium_bin2base64(text, sizeof text, digest, sizeof digest,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return kn_arena_strdup(arena, text);
}

static const char *random_text(size_t bytes, struct kn_arena *arena)
{
    unsigned char raw[VERIFIER_BYTES];
    assert(bytes <= sizeof raw);
    size_t room = sodium_base64_encoded_len(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = kn_arena_alloc(arena, room);
    randombytes_buf(raw, bytes);
    sodium_bin2base64(text, room, raw, bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(raw, sizeof raw);
    return text;
}

static const char *authorize_url(const struct kn_oauth_round *round, struct kn_arena *arena)
{
    const struct kn_oauth *oauth = round->oauth;
    const char *service = round->client.service_url;
    KN_SCOPED_STR query = {0};
    kn_form_add(&query, "response_type", "code");
    kn_form_add(&query, oauth->client_id_name, round->client.id);
    kn_form_add(&query, "redirect_uri", round->redirect_uri);
    kn_form_add(&query, "scope", oauth->scopes);
    kn_form_add(&query, "state", round->state);
    if (round->verifier) {
        kn_form_add(&query, "code_challenge",
                    kn_oauth_challenge(oauth->pkce, round->verifier, arena));
        kn_form_add(&query, "code_challenge_method", "S256");
    }
    if (oauth->more)
        kn_str_printf(&query, "&%s", oauth->more);
    return kn_arena_printf(arena, "%s%s?%s", service ? service : oauth->authorize_host,
                           oauth->authorize_path, kn_str_text(&query));
}

struct kn_oauth_round kn_oauth_begin(const struct kn_oauth *oauth,
                                     const struct kn_oauth_client *client, const char *redirect_uri,
                                     struct kn_arena *arena)
{
    int ready = sodium_init();
    assert(ready >= 0); /* it fails where the system has no random numbers */
    (void)ready;
    struct kn_oauth_round round = {
        .oauth = oauth,
        .client = {.id = kn_arena_strdup(arena, client->id),
                   .secret = kn_arena_strdup(arena, client->secret),
                   .service_url = kn_arena_strdup(arena, client->service_url)},
        .redirect_uri = kn_arena_strdup(arena, redirect_uri),
        .state = random_text(STATE_BYTES, arena),
    };
    if (oauth->pkce != KN_PKCE_NONE)
        round.verifier = random_text(VERIFIER_BYTES, arena);
    round.url = authorize_url(&round, arena);
    return round;
}

/* ---- what comes back ---- */

static enum kn_status no_code(const struct kn_oauth_round *round, struct kn_error *err)
{
    return kn_error_set(err, KN_INVALID,
                        "there is no code in it: paste the whole address that the browser shows "
                        "after %s was told to allow it",
                        round->oauth->label);
}

bool kn_oauth_is_answer(const struct kn_oauth_round *round, const char *state)
{
    size_t length = strlen(round->state);
    return state && strlen(state) == length && sodium_memcmp(state, round->state, length) == 0;
}

static enum kn_status check_state(const struct kn_oauth_round *round, const char *state,
                                  bool needed, struct kn_error *err)
{
    if (state ? kn_oauth_is_answer(round, state) : !needed)
        return KN_OK;
    return kn_error_set(err, KN_DENIED,
                        "this answers another request than the one that was just made: open the "
                        "address above, and no older one");
}

/* A code goes into a form, and comes from who knows where. */
static enum kn_status take_code(const struct kn_oauth_round *round, const char *code,
                                const char **ret_code, struct kn_error *err)
{
    size_t length = code ? strlen(code) : 0;
    if (!length || length > CODE_BYTES_MAX)
        return no_code(round, err);
    for (const char *at = code; *at; at++)
        if (*at <= ' ' || *at > '~')
            return no_code(round, err);
    *ret_code = code;
    return KN_OK;
}

static enum kn_status read_query(const struct kn_oauth_round *round, const char *query,
                                 struct kn_arena *arena, const char **ret_code,
                                 struct kn_error *err)
{
    const char *code, *state, *error, *why, *reason;
    if (!kn_form_find(query, "code", arena, &code) ||
        !kn_form_find(query, "state", arena, &state) ||
        !kn_form_find(query, "error", arena, &error) ||
        !kn_form_find(query, "error_description", arena, &why) ||
        !kn_form_find(query, "error_reason", arena, &reason))
        return no_code(round, err);
    if (!code && !error)
        return no_code(round, err);
    /* Refusals of some platforms leave the state out; there is nothing to be had by them. */
    enum kn_status status = check_state(round, state, !error, err);
    if (status != KN_OK)
        return status;
    if (!error)
        return take_code(round, code, ret_code, err);
    struct kn_oauth_refusal refusal = {.status = 400};
    kn_text_show(error, refusal.code, sizeof refusal.code);
    kn_text_show(why ? why : reason ? reason : "", refusal.text, sizeof refusal.text);
    return kn_oauth_refused(round->oauth, KN_ASKED_CONSENT, &refusal, round->redirect_uri, err);
}

enum kn_status kn_oauth_read_redirect(const struct kn_oauth_round *round, const char *text,
                                      struct kn_arena *arena, const char **ret_code,
                                      struct kn_error *err)
{
    text += strspn(text, " \t\r\n");
    size_t length = strcspn(text, "#"); /* Instagram appends "#_" */
    while (length && strchr(" \t\r\n", text[length - 1]))
        length--;
    if (length > TEXT_BYTES_MAX)
        return no_code(round, err);
    const char *own = kn_arena_strndup(arena, text, length);
    const char *question = strchr(own, '?');
    if (question)
        return read_query(round, question + 1, arena, ret_code, err);
    if (kn_starts_with(own, "code=") || kn_starts_with(own, "error=") ||
        kn_starts_with(own, "state=") || strchr(own, '&'))
        return read_query(round, own, arena, ret_code, err);
    if (strstr(own, "://"))
        return no_code(round, err);
    /* A code that was copied out of an address is still encoded. */
    const char *code = strchr(own, '%') ? kn_form_unescape(own, length, arena) : own;
    return take_code(round, code, ret_code, err);
}
