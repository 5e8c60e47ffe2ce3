/* Instagram: a reel comes to its end exactly once, whatever goes wrong, at an Instagram of the
 * test's. */
#include "run_help.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "platform/instagram.h"
#include "posting_harness.h"

enum { SMALL = 200003, CONTAINERS_MAX = 64, REELS_MAX = 8, POLLS = 2 };

#define USER "17841400000000001"

struct container {
    char *data;
    int64_t stored;
    char *caption;
    int polls;
    bool published;
    int64_t published_us;
};

struct reel {
    char *caption;
    int64_t at_us;
};

struct world {
    struct harness h;
    struct container containers[CONTAINERS_MAX];
    struct reel reels[REELS_MAX];
    int container_count, reel_count, strayed, pages;
    json_t *asked; /* for the last container */
    bool damaged;
    /* How this Instagram is. */
    int used, fails_times;
    int64_t lag_us;    /* until a container says that it was published */
    const char *fails; /* status text of containers that fail */
    bool keeps_halves, loses_containers, forgets_containers, loses_first, expires, hides_reels,
        tells_no_address, twin, is_new;
    int garbled_lists; /* so many are none */
    int newer;         /* reels that others have published since */
    const char *refuses, *refuses_path, *usage;
    int refuses_status, refuses_times, says_at;
    const char *says;
};

static void forget_all(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < w->container_count; i++) {
        free(w->containers[i].data);
        free(w->containers[i].caption);
    }
    for (int i = 0; i < w->reel_count; i++)
        free(w->reels[i].caption);
    memset(w->containers, 0, sizeof w->containers);
    memset(w->reels, 0, sizeof w->reels);
    json_decref(w->asked);
    w->asked = NULL;
    w->container_count = w->reel_count = w->strayed = w->pages = 0;
    w->damaged = false;
}

static void refuse(const struct kn_exchange *x, struct kn_reply *reply, int status, int code,
                   int subcode)
{
    harness_reply(
        x, reply, status,
        "{\"error\":{\"message\":\"No\\u001b, %d\",\"type\":\"OAuthException\",\"code\":%d,"
        "\"error_subcode\":%d,\"fbtrace_id\":\"A6L\"}}",
        code, code, subcode);
}

/* ---- containers ---- */

static void create(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    json_t *body = json_loadb(x->body, x->body_size, 0, NULL);
    const char *type = json_string_value(json_object_get(body, "media_type"));
    const char *way = json_string_value(json_object_get(body, "upload_type"));
    const char *caption = json_string_value(json_object_get(body, "caption"));
    json_decref(w->asked);
    w->asked = body;
    if (!type || strcmp(type, "REELS") != 0 || !way || strcmp(way, "resumable") != 0 ||
        w->container_count == CONTAINERS_MAX) {
        refuse(x, reply, 400, 100, 2207023);
        return;
    }
    struct container *container = &w->containers[w->container_count++];
    container->data = kn_malloc((size_t)w->h.clip.bytes);
    container->caption = kn_strdup(caption);
    harness_reply(x, reply, 200, "{\"id\":\"1788%d\",\"uri\":\"%s/ig-api-upload/v25.0/1788%d\"}",
                  w->container_count, w->h.service_url, w->container_count);
}

static void debug(const struct kn_exchange *x, struct kn_reply *reply, bool retriable,
                  const char *type)
{
    harness_reply(x, reply, 400,
                  "{\"debug_info\":{\"retriable\":%s,\"type\":\"%s\",\"message\":\"no %s\"}}",
                  retriable ? "true" : "false", type, type);
}

