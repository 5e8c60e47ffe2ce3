/* The emulated Instagram: what it refuses, resumed uploads, containers, and publishing. */
#include "support/platform_help.h"

#include "net_help.h"
#include "support/media.h"

#include "sandbox/platforms/instagram.h"

enum { FILE_BYTES = 1 << 20 };

#define ID       "17841400000000000"
#define OTHER_ID "17841400000000001"
#define MEDIA    "/v25.0/" ID "/media"
#define PUBLISH  "/v25.0/" ID "/media_publish"
#define REEL     "media_type=REELS&upload_type=resumable"

struct stage {
    struct talk talk;
    const char *token;
    char *file;
    long size;
    const char *id, *uri; /* of the container; path */
    int uploads;          /* so far, as the sandbox numbers them */
};

static void stage_open(struct stage *stage, const char *const *faults)
{
    *stage = (struct stage){.size = FILE_BYTES, .file = malloc(FILE_BYTES)};
    for (size_t i = 0; i < FILE_BYTES; i++)
        stage->file[i] = (char)(i * 31 + i / 255);
    talk_open_with(&stage->talk, faults);
    stage->token = token_for(&stage->talk, "instagram", "demo", NULL);
}

static void stage_close(struct stage *stage)
{
    talk_close(&stage->talk);
    free(stage->file);
}

static int post_form(struct stage *stage, const char *path, const char *body)
{
    return ask(&stage->talk,
               (struct ask){.method = "POST",
                            .path = path,
                            .token = stage->token,
                            .headers = {"Content-Type: application/x-www-form-urlencoded",
                                        "Connection: close"},
                            .body = body,
                            .size = strlen(body)});
}

static int get(struct stage *stage, const char *path)
{
    return ask(&stage->talk, (struct ask){.path = path, .token = stage->token});
}

static int create(struct stage *stage, const char *body)
{
    int status = post_form(stage, MEDIA, body);
    stage->id = kn_arena_strdup(stage->talk.arena, told(&stage->talk, "id"));
    stage->uri =
        kn_arena_strdup(stage->talk.arena, strstr(told(&stage->talk, "uri"), "/ig-api-upload/"));
    stage->uploads += stage->uri != NULL;
    return status;
}

/* From `offset` on, as many bytes. */
static int upload(struct stage *stage, long offset, long size, long file_size)
{
    char at[48], all[48];
    snprintf(at, sizeof at, "offset: %ld", offset);
    snprintf(all, sizeof all, "file_size: %ld", file_size);
    return ask(&stage->talk,
               (struct ask){.method = "POST",
                            .path = stage->uri,
                            .headers = {at, all, "Connection: close",
                                        kn_arena_printf(stage->talk.arena,
                                                        "Authorization: OAuth %s", stage->token)},
                            .body = stage->file + offset,
                            .size = (size_t)size});
}

static const char *field_of(struct stage *stage, const char *field, const char *path)
{
    assert_int_equal(
        get(stage, kn_arena_printf(stage->talk.arena, "/v25.0/%s?fields=%s", stage->id, field)),
        200);
    return told(&stage->talk, path);
}

#define expect_status(stage, wanted)                                                               \
    assert_string_equal(field_of(stage, "status_code", "status_code"), wanted)

static void expect_error(const struct stage *stage, int code, int subcode)
{
    char text[2][24];
    snprintf(text[0], sizeof text[0], "%d", code);
    snprintf(text[1], sizeof text[1], "%d", subcode);
    expect_text(&stage->talk, "error.code", text[0]);
    expect_text(&stage->talk, "error.error_subcode", subcode ? text[1] : "");
}

/* A second more than the shortest, as Instagram wants it. */
static void read_made(struct stage *stage, const char *arguments, const char *name)
{
    const char *folder = temp_folder(stage->talk.arena);
    make_media("-f lavfi -i color=size=180x320:rate=25:duration=4 %s %s/%s", arguments, folder,
               name);
    FILE *file = fopen(kn_arena_printf(stage->talk.arena, "%s/%s", folder, name), "rb");
    assert_non_null(file);
    stage->size = (long)fread(stage->file, 1, FILE_BYTES, file);
    fclose(file);
    temp_folder_remove(folder);
}

