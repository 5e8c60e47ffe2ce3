/* The four dialects against a scripted server: what is sent, what is taken, what is said. */
#include "run_help.h"

#include "base/clock.h"
#include "net/http.h"
#include "platform/oauth.h"
#include "support/token_server.h"

struct scene {
    struct token_server server;
    struct kn_http *http;
    struct kn_arena *arena;
    struct kn_error err;
};

static int scene_make(void **state)
{
    struct scene *scene = kn_calloc(1, sizeof *scene);
    token_server_open(&scene->server);
    assert_int_equal(kn_http_open(&(struct kn_http_options){0}, &scene->http, NULL), KN_OK);
    scene->arena = kn_arena_new();
    *state = scene;
    return 0;
}

static int scene_drop(void **state)
{
    struct scene *scene = *state;
    kn_http_close(scene->http);
    token_server_close(&scene->server);
    kn_arena_free(scene->arena);
    free(scene);
    return 0;
}

static void assert_has(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("“%s” has no “%s”", text ? text : "(nothing)", part);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("“%s” has “%s”", text, part);
}

static const char *const redirect = "http://127.0.0.1:8765/callback";

static struct kn_oauth_round begin(struct scene *scene, const struct kn_oauth *oauth)
{
    const struct kn_oauth_client client = {"an id", "a secret!", scene->server.url};
    return kn_oauth_begin(oauth, &client, redirect, scene->arena);
}

static enum kn_status redeem(struct scene *scene, const struct kn_oauth_round *round,
                             struct kn_tokens *ret)
{
    scene->err = (struct kn_error){0};
    return kn_oauth_redeem(round, scene->http, "co/de", NULL, scene->arena, ret, &scene->err);
}

#define SCRIPT(scene, ...)                                                                         \
    token_server_script(                                                                           \
        &(scene)->server, (const struct token_answer[]){__VA_ARGS__},                              \
        (int)(sizeof((const struct token_answer[]){__VA_ARGS__}) / sizeof(struct token_answer)))

/* ---- asking for consent ---- */

