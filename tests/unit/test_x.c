/* X: a post comes to its end exactly once, whatever goes wrong, at an X of the test's. */
#include "run_help.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "platform/x.h"
#include "posting_harness.h"

enum { SMALL = 300000, TWO_SEGMENTS = KN_X_SEGMENT_BYTES + 1000, UPLOADS_MAX = 64, POSTS_MAX = 8 };

struct upload {
    int64_t total;
    bool video, finalized;
    char *segments[2];
    size_t sizes[2];
    int polls;
};

struct world {
    struct harness h;
    struct upload uploads[UPLOADS_MAX];
    int upload_count, joined, finalizes, early_polls, pages;
    char *posts[POSTS_MAX]; /* as JSON */
    char *texts[POSTS_MAX];
    int post_count;
    int64_t checked_us; /* the next status is asked for not before */
    bool damaged;
    /* How this X is. */
    bool fails_processing, hides_posts, hides_attachments, takes_duplicates, forgets_upload;
    bool refuses_subtitles, expires_soon;
    int garbled_lists;                 /* so many are none */
    int newer;                         /* posts of the account since */
    int refuses_status, refuses_times; /* posts */
    const char *refuses, *refuses_header;
};

static void forget_all(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < w->upload_count; i++)
        for (int j = 0; j < 2; j++)
            free(w->uploads[i].segments[j]);
    for (int i = 0; i < w->post_count; i++) {
        free(w->posts[i]);
        free(w->texts[i]);
    }
    memset(w->uploads, 0, sizeof w->uploads);
    w->upload_count = w->joined = w->finalizes = w->early_polls = w->post_count = w->pages = 0;
    w->checked_us = 0;
    w->damaged = false;
}

static void refuse(const struct kn_exchange *x, struct kn_reply *reply, int status,
                   const char *detail)
{
    harness_reply(x, reply, status,
                  "{\"title\":\"Problem\",\"detail\":\"%s\",\"type\":\"about:blank\","
                  "\"status\":%d}",
                  detail, status);
}

/* ---- uploads ---- */

static struct upload *upload_of(struct world *w, const char *id)
{
    long long number;
    bool known = kn_parse_int(id, 101, 100 + w->upload_count, &number);
    return known ? &w->uploads[number - 101] : NULL;
}

static void initialize(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    KN_SCOPED_JSON body = json_loadb(x->body, x->body_size, 0, NULL);
    const char *category = json_string_value(json_object_get(body, "media_category"));
    if (!category || w->upload_count == UPLOADS_MAX) {
        refuse(x, reply, 400, "One or more parameters to your request was invalid.");
        return;
    }
    w->uploads[w->upload_count++] =
        (struct upload){.total = json_integer_value(json_object_get(body, "total_bytes")),
                        .video = strcmp(category, "tweet_video") == 0};
    harness_reply(x, reply, 200,
                  "{\"data\":{\"id\":\"%d\",\"media_key\":\"7_%d\",\"expires_after_secs\":%d}}",
                  100 + w->upload_count, 100 + w->upload_count, w->expires_soon ? 121 : 86400);
}

static void append(struct world *w, struct upload *upload, const struct kn_exchange *x,
                   struct kn_reply *reply)
{
    const struct kn_server_field *index = kn_server_part(x, "segment_index");
    const struct kn_server_field *media = kn_server_part(x, "media");
    long long i;
    if (!index || !media || !kn_parse_int(index->data, 0, 1, &i) || media->size > 5000000 ||
        upload->finalized || w->forgets_upload) {
        w->forgets_upload = false;
        refuse(x, reply, 404, "no such upload");
        return;
    }
    free(upload->segments[i]);
    upload->segments[i] = kn_malloc(media->size + 1);
    memcpy(upload->segments[i], media->data, media->size);
    upload->sizes[i] = media->size;
    harness_reply(x, reply, 200, "{\"data\":{\"expires_at\":1796200000}}");
}

static void check_whole(struct world *w, const struct upload *upload)
{
    char text[KN_HASH_TEXT_BYTES];
    KN_SCOPED(kn_hash) hash = kn_hash_new();
    for (int i = 0; i < 2; i++)
        if (upload->segments[i])
            kn_hash_add(hash, upload->segments[i], upload->sizes[i]);
    kn_hash_text(hash, text);
    w->damaged |= upload->video && strcmp(text, w->h.clip.hash) != 0;
}