static void take_bytes(struct world *w, struct container *container, const struct kn_exchange *x,
                       struct kn_reply *reply)
{
    long long offset = -1, size = -1;
    kn_parse_int(harness_header(x, "offset"), 0, INT64_MAX, &offset);
    kn_parse_int(harness_header(x, "file_size"), 0, INT64_MAX, &size);
    bool cut = harness_is_cut(x);
    if (!kn_starts_with(harness_header(x, "authorization"), "OAuth ")) {
        debug(x, reply, false, "NotAuthorizedError");
        return;
    }
    if (offset != container->stored || size != w->h.clip.bytes ||
        (!cut && offset + (int64_t)x->body_size != size)) {
        debug(x, reply, true, "OffsetInvalidError");
        return;
    }
    if (cut && !w->keeps_halves)
        return;
    memcpy(container->data + offset, x->body, x->body_size);
    container->stored += (int64_t)x->body_size;
    char hash[KN_HASH_TEXT_BYTES];
    kn_hash_bytes(container->data, (size_t)container->stored, hash);
    w->damaged |= container->stored == size && strcmp(hash, w->h.clip.hash) != 0;
    harness_reply(x, reply, 200, "{\"success\":true,\"message\":\"Upload successful.\"}");
}

static void say_state(struct world *w, struct container *container, const struct kn_exchange *x,
                      struct kn_reply *reply)
{
    int polls = container->stored == w->h.clip.bytes ? ++container->polls : 0;
    bool fails = container - w->containers < w->fails_times;
    bool known = harness_there_us(&w->h) >= container->published_us + w->lag_us;
    const char *code = container->published && known                               ? "PUBLISHED"
                       : w->expires && polls > POLLS && container == w->containers ? "EXPIRED"
                       : polls <= POLLS                                            ? "IN_PROGRESS"
                       : fails                                                     ? "ERROR"
                                                                                   : "FINISHED";
    harness_reply(x, reply, 200,
                  "{\"id\":\"1\",\"status_code\":\"%s\",\"status\":\"%s\",\"video_status\":{"
                  "\"uploading_phase\":{\"status\":\"in_progress\",\"bytes_transferred\":%lld}}}",
                  code, fails && polls > POLLS ? w->fails : code, (long long)container->stored);
}

/* ---- reels ---- */

static void publish(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    KN_SCOPED_JSON body = json_loadb(x->body, x->body_size, 0, NULL);
    const char *id = json_string_value(json_object_get(body, "creation_id"));
    long long number = 0;
    bool known =
        id && kn_starts_with(id, "1788") && kn_parse_int(id + 4, 1, w->container_count, &number);
    struct container *container = known ? &w->containers[number - 1] : NULL;
    if (!container || container->published)
        refuse(x, reply, 400, 24, 2207008);
    else if (container->polls <= POLLS)
        refuse(x, reply, 400, 9007, 2207027);
    else {
        container->published = true;
        container->published_us = harness_there_us(&w->h);
        w->reels[w->reel_count++] = (struct reel){.caption = kn_strdup(container->caption),
                                                  .at_us = harness_there_us(&w->h)};
        harness_reply(x, reply, 200, "{\"id\":\"1792%d\"}", w->reel_count);
    }
}

static const char *time_of(const struct kn_exchange *x, int64_t at_us)
{
    char at[KN_TIME_TEXT_BYTES];
    kn_time_iso(at_us, at);
    return kn_arena_printf(x->arena, "%.19s+0000", at);
}

/* A page of them, the newest first. */
static void list_page(struct world *w, const struct kn_exchange *x, struct kn_reply *reply,
                      const json_t *all)
{
    long long limit = 25, after = 0, count = (long long)json_array_size(all);
    (void)kn_parse_int(harness_query(x, "limit"), 1, 100, &limit);
    const char *cursor = harness_query(x, "after");
    (void)(*cursor && kn_parse_int(cursor + 1, 0, count, &after));
    KN_SCOPED_JSON data = json_array();
    long long end = KN_MIN(after + limit, count);
    for (long long i = after; i < end; i++)
        json_array_append(data, json_array_get(all, (size_t)i));
    KN_SCOPED_MEM char *text = json_dumps(data, JSON_COMPACT);
    harness_reply(x, reply, 200, "{\"data\":%s,\"paging\":{\"cursors\":{\"after\":\"c%lld\"}%s}}",
                  text, end, end < count ? ",\"next\":\"https://graph.facebook.com/next\"" : "");
    w->pages++;
}

