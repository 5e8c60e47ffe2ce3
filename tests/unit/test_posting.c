/* What platforms' clients stand on: memory, requests with tokens and parts of a clip, answers. */
#include "run_help.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "platform/clip_file.h"
#include "posting_harness.h"

enum { CLIP_BYTES = 3000000 };

/* A platform whose one step is the test's. */
struct world {
    struct harness h;
    enum kn_status (*step)(struct world *w, struct kn_posting *posting, struct kn_error *err);
    int status; /* of the answer */
    const char *body, *retry_after;
    char authorization[64], content_type[64], seen[256];
    size_t body_size;
    char hash[KN_HASH_TEXT_BYTES];
    char moved[KN_HASH_TEXT_BYTES];
};

static struct world *the_world; /* a descriptor has no place for it */

static enum kn_status advance(struct kn_posting *posting, struct kn_error *err)
{
    return the_world->step(the_world, posting, err);
}

static const struct kn_quota quota = {.kind = "things", .limit = 1, .span_us = 1};
static const struct kn_platform platform = {
    .name = "test",
    .label = "Test",
    .shown_as = "things",
    .shown_at = "over there",
    .quotas = &quota,
    .quota_count = 1,
    .advance = advance,
};

static void serve(void *arg, const struct kn_exchange *x, struct kn_reply *reply)
{
    struct world *w = arg;
    snprintf(w->authorization, sizeof w->authorization, "%s", harness_header(x, "authorization"));
    snprintf(w->content_type, sizeof w->content_type, "%s", harness_header(x, "content-type"));
    const struct kn_server_field *media = kn_server_part(x, "media");
    const void *body = media ? media->data : x->body;
    w->body_size = media ? media->size : x->body_size;
    kn_hash_bytes(body, w->body_size, w->hash);
    snprintf(w->seen, sizeof w->seen, "%s %.*s", x->path, (int)KN_MIN(x->body_size, 100),
             x->body ? (const char *)x->body : "");
    harness_reply(x, reply, w->status, "%s", w->body);
    if (w->retry_after)
        harness_reply_header(x, reply, "Retry-After", w->retry_after);
}

static void reset(void *arg)
{
    (void)arg;
}

static int begin(void **state)
{
    struct world *w = harness_world_open(state, sizeof *w, &platform, CLIP_BYTES, reset, serve);
    w->status = 200;
    w->body = "{}";
    the_world = w;
    return 0;
}

/* ---- memory ---- */

static enum kn_status use_memory(struct world *w, struct kn_posting *posting, struct kn_error *err)
{
    assert_null(kn_posting_text(posting, "text"));
    assert_int_equal(kn_posting_number(posting, "number"), 0);
    kn_posting_set_text(posting, "text", "a\xff");
    kn_posting_set_number(posting, "number", INT64_MAX);
    assert_string_equal(kn_posting_text(posting, "text"), "a\xEF\xBF\xBD");
    assert_null(kn_posting_text(posting, "number"));
    assert_int_equal(kn_posting_number(posting, "text"), 0);
    kn_posting_forget(posting, "text");
    assert_int_equal(kn_posting_intend(posting, err), KN_OK);
    assert_int_equal(kn_posting_intended_us(posting), w->h.now_us);
    kn_posting_settle(posting);
    assert_int_equal(kn_posting_intended_us(posting), 0);
    assert_int_equal(kn_posting_remember(posting, err), KN_OK);
    kn_posting_remark(posting, "one \x1b[31m");
    kn_posting_remark(posting, "two");
    kn_posting_remark(posting, "two");
    return kn_posting_live(posting, "7", "http://there");
}

static void memory_is_kept_and_remarks_are_told(void **state)
{
    struct world *w = *state;
    w->step = use_memory;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_string_equal(w->h.reason, "one ?[31m; two");
    assert_non_null(strstr(w->h.memory, "\"number\":9223372036854775807"));
    assert_null(strstr(w->h.memory, "intent"));
}

/* ---- requests ---- */

