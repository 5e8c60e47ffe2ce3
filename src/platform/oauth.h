/*
 * OAuth 2.0 (RFC 6749, RFC 7636) as the platforms speak it: the authorization code grant, with PKCE
 * where there is any, and the ways in which each of them differs, as data.
 *
 * Nothing here keeps tokens, opens a browser or listens; platform/seal.h and service/accounts.h do.
 */
#ifndef KN_PLATFORM_OAUTH_H
#define KN_PLATFORM_OAUTH_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "net/http.h"

enum kn_pkce {
    KN_PKCE_NONE,
    KN_PKCE_S256,     /* base64url of SHA-256, RFC 7636 */
    KN_PKCE_S256_HEX, /* lower-case hexadecimal of SHA-256: TikTok's desktop clients */
};

enum kn_oauth_renewal {
    KN_RENEW_BY_TOKEN,    /* grant_type=refresh_token */
    KN_RENEW_BY_EXCHANGE, /* the access token itself is exchanged for a longer one */
    KN_RENEW_NEVER,       /* it has no end, until somebody takes it away */
};

struct kn_tokens;

struct kn_oauth {
    const char *platform, *label;                      /* "x", "X": in commands and in sentences */
    const char *register_at;                           /* where applications are registered */
    const char *authorize_host, *authorize_path;       /* "https://x.com", "/i/oauth2/authorize" */
    const char *token_host, *token_path, *revoke_path; /* revoke_path NULL: there is no such call */
    /* The token of a code is short-lived, and is exchanged at once for a long one; NULL: it is not.
     * A long one is renewed at the same host. */
    const char *exchange_host, *exchange_path, *exchange_grant, *renew_path, *renew_grant;
    const char *client_id_name; /* "client_id"; TikTok: "client_key" */
    const char *scopes;         /* separated as the platform wants it */
    const char *needed;         /* the one without which nothing can be posted */
    const char *more;           /* further parameters of the authorization: "access_type=offline" */
    enum kn_pkce pkce;
    enum kn_oauth_renewal renewal;
    bool secret_optional; /* a public client is let in without one */
    bool secret_as_basic; /* in an Authorization header, not in the form */
    bool refresh_once;    /* a refresh token is taken once, and the answer has the next one */
    bool revoke_bare;     /* revoking takes the token alone, nothing of the client */
    bool redirect_https;  /* only addresses with https:// can be registered */
    int redirect_port;    /* of the address to register; 0: any port is taken */
    const char *redirect_path;
    int64_t lifetime_us;             /* of an access token whose answer does not say it */
    int64_t renew_ahead_us;          /* tokens are renewed so long before their end */
    const char *dialect;             /* one of several ways into a platform; NULL: the usual one */
    bool code_by_query;              /* a code is redeemed by a GET, without a grant_type */
    const char *exchange_token_name; /* of the token that is exchanged */
    bool exchange_names_client;      /* with its id */
    /* What is kept is another token than what was granted, such as a page's: asks for it, and puts
     * it in the place of the other. NULL: it is not so. */
    enum kn_status (*settle)(struct kn_http *http, const char *service_url,
                             struct kn_cancel *cancel, struct kn_arena *arena,
                             struct kn_tokens *tokens, struct kn_error *err);
    /* Who granted it: asks the platform and fills id and name. */
    enum kn_status (*identify)(struct kn_http *http, const char *service_url, const char *token,
                               struct kn_cancel *cancel, struct kn_arena *arena,
                               const char **ret_id, const char **ret_name, struct kn_error *err);
};

/* Instagram has two ways in: its own login, with which a file has to lie at an https address, and
 * Facebook's, with the token of a page, with which files are uploaded. */
extern const struct kn_oauth kn_oauth_youtube, kn_oauth_tiktok, kn_oauth_instagram,
    kn_oauth_instagram_page, kn_oauth_x;
/* The usual one of each platform; NULL ends the list. */
const struct kn_oauth *const *kn_oauths(void);
/* By the name of its platform; NULL: that has no accounts, or there is none. */
const struct kn_oauth *kn_oauth_find(const char *platform);
/* The same in a dialect ("facebook"); NULL: the usual one. */
const struct kn_oauth *kn_oauth_find_dialect(const char *platform, const char *dialect);

/* Who asks: registered by the user with the platform. */
struct kn_oauth_client {
    const char *id, *secret; /* secret NULL: a public client */
    const char *service_url; /* NULL: the platform's own hosts */
};

struct kn_tokens {
    const char *access, *refresh;           /* refresh NULL: there is none */
    int64_t expires_us, refresh_expires_us; /* wall clock; INT64_MAX: does not */
    const char *scopes;                     /* granted; NULL: not said */
    const char *user_id;                    /* where the answer tells it; NULL */
};

/* One round of asking for consent; texts in the arena it was begun with. */
struct kn_oauth_round {
    const struct kn_oauth *oauth;
    struct kn_oauth_client client;
    const char *redirect_uri;
    const char *state, *verifier; /* random; verifier NULL without PKCE */
    const char *url;              /* that a person opens */
};

/* What is sent for a verifier (RFC 7636, section 4.2); in the arena. NULL for KN_PKCE_NONE. */
const char *kn_oauth_challenge(enum kn_pkce pkce, const char *verifier, struct kn_arena *arena);
/* Random comes from the system. */
struct kn_oauth_round kn_oauth_begin(const struct kn_oauth *oauth,
                                     const struct kn_oauth_client *client, const char *redirect_uri,
                                     struct kn_arena *arena);
/* Does a redirect with this `state` (NULL: without one) answer the round? */
bool kn_oauth_is_answer(const struct kn_oauth_round *round, const char *state);
/*
 * What came back, as the redirect's query, the whole address, or the bare code that somebody
 * pasted. DENIED: consent was refused, or the state is another round's. INVALID: there is no code
 * in it.
 */
enum kn_status kn_oauth_read_redirect(const struct kn_oauth_round *round, const char *text,
                                      struct kn_arena *arena, const char **ret_code,
                                      struct kn_error *err);
/*
 * Code for tokens; a short-lived token is exchanged for a long one where the platform has that.
 * DENIED: the platform refuses, and the sentence says why and what to do. Else as kn_http_perform
 * and REMOTE.
 */
enum kn_status kn_oauth_redeem(const struct kn_oauth_round *round, struct kn_http *http,
                               const char *code, struct kn_cancel *cancel, struct kn_arena *arena,
                               struct kn_tokens *ret_tokens, struct kn_error *err);
/* New tokens for old ones. DENIED: revoked or expired: the account has to be connected again.
 * *ret_sent (see kn_http_perform): could it have been carried out? A refresh token that may be used
 * once may be lost with the answer; the sentence says so. */
enum kn_status kn_oauth_renew(const struct kn_oauth *oauth, const struct kn_oauth_client *client,
                              const struct kn_tokens *tokens, struct kn_http *http,
                              struct kn_cancel *cancel, struct kn_arena *arena,
                              struct kn_tokens *ret_tokens, bool *ret_sent, struct kn_error *err);
/* As far as the platform allows it: UNSUPPORTED, and where to do it by hand. What was revoked
 * before is fine. */
enum kn_status kn_oauth_revoke(const struct kn_oauth *oauth, const struct kn_oauth_client *client,
                               const struct kn_tokens *tokens, struct kn_http *http,
                               struct kn_cancel *cancel, struct kn_error *err);

#endif
