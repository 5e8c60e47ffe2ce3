/* The emulated TikTok: what it refuses, chunks, limits, and what becomes of posts. */
#include "support/platform_help.h"

#include "net_help.h"
#include "support/media.h"

#include "sandbox/platforms/tiktok.h"

enum { CHUNK = 6000000, FILE_BYTES = 2 * CHUNK + 1234567 };

#define INIT    "/v2/post/publish/video/init/"
#define INBOX   "/v2/post/publish/inbox/video/init/"
#define STATUS  "/v2/post/publish/status/fetch/"
#define CANCEL  "/v2/post/publish/cancel/"
#define CREATOR "/v2/post/publish/creator_info/query/"

#define PLAN(size, chunk, count)                                                                   \
    "{\"source\":\"FILE_UPLOAD\",\"video_size\":" #size ",\"chunk_size\":" #chunk                  \
    ",\"total_chunk_count\":" #count "}"
#define SMALL PLAN(1000, 1000, 1)
#define INFO(...)                                                                                  \
    "{\"privacy_level\":\"PUBLIC_TO_EVERYONE\",\"brand_content_toggle\":false" __VA_ARGS__ "}"
#define POST(info, source) "{\"post_info\":" info ",\"source_info\":" source "}"

struct stage {
    struct talk talk;
    const char *token;
    char *file;
    long size;
    const char *id, *upload; /* publish_id; path and query */
};

static void stage_open(struct stage *stage, const char *const *faults)
{
    *stage = (struct stage){.size = FILE_BYTES, .file = malloc(FILE_BYTES)};
    for (size_t i = 0; i < FILE_BYTES; i++)
        stage->file[i] = (char)(i * 31 + i / 255);
    talk_open_with(&stage->talk, faults);
    stage->token = token_for(&stage->talk, "tiktok", "demo", NULL);
    set(&stage->talk, "{\"tiktok-init-rate\": 1000, \"tiktok-status-rate\": 1000}");
}

static void stage_close(struct stage *stage)
{
    talk_close(&stage->talk);
    free(stage->file);
}

static int call(struct stage *stage, const char *path, const char *body)
{
    return ask_json(&stage->talk, "POST", path, stage->token, body);
}

static int init(struct stage *stage, const char *path, const char *body)
{
    int status = call(stage, path, body);
    struct kn_arena *arena = stage->talk.arena;
    const char *url = strstr(told(&stage->talk, "data.upload_url"), "/video/");
    stage->id = kn_arena_strdup(arena, told(&stage->talk, "data.publish_id"));
    stage->upload = kn_arena_strdup(arena, url);
    return status;
}

/* For stage->file, in chunks of that size. */
static int init_file(struct stage *stage, const char *path, long chunk)
{
    KN_SCOPED_STR body = {0};
    kn_str_printf(&body,
                  "{\"source_info\":{\"source\":\"FILE_UPLOAD\",\"video_size\":%ld,"
                  "\"chunk_size\":%ld,\"total_chunk_count\":%ld}%s}",
                  stage->size, chunk, stage->size / chunk,
                  strcmp(path, INIT) == 0 ? ",\"post_info\":" INFO(",\"title\":\"One #cat\"") : "");
    return init(stage, path, kn_str_text(&body));
}

static int put(struct stage *stage, long first, long size, long total, const char *type)
{
    char range[80];
    snprintf(range, sizeof range, "Content-Range: bytes %ld-%ld/%ld", first, first + size - 1,
             total);
    return ask(&stage->talk, (struct ask){.method = "PUT",
                                          .path = stage->upload,
                                          .headers = {range, type, "Connection: close"},
                                          .body = stage->file + first,
                                          .size = (size_t)size});
}

static int send_chunk(struct stage *stage, long first, long size)
{
    return put(stage, first, size, stage->size, "Content-Type: video/mp4");
}

