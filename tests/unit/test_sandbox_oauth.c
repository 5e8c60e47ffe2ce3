/* The four dialects of OAuth 2.0, as a client meets them. */
#include "support/platform_help.h"

#include <sodium.h>

#define VERIFIER "0123456789-0123456789.0123456789_0123456789~"
#define CLIENT   "client_id=sandbox-client&client_secret=sandbox-secret"
#define REDIRECT "http://127.0.0.1:9/back"

/* SHA-256 of the verifier as each platform wants it. */
static const char *challenge(struct talk *talk, bool hex)
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    char *text = kn_arena_alloc(talk->arena, 80);
    crypto_hash_sha256(sum, (const unsigned char *)VERIFIER, strlen(VERIFIER));
    if (hex)
        sodium_bin2hex(text, 80, sum, sizeof sum);
    else
        sodium_bin2base64(text, 80, sum, sizeof sum, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return text;
}

static const struct {
    const char *authorize, *token, *scope, *client;
    bool pkce, hex;
} platforms[] = {
    {"/o/oauth2/v2/auth?access_type=offline&client_id=sandbox-client", "/token",
     "https://www.googleapis.com/auth/youtube.upload", CLIENT, true, false},
    {"/v2/auth/authorize/?client_key=sandbox-client", "/v2/oauth/token/",
     "video.publish,user.info.basic", "client_key=sandbox-client&client_secret=sandbox-secret",
     true, true},
    {"/oauth/authorize?client_id=sandbox-client", "/oauth/access_token",
     "instagram_business_basic,instagram_business_content_publish", CLIENT, false, false},
    {"/i/oauth2/authorize?client_id=sandbox-client", "/2/oauth2/token",
     "tweet.read%20tweet.write%20users.read%20media.write%20offline.access", CLIENT, true, false},
};
enum { YOUTUBE, TIKTOK, INSTAGRAM, X, PLATFORMS };

/* Where the authorization leads to; "" where it leads nowhere. */
static const char *authorize(struct talk *talk, int p, const char *more)
{
    const char *pkce = "";
    if (platforms[p].pkce)
        pkce = kn_arena_printf(talk->arena, "&code_challenge_method=S256&code_challenge=%s",
                               challenge(talk, platforms[p].hex));
    const char *path = kn_arena_printf(
        talk->arena, "%s&response_type=code&state=s%%26t&redirect_uri=" REDIRECT "&scope=%s%s%s",
        platforms[p].authorize, platforms[p].scope, pkce, more);
    int status = ask(talk, (struct ask){.path = path});
    return status == 302 ? kn_arena_strdup(talk->arena, head_of(talk, "location")) : "";
}

/* A parameter of a URL, still encoded. */
static const char *parameter(struct talk *talk, const char *url, const char *name)
{
    for (const char *at = strchr(url, '?'); at; at = strchr(at, '&')) {
        at++;
        if (kn_starts_with(at, name) && at[strlen(name)] == '=')
            return kn_arena_strndup(talk->arena, at + strlen(name) + 1,
                                    strcspn(at + strlen(name) + 1, "&#"));
    }
    return "";
}

static const char *code_of(struct talk *talk, int p)
{
    return parameter(talk, authorize(talk, p, "&sandbox_consent=allow"), "code");
}

static int trade(struct talk *talk, int p, const char *code, const char *verifier)
{
    return ask_form(talk, platforms[p].token,
                    kn_arena_printf(talk->arena,
                                    "grant_type=authorization_code&code=%s&redirect_uri=" REDIRECT
                                    "&%s&code_verifier=%s",
                                    code, platforms[p].client, verifier));
}

static int refresh(struct talk *talk, int p, const char *token)
{
    return ask_form(talk, platforms[p].token,
                    kn_arena_printf(talk->arena, "grant_type=refresh_token&refresh_token=%s&%s",
                                    token, platforms[p].client));
}

static const char *kept(struct talk *talk, const char *path)
{
    return kn_arena_strdup(talk->arena, told(talk, path));
}

static const char *error_of(const struct talk *talk)
{
    const char *text = told(talk, "error");
    return *text ? text : told(talk, "error_type");
}

static void test_codes(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    for (int p = 0; p < PLATFORMS; p++) {
        const char *url = authorize(&talk, p, "&sandbox_consent=allow&sandbox_account=second");
        assert_true(kn_starts_with(url, "http://127.0.0.1:9/back?code="));
        assert_string_equal(parameter(&talk, url, "state"), "s%26t");
        assert_int_equal(kn_ends_with(url, "#_"), p == INSTAGRAM);
        const char *code = parameter(&talk, url, "code");
        assert_int_equal(trade(&talk, p, code, VERIFIER), 200);
        assert_true(*told(&talk, p == INSTAGRAM ? "data.0.access_token" : "access_token"));
        assert_int_equal(*told(&talk, "refresh_token") != 0, p != INSTAGRAM);
        assert_int_equal(trade(&talk, p, code, VERIFIER), 400); /* once only */
    }
    talk_close(&talk);
}

