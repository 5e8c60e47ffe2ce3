/* The emulated X: uploads in segments, what it refuses of posts, limits, and what time does. */
#include "support/platform_help.h"

#include "sandbox/platforms/x.h"

#define UPLOAD "/2/media/upload/"

/* A picture of one pixel: the smallest GIF. */
static const unsigned char gif[] = {'G', 'I', 'F', '8', '9', 'a', 1,   0,   1, 0, 0x80, 0,
                                    0,   0,   0,   0,   255, 255, 255, ',', 0, 0, 0,    0,
                                    1,   0,   1,   0,   0,   2,   2,   'D', 1, 0, ';'};

struct stage {
    struct talk talk;
    const char *token;
    const char *id; /* of the upload that was opened last */
};

static void stage_open(struct stage *stage, const char *const *faults)
{
    struct kn_sandbox_fault rules[4];
    struct kn_sandbox_options options = {.faults = rules};
    for (; faults && faults[options.fault_count]; options.fault_count++)
        assert_int_equal(
            kn_sandbox_fault_parse(faults[options.fault_count], &rules[options.fault_count], NULL),
            KN_OK);
    *stage = (struct stage){0};
    talk_open(&stage->talk, &options);
    stage->token = token_for(&stage->talk, "x", "demo", NULL);
}

static int send_json(struct stage *stage, const char *path, const char *body)
{
    return ask_json(&stage->talk, "POST", path, stage->token, body);
}

static int look(struct stage *stage, const char *path)
{
    return ask(&stage->talk, (struct ask){.path = path, .token = stage->token});
}

/* What the answer says was wrong: its detail, or the first of its errors. */
static const char *said(const struct stage *stage)
{
    const char *message = told(&stage->talk, "errors.0.message");
    return *message ? message : told(&stage->talk, "detail");
}

static void expect(struct stage *stage, int status, int wanted, const char *words)
{
    if (status != wanted || (words && !strstr(said(stage), words)))
        fail_msg("%d “%s”, not %d with “%s”", status, said(stage), wanted, words ? words : "");
    if (status >= 400)
        assert_string_equal(head_of(&stage->talk, "content-type"), "application/problem+json");
}

static const char *path_to(struct stage *stage, const char *what)
{
    return kn_arena_printf(stage->talk.arena, UPLOAD "%s/%s", stage->id, what);
}

static const char *path_of_status(struct stage *stage)
{
    return kn_arena_printf(stage->talk.arena, "/2/media/upload?command=STATUS&media_id=%s",
                           stage->id);
}

static void initialize(struct stage *stage, const char *type, const char *category, size_t bytes)
{
    const char *body = kn_arena_printf(
        stage->talk.arena, "{\"media_type\":\"%s\",\"media_category\":\"%s\",\"total_bytes\":%zu}",
        type, category, bytes);
    assert_int_equal(send_json(stage, UPLOAD "initialize", body), 200);
    stage->id = kn_arena_strdup(stage->talk.arena, told(&stage->talk, "data.id"));
}

/* One segment as multipart; `filename` may be NULL. */
static int append(struct stage *stage, const char *index, const char *filename, const void *data,
                  size_t size)
{
    KN_SCOPED_STR body = {0};
    kn_str_printf(&body,
                  "--b1\r\nContent-Disposition: form-data; name=\"segment_index\"\r\n\r\n%s\r\n"
                  "--b1\r\nContent-Disposition: form-data; name=\"media\"%s%s%s\r\n"
                  "Content-Type: application/octet-stream\r\n\r\n",
                  index, filename ? "; filename=\"" : "", filename ? filename : "",
                  filename ? "\"" : "");
    kn_str_add_bytes(&body, data, size);
    kn_str_add(&body, "\r\n--b1--\r\n");
    return ask(
        &stage->talk,
        (struct ask){.method = "POST",
                     .path = path_to(stage, "append"),
                     .token = stage->token,
                     .headers = {"Content-Type: multipart/form-data; boundary=b1", "Expect: "},
                     .body = body.at,
                     .size = body.length});
}

