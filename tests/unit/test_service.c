/* Calls to a service over real sockets: what is tried again, how often, and what people are told.
 */
#include "service_support.h"

#include <dirent.h>

#include "ai/service_parts.h"
#include "ai/services.h"
#include "base/log.h"
#include "base/str.h"

static const char secret[] = "sk-secret-0123456789";

/* One question; `text` makes it another one. */
static enum kn_status ask_about(struct fake *fake, const char *text, struct kn_budget *budget,
                                struct kn_cancel *cancel, struct kn_error *err)
{
    json_t *question = json_pack("{s:s}", "question", text), *answer = NULL;
    struct kn_service_call call = {.path = "/chat/completions",
                                   .model = "some-model",
                                   .json = question,
                                   .most = {.input_tokens = 10, .output_tokens = 10},
                                   .budget = budget};
    enum kn_status status = kn_service_call(fake->service, &call, cancel, &answer, err);
    if (status == KN_OK)
        assert_true(json_is_object(answer));
    json_decref(question);
    json_decref(answer);
    return status;
}

static enum kn_status ask(struct fake *fake, struct kn_error *err)
{
    return ask_about(fake, "what?", NULL, NULL, err);
}

static struct kn_service_counts counts_of(struct fake *fake)
{
    struct kn_service_counts counts;
    kn_service_counts(fake->service, &counts);
    return counts;
}

/* Asks `count` different questions at once, and waits for all. */
struct crowd {
    struct fake *fake;
    struct kn_budget *budget;
    struct kn_cancel *cancel;
    bool same; /* all ask the same */
    atomic_int ok, failed, next;
    enum kn_status status;
    struct kn_error why; /* of the last one that failed */
    pthread_mutex_t lock;
};

static void *ask_in_crowd(void *arg)
{
    struct crowd *crowd = arg;
    char text[32];
    struct kn_error err = {0};
    snprintf(text, sizeof text, "question %d", crowd->same ? 0 : atomic_fetch_add(&crowd->next, 1));
    enum kn_status status = ask_about(crowd->fake, text, crowd->budget, crowd->cancel, &err);
    if (status == KN_OK) {
        atomic_fetch_add(&crowd->ok, 1);
        return NULL;
    }
    atomic_fetch_add(&crowd->failed, 1);
    pthread_mutex_lock(&crowd->lock);
    crowd->status = status;
    crowd->why = err;
    pthread_mutex_unlock(&crowd->lock);
    return NULL;
}

static void start_crowd(struct crowd *crowd, pthread_t *threads, int count)
{
    pthread_mutex_init(&crowd->lock, NULL);
    for (int i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_in_crowd, crowd), 0);
}

