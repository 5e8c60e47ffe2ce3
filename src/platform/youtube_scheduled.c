/*
 * A video that YouTube makes public by itself: looked at after its time, given another one, or
 * taken back before it. "Videos: list" and "Videos: update" of the Data API's reference,
 * 2026-09-11.
 *
 * "told_us" is the time that YouTube was told last; another one is wanted where the options differ.
 * "held_back" stands while the video is private and is not to stay so: it was taken back, or its
 * time passed without effect; whoever asks for it again (retry) has that mended.
 *
 * Each turn begins with a look (1 unit). An update (50 units) replaces the whole part "status", so
 * what may be written of it is sent back as it is there; a publishAt that is left out is deleted.
 * After an answer that was lost the next look shows whether it was done.
 */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "platform/youtube.h"

enum { UPDATE_UNITS = 50, FAILURES_MAX = 5, FAILURE_WAIT_S = 120 };

/* From a look that finds it private after its time to the next one. Others after the first are only
 * for those that YouTube is late with. */
static const int64_t patience_us[] = {INT64_C(300000000), INT64_C(3600000000),
                                      INT64_C(21600000000)};

struct scheduled {
    struct kn_posting *posting;
    const char *id, *url;
    const json_t *status; /* as YouTube has it */
    int64_t told_us, wanted_us;
};

static bool is_private(struct kn_posting *posting, const json_t *status)
{
    const char *privacy = kn_answer_id(posting, status, "privacyStatus");
    return privacy && strcmp(privacy, "private") == 0;
}

static enum kn_status stays(struct scheduled *s, int64_t at_us, int64_t look_us)
{
    return kn_posting_scheduled(s->posting, s->id, s->url, at_us, look_us);
}

/* When it is looked at next, of one whose time is to come. */
static int64_t look_after(const struct scheduled *s, int64_t at_us)
{
    return KN_MAX(at_us, kn_posting_now_us(s->posting)) + KN_YOUTUBE_LOOK_AFTER_US;
}

/* ---- what was asked for cannot be had ---- */

/* It appears when it was to appear before, and why is told. */
static enum kn_status refuse_wish(struct scheduled *s, const char *why)
{
    struct kn_posting *posting = s->posting;
    bool taking_back = posting->withdraw;
    int64_t at_us = kn_answer_time(posting, s->status, "publishAt");
    at_us = at_us > 0 ? at_us : s->told_us;
    kn_posting_set_number(posting, "told_us", at_us); /* that is what is wanted from now on */
    (void)stays(s, at_us, look_after(s, at_us));
    posting->wish_refused = true;
    posting->reason = kn_arena_printf(posting->arena, "it could not be %s: %s",
                                      taking_back ? "taken back" : "moved", why);
    return KN_OK;
}

/* ---- an update ---- */

/* The part as it is there, without what only YouTube writes. */
static json_t *writable_status(struct scheduled *s)
{
    static const char *const flags[] = {"embeddable", "publicStatsViewable",
                                        "selfDeclaredMadeForKids", "containsSyntheticMedia"};
    const char *license = kn_answer_id(s->posting, s->status, "license");
    json_t *made = json_object();
    if (license)
        json_object_set_new(made, "license", kn_json_text(license));
    for (size_t i = 0; i < KN_COUNT_OF(flags); i++) {
        const json_t *flag = json_object_get(s->status, flags[i]);
        if (json_is_boolean(flag))
            json_object_set_new(made, flags[i], json_boolean(json_is_true(flag)));
    }
    return made;
}

/* private with a time, private without one, or what was wanted from the beginning. */
static json_t *wanted_video(struct scheduled *s)
{
    char at[KN_TIME_TEXT_BYTES];
    struct kn_posting *posting = s->posting;
    bool later = !posting->withdraw && s->wanted_us > kn_posting_now_us(posting);
    json_t *status = writable_status(s);
    json_object_set_new(
        status, "privacyStatus",
        kn_json_text(later || posting->withdraw ? "private" : kn_youtube_privacy(posting)));
    if (later)
        json_object_set_new(status, "publishAt", kn_json_text(kn_time_iso(s->wanted_us, at)));
    return json_pack("{s:s, s:o}", "id", s->id, "status", status);
}