static void test_verifiers(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    for (int p = 0; p < PLATFORMS; p++) {
        bool asks = platforms[p].pkce;
        assert_int_equal(trade(&talk, p, code_of(&talk, p), VERIFIER "x"), asks ? 400 : 200);
        assert_int_equal(trade(&talk, p, code_of(&talk, p), ""), asks ? 400 : 200);
    }
    /* The other's form of a challenge, and none. */
    const char *path =
        kn_arena_printf(talk.arena,
                        "%s&response_type=code&scope=video.publish&redirect_uri=" REDIRECT
                        "&sandbox_consent=allow&code_challenge_method=S256&code_challenge=%s",
                        platforms[TIKTOK].authorize, challenge(&talk, false));
    assert_int_equal(ask(&talk, (struct ask){.path = path}), 302);
    assert_string_equal(parameter(&talk, head_of(&talk, "location"), "error"), "invalid_request");
    path = kn_arena_printf(talk.arena,
                           "%s&response_type=code&scope=tweet.read&redirect_uri=" REDIRECT
                           "&sandbox_consent=allow",
                           platforms[X].authorize);
    assert_int_equal(ask(&talk, (struct ask){.path = path}), 302);
    assert_string_equal(parameter(&talk, head_of(&talk, "location"), "error"), "invalid_request");
    talk_close(&talk);
}

static void test_lives(void **state)
{
    (void)state;
    static const double lives_s[PLATFORMS] = {600, 600, 3600, 30};
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    for (int p = 0; p < PLATFORMS; p++) {
        const char *early = code_of(&talk, p);
        advance(&talk, lives_s[p] - 10);
        const char *late = code_of(&talk, p);
        assert_int_equal(trade(&talk, p, early, VERIFIER), 200);
        advance(&talk, lives_s[p] + 1);
        assert_int_equal(trade(&talk, p, late, VERIFIER), 400);
    }
    talk_close(&talk);
}

static void test_refreshing(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    /* Google: the same for ever, and told at the first consent only. */
    assert_int_equal(trade(&talk, YOUTUBE, code_of(&talk, YOUTUBE), VERIFIER), 200);
    const char *google = kept(&talk, "refresh_token");
    assert_int_equal(refresh(&talk, YOUTUBE, google), 200);
    assert_string_equal(told(&talk, "refresh_token"), "");
    assert_int_equal(refresh(&talk, YOUTUBE, google), 200);
    assert_int_equal(trade(&talk, YOUTUBE, code_of(&talk, YOUTUBE), VERIFIER), 200);
    assert_string_equal(told(&talk, "refresh_token"), "");
    /* X: another each time; an old one ends all of them. */
    assert_int_equal(trade(&talk, X, code_of(&talk, X), VERIFIER), 200);
    const char *first = kept(&talk, "refresh_token");
    assert_int_equal(refresh(&talk, X, first), 200);
    const char *second = kept(&talk, "refresh_token");
    assert_string_not_equal(first, second);
    assert_int_equal(refresh(&talk, X, first), 400);
    assert_string_equal(error_of(&talk), "invalid_request");
    assert_int_equal(refresh(&talk, X, second), 400);
    /* TikTok: another, or by a setting the same. */
    assert_int_equal(trade(&talk, TIKTOK, code_of(&talk, TIKTOK), VERIFIER), 200);
    const char *old = kept(&talk, "refresh_token");
    assert_int_equal(refresh(&talk, TIKTOK, old), 200);
    const char *new = kept(&talk, "refresh_token");
    assert_string_not_equal(old, new);
    set(&talk, "{\"tiktok-rotates\": 0, \"tiktok-oauth-200\": 1}");
    assert_int_equal(refresh(&talk, TIKTOK, new), 200);
    assert_string_equal(told(&talk, "refresh_token"), new);
    assert_int_equal(refresh(&talk, TIKTOK, old), 200);
    assert_string_equal(error_of(&talk), "invalid_grant");
    talk_close(&talk);
}