static void join_crowd(pthread_t *threads, int count)
{
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* ---- what is tried again ---- */

static void errors_are_tried_again_or_not(void **state)
{
    struct fake *fake = *state;
    static const char quota[] = "{\"error\":{\"message\":\"You exceeded your current quota, please "
                                "check your plan and billing details.\",\"type\":"
                                "\"insufficient_quota\",\"param\":null,\"code\":"
                                "\"insufficient_quota\"}}";
    static const struct {
        struct fake_answer answer;
        int asked;
        enum kn_status status;
        const char *says;
    } cases[] = {
        {{.status = 400,
          .body = "{\"error\":{\"message\":\"Unsupported value: 'x'.\",\"type\":"
                  "\"invalid_request_error\",\"param\":\"x\",\"code\":null}}"},
         1,
         KN_INVALID,
         "the speech service refuses the request as wrong (status 400) (Unsupported value: 'x')"},
        {{.status = 401,
          .body = "{\"error\":{\"message\":\"Incorrect API key provided: sk-secre.\","
                  "\"code\":\"invalid_api_key\"}}"},
         1,
         KN_DENIED,
         "the speech service refuses the key: check that OPENAI_API_KEY is valid for http://127"},
        {{.status = 400,
          .body = "{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":"
                  "\"INVALID_ARGUMENT\"}}"},
         1,
         KN_DENIED,
         "refuses the key"},
        {{.status = 403, .body = "{\"error\":{\"message\":\"Country not supported\"}}"},
         1,
         KN_DENIED,
         "does not permit this (Country not supported)"},
        {{.status = 404,
          .body = "{\"error\":{\"message\":\"The model `some-model` does not exist\",\"type\":"
                  "\"invalid_request_error\",\"code\":\"model_not_found\"}}"},
         1,
         KN_NOT_FOUND,
         "has no model “some-model”"},
        {{.status = 404, .body = "File Not Found (/v1/x)", .content_type = "text/plain"},
         1,
         KN_NOT_FOUND,
         "has nothing under “/chat/completions” at http://127.0.0.1"},
        {{.status = 404, .body = "{\"error\":{\"message\":\"No such route\",\"code\":null}}"},
         1,
         KN_NOT_FOUND,
         " (No such route): check its base URL"},
        {{.status = 413, .body = "{\"error\":\"Maximum content size limit exceeded\"}"},
         1,
         KN_LIMIT,
         "takes no request of this size (Maximum content size limit exceeded)"},
        {{.status = 429, .body = quota}, 1, KN_LIMIT, "the quota or credit at the speech service"},
        {{.status = 402, .body = "{}"}, 1, KN_LIMIT, "the quota or credit"},
        {{.status = 429,
          .body = "{\"error\":{\"message\":\"Rate limit reached\",\"type\":"
                  "\"requests\",\"code\":\"rate_limit_exceeded\"}}"},
         4,
         KN_REMOTE,
         "takes fewer requests than were sent (Rate limit reached)"},
        {{.status = 408, .body = ""}, 4, KN_REMOTE, "failed with status 408"},
        {{.status = 409, .body = ""}, 4, KN_REMOTE, "failed with status 409"},
        {{.status = 500, .body = "{\"error\":\"failed to process audio\"}"},
         4,
         KN_REMOTE,
         "failed with status 500 (failed to process audio): try again later"},
        {{.status = 503, .body = "{\"error\":{\"message\":\"Overloaded\",\"code\":503}}"},
         4,
         KN_REMOTE,
         "failed with status 503 (Overloaded)"},
        {{.status = 500, .body = "", .headers = {{"x-should-retry", .data = "false"}}},
         1,
         KN_REMOTE,
         "status 500"},
        {{.status = 400, .body = "", .headers = {{"x-should-retry", .data = "true"}}},
         4,
         KN_INVALID,
         "status 400"},
        {{.status = 429, .body = quota, .headers = {{"x-should-retry", .data = "true"}}},
         1,
         KN_LIMIT,
         "quota"},
        {{.status = 302, .body = ""}, 1, KN_INVALID, "sends requests elsewhere (status 302)"},
        /* Errors in the clothes of an answer. */
        {{.body = "{\"error\":{\"message\":\"bad\",\"code\":\"invalid_api_key\"}}"},
         1,
         KN_DENIED,
         "refuses the key"},
        {{.body = "{\"error\":{\"message\":\"bad\",\"code\":429}}"},
         4,
         KN_REMOTE,
         "fewer requests"},
        {{.body = "{\"error\":\"no model loaded\"}"},
         4,
         KN_REMOTE,
         "answered with an error (no model loaded): try again"},
        /* What is no answer at all: once more, then no more. */
        {{.body = ""}, 2, KN_DAMAGED, "gives an answer that cannot be used: it sent nothing"},
        {{.body = "{\"text\":\"cut o"}, 2, KN_DAMAGED, "is not JSON"},
        {{.body = "[1,2]"}, 2, KN_DAMAGED, "is no JSON object"},
        {{.body = "<html>", .content_type = "text/html"}, 2, KN_DAMAGED, "is not JSON"},
        {{.body = "{}"}, 1, KN_OK, ""},
        {{.body = "{\"text\":\"broken \xE3\x81\"}"}, 1, KN_OK, ""},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_error err = {0};
        fake_reopen(fake, (struct kn_service_options){.key = secret, .attempts = 4});
        kn_service_use_speed(fake->service, 2000);
        fake_script(fake, &cases[i].answer, 1);
        enum kn_status status = ask(fake, &err);
        if (status != cases[i].status || fake_asked(fake) != cases[i].asked ||
            !strstr(err.text, cases[i].says) || strstr(err.text, "secre"))
            fail_msg("case %d: %s after %d, “%s”", (int)i, kn_status_name(status), fake_asked(fake),
                     err.text);
    }
}

static void connections_that_fail_are_tried_again(void **state)
{
    struct fake *fake = *state;
    struct kn_error err = {0};
    SCRIPT(fake, {.fault = KN_REPLY_NOTHING}, {.fault = KN_REPLY_CUT}, {0});
    kn_service_use_speed(fake->service, 2000);
    assert_int_equal(ask(fake, &err), KN_OK);
    assert_int_equal(fake_asked(fake), 3);
    assert_int_equal(counts_of(fake).retries, 2);

    /* One that never answered anything is not waited for so long. */
    fake_reopen(fake, (struct kn_service_options){.base_url = "http://127.0.0.1:1/v1"});
    kn_service_use_speed(fake->service, 2000);
    assert_int_equal(ask(fake, &err), KN_IO);
    assert_int_equal(counts_of(fake).requests, 3);
    assert_true(strncmp(err.text, "the speech service cannot be reached: ", 38) == 0);

    /* A silent one, until its time is over: once more, then no more. */
    static const struct fake_answer nothing[] = {{.fault = KN_REPLY_NO_ANSWER}};
    fake_script(fake, nothing, 1);
    fake_reopen(fake, (struct kn_service_options){.limit_ms = 60});
    kn_service_use_speed(fake->service, 20);
    assert_int_equal(ask(fake, &err), KN_TIMEOUT);
    assert_int_equal(counts_of(fake).requests, 2);
    assert_non_null(strstr(err.text, "does not answer in time"));
}

/* ---- waiting ---- */

static void retry_after_holds_everybody(void **state)
{
    struct fake *fake = *state;
    SCRIPT(fake, {.status = 429, .body = "{}", .headers = {{"retry-after-ms", .data = "400"}}},
           {0});
    pthread_t threads[8];
    struct crowd crowd = {.fake = fake};
    start_crowd(&crowd, threads, 8);
    join_crowd(threads, 8);
    assert_int_equal(atomic_load(&crowd.ok), 8);
    assert_int_equal(fake_asked(fake), 9);
    for (int i = 1; i < 9; i++) {
        int64_t after_us = fake->requests[i].at_us - fake->requests[0].at_us;
        if (after_us < 400000 || after_us > 20000000)
            fail_msg("request %d after %d ms", i, (int)(after_us / 1000));
    }
    assert_int_equal(counts_of(fake).limited, 1);
}

static void nobody_waits_for_hours(void **state)
{
    struct fake *fake = *state;
    struct kn_error err = {0};
    SCRIPT(fake, {.status = 429, .body = "{}", .headers = {{"Retry-After", .data = "7200"}}}, {0});
    assert_int_equal(ask(fake, &err), KN_LIMIT);
    assert_string_equal(err.text, "the speech service takes no more requests for 2 h 00 min: its "
                                  "limits are used up");
    assert_int_equal(ask(fake, &err), KN_LIMIT); /* without asking */
    assert_int_equal(fake_asked(fake), 1);

    /* Nor where the service says that it is no use to ask again. */
    static const struct fake_answer final[] = {
        {.status = 429,
         .body = "{}",
         .headers = {{"Retry-After", .data = "7200"}, {"x-should-retry", .data = "false"}}}};
    fake_reopen(fake, (struct kn_service_options){0});
    fake_script(fake, final, 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(ask(fake, &err), KN_LIMIT);
    assert_non_null(strstr(err.text, "for 2 h 00 min"));
    assert_int_equal(fake_asked(fake), 1);
}

static void who_is_refused_for_good_holds_nobody(void **state)
{
    struct fake *fake = *state;
    static const struct fake_answer refusals[] = {
        {.status = 413, .body = "{}", .headers = {{"Retry-After", .data = "7200"}}},
        {.status = 400, .body = "{}", .headers = {{"Retry-After", .data = "60"}}},
        {.status = 500,
         .body = "{}",
         .headers = {{"Retry-After", .data = "60"}, {"x-should-retry", .data = "false"}}},
    };
    static const enum kn_status statuses[] = {KN_LIMIT, KN_INVALID, KN_REMOTE};
    for (size_t i = 0; i < KN_COUNT_OF(refusals); i++) {
        const struct fake_answer script[] = {refusals[i], {0}};
        struct kn_error err = {0};
        int64_t start_us = kn_now_us();
        fake_script(fake, script, 2);
        assert_int_equal(ask(fake, &err), statuses[i]);
        assert_int_equal(ask(fake, &err), KN_OK); /* at once */
        assert_int_equal(fake_asked(fake), 2);
        assert_true(kn_now_us() - start_us < 30 * KN_US_PER_S);
    }
}

static void no_more_requests_a_minute_than_set(void **state)
{
    struct fake *fake = *state;
    enum { REQUESTS = 25, A_MINUTE = 10, SPEED = 120 };
    fake_reopen(fake, (struct kn_service_options){.requests_a_minute = A_MINUTE});
    kn_service_use_speed(fake->service, SPEED);
    pthread_t threads[REQUESTS];
    struct crowd crowd = {.fake = fake};
    int64_t start_us = kn_now_us();
    start_crowd(&crowd, threads, REQUESTS);
    join_crowd(threads, REQUESTS);
    int64_t took_us = (kn_now_us() - start_us) * SPEED;
    assert_int_equal(atomic_load(&crowd.ok), REQUESTS);
    for (int i = A_MINUTE; i < REQUESTS; i++) {
        int64_t since_us = (fake->requests[i].at_us - start_us) * SPEED;
        if (since_us < i / A_MINUTE * INT64_C(60000000))
            fail_msg("%d requests within %d s", i + 1, (int)(since_us / 1000000));
    }
    /* Three lots of at most ten: two minutes. Who lets one begin at a time needs 15. */
    assert_true(took_us < 600 * INT64_C(1000000));
}

/* In no minute, wherever it begins. Bounds of when each started, whatever else the machine does. */
static void any_minute_is_within_the_limit(void **state)
{
    (void)state;
    enum { STARTS = 60, A_MINUTE = 7 };
    struct kn_limits *limits = kn_limits_new(STARTS, A_MINUTE, 0);
    kn_limits_use_speed(limits, 2000);
    int64_t before_us[STARTS];
    struct kn_start start;
    for (int i = 0; i < STARTS; i++) {
        before_us[i] = kn_limits_now_us(limits);
        assert_int_equal(kn_limits_enter(limits, NULL), KN_OK);
        assert_int_equal(kn_limits_start(limits, 0, NULL, &start), KN_OK);
        int64_t now_us = kn_limits_now_us(limits);
        if (i >= A_MINUTE && now_us - before_us[i - A_MINUTE] < 60000000)
            fail_msg("start %d is too early", i);
        if (i % 5 == 3) /* not all in lots */
            (void)kn_limits_sleep_ms(limits, 9000, NULL);
        kn_limits_heed(limits, &start, 1, NULL, KN_INTERNAL);
        kn_limits_leave(limits);
    }
    kn_limits_free(limits);
}

static void tokens_a_minute_count_as_well(void **state)
{
    struct fake *fake = *state;
    enum { REQUESTS = 12, SPEED = 120 };
    fake_reopen(fake, (struct kn_service_options){.tokens_a_minute = 100}); /* five calls of 20 */
    kn_service_use_speed(fake->service, SPEED);
    pthread_t threads[REQUESTS];
    struct crowd crowd = {.fake = fake};
    int64_t start_us = kn_now_us();
    start_crowd(&crowd, threads, REQUESTS);
    join_crowd(threads, REQUESTS);
    assert_int_equal(atomic_load(&crowd.ok), REQUESTS);
    assert_true(fake->requests[5].at_us - start_us >= 60000000 / SPEED);
    assert_true(fake->requests[10].at_us - start_us >= 120000000 / SPEED);
}

static void what_the_service_says_it_has_left_is_not_exceeded(void **state)
{
    struct fake *fake = *state;
    enum { SPEED = 20 };
    SCRIPT(fake,
           {.headers = {{"x-ratelimit-limit-requests", .data = "4"},
                        {"x-ratelimit-remaining-requests", .data = "0"},
                        {"x-ratelimit-reset-requests", .data = "1m0s"}}},
           {0});
    kn_service_use_speed(fake->service, SPEED);
    struct kn_error err = {0};
    assert_int_equal(ask_about(fake, "a", NULL, NULL, &err), KN_OK);
    assert_int_equal(ask_about(fake, "b", NULL, NULL, &err), KN_OK);
    int64_t us = (fake->requests[1].at_us - fake->requests[0].at_us) * SPEED;
    assert_true(us >= 14 * INT64_C(1000000) &&
                us < 60 * INT64_C(1000000)); /* one of four comes back after a quarter */
}

/* Starts `count` that are answered at once, with these headers; when the last one began, after the
 * first one, in seconds. */
static double start_some(struct kn_limits *limits, int count, const struct kn_http_answer *answer,
                         enum kn_status outcome)
{
    struct kn_start start, first = {0};
    for (int i = 0; i < count; i++) {
        assert_int_equal(kn_limits_enter(limits, NULL), KN_OK);
        assert_int_equal(kn_limits_start(limits, 0, NULL, &start), KN_OK);
        kn_limits_heed(limits, &start, 1, i ? NULL : answer, i ? KN_OK : outcome);
        kn_limits_leave(limits);
        if (!i)
            first = start;
    }
    return kn_seconds(start.at_us - first.at_us);
}

static void limits_of_every_kind_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *limit, *left, *reset, *retry_ms;
        int count;
        double from_s, to_s;
    } cases[] = {
        {"60", "50", "10s", NULL, 51, 0, 0.9},       /* what is left starts at once */
        {"60", "9", "51s", NULL, 13, 3, 5},          /* and then one a second */
        {"60", "49", "1s", NULL, 51, 0, 1.9},        /* whole with fifty, */
        {"60", "4", "1s", NULL, 10, 4, 6},           /* or with five: then no sixty are free */
        {"60", "0", "40s", "40000", 3, 40, 43},      /* refused until its window ends */
        {"60", "0", "60s", "1000", 3, 2, 3.5},       /* refused for a part of that */
        {"14400", "14000", "40m", NULL, 60, 0, 0.9}, /* a day's */
        {"14400", "0", "24h", NULL, 2, 0, 121},      /* no header holds anybody for hours */
        {"60", "99", "1s", NULL, 60, 0, 0.9},        /* nonsense holds nobody */
        {"60", "0", "soon", NULL, 60, 0, 0.9},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_http_header headers[] = {{"x-ratelimit-limit-requests", cases[i].limit},
                                           {"x-ratelimit-remaining-requests", cases[i].left},
                                           {"x-ratelimit-reset-requests", cases[i].reset},
                                           {"retry-after-ms", cases[i].retry_ms}};
        struct kn_http_answer answer = {.status = cases[i].retry_ms ? 429 : 200,
                                        .headers = headers,
                                        .header_count = cases[i].retry_ms ? 4 : 3};
        struct kn_limits *limits = kn_limits_new(16, 0, 0);
        kn_limits_use_speed(limits, 50);
        double took_s =
            start_some(limits, cases[i].count, &answer, cases[i].retry_ms ? KN_LIMIT : KN_OK);
        if (took_s < cases[i].from_s || took_s > cases[i].to_s * 2 + 20) /* it may be busy here */
            fail_msg("case %d: %d took %.2f s", (int)i, cases[i].count, took_s);
        kn_limits_free(limits);
    }
}

