/* YouTube: a video that it shows by itself is looked at after its time, moved, and taken back, at a
 * YouTube of the test's. */
#include "run_help.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "platform/youtube.h"
#include "posting_harness.h"

#define MINUTE INT64_C(60000000)
#define HOUR   (60 * MINUTE)
#define START  INT64_C(1796126400000000) /* 2026-12-01T12:00:00Z */

struct world {
    struct harness h;
    json_t *status; /* of the video; NULL: there is none */
    int looks, updates, bookings;
    json_t *update;        /* the last one */
    const char *refuses;   /* updates, with 403 and this reason */
    bool is_down;          /* and answers nothing but 500 */
    bool publishes;        /* at its time, as it should */
    int64_t units_free_us; /* nothing is left until then; 0: enough */
};

static void refuse(const struct kn_exchange *x, struct kn_reply *reply, int status,
                   const char *reason)
{
    harness_reply(x, reply, status,
                  "{\"error\":{\"code\":%d,\"message\":\"No\",\"errors\":[{\"reason\":\"%s\"}]}}",
                  status, reason);
}

static void say(const struct kn_exchange *x, struct kn_reply *reply, json_t *made)
{
    KN_SCOPED_JSON json = made;
    char *text = json_dumps(json, JSON_COMPACT);
    harness_reply(x, reply, 200, "%s", text);
    free(text);
}

/* Everything of the part is replaced by what comes. */
static void take_update(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    json_decref(w->update);
    w->update = json_loadb(x->body, x->body_size, 0, NULL);
    w->updates++;
    if (w->refuses) {
        refuse(x, reply, 403, w->refuses);
        return;
    }
    json_t *status = json_deep_copy(json_object_get(w->update, "status"));
    json_object_set_new(status, "uploadStatus", json_string("processed"));
    json_decref(w->status);
    w->status = status;
    say(x, reply, json_pack("{s:s, s:O}", "id", "dQw4w9WgXcQ", "status", w->status));
}

static void pass_time(struct world *w)
{
    char now[KN_TIME_TEXT_BYTES];
    const char *at = json_string_value(json_object_get(w->status, "publishAt"));
    if (!w->publishes || !at || strcmp(kn_time_iso(w->h.now_us, now), at) < 0)
        return;
    json_object_set_new(w->status, "privacyStatus", json_string("public"));
    json_object_del(w->status, "publishAt");
}

static void serve(void *arg, const struct kn_exchange *x, struct kn_reply *reply)
{
    struct world *w = arg;
    bool put = strcmp(x->method, "PUT") == 0;
    bool known = strcmp(x->path, "/youtube/v3/videos") == 0 &&
                 strcmp(harness_query(x, "part"), "status") == 0;
    pass_time(w);
    if (!harness_is_authorized(&w->h, x))
        refuse(x, reply, 401, "authError");
    else if (w->is_down || !known)
        refuse(x, reply, known ? 500 : 404, "internalError");
    else if (put)
        take_update(w, x, reply);
    else {
        w->looks++;
        say(x, reply,
            w->status
                ? json_pack("{s:[{s:s, s:O}]}", "items", "id", "dQw4w9WgXcQ", "status", w->status)
                : json_pack("{s:[]}", "items"));
    }
}

static enum kn_status book(void *arg, const char *kind, int amount, int64_t *ret_free_us,
                           struct kn_error *err)
{
    struct harness *h = arg;
    struct world *w = h->world;
    (void)err;
    assert_string_equal(kind, "units");
    assert_int_equal(amount, 50);
    w->bookings++;
    *ret_free_us = h->now_us < w->units_free_us ? w->units_free_us : 0;
    return KN_OK;
}

static void nothing(void *arg)
{
    (void)arg;
}

/* Uploaded; YouTube is to show it in two hours. */
static int begin(void **state)
{
    struct world *w = kn_calloc(1, sizeof *w);
    harness_open(&w->h, &kn_platform_youtube, 100);
    w->h.world = w;
    w->h.reset = nothing;
    w->h.serve = serve;
    w->h.book = book;
    w->h.state = KN_POST_SCHEDULED;
    w->h.now_us = START;
    w->h.token = 1;
    w->h.options.publish_at_us = START + 2 * HOUR;
    w->h.memory = kn_strdup("{\"id\":\"dQw4w9WgXcQ\",\"told_us\":1796133600000000,"
                            "\"intent_us\":1,\"thumbnail_done\":1,\"captions_done\":1}");
    w->publishes = true;
    w->status =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "uploadStatus", "processed",
                  "privacyStatus", "private", "publishAt", "2026-12-01T14:00:00Z", "license",
                  "creativeCommon", "embeddable", 0, "publicStatsViewable", 1,
                  "selfDeclaredMadeForKids", 1, "containsSyntheticMedia", 1, "madeForKids", 1);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    json_decref(w->status);
    json_decref(w->update);
    harness_close(&w->h);
    free(w);
    return 0;
}

