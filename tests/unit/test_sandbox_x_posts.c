/* The emulated X: what it refuses of posts, what it shows of them, limits, and accidents. */
#include "support/x_help.h"

#include <time.h>

static void test_expiry_and_owners(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    upload(&stage, "image/png", "tweet_image");
    const char *body =
        kn_arena_printf(stage.talk.arena, "{\"media\":{\"media_ids\":[\"%s\"]}}", stage.id);
    const char *mine = stage.token;
    stage.token = token_for(&stage.talk, "x", "second", NULL);
    expect(&stage, send_json(&stage, "/2/tweets", body), 400, "Your media IDs are invalid.");
    expect(&stage, append(&stage, "0", NULL, "a", 1), 404, NULL);
    expect(&stage, look(&stage, path_of_status(&stage)), 404, NULL);
    stage.token = mine;
    expect(&stage, send_json(&stage, "/2/tweets", body), 201, NULL);
    assert_true(kn_starts_with(told(&stage.talk, "data.text"), "https://t.co/"));
    advance(&stage.talk, 86401);
    stage.token = token_for(&stage.talk, "x", "demo", NULL);
    expect(&stage, send_json(&stage, "/2/tweets", body), 400, "Your media IDs are invalid.");
    expect(&stage, look(&stage, path_of_status(&stage)), 404, NULL);
    expect_posts(&stage, 1);
    talk_close(&stage.talk);
}

static void test_posts(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *words;
    } cases[] = {
        {"{\"text\":\"plain\",\"made_with_ai\":true,\"reply_settings\":\"following\"}", 201, NULL},
        {"{}", 400, "$.text"},
        {"{\"text\":\"\"}", 400, "$.text"},
        {"{\"text\":\"a\",\"privacy\":\"public\"}", 400, "$.privacy"},
        {"{\"text\":7}", 400, "$.text"},
        {"{\"text\":\"a\",\"media\":{\"media_ids\":[]}}", 400, "$.media.media_ids"},
        {"{\"text\":\"a\",\"media\":{\"media_ids\":[1]}}", 400, "$.media.media_ids[0]"},
        {"{\"text\":\"a\",\"media\":{\"media_ids\":[\"x\"]}}", 400, "$.media.media_ids[0]"},
        {"{\"text\":\"a\",\"media\":{\"media_ids\":[\"1\"]}}", 400, "Your media IDs are invalid."},
        {"{\"text\":\"a\",\"media\":{\"media_ids\":[\"1\"],\"alt\":1}}", 400, "$.media.alt"},
        {"{\"text\":\"a\",\"media\":{\"media_ids\":[\"1\"]},\"card_uri\":\"x\"}", 400, "exclude"},
        {"{\"text\":\"a\",\"poll\":{\"options\":[\"a\"],\"duration_minutes\":5}}", 400, "options"},
        {"{\"text\":\"a\",\"poll\":{\"options\":[\"a\",\"b\"],\"duration_minutes\":4}}", 400,
         "duration_minutes"},
        {"{\"text\":\"a\",\"reply_settings\":\"nobody\"}", 400, "$.reply_settings"},
        {"{\"text\":\"a\",\"reply\":{\"in_reply_to_tweet_id\":\"1\"}}", 403, "not permitted"},
        {"{\"text\":\"a\",\"quote_tweet_id\":\"1\"}", 403, "not permitted"},
        {"{\"text\":\"a\",\"nullcast\":true}", 403, "not permitted"},
        {"{\"text\":\"$AB and $CD\"}", 403, "not permitted"},
        {"{\"text\":\"$AB\"}", 201, NULL},
        {"{\"text\":\"a\\uFFFE\"}", 400, "not allowed"},
        {"{\"text\":\"plain\"}", 403,
         "You are not allowed to create a Tweet with duplicate content."},
        {"nonsense", 400, "no JSON object"},
    };
    struct stage stage;
    stage_open(&stage, NULL);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        expect(&stage, send_json(&stage, "/2/tweets", cases[i].body), cases[i].status,
               cases[i].words);
    KN_SCOPED_STR text = {0};
    for (int i = 0; i < 140; i++)
        kn_str_add(&text, "故");
    expect(&stage, post(&stage, kn_str_text(&text)), 201, NULL);
    kn_str_add(&text, "a");
    expect(&stage, post(&stage, kn_str_text(&text)), 403, "not permitted");
    expect_posts(&stage, 3);
    expect_text(&stage.talk, "posts.0.state", "live");
    expect_text(&stage.talk, "posts.0.text.caption", "plain");
    talk_close(&stage.talk);
}