static void durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"1s", 1000},         {"6m0s", 360000}, {"120ms", 120}, {"1h2m3.5s", 3723500},
                 {"8.64s", 8640},      {"0s", 0},        {"2", 2000},    {"0.5", 500},
                 {"500\xC2\xB5s", 1},  {"1us", 1},       {"", -1},       {"s", -1},
                 {"5x", -1},           {"-3s", -1},      {"1s ", -1},    {"1s1", -1},
                 {"99999999999h", -1}, {"1d", -1},       {"1..2s", -1},  {"24h0m0s", 86400000}};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        if (kn_go_duration_ms(cases[i].text) != cases[i].ms)
            fail_msg("“%s”: %d", cases[i].text, (int)kn_go_duration_ms(cases[i].text));
}

static void overload_halves_what_is_in_flight(void **state)
{
    struct fake *fake = *state;
    enum { CALLS = 8 };
    static const struct fake_answer busy[] = {
        {.status = 429, .body = "{}", .headers = {{"retry-after-ms", .data = "150"}}}};
    static const struct fake_answer fine[] = {{0}};
    struct kn_error err = {0};
    fake_reopen(fake, (struct kn_service_options){.concurrency = CALLS});
    assert_int_equal(ask_about(fake, "first", NULL, NULL, &err), KN_OK);
    fake_script(fake, busy, 1);
    fake_hold(fake, true);
    pthread_t threads[CALLS];
    struct crowd crowd = {.fake = fake};
    start_crowd(&crowd, threads, CALLS);
    fake_wait_asked(fake, CALLS);
    assert_int_equal(fake->in_flight_most, CALLS);
    fake_hold(fake, false); /* all of them hear 429 */
    while (counts_of(fake).limited < CALLS)
        sched_yield();
    pthread_mutex_lock(&fake->lock);
    fake->in_flight_most = 0;
    pthread_mutex_unlock(&fake->lock);
    fake_script(fake, fine, 1);
    fake_hold(fake, true);
    fake_wait_asked(fake, CALLS / 2);
    (void)kn_cancel_wait_ms(NULL, 30); /* more would have come by now */
    int asked = fake_asked(fake);
    fake_hold(fake, false);
    join_crowd(threads, CALLS);
    assert_int_equal(asked, CALLS / 2);
    assert_int_equal(atomic_load(&crowd.ok), CALLS);
}