static void look_at(struct world *w, int64_t now_us)
{
    w->h.now_us = now_us;
    w->looks = w->updates = w->bookings = 0;
    harness_run_again(&w->h, NULL);
}

static void expect(const struct world *w, enum kn_posting_next outcome, int looks, int updates)
{
    if (w->h.outcome != outcome || w->looks != looks || w->updates != updates)
        harness_fail(&w->h, "another end, or another number of requests");
}

static const char *status_text(const struct world *w, const char *name)
{
    const char *text = json_string_value(json_object_get(w->status, name));
    return text ? text : "";
}

/* ---- looking ---- */

static void one_look_tells_that_it_is_live(void **state)
{
    struct world *w = *state;
    look_at(w, START + 2 * HOUR + MINUTE);
    expect(w, KN_NEXT_LIVE, 1, 0);
    assert_int_equal(w->h.visible_us, START + 2 * HOUR);
    assert_string_equal(w->h.reason, "");
}

static void what_stays_private_has_failed_after_a_few_looks(void **state)
{
    struct world *w = *state;
    int looks = 0;
    w->publishes = false;
    for (int64_t now_us = START + 2 * HOUR + MINUTE;; now_us = w->h.look_us) {
        look_at(w, now_us);
        looks++;
        if (w->h.outcome != KN_NEXT_SCHEDULED)
            break;
        assert_true(w->h.look_us > now_us && w->h.look_us < now_us + 12 * HOUR);
        assert_int_equal(w->h.visible_us, START + 2 * HOUR);
    }
    expect(w, KN_NEXT_FAILED, 1, 0);
    assert_int_equal(looks, 4);
    assert_non_null(strstr(w->h.reason, "keeps it private"));
    /* Whoever wants it all the same has it made public, and nothing is sent again. */
    harness_run_again(&w->h, NULL);
    expect(w, KN_NEXT_LIVE, 2, 1);
    assert_string_equal(status_text(w, "privacyStatus"), "public");
}

static void what_youtube_gave_up_has_failed(void **state)
{
    static const char *const rows[][3] = {{"rejected", "rejectionReason", "copyright"},
                                          {"failed", "failureReason", "codec"},
                                          {"deleted", "x", "somebody deleted"}};
    for (size_t i = 0; i <= KN_COUNT_OF(rows); i++) {
        struct world *w = *state;
        if (i < KN_COUNT_OF(rows)) {
            json_object_set_new(w->status, "uploadStatus", json_string(rows[i][0]));
            json_object_set_new(w->status, rows[i][1], json_string(rows[i][2]));
        } else {
            json_decref(w->status);
            w->status = NULL;
        }
        look_at(w, START + 2 * HOUR + MINUTE);
        expect(w, KN_NEXT_FAILED, 1, 0);
        assert_non_null(strstr(w->h.reason, i < KN_COUNT_OF(rows) ? rows[i][2] : "does not know"));
        assert_int_equal(end(state), 0);
        assert_int_equal(begin(state), 0);
    }
}

static void a_time_from_elsewhere_holds(void **state)
{
    struct world *w = *state;
    json_object_set_new(w->status, "publishAt", json_string("2026-12-03T12:00:00.000+00:00"));
    look_at(w, START + 2 * HOUR + MINUTE);
    expect(w, KN_NEXT_SCHEDULED, 1, 0);
    assert_int_equal(w->h.visible_us, START + 48 * HOUR);
    assert_int_equal(w->h.look_us, START + 48 * HOUR + MINUTE);
    look_at(w, w->h.look_us);
    expect(w, KN_NEXT_LIVE, 1, 0);
}

static void one_that_cannot_be_asked_after_is_no_failure(void **state)
{
    struct world *w = *state;
    w->is_down = true;
    look_at(w, START + 2 * HOUR + MINUTE);
    expect(w, KN_NEXT_SCHEDULED, 0, 0);
    assert_int_equal(w->h.look_us, 0);
    assert_non_null(strstr(w->h.reason, "could not be asked about it: YouTube answers with an"));
    assert_true(w->h.requests < 10);
}

