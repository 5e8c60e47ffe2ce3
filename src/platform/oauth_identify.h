/* Who has given consent: each platform's own way to ask. As kn_oauth.identify. */
#ifndef KN_PLATFORM_OAUTH_IDENTIFY_H
#define KN_PLATFORM_OAUTH_IDENTIFY_H

#include "platform/oauth.h"

#define KN_OAUTH_IDENTIFY(name)                                                                    \
    enum kn_status kn_oauth_identify_##name(struct kn_http *http, const char *service_url,         \
                                            const char *token, struct kn_cancel *cancel,           \
                                            struct kn_arena *arena, const char **ret_id,           \
                                            const char **ret_name, struct kn_error *err)

KN_OAUTH_IDENTIFY(youtube);
KN_OAUTH_IDENTIFY(tiktok);
KN_OAUTH_IDENTIFY(instagram);
KN_OAUTH_IDENTIFY(page); /* Instagram's, by Facebook's login */
KN_OAUTH_IDENTIFY(x);

/* As kn_oauth.settle: the token of the one page that was allowed and has an Instagram account. */
enum kn_status kn_oauth_settle_page(struct kn_http *http, const char *service_url,
                                    struct kn_cancel *cancel, struct kn_arena *arena,
                                    struct kn_tokens *tokens, struct kn_error *err);

#endif