static void test_media_of_posts(void **state)
{
    (void)state;
    struct stage stage;
    const char *ids[5];
    stage_open(&stage, NULL);
    for (int i = 0; i < 4; i++) {
        upload(&stage, "image/png", "tweet_image");
        ids[i] = stage.id;
    }
    upload(&stage, "image/gif", "tweet_gif");
    ids[4] = stage.id;
#define FOUR "{\"text\":\"a\",\"media\":{\"media_ids\":[\"%s\",\"%s\",\"%s\",\"%s\"]}}"
#define TWO  "{\"text\":\"a\",\"media\":{\"media_ids\":[\"%s\",\"%s\"]}}"
    struct kn_arena *arena = stage.talk.arena;
    const char *moving =
        kn_arena_printf(arena, "{\"media\":{\"media_ids\":[\"%s\"]},\"text\":\"b\"}", ids[4]);
    expect(&stage, send_json(&stage, "/2/tweets", moving), 400, "Your media IDs are invalid.");
    advance(&stage.talk, 3);
    expect(&stage, send_json(&stage, "/2/tweets", kn_arena_printf(arena, TWO, ids[0], ids[4])), 400,
           "one GIF, or one video");
    expect(&stage, send_json(&stage, "/2/tweets", kn_arena_printf(arena, TWO, ids[0], ids[0])), 400,
           "Your media IDs are invalid.");
    expect(&stage,
           send_json(&stage, "/2/tweets",
                     kn_arena_printf(arena, FOUR, ids[0], ids[1], ids[2], ids[3])),
           201, NULL);
    expect(&stage, send_json(&stage, "/2/tweets", moving), 201, NULL);
    talk_close(&stage.talk);
}

static void test_duplicates_end(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    expect(&stage, post(&stage, "same"), 201, NULL);
    const char *first = kn_arena_strdup(stage.talk.arena, told(&stage.talk, "data.id"));
    expect(&stage, post(&stage, "same"), 403, "duplicate");
    struct ask gone = {.method = "DELETE", .token = stage.token};
    gone.path = kn_arena_printf(stage.talk.arena, "/2/tweets/%s", first);
    gone.token = token_for(&stage.talk, "x", "second", NULL);
    expect(&stage, ask(&stage.talk, gone), 403, NULL);
    gone.token = stage.token;
    expect(&stage, ask(&stage.talk, gone), 200, NULL);
    expect(&stage, ask(&stage.talk, gone), 404, NULL);
    expect(&stage, post(&stage, "same"), 201, NULL);
    set(&stage.talk, "{\"x-duplicates\": 100}");
    advance(&stage.talk, 101);
    expect(&stage, post(&stage, "same"), 201, NULL);
    expect_posts(&stage, 3);
    expect_text(&stage.talk, "posts.0.state", "deleted");
    talk_close(&stage.talk);
}

static void test_timeline(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    assert_int_equal(look(&stage, "/2/users/me"), 200);
    expect_text(&stage.talk, "data.username", "demo");
    const char *base =
        kn_arena_printf(stage.talk.arena, "/2/users/%s/tweets", told(&stage.talk, "data.id"));
    assert_int_equal(look(&stage, base), 200);
    expect_text(&stage.talk, "meta.result_count", "0");
    static const char *const texts[] = {"one", "two & example.com", "three", "four", "five", "six"};
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++)
        expect(&stage, post(&stage, texts[i]), 201, NULL);
    assert_int_equal(look(&stage, kn_arena_printf(stage.talk.arena, "%s?max_results=5", base)),
                     200);
    expect_text(&stage.talk, "data.0.text", "six");
    expect_text(&stage.talk, "data.0.created_at", "");
    assert_true(kn_starts_with(told(&stage.talk, "data.4.text"), "two &amp; https://t.co/"));
    assert_int_equal(look(&stage, kn_arena_printf(stage.talk.arena,
                                                  "%s?max_results=5&pagination_token=%s"
                                                  "&tweet.fields=created_at,author_id",
                                                  base, told(&stage.talk, "meta.next_token"))),
                     200);
    expect_text(&stage.talk, "data.0.text", "one");
    assert_true(kn_ends_with(told(&stage.talk, "data.0.created_at"), ".000Z"));
    static const char *const wrong[] = {"max_results=4", "max_results=101", "tweet.fields=colour",
                                        "pagination_token=7", "count=5"};
    for (size_t i = 0; i < KN_COUNT_OF(wrong); i++)
        expect(&stage, look(&stage, kn_arena_printf(stage.talk.arena, "%s?%s", base, wrong[i])),
               400, NULL);
    assert_int_equal(look(&stage, "/2/users/12/tweets"), 200);
    expect_text(&stage.talk, "errors.0.title", "Not Found Error");
    talk_close(&stage.talk);
}

static void test_who_may(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    expect(&stage, ask(talk, (struct ask){.path = "/2/users/me"}), 401, "Unauthorized");
    assert_string_equal(head_of(talk, "x-rate-limit-limit"), "75");
    stage.token = "AAAAAAAAAAAAAAAAAAAAAMLheAAAAAAA0";
    expect(&stage, look(&stage, "/2/users/me"), 403, "Application-Only");
    expect_text(talk, "title", "Unsupported Authentication");
    static const struct {
        const char *scopes, *path, *body;
        int status;
    } cases[] = {
        {"tweet.read users.read", "/2/users/me", NULL, 200},
        {"users.read", "/2/users/me", NULL, 403},
        {"tweet.read tweet.write", "/2/tweets", "{\"text\":\"a\"}", 403},
        {"tweet.read tweet.write users.read", "/2/tweets", "{\"text\":\"a\"}", 201},
        {"tweet.read tweet.write users.read", UPLOAD "initialize", "{}", 403},
        {"media.write", UPLOAD "initialize", "{}", 400},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        stage.token = token_for(talk, "x", "demo", cases[i].scopes);
        expect(&stage,
               cases[i].body ? send_json(&stage, cases[i].path, cases[i].body)
                             : look(&stage, cases[i].path),
               cases[i].status, NULL);
    }
    stage.token = token_for(talk, "x", "demo", NULL);
    advance(talk, 7201);
    expect(&stage, look(&stage, "/2/users/me"), 401, NULL);
    talk_close(talk);
}