/* RFC 7636, appendix B; the second is what `printf VERIFIER | sha256sum` says. */
static void challenges_are_digests(void **state)
{
    struct scene *scene = *state;
    const char *verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_string_equal(kn_oauth_challenge(KN_PKCE_S256, verifier, scene->arena),
                        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    assert_string_equal(kn_oauth_challenge(KN_PKCE_S256_HEX, verifier, scene->arena),
                        "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3");
    assert_null(kn_oauth_challenge(KN_PKCE_NONE, verifier, scene->arena));
}

static void addresses_are_as_each_platform_has_them(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const struct kn_oauth *oauth;
        const char *start, *has[4], *lacks;
    } cases[] = {
        {&kn_oauth_youtube,
         "https://accounts.google.com/o/oauth2/v2/auth?response_type=code&client_id=an%20id&",
         {"access_type=offline", "prompt=consent", "code_challenge_method=S256",
          "youtube.upload%20https"},
         "client_key"},
        {&kn_oauth_tiktok,
         "https://www.tiktok.com/v2/auth/authorize/?response_type=code&client_key=an%20id&",
         {"scope=user.info.basic%2Cvideo.publish", "code_challenge="},
         "client_id"},
        {&kn_oauth_instagram,
         "https://www.instagram.com/oauth/authorize?response_type=code&client_id=an%20id&",
         {"scope=instagram_business_basic%2Cinstagram_business_content_publish"},
         "code_challenge"},
        {&kn_oauth_x,
         "https://x.com/i/oauth2/authorize?response_type=code&client_id=an%20id&",
         {"media.write%20offline.access", "code_challenge_method=S256"},
         "client_key"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const struct kn_oauth_client client = {"an id", "a secret!", NULL};
        struct kn_oauth_round round =
            kn_oauth_begin(cases[i].oauth, &client, redirect, scene->arena);
        assert_int_equal(strncmp(round.url, cases[i].start, strlen(cases[i].start)), 0);
        for (int j = 0; j < 4 && cases[i].has[j]; j++)
            assert_has(round.url, cases[i].has[j]);
        assert_has(round.url, "redirect_uri=http%3A%2F%2F127.0.0.1%3A8765%2Fcallback");
        assert_has(round.url, round.state);
        assert_lacks(round.url, cases[i].lacks);
        assert_lacks(round.url, "secret");
        assert_true(!round.verifier || strlen(round.verifier) >= 43);
        assert_true(!round.verifier || !strstr(round.url, round.verifier));
        struct kn_oauth_round other =
            kn_oauth_begin(cases[i].oauth, &client, redirect, scene->arena);
        assert_string_not_equal(other.state, round.state);
    }
}

static void redirects_are_read(void **state)
{
    struct scene *scene = *state;
    struct kn_oauth_round round = begin(scene, &kn_oauth_youtube);
    round.state = "the-state";
    char long_code[4000];
    memset(long_code, 'c', sizeof long_code - 1);
    long_code[sizeof long_code - 1] = '\0';
    const struct {
        const char *text, *code;
        enum kn_status status;
        const char *says;
    } cases[] = {
        {"http://127.0.0.1:8765/callback?state=the-state&code=4%2F0AX", "4/0AX", KN_OK, NULL},
        {"  ?code=abc&state=the-state&scope=x\r\n", "abc", KN_OK, NULL},
        {"code=AQB%2Ax%21&state=the-state#_", "AQB*x!", KN_OK, NULL},
        {"4/0AX", "4/0AX", KN_OK, NULL},
        {"4%2F0AX\n", "4/0AX", KN_OK, NULL},
        {"AQBx#_", "AQBx", KN_OK, NULL},
        {"?code=abc&state=another", NULL, KN_DENIED, "another request"},
        {"?code=abc", NULL, KN_DENIED, "another request"},
        {"?code=abc&state=", NULL, KN_DENIED, "another request"},
        {"?code=abc&code=def&state=the-state", NULL, KN_INVALID, "no code"},
        {"?code=a%0Ab&state=the-state", NULL, KN_INVALID, "no code"},
        {"?code=a%zzb&state=the-state", NULL, KN_INVALID, "no code"},
        {"?code=&state=the-state", NULL, KN_INVALID, "no code"},
        {"?state=the-state", NULL, KN_INVALID, "no code"},
        {"http://127.0.0.1:8765/callback", NULL, KN_INVALID, "whole address"},
        {"a b", NULL, KN_INVALID, "no code"},
        {"", NULL, KN_INVALID, "no code"},
        {long_code, NULL, KN_INVALID, "no code"},
        {"?error=access_denied&state=the-state", NULL, KN_DENIED, "consent was not given"},
        {"?error=access_denied&error_reason=user_denied", NULL, KN_DENIED, "not given"},
        {"?error=access_denied&state=another", NULL, KN_DENIED, "another request"},
        {"?error=redirect_uri_mismatch&state=the-state", NULL, KN_DENIED,
         "register exactly http://127.0.0.1:8765/callback"},
        {"?error=invalid_scope&state=the-state", NULL, KN_DENIED, "add these scopes"},
        {"?error=temporarily_unavailable&state=the-state", NULL, KN_REMOTE, "not give tokens now"},
        {"?error=e%E2%80%AEvil&error_description=<b>&state=the-state", NULL, KN_DENIED, "e?vil"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_error err = {0};
        const char *code = NULL;
        enum kn_status status =
            kn_oauth_read_redirect(&round, cases[i].text, scene->arena, &code, &err);
        if (status != cases[i].status)
            fail_msg("“%s”: %s (%s)", cases[i].text, kn_status_name(status), err.text);
        if (status == KN_OK)
            assert_string_equal(code, cases[i].code);
        else
            assert_has(err.text, cases[i].says);
    }
}

/* ---- codes for tokens ---- */

static void assert_soon(int64_t at_us, int64_t seconds)
{
    int64_t off_us = kn_wall_us() + seconds * KN_US_PER_S - at_us;
    assert_in_range(off_us + 120 * KN_US_PER_S, 0, 240 * KN_US_PER_S);
}

static void youtube_takes_a_form_with_the_secret(void **state)
{
    struct scene *scene = *state;
    struct kn_oauth_round round = begin(scene, &kn_oauth_youtube);
    struct kn_tokens tokens;
    SCRIPT(scene,
           {.body = "{\"access_token\":\"ya29.a0\",\"expires_in\":3599,\"refresh_token\":\"1//0g\","
                    "\"scope\":\"https://www.googleapis.com/auth/youtube.force-ssl "
                    "https://www.googleapis.com/auth/youtube.upload\",\"token_type\":\"Bearer\"}"});
    assert_int_equal(redeem(scene, &round, &tokens), KN_OK);
    const struct token_request *r = token_server_request(&scene->server, 0);
    assert_string_equal(r->method, "POST");
    assert_string_equal(r->path, "/token");
    assert_has(r->body, "grant_type=authorization_code");
    assert_has(r->body, "code=co%2Fde");
    assert_has(r->body, "client_id=an%20id&client_secret=a%20secret%21");
    assert_has(r->body, round.verifier);
    assert_null(r->authorization);
    assert_string_equal(tokens.access, "ya29.a0");
    assert_string_equal(tokens.refresh, "1//0g");
    assert_soon(tokens.expires_us, 3599);
    assert_true(tokens.refresh_expires_us == INT64_MAX);
}

static void tiktok_calls_it_a_client_key(void **state)
{
    struct scene *scene = *state;
    struct kn_oauth_round round = begin(scene, &kn_oauth_tiktok);
    struct kn_tokens tokens;
    SCRIPT(scene, {.body = "{\"access_token\":\"act.e!4829.u1\",\"expires_in\":86400,\"open_id\":"
                           "\"afd97af1\",\"refresh_expires_in\":31536000,\"refresh_token\":"
                           "\"rft.e\",\"scope\":\"user.info.basic,video.publish\","
                           "\"token_type\":\"Bearer\"}"});
    assert_int_equal(redeem(scene, &round, &tokens), KN_OK);
    const struct token_request *r = token_server_request(&scene->server, 0);
    assert_string_equal(r->path, "/v2/oauth/token/");
    assert_has(r->body, "client_key=an%20id");
    assert_lacks(r->body, "client_id");
    assert_string_equal(tokens.user_id, "afd97af1");
    assert_soon(tokens.refresh_expires_us, 31536000);
}

/* Both shapes of the first answer; the short token never becomes an account's. */
static void instagram_exchanges_the_short_token(void **state)
{
    struct scene *scene = *state;
    static const char *const shapes[] = {
        "{\"data\":[{\"access_token\":\"SHORT\",\"user_id\":\"1020\",\"permissions\":"
        "\"instagram_business_basic,instagram_business_content_publish\"}]}",
        "{\"access_token\":\"SHORT\",\"user_id\":17841405822304914,\"permissions\":"
        "\"instagram_business_basic,instagram_business_content_publish\"}",
    };
    static const char *const ids[] = {"1020", "17841405822304914"};
    for (int i = 0; i < 2; i++) {
        struct kn_oauth_round round = begin(scene, &kn_oauth_instagram);
        struct kn_tokens tokens;
        SCRIPT(scene, {.body = shapes[i]},
               {.body = "{\"access_token\":\"LONG\",\"token_type\":\"bearer\",\"expires_in\":"
                        "5183944}"});
        assert_int_equal(redeem(scene, &round, &tokens), KN_OK);
        assert_has(token_server_request(&scene->server, 0)->path, "/oauth/access_token");
        assert_lacks(token_server_request(&scene->server, 0)->body, "verifier");
        const struct token_request *r = token_server_request(&scene->server, 1);
        assert_string_equal(r->method, "GET");
        assert_string_equal(r->path, "/access_token");
        assert_string_equal(r->query, "grant_type=ig_exchange_token&client_secret=a%20secret%21&"
                                      "access_token=SHORT");
        assert_string_equal(tokens.access, "LONG");
        assert_string_equal(tokens.user_id, ids[i]);
        assert_null(tokens.refresh);
        assert_soon(tokens.expires_us, 5183944);
    }
}

/* By Facebook's login: code, long token, and then the token of the page, which has no end. */
static void instagram_posts_with_the_token_of_a_page(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *pages;
        enum kn_status status;
        const char *says;
    } cases[] = {
        {"{\"data\":[{\"id\":\"1\",\"name\":\"Other\",\"access_token\":\"NO\"},{\"id\":\"2\","
         "\"name\":\"Ann\",\"access_token\":\"PAGE\",\"instagram_business_account\":{\"id\":"
         "\"17841405822304914\"}}]}",
         KN_OK, NULL},
        {"{\"data\":[]}", KN_DENIED, "has a professional Instagram account"},
        {"[]", KN_DENIED, "has a professional Instagram account"},
        {"{\"data\":[{\"access_token\":\"a\",\"instagram_business_account\":{\"id\":\"1\"}},"
         "{\"access_token\":\"b\",\"instagram_business_account\":{\"id\":\"2\"}}]}",
         KN_DENIED, "choose one page"},
        {"{\"data\":[{\"instagram_business_account\":{\"id\":\"1\"}}]}", KN_REMOTE,
         "no token of the page"},
        {"{\"error\":{\"message\":\"Invalid OAuth access token.\",\"type\":\"OAuthException\","
         "\"code\":190}}",
         KN_DENIED, "OAuthException: Invalid OAuth access token."},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_oauth_round round = begin(scene, &kn_oauth_instagram_page);
        struct kn_tokens tokens;
        assert_has(round.url, "/v25.0/dialog/oauth?response_type=code&client_id=");
        SCRIPT(scene,
               {.body = "{\"access_token\":\"SHORT\",\"token_type\":\"bearer\","
                        "\"expires_in\":5000}"},
               {.body = "{\"access_token\":\"LONG\",\"token_type\":\"bearer\"}"},
               {.body = cases[i].pages});
        enum kn_status status = redeem(scene, &round, &tokens);
        if (status != cases[i].status)
            fail_msg("%s: %s (%s)", cases[i].pages, kn_status_name(status), scene->err.text);
        const struct token_request *r = token_server_request(&scene->server, 0);
        assert_string_equal(r->method, "GET");
        assert_has(r->query, "code=co%2Fde&redirect_uri=http");
        assert_lacks(r->query, "grant_type");
        r = token_server_request(&scene->server, 1);
        assert_string_equal(r->path, "/v25.0/oauth/access_token");
        assert_string_equal(r->query,
                            "grant_type=fb_exchange_token&client_id=an%20id&client_secret="
                            "a%20secret%21&fb_exchange_token=SHORT");
        r = token_server_request(&scene->server, 2);
        assert_string_equal(r->path, "/v25.0/me/accounts");
        assert_string_equal(r->authorization, "Bearer LONG");
        if (status != KN_OK) {
            assert_has(scene->err.text, cases[i].says);
            continue;
        }
        assert_string_equal(tokens.access, "PAGE");
        assert_string_equal(tokens.user_id, "17841405822304914");
        assert_true(tokens.expires_us == INT64_MAX);
    }
}

static void x_lets_in_by_header_or_without_a_secret(void **state)
{
    struct scene *scene = *state;
    struct kn_tokens tokens;
    static const char answer[] = "{\"token_type\":\"bearer\",\"expires_in\":7200,\"access_token\":"
                                 "\"A\",\"refresh_token\":\"R\",\"scope\":\"media.write\"}";
    struct kn_oauth_round round = begin(scene, &kn_oauth_x);
    SCRIPT(scene, {.body = answer});
    assert_int_equal(redeem(scene, &round, &tokens), KN_OK);
    const struct token_request *r = token_server_request(&scene->server, 0);
    /* base64 of "an%20id:a%20secret%21" */
    assert_string_equal(r->authorization, "Basic YW4lMjBpZDphJTIwc2VjcmV0JTIx");
    assert_lacks(r->body, "client_");
    round.client.secret = NULL;
    SCRIPT(scene, {.body = answer});
    assert_int_equal(redeem(scene, &round, &tokens), KN_OK);
    assert_null(token_server_request(&scene->server, 0)->authorization);
    assert_has(token_server_request(&scene->server, 0)->body, "client_id=an%20id");
}

/* ---- refusals ---- */

static void refusals_say_what_to_do(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const struct kn_oauth *oauth;
        int http;
        const char *body;
        enum kn_status status;
        const char *says;
    } cases[] = {
        {&kn_oauth_youtube, 400,
         "{\"error\":\"invalid_grant\",\"error_description\":\"Malformed auth code.\"}", KN_DENIED,
         "YouTube does not take the code (invalid_grant: Malformed auth code.)"},
        {&kn_oauth_youtube, 401,
         "{\"error\":\"invalid_client\",\"error_description\":\"Unauthorized\"}", KN_DENIED,
         "compare KIRINUKI_YOUTUBE_CLIENT_ID and KIRINUKI_YOUTUBE_CLIENT_SECRET"},
        {&kn_oauth_youtube, 400, "{\"error\":\"redirect_uri_mismatch\"}", KN_DENIED,
         "register exactly http://127.0.0.1:8765/callback"},
        {&kn_oauth_youtube, 503, "<html>", KN_REMOTE, "does not give tokens now"},
        {&kn_oauth_youtube, 429, "", KN_REMOTE, "HTTP 429"},
        {&kn_oauth_tiktok, 200,
         "{\"error\":\"invalid_grant\",\"error_description\":\"Authorization code is expired.\","
         "\"log_id\":\"2022\"}",
         KN_DENIED, "TikTok does not take the code"},
        {&kn_oauth_tiktok, 200,
         "{\"error\":\"invalid_request\",\"error_description\":\"Client_key is wrong\"}", KN_DENIED,
         "KIRINUKI_TIKTOK_CLIENT_ID"},
        {&kn_oauth_tiktok, 200,
         "{\"data\":{},\"error\":{\"code\":\"scope_not_authorized\",\"message\":\"no\"}}",
         KN_DENIED, "add these scopes"},
        {&kn_oauth_instagram, 400,
         "{\"error_type\":\"OAuthException\",\"code\":400,\"error_message\":\"Matching code was "
         "not "
         "found or was already used\"}",
         KN_DENIED, "Instagram does not take the code (OAuthException: Matching code"},
        {&kn_oauth_instagram, 400,
         "{\"error_type\":\"OAuthException\",\"code\":400,\"error_message\":\"Invalid redirect_uri"
         "\"}",
         KN_DENIED, "register exactly"},
        {&kn_oauth_x, 400,
         "{\"error\":\"invalid_request\",\"error_description\":\"Value passed for the code "
         "verifier "
         "did not match the code challenge.\"}",
         KN_DENIED, "X does not take the code"},
        {&kn_oauth_x, 401,
         "{\"error\":\"unauthorized_client\",\"error_description\":\"Missing valid authorization "
         "header\"}",
         KN_DENIED, "KIRINUKI_X_CLIENT_SECRET"},
        {&kn_oauth_x, 403, "{\"title\":\"Forbidden\",\"detail\":\"client\\u001b[31m forbidden\"}",
         KN_DENIED, "Forbidden: client?[31m forbidden"},
        /* Less than was asked for. */
        {&kn_oauth_tiktok, 200,
         "{\"access_token\":\"a\",\"refresh_token\":\"r\",\"scope\":\"user.info.basic\"}",
         KN_DENIED, "video.publish is missing"},
        {&kn_oauth_youtube, 200, "{\"access_token\":\"a\",\"expires_in\":3599}", KN_DENIED,
         "can't be renewed"},
        /* What can't be used. */
        {&kn_oauth_x, 200, "", KN_REMOTE, "without a token"},
        {&kn_oauth_x, 200, "[1]", KN_REMOTE, "without a token"},
        {&kn_oauth_x, 200, "{\"access_token\":12}", KN_REMOTE, "without a token"},
        {&kn_oauth_x, 200, "{\"access_token\":\"a\\r\\nHost: b\"}", KN_REMOTE, "without a token"},
        {&kn_oauth_x, 200, "{\"access_token\":\"\"}", KN_REMOTE, "without a token"},
        {&kn_oauth_x, 200, "{\"access_token\":\"a\",\"token_type\":\"mac\"}", KN_REMOTE,
         "without a token"},
        {&kn_oauth_x, 200, "{\"access_token\":\"a\",\"refresh_token\":\"b c\"}", KN_REMOTE,
         "refresh token"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_oauth_round round = begin(scene, cases[i].oauth);
        struct kn_tokens tokens;
        SCRIPT(scene, {.status = cases[i].http, .body = cases[i].body});
        enum kn_status status = redeem(scene, &round, &tokens);
        if (status != cases[i].status)
            fail_msg("%s: %s (%s)", cases[i].body, kn_status_name(status), scene->err.text);
        assert_has(scene->err.text, cases[i].says);
        assert_lacks(scene->err.text, "a secret");
    }
}

static void answers_have_limits(void **state)
{
    struct scene *scene = *state;
    struct kn_oauth_round round = begin(scene, &kn_oauth_x);
    struct kn_tokens tokens;
    enum { HUGE_BYTES = 200000 };
    char *huge = kn_arena_alloc(scene->arena, HUGE_BYTES);
    memset(huge, ' ', HUGE_BYTES - 1);
    SCRIPT(scene, {.body = huge});
    assert_int_equal(redeem(scene, &round, &tokens), KN_LIMIT);
}

static void times_that_make_no_sense_are_the_usual_ones(void **state)
{
    struct scene *scene = *state;
    struct kn_oauth_round round = begin(scene, &kn_oauth_x);
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {{"60", 60}, {"\"60\"", 60}, {"-5", 7200}, {"1e300", 7200}, {"null", 7200}};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_tokens tokens;
        SCRIPT(scene, {.body = kn_arena_printf(scene->arena,
                                               "{\"access_token\":\"a\",\"refresh_token\":\"r\","
                                               "\"expires_in\":%s}",
                                               cases[i].text)});
        assert_int_equal(redeem(scene, &round, &tokens), KN_OK);
        assert_soon(tokens.expires_us, cases[i].seconds);
    }
}