/* `count` answers that took so long, to as much work, with all places taken. */
static int answer_slowly(struct kn_limits *limits, int count, int64_t took_ms, double work)
{
    for (int i = 0; i < count; i++) {
        struct kn_start start[16];
        int places = kn_limits_concurrency(limits);
        struct kn_http_answer answer = {.status = 200, .total_us = took_ms * 1000};
        for (int k = 0; k < places; k++)
            assert_int_equal(kn_limits_enter(limits, NULL), KN_OK);
        for (int k = 0; k < places; k++) {
            assert_int_equal(kn_limits_start(limits, 0, NULL, &start[k]), KN_OK);
            if (!k) /* the very first one goes ahead alone */
                kn_limits_heed(limits, &start[k], work, &answer, KN_OK);
        }
        for (int k = 0; k < places; k++) {
            if (k)
                kn_limits_heed(limits, &start[k], work, NULL, KN_INTERNAL);
            kn_limits_leave(limits);
        }
    }
    return kn_limits_concurrency(limits);
}

static void answers_that_come_late_slow_it_down(void **state)
{
    (void)state;
    struct kn_limits *limits = kn_limits_new(16, 0, 0);
    assert_int_equal(answer_slowly(limits, 1, 1000, 1), 16);
    for (int i = 0; i < 50; i++) /* one to three seconds: that is only its way */
        assert_int_equal(answer_slowly(limits, 1, 1000 + i % 5 * 500, 1), 16);
    assert_int_equal(answer_slowly(limits, 50, 10000, 7), 16); /* more work takes longer */
    int left = 16;
    for (int i = 0; i < 50 && left == 16; i++) /* this is slow */
        left = answer_slowly(limits, 1, 10000, 1);
    assert_int_equal(left, 8);
    assert_in_range(answer_slowly(limits, 300, 10000, 1), 15, 16); /* and then the usual thing */
    kn_limits_free(limits);
}

