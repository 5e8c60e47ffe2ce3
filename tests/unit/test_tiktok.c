/* TikTok: a post comes to its end exactly once, whatever goes wrong, at a TikTok of the test's. */
#include "run_help.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "platform/tiktok.h"
#include "posting_harness.h"

enum { SMALL = 300001, TWO_CHUNKS = 20000007, SMALL_CHUNK = 70000, UPLOADS_MAX = 64 };

struct upload {
    char *data;
    int64_t stored, bytes, chunk;
    int polls, puts;
    bool complete, dead;
};

struct world {
    struct harness h;
    struct upload uploads[UPLOADS_MAX];
    int upload_count;
    json_t *info; /* post_info of the last one */
    bool damaged, draft;
    /* How this TikTok is. */
    const char *options; /* of privacy, as JSON */
    int max_s;
    bool keeps_halves, counts_bytes, hides_range, hides_bytes, hides_ids, forgets;
    int expires_at; /* PUT of the first upload, from 1 */
    bool expires_after;
    const char *refuses_path, *refuses_code, *fail_reason, *says;
    int refuses_status, refuses_times, fails_times, says_at, polls_more, lags;
};

static void forget_all(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < w->upload_count; i++)
        free(w->uploads[i].data);
    memset(w->uploads, 0, sizeof w->uploads);
    json_decref(w->info);
    w->info = NULL;
    w->upload_count = 0;
    w->damaged = w->draft = false;
}

static int posts(const struct world *w)
{
    int count = 0;
    for (int i = 0; i < w->upload_count; i++)
        count += w->uploads[i].complete && !(i < w->fails_times);
    return count;
}

static void refuse(const struct kn_exchange *x, struct kn_reply *reply, int status,
                   const char *code)
{
    harness_reply(x, reply, status,
                  "{\"data\":{},\"error\":{\"code\":\"%s\",\"message\":\"No\\n, %s\","
                  "\"log_id\":\"2026\"}}",
                  code, code);
}

static const char ok[] = "\"error\":{\"code\":\"ok\",\"message\":\"\",\"log_id\":\"2026\"}";

/* ---- an upload ---- */

static struct upload *add_upload(struct world *w, int64_t bytes, int64_t chunk)
{
    struct upload *upload = &w->uploads[w->upload_count++];
    *upload = (struct upload){.data = kn_malloc((size_t)bytes), .bytes = bytes, .chunk = chunk};
    return upload;
}

/* As the guides have it. */
static bool is_plan(const struct world *w, int64_t bytes, int64_t chunk, int64_t count)
{
    if (bytes != w->h.clip.bytes || count < 1 || count > 1000)
        return false;
    if (count == 1)
        return chunk == bytes && bytes <= 64000000;
    return chunk >= 5000000 && chunk <= 64000000 && count == bytes / chunk;
}

static void initialize(struct world *w, const struct kn_exchange *x, struct kn_reply *reply,
                       bool draft)
{
    KN_SCOPED_JSON body = json_loadb(x->body, x->body_size, 0, NULL);
    const json_t *source = json_object_get(body, "source_info");
    int64_t bytes = json_integer_value(json_object_get(source, "video_size"));
    int64_t chunk = json_integer_value(json_object_get(source, "chunk_size"));
    int64_t count = json_integer_value(json_object_get(source, "total_chunk_count"));
    json_t *info = json_object_get(body, "post_info");
    const char *privacy = json_string_value(json_object_get(info, "privacy_level"));
    if (!is_plan(w, bytes, chunk, count) || w->upload_count == UPLOADS_MAX || draft != !info) {
        refuse(x, reply, 400, "invalid_params");
        return;
    }
    if (!draft && (!privacy || !strstr(w->options, privacy))) {
        refuse(x, reply, 403, "privacy_level_option_mismatch");
        return;
    }
    json_decref(w->info);
    w->info = json_incref(info);
    w->draft = draft;
    add_upload(w, bytes, chunk);
    harness_reply(x, reply, 200,
                  "{\"data\":{\"publish_id\":\"v_pub_file~v2-1.%d\",\"upload_url\":"
                  "\"%s/video/?upload_id=%d&upload_token=Xza123\"},%s}",
                  w->upload_count, w->h.service_url, w->upload_count, ok);
}