/* ---- renewal and its end ---- */

static enum kn_status renew(struct scene *scene, const struct kn_oauth *oauth,
                            const struct kn_tokens *tokens, struct kn_tokens *ret, bool *sent)
{
    const struct kn_oauth_client client = {"id", "secret", scene->server.url};
    scene->err = (struct kn_error){0};
    return kn_oauth_renew(oauth, &client, tokens, scene->http, NULL, scene->arena, ret, sent,
                          &scene->err);
}

static const struct kn_tokens old = {
    .access = "OLD", .refresh = "OLD-R", .expires_us = INT64_MAX, .refresh_expires_us = INT64_MAX};

static const struct kn_tokens page = {
    .access = "OLD", .expires_us = INT64_MAX, .refresh_expires_us = INT64_MAX};

static void renewal_keeps_what_the_answer_leaves_out(void **state)
{
    struct scene *scene = *state;
    struct kn_tokens tokens;
    bool sent = true;
    SCRIPT(scene, {.body = "{\"access_token\":\"NEW\",\"expires_in\":3599}"});
    assert_int_equal(renew(scene, &kn_oauth_youtube, &old, &tokens, &sent), KN_OK);
    assert_string_equal(tokens.access, "NEW");
    assert_string_equal(tokens.refresh, "OLD-R");
    assert_has(token_server_request(&scene->server, 0)->body,
               "grant_type=refresh_token&refresh_token=OLD-R&client_id=id&client_secret=secret");
    SCRIPT(scene, {.body = "{\"access_token\":\"NEW\",\"refresh_token\":\"NEW-R\",\"expires_in\":"
                           "86400,\"refresh_expires_in\":100}"});
    assert_int_equal(renew(scene, &kn_oauth_tiktok, &old, &tokens, &sent), KN_OK);
    assert_string_equal(tokens.refresh, "NEW-R");
    assert_soon(tokens.refresh_expires_us, 100);
}