static enum kn_status ask(struct world *w, struct kn_posting *posting, struct kn_error *err)
{
    struct kn_http_answer answer;
    KN_SCOPED_JSON body = json_pack("{s:s}", "a", "b");
    const struct kn_posting_call call = {
        .request = {.url = kn_posting_url(posting, "https://nowhere.example", "/v1/%d", 7)},
        .token = KN_TOKEN_BEARER,
        .json = body,
    };
    (void)w;
    enum kn_status status = kn_posting_call(posting, &call, &answer, NULL, err);
    return status == KN_OK ? kn_posting_live(posting, "7", "") : status;
}

static void a_refused_token_is_replaced_once(void **state)
{
    struct world *w = *state;
    const struct harness_plan plan = {.fault_at = 1, .fault = HARNESS_TOKEN};
    w->step = ask;
    harness_run(&w->h, &plan);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_int_equal(w->h.requests, 2);
    assert_string_equal(w->authorization, "Bearer token-2");
    assert_string_equal(w->content_type, "application/json; charset=UTF-8");
    assert_string_equal(w->seen, "/v1/7 {\"a\":\"b\"}");
    w->status = 401;
    harness_run(&w->h, NULL); /* no other token is to be had */
    assert_int_equal(w->h.status, KN_DENIED);
    assert_int_equal(w->h.requests, 1);
}

static bool says_no(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    const char *code = kn_answer_text(posting, kn_answer_json(posting, answer), "code", 8);
    return code && strcmp(code, "190") == 0;
}

static enum kn_status ask_strangely(struct world *w, struct kn_posting *posting,
                                    struct kn_error *err)
{
    struct kn_http_answer answer;
    const struct kn_posting_call call = {
        .request = {.url = kn_posting_url(posting, "", "/")},
        .token = KN_TOKEN_OAUTH,
        .refused = says_no,
    };
    pthread_mutex_lock(&w->h.lock);
    w->h.token++; /* the first that is asked for is good, and the service does not know it yet */
    pthread_mutex_unlock(&w->h.lock);
    enum kn_status status = kn_posting_call(posting, &call, &answer, NULL, err);
    return status == KN_OK ? kn_posting_live(posting, "7", "") : status;
}

static void platforms_say_for_themselves_what_a_refusal_is(void **state)
{
    struct world *w = *state;
    w->step = ask_strangely;
    w->body = "{\"code\":190}";
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.status, KN_DENIED);
    w->body = "{\"code\":10}";
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_true(kn_starts_with(w->authorization, "OAuth token-"));
}

static enum kn_status send_all(struct world *w, struct kn_posting *posting, struct kn_error *err)
{
    struct kn_http_answer answer;
    const struct kn_http_part parts[] = {
        {.name = "index", .data = "0", .size = 1},
        {.name = "media", .filename = "a.mp4", .content_type = "video/mp4"},
    };
    const struct kn_posting_call call = {
        .request = {.url = kn_posting_url(posting, "", "/"), .parts = parts, .part_count = 2},
        .file_bytes = posting->clip.bytes,
    };
    enum kn_status status = kn_posting_call(posting, &call, &answer, NULL, err);
    if (status != KN_OK)
        return status;
    assert_string_equal(w->hash, posting->clip.hash);
    assert_int_equal(w->h.progress_bytes, CLIP_BYTES);
    return kn_posting_live(posting, "7", "");
}

static void a_clip_can_be_a_part_of_a_form(void **state)
{
    struct world *w = *state;
    w->step = send_all;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_string_equal(w->authorization, "");
}

static enum kn_status answer_is_too_long(struct world *w, struct kn_posting *posting,
                                         struct kn_error *err)
{
    (void)w;
    struct kn_http_answer answer;
    struct kn_error own;
    bool sent = false;
    const struct kn_posting_call call = {
        .request = {.url = kn_posting_url(posting, "", "/"), .answer_max = 3}};
    assert_int_equal(kn_posting_call(posting, &call, &answer, &sent, &own), KN_REMOTE);
    assert_true(sent);
    (void)err;
    return kn_posting_live(posting, "7", "");
}