#define REEL_OF(arguments) "-c:v libx264 -preset ultrafast " arguments
#define GOOD               REEL_OF("-bf 0 -movflags +faststart -use_editlist 0")

static void make_ready(struct stage *stage, const char *body)
{
    assert_int_equal(create(stage, body), 200);
    assert_int_equal(upload(stage, 0, stage->size, stage->size), 200);
    advance(&stage->talk, 10);
}

static int publish(struct stage *stage)
{
    return post_form(stage, PUBLISH,
                     kn_arena_printf(stage->talk.arena, "creation_id=%s", stage->id));
}

/* ---- how requests come ---- */

static void test_transports(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    const char *token = stage.token;
    const struct {
        const char *path;
        int status;
    } reads[] = {
        {"/me?fields=user_id,username", 200},
        {"/v25.0/me?fields=user_id", 200},
        {"/v26.0//me", 200},
        {"//" ID "?fields=username", 200},
        {"/" ID "/content_publishing_limit?fields=config,quota_usage", 200},
        {"/vx/" ID "/content_publishing_limit", 400},
        {"/v25.0/" OTHER_ID "/content_publishing_limit", 403},
        {"/v25.0/123/content_publishing_limit", 400},
        {"/v25.0/123", 400},
        {"/me?fields=colour", 400},
        {"/me/accounts?fields=id,instagram_business_account", 200},
    };
    for (size_t i = 0; i < KN_COUNT_OF(reads); i++)
        if (get(&stage, reads[i].path) != reads[i].status)
            fail_msg("%s: %s", reads[i].path, told(talk, "error.message"));
    expect_text(talk, "data.0.instagram_business_account.id", ID);
    assert_int_equal(strncmp(head_of(talk, "x-app-usage"), "{\"call_count\":0", 15), 0);
    assert_non_null(strstr(head_of(talk, "x-business-use-case-usage"), "\"" ID "\""));
    /* The token in the query, a form, JSON, or a part; parameters too. */
    const char *query = kn_arena_printf(
        talk->arena, "/" ID "/media?media_type=REELS&upload_type=resumable&access_token=%s", token);
    assert_int_equal(ask(talk, (struct ask){.method = "POST", .path = query}), 200);
    query = kn_arena_printf(talk->arena, "%s&caption=%%ff", query);
    assert_int_equal(ask(talk, (struct ask){.method = "POST", .path = query}), 400);
    const char *form = kn_arena_printf(talk->arena, REEL "&access_token=%s", token);
    assert_int_equal(ask_form(talk, MEDIA, form), 200);
    assert_non_null(strstr(told(talk, "uri"), "/ig-api-upload/v25.0/"));
    const char *json = kn_arena_printf(talk->arena,
                                       "{\"id\":\"" ID "\",\"media_type\":\"REELS\","
                                       "\"upload_type\":\"resumable\",\"access_token\":\"%s\","
                                       "\"share_to_feed\":true,\"collaborators\":[\"a\",\"b\"]}",
                                       token);
    assert_int_equal(ask_json(talk, "POST", MEDIA, NULL, json), 200);
    struct kn_http_header none = {"Accept", "*/*"};
    struct kn_http_part parts[] = {{.name = "media_type", .data = "REELS", .size = 5},
                                   {.name = "upload_type", .data = "resumable", .size = 9},
                                   {.name = "access_token", .data = token, .size = strlen(token)}};
    struct kn_http_request request = {
        .headers = &none, .header_count = 1, .parts = parts, .part_count = 3};
    assert_int_equal(talk_send(talk, &request, MEDIA), 200);
    stage_close(&stage);
}

