/* YouTube: a post comes to its end exactly once, whatever goes wrong, at a YouTube of the test's.
 */
#include "run_help.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "platform/pacific.h"
#include "platform/youtube.h"
#include "platform/youtube_category.h"
#include "posting_harness.h"

enum { CLIP_BYTES = 700000, SESSIONS_MAX = 32, CHUNK = 262144 };

static const int64_t hour_us = INT64_C(3600000000);

struct session {
    int64_t total, stored;
    bool forgotten;
    const char *id; /* of the video that came of it */
    json_t *video;  /* what is said of it */
    struct kn_hash *hash;
};

struct world {
    struct harness h;
    struct session sessions[SESSIONS_MAX];
    int session_count, videos, thumbnails, captions, polls, evil_sessions;
    bool damaged; /* a video came of other bytes than the clip's */
    /* How this YouTube is. */
    int64_t takes_at_most;  /* of one request */
    int polls_needed;       /* until it has processed the video */
    bool forgets_finished;  /* sessions, and says nothing when they are */
    int forgets_unfinished; /* so many sessions after their first bytes */
    bool tells_nothing;     /* of uploads, to those who ask */
    bool locks_private, lists_nothing, needs_pages, evil;
    int garbled_lists;   /* so many are none */
    const char *refuses; /* the reason, to uploads */
    int refuses_status, refuses_times;
    const char *refuses_extras;              /* thumbnails and captions */
    const char *upload_status, *more_status; /* in the end */
};

static void forget_all(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < w->session_count; i++) {
        json_decref(w->sessions[i].video);
        kn_hash_free(w->sessions[i].hash);
    }
    memset(w->sessions, 0, sizeof w->sessions);
    w->session_count = w->videos = w->thumbnails = w->captions = w->polls = w->evil_sessions = 0;
    w->damaged = false;
}

static void refuse(const struct kn_exchange *x, struct kn_reply *reply, int status,
                   const char *reason)
{
    harness_reply(x, reply, status,
                  "{\"error\":{\"code\":%d,\"message\":\"No: \\u0007%s\",\"errors\":[{\"reason\":"
                  "\"%s\"}]}}",
                  status, reason, reason);
}

static void reply_video(const struct kn_exchange *x, struct kn_reply *reply, int status,
                        const struct session *s)
{
    char *text = json_dumps(s->video, JSON_COMPACT);
    harness_reply(x, reply, status, "%s", text);
    free(text);
}

/* ---- uploads ---- */

static void open_session(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    json_t *video = json_loadb(x->body, x->body_size, 0, NULL);
    const char *title =
        json_string_value(json_object_get(json_object_get(video, "snippet"), "title"));
    long long total = 0;
    bool sound = title && strcmp(title, w->h.text.title) == 0 &&
                 kn_parse_int(harness_header(x, "x-upload-content-length"), 1, INT64_MAX, &total) &&
                 strcmp(harness_query(x, "part"), "snippet,status") == 0 &&
                 w->session_count < SESSIONS_MAX;
    if (!sound || w->refuses_times > 0) {
        w->refuses_times--;
        json_decref(video);
        refuse(x, reply, w->refuses ? w->refuses_status : 400, w->refuses ? w->refuses : "invalid");
        return;
    }
    struct session *s = &w->sessions[w->session_count++];
    *s = (struct session){.total = total, .video = video, .hash = kn_hash_new()};
    reply->status = 200;
    if (w->evil && w->evil_sessions++ == 0)
        harness_reply_header(x, reply, "Location", "https://evil.example/upload?upload_id=1");
    else
        harness_reply_header(
            x, reply, "Location",
            kn_arena_printf(x->arena,
                            "%s/upload/youtube/v3/videos?uploadType=resumable&upload_id=%d",
                            w->h.service_url, w->session_count));
}