static void say_range(const struct world *w, const struct upload *upload,
                      const struct kn_exchange *x, struct kn_reply *reply, int status)
{
    harness_reply(x, reply, status, "%s", "");
    if (!w->hides_range)
        harness_reply_header(x, reply, "Content-Range",
                             kn_arena_printf(x->arena, "bytes 0-%lld/%lld",
                                             (long long)upload->stored - !w->counts_bytes,
                                             (long long)upload->bytes));
}

static void check_whole(struct world *w, struct upload *upload)
{
    char text[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(upload->data, (size_t)upload->bytes, text);
    w->damaged |= strcmp(text, w->h.clip.hash) != 0;
    upload->complete = true;
}

static void put(struct world *w, struct upload *upload, const struct kn_exchange *x,
                struct kn_reply *reply)
{
    long long from, to, total;
    bool whole = !harness_is_cut(x);
    int got =
        sscanf(harness_header(x, "content-range"), "bytes %lld-%lld/%lld", &from, &to, &total);
    bool first = upload == w->uploads && ++upload->puts == w->expires_at;
    if (upload->dead || (first && !w->expires_after)) {
        upload->dead = true;
        harness_reply(x, reply, 403, "expired");
        return;
    }
    if (got != 3 || total != upload->bytes || harness_header(x, "authorization")[0] ||
        strcmp(harness_header(x, "content-type"), "video/mp4") != 0) {
        harness_reply(x, reply, 400, "bad headers");
        return;
    }
    if (from != upload->stored) {
        say_range(w, upload, x, reply, 416);
        return;
    }
    if (whole && to + 1 != kn_tiktok_chunk_end(upload->bytes, upload->chunk, from)) {
        harness_reply(x, reply, 400, "not the plan's chunk");
        return;
    }
    if (!whole && !w->keeps_halves)
        return;
    memcpy(upload->data + from, x->body, x->body_size);
    upload->stored += (int64_t)x->body_size;
    upload->dead |= first;
    if (upload->stored == upload->bytes)
        check_whole(w, upload);
    say_range(w, upload, x, reply, upload->complete ? 201 : 206);
}

static void say_status(struct world *w, struct upload *upload, const struct kn_exchange *x,
                       struct kn_reply *reply)
{
    int polls = upload->complete ? ++upload->polls : 0;
    bool done = polls > 2 + w->polls_more, fails = upload - w->uploads < w->fails_times;
    KN_SCOPED_JSON data = json_pack("{s:s}", "status",
                                    !done      ? "PROCESSING_UPLOAD"
                                    : fails    ? "FAILED"
                                    : w->draft ? "SEND_TO_USER_INBOX"
                                               : "PUBLISH_COMPLETE");
    if (!w->hides_bytes)
        json_object_set_new(data, "uploaded_bytes",
                            json_integer(upload->stored - (polls && polls <= w->lags)));
    if (done && fails)
        json_object_set_new(data, "fail_reason", json_string(w->fail_reason));
    if (polls > 3 + w->polls_more && !fails && !w->hides_ids)
        json_object_set_new(data, "publicaly_available_post_id",
                            json_pack("[I]", (json_int_t)7300000000000000001));
    KN_SCOPED_MEM char *text = json_dumps(data, JSON_COMPACT);
    harness_reply(x, reply, 200, "{\"data\":%s,%s}", text, ok);
}

static void serve_api(struct world *w, const struct kn_exchange *x, struct kn_reply *reply,
                      const char *call)
{
    KN_SCOPED_JSON body = json_loadb(x->body, x->body_size, 0, NULL);
    const char *id = json_string_value(json_object_get(body, "publish_id"));
    long long number = 0;
    if (!harness_is_authorized(&w->h, x))
        refuse(x, reply, 401, "access_token_invalid");
    else if (w->refuses_path && strcmp(call, w->refuses_path) == 0 && w->refuses_times-- > 0)
        refuse(x, reply, w->refuses_status, w->refuses_code);
    else if (strcmp(call, "creator_info/query/") == 0)
        harness_reply(x, reply, 200,
                      "{\"data\":{\"creator_username\":\"some.body\",\"privacy_level_options\":%s,"
                      "\"comment_disabled\":true,\"stitch_disabled\":false,"
                      "\"max_video_post_duration_sec\":%d},%s}",
                      w->options, w->max_s, ok);
    else if (strcmp(call, "video/init/") == 0 || strcmp(call, "inbox/video/init/") == 0)
        initialize(w, x, reply, *call == 'i');
    else if (strcmp(call, "status/fetch/") != 0)
        refuse(x, reply, 404, "not_found");
    else if (!id || w->forgets || !kn_parse_int(strrchr(id, '.') + 1, 1, w->upload_count, &number))
        refuse(x, reply, 400, "invalid_publish_id");
    else
        say_status(w, &w->uploads[number - 1], x, reply);
}

static void serve(void *arg, const struct kn_exchange *x, struct kn_reply *reply)
{
    struct world *w = arg;
    const char *api = "/v2/post/publish/";
    long long number;
    if (w->says_at && w->h.requests == w->says_at) {
        harness_reply(x, reply, 200, "%s", w->says);
        return;
    }
    if (kn_starts_with(x->path, api))
        serve_api(w, x, reply, x->path + strlen(api));
    else if (strcmp(x->method, "PUT") == 0 &&
             kn_parse_int(harness_query(x, "upload_id"), 1, w->upload_count, &number))
        put(w, &w->uploads[number - 1], x, reply);
    else
        harness_reply(x, reply, 404, "nothing here");
}

static int begin_with(void **state, size_t bytes)
{
    struct world *w =
        harness_world_open(state, sizeof *w, &kn_platform_tiktok, bytes, forget_all, serve);
    w->options = "[\"PUBLIC_TO_EVERYONE\",\"MUTUAL_FOLLOW_FRIENDS\",\"SELF_ONLY\"]";
    w->max_s = 300;
    return 0;
}

static int begin(void **state)
{
    return begin_with(state, SMALL);
}

static int begin_with_two_chunks(void **state)
{
    return begin_with(state, TWO_CHUNKS);
}

static void expect_live(struct world *w)
{
    harness_expect_live(&w->h, posts(w) == 1 && !w->damaged, "one post, with the whole video",
                        "7300000000000000001", "/@some.body/video/7300000000000000001");
}

/* ---- chunks ---- */

static void plans_are_within_the_rules(void **state)
{
    (void)state;
    static const int64_t sizes[] = {
        1,         4999999,   5000000,   5242880,   9999999,    10000000,   10000001,
        19999999,  20000000,  20000001,  50000123,  63999999,   64000000,   64000001,
        67108864,  79999999,  80000001,  127999999, 128000000,  128000001,  134217728,
        511999999, 512000000, 512000001, 575999999, 4000000000, 4294967296, 64063999999,
    };
    for (size_t i = 0; i < KN_COUNT_OF(sizes); i++) {
        struct kn_tiktok_chunks chunks;
        int64_t bytes = sizes[i], at = 0, end = 0, longest = 0;
        int count = 0;
        assert_true(kn_tiktok_plan(bytes, &chunks));
        for (; at < bytes; at = end, count++) {
            end = kn_tiktok_chunk_end(bytes, chunks.chunk_bytes, at);
            longest = end - at > longest ? end - at : longest;
            assert_true(end > at && end <= bytes);
            assert_int_equal(kn_tiktok_chunk_end(bytes, chunks.chunk_bytes, end - 1), end);
            assert_int_equal(kn_tiktok_chunk_end(bytes, chunks.chunk_bytes, at + (end - at) / 3),
                             end);
        }
        bool fine =
            count == chunks.count && count <= 1000 && longest <= 128000000 &&
            (count == 1 ? chunks.chunk_bytes == bytes && bytes <= 64000000
                        : chunks.chunk_bytes >= 10000000 && chunks.chunk_bytes <= 64000000 &&
                              count == bytes / chunks.chunk_bytes);
        if (!fine)
            fail_msg("%lld bytes: %d chunks of %lld", (long long)bytes, chunks.count,
                     (long long)chunks.chunk_bytes);
    }
    struct kn_tiktok_chunks untouched = {7, 7};
    assert_false(kn_tiktok_plan(0, &untouched));
    assert_false(kn_tiktok_plan(INT64_C(64064000000), &untouched));
    assert_int_equal(untouched.chunk_bytes, 7);
}

/* ---- exactly once ---- */

static void judge(struct harness *h, const struct harness_plan *plan)
{
    (void)plan;
    expect_live(h->world);
}

static void whatever_breaks_one_post_is_there(void **state)
{
    struct world *w = *state;
    harness_sweep(&w->h, judge);
    const char *title = json_string_value(json_object_get(w->info, "title"));
    assert_string_equal(title, "A caption #one");
    assert_true(json_is_true(json_object_get(w->info, "disable_comment")));
    assert_true(json_is_false(json_object_get(w->info, "disable_duet")));
}

/* An upload is begun already, with chunks that are small enough for many runs. */
static void run_with_small_chunks(struct world *w, const struct harness_plan *plan)
{
    static const struct harness_plan stop = {.crash_at = 1};
    harness_run(&w->h, &stop);
    forget_all(w);
    add_upload(w, SMALL, SMALL_CHUNK);
    KN_SCOPED_JSON memory = json_pack(
        "{s:s, s:o, s:i, s:s, s:s, s:i}", "publish_id", "v_pub_file~v2-1.1", "upload_url",
        json_sprintf("%s/video/?upload_id=1", w->h.service_url), "chunk_bytes", SMALL_CHUNK,
        "privacy", "PUBLIC_TO_EVERYONE", "creator", "some.body", "uploads", 1);
    free(w->h.memory);
    w->h.memory = json_dumps(memory, JSON_COMPACT);
    w->h.state = KN_POST_UPLOADING;
    harness_run_again(&w->h, plan);
}

static void sweep_small_chunks(struct world *w)
{
    static const struct harness_plan nothing;
    run_with_small_chunks(w, &nothing);
    expect_live(w);
    int requests = w->h.requests, remembers = w->h.remembers;
    assert_true(w->uploads[0].puts == SMALL / SMALL_CHUNK);
    for (int fault = HARNESS_UNSEEN; fault < HARNESS_FAULT_COUNT; fault++)
        for (int k = 1; k <= requests; k++) {
            const struct harness_plan plan = {.fault_at = k, .fault = (enum harness_fault)fault};
            run_with_small_chunks(w, &plan);
            expect_live(w);
        }
    for (int n = 1; n <= remembers; n++)
        for (int after = 0; after < 2; after++) {
            const struct harness_plan plan = {.crash_at = n, .crash_after = after};
            run_with_small_chunks(w, &plan);
            expect_live(w);
            assert_int_equal(w->upload_count, 1);
        }
}

static void chunks_go_on_where_they_were(void **state)
{
    sweep_small_chunks(*state);
}

static void halves_of_chunks_are_gone_on_with(void **state)
{
    struct world *w = *state;
    w->keeps_halves = w->counts_bytes = true;
    sweep_small_chunks(w);
}

static void what_tiktok_does_not_tell_is_found_out(void **state)
{
    struct world *w = *state;
    w->keeps_halves = w->hides_range = true;
    sweep_small_chunks(w);
}

static void real_chunks_are_sent(void **state)
{
    struct world *w = *state;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->uploads[0].puts, 2);
    for (int k = 3; k <= 4; k++) {
        const struct harness_plan plan = {.fault_at = k, .fault = HARNESS_LOST};
        harness_run(&w->h, &plan);
        expect_live(w);
    }
}

