/*
 * How each platform speaks OAuth, from its own documents:
 *
 *   YouTube    "Using OAuth 2.0 for Installed Applications", 2026-09-11
 *   TikTok     "Login Kit for Desktop", "Manage User Access Tokens", 2026-09-11
 *   Instagram  "Business Login for Instagram", 2026-09-11
 *   X          "OAuth 2.0 Authorization Code Flow with PKCE", 2026-08-22
 */
#include <string.h>

#include "base/clock.h"
#include "platform/oauth.h"
#include "platform/oauth_identify.h"

#define MINUTES(n) ((n)*60 * KN_US_PER_S)
#define HOURS(n)   MINUTES((n)*60)
#define DAYS(n)    HOURS((n)*24)

const struct kn_oauth kn_oauth_youtube = {
    .platform = "youtube",
    .label = "YouTube",
    .register_at = "https://console.cloud.google.com/auth/clients",
    .authorize_host = "https://accounts.google.com",
    .authorize_path = "/o/oauth2/v2/auth",
    .token_host = "https://oauth2.googleapis.com",
    .token_path = "/token",
    .revoke_path = "/revoke",
    .revoke_bare = true,
    .client_id_name = "client_id",
    .scopes = "https://www.googleapis.com/auth/youtube.upload "
              "https://www.googleapis.com/auth/youtube.force-ssl", /* captions, whose channel */
    .needed = "https://www.googleapis.com/auth/youtube.upload",
    /* Without both, a second consent brings no refresh token. */
    .more = "access_type=offline&prompt=consent",
    .pkce = KN_PKCE_S256,
    .renewal = KN_RENEW_BY_TOKEN,
    .redirect_path = "", /* "http://127.0.0.1:port" */
    .lifetime_us = HOURS(1),
    .renew_ahead_us = MINUTES(5),
    .identify = kn_oauth_identify_youtube,
};

const struct kn_oauth kn_oauth_tiktok = {
    .platform = "tiktok",
    .label = "TikTok",
    .register_at = "https://developers.tiktok.com/apps",
    .authorize_host = "https://www.tiktok.com",
    .authorize_path = "/v2/auth/authorize/",
    .token_host = "https://open.tiktokapis.com",
    .token_path = "/v2/oauth/token/",
    .revoke_path = "/v2/oauth/revoke/",
    .client_id_name = "client_key",
    .scopes = "user.info.basic,video.publish,video.upload",
    .needed = "video.publish",
    .pkce = KN_PKCE_S256_HEX,
    .renewal = KN_RENEW_BY_TOKEN,
    .redirect_path = "/callback/", /* registered with a * for the port */
    .lifetime_us = HOURS(24),
    .renew_ahead_us = HOURS(1),
    .identify = kn_oauth_identify_tiktok,
};

const struct kn_oauth kn_oauth_instagram = {
    .platform = "instagram",
    .label = "Instagram",
    .register_at = "https://developers.facebook.com/apps",
    .authorize_host = "https://www.instagram.com",
    .authorize_path = "/oauth/authorize",
    .token_host = "https://api.instagram.com",
    .token_path = "/oauth/access_token",
    .exchange_host = "https://graph.instagram.com",
    .exchange_path = "/access_token",
    .exchange_grant = "ig_exchange_token",
    .exchange_token_name = "access_token",
    .renew_path = "/refresh_access_token",
    .renew_grant = "ig_refresh_token",
    .client_id_name = "client_id",
    .scopes = "instagram_business_basic,instagram_business_content_publish",
    .needed = "instagram_business_content_publish",
    .pkce = KN_PKCE_NONE,
    .renewal = KN_RENEW_BY_EXCHANGE,
    .redirect_https = true,
    .redirect_port = 8765,
    .redirect_path = "/callback",
    .lifetime_us = HOURS(1),    /* until it is exchanged; the long one says its own */
    .renew_ahead_us = DAYS(20), /* of 60; it has to be a day old */
    .identify = kn_oauth_identify_instagram,
};

/* "Facebook Login" for the same, in v25.0. The token of a page that comes from a long-lived one of
 * a person has no end. */
const struct kn_oauth kn_oauth_instagram_page = {
    .platform = "instagram",
    .dialect = "facebook",
    .label = "Instagram",
    .register_at = "https://developers.facebook.com/apps",
    .authorize_host = "https://www.facebook.com",
    .authorize_path = "/v25.0/dialog/oauth",
    .token_host = "https://graph.facebook.com",
    .token_path = "/v25.0/oauth/access_token",
    .code_by_query = true,
    .exchange_host = "https://graph.facebook.com",
    .exchange_path = "/v25.0/oauth/access_token",
    .exchange_grant = "fb_exchange_token",
    .exchange_token_name = "fb_exchange_token",
    .exchange_names_client = true,
    .settle = kn_oauth_settle_page,
    .client_id_name = "client_id",
    .scopes = "instagram_basic,instagram_content_publish,pages_show_list,pages_read_engagement",
    .needed = "instagram_content_publish",
    .pkce = KN_PKCE_NONE,
    .renewal = KN_RENEW_NEVER,
    .redirect_https = true,
    .redirect_port = 8765,
    .redirect_path = "/callback",
    .lifetime_us = HOURS(1),
    .identify = kn_oauth_identify_page,
};

const struct kn_oauth kn_oauth_x = {
    .platform = "x",
    .label = "X",
    .register_at = "https://console.x.com",
    .authorize_host = "https://x.com",
    .authorize_path = "/i/oauth2/authorize",
    .token_host = "https://api.x.com",
    .token_path = "/2/oauth2/token",
    .revoke_path = "/2/oauth2/revoke",
    .client_id_name = "client_id",
    .scopes = "tweet.read tweet.write users.read media.write offline.access",
    .needed = "media.write",
    .pkce = KN_PKCE_S256,
    .renewal = KN_RENEW_BY_TOKEN,
    .secret_optional = true,
    .secret_as_basic = true,
    .refresh_once = true,
    .redirect_port = 8765, /* compared exactly */
    .redirect_path = "/callback",
    .lifetime_us = HOURS(2),
    .renew_ahead_us = MINUTES(10),
    .identify = kn_oauth_identify_x,
};

const struct kn_oauth *const *kn_oauths(void)
{
    static const struct kn_oauth *const all[] = {&kn_oauth_youtube, &kn_oauth_tiktok,
                                                 &kn_oauth_instagram, &kn_oauth_x, NULL};
    return all;
}

const struct kn_oauth *kn_oauth_find_dialect(const char *platform, const char *dialect)
{
    const struct kn_oauth *page = &kn_oauth_instagram_page;
    bool wants_page =
        dialect && strcmp(dialect, page->dialect) == 0 && strcmp(platform, page->platform) == 0;
    return wants_page ? page : kn_oauth_find(platform);
}

const struct kn_oauth *kn_oauth_find(const char *platform)
{
    for (const struct kn_oauth *const *at = kn_oauths(); *at; at++)
        if (strcmp((*at)->platform, platform) == 0)
            return *at;
    return NULL;
}