static void finish(struct world *w, struct session *s)
{
    char hash[KN_HASH_TEXT_BYTES];
    kn_hash_text(s->hash, hash);
    w->damaged |= strcmp(hash, w->h.clip.hash) != 0;
    w->videos++;
    s->id = "dQw4w9WgXcQ";
    json_object_set_new(s->video, "id", json_string(s->id));
    s->forgotten = w->forgets_finished;
}

static void say_stored(const struct kn_exchange *x, struct kn_reply *reply, const struct session *s)
{
    reply->status = 308;
    if (s->stored)
        harness_reply_header(x, reply, "Range",
                             kn_arena_printf(x->arena, "bytes=0-%lld", (long long)s->stored - 1));
}

static void put(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    long long number = 0, from = -1, last = 0, total = 0;
    const char *range = harness_header(x, "content-range");
    bool known = kn_parse_int(harness_query(x, "upload_id"), 1, w->session_count, &number);
    struct session *s = known ? &w->sessions[number - 1] : NULL;
    if (!s || s->forgotten) {
        reply->status = 404;
        return;
    }
    if (w->tells_nothing && x->body_size == 0) {
        refuse(x, reply, 403, "forbidden");
        return;
    }
    if (s->id) {
        reply_video(x, reply, 200, s);
        return;
    }
    if (sscanf(range, "bytes %lld-%lld/%lld", &from, &last, &total) != 3 || from != s->stored) {
        say_stored(x, reply, s);
        return;
    }
    int64_t taken = (int64_t)x->body_size;
    if (w->takes_at_most)
        taken = KN_MIN(taken, w->takes_at_most);
    if (s->stored + taken < s->total)
        taken -= taken % CHUNK;
    kn_hash_add(s->hash, x->body, (size_t)taken);
    s->stored += taken;
    if (s->stored == s->total) {
        finish(w, s);
        reply_video(x, reply, 201, s);
        return;
    }
    say_stored(x, reply, s);
    if (w->forgets_unfinished-- > 0)
        s->forgotten = true;
}

/* ---- what follows ---- */

static const struct session *finished(const struct world *w)
{
    for (int i = 0; i < w->session_count; i++)
        if (w->sessions[i].id)
            return &w->sessions[i];
    return NULL;
}

static void say_status(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    const struct session *s = finished(w);
    if (!s) {
        harness_reply(x, reply, 200, "{\"items\":[]}");
        return;
    }
    const json_t *asked = json_object_get(s->video, "status");
    const char *at = json_string_value(json_object_get(asked, "publishAt"));
    bool ready = ++w->polls > w->polls_needed;
    harness_reply(
        x, reply, 200,
        "{\"items\":[{\"id\":\"%s\",\"status\":{\"uploadStatus\":\"%s\",\"privacyStatus\":\"%s\"%s"
        "%s%s%s},\"processingDetails\":{\"processingStatus\":\"processing\","
        "\"processingProgress\":{\"timeLeftMs\":\"25000\"}}}]}",
        s->id, ready ? w->upload_status : "uploaded",
        w->locks_private ? "private" : json_string_value(json_object_get(asked, "privacyStatus")),
        at ? ",\"publishAt\":\"" : "", at ? at : "", at ? "\"" : "",
        ready && w->more_status ? w->more_status : "");
}

static void say_snippets(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    const struct session *s = finished(w);
    KN_SCOPED_JSON list = json_pack("{s:[{s:s, s:{s:[s, s]}}]}", "items", "id", "aaaaaaaaaaa",
                                    "snippet", "tags", "some", "kn1123456789abcdef");
    if (s && strstr(harness_query(x, "id"), s->id))
        json_array_append(json_object_get(list, "items"), s->video);
    char *text = json_dumps(list, JSON_COMPACT);
    harness_reply(x, reply, 200, "%s", text);
    free(text);
}