/* More than may go in one. */
static void large_files_go_in_chunks(void **state)
{
    struct world *w = *state;
    const char *path = kn_path_join(w->h.arena, w->h.folder, "sparse.mp4");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_int_equal(ftruncate(fd, 64000001), 0);
    close(fd);
    harness_use_clip(&w->h, path);
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->uploads[0].puts, 6);
    assert_int_equal(w->h.progress_bytes, 64000001);
}

/* ---- the upload address ends ---- */

static void expired_addresses_are_replaced(void **state)
{
    struct world *w = *state;
    for (w->expires_at = 1; w->expires_at <= SMALL / SMALL_CHUNK; w->expires_at++) {
        run_with_small_chunks(w, &(struct harness_plan){0});
        expect_live(w);
        assert_int_equal(w->upload_count, 2);
    }
}

static void an_address_may_end_with_the_last_chunk(void **state)
{
    struct world *w = *state;
    w->expires_at = SMALL / SMALL_CHUNK;
    w->expires_after = true;
    /* The answer to the last chunk is lost, and the address takes no more. */
    const struct harness_plan lost = {.fault_at = w->expires_at, .fault = HARNESS_LOST};
    run_with_small_chunks(w, &lost);
    expect_live(w);
    assert_int_equal(w->upload_count, 1);
    w->hides_bytes = true;
    w->polls_more = 40; /* as long as that there is no telling */
    run_with_small_chunks(w, &lost);
    expect_live(w);
    assert_int_equal(w->upload_count, 1);
}