static enum kn_status updated(struct scheduled *s, const struct kn_http_answer *answer)
{
    struct kn_posting *posting = s->posting;
    const json_t *status = json_object_get(kn_answer_json(posting, answer), "status");
    if (posting->withdraw) {
        kn_posting_forget(posting, "told_us");
        kn_posting_set_number(posting, "held_back", 1);
        return kn_posting_withdrawn(
            posting,
            "the video (%s) stays on the channel as a private one: delete it in YouTube "
            "Studio if it is not wanted any more; `kirinuki posts retry` has it shown",
            s->url);
    }
    kn_posting_forget(posting, "held_back");
    kn_posting_forget(posting, "late_looks");
    if (s->wanted_us <= kn_posting_now_us(posting)) {
        kn_posting_forget(posting, "told_us");
        return kn_youtube_arrived_well(posting, status);
    }
    kn_posting_set_number(posting, "told_us", s->wanted_us);
    return stays(s, s->wanted_us, look_after(s, s->wanted_us));
}

static enum kn_status update(struct scheduled *s, struct kn_error *err)
{
    struct kn_posting *posting = s->posting;
    struct kn_http_answer answer;
    bool fits;
    enum kn_status status = kn_posting_book(posting, "units", UPDATE_UNITS, &fits, err);
    if (status != KN_OK || !fits)
        return status;
    KN_SCOPED_JSON body = wanted_video(s);
    const struct kn_posting_call call = {
        .request = {.method = "PUT",
                    .url = kn_youtube_api(posting, "/youtube/v3/videos?part=status")},
        .token = KN_TOKEN_BEARER,
        .json = body,
    };
    status = kn_posting_call(posting, &call, &answer, NULL, err);
    if (status != KN_OK)
        return status;
    if (answer.status == 200)
        return updated(s, &answer);
    status = kn_youtube_refusal(posting, &answer, "units", err);
    if (status == KN_OK && posting->next == KN_NEXT_FAILED && posting->state == KN_POST_SCHEDULED)
        return refuse_wish(s, posting->reason);
    return status;
}

/* ---- a look ---- */

/* Its time is over, and it is private. */
static enum kn_status late(struct scheduled *s)
{
    struct kn_posting *posting = s->posting;
    int64_t looks = kn_posting_number(posting, "late_looks");
    if (looks < (int64_t)KN_COUNT_OF(patience_us)) {
        kn_posting_set_number(posting, "late_looks", looks + 1);
        return stays(s, s->told_us, kn_posting_now_us(posting) + patience_us[looks]);
    }
    kn_posting_forget(posting, "late_looks");
    kn_posting_forget(posting, "told_us");
    kn_posting_set_number(posting, "held_back", 1);
    return kn_posting_fail(
        posting,
        "make it public in YouTube Studio, or have kirinuki try it with `kirinuki posts retry`",
        "YouTube has not made the video public at its time, and keeps it private (%s): it does so "
        "with uploads of applications that Google has not audited, and when somebody took the time "
        "away",
        s->url);
}

static enum kn_status look(struct scheduled *s)
{
    struct kn_posting *posting = s->posting;
    int64_t at_us = kn_answer_time(posting, s->status, "publishAt");
    if (at_us > kn_posting_now_us(posting)) { /* perhaps moved in YouTube Studio: that holds */
        kn_posting_forget(posting, "late_looks");
        return stays(s, at_us, look_after(s, at_us));
    }
    return late(s);
}

static enum kn_status went_live(struct scheduled *s)
{
    struct kn_posting *posting = s->posting;
    int64_t now_us = kn_posting_now_us(posting);
    /* One that was to appear at once does: the answer to that may have been lost. */
    bool moved = s->wanted_us != s->told_us && s->wanted_us > now_us;
    if (posting->state == KN_POST_SCHEDULED && (posting->withdraw || moved))
        kn_posting_remark(posting, "it was public before it could be %s",
                          posting->withdraw ? "taken back" : "moved");
    kn_posting_forget(posting, "held_back");
    enum kn_status status = kn_posting_live(posting, s->id, s->url);
    posting->visible_us = s->told_us && s->told_us < now_us ? s->told_us : now_us;
    return status;
}

