/*
 * One post: from the store into the hands of its platform's client, step by step, and back.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "queue/backoff.h"
#include "service/publisher_parts.h"

enum {
    TRIES_MAX = 12,    /* in a row without a step forward */
    HOLD_US = 1500000, /* a shorter wait is not worth giving the post up for */
    STORE_APART_MS = 500,
    LAST_TRIES = 4, /* to save, when it is to stop */
};

static const char waits_for_store[] = "it goes on by itself when that is over";

static const struct kn_backoff backoff = {
    .first_us = 2000000, .most_us = 300000000, .growth = 2, .sure = 0.3};

static void tell(struct post_work *work, enum kn_post_state state, int64_t due_us, const char *url,
                 const char *reason, const char *remedy)
{
    const struct kn_post *post = &work->task->post;
    const struct kn_post_news news = {
        .post = post->id,
        .platform = post->platform,
        .account = post->account,
        .state = state,
        .sent_bytes = work->task->sent_bytes,
        .bytes = post->bytes,
        .due_us = due_us,
        .tries = work->tries,
        .url = url ? url : "",
        .reason = reason ? reason : "",
        .remedy = remedy ? remedy : "",
    };
    kn_publisher_tell(work->task->publisher, &news);
}

/* ---- what is saved ---- */

static bool may_pass(enum kn_status status)
{
    return status == KN_REMOTE || status == KN_TIMEOUT || status == KN_IO || status == KN_NO_SPACE;
}

/* A store that is away, or whose disk is full, is waited for: what the platform has done must not
 * be forgotten. */
static enum kn_status save(struct post_work *work, struct kn_post_save *save, struct kn_error *err)
{
    struct kn_post_task *task = work->task;
    enum kn_status status = KN_LOST;
    int64_t begin_us = kn_now_us();
    save->holder = task->holder;
    for (int tries = 1; !task->lost; tries++) {
        status = kn_store_post_save(task->publisher->store, save, err);
        if (status == KN_OK) {
            work->cancel_asked |= save->cancel_asked;
            return KN_OK;
        }
        if (status == KN_LOST)
            task->lost = true;
        if (!may_pass(status) || kn_publisher_in_trouble(task->publisher, NULL))
            break;
        if (tries == 1)
            tell(work, task->state, 0, NULL, kn_error_text(err), waits_for_store);
        if (kn_now_us() - begin_us >= kn_publisher_patience_us(task->publisher)) {
            kn_publisher_trouble(task->publisher, err);
            break;
        }
        if (kn_cancel_wait_ms(task->cancel, STORE_APART_MS) && tries > LAST_TRIES)
            break;
    }
    if (task->lost)
        return kn_error_set(err, KN_LOST, "post %" PRId64 " is another worker's by now",
                            task->post.id);
    return status;
}

enum kn_status kn_post_remember(void *arg, const struct kn_posting *posting, struct kn_error *err)
{
    struct post_work *work = arg;
    char *memory = json_dumps(posting->memory, JSON_COMPACT);
    struct kn_post_save all = {
        .state = posting->state,
        .memory = memory,
        .sent_bytes = posting->sent_bytes,
    };
    enum kn_status status = save(work, &all, err);
    free(memory);
    if (status != KN_OK)
        return status;
    if (work->task->state != (int)posting->state) {
        work->task->state = posting->state;
        tell(work, posting->state, 0, NULL, NULL, NULL);
    }
    /* An intent is no step forward: a request that is never answered comes to an end. */
    if (!kn_posting_intended_us(posting) || posting->sent_bytes > work->kept_bytes)
        work->tries = 0;
    work->kept_bytes = KN_MAX(work->kept_bytes, posting->sent_bytes);
    /* Whoever wants it stopped is heard before the next request, unless the post may be there. */
    if (work->cancel_asked && !kn_posting_intended_us(posting))
        return kn_error_set(err, KN_CANCELLED, "stopped by request");
    return KN_OK;
}

/* From when on it is to be seen; 0: nothing new is known of that. */
static int64_t public_us(const struct post_work *work, enum kn_post_state state)
{
    const struct kn_posting *posting = &work->posting;
    if (state == KN_POST_LIVE)
        return posting->visible_us ? posting->visible_us : kn_post_now_us(work);
    return state == KN_POST_SCHEDULED ? posting->visible_us : 0;
}