static void what_tiktok_says_at_first_is_not_the_last_word(void **state)
{
    struct world *w = *state;
    w->expires_at = SMALL / SMALL_CHUNK;
    w->expires_after = true;
    w->polls_more = w->lags = 5; /* times it says that a byte is missing, and none is */
    const struct harness_plan lost = {.fault_at = w->expires_at, .fault = HARNESS_LOST};
    run_with_small_chunks(w, &lost);
    expect_live(w);
    assert_int_equal(w->upload_count, 1);
}

static void a_post_that_tiktok_forgets_is_unknown(void **state)
{
    struct world *w = *state;
    w->forgets = true;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_int_equal(posts(w), 1);
    harness_run_again(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    w->forgets = false;
    harness_run_again(&w->h, NULL);
    expect_live(w);
}

/* ---- refusals ---- */

struct refusal {
    const char *path;
    int status;
    const char *code;
    enum kn_posting_next outcome;
    const char *says;  /* in reason or remedy */
    const char *quota; /* that is used up; NULL: none */
};

static void refusals_lead_where_they_should(void **state)
{
    struct world *w = *state;
    static const char creator[] = "creator_info/query/", video[] = "video/init/",
                      fetch[] = "status/fetch/";
    static const struct refusal table[] = {
        {creator, 200, "spam_risk_too_many_posts", KN_NEXT_LIVE, "", "posts"},
        {creator, 200, "spam_risk_user_banned_from_posting", KN_NEXT_FAILED, "banned", NULL},
        {creator, 200, "reached_active_user_cap", KN_NEXT_LIVE, "", NULL},
        /* There is no other token, as the harness says. */
        {creator, 200, "access_token_invalid", KN_NEXT_FAILED, "token was refused", NULL},
        {creator, 401, "access_token_invalid", KN_NEXT_FAILED, "token was refused", NULL},
        {creator, 401, "scope_not_authorized", KN_NEXT_FAILED, "permit", NULL},
        {creator, 429, "rate_limit_exceeded", KN_NEXT_LIVE, "", NULL},
        {creator, 500, "internal_error", KN_NEXT_LIVE, "", NULL},
        {video, 400, "invalid_param", KN_NEXT_FAILED, "No?, invalid_param", NULL},
        {video, 400, "invalid_params", KN_NEXT_FAILED, "No?, invalid_params", NULL},
        {video, 200, "something_new", KN_NEXT_FAILED, "something_new", NULL},
        {video, 403, "spam_risk_too_many_posts", KN_NEXT_LIVE, "", "posts"},
        {video, 403, "spam_risk_too_many_pending_share", KN_NEXT_LIVE, "", "drafts"},
        {video, 403, "spam_risk", KN_NEXT_FAILED, "spam", NULL},
        {video, 403, "reached_active_user_cap", KN_NEXT_LIVE, "", NULL},
        {video, 403, "unaudited_client_can_only_post_to_private_accounts", KN_NEXT_FAILED,
         "audited", NULL},
        {video, 403, "url_ownership_unverified", KN_NEXT_FAILED, "verified", NULL},
        {video, 403, "privacy_level_option_mismatch", KN_NEXT_FAILED, "privacy", NULL},
        {video, 400, "app_version_check_failed", KN_NEXT_FAILED, "too old", NULL},
        {video, 400, "invalid_publish_id", KN_NEXT_FAILED, "no sense", NULL},
        {video, 429, "rate_limit_exceeded", KN_NEXT_LIVE, "", NULL},
        {video, 503, "internal_error", KN_NEXT_LIVE, "", NULL},
        {fetch, 400, "invalid_publish_id", KN_NEXT_UNKNOWN, "look among the videos", NULL},
        {fetch, 400, "token_not_authorized_for_specified_publish_id", KN_NEXT_UNKNOWN,
         "look among the videos", NULL},
        {fetch, 401, "scope_not_authorized", KN_NEXT_UNKNOWN, "kirinuki auth tiktok", NULL},
        {fetch, 403, "something_new", KN_NEXT_UNKNOWN, "something_new", NULL},
        {fetch, 429, "rate_limit_exceeded", KN_NEXT_LIVE, "", NULL},
        {fetch, 500, "internal_error", KN_NEXT_LIVE, "", NULL},
    };
    for (size_t i = 0; i < KN_COUNT_OF(table); i++) {
        const struct refusal *t = &table[i];
        w->refuses_path = t->path;
        w->refuses_status = t->status;
        w->refuses_code = t->code;
        w->refuses_times = t->status == 429 || t->status >= 500 ? 1 : 2;
        harness_run(&w->h, NULL);
        int there = t->outcome == KN_NEXT_FAILED ? 0 : 1;
        if (w->h.outcome != t->outcome || posts(w) != there ||
            (!strstr(w->h.reason, t->says) && !strstr(w->h.remedy, t->says)) ||
            strcmp(w->h.quota, t->quota ? t->quota : "") != 0)
            fail_msg("%s %s: ended as %d, %d posts: %s; %s; %s", t->path, t->code, w->h.outcome,
                     posts(w), w->h.reason, w->h.remedy, w->h.quota);
        if (t->quota || strcmp(t->code, "reached_active_user_cap") == 0)
            assert_true(w->h.waited_us >= 86400 * KN_US_PER_S);
    }
}

static void endings_have_a_reason_and_a_remedy(void **state)
{
    struct world *w = *state;
    static const char *const reasons[] = {
        "file_format_check_failed", "duration_check_failed",
        "frame_rate_check_failed",  "picture_size_check_failed",
        "publish_cancelled",        "auth_removed",
        "spam_risk_too_many_posts", "spam_risk_user_banned_from_posting",
        "spam_risk_text",           "spam_risk",
        "brand_new_reason",
    };
    for (size_t i = 0; i < KN_COUNT_OF(reasons); i++) {
        w->fail_reason = reasons[i];
        w->fails_times = UPLOADS_MAX;
        harness_run(&w->h, NULL);
        if (w->h.outcome != KN_NEXT_FAILED || !w->h.reason[0] || !w->h.remedy[0])
            harness_fail(&w->h, reasons[i]);
        assert_int_equal(w->upload_count, 1);
        w->fails_times = 1; /* the next one does not fail */
        harness_run_again(&w->h, NULL);
        expect_live(w);
    }
}

static void tiktoks_own_failure_is_tried_again(void **state)
{
    struct world *w = *state;
    w->fail_reason = "internal";
    w->fails_times = 2;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->upload_count, 3);
    w->fails_times = UPLOADS_MAX;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_int_equal(w->upload_count, 4);
}