/* ---- moving ---- */

static void a_move_changes_nothing_but_the_time(void **state)
{
    struct world *w = *state;
    w->h.options.publish_at_us = START + 5 * HOUR;
    look_at(w, START);
    expect(w, KN_NEXT_SCHEDULED, 1, 1);
    assert_int_equal(w->h.visible_us, START + 5 * HOUR);
    assert_int_equal(w->h.look_us, START + 5 * HOUR + MINUTE);
    assert_int_equal(w->bookings, 1);
    KN_SCOPED_JSON wanted =
        json_pack("{s:s, s:{s:s, s:s, s:s, s:b, s:b, s:b, s:b}}", "id", "dQw4w9WgXcQ", "status",
                  "privacyStatus", "private", "publishAt", "2026-12-01T17:00:00Z", "license",
                  "creativeCommon", "embeddable", 0, "publicStatsViewable", 1,
                  "selfDeclaredMadeForKids", 1, "containsSyntheticMedia", 1);
    assert_true(json_equal(w->update, wanted));
    look_at(w, START + HOUR); /* it is told once */
    expect(w, KN_NEXT_SCHEDULED, 1, 0);
    look_at(w, START + 5 * HOUR + MINUTE);
    expect(w, KN_NEXT_LIVE, 1, 0);
}

static void whatever_breaks_it_is_moved(void **state)
{
    for (int fault = HARNESS_UNSEEN; fault < HARNESS_FAULT_COUNT; fault++)
        for (int request = 1; request <= 2; request++) {
            struct world *w = *state;
            const struct harness_plan plan = {.fault_at = request,
                                              .fault = (enum harness_fault)fault};
            w->h.options.publish_at_us = START + 5 * HOUR;
            w->h.plan = &plan;
            harness_run_again(&w->h, &plan);
            if (w->h.outcome != KN_NEXT_SCHEDULED || w->h.visible_us != START + 5 * HOUR ||
                strcmp(status_text(w, "publishAt"), "2026-12-01T17:00:00Z") != 0)
                harness_fail(&w->h, "it is not moved");
            if (fault == HARNESS_CONFUSED && w->updates != 1)
                harness_fail(&w->h, "what was done is done again");
            assert_int_equal(end(state), 0);
            assert_int_equal(begin(state), 0);
        }
}

static void a_refused_move_leaves_the_time(void **state)
{
    struct world *w = *state;
    w->refuses = "forbidden";
    w->h.options.publish_at_us = START + 5 * HOUR;
    look_at(w, START);
    expect(w, KN_NEXT_SCHEDULED, 1, 1);
    assert_true(w->h.wish_refused);
    assert_int_equal(w->h.visible_us, START + 2 * HOUR);
    assert_int_equal(w->h.look_us, START + 2 * HOUR + MINUTE);
    assert_non_null(strstr(w->h.reason, "it could not be moved: YouTube refuses it (403, forbid"));
    assert_string_equal(w->h.remedy, "");
    /* It is not asked for again, and what was wanted is the time that there is. */
    w->h.options.publish_at_us = w->h.visible_us;
    look_at(w, START + HOUR);
    expect(w, KN_NEXT_SCHEDULED, 1, 0);
    look_at(w, START + 2 * HOUR + MINUTE);
    expect(w, KN_NEXT_LIVE, 1, 0);
    assert_string_equal(w->h.reason, "");
}

/* YouTube knows no parts of a second. */
static void a_refused_move_from_a_crooked_time_is_not_asked_for_again(void **state)
{
    struct world *w = *state;
    free(w->h.memory);
    w->h.memory = kn_strdup("{\"id\":\"dQw4w9WgXcQ\",\"told_us\":1796133600345678,"
                            "\"intent_us\":1}");
    w->refuses = "forbidden";
    w->h.options.publish_at_us = START + 5 * HOUR;
    look_at(w, START);
    expect(w, KN_NEXT_SCHEDULED, 1, 1);
    w->h.options.publish_at_us = w->h.visible_us;
    look_at(w, START + HOUR);
    expect(w, KN_NEXT_SCHEDULED, 1, 0);
}