static void test_who_may(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    assert_int_equal(ask_form(talk, MEDIA, REEL), 400);
    expect_error(&stage, 190, 0);
    assert_int_equal(create(&stage, REEL), 200);
    const char *first = stage.token;
    /* rupload takes OAuth alone. */
    assert_int_equal(ask(talk, (struct ask){.method = "POST",
                                            .path = stage.uri,
                                            .token = first,
                                            .headers = {"offset: 0", "file_size: 10"},
                                            .body = stage.file,
                                            .size = 10}),
                     400);
    expect_text(talk, "debug_info.type", "NotAuthorizedError");
    stage.token = token_for(talk, "instagram", "second", NULL);
    assert_int_equal(upload(&stage, 0, 10, 10), 400);
    expect_text(talk, "debug_info.type", "ProcessingFailedError");
    assert_int_equal(get(&stage, kn_arena_printf(talk->arena, "/%s", stage.id)), 400);
    expect_error(&stage, 100, 33);
    /* Instagram Login has no resumable uploads. */
    stage.token = token_for(talk, "instagram", "demo",
                            "instagram_business_basic instagram_business_content_publish");
    assert_int_equal(create(&stage, REEL), 400);
    expect_error(&stage, 100, 0);
    stage.token = token_for(talk, "instagram", "demo", "instagram_business_basic");
    assert_int_equal(create(&stage, REEL), 403);
    expect_error(&stage, 10, 0);
    stage.token = first;
    set(talk, "{\"instagram-professional\": 0}");
    assert_int_equal(create(&stage, REEL), 403);
    expect_error(&stage, 10, 0);
    advance(talk, 3601);
    assert_int_equal(create(&stage, REEL), 400);
    expect_error(&stage, 190, 463);
    stage_close(&stage);
}

#define TEN(x)  x x x x x x x x x x
#define EMOJI   "%F0%9F%98%80"
#define HASHTAG TEN(TEN("") "%23a ")

static void test_params(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int code, subcode; /* 0: it is taken */
    } cases[] = {
        {REEL "&caption=" TEN(TEN("0123456789012345678901")), 0, 0},
        {REEL "&caption=" TEN(TEN("0123456789012345678901")) "x", 36004, 2207010},
        {REEL
         "&caption=" TEN(TEN(EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI)),
         0, 0},
        {REEL "&caption=" TEN(
             TEN(EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI)) "x",
         36004, 2207010},
        {REEL "&caption=" HASHTAG HASHTAG HASHTAG, 0, 0},
        {REEL "&caption=" HASHTAG HASHTAG HASHTAG "%23%E5%88%87", 36004, 2207010},
        {REEL "&caption=" TEN("@a a@b ") TEN("@c "), 0, 0},
        {REEL "&caption=" TEN("@a ") TEN("@c ") "@d", 100, 2207040},
        {REEL "&share_to_feed=yes", 100, 0},
        {REEL "&share_to_feed=false&location_id=12&audio_name=a&colour=red", 0, 0},
        {REEL "&thumb_offset=-1", 1, 2207057},
        {REEL "&thumb_offset=99999999999999999999", 1, 2207057},
        {REEL "&location_id=here", 100, 0},
        {REEL "&collaborators=[\"a\",\"b\",\"c\"]", 0, 0},
        {REEL "&collaborators=[\"a\",\"b\",\"c\",\"d\"]", 100, 0},
        {REEL "&branded_content_sponsor_ids=[1,2,3]", 100, 0},
        {REEL "&trial_params={\"graduation_strategy\":\"MANUAL\"}", 0, 0},
        {REEL "&trial_params={\"graduation_strategy\":\"LATER\"}", 100, 0},
        {REEL "&trial_params=now", 100, 0},
        {"media_type=STORIES&upload_type=resumable", 0, 0},
        {"media_type=REEL&upload_type=resumable", 100, 2207023},
        {"upload_type=resumable", 100, 2207023},
        {"media_type=REELS", 100, 0},
        {"media_type=REELS&upload_type=whole", 100, 0},
        {REEL "&video_url=https://a.b/c.mp4", 100, 0},
        {"media_type=REELS&video_url=https://a.b/c.mp4", 9004, 2207052},
        {"media_type=REELS&video_url=http://127.0.0.1/sandbox/media/1", 9004, 2207052},
        {REEL "&cover_url=https://a.b/c.jpg", 9004, 2207052},
    };
    struct stage stage;
    stage_open(&stage, NULL);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        int status = create(&stage, cases[i].body);
        int code = (int)strtol(told(&stage.talk, "error.code"), NULL, 10);
        int subcode = (int)strtol(told(&stage.talk, "error.error_subcode"), NULL, 10);
        if (code != cases[i].code || subcode != cases[i].subcode ||
            status != (cases[i].code ? 400 : 200))
            fail_msg("case %zu: %d, %d/%d %s", i, status, code, subcode,
                     told(&stage.talk, "error.message"));
    }
    stage_close(&stage);
}

