#include <string.h>

#include "sandbox/platforms/platforms.h"

enum { SECRET_LENGTH = 40 };

struct kn_grant *kn_grants_add(struct kn_mimics *m, int mimic, int account, const char *scopes)
{
    struct kn_grant *grant = kn_arena_alloc(m->arena, sizeof *grant);
    *grant = (struct kn_grant){mimic, account, kn_arena_strdup(m->arena, scopes), false};
    return grant;
}

bool kn_grants_known(const struct kn_mimics *m, int mimic, int account)
{
    for (int i = 0; i < m->grants.tokens.count; i++) {
        const struct kn_token *token = m->grants.tokens.at[i];
        if (token->refreshes && token->grant->mimic == mimic && token->grant->account == account &&
            !token->grant->revoked)
            return true;
    }
    return false;
}

static const char *make_secret(struct kn_mimics *m, const char *prefix)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    return kn_arena_printf(m->arena, "%s%s", prefix, kn_mimics_make_id(m, letters, SECRET_LENGTH));
}

static int64_t after(const struct kn_mimics *m, double life_s)
{
    return kn_mimics_now_us(m) + (int64_t)(life_s * 1e6);
}

struct kn_code *kn_grants_code(struct kn_mimics *m, struct kn_grant *grant)
{
    const struct kn_oauth_dialect *dialect = &kn_oauth_dialects[grant->mimic];
    struct kn_code *code = kn_arena_alloc(m->arena, sizeof *code);
    code->text = make_secret(m, dialect->code_prefix);
    code->grant = grant;
    code->until_us = after(m, dialect->code_s);
    kn_vec_push(&m->grants.codes, code);
    return code;
}

struct kn_token *kn_grants_token(struct kn_mimics *m, struct kn_grant *grant, bool refreshes,
                                 double life_s)
{
    const struct kn_oauth_dialect *dialect = &kn_oauth_dialects[grant->mimic];
    struct kn_token *token = kn_arena_alloc(m->arena, sizeof *token);
    token->text = make_secret(m, refreshes ? dialect->refresh_prefix : dialect->access_prefix);
    token->grant = grant;
    token->issued_us = kn_mimics_now_us(m);
    token->until_us = after(m, life_s);
    token->refreshes = refreshes;
    kn_vec_push(&m->grants.tokens, token);
    return token;
}

/* The newest come first: those are asked for most. */
struct kn_token *kn_grants_find(const struct kn_mimics *m, int mimic, const char *text)
{
    for (int i = m->grants.tokens.count - 1; i >= 0; i--) {
        struct kn_token *token = m->grants.tokens.at[i];
        if (token->grant->mimic == mimic && strcmp(token->text, text) == 0)
            return token;
    }
    return NULL;
}

struct kn_code *kn_grants_find_code(const struct kn_mimics *m, int mimic, const char *text)
{
    for (int i = m->grants.codes.count - 1; i >= 0; i--) {
        struct kn_code *code = m->grants.codes.at[i];
        if (code->grant->mimic == mimic && strcmp(code->text, text) == 0)
            return code;
    }
    return NULL;
}

bool kn_token_lives(const struct kn_mimics *m, const struct kn_token *token)
{
    return kn_mimics_now_us(m) < token->until_us;
}

bool kn_scopes_have(const char *granted, const char *scope, size_t length)
{
    while (*granted) {
        size_t size = strcspn(granted, " ");
        if (size == length && strncmp(granted, scope, length) == 0)
            return true;
        granted += size;
        granted += strspn(granted, " ");
    }
    return false;
}

bool kn_scopes_suffice(const char *granted, const char *needed)
{
    for (const char *at = needed;; at++) {
        bool all = true;
        for (; *at && *at != '|'; at += strspn(at, " ")) {
            size_t size = strcspn(at, " |");
            all = kn_scopes_have(granted, at, size) && all;
            at += size;
        }
        if (all || !*at)
            return all;
    }
}