/* Whoever has heard that it is to be stopped, and cannot stop it because it may be there, goes on
 * looking at it as often as its platform wants, and no more often. One that has become SCHEDULED
 * can be taken back, at once. */
static enum kn_cancel_answer cancel_answer(const struct post_work *work, enum kn_post_state state,
                                           bool refused)
{
    bool heard = state == KN_POST_SCHEDULED
                     ? work->task->post.state == state && work->posting.withdraw
                     : work->cancel_asked && kn_posting_intended_us(&work->posting);
    return refused ? KN_CANCEL_REFUSED : heard ? KN_CANCEL_LATER : KN_CANCEL_UNHEARD;
}

/* The end, or a pause until `due_us` (0: it is final). */
static void give_up(struct post_work *work, enum kn_post_state state, int64_t due_us)
{
    struct kn_posting *posting = &work->posting;
    struct kn_error err = {0};
    char *memory = posting->memory ? json_dumps(posting->memory, JSON_COMPACT) : NULL;
    bool refused = posting->wish_refused && state == KN_POST_SCHEDULED;
    struct kn_post_save all = {
        .state = state,
        .memory = memory,
        .sent_bytes = KN_MAX(posting->sent_bytes, 0),
        .release = due_us > 0 || state == KN_POST_SCHEDULED,
        .due_us = due_us,
        .tries = work->tries,
        .remote_id = posting->remote_id,
        .url = posting->url,
        .reason = posting->reason ? posting->reason : "",
        .remedy = posting->remedy ? posting->remedy : "",
        .public_us = public_us(work, state),
        .appear_us = refused ? posting->visible_us : 0,
        .cancel = cancel_answer(work, state, refused),
    };
    enum kn_status status = save(work, &all, &err);
    free(memory);
    if (status != KN_OK) {
        if (!kn_publisher_in_trouble(work->task->publisher, NULL)) /* which tells it, once */
            kn_log(KN_LOG_WARN, "publish", "post %" PRId64 ": %s", work->task->post.id,
                   kn_error_text(&err));
        return;
    }
    bool ended = all.state == KN_POST_FAILED || all.state == KN_POST_CANCELLED;
    if (ended && work->task->state == KN_POST_PLANNED && !work->task->post.sent_bytes)
        kn_post_return_quotas(work);
    work->task->state = all.state;
    tell(work, all.state, due_us, posting->url, posting->reason, posting->remedy);
}

/* ---- step by step ---- */

/* FAILED, or UNKNOWN where it may be there. */
static void end_badly(struct post_work *work, const char *remedy, const struct kn_error *err)
{
    struct kn_posting *posting = &work->posting;
    (void)kn_posting_give_up(posting, NULL, remedy, "%s", kn_error_text(err));
    give_up(work, posting->next == KN_NEXT_UNKNOWN ? KN_POST_UNKNOWN : KN_POST_FAILED, 0);
}

/* After a failure that may pass. */
static void try_later(struct post_work *work, const struct kn_error *err)
{
    struct kn_posting *posting = &work->posting;
    work->tries++;
    if (work->tries <= TRIES_MAX) {
        posting->reason = kn_arena_strdup(posting->arena, kn_error_text(err));
        give_up(work, posting->state,
                kn_post_now_us(work) + kn_backoff_us(&backoff, work->tries, 0));
        return;
    }
    end_badly(work, "try it again later with `kirinuki publish --retry`", err);
}

/* It appears by itself, so what goes wrong with a look at it, or with what was asked of it, is no
 * failure of the post. */
static void leave_scheduled(struct post_work *work, const struct kn_error *err)
{
    static const int64_t pause_us = INT64_C(3600000000);
    struct kn_posting *posting = &work->posting;
    int64_t now = kn_post_now_us(work), at_us = work->task->post.public_us;
    posting->reason =
        kn_arena_printf(posting->arena, "its platform could not be asked: %s", kn_error_text(err));
    posting->remedy = "";
    posting->visible_us = at_us;
    posting->wish_refused = true;
    work->tries = 0; /* the next look has its own */
    give_up(work, KN_POST_SCHEDULED, at_us > now ? at_us + pause_us : 0);
}