static void list_reels(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    KN_SCOPED_JSON data = json_array();
    if (w->garbled_lists && w->garbled_lists--) {
        harness_reply(x, reply, 200, "{\"paging\":{}}");
        return;
    }
    if (w->is_new) { /* an account without anything else */
        list_page(w, x, reply, data);
        return;
    }
    for (int i = 0; i < w->reel_count && !w->hides_reels; i++)
        for (int times = 0; times <= w->twin; times++)
            json_array_insert_new(
                data, 0,
                json_pack("{s:o, s:s, s:s}", "id", json_sprintf("1792%d", i + 1 + times), "caption",
                          w->reels[i].caption, "timestamp", time_of(x, w->reels[i].at_us)));
    for (int i = 0; i < w->newer; i++)
        json_array_insert_new(data, 0,
                              json_pack("{s:o, s:s, s:s}", "id", json_sprintf("99%d", i), "caption",
                                        "another", "timestamp",
                                        time_of(x, harness_there_us(&w->h) + 7200 * KN_US_PER_S)));
    /* An older one with the same words, and another one. */
    int64_t begin_us = w->h.start_us + w->h.ahead_us;
    json_array_append_new(data,
                          json_pack("{s:s, s:s, s:s}", "id", "31", "caption", w->h.text.caption,
                                    "timestamp", time_of(x, begin_us - 86400 * KN_US_PER_S)));
    json_array_append_new(data,
                          json_pack("{s:s, s:s}", "id", "32", "timestamp", time_of(x, begin_us)));
    list_page(w, x, reply, data);
}

static void serve_one(struct world *w, const struct kn_exchange *x, struct kn_reply *reply,
                      const char *id)
{
    long long number;
    if (kn_starts_with(id, "1788") && kn_parse_int(id + 4, 1, w->container_count, &number) &&
        !(w->loses_containers && w->containers[number - 1].published) &&
        !(w->forgets_containers && w->containers[number - 1].polls > POLLS + 1) &&
        !(w->loses_first && number == 1))
        say_state(w, &w->containers[number - 1], x, reply);
    else if (kn_starts_with(id, "1792") && kn_parse_int(id + 4, 1, w->reel_count, &number) &&
             !w->tells_no_address)
        harness_reply(x, reply, 200, "{\"id\":\"%s\",\"permalink\":\"%s/reel/%s/\"}", id,
                      w->h.service_url, id);
    else
        refuse(x, reply, 400, 24, 2207006);
}

static void serve_graph(struct world *w, const struct kn_exchange *x, struct kn_reply *reply,
                        const char *path)
{
    bool post = strcmp(x->method, "POST") == 0;
    bool user = kn_starts_with(path, USER);
    const char *call = user ? path + strlen(USER) : "";
    if (strcmp(call, "/content_publishing_limit") == 0)
        harness_reply(x, reply, 200,
                      "{\"data\":[{\"quota_usage\":%d,\"config\":{\"quota_total\":50,"
                      "\"quota_duration\":86400}}]}",
                      w->used > 0 ? w->used-- : 2);
    else if (strcmp(call, "/media") == 0 && post)
        create(w, x, reply);
    else if (strcmp(call, "/media") == 0)
        list_reels(w, x, reply);
    else if (strcmp(call, "/media_publish") == 0)
        publish(w, x, reply);
    else
        serve_one(w, x, reply, path);
}

