/* The emulated YouTube: uploads in all their forms, what it refuses, and what time does. */
#include "support/platform_help.h"

#include "net_help.h"
#include "sandbox/platforms/youtube.h"

enum { GRAIN = 256 << 10, FILE_BYTES = 3 * GRAIN + 12345 };

#define VIDEOS "/upload/youtube/v3/videos"
#define PLAIN  "{\"snippet\":{\"title\":\"One\"},\"status\":{\"privacyStatus\":\"private\"}}"

struct stage {
    struct talk talk;
    const char *token;
    char *file;
    const char *session; /* path and query */
};

static void stage_open(struct stage *stage, const char *const *faults)
{
    struct kn_sandbox_fault rules[4];
    struct kn_sandbox_options options = {.faults = rules};
    for (; faults && faults[options.fault_count]; options.fault_count++)
        assert_int_equal(
            kn_sandbox_fault_parse(faults[options.fault_count], &rules[options.fault_count], NULL),
            KN_OK);
    *stage = (struct stage){.file = malloc(FILE_BYTES)};
    for (size_t i = 0; i < FILE_BYTES; i++)
        stage->file[i] = (char)(i * 31 + i / 255);
    talk_open(&stage->talk, &options);
    stage->token = token_for(&stage->talk, "youtube", "demo", NULL);
}

static void stage_close(struct stage *stage)
{
    talk_close(&stage->talk);
    free(stage->file);
}

static int open_upload(struct stage *stage, const char *metadata)
{
    int status = ask_json(&stage->talk, "POST", VIDEOS "?uploadType=resumable&part=snippet,status",
                          stage->token, metadata);
    const char *at = strstr(head_of(&stage->talk, "location"), "/upload/");
    stage->session = at ? kn_arena_strdup(stage->talk.arena, at) : NULL;
    return status;
}

/* Bytes from `first` on; `total` -1 is told as "*". */
static int send_chunk(struct stage *stage, long first, long size, long total, const char *header)
{
    char range[80], all[24] = "*";
    if (total >= 0)
        snprintf(all, sizeof all, "%ld", total);
    if (size)
        snprintf(range, sizeof range, "Content-Range: bytes %ld-%ld/%s", first, first + size - 1,
                 all);
    else
        snprintf(range, sizeof range, "Content-Range: bytes */%s", all);
    return ask(&stage->talk, (struct ask){.method = "PUT",
                                          .path = stage->session,
                                          .token = stage->token,
                                          .headers = {range, header},
                                          .body = stage->file + first,
                                          .size = (size_t)size});
}

static void expect_range(const struct stage *stage, const char *wanted)
{
    assert_string_equal(head_of(&stage->talk, "range"), wanted);
}

