/*
 * OAuth 2.0 (RFC 6749, PKCE: RFC 7636) as the four platforms speak it. The dialects are a table
 * (oauth_dialects.c); one authorization server serves all of them.
 *
 * There is one client: its id is "sandbox-client", its secret "sandbox-secret". A person consents
 * on a page; `sandbox_consent=allow` (or `deny`) in the authorization request consents without
 * one, `sandbox_account=second` chooses the account.
 */
#ifndef KN_SANDBOX_OAUTH_H
#define KN_SANDBOX_OAUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

#define KN_OAUTH_CLIENT "sandbox-client"
#define KN_OAUTH_SECRET "sandbox-secret"

struct kn_mimics;
struct kn_mimic_visit;

enum kn_oauth_pkce { KN_PKCE_NONE, KN_PKCE_OPTIONAL, KN_PKCE_REQUIRED };
/* When there is a refresh token, and what becomes of it when it is used. */
enum kn_oauth_refresh {
    KN_REFRESH_NONE,    /* the access token itself is made to live longer */
    KN_REFRESH_KEPT,    /* the same one for ever */
    KN_REFRESH_MAY,     /* a new one, or the same, by a setting */
    KN_REFRESH_ROTATES, /* a new one each time; using an old one ends the grant */
};
enum kn_oauth_offline {
    KN_OFFLINE_ALWAYS,
    KN_OFFLINE_ASKED, /* access_type=offline, and at the first consent or prompt=consent */
    KN_OFFLINE_SCOPE, /* the scope offline.access */
    KN_OFFLINE_NEVER,
};
enum kn_oauth_error {
    KN_OAUTH_INVALID_REQUEST,
    KN_OAUTH_INVALID_CLIENT,
    KN_OAUTH_INVALID_GRANT,
    KN_OAUTH_INVALID_SCOPE,
    KN_OAUTH_UNSUPPORTED_GRANT,
    KN_OAUTH_UNSUPPORTED_RESPONSE,
    KN_OAUTH_REDIRECT_MISMATCH,
    KN_OAUTH_ACCESS_DENIED,
    KN_OAUTH_ERROR_COUNT,
};

struct kn_oauth_dialect {
    const char *client_field; /* "client_id" */
    char separator;           /* of scopes */
    const char *scopes;       /* those known, parted by spaces */
    enum kn_oauth_pkce pkce;
    bool plain;        /* code_challenge_method=plain is allowed */
    bool hex;          /* the challenge is lower-case hex, not base64url */
    bool json_body;    /* the token request may be JSON */
    bool basic;        /* the client may authenticate by HTTP Basic */
    bool public_too;   /* a client without a secret is served as well */
    bool no_localhost; /* loopback redirects are by address */
    enum kn_oauth_refresh refresh;
    enum kn_oauth_offline offline;
    double code_s, access_s, refresh_s; /* how long each lives */
    const char *code_prefix, *access_prefix, *refresh_prefix;
    const char *granted_field;   /* of the callback: "scope", "scopes"; NULL */
    const char *callback_suffix; /* "#_"; NULL */
    const char *title;           /* of the page */
};
extern const struct kn_oauth_dialect kn_oauth_dialects[]; /* by enum kn_mimic_id */

/* ---- what was granted (oauth_grants.c); in the arena of struct kn_mimics, under its lock ---- */

struct kn_grant {
    int mimic, account;
    const char *scopes; /* parted by spaces */
    bool revoked;
};
struct kn_code {
    const char *text, *redirect, *challenge, *method; /* the last two may be NULL */
    struct kn_grant *grant;
    int64_t until_us;
    bool used, offline;
};
struct kn_token {
    const char *text;
    struct kn_grant *grant;
    int64_t issued_us, until_us;
    bool refreshes;  /* a refresh token */
    bool used;       /* was replaced */
    bool long_lived; /* Instagram's, of 60 days */
};
struct kn_grants {
    KN_VEC(struct kn_code *) codes;
    KN_VEC(struct kn_token *) tokens;
};

/* Who a token speaks for. */
struct kn_signed_in {
    struct kn_grant *grant; /* NULL: nobody */
    struct kn_token *token;
    int account;
};

struct kn_grant *kn_grants_add(struct kn_mimics *m, int mimic, int account, const char *scopes);
/* Has the account consented to anything on this platform that is not revoked? */
bool kn_grants_known(const struct kn_mimics *m, int mimic, int account);
struct kn_code *kn_grants_code(struct kn_mimics *m, struct kn_grant *grant);
struct kn_token *kn_grants_token(struct kn_mimics *m, struct kn_grant *grant, bool refreshes,
                                 double life_s);
/* Of this platform; NULL: nobody gave it out. May be expired, used or revoked. */
struct kn_token *kn_grants_find(const struct kn_mimics *m, int mimic, const char *text);
struct kn_code *kn_grants_find_code(const struct kn_mimics *m, int mimic, const char *text);
bool kn_token_lives(const struct kn_mimics *m, const struct kn_token *token);
/* "a b|c", see struct kn_mimic_route. */
bool kn_scopes_suffice(const char *granted, const char *needed);
bool kn_scopes_have(const char *granted, const char *scope, size_t length);

/* ---- end points; to be put into routes ---- */

void kn_oauth_authorize(struct kn_mimic_visit *visit);
void kn_oauth_token(struct kn_mimic_visit *visit);
void kn_mimic_revoke(struct kn_mimic_visit *visit);
void kn_oauth_tokeninfo(struct kn_mimic_visit *visit);          /* Google's */
void kn_oauth_instagram_exchange(struct kn_mimic_visit *visit); /* ig_exchange_token */
void kn_oauth_instagram_refresh(struct kn_mimic_visit *visit);  /* ig_refresh_token */
/* GET oauth/access_token of Facebook Login: a code, or fb_exchange_token. */
void kn_oauth_facebook_token(struct kn_mimic_visit *visit);

/* The answer of a token request that failed, in the platform's form. `text` may be NULL. */
void kn_oauth_fail(struct kn_mimic_visit *visit, enum kn_oauth_error error, const char *text);
/* False: the client is not the one that is known; the answer is made. */
bool kn_oauth_client(struct kn_mimic_visit *visit);

#endif