static const char *status_of(struct stage *stage)
{
    const char *body = kn_arena_printf(stage->talk.arena, "{\"publish_id\":\"%s\"}", stage->id);
    assert_int_equal(call(stage, STATUS, body), 200);
    expect_text(&stage->talk, "error.code", "ok");
    return told(&stage->talk, "data.status");
}

/* ---- what is refused before a byte ---- */

static void test_plans(void **state)
{
    (void)state;
    static const struct {
        const char *source, *message; /* NULL: it is taken */
    } cases[] = {
        {PLAN(50000123, 10000000, 5), NULL},
        {PLAN(50000123, 10000000, 6), "The total chunk count is invalid"},
        {PLAN(50000123, 10000000, 4), "The total chunk count is invalid"},
        {PLAN(1000, 1000, 1), NULL},
        {PLAN(1000, 999, 1), "The chunk size is invalid"},
        {PLAN(5242879, 5242879, 1), NULL},
        {PLAN(10485760, 5242880, 2), NULL},
        {PLAN(10485760, 5242879, 2), "The chunk size is invalid"},
        {PLAN(15000000, 10000000, 1), "The chunk size is invalid"},
        {PLAN(15000000, 15000000, 1), NULL},
        {PLAN(64000000, 64000000, 1), NULL},
        {PLAN(67108864, 67108864, 1), NULL},
        {PLAN(67108865, 67108865, 1), "The chunk size is invalid"},
        {PLAN(128000001, 64000000, 2), NULL},
        {PLAN(4000000000, 10000000, 400), NULL},
        {PLAN(4000000001, 10000000, 400), "The video size is invalid"},
        {PLAN(0, 0, 0), "The video size is invalid"},
        {PLAN(1000, 0, 0), "The chunk size is invalid"},
        {PLAN(1000, -1, 1), "chunk_size has an invalid value."},
        {PLAN("1000", 1000, 1), "video_size has an invalid value."},
        {PLAN(1000, 1000.0, 1), "chunk_size has an invalid value."},
        {"{\"source\":\"FILE_UPLOAD\",\"video_size\":9}", "chunk_size is missing."},
        {"{\"source\":\"FILE\"}", "source has to be FILE_UPLOAD or PULL_FROM_URL."},
        {"{}", "source has to be FILE_UPLOAD or PULL_FROM_URL."},
        {"{\"source\":\"PULL_FROM_URL\",\"video_url\":\"http://a.b/c\"}",
         "video_url has to begin with https://."},
        {"{\"source\":\"PULL_FROM_URL\",\"video_url\":\"https://a.b/c\"}",
         "The ownership of the URL has to be verified."},
    };
    struct stage stage;
    stage_open(&stage, NULL);
    set(&stage.talk, "{\"tiktok-posts\": 1000}");
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        KN_SCOPED_STR body = {0};
        kn_str_printf(&body, "{\"post_info\":" INFO() ",\"source_info\":%s}", cases[i].source);
        int status = call(&stage, INIT, kn_str_text(&body));
        const char *message = told(&stage.talk, "error.message");
        if (strcmp(message, cases[i].message ? cases[i].message : "") != 0 ||
            (status == 200) != !cases[i].message)
            fail_msg("case %zu: %d \"%s\"", i, status, message);
    }
    stage_close(&stage);
}

#define TEN(x) x x x x x x x x x x
#define EMOJI  "\xf0\x9f\x98\x80"
#define E1100  TEN(TEN(EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI EMOJI))