static void instagram_renews_the_token_itself(void **state)
{
    struct scene *scene = *state;
    struct kn_tokens tokens;
    bool sent;
    SCRIPT(scene, {.body = "{\"access_token\":\"NEW\",\"expires_in\":5183944}"});
    assert_int_equal(renew(scene, &kn_oauth_instagram, &old, &tokens, &sent), KN_OK);
    assert_string_equal(token_server_request(&scene->server, 0)->path, "/refresh_access_token");
    assert_string_equal(token_server_request(&scene->server, 0)->query,
                        "grant_type=ig_refresh_token&access_token=OLD");
}

static void refused_renewals_ask_for_a_new_connection(void **state)
{
    struct scene *scene = *state;
    struct kn_tokens tokens;
    bool sent = true;
    SCRIPT(scene, {.status = 400,
                   .body = "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been "
                           "expired or revoked.\"}"});
    assert_int_equal(renew(scene, &kn_oauth_youtube, &old, &tokens, &sent), KN_DENIED);
    assert_has(scene->err.text, "has ended this connection (invalid_grant: Token has been expired "
                                "or revoked.): connect again with `kirinuki auth youtube`");
    assert_false(sent);
    /* What is never renewed has to be connected again. */
    assert_int_equal(renew(scene, &kn_oauth_instagram_page, &page, &tokens, &sent), KN_DENIED);
    assert_has(scene->err.text, "`kirinuki auth instagram`");
    /* Nobody is asked about what is known. */
    struct kn_tokens dead = old;
    dead.refresh_expires_us = kn_wall_us() - 1;
    SCRIPT(scene, {.body = "{}"});
    assert_int_equal(renew(scene, &kn_oauth_tiktok, &dead, &tokens, &sent), KN_DENIED);
    assert_has(scene->err.text, "has run out");
    assert_int_equal(token_server_asked(&scene->server), 0);
}

