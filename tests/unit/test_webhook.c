/* The webhook: a receiver that honours the key has each clip once, and the post's state says what
 * is known of it. */
#include "run_help.h"

#include <sodium.h>

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "posting_harness.h"

enum { SMALL = 123457 };

static const char secret[] = "a secret of thirty-two bytes: 32";

struct world {
    struct harness h;
    int taken, asked; /* clips, and requests that came whole */
    bool damaged, unsigned_one;
    char document[4000];
    /* How this receiver is. */
    const char *says, *location;
    int status, status_times;
    bool needs_no_secret;
};

static void forget_all(void *arg)
{
    struct world *w = arg;
    w->taken = w->asked = 0;
    w->damaged = w->unsigned_one = false;
    w->document[0] = '\0';
}

static bool is_signed(const struct kn_exchange *x, const struct kn_server_field *post)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char hex[65] = "";
    long long at = 0;
    KN_SCOPED_STR text = {0};
    if (sscanf(harness_header(x, "x-kirinuki-signature"), "t=%lld,v1=%64s", &at, hex) != 2 ||
        at < 1796126400 || sodium_hex2bin(mac, sizeof mac, hex, 64, NULL, NULL, NULL) < 0)
        return false;
    kn_str_printf(&text, "%lld.", at);
    kn_str_add_bytes(&text, post->data, post->size);
    return crypto_auth_hmacsha256_verify(mac, (const unsigned char *)kn_str_text(&text),
                                         text.length, (const unsigned char *)secret) == 0;
}

static void take(struct world *w, const struct kn_exchange *x)
{
    const struct kn_server_field *post = kn_server_part(x, "post");
    const struct kn_server_field *clip = kn_server_part(x, "clip");
    char hash[KN_HASH_TEXT_BYTES];
    if (x->part_count != 2 || !post || !clip || strcmp(clip->filename, "clip 01.mp4") != 0 ||
        strcmp(post->content_type, "application/json") != 0) {
        w->damaged = true;
        return;
    }
    kn_hash_bytes(clip->data, clip->size, hash);
    w->damaged |= strcmp(hash, w->h.clip.hash) != 0 ||
                  strcmp(harness_header(x, "idempotency-key"), "0123456789abcdef") != 0;
    w->unsigned_one |= !is_signed(x, post);
    snprintf(w->document, sizeof w->document, "%s", (const char *)post->data);
    w->asked++;
    w->taken = 1; /* by the key */
}

static void serve(void *arg, const struct kn_exchange *x, struct kn_reply *reply)
{
    struct world *w = arg;
    if (w->status && w->status_times-- > 0) {
        harness_reply(x, reply, w->status, "{\"error\":{\"message\":\"No\\u001b, %d\"}}",
                      w->status);
        if (w->location)
            harness_reply_header(x, reply, "Location", w->location);
        return;
    }
    take(w, x);
    harness_reply(x, reply, 200, "%s", w->says);
}

static int begin(void **state)
{
    struct world *w =
        harness_world_open(state, sizeof *w, &kn_platform_webhook, SMALL, forget_all, serve);
    w->h.settings = kn_arena_printf(w->h.arena, "{\"url\":\"%s/in?key=1\",\"secret\":\"%s\"}",
                                    w->h.service_url, secret);
    w->says = "{\"id\":\"abc-1\",\"url\":\"https://example.com/abc\"}";
    return 0;
}

static void expect_live(struct world *w)
{
    if (w->h.outcome != KN_NEXT_LIVE || w->taken != 1 || w->damaged || w->unsigned_one)
        harness_fail(&w->h, "the receiver has the clip, and the right one");
}

static void judge(struct harness *h, const struct harness_plan *plan)
{
    struct world *w = h->world;
    /* What takes a token is refused here by a receiver that did not take it. */
    if (plan->fault == HARNESS_TOKEN) {
        assert_int_equal(h->outcome, KN_NEXT_FAILED);
        assert_int_equal(w->taken, 0);
        return;
    }
    expect_live(w);
}

static void whatever_breaks_the_receiver_has_it(void **state)
{
    struct world *w = *state;
    harness_sweep(&w->h, judge);
    assert_string_equal(w->h.remote_id, "abc-1");
    assert_string_equal(w->h.url, "https://example.com/abc");
    assert_int_equal(w->h.progress_bytes, SMALL);
    KN_SCOPED_JSON document = json_loads(w->document, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(document, "marker")), "0123456789abcdef");
    assert_string_equal(json_string_value(json_object_get(document, "caption")), "A caption #one");
    const json_t *clip = json_object_get(document, "clip");
    assert_string_equal(json_string_value(json_object_get(clip, "xxh3_128")), w->h.clip.hash);
}

static void given_up_after_a_lost_answer_it_is_unknown(void **state)
{
    struct world *w = *state;
    const struct harness_plan lost = {.fault_at = 1, .fault = HARNESS_LOST};
    /* The first is taken, its answer lost; the second is refused. */
    w->status = 403;
    w->status_times = 0;
    harness_run(&w->h, &lost);
    expect_live(w);
    assert_int_equal(w->asked, 2);
    const struct harness_plan unseen = {.fault_at = 1, .fault = HARNESS_CONFUSED};
    w->status_times = 2;
    w->status = 500;
    harness_run(&w->h, &unseen);
    expect_live(w);
}