/* ---- storms that don't happen ---- */

static void a_bad_key_is_asked_about_once(void **state)
{
    struct fake *fake = *state;
    SCRIPT(fake, {.status = 401,
                  .body = "{\"error\":{\"message\":\"Incorrect API key provided: "
                          "sk-secret-0123456789.\",\"code\":\"invalid_api_key\"}}"});
    pthread_t threads[24];
    struct crowd crowd = {.fake = fake};
    start_crowd(&crowd, threads, 24);
    join_crowd(threads, 24);
    assert_int_equal(atomic_load(&crowd.failed), 24);
    assert_int_equal(fake_asked(fake), 1);
    assert_int_equal(crowd.status, KN_DENIED);
    assert_non_null(strstr(crowd.why.text, "OPENAI_API_KEY"));
}

static void a_service_that_is_down_is_left_alone_for_a_minute(void **state)
{
    struct fake *fake = *state;
    struct kn_error err = {0};
    static const struct fake_answer bad[] = {{.status = 500, .body = "{}"}}, good[] = {{0}};
    fake_reopen(fake, (struct kn_service_options){.attempts = 2});
    kn_service_use_speed(fake->service, 100);
    fake_script(fake, bad, 1);
    for (int i = 0; i < 6; i++)
        assert_int_equal(ask(fake, &err), KN_REMOTE);
    assert_int_equal(fake_asked(fake), 6); /* three calls of two tries, then none */
    assert_non_null(strstr(err.text, "status 500"));
    fake_script(fake, good, 1);
    assert_int_equal(ask(fake, &err), KN_REMOTE);
    assert_int_equal(fake_asked(fake), 0);
    while (ask(fake, &err) != KN_OK) /* 0.6 s are its minute */
        (void)kn_cancel_wait_ms(NULL, 10);
    assert_int_equal(fake_asked(fake), 1);
}

static void *ask_something_else(void *arg)
{
    struct kn_error err = {0};
    assert_int_equal(ask_about(arg, "else?", NULL, NULL, &err), KN_REMOTE);
    return NULL;
}

static void who_is_turned_away_is_no_further_failure(void **state)
{
    struct fake *fake = *state;
    static const struct fake_answer script[] = {
        {.status = 503, .body = "{}"}, /* a second at least until its next try */
        {.status = 500, .body = "{}", .headers = {{"x-should-retry", .data = "false"}}},
    };
    struct kn_error err = {0};
    pthread_t thread;
    fake_script(fake, script, 2);
    assert_int_equal(pthread_create(&thread, NULL, ask_something_else, fake), 0);
    fake_wait_asked(fake, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(fake, &err), KN_REMOTE);
    assert_int_equal(fake->service->down_count, 1);
    int64_t until_us = fake->service->downs[0].until_us;
    pthread_join(thread, NULL);
    assert_int_equal(fake_asked(fake), 4);
    assert_int_equal(fake->service->failures, 3);
    assert_int_equal(fake->service->downs[0].until_us, until_us);
}

static void an_unknown_model_is_no_reason_against_others(void **state)
{
    struct fake *fake = *state;
    struct kn_error err = {0};
    SCRIPT(fake, {.status = 404, .body = "{\"error\":{\"code\":\"model_not_found\"}}"}, {0});
    assert_int_equal(ask(fake, &err), KN_NOT_FOUND);
    assert_int_equal(ask(fake, &err), KN_NOT_FOUND);
    assert_int_equal(fake_asked(fake), 1);
    json_t *question = json_object(), *answer = NULL;
    struct kn_service_call call = {
        .path = "/chat/completions", .model = "another", .json = question};
    assert_int_equal(kn_service_call(fake->service, &call, NULL, &answer, &err), KN_OK);
    json_decref(question);
    json_decref(answer);
}