/* Of the time that is wanted: YouTube has it, as after an update whose answer was lost. */
static bool has_wanted_time(const struct scheduled *s)
{
    int64_t at_us = kn_answer_time(s->posting, s->status, "publishAt");
    return at_us > 0 && at_us / KN_US_PER_S == s->wanted_us / KN_US_PER_S;
}

static enum kn_status decide(struct scheduled *s, const json_t *item, struct kn_error *err)
{
    struct kn_posting *posting = s->posting;
    const char *lost = kn_youtube_lost(posting, item);
    s->status = json_object_get(item, "status");
    if (lost)
        return kn_youtube_gave_up(posting, lost);
    if (!is_private(posting, s->status))
        return went_live(s);
    if (has_wanted_time(s)) {
        s->told_us = s->wanted_us;
        kn_posting_set_number(posting, "told_us", s->told_us);
    }
    bool asked = posting->withdraw || s->wanted_us != s->told_us;
    if (asked || kn_posting_number(posting, "held_back"))
        return update(s, err);
    return look(s);
}

/* It is there, and appears whether it can be asked after or not. */
static enum kn_status not_now(struct scheduled *s, const char *why)
{
    struct kn_posting *posting = s->posting;
    int64_t failures = kn_posting_number(posting, "watch_failures") + 1, now_us;
    kn_posting_set_number(posting, "watch_failures", failures);
    now_us = kn_posting_now_us(posting);
    if (failures <= FAILURES_MAX)
        return kn_posting_wait(posting, now_us + failures * FAILURE_WAIT_S * KN_US_PER_S,
                               "YouTube cannot be asked about the video now: %s", why);
    kn_posting_forget(posting, "watch_failures");
    if (posting->state != KN_POST_SCHEDULED)
        return kn_posting_fail(posting, "run `kirinuki posts retry` later",
                               "YouTube could not be asked about the video: %s", why);
    if (posting->withdraw || s->wanted_us != s->told_us)
        return refuse_wish(s, why);
    (void)stays(s, s->told_us, s->told_us > now_us ? look_after(s, s->told_us) : 0);
    posting->reason =
        kn_arena_printf(posting->arena, "YouTube could not be asked about it: %s", why);
    return KN_OK;
}

enum kn_status kn_youtube_scheduled(struct kn_posting *posting, struct kn_error *err)
{
    const char *id = kn_posting_text(posting, "id");
    struct scheduled s = {
        .posting = posting,
        .id = id,
        .url = kn_youtube_watch_url(posting, id),
        .told_us = kn_posting_number(posting, "told_us"),
        .wanted_us = posting->options.publish_at_us,
    };
    struct kn_http_answer answer;
    const struct kn_posting_call call = {
        .request = {.url = kn_youtube_api(posting, "/youtube/v3/videos?part=status&id=%s", id)},
        .token = KN_TOKEN_BEARER,
    };
    enum kn_status status = kn_posting_call(posting, &call, &answer, NULL, err);
    if (status == KN_CANCELLED || status == KN_LOST)
        return status;
    if (status != KN_OK)
        return not_now(&s, kn_error_text(err));
    if (answer.status != 200) {
        status = kn_youtube_refusal(posting, &answer, "units", err);
        if (status == KN_OK && posting->next == KN_NEXT_WAIT)
            return KN_OK;
        return not_now(&s, status == KN_OK ? posting->reason : kn_error_text(err));
    }
    const json_t *items = json_object_get(kn_answer_json(posting, &answer), "items");
    if (!json_is_array(items))
        return not_now(&s, "its answer makes no sense");
    kn_posting_forget(posting, "watch_failures");
    if (!json_array_size(items))
        return kn_youtube_gave_up(posting, "notThere");
    return decide(&s, json_array_get(items, 0), err);
}