static void lost_answers_are_told(void **state)
{
    struct scene *scene = *state;
    struct kn_tokens tokens;
    bool sent = false;
    SCRIPT(scene, {.fault = KN_REPLY_NOTHING});
    assert_int_equal(renew(scene, &kn_oauth_x, &old, &tokens, &sent), KN_IO);
    assert_true(sent);
    assert_has(scene->err.text, "which X grants once");
    SCRIPT(scene, {.status = 502, .body = "<html>"});
    assert_int_equal(renew(scene, &kn_oauth_x, &old, &tokens, &sent), KN_REMOTE);
    assert_true(sent);
    SCRIPT(scene, {.status = 503, .body = "<html>"});
    assert_int_equal(renew(scene, &kn_oauth_x, &old, &tokens, &sent), KN_REMOTE);
    assert_false(sent);
}

static void connections_are_given_back(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const struct kn_oauth *oauth;
        const char *path, *body;
    } cases[] = {
        {&kn_oauth_youtube, "/revoke", "token=OLD-R"},
        {&kn_oauth_tiktok, "/v2/oauth/revoke/", "token=OLD&client_key=id&client_secret=secret"},
        {&kn_oauth_x, "/2/oauth2/revoke", "token=OLD-R&token_type_hint=refresh_token"},
    };
    const struct kn_oauth_client client = {"id", "secret", scene->server.url};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        SCRIPT(scene, {.body = ""}, {.status = 400, .body = "{\"error\":\"invalid_token\"}"},
               {.status = 400, .body = "{\"error\":\"invalid_request\"}"});
        for (int j = 0; j < 3; j++)
            assert_int_equal(
                kn_oauth_revoke(cases[i].oauth, &client, &old, scene->http, NULL, &scene->err),
                j < 2 ? KN_OK : KN_DENIED);
        assert_string_equal(token_server_request(&scene->server, 0)->path, cases[i].path);
        assert_string_equal(token_server_request(&scene->server, 0)->body, cases[i].body);
        assert_has(scene->err.text, "take kirinuki off the list");
    }
    assert_int_equal(
        kn_oauth_revoke(&kn_oauth_instagram, &client, &old, scene->http, NULL, &scene->err),
        KN_UNSUPPORTED);
}