static void say_state(struct world *w, const struct upload *upload, const struct kn_exchange *x,
                      struct kn_reply *reply)
{
    const char *state = upload->polls < 2     ? "in_progress"
                        : w->fails_processing ? "failed"
                                              : "succeeded";
    int id = 101 + (int)(upload - w->uploads);
    w->checked_us = harness_there_us(&w->h) + (upload->polls < 2 ? 3000000 : 0);
    harness_reply(x, reply, 200,
                  "{\"data\":{\"id\":\"%d\",\"media_key\":\"7_%d\",\"size\":1%s%s%s}}", id, id,
                  upload->video ? ",\"processing_info\":{\"check_after_secs\":3,\"state\":\"" : "",
                  upload->video ? state : "",
                  upload->video ? "\",\"error\":{\"message\":\"Unsupported\\nvideo\"}}" : "");
}

static void finalize(struct world *w, struct upload *upload, const struct kn_exchange *x,
                     struct kn_reply *reply)
{
    if ((int64_t)(upload->sizes[0] + upload->sizes[1]) != upload->total || upload->finalized) {
        refuse(x, reply, 400, "Segments do not add up to provided total file size.");
        return;
    }
    w->finalizes += upload->video;
    upload->finalized = true;
    check_whole(w, upload);
    say_state(w, upload, x, reply);
}

static void serve_upload(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    const char *at = x->path + strlen("/2/media/upload");
    if (strcmp(at, "/initialize") == 0) {
        initialize(w, x, reply);
        return;
    }
    const char *id = *at ? kn_arena_strndup(x->arena, at + 1, strcspn(at + 1, "/"))
                         : harness_query(x, "media_id");
    struct upload *upload = upload_of(w, id);
    if (!upload)
        refuse(x, reply, 404, "no such upload");
    else if (kn_ends_with(at, "/append"))
        append(w, upload, x, reply);
    else if (kn_ends_with(at, "/finalize"))
        finalize(w, upload, x, reply);
    else if (!upload->finalized)
        harness_reply(x, reply, 200, "{\"data\":{\"id\":\"%s\"}}", id);
    else {
        w->early_polls += harness_there_us(&w->h) < w->checked_us;
        upload->polls++;
        say_state(w, upload, x, reply);
    }
}

/* ---- posts ---- */

/* As X shows it: an address is a link of t.co, and the video is one more. */
static char *show(const char *text)
{
    KN_SCOPED_STR out = {0};
    while (*text) {
        if (kn_starts_with(text, "https://")) {
            kn_str_add(&out, "https://t.co/abc");
            text += strcspn(text, " \n");
        } else if (*text == '&') {
            kn_str_add(&out, "&amp;");
            text++;
        } else {
            kn_str_add_char(&out, *text++);
        }
    }
    kn_str_add(&out, " https://t.co/video1");
    return kn_str_take(&out);
}

static void post(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    KN_SCOPED_JSON body = json_loadb(x->body, x->body_size, 0, NULL);
    const char *text = json_string_value(json_object_get(body, "text"));
    const char *id = json_string_value(
        json_array_get(json_object_get(json_object_get(body, "media"), "media_ids"), 0));
    const struct upload *upload = id ? upload_of(w, id) : NULL;
    if (w->refuses_times-- > 0) {
        refuse(x, reply, w->refuses_status, w->refuses);
        if (w->refuses_header)
            harness_reply_header(x, reply, "x-rate-limit-reset", w->refuses_header);
        return;
    }
    text = text ? text : "";
    for (int i = 0; i < w->post_count; i++)
        if (strcmp(w->texts[i], text) == 0 && !w->takes_duplicates) {
            refuse(x, reply, 403, "You are not allowed to create a Tweet with duplicate content.");
            return;
        }
    if (!upload || !upload->finalized || upload->polls < 2 || w->post_count == POSTS_MAX) {
        refuse(x, reply, 400, "Your media IDs are invalid.");
        return;
    }
    char *shown = show(text), at[KN_TIME_TEXT_BYTES];
    KN_SCOPED_JSON made =
        json_pack("{s:o, s:s, s:s}", "id", json_sprintf("14455408%d", w->post_count), "text", shown,
                  "created_at", kn_time_iso(harness_there_us(&w->h), at));
    if (!w->hides_attachments)
        json_object_set_new(made, "attachments",
                            json_pack("{s:[o]}", "media_keys", json_sprintf("7_%s", id)));
    w->texts[w->post_count] = kn_strdup(text);
    w->posts[w->post_count++] = json_dumps(made, JSON_COMPACT);
    free(shown);
    harness_reply(x, reply, 201, "{\"data\":%s}", w->posts[w->post_count - 1]);
}