static void test_post_info(void **state)
{
    (void)state;
    static const struct {
        const char *body, *code;
        int status;
    } cases[] = {
        {POST(INFO(), SMALL), "ok", 200},
        {POST(INFO(",\"title\":\"\""), SMALL), "ok", 200},
        {POST(INFO(",\"title\":\"" E1100 "\""), SMALL), "ok", 200},
        {POST(INFO(",\"title\":\"" E1100 "x\""), SMALL), "invalid_param", 400},
        {POST(INFO(",\"disable_duet\":1"), SMALL), "invalid_param", 400},
        {POST(INFO(",\"video_cover_timestamp_ms\":-1"), SMALL), "invalid_param", 400},
        {POST(INFO(",\"video_cover_timestamp_ms\":2147483648"), SMALL), "invalid_param", 400},
        {POST(INFO(",\"colour\":true"), SMALL), "invalid_param", 400},
        {POST("{\"privacy_level\":\"SELF_ONLY\"}", SMALL), "invalid_param", 400},
        {POST("{\"brand_content_toggle\":false}", SMALL), "invalid_param", 400},
        {POST("{\"privacy_level\":\"SELF_ONLY\",\"brand_content_toggle\":true}", SMALL),
         "invalid_param", 400},
        {POST("{\"privacy_level\":\"FOLLOWER_OF_CREATOR\",\"brand_content_toggle\":false}", SMALL),
         "privacy_level_option_mismatch", 403},
        {"{\"source_info\":" SMALL "}", "invalid_param", 400},
        {"{\"post_info\":" INFO() "}", "invalid_param", 400},
        {"[]", "invalid_param", 400},
        {"{", "invalid_param", 400},
    };
    struct stage stage;
    stage_open(&stage, NULL);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        int status = call(&stage, INIT, cases[i].body);
        const char *code = told(&stage.talk, "error.code");
        if (strcmp(code, cases[i].code) != 0 || status != cases[i].status)
            fail_msg("case %zu: %d \"%s\" %s", i, status, code, told(&stage.talk, "error.message"));
        assert_true(*told(&stage.talk, "error.log_id"));
    }
    assert_int_equal(call(&stage, INBOX, POST(INFO(), SMALL)), 400);
    assert_int_equal(ask(&stage.talk, (struct ask){.method = "POST",
                                                   .path = INIT,
                                                   .token = stage.token,
                                                   .headers = {"Content-Type: text/plain"},
                                                   .body = POST(INFO(), SMALL),
                                                   .size = strlen(POST(INFO(), SMALL))}),
                     400);
    stage_close(&stage);
}

static void test_who_may(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    stage.token = "act.nobody";
    assert_int_equal(call(&stage, CREATOR, ""), 401);
    expect_text(talk, "error.code", "access_token_invalid");
    stage.token = token_for(talk, "tiktok", "demo", "user.info.basic video.upload");
    assert_int_equal(call(&stage, CREATOR, ""), 401);
    expect_text(talk, "error.code", "scope_not_authorized");
    assert_int_equal(call(&stage, INIT, POST(INFO(), SMALL)), 401);
    assert_int_equal(init(&stage, INBOX, "{\"source_info\":" SMALL "}"), 200);
    assert_int_equal(strncmp(stage.id, "v_inbox_file~v2", 15), 0);
    assert_string_equal(status_of(&stage), "PROCESSING_UPLOAD");
    struct ask user = {.path = "/v2/user/info/?fields=open_id,display_name", .token = stage.token};
    assert_int_equal(ask(talk, user), 200);
    expect_text(talk, "data.user.display_name", "demo");
    user.path = "/v2/user/info/?fields=username";
    assert_int_equal(ask(talk, user), 401);
    user.path = "/v2/user/info/?fields=colour";
    assert_int_equal(ask(talk, user), 400);
    /* Another account's, and nobody's. */
    stage.token = token_for(talk, "tiktok", "second", NULL);
    const char *body = kn_arena_printf(talk->arena, "{\"publish_id\":\"%s\"}", stage.id);
    assert_int_equal(call(&stage, STATUS, body), 400);
    expect_text(talk, "error.code", "token_not_authorized_for_specified_publish_id");
    assert_int_equal(call(&stage, STATUS, "{\"publish_id\":\"v_pub_file~v2-1.1\"}"), 400);
    expect_text(talk, "error.code", "invalid_publish_id");
    stage_close(&stage);
}