/* ---- bytes ---- */

static void test_resuming(void **state)
{
    (void)state;
    static const char *const faults[] = {
        "cut-upload,path=instagram-upload,after=5,first=1,bytes=50002",
        "partial,path=instagram-upload,after=7,first=1,bytes=100000",
        "500,path=instagram-upload,after=8,first=1",
        "lost,path=instagram-upload,after=9,first=1",
        "expired,path=instagram-upload,after=11",
        NULL};
    struct stage stage;
    stage_open(&stage, faults);
    struct talk *talk = &stage.talk;
    assert_int_equal(create(&stage, REEL), 200);
    assert_string_equal(field_of(&stage, "video_status", "video_status.uploading_phase.status"),
                        "not_started");
    /* 1 to 5: none of them is right. */
    assert_int_equal(upload(&stage, 10, FILE_BYTES - 10, FILE_BYTES), 400);
    expect_text(talk, "debug_info.type", "OffsetInvalidError");
    assert_true(
        json_is_true(json_object_get(json_object_get(talk->json, "debug_info"), "retriable")));
    assert_int_equal(upload(&stage, 0, 10, FILE_BYTES), 400);
    expect_text(talk, "debug_info.type", "ProcessingFailedError");
    assert_int_equal(upload(&stage, 0, 0, 0), 400);
    assert_int_equal(upload(&stage, 0, 10, 300000001), 400);
    assert_int_equal(upload(&stage, 0, FILE_BYTES, FILE_BYTES - 1), 400);
    /* 6: cut, and what came stays. */
    assert_int_equal(upload(&stage, 0, FILE_BYTES, FILE_BYTES), -KN_IO);
    assert_string_equal(
        field_of(&stage, "video_status", "video_status.uploading_phase.bytes_transferred"),
        "50002");
    expect_text(talk, "video_status.uploading_phase.status", "in_progress");
    /* 7: another size than was said. */
    assert_int_equal(upload(&stage, 50002, 10, 50012), 400);
    /* 8: part of it is stored. 9: the server fails. 10: it is done, and nobody says so. */
    assert_int_equal(upload(&stage, 50002, FILE_BYTES - 50002, FILE_BYTES), 400);
    assert_int_equal(upload(&stage, 150002, FILE_BYTES - 150002, FILE_BYTES), 500);
    assert_int_equal(upload(&stage, 150002, FILE_BYTES - 150002, FILE_BYTES), -KN_IO);
    assert_string_equal(field_of(&stage, "video_status", "video_status.uploading_phase.status"),
                        "complete");
    /* 11: whoever has nothing left to send is told that all is well. */
    assert_int_equal(upload(&stage, FILE_BYTES, 0, FILE_BYTES), 200);
    /* Noise is no video. */
    advance(talk, 10);
    expect_status(&stage, "ERROR");
    assert_string_equal(field_of(&stage, "status", "status"),
                        "Error: Media upload has failed with error code 2207026");
    assert_int_equal(publish(&stage), 400);
    expect_error(&stage, 352, 2207026);
    /* 12: what was opened is gone. */
    assert_int_equal(create(&stage, REEL), 200);
    assert_int_equal(upload(&stage, 0, FILE_BYTES, FILE_BYTES), 400);
    expect_status(&stage, "EXPIRED");
    assert_int_equal(posts_in_ledger(talk), 0);
    stage_close(&stage);
}

/* ---- from a container to a post ---- */