/* A page of them, the newest first: `newer` other ones, those that were posted, and an old one. */
static void list_posts(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    char at[KN_TIME_TEXT_BYTES], more[40] = "";
    long long most = 10, from = 0;
    int own = w->hides_posts ? 0 : w->post_count, count = w->newer + own + 1;
    KN_SCOPED_STR list = {0};
    (void)kn_parse_int(harness_query(x, "max_results"), 5, 100, &most);
    (void)kn_parse_int(harness_query(x, "pagination_token"), 0, count, &from);
    int end = KN_MIN((int)(from + most), count);
    for (int i = (int)from; i < end; i++) {
        bool is_own = i >= w->newer && i < w->newer + own;
        int64_t at_us = i < w->newer ? harness_there_us(&w->h) : w->h.start_us + w->h.ahead_us;
        if (is_own)
            kn_str_printf(&list, "%s%s", list.length ? "," : "",
                          w->posts[own - 1 - (i - w->newer)]);
        else
            kn_str_printf(&list,
                          "%s{\"id\":\"%d\",\"text\":\"Other https://t.co/abc\",\"created_at\":"
                          "\"%s\"}",
                          list.length ? "," : "", i + 1, kn_time_iso(at_us, at));
    }
    if (end < count)
        snprintf(more, sizeof more, ",\"next_token\":\"%d\"", end);
    w->pages++;
    if (w->garbled_lists && w->garbled_lists--) {
        harness_reply(x, reply, 200, "{\"errors\":[{\"title\":\"Not Found Error\"}]}");
        return;
    }
    harness_reply(x, reply, 200, "{\"data\":[%s],\"meta\":{\"result_count\":%d%s}}",
                  kn_str_text(&list), end - (int)from, more);
}

static void serve(void *arg, const struct kn_exchange *x, struct kn_reply *reply)
{
    struct world *w = arg;
    if (!harness_is_authorized(&w->h, x))
        refuse(x, reply, 401, "Unauthorized");
    else if (kn_starts_with(x->path, "/2/media/upload"))
        serve_upload(w, x, reply);
    else if (strcmp(x->path, "/2/media/subtitles") == 0 && w->refuses_subtitles)
        refuse(x, reply, 403, "no subtitles today");
    else if (strcmp(x->path, "/2/media/subtitles") == 0) {
        w->joined++;
        harness_reply(x, reply, 200, "{\"data\":{}}");
    } else if (strcmp(x->path, "/2/tweets") == 0)
        post(w, x, reply);
    else if (strcmp(x->path, "/2/users/me") == 0)
        harness_reply(x, reply, 200, "{\"data\":{\"id\":\"2244994945\"}}");
    else if (strcmp(x->path, "/2/users/2244994945/tweets") == 0)
        list_posts(w, x, reply);
    else
        refuse(x, reply, 404, "not found");
}

static int begin_with(void **state, size_t bytes)
{
    struct world *w =
        harness_world_open(state, sizeof *w, &kn_platform_x, bytes, forget_all, serve);
    w->h.text = (struct kn_post_text){
        .title = "", .caption = "Now & then: https://example.com/a (new)\n#one", .language = "en"};
    return 0;
}

static int begin(void **state)
{
    return begin_with(state, SMALL);
}

static int begin_with_two_segments(void **state)
{
    return begin_with(state, TWO_SEGMENTS);
}

static void expect_live(struct world *w)
{
    /* A question whose answer is lost is repeated at once. */
    bool early = w->early_polls && !w->h.plan->fault_at;
    harness_expect_live(&w->h, w->post_count == 1 && !w->damaged && !early,
                        "one post, with the whole video", "144554080",
                        "/somebody/status/144554080");
}

/* ---- exactly once ---- */

static void judge(struct harness *h, const struct harness_plan *plan)
{
    (void)plan;
    struct world *w = h->world;
    expect_live(w);
    if (w->joined < 1 || h->reason[0])
        harness_fail(h, "with subtitles");
}

static void whatever_breaks_one_post_is_there(void **state)
{
    struct world *w = *state;
    harness_sweep(&w->h, judge);
}

