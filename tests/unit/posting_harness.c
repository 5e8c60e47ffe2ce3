#include "posting_harness.h"

#include "run_help.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/sync.h"
#include "net/http.h"
#include "support/temp_folder.h"

enum { STEPS_MAX = 3000, RESTARTS_MAX = 200 };

static const int64_t start_us = INT64_C(1796126400000000); /* 2026-12-01T12:00:00Z */
static const int64_t pause_us = 10000000;                  /* after an error or a crash */

/* ---- the platform's side ---- */

int64_t harness_there_us(const struct harness *h)
{
    return h->now_us + h->ahead_us;
}

static void announce(const struct kn_exchange *x, struct kn_reply *reply, enum harness_fault fault)
{
    static const char *const busy = "{\"error\":{\"code\":503,\"message\":\"busy\"}}";
    static const char *const confused = "{\"error\":{\"code\":500,\"message\":\"confused\"}}";
    switch (fault) {
    case HARNESS_UNSEEN:
    case HARNESS_HALF:
    case HARNESS_LOST:
        reply->fault = KN_REPLY_NOTHING;
        break;
    case HARNESS_BUSY:
        harness_reply(x, reply, 503, "%s", busy);
        harness_reply_header(x, reply, "Retry-After", "7");
        break;
    case HARNESS_CONFUSED:
        harness_reply(x, reply, 500, "%s", confused);
        break;
    case HARNESS_GARBLED:
        reply->body = "<html>hello\x01</html>";
        reply->size = strlen(reply->body);
        break;
    case HARNESS_TOKEN:
        harness_reply(x, reply, 401, "{\"error\":{\"code\":401,\"message\":\"expired\"}}");
        break;
    case HARNESS_NONE:
    case HARNESS_FAULT_COUNT:
        break;
    }
}

static void handle(void *arg, const struct kn_exchange *x, struct kn_reply *reply)
{
    struct harness *h = arg;
    KN_LOCKED(&h->lock);
    h->requests++;
    h->sent_after_crash |= h->crashed;
    const struct harness_plan *plan = h->plan;
    bool hit = plan->fault_at &&
               (h->requests == plan->fault_at || (plan->for_ever && h->requests > plan->fault_at));
    enum harness_fault fault = hit ? plan->fault : HARNESS_NONE;
    struct kn_exchange seen = *x;
    if (fault == HARNESS_TOKEN)
        h->token++;
    if (fault == HARNESS_HALF)
        seen.body_size /= 2;
    bool unseen = fault == HARNESS_UNSEEN || fault == HARNESS_BUSY || fault == HARNESS_TOKEN ||
                  (fault == HARNESS_HALF && x->body_size == 0);
    if (!unseen)
        h->serve(h->world, &seen, reply);
    announce(x, reply, fault);
    harness_reply_header(
        x, reply, "Date",
        kn_time_http(harness_there_us(h), kn_arena_alloc(x->arena, KN_TIME_TEXT_BYTES)));
}

/* ---- the publisher's side ---- */

static void keep(struct harness *h, const struct kn_posting *posting)
{
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, posting->memory, true);
    free(h->memory);
    h->memory = kn_str_take(&text);
    h->state = posting->state;
}

static enum kn_status remember(void *arg, const struct kn_posting *posting, struct kn_error *err)
{
    struct harness *h = arg;
    KN_LOCKED(&h->lock);
    assert_false(h->crashed);
    h->remembers++;
    bool crash = h->plan->crash_at == h->remembers;
    if (!crash || h->plan->crash_after)
        keep(h, posting);
    h->crashed = crash;
    return crash ? kn_error_set(err, KN_LOST, "the test's crash") : KN_OK;
}

static enum kn_status token(void *arg, const char *refused, struct kn_arena *arena,
                            const char **ret_token, struct kn_error *err)
{
    struct harness *h = arg;
    KN_LOCKED(&h->lock);
    if (h->token_text) {
        *ret_token = h->token_text;
        return KN_OK;
    }
    const char *good = kn_arena_printf(arena, "token-%d", h->token);
    if (refused && strcmp(refused, good) == 0)
        return kn_error_set(err, KN_DENIED, "the account's token was refused");
    *ret_token = good;
    return KN_OK;
}