static void platforms_say_whose_token_it_is(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const struct kn_oauth *oauth;
        int http;
        const char *body, *id, *name;
        enum kn_status status;
    } cases[] = {
        {&kn_oauth_youtube, 200,
         "{\"items\":[{\"id\":\"UC123\",\"snippet\":{\"title\":\"Ann’s talks\"}}]}", "UC123",
         "Ann’s talks", KN_OK},
        {&kn_oauth_youtube, 200, "{\"items\":[]}", NULL, NULL, KN_DENIED},
        {&kn_oauth_youtube, 200, "{\"kind\":\"youtube#channelListResponse\"}", NULL, NULL,
         KN_DENIED},
        {&kn_oauth_tiktok, 200,
         "{\"data\":{\"user\":{\"open_id\":\"o1\",\"display_name\":\"ann\"}},\"error\":{\"code\":"
         "\"ok\",\"message\":\"\"}}",
         "o1", "ann", KN_OK},
        {&kn_oauth_tiktok, 200,
         "{\"data\":{},\"error\":{\"code\":\"access_token_invalid\",\"message\":\"bad\"}}", NULL,
         NULL, KN_DENIED},
        {&kn_oauth_instagram, 200, "{\"user_id\":\"178\",\"username\":\"ann\"}", "178", "ann",
         KN_OK},
        {&kn_oauth_instagram, 200, "{\"data\":[{\"user_id\":178,\"username\":\"ann\"}]}", "178",
         "ann", KN_OK},
        {&kn_oauth_instagram_page, 200,
         "{\"name\":\"Ann\",\"instagram_business_account\":{\"id\":\"178\"},\"id\":\"2\"}", "178",
         "Ann", KN_OK},
        {&kn_oauth_x, 200, "{\"data\":{\"id\":\"22\",\"username\":\"ann\"}}", "22", "ann", KN_OK},
        {&kn_oauth_x, 200, "{\"data\":{\"id\":\"22\",\"username\":\"a\\u001bn\"}}", NULL, NULL,
         KN_REMOTE},
        {&kn_oauth_x, 401, "{\"title\":\"Unauthorized\"}", NULL, NULL, KN_DENIED},
        {&kn_oauth_x, 503, "", NULL, NULL, KN_REMOTE},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *id = NULL, *name = NULL;
        struct kn_error err = {0};
        SCRIPT(scene, {.status = cases[i].http, .body = cases[i].body});
        enum kn_status status = cases[i].oauth->identify(scene->http, scene->server.url, "TOKEN",
                                                         NULL, scene->arena, &id, &name, &err);
        if (status != cases[i].status)
            fail_msg("%s: %s (%s)", cases[i].body, kn_status_name(status), err.text);
        assert_string_equal(token_server_request(&scene->server, 0)->authorization, "Bearer TOKEN");
        if (status == KN_OK) {
            assert_string_equal(id, cases[i].id);
            assert_string_equal(name, cases[i].name);
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_make, scene_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(challenges_are_digests),
        CASE(addresses_are_as_each_platform_has_them),
        CASE(redirects_are_read),
        CASE(youtube_takes_a_form_with_the_secret),
        CASE(tiktok_calls_it_a_client_key),
        CASE(instagram_exchanges_the_short_token),
        CASE(instagram_posts_with_the_token_of_a_page),
        CASE(x_lets_in_by_header_or_without_a_secret),
        CASE(refusals_say_what_to_do),
        CASE(answers_have_limits),
        CASE(times_that_make_no_sense_are_the_usual_ones),
        CASE(renewal_keeps_what_the_answer_leaves_out),
        CASE(instagram_renews_the_token_itself),
        CASE(refused_renewals_ask_for_a_new_connection),
        CASE(lost_answers_are_told),
        CASE(connections_are_given_back),
        CASE(platforms_say_whose_token_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