static void posts_are_known_by_text_and_time_as_well(void **state)
{
    struct world *w = *state;
    w->hides_attachments = true;
    w->takes_duplicates = true; /* so that nothing but looking helps */
    w->h.clip.subtitles = NULL;
    harness_run(&w->h, NULL);
    for (int k = 1, requests = w->h.requests; k <= requests; k++) {
        const struct harness_plan plan = {.fault_at = k, .fault = HARNESS_LOST};
        harness_run(&w->h, &plan);
        expect_live(w);
    }
}

static void segments_are_sent_once_each(void **state)
{
    struct world *w = *state;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->h.progress_bytes, TWO_SEGMENTS);
    for (int n = 1; n <= 4; n++)
        for (int after = 0; after < 2; after++) {
            const struct harness_plan plan = {n, after, 3, HARNESS_LOST, false};
            harness_run(&w->h, &plan);
            expect_live(w);
        }
}

/* The request for the post, in a run without subtitles. */
static struct harness_plan lost_post(struct world *w)
{
    w->h.clip.subtitles = NULL;
    harness_run(&w->h, NULL);
    return (struct harness_plan){.fault_at = w->h.requests, .fault = HARNESS_LOST};
}

static void a_post_that_is_not_shown_is_unknown(void **state)
{
    struct world *w = *state;
    struct harness_plan plan = lost_post(w);
    w->hides_posts = true;
    harness_run(&w->h, &plan);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_int_equal(w->post_count, 1);
    harness_run_again(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    w->hides_posts = false;
    harness_run_again(&w->h, NULL);
    expect_live(w);
}

/* X tells of what it could not do with 200, too: then nothing is said of what is there. */
static void an_answer_without_a_list_settles_nothing(void **state)
{
    struct world *w = *state;
    struct harness_plan plan = lost_post(w);
    w->hides_posts = true;
    harness_run(&w->h, &plan);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    w->hides_posts = false;
    w->takes_duplicates = true;
    w->garbled_lists = 4;
    w->h.now_us += INT64_C(172800000000); /* a list that has nothing would be believed */
    harness_run_again(&w->h, NULL);
    expect_live(w);
}

static void a_post_is_found_behind_a_thousand_newer_ones(void **state)
{
    struct world *w = *state;
    struct harness_plan plan = lost_post(w);
    w->newer = 1000;
    w->takes_duplicates = true;
    harness_run(&w->h, &plan);
    expect_live(w);
    assert_int_equal(w->pages, 11);
    /* More than X shows of an account: what is not among them is not known not to be there. */
    w->newer = 4000;
    harness_run(&w->h, &plan);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_int_equal(w->post_count, 1);
    assert_non_null(strstr(w->h.remedy, "look among the posts of @somebody on X for “Now & then: "
                                        "https://example.com/a (new)”, sent at about 20"));
    assert_non_null(strstr(w->h.remedy, "`kirinuki posts resolve 12 --url URL`"));
    assert_non_null(strstr(w->h.remedy, "`kirinuki posts resolve 12 --absent`"));
}

/* The clocks of the two sides are hours apart. */
static void clocks_may_differ(void **state)
{
    struct world *w = *state;
    static const int hours[] = {-25, -1, 1, 25};
    struct harness_plan plan = lost_post(w);
    w->hides_attachments = true; /* so that times count */
    w->takes_duplicates = true;
    for (size_t i = 0; i < KN_COUNT_OF(hours); i++) {
        w->h.ahead_us = hours[i] * 3600 * KN_US_PER_S;
        harness_run(&w->h, &plan);
        expect_live(w);
    }
}

static void without_a_text_it_is_not_sent_again_soon(void **state)
{
    struct world *w = *state;
    struct harness_plan plan = lost_post(w);
    w->h.text.caption = "";
    w->hides_posts = true;
    harness_run(&w->h, &plan);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_int_equal(w->post_count, 1);
    plan.fault = HARNESS_UNSEEN;
    harness_run(&w->h, &plan);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_int_equal(w->post_count, 0);
    w->h.now_us += INT64_C(7200000000);
    harness_run_again(&w->h, NULL);
    expect_live(w);
}

static void the_same_text_by_somebody_else_has_failed(void **state)
{
    struct world *w = *state;
    w->refuses = "You are not allowed to create a Tweet with duplicate content.";
    w->refuses_status = 403;
    w->refuses_times = 1;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_non_null(strstr(w->h.reason, "posted the same"));
    assert_int_equal(w->post_count, 0);
}

/* ---- refusals, waits, remarks ---- */

static void refusals_have_a_reason_and_a_remedy(void **state)
{
    struct world *w = *state;
    static const struct {
        int status;
        const char *detail, *sentence, *remedy;
    } rows[] = {
        {402, "Your account does not have any credits", "no credits left", "developer.x.com"},
        {403, "This user is not allowed to post a video longer than 2 minutes.", "longer than 2",
         "shorter clip"},
        {403, "You are not permitted to perform this action.", "not permit", "kirinuki auth x"},
        {400, "Strange\\u001b[31m", "(400): Strange?[31m", "--retry"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(rows); i++) {
        w->refuses_status = rows[i].status;
        w->refuses = rows[i].detail;
        w->refuses_times = 9;
        harness_run(&w->h, NULL);
        assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
        if (!strstr(w->h.reason, rows[i].sentence) || !strstr(w->h.remedy, rows[i].remedy))
            fail_msg("%d: \"%s\", \"%s\"", rows[i].status, w->h.reason, w->h.remedy);
    }
}

static void limits_are_waited_for(void **state)
{
    struct world *w = *state;
    w->refuses = "Too Many Requests";
    w->refuses_status = 429;
    w->refuses_times = 1;
    w->refuses_header = "1796127000"; /* ten minutes after the beginning */
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_string_equal(w->h.quota, "posts");
    assert_int_equal(w->h.quota_until_us, INT64_C(1796127001000000));
}

static void uploads_that_are_gone_are_begun_anew(void **state)
{
    struct world *w = *state;
    w->h.clip.subtitles = NULL;
    w->forgets_upload = true;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->upload_count, 2);
}

static void what_cannot_be_processed_has_failed(void **state)
{
    struct world *w = *state;
    w->fails_processing = true;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_non_null(strstr(w->h.reason, "Unsupported?video"));
    w->fails_processing = false;
    harness_run_again(&w->h, NULL);
    expect_live(w);
}

static void subtitles_that_fail_are_a_remark(void **state)
{
    struct world *w = *state;
    w->refuses_subtitles = true;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_non_null(strstr(w->h.reason, "subtitles could not be added: X answers 403: no sub"));
}

static void texts_are_recognised_as_x_shows_them(void **state)
{
    (void)state;
    static const struct {
        const char *sent, *seen;
        bool same;
    } rows[] = {
        {"Hello", "Hello", true},
        {"Hello", "Hello https://t.co/abc", true},
        {"", "https://t.co/abc", true},
        {"a & b <c>", "a &amp; b &lt;c&gt; https://t.co/abc", true},
        {"see (https://a.example/x?y) now", "see (https://t.co/1) now https://t.co/2", true},
        {"see a.example now", "see https://t.co/1 now", true},
        {"line\n\nline", "line\nline", true},
        {"Hello", "Hello world", false},
        {"Hello world", "Hello", false},
        {"Hello world", "Hello https://t.co/1", false},
        {"see a.example", "look https://t.co/1", false},
        {"", "Hello", false},
    };
    for (size_t i = 0; i < KN_COUNT_OF(rows); i++)
        if (kn_x_is_text(rows[i].sent, rows[i].seen) != rows[i].same)
            fail_msg("\"%s\" and \"%s\"", rows[i].sent, rows[i].seen);
}

#define X_TEST(name) cmocka_unit_test_setup_teardown(name, begin, harness_world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        X_TEST(whatever_breaks_one_post_is_there),
        X_TEST(posts_are_known_by_text_and_time_as_well),
        cmocka_unit_test_setup_teardown(segments_are_sent_once_each, begin_with_two_segments,
                                        harness_world_close),
        X_TEST(a_post_that_is_not_shown_is_unknown),
        X_TEST(an_answer_without_a_list_settles_nothing),
        X_TEST(a_post_is_found_behind_a_thousand_newer_ones),
        X_TEST(clocks_may_differ),
        X_TEST(without_a_text_it_is_not_sent_again_soon),
        X_TEST(the_same_text_by_somebody_else_has_failed),
        X_TEST(refusals_have_a_reason_and_a_remedy),
        X_TEST(limits_are_waited_for),
        X_TEST(uploads_that_are_gone_are_begun_anew),
        X_TEST(what_cannot_be_processed_has_failed),
        X_TEST(subtitles_that_fail_are_a_remark),
        cmocka_unit_test(texts_are_recognised_as_x_shows_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
