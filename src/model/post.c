#include "model/post.h"

static const char *const state_names[KN_POST_STATE_COUNT] = {
    [KN_POST_PLANNED] = "planned",       [KN_POST_UPLOADING] = "uploading",
    [KN_POST_PROCESSING] = "processing", [KN_POST_LIVE] = "live",
    [KN_POST_SCHEDULED] = "scheduled",   [KN_POST_FAILED] = "failed",
    [KN_POST_UNKNOWN] = "unknown",       [KN_POST_CANCELLED] = "cancelled",
};

const char *kn_post_state_name(enum kn_post_state state)
{
    return (unsigned)state < KN_POST_STATE_COUNT ? state_names[state] : "?";
}

bool kn_post_state_final(enum kn_post_state state)
{
    return state != KN_POST_PLANNED && state != KN_POST_UPLOADING && state != KN_POST_PROCESSING;
}

const char *kn_privacy_name(enum kn_privacy privacy)
{
    static const char *const names[KN_PRIVACY_COUNT] = {
        [KN_PRIVACY_DEFAULT] = "default",   [KN_PRIVACY_PUBLIC] = "public",
        [KN_PRIVACY_UNLISTED] = "unlisted", [KN_PRIVACY_FOLLOWERS] = "followers",
        [KN_PRIVACY_FRIENDS] = "friends",   [KN_PRIVACY_PRIVATE] = "private",
    };
    return (unsigned)privacy < KN_PRIVACY_COUNT ? names[privacy] : "?";
}