static void list_uploads(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    static const char other[] = "{\"snippet\":{\"publishedAt\":\"2026-12-01T11:59:00Z\"},"
                                "\"contentDetails\":{\"videoId\":\"aaaaaaaaaaa\"}}";
    const struct session *s = w->lists_nothing ? NULL : finished(w);
    bool first = w->needs_pages && !*harness_query(x, "pageToken");
    if (w->garbled_lists && w->garbled_lists--)
        harness_reply(x, reply, 200, "{\"kind\":\"youtube#playlistItemListResponse\"}");
    else if (first || !s)
        harness_reply(x, reply, 200, "{\"items\":[%s]%s}", other,
                      first ? ",\"nextPageToken\":\"CAEQAA\"" : "");
    else
        harness_reply(x, reply, 200,
                      "{\"items\":[{\"snippet\":{\"publishedAt\":\"2026-12-01T12:00:09Z\"},"
                      "\"contentDetails\":{\"videoId\":\"%s\"}},%s]}",
                      s->id, other);
}

static void add_extra(struct world *w, const struct kn_exchange *x, struct kn_reply *reply)
{
    bool thumbnail = strstr(x->path, "thumbnails") != NULL;
    if (w->refuses_extras)
        refuse(x, reply, 403, w->refuses_extras);
    else if (thumbnail && x->body_size && !harness_is_cut(x))
        w->thumbnails++;
    else if (!thumbnail && w->captions)
        refuse(x, reply, 409, "captionExists");
    else if (!thumbnail && !harness_is_cut(x))
        w->captions++;
    else
        reply->status = 400;
}

static void serve(void *arg, const struct kn_exchange *x, struct kn_reply *reply)
{
    struct world *w = arg;
    bool post = strcmp(x->method, "POST") == 0;
    if (!harness_is_authorized(&w->h, x))
        refuse(x, reply, 401, "authError");
    else if (strcmp(x->path, "/upload/youtube/v3/videos") == 0 && post)
        open_session(w, x, reply);
    else if (strcmp(x->path, "/upload/youtube/v3/videos") == 0)
        put(w, x, reply);
    else if (kn_starts_with(x->path, "/upload/youtube/v3/"))
        add_extra(w, x, reply);
    else if (strcmp(x->path, "/youtube/v3/videos") == 0 &&
             strcmp(harness_query(x, "part"), "snippet") == 0)
        say_snippets(w, x, reply);
    else if (strcmp(x->path, "/youtube/v3/videos") == 0)
        say_status(w, x, reply);
    else if (strcmp(x->path, "/youtube/v3/channels") == 0)
        harness_reply(x, reply, 200,
                      "{\"items\":[{\"contentDetails\":{\"relatedPlaylists\":{\"uploads\":"
                      "\"UU_x\"}}}]}");
    else if (strcmp(x->path, "/youtube/v3/playlistItems") == 0)
        list_uploads(w, x, reply);
    else
        reply->status = 404;
}

static int begin(void **state)
{
    struct world *w =
        harness_world_open(state, sizeof *w, &kn_platform_youtube, CLIP_BYTES, forget_all, serve);
    w->h.text.language = "en";
    w->polls_needed = 2;
    w->upload_status = "processed";
    return 0;
}

static void expect_live(struct world *w)
{
    harness_expect_live(&w->h, w->videos == 1 && !w->damaged, "one video, whole and live",
                        "dQw4w9WgXcQ", "/watch?v=dQw4w9WgXcQ");
}

/* ---- exactly once ---- */

static void judge(struct harness *h, const struct harness_plan *plan)
{
    (void)plan;
    struct world *w = h->world;
    expect_live(w);
    if (w->thumbnails < 1 || w->captions != 1 || h->reason[0])
        harness_fail(h, "with thumbnail and captions");
}

static void whatever_breaks_one_video_is_there(void **state)
{
    struct world *w = *state;
    harness_sweep(&w->h, judge);
}

static void what_is_taken_in_parts_is_gone_on_with(void **state)
{
    struct world *w = *state;
    w->takes_at_most = CHUNK;
    harness_sweep(&w->h, judge);
    assert_int_equal(w->session_count, 1);
}