static void progress(void *arg, int64_t sent_bytes)
{
    struct harness *h = arg;
    KN_LOCKED(&h->lock);
    h->progress_bytes = sent_bytes;
}

static int64_t now(void *arg)
{
    struct harness *h = arg;
    KN_LOCKED(&h->lock);
    return h->now_us;
}

static void pass(struct harness *h, int64_t until_us)
{
    pthread_mutex_lock(&h->lock);
    int64_t passes_us = KN_MAX(until_us - h->now_us, 0);
    h->waited_us += passes_us;
    h->now_us += passes_us;
    pthread_mutex_unlock(&h->lock);
    if (passes_us && h->passed)
        h->passed(h->world, passes_us);
}

static void note(char *to, size_t room, const char *text)
{
    snprintf(to, room, "%s", text ? text : "");
}

static void end(struct harness *h, const struct kn_posting *posting)
{
    h->outcome = posting->next;
    keep(h, posting);
    note(h->remote_id, sizeof h->remote_id, posting->remote_id);
    note(h->url, sizeof h->url, posting->url);
    note(h->reason, sizeof h->reason, posting->reason);
    note(h->remedy, sizeof h->remedy, posting->remedy);
    h->visible_us = posting->visible_us;
    h->look_us = posting->wait_until_us;
    h->wish_refused = posting->wish_refused;
    h->state = posting->next == KN_NEXT_SCHEDULED ? KN_POST_SCHEDULED : KN_POST_PLANNED;
}

/* One life of the publisher: true when the post has come to its end. */
static bool live(struct harness *h, struct kn_posting *posting, int *steps)
{
    for (;;) {
        struct kn_error err = {0};
        kn_arena_reset(posting->arena);
        if (++*steps > STEPS_MAX)
            harness_fail(h, "it never comes to an end");
        h->status = kn_posting_advance(posting, &err);
        if (h->status == KN_OK && posting->next == KN_NEXT_WAIT) {
            note(h->reason, sizeof h->reason, posting->reason);
            if (posting->quota) {
                note(h->quota, sizeof h->quota, posting->quota);
                h->quota_until_us = posting->wait_until_us;
            }
            h->status = remember(h, posting, &err);
            pass(h, posting->wait_until_us);
        } else if (h->status == KN_OK && posting->next != KN_NEXT_STEP) {
            end(h, posting);
            return true;
        }
        if (h->status == KN_OK)
            continue;
        if (h->crashed != (h->status == KN_LOST))
            harness_fail(h, "a crash is LOST, and nothing else is");
        if (h->status == KN_LOST || h->status == KN_IO || h->status == KN_TIMEOUT ||
            h->status == KN_REMOTE)
            return false;
        h->outcome = kn_posting_intended_us(posting) ? KN_NEXT_UNKNOWN : KN_NEXT_FAILED;
        note(h->reason, sizeof h->reason, err.text);
        return true;
    }
}

/* Between two lives. */
static void rest(struct harness *h)
{
    pthread_mutex_lock(&h->lock);
    h->crashed = false;
    pthread_mutex_unlock(&h->lock);
    pass(h, h->now_us + pause_us);
}

static void run(struct harness *h, const struct harness_plan *plan)
{
    static const struct harness_plan nothing;
    struct kn_posting_host host = {
        .http = h->http,
        .remember = remember,
        .token = token,
        .book = h->book,
        .progress = progress,
        .now_us = now,
        .arg = h,
    };
    h->plan = plan ? plan : &nothing;
    h->remembers = h->requests = h->restarts = 0;
    h->waited_us = 0;
    h->sent_after_crash = h->crashed = false;
    h->quota[0] = h->reason[0] = h->remedy[0] = h->url[0] = h->remote_id[0] = '\0';
    int steps = 0;
    for (bool ended = false; !ended;) {
        struct kn_posting posting = {
            .platform = h->platform,
            .clip = h->clip,
            .text = h->text,
            .options = h->options,
            .withdraw = h->withdraw,
            .account = h->account,
            .account_id = h->account_id,
            .settings = h->settings,
            .service_url = h->service_url,
            .marker = "0123456789abcdef",
            .number = 12,
            .host = &host,
            .arena = kn_arena_new(),
            .memory = json_loads(h->memory, 0, NULL),
            .state = h->state,
        };
        assert_non_null(posting.memory);
        ended = live(h, &posting, &steps);
        kn_posting_done(&posting);
        json_decref(posting.memory);
        kn_arena_free(posting.arena);
        rest(h);
        if (++h->restarts > RESTARTS_MAX)
            harness_fail(h, "it fails for ever");
    }
    if (h->sent_after_crash)
        harness_fail(h, "a request was sent after the crash");
}