static void an_answer_that_is_too_long_says_nothing(void **state)
{
    struct world *w = *state;
    w->step = answer_is_too_long;
    w->body = "{\"a\":1}";
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
}

/* ---- answers ---- */

static enum kn_status read_answers(struct world *w, struct kn_posting *posting,
                                   struct kn_error *err)
{
    (void)w, (void)err;
    static const char text[] =
        "{\"data\":{\"id\":12345678901234567,\"name\":\"a\\u001bb\",\"list\":[{\"x\":\"y\"}],"
        "\"long\":\"12345678901234567890\",\"bad\":\"a/../b\",\"real\":1.5,\"null\":null,"
        "\"html\":\"over your <a href='/q'>quota</a>, 1 < 2\",\"tag\":\"<br>\","
        "\"inner\":\"{\\\"success\\\":false,\\\"error\\\":{\\\"message\\\":\\\"no\\\\\\\"way\\\"}}"
        "\","
        "\"wordless\":\"{\\\"success\\\":false}\"}}";
    struct kn_http_answer answer = {.body = text, .size = sizeof text - 1};
    const json_t *json = kn_answer_json(posting, &answer);
    assert_string_equal(kn_answer_text(posting, json, "data.id", 17), "12345678901234567");
    assert_null(kn_answer_text(posting, json, "data.name", 17));
    assert_string_equal(kn_answer_sentence(posting, json, "data.name"), "a?b");
    assert_string_equal(kn_answer_sentence(posting, json, "data.html"), "over your quota, 1 < 2");
    assert_string_equal(kn_answer_sentence(posting, json, "data.inner"), "no\"way");
    assert_null(kn_answer_sentence(posting, json, "data.wordless"));
    assert_null(kn_answer_sentence(posting, json, "data.tag"));
    assert_string_equal(kn_answer_text(posting, json, "data.list.0.x", 1), "y");
    assert_null(kn_answer_text(posting, json, "data.list.1.x", 1));
    assert_null(kn_answer_text(posting, json, "data.list.x", 1));
    assert_null(kn_answer_text(posting, json, "data.long", 19));
    assert_null(kn_answer_text(posting, json, "data.real", 19));
    assert_null(kn_answer_text(posting, json, "data.null", 19));
    assert_null(kn_answer_id(posting, json, "data.bad"));
    assert_string_equal(kn_answer_id(posting, json, "data.id"), "12345678901234567");
    assert_int_equal(kn_answer_number(json, "data.id", 1), INT64_C(12345678901234567));
    assert_int_equal(kn_answer_number(json, "data.long", 1), 1); /* beyond what there is */
    assert_int_equal(kn_answer_number(json, "data.name.x", 1), 1);
    assert_null(kn_answer_text(posting, NULL, "data", 1));
    static const char *const nonsense[] = {"", "7", "\"a\"", "{\"a\":", "{}x", "<html>", "[\xff]"};
    for (size_t i = 0; i < KN_COUNT_OF(nonsense); i++) {
        answer = (struct kn_http_answer){.body = nonsense[i], .size = strlen(nonsense[i])};
        assert_null(kn_answer_json(posting, &answer));
    }
    return kn_posting_live(posting, "7", "");
}

static void answers_are_read_as_hostile(void **state)
{
    struct world *w = *state;
    w->step = read_answers;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
}

static enum kn_status wait_once(struct world *w, struct kn_posting *posting, struct kn_error *err)
{
    if (kn_posting_number(posting, "waited"))
        return kn_posting_fail(posting, "wait", "%500d\n", 7);
    kn_posting_set_number(posting, "waited", 1);
    struct kn_http_answer answer;
    const struct kn_posting_call call = {.request = {.url = kn_posting_url(posting, "", "/")}};
    assert_int_equal(kn_posting_call(posting, &call, &answer, NULL, err), KN_OK);
    (void)w;
    return kn_posting_later(posting, &answer, 9000000, "busy");
}

