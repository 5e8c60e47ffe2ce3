/* The emulated X: uploads in segments, their processing, and what is said about them. */
#include "support/x_help.h"

#include <pthread.h>

#include "sandbox/platforms/x.h"

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
    assert_true(strtoll(told(&stage.talk, "data.expires_at"), NULL, 10) > 1700000000);
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

/* A segment that comes over a connection of its own. */
struct parallel {
    struct stage stage;
    pthread_t thread;
    char index[4];
    int status;
};

static void *append_alone(void *arg)
{
    struct parallel *parallel = arg;
    char text[2] = {parallel->index[0], '\0'};
    parallel->status = append(&parallel->stage, parallel->index, NULL, text, 1);
    return NULL;
}

static void test_segments_at_once(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    struct stage stage;
    struct parallel all[COUNT];
    stage_open(&stage, NULL);
    initialize(&stage, "video/mp4", "tweet_video", COUNT);
    for (int i = 0; i < COUNT; i++) {
        all[i] = (struct parallel){.stage = stage};
        all[i].stage.talk.arena = kn_arena_new();
        all[i].stage.talk.json = NULL;
        snprintf(all[i].index, sizeof all[i].index, "%d", i);
        assert_int_equal(pthread_create(&all[i].thread, NULL, append_alone, &all[i]), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        pthread_join(all[i].thread, NULL);
        assert_int_equal(all[i].status, 200);
        json_decref(all[i].stage.talk.json);
        kn_arena_free(all[i].stage.talk.arena);
    }
    assert_int_equal(finalize(&stage), 200);
    expect_text(&stage.talk, "data.size", "8");
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
        struct kn_xapi_media media = {.kind = KN_XAPI_VIDEO, .upload = &file};
        kn_xapi_judge(&media, false);
        const char *wanted = cases[i].message ? cases[i].message : "";
        if (strcmp(media.message ? media.message : "", wanted) != 0)
            fail_msg("case %zu: “%s”, not “%s”", i, media.message ? media.message : "", wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initialize),          cmocka_unit_test(test_segments),
        cmocka_unit_test(test_wrong_segments),      cmocka_unit_test(test_malformed_multipart),
        cmocka_unit_test(test_segments_at_once),    cmocka_unit_test(test_status),
        cmocka_unit_test(test_about_media),         cmocka_unit_test(test_bad_days_of_uploads),
        cmocka_unit_test(test_what_a_video_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