static void serve(void *arg, const struct kn_exchange *x, struct kn_reply *reply)
{
    struct world *w = arg;
    static const char graph[] = "/v25.0/", uploads[] = "/ig-api-upload/v25.0/1788";
    long long number;
    w->strayed += kn_starts_with(x->path, "/evil");
    if (w->says_at && w->h.requests == w->says_at) {
        harness_reply(x, reply, 200, "%s", w->says);
        return;
    }
    if (!harness_is_authorized(&w->h, x)) {
        refuse(x, reply, 400, 190, 463);
    } else if (w->refuses_path && strstr(x->path, w->refuses_path) && w->refuses_times-- > 0) {
        harness_reply(x, reply, w->refuses_status, "%s", w->refuses);
        if (w->usage)
            harness_reply_header(x, reply, "X-Business-Use-Case-Usage", w->usage);
    } else if (kn_starts_with(x->path, graph)) {
        serve_graph(w, x, reply, x->path + strlen(graph));
    } else if (kn_starts_with(x->path, uploads) &&
               kn_parse_int(x->path + strlen(uploads), 1, w->container_count, &number)) {
        take_bytes(w, &w->containers[number - 1], x, reply);
    } else {
        refuse(x, reply, 404, 100, 33);
    }
}

static int begin(void **state)
{
    struct world *w =
        harness_world_open(state, sizeof *w, &kn_platform_instagram, SMALL, forget_all, serve);
    w->h.settings = "{\"login\":\"facebook\",\"ig_user_id\":\"" USER "\"}";
    w->h.text.caption = "Now & then:  \"one\"\n\n#one #zwei";
    w->h.options.share_to_feed = true;
    return 0;
}

static void expect_live(struct world *w)
{
    harness_expect_live(&w->h, w->reel_count == 1 && !w->damaged, "one reel, with the whole video",
                        "17921", "/reel/17921/");
}

/* ---- exactly once ---- */

static void judge(struct harness *h, const struct harness_plan *plan)
{
    (void)plan;
    expect_live(h->world);
}

static void whatever_breaks_one_reel_is_there(void **state)
{
    struct world *w = *state;
    harness_sweep(&w->h, judge);
    assert_true(json_is_true(json_object_get(w->asked, "share_to_feed")));
    assert_null(json_object_get(w->asked, "thumb_offset"));
}

static void halves_are_gone_on_with(void **state)
{
    struct world *w = *state;
    w->keeps_halves = true;
    for (int k = 1; k <= 6; k++) {
        const struct harness_plan plan = {.fault_at = k, .fault = HARNESS_HALF};
        harness_run(&w->h, &plan);
        expect_live(w);
        assert_int_equal(w->container_count, 1);
    }
}

static int request_of_publishing(struct world *w)
{
    harness_run(&w->h, NULL);
    expect_live(w);
    return w->h.requests - 1; /* before the address is asked for */
}

static void a_second_publishing_is_no_second_reel(void **state)
{
    struct world *w = *state;
    const struct harness_plan lost = {.fault_at = request_of_publishing(w), .fault = HARNESS_LOST};
    w->lag_us = 150 * KN_US_PER_S;
    harness_run(&w->h, &lost);
    expect_live(w);
    w->lag_us = 86400 * KN_US_PER_S;
    harness_run(&w->h, &lost);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_int_equal(w->reel_count, 1);
}

/* As where Meta forgets containers. */
static void a_lost_container_is_found_among_the_reels(void **state)
{
    struct world *w = *state;
    const struct harness_plan lost = {.fault_at = request_of_publishing(w), .fault = HARNESS_LOST};
    w->loses_containers = true;
    harness_run(&w->h, &lost);
    expect_live(w);
    w->hides_reels = true;
    harness_run(&w->h, &lost);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_non_null(strstr(w->h.remedy, "look among the reels of "));
    assert_int_equal(w->reel_count, 1);
    w->hides_reels = false;
    w->twin = true;
    harness_run(&w->h, &lost);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    w->twin = false;
    harness_run_again(&w->h, NULL);
    expect_live(w);
}