static void a_stop_ends_every_wait(void **state)
{
    struct fake *fake = *state;
    SCRIPT(fake, {.status = 429, .body = "{}", .headers = {{"Retry-After", .data = "100"}}}, {0});
    fake_reopen(fake, (struct kn_service_options){.concurrency = 2});
    pthread_t threads[6];
    struct crowd crowd = {.fake = fake, .cancel = kn_cancel_new(NULL)};
    start_crowd(&crowd, threads, 6); /* some wait for a place, some for their turn */
    fake_wait_asked(fake, 1);
    while (!counts_of(fake).limited)
        sched_yield();
    int64_t start_us = kn_now_us();
    kn_cancel_trigger(crowd.cancel);
    join_crowd(threads, 6);
    assert_true(kn_now_us() - start_us < 20000000); /* of a hundred */
    assert_int_equal(crowd.status, KN_CANCELLED);
    kn_cancel_free(crowd.cancel);

    /* And in the middle of a request, or waiting for somebody else's. */
    fake_reopen(fake, (struct kn_service_options){0});
    fake_script(fake, &script_[1], 1);
    fake_hold(fake, true);
    crowd = (struct crowd){.fake = fake, .cancel = kn_cancel_new(NULL), .same = true};
    start_crowd(&crowd, threads, 6);
    fake_wait_asked(fake, 1);
    start_us = kn_now_us();
    kn_cancel_trigger(crowd.cancel);
    join_crowd(threads, 6);
    assert_true(kn_now_us() - start_us < 20000000); /* the answer is held until they are gone */
    assert_int_equal(atomic_load(&crowd.failed), 6);
    fake_hold(fake, false);
    kn_cancel_free(crowd.cancel);
}

/* ---- money ---- */

static void a_budget_stops_before_it_is_exceeded(void **state)
{
    struct fake *fake = *state;
    SCRIPT(fake, {.body = "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}"});
    struct kn_budget_limits limits = {.tokens = 100}; /* 20 a call at most */
    KN_SCOPED(kn_budget) budget = kn_budget_new("the job's budget", &limits, NULL);
    pthread_t threads[64];
    struct crowd crowd = {.fake = fake, .budget = budget};
    start_crowd(&crowd, threads, 64);
    join_crowd(threads, 64);
    struct kn_usage used;
    kn_budget_used(budget, &used);
    /* Six each; another one fits as long as 20 are left. */
    assert_in_range(used.input_tokens + used.output_tokens, 0, 100);
    assert_int_equal(used.requests, fake_asked(fake));
    assert_int_equal(used.input_tokens, 5 * used.requests);
    assert_int_equal(atomic_load(&crowd.ok), used.requests);
    assert_in_range(used.requests, 5, 14);
    assert_int_equal(crowd.status, KN_LIMIT);
    assert_true(strncmp(crowd.why.text, "the speech service: the job's budget of 100 tokens", 50) ==
                0);
}

static void tries_that_failed_are_not_billed_and_lost_ones_are(void **state)
{
    struct fake *fake = *state;
    SCRIPT(fake, {.status = 500, .body = "{}"}, {.fault = KN_REPLY_CUT},
           {.body = "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}"});
    kn_service_use_speed(fake->service, 2000);
    KN_SCOPED(kn_budget) budget = kn_budget_new("a count", &(struct kn_budget_limits){0}, NULL);
    struct kn_usage usage;
    struct kn_error err = {0};
    assert_int_equal(ask_about(fake, "a", budget, NULL, &err), KN_OK);
    kn_budget_used(budget, &usage);
    assert_int_equal(usage.requests, 2);
    assert_int_equal(usage.input_tokens, 10 + 3);
    assert_int_equal(usage.output_tokens, 10 + 2);
}

/* ---- answers that are there already ---- */

static void what_was_answered_is_not_asked_again(void **state)
{
    struct fake *fake = *state;
    struct kn_arena *arena = kn_arena_new();
    const char *cache = kn_path_join(arena, fake->folder, "answers");
    struct kn_service_options options = {.key = secret, .cache = cache};
    KN_SCOPED(kn_budget) budget = kn_budget_new("a count", &(struct kn_budget_limits){0}, NULL);
    struct kn_usage usage;
    struct kn_error err = {0};
    fake_reopen(fake, options);
    assert_int_equal(ask(fake, &err), KN_OK);
    fake_reopen(fake, options); /* another process, another day */
    options.key = "another-key-0123456789";
    fake_reopen(fake, options); /* another key */
    assert_int_equal(ask_about(fake, "what?", budget, NULL, &err), KN_OK);
    kn_budget_used(budget, &usage);
    assert_int_equal(fake_asked(fake), 1);
    assert_int_equal(usage.cached, 1);
    assert_int_equal(usage.requests, 0);
    assert_int_equal(ask_about(fake, "else?", NULL, NULL, &err), KN_OK);
    assert_int_equal(fake_asked(fake), 2);
    kn_arena_free(arena);
}

/* A NUL is no reason to pay for a text twice. */
static void an_answer_with_a_nul_is_kept(void **state)
{
    struct fake *fake = *state;
    struct kn_error err = {0};
    SCRIPT(fake, {.body = "{\"text\":\"a\\u0000b\"}"});
    fake_reopen(fake, (struct kn_service_options){.key = secret, .cache = fake->folder});
    assert_int_equal(ask(fake, &err), KN_OK);
    assert_int_equal(ask(fake, &err), KN_OK);
    assert_int_equal(fake_asked(fake), 1);
}

/* Changes every file of the folder; returns how many there were. */
static int spoil_files(const char *folder, const char *content, const char *key)
{
    int count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[PATH_MAX], *data = NULL;
        size_t size;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        assert_int_equal(kn_file_read(path, 1 << 20, &data, &size, NULL), KN_OK);
        assert_null(strstr(data, key));
        assert_null(strstr(entry->d_name, key));
        free(data);
        if (content)
            assert_int_equal(kn_file_write(path, content, strlen(content), NULL), KN_OK);
        count++;
    }
    closedir(dir);
    return count;
}