static int finalize(struct stage *stage)
{
    return ask(
        &stage->talk,
        (struct ask){.method = "POST", .path = path_to(stage, "finalize"), .token = stage->token});
}

static void upload(struct stage *stage, const char *type, const char *category)
{
    initialize(stage, type, category, sizeof gif);
    assert_int_equal(append(stage, "0", NULL, gif, sizeof gif), 200);
    assert_int_equal(finalize(stage), 200);
}

static int post(struct stage *stage, const char *text)
{
    return send_json(stage, "/2/tweets",
                     kn_arena_printf(stage->talk.arena, "{\"text\":\"%s\"}", text));
}

static void expect_posts(struct stage *stage, size_t count)
{
    assert_int_equal(ask(&stage->talk, (struct ask){.path = "/sandbox/posts"}), 200);
    assert_int_equal(json_array_size(json_object_get(stage->talk.json, "posts")), count);
}

static void test_initialize(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *words;
    } cases[] = {
        {"{\"media_type\":\"video/mp4\",\"total_bytes\":1}", 200, NULL},
        {"{\"media_type\":\"video/mp4\",\"total_bytes\":1,\"shared\":true,"
         "\"additional_owners\":[\"12\"]}",
         200, NULL},
        {"{\"media_type\":\"video/mp4\",\"total_bytes\":1,\"name\":\"a\"}", 400, "$.name"},
        {"{\"media_type\":\"video/avi\",\"total_bytes\":1}", 400, "$.media_type"},
        {"{\"media_type\":\"video/mp4\"}", 400, "$.total_bytes"},
        {"{\"total_bytes\":1}", 400, "$.media_type"},
        {"{\"media_type\":\"video/mp4\",\"total_bytes\":\"1\"}", 400, "$.total_bytes"},
        {"{\"media_type\":\"video/mp4\",\"total_bytes\":-1}", 400, "$.total_bytes"},
        {"{\"media_type\":\"video/mp4\",\"total_bytes\":8000000000}", 200, NULL},
        {"{\"media_type\":\"video/mp4\",\"total_bytes\":8000000001}", 400, "at most 8000000000"},
        {"{\"media_type\":\"image/png\",\"total_bytes\":5000001}", 400, "at most 5000000"},
        {"{\"media_type\":\"image/gif\",\"total_bytes\":15000001}", 400, "at most 15000000"},
        {"{\"media_type\":\"text/srt\",\"total_bytes\":1000001}", 400, "at most 1000000"},
        {"{\"media_type\":\"video/mp4\",\"total_bytes\":1,\"media_category\":\"reel\"}", 400,
         "$.media_category"},
        {"{\"media_type\":\"video/mp4\",\"total_bytes\":1,\"media_category\":\"tweet_image\"}", 400,
         "does not go with"},
        {"{\"media_type\":\"model/gltf-binary\",\"total_bytes\":1}", 400, "$.media_category"},
        {"[]", 400, "no JSON object"},
    };
    struct stage stage;
    stage_open(&stage, NULL);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        expect(&stage, send_json(&stage, UPLOAD "initialize", cases[i].body), cases[i].status,
               cases[i].words);
    assert_int_equal(ask_form(&stage.talk, UPLOAD "initialize", "media_type=video/mp4"), 401);
    initialize(&stage, "video/mp4", "tweet_video", 7);
    assert_int_equal(strlen(stage.id), 19);
    expect_text(&stage.talk, "data.expires_after_secs", "86400");
    assert_true(kn_starts_with(told(&stage.talk, "data.media_key"), "7_"));
    talk_close(&stage.talk);
}