/* Nothing that is not a list says that the reel is not in it. */
static void an_answer_without_a_list_settles_nothing(void **state)
{
    struct world *w = *state;
    const struct harness_plan lost = {.fault_at = request_of_publishing(w), .fault = HARNESS_LOST};
    w->loses_containers = w->hides_reels = true;
    harness_run(&w->h, &lost);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    w->hides_reels = false;
    w->garbled_lists = 1;
    w->h.now_us += INT64_C(172800000000); /* a list that has nothing would be believed */
    harness_run_again(&w->h, NULL);
    expect_live(w);
}

static void a_reel_is_found_behind_a_thousand_newer_ones(void **state)
{
    struct world *w = *state;
    const struct harness_plan lost = {.fault_at = request_of_publishing(w), .fault = HARNESS_LOST};
    w->loses_containers = true;
    w->newer = 1000;
    harness_run(&w->h, &lost);
    expect_live(w);
    assert_int_equal(w->pages, 11);
}

/* The container is gone, nothing else was published in that time, and an hour is over. */
static void what_is_certainly_not_there_is_published(void **state)
{
    struct world *w = *state;
    const struct harness_plan unseen = {.fault_at = request_of_publishing(w),
                                        .fault = HARNESS_UNSEEN};
    w->forgets_containers = true;
    harness_run(&w->h, &unseen);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    w->h.now_us += 2 * 3600 * KN_US_PER_S;
    harness_run_again(&w->h, NULL); /* the account's other reel may be it, under another caption */
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_int_equal(w->reel_count, 0);
    w->is_new = true;
    w->forgets_containers = false;
    w->loses_first = true;
    harness_run_again(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->container_count, 2);
}

/* The clocks of the two sides are an hour apart, or one of them is set meanwhile. */
static void clocks_may_differ(void **state)
{
    struct world *w = *state;
    const struct harness_plan lost = {.fault_at = request_of_publishing(w), .fault = HARNESS_LOST};
    static const int hours[] = {-25, -1, 1, 25};
    for (size_t i = 0; i < KN_COUNT_OF(hours); i++) {
        w->h.ahead_us = hours[i] * 3600 * KN_US_PER_S;
        w->loses_containers = true;
        harness_run(&w->h, &lost);
        expect_live(w);
        assert_true(w->h.waited_us < 600 * KN_US_PER_S);
        w->loses_containers = false;
        w->lag_us = 86400 * KN_US_PER_S; /* of the platform's own time */
        harness_run(&w->h, &lost);
        assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
        w->lag_us = 0;
        w->loses_containers = true;
        w->h.now_us += 3 * 3600 * KN_US_PER_S; /* this machine's clock is set, not the platform's */
        w->h.ahead_us -= 3 * 3600 * KN_US_PER_S;
        harness_run_again(&w->h, NULL);
        expect_live(w);
        w->loses_containers = false;
    }
}

static void a_published_one_is_live_though_it_is_not_listed(void **state)
{
    struct world *w = *state;
    const struct harness_plan lost = {.fault_at = request_of_publishing(w), .fault = HARNESS_LOST};
    w->hides_reels = true;
    harness_run(&w->h, &lost);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_int_equal(w->reel_count, 1);
    assert_string_equal(w->h.url + strlen(w->h.service_url), "/somebody/");
    assert_non_null(strstr(w->h.reason, "does not tell its address"));
}

static void a_reel_without_an_address_is_live(void **state)
{
    struct world *w = *state;
    w->tells_no_address = true;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_LIVE);
    assert_string_equal(w->h.remote_id, "17921");
    assert_string_equal(w->h.url + strlen(w->h.service_url), "/somebody/");
}

/* ---- limits and refusals ---- */

static void the_days_posts_are_waited_for(void **state)
{
    struct world *w = *state;
    w->used = 50;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_string_equal(w->h.quota, "posts");
    assert_int_equal(w->h.quota_until_us, INT64_C(1796126400000000) + 3600 * KN_US_PER_S);
}