static void a_forgotten_session_is_begun_anew(void **state)
{
    struct world *w = *state;
    w->takes_at_most = CHUNK;
    w->forgets_unfinished = 1;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->session_count, 2);
}

/* The request that makes the video: the second one. */
static const struct harness_plan lost_at_the_end = {.fault_at = 2, .fault = HARNESS_LOST};

static void a_video_is_known_by_its_mark(void **state)
{
    struct world *w = *state;
    w->forgets_finished = true;
    for (int pages = 0; pages < 2; pages++) {
        w->needs_pages = pages;
        harness_run(&w->h, &lost_at_the_end);
        expect_live(w);
        assert_int_equal(w->session_count, 1);
    }
}

static void what_is_not_listed_yet_is_unknown(void **state)
{
    struct world *w = *state;
    w->forgets_finished = w->lists_nothing = true;
    harness_run(&w->h, &lost_at_the_end);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_int_equal(w->session_count, 1);
    /* Asked for again, it has come to light. */
    w->lists_nothing = false;
    harness_run_again(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->session_count, 1);
}

static void what_is_not_there_after_an_hour_is_sent_again(void **state)
{
    struct world *w = *state;
    const struct harness_plan plan = {.fault_at = 2, .fault = HARNESS_HALF};
    w->forgets_unfinished = 1;
    harness_run(&w->h, &plan);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_int_equal(w->videos, 0);
    w->h.now_us += 2 * hour_us;
    harness_run_again(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->session_count, 2);
}

/* Nothing that is not a list says that the video is not in it. */
static void an_answer_without_a_list_settles_nothing(void **state)
{
    struct world *w = *state;
    w->forgets_finished = w->lists_nothing = true;
    harness_run(&w->h, &lost_at_the_end);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    w->lists_nothing = false;
    w->garbled_lists = 1;
    w->h.now_us += INT64_C(172800000000); /* a list that has nothing would be believed */
    harness_run_again(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->session_count, 1);
}

static void an_upload_that_is_not_told_of_is_unknown(void **state)
{
    struct world *w = *state;
    w->tells_nothing = true;
    harness_run(&w->h, &lost_at_the_end);
    assert_int_equal(w->h.outcome, KN_NEXT_UNKNOWN);
    assert_non_null(strstr(w->h.reason, "it may be there, and YouTube does not tell: "));
    w->tells_nothing = false;
    harness_run_again(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->session_count, 1);
}

/* ---- refusals, waits, remarks ---- */