static void a_spoilt_file_is_no_answer(void **state)
{
    struct fake *fake = *state;
    static const char *const spoilt[] = {
        "",   "{",        "{\"format\":1,\"name\":\"other\",\"answer\":{}}",
        "[]", "\xFF\xFE", "{\"format\":1}"};
    struct kn_arena *arena = kn_arena_new();
    const char *cache = kn_path_join(arena, fake->folder, "answers");
    struct kn_error err = {0};
    fake_reopen(fake, (struct kn_service_options){.key = secret, .cache = cache});
    assert_int_equal(ask(fake, &err), KN_OK);
    for (size_t i = 0; i < KN_COUNT_OF(spoilt); i++) {
        assert_int_equal(spoil_files(cache, spoilt[i], secret), 1);
        assert_int_equal(ask(fake, &err), KN_OK);
        assert_int_equal(fake_asked(fake), 2 + (int)i);
    }
    assert_int_equal(ask(fake, &err), KN_OK);
    assert_int_equal(fake_asked(fake), 1 + (int)KN_COUNT_OF(spoilt));
    kn_arena_free(arena);
}

static void the_folder_of_answers_is_bounded(void **state)
{
    struct fake *fake = *state;
    struct kn_answers *answers = kn_answers_new(fake->folder, 3000);
    json_t *answer = json_object();
    char text[501] = {0};
    memset(text, 'x', 500);
    json_object_set_new(answer, "text", json_string(text));
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "name%02d", i);
        kn_answers_keep(answers, text, answer);
    }
    assert_in_range(spoil_files(fake->folder, NULL, secret), 3, 6);
    json_t *last = kn_answers_find(answers, "name19");
    assert_true(json_equal(last, answer));
    assert_null(kn_answers_find(answers, "name00"));
    json_decref(last);
    json_decref(answer);
    kn_answers_free(answers);
}

static void the_same_at_once_is_asked_once(void **state)
{
    struct fake *fake = *state;
    fake_hold(fake, true);
    pthread_t threads[12];
    struct crowd crowd = {.fake = fake, .same = true};
    start_crowd(&crowd, threads, 12);
    fake_wait_asked(fake, 1);
    (void)kn_cancel_wait_ms(NULL, 30); /* for the others to join */
    fake_hold(fake, false);
    join_crowd(threads, 12);
    assert_int_equal(atomic_load(&crowd.ok), 12);
    /* Those who came too late, on a slow machine, ask again. */
    assert_int_equal(fake_asked(fake) + counts_of(fake).cached, 12);
    assert_in_range(fake_asked(fake), 1, 2);
}

/* ---- keys ---- */

static void keys_and_addresses_are_judged_before_anything_is_sent(void **state)
{
    struct fake *fake = *state;
    static const struct {
        const char *url, *key;
        enum kn_status status;
    } cases[] = {
        {"https://api.openai.com/v1", secret, KN_OK},
        {"https://api.openai.com/v1/", NULL, KN_OK},
        {"http://127.0.0.1:9/v1", secret, KN_OK},
        {"http://localhost/v1", secret, KN_OK},
        {"http://example.org/v1", NULL, KN_OK},
        {"http://example.org/v1", "", KN_OK},
        {"http://example.org/v1", secret, KN_INVALID},
        {"http://localhost.example.org/v1", secret, KN_INVALID},
        {"https://api.openai.com/v1", "sk-secret-0123\n", KN_INVALID},
        {"https://api.openai.com/v1", "sk-secret\r\nX-Evil: 1", KN_INVALID},
        {"https://api.openai.com/v1", "sk-secret 0123", KN_INVALID},
        {"https://api.openai.com/v1", "sk-secr\xC3\xA9t", KN_INVALID},
        {"ftp://api.openai.com/v1", NULL, KN_INVALID},
        {"api.openai.com", NULL, KN_INVALID},
        {"https://user@api.openai.com/v1", NULL, KN_INVALID},
        {"https://api.openai.com/v1?x=1", NULL, KN_INVALID},
        {"", NULL, KN_INVALID},
        {NULL, NULL, KN_INVALID},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_error err = {0};
        struct kn_service *service = NULL;
        struct kn_service_options options = {.name = "the speech service",
                                             .base_url = cases[i].url,
                                             .key = cases[i].key,
                                             .key_hint = "OPENAI_API_KEY"};
        enum kn_status status = kn_service_open(fake->http, &options, &service, &err);
        if (status != cases[i].status || strstr(err.text, "secr"))
            fail_msg("case %d: %s, “%s”", (int)i, kn_status_name(status), err.text);
        kn_service_close(service);
    }
    kn_service_close(NULL);
}

/* ---- all of a process ---- */

static void one_bad_key_is_no_matter_of_the_others(void **state)
{
    (void)state;
    struct kn_error err = {0};
    struct kn_services *services = NULL;
    const struct kn_services_options options = {
        .at = {[KN_SERVICE_SPEECH] = {"https://api.openai.com/v1", "sk-secret\n", "SPEECH_KEY"},
               [KN_SERVICE_VISION] = {"https://api.openai.com/v1", NULL, "VISION_KEY"},
               [KN_SERVICE_RANKING] = {"https://api.openai.com/v1", secret, "RANKING_KEY"}}};
    assert_int_equal(kn_services_open(&options, &services, &err), KN_OK);
    assert_null(services->at[KN_SERVICE_SPEECH]);
    assert_int_equal(services->why[KN_SERVICE_SPEECH].status, KN_INVALID);
    assert_non_null(strstr(services->why[KN_SERVICE_SPEECH].text, "the key in SPEECH_KEY has"));
    assert_null(services->at[KN_SERVICE_VISION]);
    assert_int_equal(services->why[KN_SERVICE_VISION].status, KN_MISSING);
    assert_non_null(services->at[KN_SERVICE_RANKING]);
    kn_services_close(services);
}