void harness_run(struct harness *h, const struct harness_plan *plan)
{
    free(h->memory);
    h->memory = kn_strdup("{}");
    h->state = KN_POST_PLANNED;
    h->now_us = h->start_us;
    h->token = 1;
    h->reset(h->world);
    run(h, plan);
}

void harness_run_again(struct harness *h, const struct harness_plan *plan)
{
    run(h, plan);
}

/* ---- sweeps ---- */

void harness_fail(const struct harness *h, const char *sentence)
{
    static const char *const faults[HARNESS_FAULT_COUNT] = {"none", "unseen",   "half",    "lost",
                                                            "busy", "confused", "garbled", "token"};
    static const char *const outcomes[] = {"step",   "wait",    "live",     "scheduled",
                                           "failed", "unknown", "cancelled"};
    const struct harness_plan *plan = h->plan;
    fail_msg("%s\n  crash %s remember %d, fault %s at request %d\n  ended %s: \"%s\"\n  memory %s",
             sentence, plan->crash_after ? "after" : "at", plan->crash_at, faults[plan->fault],
             plan->fault_at, outcomes[h->outcome], h->reason, h->memory);
}

void harness_expect_live(const struct harness *h, bool good, const char *sentence,
                         const char *remote_id, const char *path)
{
    if (h->outcome != KN_NEXT_LIVE || !good)
        harness_fail(h, sentence);
    assert_string_equal(h->remote_id, remote_id);
    assert_string_equal(h->url + strlen(h->service_url), path);
}

void harness_sweep(struct harness *h,
                   void (*judge)(struct harness *h, const struct harness_plan *plan))
{
    struct harness_plan plan = {0};
    harness_run(h, &plan);
    judge(h, &plan);
    int remembers = h->remembers, requests = h->requests;
    for (int fault = HARNESS_UNSEEN; fault < HARNESS_FAULT_COUNT; fault++)
        for (int k = 1; k <= requests; k++) {
            plan = (struct harness_plan){.fault_at = k, .fault = (enum harness_fault)fault};
            harness_run(h, &plan);
            judge(h, &plan);
        }
    for (int n = 1; n <= remembers; n++)
        for (int after = 0; after < 2; after++)
            for (int k = 0; k <= requests; k++) {
                plan = (struct harness_plan){n, after, k, k ? HARNESS_LOST : HARNESS_NONE};
                harness_run(h, &plan);
                judge(h, &plan);
            }
}

/* ---- its life ---- */

static const char *write_file(struct harness *h, const char *name, const void *data, size_t size)
{
    const char *path = kn_path_join(h->arena, h->folder, name);
    struct kn_error err;
    if (kn_file_write(path, data, size, &err) != KN_OK)
        fail_msg("%s", err.text);
    return path;
}

void harness_use_clip(struct harness *h, const char *path)
{
    struct stat st;
    char hash[KN_HASH_TEXT_BYTES];
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(kn_file_hash(path, NULL, NULL, hash, NULL), KN_OK);
    h->clip.path = kn_arena_strdup(h->arena, path);
    h->clip.hash = kn_arena_strdup(h->arena, hash);
    h->clip.bytes = st.st_size;
    h->clip.modified_us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
}

static void make_clip(struct harness *h, size_t bytes)
{
    static const char jpeg[] = "\xff\xd8\xff\xe0 not much of a picture \xff\xd9";
    static const char srt[] = "1\n00:00:00,000 --> 00:00:01,000\nHello.\n";
    KN_SCOPED_MEM unsigned char *data = kn_malloc(bytes + 1);
    uint32_t seed = 1;
    for (size_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)((seed = seed * 1664525u + 1013904223u) >> 24);
    harness_use_clip(h, write_file(h, "clip 01.mp4", data, bytes));
    h->clip.duration_us = 30000000;
    h->clip.width_px = 1080;
    h->clip.height_px = 1920;
    h->clip.thumbnail = write_file(h, "clip 01.jpg", jpeg, sizeof jpeg - 1);
    h->clip.subtitles = write_file(h, "clip 01.srt", srt, sizeof srt - 1);
}