/* ---- what the account permits ---- */

static void privacy_is_one_of_the_offered(void **state)
{
    struct world *w = *state;
    w->hides_ids = true;
    w->options = "[\"FOLLOWER_OF_CREATOR\",\"SELF_ONLY\",7]";
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_non_null(strstr(w->h.reason, "does not post to everyone"));
    assert_string_equal(w->h.url + strlen(w->h.service_url), "/@some.body");
    assert_string_equal(json_string_value(json_object_get(w->info, "privacy_level")), "SELF_ONLY");
    w->h.options.privacy = KN_PRIVACY_FOLLOWERS;
    harness_run(&w->h, NULL);
    assert_string_equal(json_string_value(json_object_get(w->info, "privacy_level")),
                        "FOLLOWER_OF_CREATOR");
    w->h.options.privacy = KN_PRIVACY_PUBLIC;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_string_equal(w->h.reason, "the account can't post with the privacy “public”, only with "
                                     "“followers”, “private”");
    assert_int_equal(w->upload_count, 0);
}

static void public_posts_without_an_address_are_live(void **state)
{
    struct world *w = *state;
    w->hides_ids = true;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_non_null(strstr(w->h.reason, "no address yet"));
    assert_string_equal(w->h.remote_id, "v_pub_file~v2-1.1");
}