static void a_days_budget_needs_a_folder(void **state)
{
    struct fake *fake = *state;
    struct kn_error err = {0};
    struct kn_services *services = NULL;
    struct kn_services_options options = {.day = {.usd = 1}};
    for (int kind = 0; kind < KN_SERVICE_KIND_COUNT; kind++)
        options.at[kind].url = "https://api.openai.com/v1";
    assert_int_equal(kn_services_open(&options, &services, &err), KN_OK); /* nobody can be asked */
    kn_services_close(services);
    options.at[KN_SERVICE_SPEECH].key = "sk secret";
    assert_int_equal(kn_services_open(&options, &services, &err), KN_OK); /* nor now */
    kn_services_close(services);
    options.at[KN_SERVICE_SPEECH].key = secret;
    assert_int_equal(kn_services_open(&options, &services, &err), KN_MISSING);
    assert_string_equal(err.text, "there is no folder to keep the day's budget in: set HOME or "
                                  "XDG_DATA_HOME");
    options.day = (struct kn_budget_limits){.tokens = 5};
    assert_int_equal(kn_services_open(&options, &services, &err), KN_MISSING);
    options.usage = fake->folder;
    assert_int_equal(kn_services_open(&options, &services, &err), KN_OK);
    assert_non_null(services->day);
    kn_services_close(services);
    options = (struct kn_services_options){.at = {options.at[0], options.at[1], options.at[2]}};
    assert_int_equal(kn_services_open(&options, &services, &err), KN_OK); /* no bound is set */
    assert_null(services->day);
    kn_services_close(services);
}

static void collect_line(void *arg, enum kn_log_level level, const char *line)
{
    (void)level;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    kn_str_printf(arg, "%s\n", line);
    pthread_mutex_unlock(&lock);
}

static void the_key_is_in_one_header_and_nowhere_else(void **state)
{
    struct fake *fake = *state;
    struct kn_str log = {0};
    kn_log_set_sink(collect_line, &log);
    kn_log_set_level(KN_LOG_DEBUG);
    static const struct fake_answer tells[] = {
        {.status = 400,
         .body = "{\"error\":{\"message\":\"header was: Bearer sk-secret-0123456789 (really)\"}}"},
        {.status = 500, .body = "you sent sk-secret-0123456789", .content_type = "text/plain"},
        {.status = 403, .body = "{\"error\":\"key sk-secret-01...6789 may not\"}"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(tells); i++) {
        struct kn_error err = {0};
        fake_reopen(fake, (struct kn_service_options){.key = secret, .attempts = 1});
        fake_script(fake, &tells[i], 1);
        assert_int_not_equal(ask(fake, &err), KN_OK);
        assert_string_equal(fake->requests[0].authorization, "Bearer sk-secret-0123456789");
        assert_null(strstr(fake->requests[0].body, "secret"));
        assert_null(strstr(fake->requests[0].path, "secret"));
        if (strstr(err.text, "secret") || strstr(err.text, "0123"))
            fail_msg("case %d: “%s”", (int)i, err.text);
    }
    kn_log_set_level(KN_LOG_WARN);
    kn_log_set_sink(NULL, NULL);
    assert_non_null(strstr(kn_str_text(&log), "/chat/completions"));
    assert_null(strstr(kn_str_text(&log), "secret"));
    kn_str_free(&log);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FAKE_TEST(errors_are_tried_again_or_not),
        FAKE_TEST(connections_that_fail_are_tried_again),
        FAKE_TEST(retry_after_holds_everybody),
        FAKE_TEST(nobody_waits_for_hours),
        FAKE_TEST(who_is_refused_for_good_holds_nobody),
        FAKE_TEST(no_more_requests_a_minute_than_set),
        cmocka_unit_test(any_minute_is_within_the_limit),
        FAKE_TEST(tokens_a_minute_count_as_well),
        FAKE_TEST(what_the_service_says_it_has_left_is_not_exceeded),
        cmocka_unit_test(limits_of_every_kind_are_understood),
        cmocka_unit_test(durations_are_read),
        FAKE_TEST(overload_halves_what_is_in_flight),
        cmocka_unit_test(answers_that_come_late_slow_it_down),
        FAKE_TEST(a_bad_key_is_asked_about_once),
        FAKE_TEST(a_service_that_is_down_is_left_alone_for_a_minute),
        FAKE_TEST(who_is_turned_away_is_no_further_failure),
        FAKE_TEST(an_unknown_model_is_no_reason_against_others),
        FAKE_TEST(a_stop_ends_every_wait),
        FAKE_TEST(a_budget_stops_before_it_is_exceeded),
        FAKE_TEST(tries_that_failed_are_not_billed_and_lost_ones_are),
        FAKE_TEST(what_was_answered_is_not_asked_again),
        FAKE_TEST(an_answer_with_a_nul_is_kept),
        FAKE_TEST(a_spoilt_file_is_no_answer),
        FAKE_TEST(the_folder_of_answers_is_bounded),
        FAKE_TEST(the_same_at_once_is_asked_once),
        FAKE_TEST(keys_and_addresses_are_judged_before_anything_is_sent),
        cmocka_unit_test(one_bad_key_is_no_matter_of_the_others),
        FAKE_TEST(a_days_budget_needs_a_folder),
        FAKE_TEST(the_key_is_in_one_header_and_nowhere_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