static void waits_are_as_long_as_meta_says(void **state)
{
    struct world *w = *state;
    w->usage = "{\"178\":[{\"type\":\"instagram\",\"estimated_time_to_regain_access\":19}]}";
    w->refuses = "{\"error\":{\"code\":80002,\"message\":\"slow\",\"is_transient\":true}}";
    w->refuses_path = "/media_publish";
    w->refuses_status = 400;
    w->refuses_times = 1;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_true(w->h.waited_us >= 19 * 60 * KN_US_PER_S);
}

static void refusals_lead_where_they_should(void **state)
{
    struct world *w = *state;
    static const char any[] = "/", make[] = "/media", publish_it[] = "/media_publish",
                      upload[] = "/ig-api-upload";
    static const struct {
        const char *path;
        int status, code, subcode;
        int times;
        enum kn_posting_next outcome;
        const char *says;
    } table[] = {
        {any, 400, 190, 463, 2, KN_NEXT_FAILED, "token was refused"},
        {any, 401, 190, 460, 2, KN_NEXT_FAILED, "token was refused"},
        {any, 400, 10, 0, 1, KN_NEXT_FAILED, "kirinuki auth instagram"},
        {any, 403, 200, 0, 1, KN_NEXT_FAILED, "kirinuki auth instagram"},
        {make, 400, 100, 0, 1, KN_NEXT_FAILED, "(100): No?"},
        {make, 400, 36004, 2207010, 1, KN_NEXT_FAILED, "caption"},
        {make, 400, 100, 2207040, 1, KN_NEXT_FAILED, "mentions"},
        {make, 400, 100, 2207023, 1, KN_NEXT_FAILED, "kind of post"},
        {make, 400, 1, 2207057, 1, KN_NEXT_FAILED, "cover"},
        {make, 400, 25, 2207050, 1, KN_NEXT_FAILED, "restricted"},
        {make, 400, 4, 2207051, 1, KN_NEXT_FAILED, "spam"},
        {make, 400, 4, 0, 1, KN_NEXT_LIVE, ""},
        {make, 400, 17, 0, 1, KN_NEXT_LIVE, ""},
        {make, 429, 613, 0, 1, KN_NEXT_LIVE, ""},
        {make, 500, 2, 0, 1, KN_NEXT_LIVE, ""},
        {make, 400, -1, 2207001, 1, KN_NEXT_LIVE, ""},
        {make, 400, -1, 2207032, 1, KN_NEXT_LIVE, ""},
        {make, 400, -2, 2207003, 1, KN_NEXT_LIVE, ""},
        {upload, 400, 352, 2207026, 1, KN_NEXT_FAILED, "format"},
        {upload, 400, -1, 2207053, 1, KN_NEXT_LIVE, ""},
        {publish_it, 400, 9007, 2207027, 2, KN_NEXT_LIVE, ""},
        {publish_it, 400, 9, 2207042, 1, KN_NEXT_LIVE, "posts"},
        {publish_it, 400, 24, 2207008, 1, KN_NEXT_LIVE, ""},
        {publish_it, 400, 24, 2207008, 4, KN_NEXT_LIVE, ""},
        {publish_it, 400, 24, 2207006, 99, KN_NEXT_FAILED, "3 times in a row"},
        {publish_it, 400, 4, 2207051, 1, KN_NEXT_FAILED, "spam"},
        {publish_it, 400, 25, 2207050, 1, KN_NEXT_FAILED, "restricted"},
        {publish_it, 400, -2, 2207020, 1, KN_NEXT_LIVE, ""},
        {publish_it, 500, -1, 2207001, 1, KN_NEXT_LIVE, ""},
        {publish_it, 400, 77777, 0, 1, KN_NEXT_FAILED, "(77777)"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(table); i++) {
        char body[160];
        snprintf(body, sizeof body,
                 "{\"error\":{\"code\":%d,\"error_subcode\":%d,\"message\":\"No\\u001b\"}}",
                 table[i].code, table[i].subcode);
        w->refuses = body;
        w->refuses_path = table[i].path;
        w->refuses_status = table[i].status;
        w->refuses_times = table[i].times;
        harness_run(&w->h, NULL);
        bool live = table[i].outcome == KN_NEXT_LIVE;
        const char *says = table[i].says;
        bool said =
            strstr(w->h.reason, says) || strstr(w->h.remedy, says) || strcmp(w->h.quota, says) == 0;
        if (w->h.outcome != table[i].outcome || w->reel_count != live || !said)
            fail_msg("%s %d/%d: ended as %d, %d reels: %s; %s", table[i].path, table[i].code,
                     table[i].subcode, w->h.outcome, w->reel_count, w->h.reason, w->h.remedy);
    }
}

static void rupload_may_refuse(void **state)
{
    struct world *w = *state;
    w->refuses_path = "/ig-api-upload";
    w->refuses_status = 400;
    /* Of an upload that has expired it says no more than that. */
    static const char *const words[] = {
        "{\"debug_info\":{\"retriable\":false,\"type\":\"ProcessingFailedError\",\"message\":"
        "\"no\\u001bway\"}}",
        "{\"debug_info\":{\"retriable\":false,\"type\":\"ProcessingFailedError\",\"message\":"
        "\"{\\\"success\\\":false,\\\"error\\\":{\\\"message\\\":\\\"no?way\\\"}}\"}}",
    };
    for (size_t i = 0; i < KN_COUNT_OF(words); i++) {
        w->refuses = words[i];
        w->refuses_times = 1;
        harness_run(&w->h, NULL);
        expect_live(w);
        assert_int_equal(w->container_count, 2);
        w->refuses_times = 99;
        harness_run(&w->h, NULL);
        assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
        assert_int_equal(w->container_count, 3);
        assert_string_equal(w->h.reason, "Instagram does not take the upload any more: no?way, 3 "
                                         "times in a row");
        w->refuses_times = 0;
        harness_run_again(&w->h, NULL);
        expect_live(w);
    }
    w->refuses = "<html>gone</html>";
    w->refuses_status = 404;
    w->refuses_times = 1;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->container_count, 2);
    w->refuses_status = 400;
    w->refuses_times = 1;
    w->refuses = "{\"debug_info\":{\"retriable\":true,\"type\":\"ProcessingFailedError\"}}";
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->container_count, 1);
}