static void test_publishing(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    read_made(&stage, GOOD, "a.mp4");
    assert_int_equal(publish(&stage), 400);
    expect_error(&stage, 24, 2207008);
    assert_int_equal(create(&stage, REEL "&caption=older"), 200);
    assert_int_equal(publish(&stage), 400);
    expect_error(&stage, 9007, 2207027);
    set(talk, "{\"processing\": 1000}");
    assert_int_equal(upload(&stage, 0, stage.size, stage.size), 200);
    expect_status(&stage, "IN_PROGRESS");
    assert_int_equal(posts_in_ledger(talk), 0);
    advance(talk, 1001);
    assert_string_equal(field_of(&stage, "id,status", "status"),
                        "Finished: Media has been uploaded and it is ready to be published.");
    assert_int_equal(posts_in_ledger(talk), 0);
    assert_int_equal(publish(&stage), 200);
    const char *media = kn_arena_strdup(talk->arena, told(talk, "id"));
    assert_string_not_equal(media, stage.id);
    expect_status(&stage, "PUBLISHED");
    assert_int_equal(publish(&stage), 400);
    expect_error(&stage, 24, 2207008);
    expect_ledger(talk, 0, "state", "live");
    expect_ledger(talk, 0, "id", media);
    assert_int_equal(posts_in_ledger(talk), 1);
    /* The newest first, a page at a time. */
    make_ready(&stage, REEL "&caption=newer+%23a");
    advance(talk, 1001);
    assert_int_equal(publish(&stage), 200);
    assert_int_equal(get(&stage, "/v25.0/" ID "/media?fields=caption,timestamp,permalink&limit=1"),
                     200);
    expect_text(talk, "data.0.caption", "newer #a");
    assert_int_equal(strlen(told(talk, "data.0.timestamp")), 24);
    const char *next = strstr(told(talk, "paging.next"), "/v25.0/");
    assert_int_equal(ask(talk, (struct ask){.path = next}), 200);
    expect_text(talk, "data.0.caption", "older");
    expect_text(talk, "data.0.id", media);
    expect_text(talk, "paging.next", "");
    stage.id = media;
    assert_string_equal(field_of(&stage, "media_type,media_product_type,permalink", "media_type"),
                        "VIDEO");
    assert_int_equal(strncmp(told(talk, "permalink"), "https://www.instagram.com/reel/", 31), 0);
    stage_close(&stage);
}

static void test_what_time_does(void **state)
{
    (void)state;
    static const char *const faults[] = {"processing-fails,path=instagram-create,first=1",
                                         "lost,path=instagram-publish,first=1", NULL};
    struct stage stage;
    stage_open(&stage, faults);
    struct talk *talk = &stage.talk;
    read_made(&stage, GOOD, "a.mp4");
    make_ready(&stage, REEL);
    assert_string_equal(field_of(&stage, "status", "status"),
                        "Error: Media upload has failed with error code 2207053");
    /* A publish whose answer is lost is found by the container. */
    make_ready(&stage, REEL);
    assert_int_equal(publish(&stage), -KN_IO);
    expect_status(&stage, "PUBLISHED");
    assert_int_equal(posts_in_ledger(talk), 1);
    make_ready(&stage, REEL);
    stage.token = token_for(talk, "instagram", "demo", NULL);
    advance(talk, 86400);
    stage.token = token_for(talk, "instagram", "demo", NULL);
    expect_status(&stage, "EXPIRED");
    assert_int_equal(publish(&stage), 400);
    expect_error(&stage, 24, 2207008);
    /* A thumbnail behind the end is found out by processing. */
    make_ready(&stage, REEL "&thumb_offset=4000");
    assert_string_equal(field_of(&stage, "status", "status"),
                        "Error: Media upload has failed with error code 2207057");
    /* What the sandbox holds itself is the one place that it fetches from. */
    assert_int_equal(
        create(&stage, kn_arena_printf(talk->arena,
                                       "media_type=REELS&video_url=http://127.0.0.1:%d/sandbox/"
                                       "media/1",
                                       kn_sandbox_port(talk->sandbox))),
        200);
    advance(talk, 10);
    expect_status(&stage, "FINISHED");
    assert_int_equal(
        create(&stage,
               kn_arena_printf(talk->arena, REEL "&cover_url=http://127.0.0.1:%d/sandbox/media/1",
                               kn_sandbox_port(talk->sandbox))),
        400);
    expect_error(&stage, 36001, 2207005);
    set(talk, "{\"instagram-priming\": 0}");
    /* B frames make an edit list; without faststart the index is at the end. */
    set(talk, "{\"instagram-priming\": 0}");
    read_made(&stage, REEL_OF("-movflags +faststart -bf 2 -x264-params b-adapt=0"), "a.mp4");
    make_ready(&stage, REEL);
    expect_status(&stage, "ERROR");
    set(talk, "{\"instagram-priming\": 1}");
    make_ready(&stage, REEL);
    expect_status(&stage, "FINISHED");
    read_made(&stage, REEL_OF("-bf 0 -use_editlist 0"), "a.mp4");
    make_ready(&stage, REEL);
    expect_status(&stage, "ERROR");
    stage_close(&stage);
}