static void refusals_have_a_reason_and_a_remedy(void **state)
{
    struct world *w = *state;
    static const struct {
        int status;
        const char *reason, *sentence, *remedy;
    } rows[] = {
        {400, "invalidTitle", "title", "--title"},
        {401, "youtubeSignupRequired", "refused", ""},
        {403, "insufficientPermissions", "permission", "kirinuki auth youtube"},
        {400, "somethingNew", "(400, somethingNew): No: ?somethingNew", "--retry"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(rows); i++) {
        w->refuses = rows[i].reason;
        w->refuses_status = rows[i].status;
        w->refuses_times = 5;
        harness_run(&w->h, NULL);
        assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
        if (!strstr(w->h.reason, rows[i].sentence) || !strstr(w->h.remedy, rows[i].remedy))
            fail_msg("%s: \"%s\", \"%s\"", rows[i].reason, w->h.reason, w->h.remedy);
        assert_int_equal(w->videos, 0);
    }
}

static void quotas_are_waited_for(void **state)
{
    struct world *w = *state;
    static const struct {
        int status;
        const char *reason, *quota;
        int64_t wait_us;
    } rows[] = {
        /* 12:00 UTC is 4:00 in California. */
        {403, "quotaExceeded", "uploads", 20 * INT64_C(3600000000)},
        {400, "uploadLimitExceeded", "channel", 24 * INT64_C(3600000000)},
        {403, "rateLimitExceeded", "", 60000000},
        {429, "anything", "", 60000000},
    };
    for (size_t i = 0; i < KN_COUNT_OF(rows); i++) {
        w->refuses = rows[i].reason;
        w->refuses_status = rows[i].status;
        w->refuses_times = 1;
        harness_run(&w->h, NULL);
        expect_live(w);
        assert_string_equal(w->h.quota, rows[i].quota);
        assert_true(w->h.waited_us >= rows[i].wait_us);
        assert_true(w->h.waited_us < rows[i].wait_us + 300000000);
    }
}

static void extras_that_fail_are_remarks(void **state)
{
    struct world *w = *state;
    w->refuses_extras = "forbidden";
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_non_null(strstr(w->h.reason, "the thumbnail could not be added: YouTube answers 403"));
    assert_non_null(strstr(w->h.reason, "; subtitles could not be added"));
}

static void locked_private_is_said(void **state)
{
    struct world *w = *state;
    w->locks_private = true;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_non_null(strstr(w->h.reason, "has not audited"));
    w->h.options.privacy = KN_PRIVACY_PRIVATE;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_string_equal(w->h.reason, "");
}

static void publication_can_be_scheduled(void **state)
{
    struct world *w = *state;
    w->h.options.publish_at_us = INT64_C(1796126400000000) + 5 * hour_us;
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_SCHEDULED);
    const json_t *status = json_object_get(w->sessions[0].video, "status");
    assert_string_equal(json_string_value(json_object_get(status, "privacyStatus")), "private");
    assert_string_equal(json_string_value(json_object_get(status, "publishAt")),
                        "2026-12-01T17:00:00Z");
    assert_string_equal(w->h.reason, "");
    assert_int_equal(w->h.visible_us, w->h.options.publish_at_us);
    assert_int_equal(w->h.look_us, w->h.options.publish_at_us + KN_YOUTUBE_LOOK_AFTER_US);
}

static void a_video_has_its_category(void **state)
{
    static const struct {
        const char *text;
        int number;
    } rows[] = {{"27", 27},
                {"Education", 27},
                {"science", 28},
                {"pets&animals", 15},
                {"howto-style", 26},
                {"MUSIC", 10},
                {"18", 0},
                {"", 0},
                {"p", 0},
                {"-1", 0},
                {"education!x", 0},
                {"&", 0}};
    struct world *w = *state;
    for (size_t i = 0; i < KN_COUNT_OF(rows); i++)
        if (kn_youtube_category(rows[i].text) != rows[i].number)
            fail_msg("“%s”: %d", rows[i].text, kn_youtube_category(rows[i].text));
    for (int category = 0; category <= 27; category += 27) {
        w->h.options.category = category;
        harness_run(&w->h, NULL);
        expect_live(w);
        const json_t *snippet = json_object_get(w->sessions[0].video, "snippet");
        assert_string_equal(json_string_value(json_object_get(snippet, "categoryId")),
                            category ? "27" : "22");
    }
}

static void what_youtube_gives_up_has_failed(void **state)
{
    struct world *w = *state;
    w->upload_status = "rejected";
    w->more_status = ",\"rejectionReason\":\"length\"";
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_non_null(strstr(w->h.remedy, "youtube.com/verify"));
    /* Whoever wants it all the same sends it anew. */
    w->upload_status = "processed";
    forget_all(w);
    harness_run_again(&w->h, NULL);
    expect_live(w);
}

static void a_video_that_cannot_be_watched_is_there(void **state)
{
    struct world *w = *state;
    harness_run(&w->h, NULL);
    const struct harness_plan plan = {
        .fault_at = w->h.requests, .fault = HARNESS_CONFUSED, .for_ever = true};
    harness_run(&w->h, &plan);
    expect_live(w);
    assert_non_null(strstr(w->h.reason, "could not be followed: YouTube answers with an error"));
}