static void waits_are_what_the_service_asks_for(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *retry_after;
        int64_t waited_s;
    } rows[] = {
        {NULL, 9},       {"30", 30},         {"0", 1},
        {"nonsense", 9}, {"9999999", 86400}, {"Tue, 01 Dec 2026 12:02:00 GMT", 120},
    };
    w->step = wait_once;
    for (size_t i = 0; i < KN_COUNT_OF(rows); i++) {
        w->retry_after = rows[i].retry_after;
        harness_run(&w->h, NULL);
        assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
        assert_true(strlen(w->h.reason) < 410 && kn_text_is_clean(w->h.reason));
        int64_t waited_s = w->h.waited_us / 1000000 - 10; /* the harness's own pause at the end */
        if (waited_s != rows[i].waited_s)
            fail_msg("\"%s\": %lld s", rows[i].retry_after, (long long)waited_s);
    }
}

/* ---- clocks ---- */

/* Its own step, so that what it asks and what it remembers are at hand. */
static enum kn_status look_at_clock(struct world *w, struct kn_posting *posting,
                                    struct kn_error *err)
{
    struct kn_http_answer answer;
    const struct kn_posting_call call = {.request = {.url = kn_posting_url(posting, "", "/")}};
    bool again = kn_posting_number(posting, "again");
    int64_t here_us = w->h.now_us, hour_us = 3600 * KN_US_PER_S;
    if (again) /* remembered, until an answer says something else */
        assert_int_equal(kn_posting_now_us(posting) / KN_US_PER_S,
                         (here_us + hour_us) / KN_US_PER_S);
    assert_int_equal(kn_posting_call(posting, &call, &answer, NULL, err), KN_OK);
    assert_int_equal(kn_posting_ahead_us(posting), again ? 0 : hour_us);
    if (again)
        return kn_posting_live(posting, "7", "");
    kn_posting_set_number(posting, "again", 1);
    assert_int_equal(kn_posting_intend(posting, err), KN_OK);
    assert_int_equal(kn_posting_intended_us(posting), here_us + hour_us);
    w->h.ahead_us = 20 * KN_US_PER_S; /* no more than a slow answer may be */
    return kn_posting_wait(posting, kn_posting_now_us(posting) + 60 * KN_US_PER_S, "a minute");
}

static void times_are_the_platforms(void **state)
{
    struct world *w = *state;
    w->step = look_at_clock;
    w->h.ahead_us = 3600 * KN_US_PER_S;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_int_equal(w->h.waited_us, 70 * KN_US_PER_S); /* the harness's own pause at the end */
    w->step = wait_once;
    w->h.ahead_us = -86400 * KN_US_PER_S;
    w->retry_after = "Mon, 30 Nov 2026 12:02:00 GMT";
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.waited_us, 130 * KN_US_PER_S);
}

/* ---- what a person looks for ---- */

static enum kn_status doubt(struct world *w, struct kn_posting *posting, struct kn_error *err)
{
    (void)w;
    assert_int_equal(kn_posting_intend(posting, err), KN_OK);
    return kn_posting_give_up(posting, NULL, "connect", "nobody knows");
}

static void what_to_look_for_is_told(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *title, *caption, *words;
    } rows[] = {
        {"One", "two", "for “One”, sent at about 20"},
        {"", "Two\nlines", "for “Two”, "},
        {"", "The quick brown fox jumps over the lazy dog, again and again", "lazy dog,…”, "},
        {"",
         "あいうえおあいうえおあいうえおあいうえおあいうえおあいうえおあいうえおあいうえおあいうえ"
         "おあいうえお",
         "あいうえおあいう…”, "},
        {"", "a \x1b[31m", "for “a ?[31m”, "},
        {"", "", "for the clip clip 01.mp4, "},
    };
    w->step = doubt;
    for (size_t i = 0; i < KN_COUNT_OF(rows); i++) {
        w->h.text.title = rows[i].title;
        w->h.text.caption = rows[i].caption;
        harness_run(&w->h, NULL);
        assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
        assert_string_equal(w->h.reason, "nobody knows");
        if (!strstr(w->h.remedy, "look among the things of @somebody over there for ") ||
            !strstr(w->h.remedy, rows[i].words) ||
            !strstr(w->h.remedy, "`kirinuki posts resolve 12 --absent`"))
            fail_msg("%s: %s", rows[i].words, w->h.remedy);
    }
}