static void test_segments(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    initialize(&stage, "image/gif", "tweet_gif", sizeof gif);
    expect(&stage, finalize(&stage), 400, "Segments do not add up to provided total file size.");
    /* In any order, with a filename or without, as JSON; what comes again replaces. */
    assert_int_equal(append(&stage, "2", "name=\\\"media", gif + 20, sizeof gif - 20), 200);
    expect(&stage, finalize(&stage), 400, "Segments do not add up");
    assert_int_equal(append(&stage, "1", NULL, "wrong", 5), 200);
    assert_int_equal(append(&stage, "1", NULL, gif + 9, 11), 200);
    assert_int_equal(send_json(&stage, path_to(&stage, "append"),
                               "{\"segment_index\":0,\"media\":\"R0lGODlhAQAB\"}"),
                     200);
    assert_true(atoll(told(&stage.talk, "data.expires_at")) > 1700000000);
    assert_int_equal(finalize(&stage), 200);
    expect_text(&stage.talk, "data.processing_info.state", "pending");
    char size[16];
    snprintf(size, sizeof size, "%zu", sizeof gif);
    expect_text(&stage.talk, "data.size", size);
    expect(&stage, finalize(&stage), 400, "finalized already");
    expect(&stage, append(&stage, "3", NULL, "more", 4), 400, "finalized already");
    advance(&stage.talk, 3);
    assert_int_equal(look(&stage, path_of_status(&stage)), 200);
    expect_text(&stage.talk, "data.processing_info.state", "succeeded");
    talk_close(&stage.talk);
}