/* ---- limits ---- */

static void test_rates(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body;
        int most;
    } cases[] = {{CREATOR, "", 20},
                 {INIT, "{}", 6},
                 {INBOX, "{}", 6},
                 {STATUS, "{}", 30},
                 {CANCEL, "{}", 30}};
    struct stage stage;
    stage_open(&stage, NULL);
    set(&stage.talk, "{\"tiktok-init-rate\": 6, \"tiktok-status-rate\": 30}");
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        for (int n = 0; n < cases[i].most; n++)
            assert_int_not_equal(call(&stage, cases[i].path, cases[i].body), 429);
        assert_int_equal(call(&stage, cases[i].path, cases[i].body), 429);
        expect_text(&stage.talk, "error.code", "rate_limit_exceeded");
    }
    /* Of this token alone, and of this minute. */
    const char *first = stage.token;
    stage.token = token_for(&stage.talk, "tiktok", "demo", NULL);
    assert_int_equal(call(&stage, CREATOR, "{}"), 200);
    stage.token = first;
    assert_int_equal(call(&stage, CREATOR, "{}"), 429);
    advance(&stage.talk, 60);
    assert_int_equal(call(&stage, CREATOR, "{}"), 200);
    stage_close(&stage);
}

static void expect_capped(struct stage *stage, const char *code)
{
    assert_int_equal(call(stage, CREATOR, ""), 200);
    expect_text(&stage->talk, "error.code", code);
    assert_int_equal(call(stage, INIT, POST(INFO(), SMALL)), 403);
    expect_text(&stage->talk, "error.code", code);
}

static void test_caps(void **state)
{
    (void)state;
    static const char alone[] =
        POST("{\"privacy_level\":\"SELF_ONLY\",\"brand_content_toggle\":false}", SMALL);
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    for (int i = 0; i < 15; i++)
        assert_int_equal(call(&stage, INIT, POST(INFO(), SMALL)), 200);
    expect_capped(&stage, "spam_risk_too_many_posts");
    for (int i = 0; i < 5; i++)
        assert_int_equal(call(&stage, INBOX, "{\"source_info\":" SMALL "}"), 200);
    assert_int_equal(call(&stage, INBOX, "{\"source_info\":" SMALL "}"), 403);
    expect_text(talk, "error.code", "spam_risk_too_many_pending_share");
    advance(talk, 86400);
    stage.token = token_for(talk, "tiktok", "demo", NULL);
    assert_int_equal(call(&stage, INIT, POST(INFO(), SMALL)), 200);
    set(talk, "{\"tiktok-banned\": true}");
    expect_capped(&stage, "spam_risk_user_banned_from_posting");
    /* An app that is not audited: private accounts, for themselves, and few of them. */
    set(talk, "{\"tiktok-banned\": 0, \"unaudited\": 1, \"tiktok-users\": 1}");
    assert_int_equal(call(&stage, INIT, alone), 403);
    expect_text(talk, "error.code", "unaudited_client_can_only_post_to_private_accounts");
    set(talk, "{\"tiktok-private\": 1}");
    assert_int_equal(call(&stage, INIT, alone), 200);
    assert_int_equal(call(&stage, CREATOR, ""), 200);
    expect_text(talk, "data.privacy_level_options.0", "FOLLOWER_OF_CREATOR");
    stage.token = token_for(talk, "tiktok", "second", NULL);
    assert_int_equal(call(&stage, INIT, alone), 403);
    expect_text(talk, "error.code", "reached_active_user_cap");
    stage_close(&stage);
}

/* ---- chunks ---- */

static void expect_progress(const struct stage *stage, long bytes)
{
    char wanted[80];
    snprintf(wanted, sizeof wanted, "bytes 0-%ld/%ld", bytes, stage->size);
    assert_string_equal(head_of(&stage->talk, "content-range"), wanted);
}