/* ---- the clip ---- */

static void read_to_end(struct world *w, struct kn_clip_file *file, int64_t from,
                        enum kn_status expected)
{
    static char room[1 << 16];
    struct kn_error err = {0};
    enum kn_status status = kn_clip_file_begin(file, from, NULL, &err);
    for (size_t got = 0; status == KN_OK && from < w->h.clip.bytes; from += (int64_t)got)
        status = kn_clip_file_read(file, from, room, sizeof room, &got, &err);
    if (status != expected)
        fail_msg("%s: %s", kn_status_name(status), err.text);
}

static void parts_are_whole_only_with_the_right_hash(void **state)
{
    struct world *w = *state;
    static const char wrong[] = "00000000000000000000000000000000";
    const char *const hashes[] = {w->h.clip.hash, wrong};
    for (int i = 0; i < 2; i++) {
        w->h.clip.hash = hashes[i];
        enum kn_status expected = i ? KN_INVALID : KN_OK;
        static const int64_t from[] = {0, 1, CLIP_BYTES / 2, CLIP_BYTES - 1};
        for (size_t k = 0; k < KN_COUNT_OF(from); k++) {
            KN_SCOPED(kn_clip_file) file = NULL;
            assert_int_equal(kn_clip_file_open(&w->h.clip, &file, NULL), KN_OK);
            read_to_end(w, file, from[k], expected);
            read_to_end(w, file, from[k], expected); /* and for ever */
            read_to_end(w, file, 0, expected);
        }
    }
}

static void another_file_is_not_sent(void **state)
{
    struct world *w = *state;
    KN_SCOPED(kn_clip_file) file = NULL;
    struct kn_error err;
    assert_int_equal(kn_clip_file_open(&w->h.clip, &file, NULL), KN_OK);
    w->h.clip.modified_us++;
    assert_int_equal(kn_clip_file_begin(file, 0, NULL, &err), KN_INVALID);
    w->h.clip.modified_us--;
    w->h.clip.bytes++;
    assert_int_equal(kn_clip_file_begin(file, 0, NULL, &err), KN_INVALID);
    w->h.clip.bytes--;
    assert_int_equal(kn_clip_file_begin(file, 0, NULL, &err), KN_OK);
    assert_int_equal(truncate(w->h.clip.path, 10), 0);
    char room[100];
    size_t got;
    assert_int_equal(kn_clip_file_read(file, 50, room, sizeof room, &got, &err), KN_INVALID);
    assert_non_null(strstr(err.text, "clip 01.mp4 has changed"));
    assert_int_equal(unlink(w->h.clip.path), 0);
    assert_int_equal(kn_clip_file_begin(file, 0, NULL, &err), KN_NOT_FOUND);
    assert_int_equal(mkfifo(w->h.clip.path, 0600), 0); /* is not waited for */
    assert_int_equal(kn_clip_file_begin(file, 0, NULL, &err), KN_INVALID);
}

#define POSTING_TEST(name) cmocka_unit_test_setup_teardown(name, begin, harness_world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POSTING_TEST(memory_is_kept_and_remarks_are_told),
        POSTING_TEST(a_refused_token_is_replaced_once),
        POSTING_TEST(platforms_say_for_themselves_what_a_refusal_is),
        POSTING_TEST(a_clip_can_be_a_part_of_a_form),
        POSTING_TEST(an_answer_that_is_too_long_says_nothing),
        POSTING_TEST(answers_are_read_as_hostile),
        POSTING_TEST(waits_are_what_the_service_asks_for),
        POSTING_TEST(times_are_the_platforms),
        POSTING_TEST(what_to_look_for_is_told),
        POSTING_TEST(parts_are_whole_only_with_the_right_hash),
        POSTING_TEST(another_file_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
