/* How each platform speaks OAuth 2.0, by its documentation of 2026-08/09. */
#include "sandbox/platforms/platforms.h"

#define HOUR 3600.0
#define DAY  86400.0

const struct kn_oauth_dialect kn_oauth_dialects[KN_MIMIC_COUNT] = {
    /* "Using OAuth 2.0 for Web Server / Installed Applications". A code's life is not documented;
     * ten minutes is what RFC 6749 recommends at most. */
    [KN_MIMIC_YOUTUBE] =
        {
            .title = "Google",
            .client_field = "client_id",
            .separator = ' ',
            .scopes = "https://www.googleapis.com/auth/youtube.upload "
                      "https://www.googleapis.com/auth/youtube "
                      "https://www.googleapis.com/auth/youtube.force-ssl "
                      "https://www.googleapis.com/auth/youtube.readonly "
                      "https://www.googleapis.com/auth/youtubepartner",
            .pkce = KN_PKCE_OPTIONAL,
            .plain = true,
            .basic = true,
            .refresh = KN_REFRESH_KEPT,
            .offline = KN_OFFLINE_ASKED,
            .code_s = 600,
            .access_s = 3599,
            .refresh_s = 180 * DAY,
            .code_prefix = "4/0A",
            .access_prefix = "ya29.a0",
            .refresh_prefix = "1//0g",
            .granted_field = "scope",
        },
    /* "Login Kit for Desktop", "Manage User Access Tokens". A code's life is not documented. */
    [KN_MIMIC_TIKTOK] =
        {
            .title = "TikTok",
            .client_field = "client_key",
            .separator = ',',
            .scopes = "user.info.basic user.info.profile video.publish video.upload video.list",
            .pkce = KN_PKCE_REQUIRED,
            .hex = true,
            .refresh = KN_REFRESH_MAY,
            .offline = KN_OFFLINE_ALWAYS,
            .code_s = 600,
            .access_s = DAY,
            .refresh_s = 365 * DAY,
            .code_prefix = "sandbox*1!",
            .access_prefix = "act.sandbox!",
            .refresh_prefix = "rft.sandbox!",
            .granted_field = "scopes",
        },
    /* "Business Login for Instagram"; the scopes of Facebook Login beside it. */
    [KN_MIMIC_INSTAGRAM] =
        {
            .title = "Instagram",
            .client_field = "client_id",
            .separator = ',',
            .scopes = "instagram_business_basic instagram_business_content_publish "
                      "instagram_basic instagram_content_publish pages_read_engagement "
                      "pages_show_list business_management ads_management ads_read",
            .pkce = KN_PKCE_NONE,
            .refresh = KN_REFRESH_NONE,
            .offline = KN_OFFLINE_NEVER,
            .code_s = HOUR,
            .access_s = HOUR,
            .code_prefix = "AQBx",
            .access_prefix = "IGAA",
            .callback_suffix = "#_",
        },
    /* "OAuth 2.0 Authorization Code Flow with PKCE"; a refresh token's life is a sighting. */
    [KN_MIMIC_X] =
        {
            .title = "X",
            .client_field = "client_id",
            .separator = ' ',
            .scopes = "tweet.read tweet.write tweet.moderate.write users.read users.email "
                      "follows.read follows.write offline.access space.read mute.read mute.write "
                      "like.read like.write list.read list.write block.read block.write "
                      "bookmark.read bookmark.write media.write",
            .pkce = KN_PKCE_REQUIRED,
            .plain = true,
            .json_body = true,
            .basic = true,
            .public_too = true,
            .no_localhost = true,
            .refresh = KN_REFRESH_ROTATES,
            .offline = KN_OFFLINE_SCOPE,
            .code_s = 30,
            .access_s = 7200,
            .refresh_s = 180 * DAY,
            .code_prefix = "eHNhbmRib3g",
            .access_prefix = "eHRva2Vu",
            .refresh_prefix = "eHJlZnJlc2g",
        },
};