static void tokens_go_to_nobody_else(void **state)
{
    struct world *w = *state;
    w->evil = true;
    harness_run(&w->h, NULL);
    expect_live(w);
    assert_int_equal(w->session_count, 2);
}

/* ---- the clip ---- */

static void poke(struct world *w, off_t at, bool keep_time)
{
    struct stat st;
    char byte;
    assert_int_equal(stat(w->h.clip.path, &st), 0);
    int fd = open(w->h.clip.path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    const struct timespec times[] = {st.st_atim, st.st_mtim};
    if (keep_time)
        assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void a_changed_clip_is_never_whole_there(void **state)
{
    struct world *w = *state;
    for (int keep_time = 0; keep_time < 2; keep_time++) {
        w->takes_at_most = keep_time ? CHUNK : 0;
        poke(w, 10, !keep_time);
        harness_run(&w->h, NULL);
        assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
        assert_non_null(strstr(w->h.reason, "clip 01.mp4 has changed"));
        assert_int_equal(w->videos, 0);
    }
    unlink(w->h.clip.path);
    harness_run(&w->h, NULL);
    assert_int_equal(w->h.outcome, KN_NEXT_FAILED);
    assert_non_null(strstr(w->h.reason, "not there any more"));
}

static void days_begin_at_midnight_in_california(void **state)
{
    (void)state;
    static const struct {
        int64_t now_s, before_s, after_s;
    } rows[] = {
        {1796126400, 1796112000, 1796198400}, /* 2026-12-01, standard time */
        {1782907200, 1782889200, 1782975600}, /* 2026-07-01 12:00Z, summer time */
        {1772928000, 1772870400, 1772956800}, /* 2026-03-08 00:00Z, the day before the change */
        {1773000000, 1772956800, 1773039600}, /* 2026-03-08 20:00Z: a day of 23 hours */
        {1793520000, 1793516400, 1793606400}, /* 2026-11-01 08:00Z: a day of 25 hours */
    };
    for (size_t i = 0; i < KN_COUNT_OF(rows); i++) {
        assert_int_equal(kn_pacific_midnight_before_us(rows[i].now_s * 1000000) / 1000000,
                         rows[i].before_s);
        assert_int_equal(kn_pacific_midnight_after_us(rows[i].now_s * 1000000) / 1000000,
                         rows[i].after_s);
    }
}

#define YOUTUBE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, harness_world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        YOUTUBE_TEST(whatever_breaks_one_video_is_there),
        YOUTUBE_TEST(what_is_taken_in_parts_is_gone_on_with),
        YOUTUBE_TEST(a_forgotten_session_is_begun_anew),
        YOUTUBE_TEST(a_video_is_known_by_its_mark),
        YOUTUBE_TEST(what_is_not_listed_yet_is_unknown),
        YOUTUBE_TEST(what_is_not_there_after_an_hour_is_sent_again),
        YOUTUBE_TEST(an_answer_without_a_list_settles_nothing),
        YOUTUBE_TEST(an_upload_that_is_not_told_of_is_unknown),
        YOUTUBE_TEST(refusals_have_a_reason_and_a_remedy),
        YOUTUBE_TEST(quotas_are_waited_for),
        YOUTUBE_TEST(extras_that_fail_are_remarks),
        YOUTUBE_TEST(locked_private_is_said),
        YOUTUBE_TEST(publication_can_be_scheduled),
        YOUTUBE_TEST(a_video_has_its_category),
        YOUTUBE_TEST(what_youtube_gives_up_has_failed),
        YOUTUBE_TEST(a_video_that_cannot_be_watched_is_there),
        YOUTUBE_TEST(tokens_go_to_nobody_else),
        YOUTUBE_TEST(a_changed_clip_is_never_whole_there),
        cmocka_unit_test(days_begin_at_midnight_in_california),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