static void test_instagrams_tokens(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    assert_int_equal(trade(&talk, INSTAGRAM, code_of(&talk, INSTAGRAM), ""), 200);
    const char *path = kn_arena_printf(
        talk.arena,
        "/access_token?grant_type=ig_exchange_token&client_secret=sandbox-secret&access_token=%s",
        told(&talk, "data.0.access_token"));
    assert_int_equal(ask(&talk, (struct ask){.path = path}), 200);
    path = kn_arena_printf(talk.arena,
                           "/refresh_access_token?grant_type=ig_refresh_token&access_token=%s",
                           told(&talk, "access_token"));
    assert_int_equal(ask(&talk, (struct ask){.path = path}), 400); /* too young */
    advance(&talk, 86401);
    assert_int_equal(ask(&talk, (struct ask){.path = path}), 200);
    advance(&talk, 61 * 86400.0);
    assert_int_equal(ask(&talk, (struct ask){.path = path}), 400);
    assert_string_equal(told(&talk, "error.code"), "190");
    assert_string_equal(told(&talk, "error.error_subcode"), "463");
    talk_close(&talk);
}

static void test_strangers(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    assert_int_equal(ask(&talk, (struct ask){.path = "/o/oauth2/v2/auth?client_id=who"}), 401);
    static const char *const redirects[] = {"http%3A%2F%2Fexample.com%2F", "javascript%3Aa",
                                            "http%3A%2F%2F127.0.0.1%2F%23a",
                                            "http%3A%2F%2F127.0.0.1%2F%0d%0aSet-Cookie%3A%20a"};
    for (size_t i = 0; i < KN_COUNT_OF(redirects); i++)
        assert_int_equal(
            ask(&talk, (struct ask){.path = kn_arena_printf(
                                        talk.arena,
                                        "/o/oauth2/v2/auth?client_id=sandbox-client&redirect_uri="
                                        "%s",
                                        redirects[i])}),
            400);
    assert_string_equal(
        parameter(&talk, authorize(&talk, INSTAGRAM, "&sandbox_consent=deny"), "error"),
        "access_denied");
    assert_int_equal(
        ask_form(&talk, "/token", "grant_type=refresh_token&refresh_token=a&client_id=who"), 401);
    assert_string_equal(error_of(&talk), "invalid_client");
    assert_int_equal(ask_form(&talk, "/2/oauth2/token", "grant_type=refresh_token"), 401);
    assert_string_equal(error_of(&talk), "unauthorized_client");
    assert_int_equal(ask_json(&talk, "POST", "/token", NULL, "{}"), 400);
    assert_string_equal(error_of(&talk), "invalid_request");
    talk_close(&talk);
}

/* X takes JSON, and a client in the header. */
static void test_json_and_basic(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    const char *code = code_of(&talk, X);
    const char *body = kn_arena_printf(talk.arena,
                                       "{\"grant_type\":\"authorization_code\",\"code\":\"%s\","
                                       "\"redirect_uri\":\"http://127.0.0.1:9/back\","
                                       "\"code_verifier\":\"" VERIFIER "\"}",
                                       code);
    struct ask asked = {.method = "POST",
                        .path = "/2/oauth2/token",
                        .headers = {"Content-Type: application/json",
                                    "Authorization: Basic "
                                    "c2FuZGJveC1jbGllbnQ6c2FuZGJveC1zZWNyZXQ="},
                        .body = body,
                        .size = strlen(body)};
    assert_int_equal(ask(&talk, asked), 200);
    assert_true(*told(&talk, "refresh_token"));
    asked.headers[1] = "Authorization: Basic c2FuZGJveC1jbGllbnQ6d3Jvbmc=";
    assert_int_equal(ask(&talk, asked), 401);
    talk_close(&talk);
}

static void test_revoking(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    assert_int_equal(trade(&talk, YOUTUBE, code_of(&talk, YOUTUBE), VERIFIER), 200);
    const char *token = kept(&talk, "refresh_token");
    assert_int_equal(ask_form(&talk, "/revoke", kn_arena_printf(talk.arena, "token=%s", token)),
                     200);
    assert_int_equal(refresh(&talk, YOUTUBE, token), 400);
    assert_string_equal(error_of(&talk), "invalid_grant");
    talk_close(&talk);
}

/* What a request says is shown as text. */
static void test_page(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    assert_string_equal(authorize(&talk, YOUTUBE, "&a=%22%3E%3Cscript%3E"), "");
    assert_non_null(strstr(talk.answer.body, "value=\"&quot;&gt;&lt;script&gt;\""));
    assert_null(strstr(talk.answer.body, "<script"));
    assert_non_null(strstr(head_of(&talk, "content-security-policy"), "default-src 'none'"));
    assert_non_null(strstr(talk.answer.body, "value=\"second\""));
    talk_close(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_verifiers),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_refreshing),
        cmocka_unit_test(test_instagrams_tokens),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_json_and_basic),
        cmocka_unit_test(test_revoking),
        cmocka_unit_test(test_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