/* All that is left after the first chunk; the file is what was sent. */
static void expect_left(struct stage *stage)
{
    char hash[KN_HASH_TEXT_BYTES];
    assert_int_equal(send_chunk(stage, CHUNK, FILE_BYTES - CHUNK), 201);
    expect_progress(stage, FILE_BYTES);
    kn_hash_bytes(stage->file, FILE_BYTES, hash);
    expect_ledger(&stage->talk, 0, "hash", hash);
}

static void test_chunks(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    assert_int_equal(init_file(&stage, INIT, CHUNK), 200);
    assert_true(strlen(stage.id) <= 64);
    const struct {
        long first, size, total;
        const char *type;
        int status;
    } wrong[] = {
        {CHUNK, CHUNK, FILE_BYTES, "Content-Type: video/mp4", 416},
        {0, CHUNK - 1, FILE_BYTES, "Content-Type: video/mp4", 400},
        {0, CHUNK + 1, FILE_BYTES, "Content-Type: video/mp4", 400},
        {0, CHUNK, FILE_BYTES + 1, "Content-Type: video/mp4", 400},
        {0, CHUNK, FILE_BYTES, "Content-Type: video/x-matroska", 400},
        {0, CHUNK, FILE_BYTES, NULL, 400},
    };
    for (size_t i = 0; i < KN_COUNT_OF(wrong); i++)
        assert_int_equal(put(&stage, wrong[i].first, wrong[i].size, wrong[i].total, wrong[i].type),
                         wrong[i].status);
    assert_int_equal(send_chunk(&stage, 0, CHUNK), 206);
    expect_progress(&stage, CHUNK);
    assert_int_equal(send_chunk(&stage, 0, CHUNK), 416);
    expect_progress(&stage, CHUNK);
    set(&stage.talk, "{\"tiktok-range-last\": 1}");
    assert_int_equal(send_chunk(&stage, 0, CHUNK), 416);
    expect_progress(&stage, CHUNK - 1);
    set(&stage.talk, "{\"tiktok-range-last\": 0}");
    assert_string_equal(status_of(&stage), "PROCESSING_UPLOAD");
    expect_text(&stage.talk, "data.uploaded_bytes", "6000000");
    /* The last one is larger. */
    assert_int_equal(send_chunk(&stage, CHUNK, CHUNK), 400);
    expect_left(&stage);
    assert_int_equal(send_chunk(&stage, CHUNK, FILE_BYTES - CHUNK), 416);
    expect_ledger(&stage.talk, 0, "state", "processing");
    stage.upload = "/video/?upload_id=1&upload_token=2";
    assert_int_equal(send_chunk(&stage, 0, CHUNK), 404);
    assert_int_equal(init_file(&stage, INIT, CHUNK), 200);
    advance(&stage.talk, 3601);
    assert_int_equal(send_chunk(&stage, 0, CHUNK), 403);
    stage_close(&stage);
}

/* Who comes later writes; the connection that was left behind is cut, and stores nothing more. */
static void test_left_behind(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    assert_int_equal(init_file(&stage, INIT, CHUNK), 200);
    int old = raw_connect(kn_sandbox_port(stage.talk.sandbox));
    assert_true(
        raw_send(old, kn_arena_printf(stage.talk.arena,
                                      "PUT %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                                      "Content-Type: video/mp4\r\nContent-Length: %d\r\n"
                                      "Content-Range: bytes 0-%d/%d\r\n\r\n",
                                      stage.upload, CHUNK, CHUNK - 1, FILE_BYTES)));
    KN_SCOPED_STR head = {0};
    assert_true(raw_read_head(old, &head)); /* 100: it is the writer now */
    assert_true(raw_send_bytes(old, "nonsense", 8));
    (void)status_of(&stage);
    expect_text(&stage.talk, "data.uploaded_bytes", "0");
    assert_int_equal(send_chunk(&stage, 0, CHUNK), 206);
    (void)raw_send_bytes(old, stage.file, 1000);
    char byte;
    assert_int_equal(raw_read(old, &byte, 1, WAIT_MS), 0);
    close(old);
    expect_left(&stage);
    stage_close(&stage);
}