static void containers_that_fail_have_a_reason(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *status, *says;
        int containers; /* that are made in all */
        enum kn_posting_next outcome;
    } table[] = {
        {"Error: Media upload has failed with error code 2207026", "format", 1, KN_NEXT_FAILED},
        {"Error: 2207009", "shape", 1, KN_NEXT_FAILED},
        {"Error: Media upload has failed with error code 2207053", "", 2, KN_NEXT_LIVE},
        {"2207082", "", 2, KN_NEXT_LIVE},
        {"Error: 2207999 is new\\u001b", "gave the clip up: Error: 2207999 is new?", 1,
         KN_NEXT_FAILED},
        {"", "gave the clip up", 1, KN_NEXT_FAILED},
    };
    for (size_t i = 0; i < KN_COUNT_OF(table); i++) {
        w->fails = table[i].status;
        w->fails_times = 1;
        harness_run(&w->h, NULL);
        if (w->h.outcome != table[i].outcome || w->container_count != table[i].containers ||
            !strstr(w->h.reason, table[i].says))
            fail_msg("%s: ended as %d: %s", table[i].status, w->h.outcome, w->h.reason);
        if (w->h.outcome == KN_NEXT_FAILED)
            harness_run_again(&w->h, NULL);
        expect_live(w);
    }
    w->fails = "2207053";
    w->fails_times = CONTAINERS_MAX;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_int_equal(w->container_count, 3);
}

static void expired_containers_are_made_anew(void **state)
{
    struct world *w = *state;
    w->expires = true;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->container_count, 2);
}