static void test_limits(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    for (int i = 0; i < 75; i++)
        assert_int_equal(look(&stage, "/2/users/me"), 200);
    assert_string_equal(head_of(talk, "x-rate-limit-remaining"), "0");
    expect(&stage, look(&stage, "/2/users/me"), 429, "Too Many Requests");
    assert_true(strtoll(head_of(talk, "x-rate-limit-reset"), NULL, 10) > 1700000000);
    expect(&stage, post(&stage, "another path"), 201, NULL);
    assert_string_equal(head_of(talk, "x-rate-limit-limit"), "100");
    assert_string_equal(head_of(talk, "x-rate-limit-remaining"), "99");
    assert_string_equal(head_of(talk, "x-app-limit-24hour-limit"), "10000");
    advance(talk, 901);
    assert_int_equal(look(&stage, "/2/users/me"), 200);
    assert_string_equal(head_of(talk, "x-rate-limit-remaining"), "74");
    set(talk, "{\"x-credits\": 0.3}"); /* 0.015 is spent */
    expect(&stage, post(&stage, "see example.com"), 201, NULL);
    expect(&stage, post(&stage, "see example.org"), 402, "does not have any credits");
    expect_text(talk, "title", "CreditsDepleted");
    expect(&stage, post(&stage, "no address"), 201, NULL);
    talk_close(talk);
}

static void test_accidents(void **state)
{
    (void)state;
    static const char *const faults[] = {
        "500-late,path=x-post,first=1", "lost,path=x-post,after=2,first=1",
        "partial,path=x-append,first=1,bytes=3", "429,path=x-status,first=1,retry-after=7"};
    struct stage stage;
    stage_open(&stage, (const char *const[]){faults[0], faults[1], faults[2], faults[3], NULL});
    expect(&stage, post(&stage, "late"), 500, NULL);
    expect(&stage, post(&stage, "late"), 403, "duplicate");
    assert_int_equal(ask(&stage.talk, (struct ask){.method = "POST",
                                                   .path = "/2/tweets",
                                                   .token = stage.token,
                                                   .headers = {"Content-Type: application/json",
                                                               "Connection: close"},
                                                   .body = "{\"text\":\"lost\"}",
                                                   .size = 15}),
                     -KN_IO);
    expect_posts(&stage, 2);
    initialize(&stage, "image/png", "tweet_image", sizeof gif);
    assert_int_equal(append(&stage, "0", NULL, gif, sizeof gif), 200);
    expect(&stage, finalize(&stage), 400, "Segments do not add up");
    assert_int_equal(append(&stage, "0", NULL, gif, sizeof gif), 200);
    assert_int_equal(finalize(&stage), 200);
    expect(&stage, look(&stage, "/2/users/me"), 429, NULL);
    int64_t wait_s = strtoll(head_of(&stage.talk, "x-rate-limit-reset"), NULL, 10) - time(NULL);
    assert_in_range(wait_s, 1, 8);
    assert_string_equal(head_of(&stage.talk, "x-rate-limit-remaining"), "0");
    talk_close(&stage.talk);
}

/* It says when to return in headers of its own, or not at all. */
static void test_refusals_on_request(void **state)
{
    (void)state;
    static const char *const faults[] = {"quota,path=x-status,first=1",
                                         "429-bare,path=x-status,after=1,first=1",
                                         "429,path=x-status,after=2,first=1", NULL};
    struct stage stage;
    stage_open(&stage, faults);
    expect(&stage, look(&stage, "/2/users/me"), 402, "does not have any credits");
    assert_string_equal(head_of(&stage.talk, "x-rate-limit-remaining"), "75");
    expect(&stage, look(&stage, "/2/users/me"), 429, NULL);
    assert_string_equal(head_of(&stage.talk, "x-rate-limit-reset"), "");
    expect(&stage, look(&stage, "/2/users/me"), 429, NULL);
    assert_string_not_equal(head_of(&stage.talk, "x-rate-limit-reset"), "");
    assert_string_equal(head_of(&stage.talk, "retry-after"), "");
    assert_int_equal(look(&stage, "/2/users/me"), 200);
    talk_close(&stage.talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expiry_and_owners),
        cmocka_unit_test(test_posts),
        cmocka_unit_test(test_media_of_posts),
        cmocka_unit_test(test_duplicates_end),
        cmocka_unit_test(test_timeline),
        cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_accidents),
        cmocka_unit_test(test_refusals_on_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