static void test_chunks(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    assert_int_equal(stage.talk.answer.size, 0);
    assert_int_equal(send_chunk(&stage, 0, 0, FILE_BYTES, NULL), 308);
    expect_range(&stage, "");
    assert_int_equal(send_chunk(&stage, 0, GRAIN, FILE_BYTES, NULL), 308);
    expect_range(&stage, "bytes=0-262143");
    /* Twice the same: nothing is stored, and the truth is told. */
    assert_int_equal(send_chunk(&stage, 0, GRAIN, FILE_BYTES, NULL), 308);
    expect_range(&stage, "bytes=0-262143");
    assert_int_equal(send_chunk(&stage, GRAIN, GRAIN, FILE_BYTES, "X-GUploader-No-308: yes"), 200);
    assert_string_equal(head_of(&stage.talk, "x-http-status-code-override"), "308");
    assert_int_equal(send_chunk(&stage, 2 * GRAIN, FILE_BYTES - 2 * GRAIN, FILE_BYTES, NULL), 201);
    expect_text(&stage.talk, "snippet.title", "One");
    expect_text(&stage.talk, "status.uploadStatus", "uploaded");
    const char *id = kn_arena_strdup(stage.talk.arena, told(&stage.talk, "id"));
    assert_int_equal(strlen(id), 11);
    /* A question after the end gets the same answer again. */
    assert_int_equal(send_chunk(&stage, 0, 0, FILE_BYTES, NULL), 200);
    expect_text(&stage.talk, "id", id);
    assert_int_equal(ask(&stage.talk, (struct ask){.path = "/sandbox/posts"}), 200);
    assert_int_equal(json_array_size(json_object_get(stage.talk.json, "posts")), 1);
    char hash[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(stage.file, FILE_BYTES, hash);
    expect_text(&stage.talk, "posts.0.hash", hash);
    stage_close(&stage);
}

static void test_wrong_chunks(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    assert_int_equal(send_chunk(&stage, 0, GRAIN - 1, FILE_BYTES, NULL), 400);
    assert_int_equal(send_chunk(&stage, GRAIN, GRAIN, FILE_BYTES, NULL), 308);
    expect_range(&stage, "");
    assert_int_equal(send_chunk(&stage, 0, 2 * GRAIN, FILE_BYTES, NULL), 308);
    assert_int_equal(send_chunk(&stage, 2 * GRAIN, GRAIN, FILE_BYTES, NULL), 400);
    const struct {
        const char *range;
        int status;
    } cases[] = {
        {"Content-Range: bytes 5-2/10", 400}, {"Content-Range: bytes 0-9/5", 400},
        {"Content-Range: bites 0-9/5", 400},  {"Content-Range: bytes -1-9/50", 400},
        {"Content-Range: bytes */0", 400},    {"Content-Range: bytes */*", 308},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_int_equal(ask(&stage.talk, (struct ask){.method = "PUT",
                                                       .path = stage.session,
                                                       .token = stage.token,
                                                       .headers = {cases[i].range}}),
                         cases[i].status);
    stage.session = VIDEOS "?uploadType=resumable&upload_id=nobody";
    assert_int_equal(send_chunk(&stage, 0, 0, FILE_BYTES, NULL), 404);
    stage_close(&stage);
}

static void test_whole_files(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    static const char head[] = "--b1\r\nContent-Type: application/json\r\n\r\n" PLAIN
                               "\r\n--b1\r\nContent-Type: video/mp4\r\n\r\n";
    KN_SCOPED_STR body = {0};
    kn_str_add(&body, head);
    kn_str_add_bytes(&body, stage.file, FILE_BYTES);
    kn_str_add(&body, "\r\n--b1--\r\n");
    assert_int_equal(ask(&stage.talk,
                         (struct ask){
                             .method = "POST",
                             .path = VIDEOS "?uploadType=multipart&part=snippet&part=status",
                             .token = stage.token,
                             .headers = {"Content-Type: multipart/related; boundary=b1"},
                             .body = body.at,
                             .size = body.length,
                         }),
                     200);
    expect_text(&stage.talk, "snippet.title", "One");
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    assert_int_equal(ask(&stage.talk, (struct ask){.method = "PUT",
                                                   .path = stage.session,
                                                   .token = stage.token,
                                                   .headers = {"Content-Type: video/mp4"},
                                                   .body = stage.file,
                                                   .size = FILE_BYTES}),
                     201);
    assert_int_equal(ask(&stage.talk, (struct ask){.path = "/sandbox/posts"}), 200);
    char hash[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(stage.file, FILE_BYTES, hash);
    expect_text(&stage.talk, "posts.0.hash", hash);
    expect_text(&stage.talk, "posts.1.hash", hash);
    stage_close(&stage);
}

#define TEN(x)     x x x x x x x x x x
#define EMOJI      "\xf0\x9f\x98\x80"
#define TITLE(t)   "{\"snippet\":{\"title\":\"" t "\"}}"
#define STATUS(s)  "{\"snippet\":{\"title\":\"a\"},\"status\":{" s "}}"
#define SNIPPET(s) "{\"snippet\":{\"title\":\"a\"," s "}}"

static void test_metadata(void **state)
{
    (void)state;
    struct stage stage;
    static const struct {
        const char *body, *reason; /* NULL: it is taken */
    } cases[] = {
        {TITLE(TEN("0123456789")), NULL},
        {TITLE(TEN("0123456789") "x"), "invalidTitle"},
        {TITLE(TEN(EMOJI EMOJI EMOJI EMOJI EMOJI)), NULL},
        {TITLE(TEN(EMOJI EMOJI EMOJI EMOJI EMOJI) "x"), "invalidTitle"},
        {TITLE("a<b"), "invalidTitle"},
        {TITLE(""), "invalidTitle"},
        {"{}", "invalidTitle"},
        {"{", "parseError"},
        {SNIPPET("\"description\":\"a>b\""), "invalidDescription"},
        {SNIPPET("\"description\":\"" TEN(TEN("0123456789012345678901234567890123456789012345678"
                                              "9")) "\""),
         NULL},
        {SNIPPET("\"description\":\"" TEN(TEN("0123456789012345678901234567890123456789012345678"
                                              "9")) "x\""),
         "invalidDescription"},
        {SNIPPET("\"tags\":[\"Foo Baz\",\"Foo-Baz\"]"), NULL},
        {SNIPPET("\"tags\":[\"" TEN("01234567890123456789012345678901234567890123456789") "\"]"),
         NULL},
        {SNIPPET("\"tags\":[\"" TEN("01234567890123456789012345678901234567890123456789") "\","
                                                                                          "\"\"]"),
         "invalidTags"},
        {SNIPPET("\"tags\":[\"" TEN("0123456789012345678901234567890123456789012345678 ") "\"]"),
         "invalidTags"},
        {SNIPPET("\"categoryId\":\"999\""), "invalidCategoryId"},
        {SNIPPET("\"colour\":\"red\""), "badRequest"},
        {SNIPPET("\"tags\":\"red\""), "badRequest"},
        {STATUS("\"privacyStatus\":\"hidden\""), "invalidVideoMetadata"},
        {STATUS("\"privacyStatus\":\"private\",\"publishAt\":\"2036-12-01T17:00:00Z\""), NULL},
        {STATUS("\"privacyStatus\":\"public\",\"publishAt\":\"2036-12-01T17:00:00Z\""),
         "invalidPublishAt"},
        {STATUS("\"privacyStatus\":\"private\",\"publishAt\":\"tomorrow\""), "invalidPublishAt"},
        {"{\"snippet\":{\"title\":\"a\"},\"recordingDetails\":{}}", "unexpectedPart"},
    };
    stage_open(&stage, NULL);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        int status = open_upload(&stage, cases[i].body);
        const char *reason = told(&stage.talk, "error.errors.0.reason");
        if (strcmp(reason, cases[i].reason ? cases[i].reason : "") != 0 ||
            status != (cases[i].reason ? 400 : 200))
            fail_msg("case %zu: %d \"%s\"", i, status, reason);
    }
    assert_int_equal(
        ask_json(&stage.talk, "POST", VIDEOS "?uploadType=resumable&part=soup", stage.token, PLAIN),
        400);
    expect_text(&stage.talk, "error.errors.0.reason", "unknownPart");
    stage_close(&stage);
}

static int post_one(struct stage *stage, const char *metadata)
{
    int status = open_upload(stage, metadata);
    return status == 200 ? send_chunk(stage, 0, FILE_BYTES, FILE_BYTES, NULL) : status;
}

static void expect_post(struct stage *stage, const char *field, const char *wanted)
{
    char path[64];
    assert_int_equal(ask(&stage->talk, (struct ask){.path = "/sandbox/posts"}), 200);
    snprintf(path, sizeof path, "posts.0.%s", field);
    expect_text(&stage->talk, path, wanted);
}

/* Noise is no video: processing ends in failure, by the sandbox's clock. */
static void test_processing(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    set(&stage.talk, "{\"processing\": 1000}");
    assert_int_equal(post_one(&stage, PLAIN), 201);
    char path[128];
    snprintf(path, sizeof path, "/youtube/v3/videos?part=status,processingDetails&id=%s",
             told(&stage.talk, "id"));
    struct ask look = {.path = path, .token = stage.token};
    assert_int_equal(ask(&stage.talk, look), 200);
    expect_text(&stage.talk, "items.0.status.uploadStatus", "uploaded");
    expect_text(&stage.talk, "items.0.processingDetails.processingStatus", "processing");
    expect_post(&stage, "state", "processing");
    advance(&stage.talk, 1001);
    assert_int_equal(ask(&stage.talk, look), 200);
    expect_text(&stage.talk, "items.0.status.uploadStatus", "failed");
    expect_text(&stage.talk, "items.0.status.failureReason", "invalidFile");
    expect_post(&stage, "state", "failed");
    expect_post(&stage, "reason", "invalidFile");
    stage_close(&stage);
}

static void test_quotas(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    set(&stage.talk, "{\"youtube-inserts\": 2, \"youtube-units\": 3}");
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    assert_int_equal(open_upload(&stage, PLAIN), 403);
    expect_text(&stage.talk, "error.errors.0.reason", "quotaExceeded");
    struct ask channel = {.path = "/youtube/v3/channels?part=contentDetails&mine=true",
                          .token = stage.token};
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(&stage.talk, channel), 200);
    assert_int_equal(ask(&stage.talk, channel), 403);
    advance(&stage.talk, 86400);
    stage.token = token_for(&stage.talk, "youtube", "demo", NULL);
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    set(&stage.talk, "{\"youtube-uploads\": 0}");
    assert_int_equal(open_upload(&stage, PLAIN), 400);
    expect_text(&stage.talk, "error.errors.0.reason", "uploadLimitExceeded");
    stage_close(&stage);
}

/* Midnights of the Pacific, in winter, in summer, and around the days on which the clocks change.
 */
static void test_days(void **state)
{
    (void)state;
    static const char *const midnights[] = {
        "2026-01-15T08:00:00Z", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z",
        "2026-07-15T07:00:00Z", "2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z",
        "2027-03-15T07:00:00Z", "2027-11-08T08:00:00Z",
    };
    for (size_t i = 0; i < KN_COUNT_OF(midnights); i++) {
        int64_t at_us = kn_yt_time(midnights[i]);
        if (kn_yt_day(at_us) != kn_yt_day(at_us - 1000000) + 1)
            fail_msg("no day begins at %s", midnights[i]);
        assert_int_equal(kn_yt_day(at_us + INT64_C(22) * 3600 * 1000000), kn_yt_day(at_us));
    }
    assert_int_equal(kn_yt_time("2026-07-15T09:30:00.25+02:30"), kn_yt_time(midnights[3]));
    static const char *const wrong[] = {"",
                                        "2026-13-01T00:00:00Z",
                                        "2026-12-01 00:00:00Z",
                                        "2026-12-01T00:00:00",
                                        "2026-12-01T00:00:00Zz",
                                        "2026-12-01T00:00:00+1",
                                        "2026-12-01T24:00:00Z"};
    for (size_t i = 0; i < KN_COUNT_OF(wrong); i++)
        assert_int_equal(kn_yt_time(wrong[i]), -1);
}

static void test_who_may(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    static const char path[] = "/youtube/v3/channels?part=id&mine=true";
    assert_int_equal(ask(talk, (struct ask){.path = path}), 401);
    expect_text(talk, "error.errors.0.reason", "required");
    assert_int_equal(ask(talk, (struct ask){.path = path, .token = "ya29.nobody"}), 401);
    expect_text(talk, "error.errors.0.reason", "authError");
    const char *narrow =
        token_for(talk, "youtube", "demo", "https://www.googleapis.com/auth/youtube.upload");
    assert_int_equal(ask(talk, (struct ask){.path = path, .token = narrow}), 403);
    expect_text(talk, "error.errors.0.reason", "insufficientPermissions");
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    advance(talk, 3601);
    assert_int_equal(send_chunk(&stage, 0, GRAIN, FILE_BYTES, NULL), 401);
    stage.token = token_for(talk, "youtube", "second", NULL);
    assert_int_equal(send_chunk(&stage, 0, GRAIN, FILE_BYTES, NULL), 404);
    stage.token = token_for(talk, "youtube", "demo", NULL);
    assert_int_equal(send_chunk(&stage, 0, GRAIN, FILE_BYTES, NULL), 308);
    assert_int_equal(ask(talk, (struct ask){.path = "/youtube/v3/channels?part=id",
                                            .method = "PUT",
                                            .token = stage.token}),
                     405);
    stage_close(&stage);
}

static void test_accidents(void **state)
{
    (void)state;
    static const char *const faults[] = {"partial,path=youtube-upload,first=1",
                                         "cut-upload,path=youtube-upload,after=1,first=1,bytes="
                                         "300000",
                                         "lost,path=youtube-upload,after=3,first=1", NULL};
    /* The client sends again by itself when a kept connection ends before the answer. */
    static const char anew[] = "Connection: close";
    struct stage stage;
    stage_open(&stage, faults);
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    /* Half of it is stored. */
    assert_int_equal(send_chunk(&stage, 0, 2 * GRAIN, FILE_BYTES, anew), 308);
    expect_range(&stage, "bytes=0-262143");
    /* Cut after 300,000 bytes, of which whole grains stay. */
    assert_int_equal(send_chunk(&stage, GRAIN, FILE_BYTES - GRAIN, FILE_BYTES, NULL), -KN_IO);
    assert_int_equal(send_chunk(&stage, 0, 0, FILE_BYTES, anew), 308);
    expect_range(&stage, "bytes=0-524287");
    /* It is done, and nobody says so. */
    assert_int_equal(send_chunk(&stage, 2 * GRAIN, FILE_BYTES - 2 * GRAIN, FILE_BYTES, NULL),
                     -KN_IO);
    assert_int_equal(send_chunk(&stage, 0, 0, FILE_BYTES, NULL), 200);
    expect_text(&stage.talk, "snippet.title", "One");
    char hash[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(stage.file, FILE_BYTES, hash);
    expect_post(&stage, "hash", hash);
    stage_close(&stage);
}

static void test_uploads_playlist(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    assert_int_equal(post_one(&stage, TITLE("older")), 201);
    assert_int_equal(post_one(&stage, TITLE("newer")), 201);
    assert_int_equal(ask(talk, (struct ask){.token = stage.token,
                                            .path = "/youtube/v3/channels?part=contentDetails"
                                                    "&mine=true"}),
                     200);
    const char *path = kn_arena_printf(
        talk->arena, "/youtube/v3/playlistItems?part=snippet,status&maxResults=1&playlistId=%s",
        told(talk, "items.0.contentDetails.relatedPlaylists.uploads"));
    assert_int_equal(ask(talk, (struct ask){.token = stage.token, .path = path}), 200);
    expect_text(talk, "items.0.snippet.title", "newer");
    path = kn_arena_printf(talk->arena, "%s&pageToken=%s", path, told(talk, "nextPageToken"));
    assert_int_equal(ask(talk, (struct ask){.token = stage.token, .path = path}), 200);
    expect_text(talk, "items.0.snippet.title", "older");
    expect_text(talk, "nextPageToken", "");
    stage_close(&stage);
}

/* Sends a head and a part of its body from a connection of its own. */
static int send_raw(struct stage *stage, const char *more, const char *body, size_t size)
{
    int fd = raw_connect(kn_sandbox_port(stage->talk.sandbox));
    const char *head = kn_arena_printf(stage->talk.arena,
                                       "PUT %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
                                       "%s\r\n",
                                       stage->session, stage->token, more);
    assert_true(raw_send(fd, head));
    assert_true(raw_send_bytes(fd, body, size));
    return fd;
}

static void expect_answer(int fd, const char *wanted)
{
    KN_SCOPED_STR head = {0};
    assert_true(raw_read_head(fd, &head));
    if (!strstr(kn_str_text(&head), wanted))
        fail_msg("no \"%s\" in \"%s\"", wanted, kn_str_text(&head));
    close(fd);
}

/* Who comes later writes; the connection that was left behind is cut, and stores nothing more. */
static void test_left_behind(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    char more[160];
    snprintf(more, sizeof more,
             "Expect: 100-continue\r\nContent-Length: %d\r\nContent-Range: bytes 0-%d/%d\r\n",
             FILE_BYTES, FILE_BYTES - 1, FILE_BYTES);
    int old = send_raw(&stage, more, "", 0);
    KN_SCOPED_STR head = {0};
    assert_true(raw_read_head(old, &head)); /* 100: it is the writer now */
    assert_true(raw_send_bytes(old, stage.file, GRAIN + 1000));
    assert_int_equal(send_chunk(&stage, 0, 0, FILE_BYTES, NULL), 308);
    long first = *head_of(&stage.talk, "range") ? GRAIN : 0; /* as much as was read by then */
    (void)raw_send_bytes(old, stage.file, FILE_BYTES - GRAIN - 1000);
    char byte;
    assert_int_equal(raw_read(old, &byte, 1, WAIT_MS), 0);
    close(old);
    assert_int_equal(send_chunk(&stage, first, FILE_BYTES - first, FILE_BYTES, NULL), 201);
    char hash[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(stage.file, FILE_BYTES, hash);
    expect_post(&stage, "hash", hash);
    stage_close(&stage);
}

/* A length that comes only with the end, as Node sends it; and one that is not what was said. */
static void test_lengths(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    expect_answer(send_raw(&stage, "Transfer-Encoding: chunked\r\nContent-Range: bytes 0-9/10\r\n",
                           "5\r\nhello\r\n0\r\n\r\n", 15),
                  "HTTP/1.1 400");
    assert_int_equal(send_chunk(&stage, 0, 0, -1, NULL), 308);
    expect_range(&stage, "");
    expect_answer(send_raw(&stage, "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", 15),
                  "HTTP/1.1 201");
    expect_post(&stage, "bytes", "5");
    stage_close(&stage);
}

/* What is refused at its head is refused before its body, which is large. */
static void test_refused_before_the_body(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    expect_answer(send_raw(&stage,
                           "Expect: 100-continue\r\nContent-Length: 9000000000\r\n"
                           "Content-Range: bytes 5-9/9000000000\r\n",
                           "", 0),
                  "HTTP/1.1 400");
    stage.token = "ya29.nobody";
    expect_answer(send_raw(&stage, "Content-Length: 9000000000\r\n", "", 0), "HTTP/1.1 401");
    stage_close(&stage);
}

static const char *posted_id(struct stage *stage)
{
    return kn_arena_strdup(stage->talk.arena, told(&stage->talk, "id"));
}

/* Whole parts are replaced: what is left out is gone. Others may not. */
static void test_updating(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    assert_int_equal(post_one(&stage, SNIPPET("\"description\":\"long\",\"tags\":[\"a\"]")), 201);
    const char *id = posted_id(&stage);
    static const char path[] = "/youtube/v3/videos?part=snippet";
    const char *body = kn_arena_printf(
        talk->arena, "{\"id\":\"%s\",\"snippet\":{\"title\":\"b\",\"categoryId\":\"22\"}}", id);
    assert_int_equal(ask_json(talk, "PUT", path, stage.token, body), 200);
    expect_text(talk, "snippet.title", "b");
    expect_text(talk, "snippet.description", "");
    expect_text(talk, "snippet.tags.0", "");
    const char *other = token_for(talk, "youtube", "second", NULL);
    assert_int_equal(ask_json(talk, "PUT", path, other, body), 403);
    body = kn_arena_printf(talk->arena, "{\"id\":\"%s\",\"snippet\":{\"title\":\"b\"}}", id);
    assert_int_equal(ask_json(talk, "PUT", path, stage.token, body), 400);
    expect_text(talk, "error.errors.0.reason", "invalidCategoryId");
    assert_int_equal(ask(talk, (struct ask){.method = "DELETE",
                                            .token = stage.token,
                                            .path = kn_arena_printf(
                                                talk->arena, "/youtube/v3/videos?id=%s", id)}),
                     204);
    expect_post(&stage, "state", "deleted");
    stage_close(&stage);
}

/* A time is only for what is private, and what a status leaves out is gone as well. */
static void test_updating_the_time(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    set(talk, "{\"processing\": 1000}");
    assert_int_equal(
        post_one(&stage, "{\"snippet\":{\"title\":\"a\"},\"status\":{\"privacyStatus\":\"private\","
                         "\"publishAt\":\"2036-12-01T17:00:00Z\",\"embeddable\":false}}"),
        201);
    const char *id = posted_id(&stage);
    static const char path[] = "/youtube/v3/videos?part=status";
    static const char *const refused[] = {
        "\"privacyStatus\":\"public\",\"publishAt\":\"2036-12-02T17:00:00Z\"",
        "\"publishAt\":\"2036-12-02T17:00:00Z\"",
        "\"privacyStatus\":\"private\",\"publishAt\":\"soon\"",
    };
    for (size_t i = 0; i < KN_COUNT_OF(refused); i++) {
        const char *body =
            kn_arena_printf(talk->arena, "{\"id\":\"%s\",\"status\":{%s}}", id, refused[i]);
        assert_int_equal(ask_json(talk, "PUT", path, stage.token, body), 400);
        expect_text(talk, "error.errors.0.reason", "invalidPublishAt");
    }
    const char *body = kn_arena_printf(talk->arena,
                                       "{\"id\":\"%s\",\"status\":{\"privacyStatus\":"
                                       "\"private\",\"publishAt\":\"2036-12-02T17:00:00Z\"}}",
                                       id);
    assert_int_equal(ask_json(talk, "PUT", path, stage.token, body), 200);
    expect_text(talk, "status.publishAt", "2036-12-02T17:00:00Z");
    assert_true(json_is_true(json_object_get(json_object_get(talk->json, "status"), "embeddable")));
    body = kn_arena_printf(talk->arena, "{\"id\":\"%s\"}", id);
    assert_int_equal(ask_json(talk, "PUT", path, stage.token, body), 200);
    expect_text(talk, "status.publishAt", "");
    expect_text(talk, "status.privacyStatus", "public");
    assert_int_equal(ask_json(talk, "PUT", "/youtube/v3/videos?part=snippet", stage.token, body),
                     400);
    expect_text(talk, "error.errors.0.reason", "invalidTitle");
    stage_close(&stage);
}

static int caption(struct stage *stage, const char *token, const char *id, const char *name)
{
    const char *body = kn_arena_printf(
        stage->talk.arena,
        "--b\r\nContent-Type: "
        "application/json\r\n\r\n{\"snippet\":{\"videoId\":\"%s\",\"language\":"
        "\"en\",\"name\":\"%s\"}}\r\n--b\r\nContent-Type: text/xml\r\n\r\n1\r\n--b--\r\n",
        id, name);
    return ask(&stage->talk,
               (struct ask){.method = "POST",
                            .path = "/upload/youtube/v3/captions?uploadType=multipart&part=snippet",
                            .token = token,
                            .headers = {"Content-Type: multipart/related; boundary=\"b\""},
                            .body = body,
                            .size = strlen(body)});
}

static void test_captions_and_thumbnails(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    assert_int_equal(post_one(&stage, PLAIN), 201);
    const char *id = posted_id(&stage);
    assert_int_equal(caption(&stage, stage.token, id, "English"), 200);
    expect_text(talk, "snippet.trackKind", "standard");
    assert_int_equal(caption(&stage, stage.token, id, "English"), 409);
    expect_text(talk, "error.errors.0.reason", "captionExists");
    assert_int_equal(caption(&stage, stage.token, id, ""), 200);
    assert_int_equal(caption(&stage, stage.token, "nobody", ""), 404);
    const char *narrow =
        token_for(talk, "youtube", "demo", "https://www.googleapis.com/auth/youtube.upload");
    assert_int_equal(caption(&stage, narrow, id, "x"), 403);
    struct ask picture = {
        .method = "POST",
        .path = kn_arena_printf(
            talk->arena, "/upload/youtube/v3/thumbnails/set?uploadType=media&videoId=%s", id),
        .token = narrow,
        .headers = {"Content-Type: image/png"},
        .body = "\x89PNG\r\n\x1a\nrest",
        .size = 12};
    assert_int_equal(ask(talk, picture), 200);
    picture.body = "GIF89a......";
    assert_int_equal(ask(talk, picture), 400);
    expect_text(talk, "error.errors.0.reason", "invalidImage");
    picture.body = stage.file;
    picture.size = 2100000;
    stage.file = realloc(stage.file, 2100000 + FILE_BYTES);
    picture.body = stage.file;
    assert_int_equal(ask(talk, picture), 413);
    set(talk, "{\"youtube-verified\": 0}");
    picture.size = 12;
    assert_int_equal(ask(talk, picture), 403);
    stage_close(&stage);
}

/* Faults of processing, and a session that is gone. */
static void test_bad_processing(void **state)
{
    (void)state;
    static const char *const faults[] = {"processing-fails,path=youtube-insert,first=1",
                                         "processing-slow,seconds=500,path=youtube-insert",
                                         "expired,path=youtube-upload,after=2", NULL};
    struct stage stage;
    stage_open(&stage, faults);
    assert_int_equal(post_one(&stage, PLAIN), 201);
    advance(&stage.talk, 3);
    expect_post(&stage, "reason", "conversion");
    assert_int_equal(post_one(&stage, PLAIN), 201);
    advance(&stage.talk, 490);
    assert_int_equal(ask(&stage.talk, (struct ask){.path = "/sandbox/posts"}), 200);
    expect_text(&stage.talk, "posts.1.state", "processing");
    assert_int_equal(open_upload(&stage, PLAIN), 200);
    assert_int_equal(send_chunk(&stage, 0, GRAIN, FILE_BYTES, NULL), 404);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_wrong_chunks),
        cmocka_unit_test(test_whole_files),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_processing),
        cmocka_unit_test(test_quotas),
        cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_accidents),
        cmocka_unit_test(test_uploads_playlist),
        cmocka_unit_test(test_left_behind),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_refused_before_the_body),
        cmocka_unit_test(test_updating),
        cmocka_unit_test(test_updating_the_time),
        cmocka_unit_test(test_captions_and_thumbnails),
        cmocka_unit_test(test_bad_processing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