static void files_go_by_facebook_login_alone(void **state)
{
    struct world *w = *state;
    static const char *const settings[] = {"{\"login\":\"instagram\",\"ig_user_id\":\"178\"}",
                                           "{\"login\":\"facebook\",\"ig_user_id\":\"17/../8\"}",
                                           "{\"login\":\"facebook\"}",
                                           "{\"login\":7}",
                                           "{}",
                                           "nothing"};
    for (size_t i = 0; i < KN_COUNT_OF(settings); i++) {
        w->h.settings = settings[i];
        harness_run(&w->h, NULL);
        if (w->h.outcome != KN_NEXT_FAILED || w->h.requests || !w->h.remedy[0])
            harness_fail(&w->h, settings[i]);
    }
    w->h.account_id = USER;
    w->h.settings = "{\"login\":\"facebook\"}";
    harness_run(&w->h, NULL);
    expect_live(w);
}

static void hostile_answers_do_no_harm(void **state)
{
    struct world *w = *state;
    static const char *const bodies[] = {
        "[]",
        "{}",
        "{\"id\":\"a/b\",\"status_code\":[],\"permalink\":7}",
        "{\"id\":\"1\\u001b\",\"status_code\":\"FIN\\u0007\",\"success\":\"yes\"}",
        ("{\"id\":{},\"status_code\":\"IN_PROGRESS\",\"video_status\":{\"uploading_phase\":[7]},"
         "\"permalink\":\"https://evil.example/reel/1\"}"),
        "{\"id\":99999999999999999999999,\"status_code\":7}",
        "{\"data\":{\"a\":1},\"status_code\":\"IN_PROGRESS\",\"permalink\":\"javascript:a\"}",
    };
    harness_run(&w->h, NULL);
    int requests = w->h.requests;
    for (size_t i = 0; i < KN_COUNT_OF(bodies); i++)
        for (int k = 1; k <= requests; k++) {
            w->says = bodies[i];
            w->says_at = k;
            harness_run(&w->h, NULL);
            expect_live(w);
        }
}

/* The account's token goes with the upload. The host here has another name than Meta's. */
static void uploads_go_to_meta_alone(void **state)
{
    struct world *w = *state;
    w->says =
        kn_arena_printf(w->h.arena, "{\"id\":\"17881\",\"uri\":\"http://localhost%s/evil/1\"}",
                        strrchr(w->h.service_url, ':'));
    w->says_at = 2;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->strayed, 0);
}

#define INSTAGRAM_TEST(name) cmocka_unit_test_setup_teardown(name, begin, harness_world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INSTAGRAM_TEST(whatever_breaks_one_reel_is_there),
        INSTAGRAM_TEST(halves_are_gone_on_with),
        INSTAGRAM_TEST(a_second_publishing_is_no_second_reel),
        INSTAGRAM_TEST(a_lost_container_is_found_among_the_reels),
        INSTAGRAM_TEST(an_answer_without_a_list_settles_nothing),
        INSTAGRAM_TEST(a_reel_is_found_behind_a_thousand_newer_ones),
        INSTAGRAM_TEST(what_is_certainly_not_there_is_published),
        INSTAGRAM_TEST(clocks_may_differ),
        INSTAGRAM_TEST(a_published_one_is_live_though_it_is_not_listed),
        INSTAGRAM_TEST(a_reel_without_an_address_is_live),
        INSTAGRAM_TEST(the_days_posts_are_waited_for),
        INSTAGRAM_TEST(waits_are_as_long_as_meta_says),
        INSTAGRAM_TEST(refusals_lead_where_they_should),
        INSTAGRAM_TEST(rupload_may_refuse),
        INSTAGRAM_TEST(containers_that_fail_have_a_reason),
        INSTAGRAM_TEST(expired_containers_are_made_anew),
        INSTAGRAM_TEST(files_go_by_facebook_login_alone),
        INSTAGRAM_TEST(hostile_answers_do_no_harm),
        INSTAGRAM_TEST(uploads_go_to_meta_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