static void test_accidents(void **state)
{
    (void)state;
    static const char *const faults[] = {"partial,path=tiktok-upload,first=1",
                                         "cut-upload,path=tiktok-upload,after=1,first=1",
                                         "lost,path=tiktok-upload,after=3,first=1",
                                         "503,path=tiktok-upload,after=4,first=1",
                                         "expired,path=tiktok-upload,after=5,first=1",
                                         NULL};
    struct stage stage;
    stage_open(&stage, faults);
    assert_int_equal(init_file(&stage, INIT, CHUNK), 200);
    /* Half of it is no chunk. */
    assert_int_equal(send_chunk(&stage, 0, CHUNK), 206);
    expect_progress(&stage, 0);
    assert_int_equal(send_chunk(&stage, 0, CHUNK), -KN_IO);
    assert_string_equal(status_of(&stage), "PROCESSING_UPLOAD");
    expect_text(&stage.talk, "data.uploaded_bytes", "0");
    assert_int_equal(send_chunk(&stage, 0, CHUNK), 206);
    /* It is done, and nobody says so. */
    assert_int_equal(send_chunk(&stage, CHUNK, FILE_BYTES - CHUNK), -KN_IO);
    (void)status_of(&stage);
    assert_int_equal(strtol(told(&stage.talk, "data.uploaded_bytes"), NULL, 10), FILE_BYTES);
    assert_int_equal(posts_in_ledger(&stage.talk), 1);
    assert_int_equal(init_file(&stage, INIT, CHUNK), 200);
    assert_int_equal(send_chunk(&stage, 0, CHUNK), 503);
    expect_text(&stage.talk, "error.code", "internal_error");
    assert_int_equal(send_chunk(&stage, 0, CHUNK), 403);
    stage_close(&stage);
}

/* ---- what becomes of posts ---- */