void harness_open(struct harness *h, const struct kn_platform *platform, size_t bytes)
{
    static char folder[PATH_MAX];
    struct kn_error err = {0};
    *h = (struct harness){
        .platform = platform,
        .text = {.title = "A title", .caption = "A caption #one"},
        .options = {.cover_us = -1},
        .account = "@somebody",
        .account_id = "",
        .settings = "{}",
        .start_us = start_us,
        .arena = kn_arena_new(),
        .folder = temp_folder_make(folder),
    };
    pthread_mutex_init(&h->lock, NULL);
    make_clip(h, bytes);
    struct kn_server_options options = {.handle = handle, .arg = h};
    if (kn_http_open(NULL, &h->http, &err) != KN_OK ||
        kn_server_open(&options, &h->server, &err) != KN_OK)
        fail_msg("%s", err.text);
    snprintf(h->service_url, sizeof h->service_url, "http://127.0.0.1:%d",
             kn_server_port(h->server));
}

void harness_close(struct harness *h)
{
    kn_http_close(h->http);
    kn_server_close(h->server);
    temp_folder_remove(h->folder);
    kn_arena_free(h->arena);
    free(h->memory);
    pthread_mutex_destroy(&h->lock);
}

void *harness_world_open(void **state, size_t size, const struct kn_platform *platform,
                         size_t clip_bytes, void (*reset)(void *world),
                         void (*serve)(void *world, const struct kn_exchange *x,
                                       struct kn_reply *reply))
{
    struct harness *h = *state = kn_calloc(1, size);
    harness_open(h, platform, clip_bytes);
    h->world = h;
    h->reset = reset;
    h->serve = serve;
    return h;
}

int harness_world_close(void **state)
{
    struct harness *h = *state;
    h->reset(h->world);
    harness_close(h);
    free(h);
    return 0;
}

/* ---- for worlds ---- */

const char *harness_header(const struct kn_exchange *x, const char *name)
{
    const struct kn_server_field *field = kn_server_header(x, name);
    return field ? field->data : "";
}

const char *harness_query(const struct kn_exchange *x, const char *name)
{
    const struct kn_server_field *field = kn_server_query(x, name);
    return field ? field->data : "";
}

bool harness_is_authorized(const struct harness *h, const struct kn_exchange *x)
{
    const char *given = harness_header(x, "authorization");
    const char *space = strchr(given, ' ');
    long long number;
    return space && kn_starts_with(space, " token-") &&
           kn_parse_int(space + strlen(" token-"), 1, INT32_MAX, &number) && number == h->token &&
           (kn_starts_with(given, "Bearer ") || kn_starts_with(given, "OAuth "));
}

bool harness_is_cut(const struct kn_exchange *x)
{
    long long length;
    const char *announced = harness_header(x, "content-length");
    return x->part_count == 0 && kn_parse_int(announced, 0, INT64_MAX, &length) &&
           (size_t)length != x->body_size;
}

void harness_reply(const struct kn_exchange *x, struct kn_reply *reply, int status,
                   const char *format, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        kn_out_of_memory();
    va_end(args);
    reply->status = status;
    reply->size = strlen(text);
    reply->body = kn_arena_strdup(x->arena, text);
    free(text);
}

void harness_reply_header(const struct kn_exchange *x, struct kn_reply *reply, const char *name,
                          const char *value)
{
    struct kn_server_field *headers =
        kn_arena_array(x->arena, (size_t)reply->header_count + 1, sizeof *headers);
    if (reply->header_count)
        memcpy(headers, reply->headers, (size_t)reply->header_count * sizeof *headers);
    headers[reply->header_count++] = (struct kn_server_field){
        .name = name, .data = kn_arena_strdup(x->arena, value), .size = strlen(value)};
    reply->headers = headers;
}