static void clips_are_as_long_as_the_account_may(void **state)
{
    struct world *w = *state;
    w->max_s = 29;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_string_equal(w->h.reason, "the clip lasts 30.0 s, and TikTok allows this account 29 s");
    assert_string_equal(w->h.remedy, "make a clip of at most 29 s");
    w->max_s = 30;
    harness_run(&w->h, NULL);
    expect_live(w);
}

static void drafts_wait_in_the_inbox(void **state)
{
    struct world *w = *state;
    w->h.options.draft = true;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_non_null(strstr(w->h.reason, "finish and post it in TikTok's app"));
    assert_true(w->draft);
    assert_int_equal(posts(w), 1);
}

/* ---- a bad world ---- */

static void another_file_is_not_posted(void **state)
{
    struct world *w = *state;
    int fd = open(w->h.clip.path, O_WRONLY);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = w->h.clip.modified_us / 1000000,
                                 .tv_nsec = w->h.clip.modified_us % 1000000 * 1000}};
    assert_int_equal(pwrite(fd, "another", 7, 1000), 7);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_int_equal(w->h.status, KN_INVALID);
    assert_int_equal(posts(w), 0);
}

static void hostile_answers_do_no_harm(void **state)
{
    struct world *w = *state;
    KN_SCOPED_STR huge = {0};
    kn_str_add(&huge, "{\"data\":{\"publish_id\":\"");
    for (int i = 0; i < 100000; i++)
        kn_str_add_char(&huge, 'a');
    kn_str_add(&huge, "\",\"upload_url\":\"https://a\",\"status\":\"PUBLISH_COMPLETE_\"},"
                      "\"error\":{\"code\":\"ok\"}}");
    const char *const bodies[] = {
        kn_str_text(&huge),
        "[]",
        "7",
        "{\"data\":[],\"error\":{\"code\":\"ok\"}}",
        "{\"data\":{\"publish_id\":{},\"upload_url\":[],\"status\":7},\"error\":{\"code\":\"ok\"}}",
        ("{\"data\":{\"publish_id\":\"a/../b\",\"upload_url\":\"https://a\"},\"error\":{\"code\":"
         "\"ok\"}}"),
        ("{\"data\":{\"publish_id\":\"a\\u001b[2J\",\"upload_url\":\"https://a\",\"status\":"
         "\"FAILED\\u0007\"},\"error\":{\"code\":\"ok\"}}"),
        ("{\"data\":{\"publish_id\":\"abc\",\"upload_url\":\"ftp://a/"
         "b\"},\"error\":{\"code\":\"ok\"}"
         "}"),
        ("{\"data\":{\"publish_id\":\"abc\",\"upload_url\":\"file:///etc/passwd\"},\"error\":{"
         "\"code\":\"ok\"}}"),
        ("{\"data\":{\"status\":\"PROCESSING_UPLOAD\",\"uploaded_bytes\":-5},\"error\":{\"code\":"
         "\"ok\"}}"),
        ("{\"data\":{\"status\":\"PROCESSING_UPLOAD\",\"uploaded_bytes\":\"9223372036854775807\"},"
         "\"error\":{\"code\":\"ok\"}}"),
        ("{\"data\":{\"status\":\"PROCESSING_UPLOAD\",\"uploaded_bytes\":99999999999999999999},"
         "\"error\":{\"code\":\"ok\"}}"),
    };
    harness_run(&w->h, NULL);
    int requests = w->h.requests;
    for (size_t i = 0; i < KN_COUNT_OF(bodies); i++)
        for (int k = 2; k <= requests; k++) {
            if (k == 3)
                continue; /* a PUT, of which the body is not read */
            w->says = bodies[i];
            w->says_at = k;
            harness_run(&w->h, NULL);
            expect_live(w);
        }
}