static void read_video(struct stage *stage, const char *arguments, const char *name)
{
    const char *folder = temp_folder(stage->talk.arena);
    const char *path = kn_arena_printf(stage->talk.arena, "%s/%s", folder, name);
    make_media("-f lavfi -i testsrc=size=360x640:rate=25:duration=1 %s %s", arguments, path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    stage->size = (long)fread(stage->file, 1, FILE_BYTES, file);
    fclose(file);
    temp_folder_remove(folder);
}

static void post_video(struct stage *stage, const char *path)
{
    assert_int_equal(init_file(stage, path, stage->size), 200);
    int status = send_chunk(stage, 0, stage->size);
    if (status != 201)
        fail_msg("%d %s: %s", status, told(&stage->talk, "error.code"),
                 told(&stage->talk, "error.message"));
}

static void test_publishing(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, NULL);
    struct talk *talk = &stage.talk;
    read_video(&stage, "-c:v libx264 -preset ultrafast -frames:v 25", "a.mp4");
    set(talk, "{\"processing\": 1000, \"tiktok-moderation\": 1000}");
    post_video(&stage, INIT);
    assert_string_equal(status_of(&stage), "PROCESSING_UPLOAD");
    advance(talk, 1001);
    /* It is complete before others see it, and has no id until then. */
    assert_string_equal(status_of(&stage), "PUBLISH_COMPLETE");
    expect_text(talk, "data.publicaly_available_post_id.0", "");
    expect_ledger(talk, 0, "state", "processing");
    advance(talk, 1000);
    (void)status_of(&stage);
    const char *id = kn_arena_strdup(talk->arena, told(talk, "data.publicaly_available_post_id.0"));
    assert_int_equal(strlen(id), 19);
    expect_ledger(talk, 0, "id", id);
    expect_ledger(talk, 0, "state", "live");
    expect_ledger(talk, 0, "text.caption", "One #cat");
    const char *body = kn_arena_printf(talk->arena, "{\"publish_id\":\"%s\"}", stage.id);
    assert_int_equal(call(&stage, CANCEL, body), 400);
    expect_text(talk, "error.code", "publish_not_cancellable");
    /* What is for its owner alone is complete, without an id. */
    KN_SCOPED_STR alone = {0};
    kn_str_printf(
        &alone,
        "{\"post_info\":{\"privacy_level\":\"SELF_ONLY\",\"brand_content_toggle\":false},"
        "\"source_info\":{\"source\":\"FILE_UPLOAD\",\"video_size\":%ld,\"chunk_size\":%ld,"
        "\"total_chunk_count\":1}}",
        stage.size, stage.size);
    assert_int_equal(init(&stage, INIT, kn_str_text(&alone)), 200);
    assert_int_equal(send_chunk(&stage, 0, stage.size), 201);
    advance(talk, 3000);
    assert_string_equal(status_of(&stage), "PUBLISH_COMPLETE");
    expect_text(talk, "data.publicaly_available_post_id.0", "");
    expect_ledger(talk, 1, "state", "hidden");
    /* A draft is its owner's to finish. */
    post_video(&stage, INBOX);
    advance(talk, 1001);
    assert_string_equal(status_of(&stage), "SEND_TO_USER_INBOX");
    expect_ledger(talk, 2, "state", "draft");
    /* One that is cancelled never appears, nor one whose token is revoked. */
    post_video(&stage, INIT);
    body = kn_arena_printf(talk->arena, "{\"publish_id\":\"%s\"}", stage.id);
    assert_int_equal(call(&stage, CANCEL, body), 200);
    assert_string_equal(status_of(&stage), "FAILED");
    expect_text(talk, "data.fail_reason", "publish_cancelled");
    post_video(&stage, INIT);
    body = kn_arena_printf(talk->arena,
                           "client_key=sandbox-client&client_secret=sandbox-secret&token=%s",
                           stage.token);
    assert_int_equal(ask_form(talk, "/v2/oauth/revoke/", body), 200);
    stage.token = token_for(talk, "tiktok", "demo", NULL);
    assert_string_equal(status_of(&stage), "FAILED");
    expect_text(talk, "data.fail_reason", "auth_removed");
    advance(talk, 5000);
    expect_ledger(talk, 3, "state", "failed");
    expect_ledger(talk, 4, "state", "failed");
    stage_close(&stage);
}

static void test_failures(void **state)
{
    (void)state;
    static const char *const faults[] = {"processing-fails,path=tiktok-init,first=1",
                                         "processing-slow,path=tiktok-init,after=1,first=1,seconds="
                                         "5000",
                                         NULL};
    struct stage stage;
    stage_open(&stage, faults);
    struct talk *talk = &stage.talk;
    read_video(&stage, "-c:v libx264 -preset ultrafast -frames:v 25", "a.mp4");
    set(talk, "{\"tiktok-fail-reason\": 10}");
    post_video(&stage, INIT);
    advance(talk, 10);
    assert_string_equal(status_of(&stage), "FAILED");
    expect_text(talk, "data.fail_reason", "spam_risk_text");
    expect_ledger(talk, 0, "reason", "spam_risk_text");
    post_video(&stage, INIT);
    advance(talk, 4900);
    assert_string_equal(status_of(&stage), "PROCESSING_UPLOAD");
    advance(talk, 101);
    assert_string_equal(status_of(&stage), "PUBLISH_COMPLETE");
    /* Matroska is no WebM, though it may hold the same. */
    read_video(&stage, "-c:v libvpx -deadline realtime -cpu-used 8 -frames:v 5", "a.webm");
    post_video(&stage, INIT);
    advance(talk, 10);
    assert_string_equal(status_of(&stage), "PUBLISH_COMPLETE");
    read_video(&stage, "-c:v libvpx -deadline realtime -cpu-used 8 -frames:v 5", "a.mkv");
    post_video(&stage, INIT);
    advance(talk, 10);
    assert_string_equal(status_of(&stage), "FAILED");
    expect_text(talk, "data.fail_reason", "file_format_check_failed");
    /* What the sandbox has at a URL of its own, and what it has not. */
    for (int i = 0; i < 2; i++) {
        KN_SCOPED_STR body = {0};
        kn_str_printf(&body,
                      "{\"post_info\":" INFO() ",\"source_info\":{\"source\":\"PULL_FROM_URL\","
                                               "\"video_url\":\"http://127.0.0.1:%d/sandbox/media/"
                                               "%d\"}}",
                      kn_sandbox_port(talk->sandbox), i ? 77 : 1);
        assert_int_equal(init(&stage, INIT, kn_str_text(&body)), 200);
        assert_string_equal(status_of(&stage), "PROCESSING_DOWNLOAD");
        advance(talk, 10);
        assert_string_equal(status_of(&stage), i ? "FAILED" : "PUBLISH_COMPLETE");
    }
    expect_text(talk, "data.fail_reason", "video_pull_failed");
    stage_close(&stage);
}