static void answers_lead_where_they_should(void **state)
{
    struct world *w = *state;
    static const struct {
        int status, times;
        enum kn_posting_next outcome;
        const char *says;
    } table[] = {
        {201, 0, KN_NEXT_LIVE, ""},
        {400, 9, KN_NEXT_FAILED, "(400): No?, 400"},
        {401, 9, KN_NEXT_FAILED, "secret"},
        {403, 9, KN_NEXT_FAILED, "secret"},
        {404, 9, KN_NEXT_FAILED, "url"},
        {413, 9, KN_NEXT_FAILED, "larger"},
        {422, 9, KN_NEXT_FAILED, "log"},
        {301, 9, KN_NEXT_FAILED, "points to https://a/?[2J"},
        {308, 9, KN_NEXT_FAILED, "not followed"},
        {408, 2, KN_NEXT_LIVE, ""},
        {425, 2, KN_NEXT_LIVE, ""},
        {429, 2, KN_NEXT_LIVE, ""},
        {500, 2, KN_NEXT_LIVE, ""},
        {503, 2, KN_NEXT_LIVE, ""},
        {599, 2, KN_NEXT_LIVE, ""},
    };
    for (size_t i = 0; i < KN_COUNT_OF(table); i++) {
        w->status = table[i].status;
        w->status_times = table[i].times;
        w->location = table[i].status / 100 == 3 ? "https://a/\xc2\x9b[2J" : NULL;
        harness_run(&w->h, NULL);
        if (w->h.outcome != table[i].outcome || w->taken != (table[i].outcome == KN_NEXT_LIVE) ||
            (!strstr(w->h.reason, table[i].says) && !strstr(w->h.remedy, table[i].says)))
            fail_msg("%d: ended as %d: %s; %s", table[i].status, w->h.outcome, w->h.reason,
                     w->h.remedy);
    }
}

static void a_refusal_after_a_lost_answer_is_unknown(void **state)
{
    struct world *w = *state;
    const struct harness_plan confused = {.fault_at = 1, .fault = HARNESS_CONFUSED};
    w->status = 409;
    w->status_times = 9;
    harness_run(&w->h, &confused); /* 500, then 409 */
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_non_null(strstr(w->h.remedy, "ask the receiver"));
    w->status_times = 0;
    harness_run_again(&w->h, NULL);
    expect_live(w);
}

static void hostile_answers_do_no_harm(void **state)
{
    struct world *w = *state;
    static const char *const bodies[] = {
        "",
        "ok",
        "[1]",
        "{\"id\":\"a b\",\"url\":\"javascript:alert(1)\"}",
        "{\"id\":[],\"url\":{}}",
        "{\"id\":\"\\u001b[2J\",\"url\":\"https://a/\\u001b[2J\"}",
    };
    for (size_t i = 0; i < KN_COUNT_OF(bodies); i++) {
        w->says = bodies[i];
        harness_run(&w->h, NULL);
        expect_live(w);
        assert_string_equal(w->h.remote_id, "0123456789abcdef");
        assert_string_equal(w->h.url, w->h.service_url); /* without what may be secret */
    }
    w->says = "{\"id\":12345678901234567,\"url\":\"http://10.0.0.1/x\"}";
    harness_run(&w->h, NULL);
    assert_string_equal(w->h.remote_id, "12345678901234567");
    assert_string_equal(w->h.url, "http://10.0.0.1/x");
}

static void settings_have_to_name_an_address(void **state)
{
    struct world *w = *state;
    static const char *const settings[] = {"{}", "{\"url\":7}", "{\"url\":\"ftp://a/b\"}", "no"};
    const char *good = w->h.settings;
    for (size_t i = 0; i < KN_COUNT_OF(settings); i++) {
        w->h.settings = settings[i];
        harness_run(&w->h, NULL);
        if (w->h.outcome != KN_NEXT_FAILED || w->h.requests || !w->h.remedy[0])
            harness_fail(&w->h, settings[i]);
    }
    w->h.settings = good;
    harness_run_again(&w->h, NULL);
    expect_live(w);
    w->h.settings = kn_arena_printf(w->h.arena, "{\"url\":\"%s/in\"}", w->h.service_url);
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_true(w->unsigned_one);
}

#define WEBHOOK_TEST(name) cmocka_unit_test_setup_teardown(name, begin, harness_world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WEBHOOK_TEST(whatever_breaks_the_receiver_has_it),
        WEBHOOK_TEST(given_up_after_a_lost_answer_it_is_unknown),
        WEBHOOK_TEST(answers_lead_where_they_should),
        WEBHOOK_TEST(a_refusal_after_a_lost_answer_is_unknown),
        WEBHOOK_TEST(hostile_answers_do_no_harm),
        WEBHOOK_TEST(settings_have_to_name_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
