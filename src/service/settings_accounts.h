/*
 * What a user can set about accounts of platforms: how one is connected, and the applications that
 * are registered with the platforms. Their secrets come from the environment or the configuration
 * file and are never shown; what is connected keeps a copy under its seal.
 */
#ifndef KN_SERVICE_SETTINGS_ACCOUNTS_H
#define KN_SERVICE_SETTINGS_ACCOUNTS_H

#include "base/option.h"

/* Where `kirinuki sandbox` listens if not told otherwise. */
#define KN_SANDBOX_PORT 8787
#define KN_SANDBOX_URL  "http://127.0.0.1:8787"

enum kn_client {
    KN_CLIENT_YOUTUBE,
    KN_CLIENT_TIKTOK,
    KN_CLIENT_INSTAGRAM,
    KN_CLIENT_X,
    KN_CLIENT_COUNT
};

/* Into Instagram. */
enum kn_login { KN_LOGIN_AUTO, KN_LOGIN_FACEBOOK, KN_LOGIN_INSTAGRAM };

struct kn_account_settings {
    const char *name;     /* NULL: the platform's own */
    const char *redirect; /* NULL: this machine */
    const char *sandbox;  /* an address; NULL: the platform itself */
    int port;             /* 0: the usual one */
    int login;            /* enum kn_login */
    bool browser, paste;
    bool yes; /* remove an account though posts wait for it */
    struct {
        const char *id, *secret; /* NULL: not set */
    } clients[KN_CLIENT_COUNT];
};

/* const char *: 1 to 100 bytes of clean text. */
enum kn_status kn_parse_account_name(const struct kn_option *option, const char *value, void *field,
                                     struct kn_arena *arena, struct kn_error *err);
/* const char *: an address without a fragment, of at most 500 bytes. */
enum kn_status kn_parse_redirect(const struct kn_option *option, const char *value, void *field,
                                 struct kn_arena *arena, struct kn_error *err);
/* const char *: "" is KN_SANDBOX_URL; no slash at the end. */
enum kn_status kn_parse_sandbox_url(const struct kn_option *option, const char *value, void *field,
                                    struct kn_arena *arena, struct kn_error *err);

#endif