/* It was stopped: by somebody who wants it so, or with us. */
static void stop(struct post_work *work)
{
    struct kn_posting *posting = &work->posting;
    bool intended = kn_posting_intended_us(posting);
    posting->reason = NULL;
    work->cancel_asked |= work->task->stop_asked;
    if (work->cancel_asked && !intended && posting->state != KN_POST_SCHEDULED)
        give_up(work, KN_POST_CANCELLED, 0);
    else
        give_up(work, posting->state, kn_post_now_us(work));
}

static void fail(struct post_work *work, enum kn_status status, const struct kn_error *err)
{
    if (status == KN_LOST || work->task->lost) {
        kn_log(KN_LOG_INFO, "publish", "%s", kn_error_text(err));
        return;
    }
    if (kn_publisher_in_trouble(work->task->publisher, NULL))
        return; /* nothing can be saved; whoever is next goes on from what was */
    if (status == KN_CANCELLED) {
        stop(work);
        return;
    }
    bool passes = status == KN_IO || status == KN_TIMEOUT || status == KN_REMOTE;
    if (work->task->post.state == KN_POST_SCHEDULED && (!passes || work->tries >= TRIES_MAX)) {
        leave_scheduled(work, err);
        return;
    }
    if (passes) {
        try_later(work, err);
        return;
    }
    end_badly(work,
              status == KN_INVALID     ? "`kirinuki publish` with the clip posts it as it is now"
              : status == KN_NOT_FOUND ? "bring it back and say `kirinuki publish --retry`, or "
                                         "render it again and publish that"
                                       : "after that, `kirinuki publish --retry`",
              err);
}

/* True: it goes on. */
static bool go_on(struct post_work *work)
{
    struct kn_posting *posting = &work->posting;
    switch (posting->next) {
    case KN_NEXT_STEP:
        return true;
    case KN_NEXT_WAIT:
        kn_post_close_quota(work);
        if (posting->wait_until_us - kn_post_now_us(work) > HOLD_US) {
            give_up(work, posting->state, posting->wait_until_us);
            return false;
        }
        (void)kn_cancel_wait_ms(work->task->cancel,
                                (posting->wait_until_us - kn_post_now_us(work)) / 1000 + 1);
        return true;
    case KN_NEXT_LIVE:
        give_up(work, KN_POST_LIVE, 0);
        return false;
    case KN_NEXT_SCHEDULED:
        work->tries = 0;
        give_up(work, KN_POST_SCHEDULED, posting->wait_until_us);
        return false;
    case KN_NEXT_CANCELLED:
        give_up(work, KN_POST_CANCELLED, 0);
        return false;
    case KN_NEXT_FAILED:
        give_up(work, KN_POST_FAILED, 0);
        return false;
    case KN_NEXT_UNKNOWN:
        give_up(work, KN_POST_UNKNOWN, 0);
        return false;
    }
    return false;
}

static void advance_to_the_end(struct post_work *work)
{
    struct kn_posting *posting = &work->posting;
    for (bool more = true; more;) {
        struct kn_error err = {0};
        posting->arena = kn_arena_new();
        enum kn_status status = kn_cancel_check(work->task->cancel, &err);
        if (status == KN_OK)
            status = kn_posting_advance(posting, &err);
        if (status == KN_OK) {
            more = go_on(work);
        } else {
            fail(work, status, &err);
            more = false;
        }
        kn_arena_free(posting->arena);
        posting->arena = work->task->arena;
    }
}

void kn_post_task_run(struct kn_post_task *task)
{
    struct kn_error err = {0};
    struct post_work work = {
        .task = task, .tries = task->post.tries, .cancel_asked = task->post.cancel_asked};
    work.posting.arena = task->arena;
    enum kn_status status = kn_post_prepare(&work, &err);
    if (status == KN_OK && work.cancel_asked && !work.posting.withdraw &&
        !kn_posting_intended_us(&work.posting))
        status = KN_CANCELLED;
    if (status != KN_OK)
        fail(&work, status, &err);
    else if (work.posting.state != KN_POST_PLANNED || kn_post_book_quotas(&work))
        advance_to_the_end(&work);
    else
        give_up(&work, KN_POST_PLANNED, work.posting.wait_until_us);
    kn_posting_done(&work.posting);
    json_decref(work.posting.memory);
}