#define TIKTOK_TEST(name) cmocka_unit_test_setup_teardown(name, begin, harness_world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_within_the_rules),
        TIKTOK_TEST(whatever_breaks_one_post_is_there),
        TIKTOK_TEST(chunks_go_on_where_they_were),
        TIKTOK_TEST(halves_of_chunks_are_gone_on_with),
        TIKTOK_TEST(what_tiktok_does_not_tell_is_found_out),
        cmocka_unit_test_setup_teardown(real_chunks_are_sent, begin_with_two_chunks,
                                        harness_world_close),
        TIKTOK_TEST(large_files_go_in_chunks),
        TIKTOK_TEST(expired_addresses_are_replaced),
        TIKTOK_TEST(an_address_may_end_with_the_last_chunk),
        TIKTOK_TEST(what_tiktok_says_at_first_is_not_the_last_word),
        TIKTOK_TEST(a_post_that_tiktok_forgets_is_unknown),
        TIKTOK_TEST(refusals_lead_where_they_should),
        TIKTOK_TEST(endings_have_a_reason_and_a_remedy),
        TIKTOK_TEST(tiktoks_own_failure_is_tried_again),
        TIKTOK_TEST(privacy_is_one_of_the_offered),
        TIKTOK_TEST(public_posts_without_an_address_are_live),
        TIKTOK_TEST(clips_are_as_long_as_the_account_may),
        TIKTOK_TEST(drafts_wait_in_the_inbox),
        TIKTOK_TEST(another_file_is_not_posted),
        TIKTOK_TEST(hostile_answers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