/* A picture is no reel, but a cover. */
static void test_covers(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    read_made(&stage, "-frames:v 1", "a.jpg");
    make_ready(&stage, REEL);
    expect_status(&stage, "ERROR");
    const char *picture = kn_arena_printf(talk->arena, "%d", stage.uploads);
    read_made(&stage, GOOD, "a.mp4");
    make_ready(&stage,
               kn_arena_printf(talk->arena, REEL "&cover_url=http://127.0.0.1:%d/sandbox/media/%s",
                               kn_sandbox_port(talk->sandbox), picture));
    expect_status(&stage, "FINISHED");
    assert_int_equal(publish(&stage), 200);
    expect_ledger(talk, 0, "cover", picture);
    stage_close(&stage);
}

/* The connection that was left behind stores nothing more. */
static void test_left_behind(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    assert_int_equal(create(&stage, REEL), 200);
    int old = raw_connect(kn_sandbox_port(stage.talk.sandbox));
    assert_true(raw_send(old, kn_arena_printf(stage.talk.arena,
                                              "POST %s HTTP/1.1\r\nHost: a\r\n"
                                              "Expect: 100-continue\r\noffset: 0\r\n"
                                              "file_size: %d\r\nContent-Length: %d\r\n"
                                              "Authorization: OAuth %s\r\n\r\n",
                                              stage.uri, FILE_BYTES, FILE_BYTES, stage.token)));
    KN_SCOPED_STR head = {0};
    assert_true(raw_read_head(old, &head)); /* 100: it is the writer now */
    assert_int_equal(upload(&stage, 0, FILE_BYTES, FILE_BYTES), 200);
    (void)raw_send_bytes(old, stage.file, 1000);
    char byte;
    assert_int_equal(raw_read(old, &byte, 1, WAIT_MS), 0);
    close(old);
    assert_string_equal(
        field_of(&stage, "video_status", "video_status.uploading_phase.bytes_transferred"),
        "1048576");
    stage_close(&stage);
}

static void test_quotas(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    read_made(&stage, GOOD, "a.mp4");
    set(talk, "{\"instagram-posts\": 1, \"instagram-containers\": 3}");
    static const char limit[] = "/" ID "/content_publishing_limit?fields=config,quota_usage";
    make_ready(&stage, REEL);
    assert_int_equal(get(&stage, limit), 200);
    expect_text(talk, "data.0.quota_usage", "0");
    expect_text(talk, "data.0.config.quota_total", "1");
    assert_int_equal(publish(&stage), 200);
    assert_int_equal(get(&stage, limit), 200);
    expect_text(talk, "data.0.quota_usage", "1");
    make_ready(&stage, REEL);
    assert_int_equal(publish(&stage), 400);
    expect_error(&stage, 9, 2207042);
    assert_int_equal(create(&stage, REEL), 200);
    assert_int_equal(create(&stage, REEL), 400);
    expect_error(&stage, 4, 0);
    set(talk, "{\"instagram-calls\": 10}");
    int calls = 0;
    while (calls < 20 && get(&stage, limit) == 200)
        calls++;
    assert_in_range(calls, 0, 9);
    expect_error(&stage, 80002, 0);
    assert_int_equal(strncmp(head_of(talk, "x-app-usage"), "{\"call_count\":100", 17), 0);
    advance(talk, 86400);
    stage.token = token_for(talk, "instagram", "demo", NULL);
    assert_int_equal(get(&stage, limit), 200);
    expect_text(talk, "data.0.quota_usage", "0");
    stage_close(&stage);
}