static void test_files(void **state)
{
    (void)state;
    static const struct {
        const char *container, *video;
        double seconds, fps;
        int width, height;
        const char *reason;
    } cases[] = {
        {"mov,mp4,m4a,3gp,3g2,mj2", "h264", 600, 60, 360, 4096, NULL},
        {"mov,mp4,m4a,3gp,3g2,mj2", "hevc", 1, 23, 4096, 360, NULL},
        {"mov,mp4,m4a,3gp,3g2,mj2", "mpeg4", 10, 30, 720, 1280, "file_format_check_failed"},
        {"mov,mp4,m4a,3gp,3g2,mj2", "av1", 10, 30, 720, 1280, "file_format_check_failed"},
        {"mov,mp4,m4a,3gp,3g2,mj2", "", 10, 30, 720, 1280, "file_format_check_failed"},
        {"avi", "h264", 10, 30, 720, 1280, "file_format_check_failed"},
        {"mov,mp4,m4a,3gp,3g2,mj2", "h264", 600.01, 30, 720, 1280, "duration_check_failed"},
        {"mov,mp4,m4a,3gp,3g2,mj2", "h264", 0, 30, 720, 1280, "duration_check_failed"},
        {"mov,mp4,m4a,3gp,3g2,mj2", "h264", 10, 22.9, 720, 1280, "frame_rate_check_failed"},
        {"mov,mp4,m4a,3gp,3g2,mj2", "h264", 10, 60.1, 720, 1280, "frame_rate_check_failed"},
        {"mov,mp4,m4a,3gp,3g2,mj2", "h264", 10, 30, 359, 1280, "picture_size_check_failed"},
        {"mov,mp4,m4a,3gp,3g2,mj2", "h264", 10, 30, 720, 4097, "picture_size_check_failed"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_upload upload = {.path = (char[]){"/nowhere"},
                                   .facts = {.readable = true,
                                             .duration_us = (int64_t)(cases[i].seconds * 1e6),
                                             .width = cases[i].width,
                                             .height = cases[i].height,
                                             .fps = cases[i].fps}};
        snprintf(upload.facts.container, sizeof upload.facts.container, "%s", cases[i].container);
        snprintf(upload.facts.video, sizeof upload.facts.video, "%s", cases[i].video);
        const char *reason = kn_tt_judge_file(&upload, 600);
        if (strcmp(reason ? reason : "", cases[i].reason ? cases[i].reason : "") != 0)
            fail_msg("case %zu: %s", i, reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),      cmocka_unit_test(test_post_info),
        cmocka_unit_test(test_who_may),    cmocka_unit_test(test_rates),
        cmocka_unit_test(test_caps),       cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_accidents),  cmocka_unit_test(test_left_behind),
        cmocka_unit_test(test_publishing), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