static void a_move_waits_for_units(void **state)
{
    struct world *w = *state;
    w->units_free_us = START + HOUR;
    w->h.options.publish_at_us = START + 5 * HOUR;
    look_at(w, START);
    expect(w, KN_NEXT_SCHEDULED, 2, 1);
    assert_true(w->h.waited_us >= HOUR);
    assert_int_equal(w->bookings, 2);
}

static void a_move_that_comes_too_late_is_said(void **state)
{
    struct world *w = *state;
    w->h.options.publish_at_us = START + 5 * HOUR;
    look_at(w, START + 3 * HOUR);
    expect(w, KN_NEXT_LIVE, 1, 0);
    assert_non_null(strstr(w->h.reason, "public before it could be moved"));
}

static void it_can_appear_at_once(void **state)
{
    struct world *w = *state;
    w->h.options.publish_at_us = 0;
    w->h.options.privacy = KN_PRIVACY_UNLISTED;
    look_at(w, START);
    expect(w, KN_NEXT_LIVE, 1, 1);
    assert_string_equal(status_text(w, "privacyStatus"), "unlisted");
    assert_string_equal(status_text(w, "publishAt"), "");
}

static void it_appears_at_once_also_where_the_answer_is_lost(void **state)
{
    struct world *w = *state;
    const struct harness_plan plan = {.fault_at = 2, .fault = HARNESS_CONFUSED};
    w->h.options.publish_at_us = 0;
    harness_run_again(&w->h, &plan);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_int_equal(w->updates, 1);
    assert_string_equal(w->h.reason, "");
}

/* ---- taking back ---- */

static void what_is_taken_back_stays_private(void **state)
{
    struct world *w = *state;
    w->h.withdraw = true;
    look_at(w, START);
    expect(w, KN_NEXT_CANCELLED, 1, 1);
    assert_string_equal(status_text(w, "privacyStatus"), "private");
    assert_string_equal(status_text(w, "publishAt"), "");
    assert_non_null(strstr(w->h.reason, "stays on the channel as a private one"));
    /* Wanted again, it gets its time back. */
    w->h.withdraw = false;
    look_at(w, START + HOUR);
    expect(w, KN_NEXT_SCHEDULED, 1, 1);
    assert_string_equal(status_text(w, "publishAt"), "2026-12-01T14:00:00Z");
}

/* Planned again, and then not wanted after all. */
static void what_is_held_back_is_not_shown_to_take_it_back(void **state)
{
    struct world *w = *state;
    free(w->h.memory);
    w->h.memory = kn_strdup("{\"id\":\"dQw4w9WgXcQ\",\"held_back\":1,\"intent_us\":1}");
    json_object_del(w->status, "publishAt");
    w->h.state = KN_POST_PROCESSING;
    w->h.withdraw = true;
    look_at(w, START);
    expect(w, KN_NEXT_CANCELLED, 1, 1);
    assert_string_equal(status_text(w, "privacyStatus"), "private");
    assert_string_equal(status_text(w, "publishAt"), "");
}

static void what_is_public_cannot_be_taken_back(void **state)
{
    struct world *w = *state;
    w->h.withdraw = true;
    look_at(w, START + 3 * HOUR);
    expect(w, KN_NEXT_LIVE, 1, 0);
    assert_non_null(strstr(w->h.reason, "public before it could be taken back"));
}

#define YOUTUBE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        YOUTUBE_TEST(one_look_tells_that_it_is_live),
        YOUTUBE_TEST(what_stays_private_has_failed_after_a_few_looks),
        YOUTUBE_TEST(what_youtube_gave_up_has_failed),
        YOUTUBE_TEST(a_time_from_elsewhere_holds),
        YOUTUBE_TEST(one_that_cannot_be_asked_after_is_no_failure),
        YOUTUBE_TEST(a_move_changes_nothing_but_the_time),
        YOUTUBE_TEST(whatever_breaks_it_is_moved),
        YOUTUBE_TEST(a_refused_move_leaves_the_time),
        YOUTUBE_TEST(a_refused_move_from_a_crooked_time_is_not_asked_for_again),
        YOUTUBE_TEST(a_move_waits_for_units),
        YOUTUBE_TEST(a_move_that_comes_too_late_is_said),
        YOUTUBE_TEST(it_can_appear_at_once),
        YOUTUBE_TEST(it_appears_at_once_also_where_the_answer_is_lost),
        YOUTUBE_TEST(what_is_taken_back_stays_private),
        YOUTUBE_TEST(what_is_held_back_is_not_shown_to_take_it_back),
        YOUTUBE_TEST(what_is_public_cannot_be_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