static void test_wrong_segments(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    char *large = calloc(1, 8000001);
    initialize(&stage, "video/mp4", "tweet_video", 16000000);
    expect(&stage, append(&stage, "1000", NULL, "a", 1), 400, "segment_index");
    expect(&stage, append(&stage, "-1", NULL, "a", 1), 400, "segment_index");
    expect(&stage, append(&stage, "one", NULL, "a", 1), 400, "segment_index");
    expect(&stage, append(&stage, "0", NULL, "", 0), 400, "media");
    assert_int_equal(append(&stage, "999", NULL, large, 5000000), 200);
    expect(&stage, append(&stage, "0", NULL, large, 5000001), 400, "at most 5000000 bytes");
    expect(&stage, append(&stage, "0", NULL, large, 8000001), 413, NULL);
    set(&stage.talk, "{\"x-segment\": 8000000}");
    assert_int_equal(append(&stage, "0", NULL, large, 8000000), 200);
    static const struct {
        const char *body, *words;
    } cases[] = {
        {"{\"segment_index\":0}", "$.media"},
        {"{\"segment_index\":0,\"media\":\"*\"}", "base64"},
        {"{\"segment_index\":0,\"media\":\"YQ==\",\"name\":\"a\"}", "$.name"},
        {"{\"media\":\"YQ==\"}", "$.segment_index"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        expect(&stage, send_json(&stage, path_to(&stage, "append"), cases[i].body), 400,
               cases[i].words);
    expect(&stage, ask_form(&stage.talk, path_to(&stage, "append"), "media=1"), 401, NULL);
    stage.id = "1000000000000000000";
    expect(&stage, append(&stage, "0", NULL, "a", 1), 404, "Could not find media");
    free(large);
    talk_close(&stage.talk);
}

static void test_malformed_multipart(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    initialize(&stage, "video/mp4", "tweet_video", 3);
#define PART(name) "--b1\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n1\r\n"
    static const char *const bodies[] = {
        "",
        "--b1",
        "--b1--",
        "--b1\r\n\r\n",
        PART("media"),
        PART("media") "--b1--",
        PART("media") PART("media") "--b1--",
        PART("segment_index") PART("title") "--b1--",
        "no boundary at all",
        PART("segment_index") "--b1\r\nContent-Disp",
    };
    for (size_t i = 0; i < KN_COUNT_OF(bodies); i++)
        expect(&stage,
               ask(&stage.talk, (struct ask){.method = "POST",
                                             .path = path_to(&stage, "append"),
                                             .token = stage.token,
                                             .headers = {"Content-Type: multipart/form-data; "
                                                         "boundary=b1"},
                                             .body = bodies[i],
                                             .size = strlen(bodies[i])}),
               400, NULL);
    talk_close(&stage.talk);
}

static void test_status(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    set(&stage.talk, "{\"processing\": 20}");
    initialize(&stage, "image/gif", "tweet_gif", sizeof gif);
    assert_int_equal(look(&stage, path_of_status(&stage)), 200);
    assert_null(json_object_get(json_object_get(stage.talk.json, "data"), "size"));
    assert_int_equal(append(&stage, "0", NULL, gif, sizeof gif), 200);
    assert_int_equal(finalize(&stage), 200);
    expect_text(&stage.talk, "data.processing_info.check_after_secs", "5");
    assert_int_equal(look(&stage, path_of_status(&stage)), 200); /* at once: too early */
    advance(&stage.talk, 10);
    assert_int_equal(look(&stage, path_of_status(&stage)), 200);
    expect_text(&stage.talk, "data.processing_info.state", "in_progress");
    expect_text(&stage.talk, "data.processing_info.progress_percent", "50");
    advance(&stage.talk, 10.1);
    assert_int_equal(look(&stage, path_of_status(&stage)), 200);
    expect_text(&stage.talk, "data.processing_info.state", "succeeded");
    assert_int_equal(ask(&stage.talk, (struct ask){.path = "/sandbox/ledger"}), 200);
    expect_text(&stage.talk, "counts.warned", "1");
    expect(&stage, look(&stage, "/2/media/upload?media_id=1"), 400, "command=STATUS");
    expect(&stage, look(&stage, "/2/media/upload?command=STATUS"), 400, "media_id");
    expect(&stage, look(&stage, "/2/media/upload?command=STATUS&media_id=1&x=1"), 400, "[x]");
    expect(&stage, look(&stage, "/2/media/upload?command=STATUS&media_id=1"), 404, NULL);
    talk_close(&stage.talk);
}

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

static void test_about_media(void **state)
{
    (void)state;
    static const char track[] = "1\n00:00:00,000 --> 00:00:01,000\nHello\n";
    struct stage stage;
    stage_open(&stage, NULL);
    struct kn_arena *arena = stage.talk.arena;
    upload(&stage, "image/png", "tweet_image");
#define ALT "{\"id\":\"%s\",\"metadata\":{\"alt_text\":{\"text\":\"%s\"}}}"
    expect(&stage,
           send_json(&stage, "/2/media/metadata", kn_arena_printf(arena, ALT, stage.id, "A")), 200,
           NULL);
    expect_text(&stage.talk, "data.associated_metadata.alt_text.text", "A");
    char long_text[1002];
    memset(long_text, 'a', sizeof long_text);
    long_text[1001] = '\0';
    expect(&stage,
           send_json(&stage, "/2/media/metadata", kn_arena_printf(arena, ALT, stage.id, long_text)),
           400, "alt_text");
    initialize(&stage, "text/srt", "subtitles", sizeof track - 1);
    assert_int_equal(append(&stage, "0", "a.srt", track, sizeof track - 1), 200);
    assert_int_equal(finalize(&stage), 200);
    assert_null(json_object_get(json_object_get(stage.talk.json, "data"), "processing_info"));
    const char *captions = stage.id;
    initialize(&stage, "video/mp4", "tweet_video", 9);
    expect(&stage,
           send_json(&stage, "/2/media/metadata", kn_arena_printf(arena, ALT, stage.id, "A")), 400,
           "images and GIFs");
    static const struct {
        const char *category, *language;
        int status;
    } cases[] = {{"TweetVideo", "EN", 200},
                 {"AmplifyVideo", "EN", 400},
                 {"TweetVideo", "en", 400},
                 {"tweet_video", "EN", 400},
                 {"TweetVideo", "ENG", 400}};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        expect(&stage,
               send_json(&stage, "/2/media/subtitles",
                         kn_arena_printf(arena,
                                         "{\"id\":\"%s\",\"media_category\":\"%s\",\"subtitles\":{"
                                         "\"id\":\"%s\",\"display_name\":\"English\","
                                         "\"language_code\":\"%s\"}}",
                                         stage.id, cases[i].category, captions, cases[i].language)),
               cases[i].status, NULL);
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
    assert_true(atoll(head_of(talk, "x-rate-limit-reset")) > 1700000000);
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
    int64_t wait_s = atoll(head_of(&stage.talk, "x-rate-limit-reset")) - time(NULL);
    assert_in_range(wait_s, 1, 8);
    assert_string_equal(head_of(&stage.talk, "x-rate-limit-remaining"), "0");
    talk_close(&stage.talk);
}

static void test_bad_days_of_uploads(void **state)
{
    (void)state;
    static const char *const faults[] = {
        "cut-upload,path=x-append,first=1,bytes=20", "expired,path=x-append,after=2,first=1",
        "processing-fails,path=x-finalize,first=1",
        "processing-slow,path=x-finalize,after=1,seconds=1000", NULL};
    struct stage stage;
    stage_open(&stage, faults);
    initialize(&stage, "image/gif", "tweet_gif", sizeof gif);
    assert_int_equal(append(&stage, "0", NULL, gif, sizeof gif), -KN_IO);
    assert_int_equal(append(&stage, "0", NULL, gif, sizeof gif), 200);
    assert_int_equal(finalize(&stage), 200);
    advance(&stage.talk, 3);
    assert_int_equal(look(&stage, path_of_status(&stage)), 200);
    expect_text(&stage.talk, "data.processing_info.state", "failed");
    expect_text(&stage.talk, "data.processing_info.error.name", "InternalError");
    initialize(&stage, "image/gif", "tweet_gif", sizeof gif);
    expect(&stage, append(&stage, "0", NULL, gif, sizeof gif), 404, NULL);
    upload(&stage, "image/gif", "tweet_gif");
    advance(&stage.talk, 999);
    assert_int_equal(look(&stage, path_of_status(&stage)), 200);
    expect_text(&stage.talk, "data.processing_info.state", "in_progress");
    talk_close(&stage.talk);
}

static void test_what_a_video_may_be(void **state)
{
    (void)state;
#define FACTS                                                                                      \
    .readable = true, .container = "mov,mp4,m4a,3gp,3g2,mj2", .video = "h264", .audio = "aac",     \
    .duration_us = 2000000, .width = 720, .height = 1280, .fps = 30, .audio_channels = 2
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
    static const struct {
        struct kn_shown_facts facts;
        const char *message; /* NULL: it is taken */
    } cases[] = {
        {{FACTS}, NULL},
        {{FACTS, .audio = ""}, NULL},
        {{FACTS, .width = 1280, .height = 1024}, NULL},
        {{FACTS, .width = 1024, .height = 1280}, NULL},
        {{FACTS, .width = 1080, .height = 1920}, "Unsupported video size"},
        {{FACTS, .width = 1280, .height = 1026}, "Unsupported video size"},
        {{FACTS, .width = 30, .height = 32}, "Unsupported video size"},
        {{FACTS, .width = 400, .height = 1202}, "Unsupported aspect ratio"},
        {{FACTS, .width = 400, .height = 1200}, NULL},
        {{FACTS, .fps = 60}, NULL},
        {{FACTS, .fps = 61}, "Unsupported frame rate"},
        {{FACTS, .video = "hevc"}, "Unsupported video codec"},
        {{FACTS, .audio = "opus"}, "Unsupported audio codec"},
        {{FACTS, .audio_channels = 6}, "Unsupported audio codec"},
        {{FACTS, .container = "matroska,webm"}, "Unsupported video format"},
        {{FACTS, .duration_us = 499999}, "Video is too short"},
        {{FACTS, .readable = false}, "Unsupported video format"},
    };
#pragma GCC diagnostic pop
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_upload file = {.facts = cases[i].facts};
        struct kn_x_media media = {.kind = KN_X_VIDEO, .upload = &file};
        kn_x_judge(&media, false);
        const char *wanted = cases[i].message ? cases[i].message : "";
        if (strcmp(media.message ? media.message : "", wanted) != 0)
            fail_msg("case %zu: “%s”, not “%s”", i, media.message ? media.message : "", wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initialize),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_wrong_segments),
        cmocka_unit_test(test_malformed_multipart),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_expiry_and_owners),
        cmocka_unit_test(test_posts),
        cmocka_unit_test(test_media_of_posts),
        cmocka_unit_test(test_about_media),
        cmocka_unit_test(test_duplicates_end),
        cmocka_unit_test(test_timeline),
        cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_accidents),
        cmocka_unit_test(test_bad_days_of_uploads),
        cmocka_unit_test(test_what_a_video_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