static void test_files(void **state)
{
    (void)state;
    static const struct kn_shown_facts good = {.readable = true,
                                               .container = "mov,mp4,m4a,3gp,3g2,mj2",
                                               .video = "h264",
                                               .pixels = "yuv420p",
                                               .audio = "aac",
                                               .duration_us = 30000000,
                                               .width = 1080,
                                               .height = 1920,
                                               .fps = 30,
                                               .audio_channels = 2,
                                               .audio_rate_hz = 48000,
                                               .moov_first = true};
    struct {
        struct kn_shown_facts facts;
        int64_t bytes;
        bool story;
        int subcode;
    } cases[32];
    int count = 0;
#define NAMED(field, text) snprintf(field, sizeof field, "%s", text)
#define CASE(subcode_, bytes_, story_, ...)                                                        \
    do {                                                                                           \
        struct kn_shown_facts f = good;                                                            \
        __VA_ARGS__;                                                                               \
        cases[count].facts = f;                                                                    \
        cases[count].bytes = bytes_;                                                               \
        cases[count].story = story_;                                                               \
        cases[count++].subcode = subcode_;                                                         \
    } while (0)
    CASE(0, 1000000, false, );
    CASE(0, 1000000, false, NAMED(f.video, "hevc"));
    CASE(0, 1000000, false, f.audio[0] = '\0');
    CASE(0, 1000000, false, f.duration_us = 3000000);
    CASE(0, 300000000, false, f.duration_us = 900000000);
    CASE(0, 1000000, true, f.duration_us = 60000000);
    CASE(2207026, 1000000, false, NAMED(f.container, "matroska,webm"));
    CASE(2207026, 1000000, false, NAMED(f.video, "vp9"));
    CASE(2207026, 1000000, false, NAMED(f.audio, "opus"));
    CASE(2207026, 1000000, false, f.audio_rate_hz = 96000);
    CASE(2207026, 1000000, false, f.audio_channels = 6);
    CASE(2207026, 1000000, false, f.moov_first = false);
    CASE(2207026, 1000000, false, f.edits = true);
    CASE(0, 1000000, false, NAMED(f.pixels, "yuv420p10le"));
    CASE(2207026, 1000000, false, NAMED(f.pixels, "yuv444p"));
    CASE(2207026, 1000000, false, f.interlaced = true);
    CASE(2207026, 1000000, false, f.fps = 22);
    CASE(2207026, 1000000, false, f.fps = 61);
    CASE(2207026, 1000000, false, f.width = 1922);
    CASE(2207026, 1000000, false, f.duration_us = 2990000);
    CASE(2207026, 1000000, false, f.duration_us = 900010000);
    CASE(2207026, 1000000, true, f.duration_us = 60010000);
    CASE(2207026, 300000001, false, f.duration_us = 900000000);
    CASE(2207026, 100000000, false, );
    CASE(2207009, 1000000, false, f.width = 1100; f.height = 100);
    CASE(2207009, 1000000, true, f.width = 100; f.height = 1100);
#undef CASE
#undef NAMED
    for (int i = 0; i < count; i++) {
        struct kn_upload file = {.facts = cases[i].facts, .stored = cases[i].bytes};
        struct kn_ig_container container = {
            .upload = &file, .story = cases[i].story, .thumb_offset_ms = -1};
        int subcode = kn_ig_judge_file(&container, false);
        if (subcode != cases[i].subcode)
            fail_msg("case %d: %d", i, subcode);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transports),  cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_params),      cmocka_unit_test(test_resuming),
        cmocka_unit_test(test_publishing),  cmocka_unit_test(test_what_time_does),
        cmocka_unit_test(test_quotas),      cmocka_unit_test(test_covers),
        cmocka_unit_test(test_left_behind), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
