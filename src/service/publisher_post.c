/*
 * One post: from the store into the hands of its platform's client, step by step, and back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/pacific.h"
#include "platform/platform.h"
#include "platform/post_json.h"
#include "platform/posting.h"
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

struct work {
    struct kn_post_task *task;
    struct kn_posting posting;
    struct kn_posting_host host;
    struct kn_account account;
    int tries;
    int64_t kept_bytes; /* sent, as it was last remembered */
    bool cancel_asked;  /* somebody wants it stopped */
};

/* What is planned, booked and waited for goes by the store's clock, which all who work share. */
static int64_t store_now_us(const struct work *work)
{
    return kn_store_now_us(work->task->publisher->store);
}

static void tell(struct work *work, enum kn_post_state state, int64_t due_us, const char *url,
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
static enum kn_status save(struct work *work, struct kn_post_save *save, struct kn_error *err)
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

static enum kn_status remember(void *arg, const struct kn_posting *posting, struct kn_error *err)
{
    struct work *work = arg;
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

/* What was booked for a post that never began is others' to use. */
static void return_quotas(struct work *work)
{
    const struct kn_platform *platform = work->posting.platform;
    struct kn_error err;
    for (int i = 0; platform && i < platform->quota_count; i++)
        if (kn_store_quota_return(work->task->publisher->store, work->task->post.id,
                                  platform->quotas[i].kind, &err) != KN_OK)
            kn_log(KN_LOG_WARN, "publish", "%s", kn_error_text(&err));
}

/* From when on it is to be seen; 0: nothing new is known of that. */
static int64_t public_us(const struct work *work, enum kn_post_state state)
{
    const struct kn_posting *posting = &work->posting;
    if (state == KN_POST_LIVE)
        return posting->visible_us ? posting->visible_us : store_now_us(work);
    return state == KN_POST_SCHEDULED ? posting->visible_us : 0;
}

/* Whoever has heard that it is to be stopped, and cannot stop it because it may be there, goes on
 * looking at it as often as its platform wants, and no more often. One that has become SCHEDULED
 * can be taken back, at once. */
static enum kn_cancel_answer cancel_answer(const struct work *work, enum kn_post_state state,
                                           bool refused)
{
    bool heard = state == KN_POST_SCHEDULED
                     ? work->task->post.state == state && work->posting.withdraw
                     : work->cancel_asked && kn_posting_intended_us(&work->posting);
    return refused ? KN_CANCEL_REFUSED : heard ? KN_CANCEL_LATER : KN_CANCEL_UNHEARD;
}

/* The end, or a pause until `due_us` (0: it is final). */
static void give_up(struct work *work, enum kn_post_state state, int64_t due_us)
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
        return_quotas(work);
    work->task->state = all.state;
    tell(work, all.state, due_us, posting->url, posting->reason, posting->remedy);
}

/* ---- the host ---- */

/* When the span of the quota that is now began, and when it is over; 0: it slides. */
static struct kn_quota_use use_of(const struct work *work, const struct kn_quota *quota)
{
    const struct kn_post *post = &work->task->post;
    int64_t now = store_now_us(work);
    struct kn_quota_use use = {
        .platform = post->platform,
        .account = quota->of_application ? "" : post->account,
        .kind = quota->kind,
        .post = post->id,
        .amount = 1,
        .limit = quota->limit,
        .since_us = now - quota->span_us,
        .span_us = quota->span_us,
    };
    if (!quota->span_us) {
        use.since_us = kn_pacific_midnight_before_us(now);
        use.reset_us = kn_pacific_midnight_after_us(now);
    }
    return use;
}

static enum kn_status token(void *arg, const char *refused, struct kn_arena *arena,
                            const char **ret_token, struct kn_error *err)
{
    struct work *work = arg;
    const struct kn_post *post = &work->task->post;
    return kn_accounts_token(work->task->publisher->options.accounts, post->platform, post->account,
                             refused, work->task->cancel, arena, ret_token, err);
}

static enum kn_status book(void *arg, const char *kind, int amount, int64_t *ret_free_us,
                           struct kn_error *err)
{
    struct work *work = arg;
    const struct kn_platform *platform = work->posting.platform;
    for (int i = 0; i < platform->quota_count; i++)
        if (strcmp(platform->quotas[i].kind, kind) == 0) {
            struct kn_quota_use use = use_of(work, &platform->quotas[i]);
            use.amount = amount;
            use.more = true;
            return kn_store_quota_book(work->task->publisher->store, &use, ret_free_us, err);
        }
    *ret_free_us = 0;
    return KN_OK;
}

static void progress(void *arg, int64_t sent_bytes)
{
    struct work *work = arg;
    work->task->sent_bytes = sent_bytes;
}

static int64_t now_us(void *arg)
{
    return store_now_us(arg);
}

/* ---- what comes before the first step ---- */

/* Books what the platform allows; false: the post waits, and was given up. */
static bool book_quotas(struct work *work, struct kn_error *err)
{
    const struct kn_platform *platform = work->posting.platform;
    for (int i = 0; i < platform->quota_count; i++) {
        const struct kn_quota *quota = &platform->quotas[i];
        bool draft = work->posting.options.draft;
        if (draft ? quota->of_posts : quota->of_drafts)
            continue;
        struct kn_quota_use use = use_of(work, quota);
        int64_t free_us = 0;
        enum kn_status status =
            kn_store_quota_book(work->task->publisher->store, &use, &free_us, err);
        if (status == KN_OK && !free_us)
            continue;
        char when[KN_TIME_TEXT_BYTES];
        if (status == KN_OK)
            kn_posting_wait(&work->posting, free_us, "%s: %d %s are allowed; next slot at %s",
                            platform->label, quota->limit, quota->kind,
                            kn_time_local(free_us, when));
        else
            kn_posting_wait(&work->posting, store_now_us(work) + 5000000, "%s", kn_error_text(err));
        give_up(work, KN_POST_PLANNED, work->posting.wait_until_us);
        return false;
    }
    return true;
}

/* Of a platform without accounts: the place is its account, and a secret is the process's own. */
static const char *place_settings(const struct work *work)
{
    const struct kn_post *post = &work->task->post;
    const char *secret = work->task->publisher->options.webhook_secret;
    bool folder = strcmp(post->platform, "folder") == 0;
    KN_SCOPED_JSON settings = json_object();
    KN_SCOPED_STR text = {0};
    json_object_set_new(settings, folder ? "path" : "url", kn_json_text(post->account));
    if (!folder && secret)
        json_object_set_new(settings, "secret", kn_json_text(secret));
    kn_json_add(&text, settings, true);
    return kn_arena_strdup(work->task->arena, kn_str_text(&text));
}

static enum kn_status read_account(struct work *work, struct kn_error *err)
{
    const struct kn_post *post = &work->task->post;
    work->posting.account = post->account;
    work->posting.account_id = "";
    work->posting.settings = "{}";
    if (!work->posting.platform->oauth) {
        work->posting.settings = place_settings(work);
        return KN_OK;
    }
    enum kn_status status =
        kn_store_account_get(work->task->publisher->store, post->platform, post->account,
                             work->task->arena, &work->account, err);
    if (status == KN_NOT_FOUND)
        return kn_error_set(err, KN_DENIED,
                            "there is no account %s of %s any more: connect it again with "
                            "`kirinuki auth %s`",
                            post->account, work->posting.platform->label, post->platform);
    if (status != KN_OK)
        return status;
    work->posting.account_id = work->account.remote_id;
    work->posting.settings = work->account.settings;
    work->posting.service_url = work->account.service_url[0] ? work->account.service_url : NULL;
    return KN_OK;
}

/* The key is the post's alone, and the same whoever goes on with it. */
static const char *marker_of(const struct kn_post *post, struct kn_arena *arena)
{
    return kn_arena_printf(arena, "%016" PRIx64, kn_hash_key(post->key, strlen(post->key)));
}

static enum kn_status prepare(struct work *work, struct kn_error *err)
{
    struct kn_post_task *task = work->task;
    struct kn_posting *posting = &work->posting;
    posting->state = task->post.state;
    posting->sent_bytes = work->kept_bytes = task->post.sent_bytes;
    posting->platform = kn_platform_find(task->post.platform);
    if (!posting->platform)
        return kn_error_set(err, KN_UNSUPPORTED, "this kirinuki knows no platform \"%s\"",
                            task->post.platform);
    posting->memory = json_loads(task->post.memory, 0, NULL);
    if (!json_is_object(posting->memory))
        return kn_error_set(err, KN_DAMAGED, "what was remembered of the post is damaged");
    /* One that is planned again, and may be there: no cancel ends it unseen. */
    bool in_doubt = posting->state == KN_POST_PLANNED && kn_posting_intended_us(posting);
    if (in_doubt)
        posting->state = KN_POST_PROCESSING;
    enum kn_status status = kn_post_clip_read(task->post.clip, task->arena, &posting->clip, err);
    if (status == KN_OK)
        status = kn_post_request_read(task->post.request, task->arena, &posting->text,
                                      &posting->options, err);
    if (status == KN_OK)
        status = read_account(work, err);
    work->host = (struct kn_posting_host){
        .http = task->publisher->options.http,
        .cancel = task->cancel,
        .remember = remember,
        .token = posting->platform->oauth ? token : NULL,
        .book = book,
        .progress = progress,
        .now_us = now_us,
        .arg = work,
    };
    if (posting->platform->schedules)
        posting->options.publish_at_us = task->post.appear_us;
    posting->withdraw =
        task->post.cancel_asked && (in_doubt || task->post.state == KN_POST_SCHEDULED);
    posting->host = &work->host;
    posting->marker = marker_of(&task->post, task->arena);
    posting->number = task->post.id;
    return status;
}

/* ---- step by step ---- */

/* FAILED, or UNKNOWN where it may be there. */
static void end_badly(struct work *work, const char *remedy, const struct kn_error *err)
{
    struct kn_posting *posting = &work->posting;
    (void)kn_posting_give_up(posting, NULL, remedy, "%s", kn_error_text(err));
    give_up(work, posting->next == KN_NEXT_UNKNOWN ? KN_POST_UNKNOWN : KN_POST_FAILED, 0);
}

/* After a failure that may pass. */
static void try_later(struct work *work, const struct kn_error *err)
{
    struct kn_posting *posting = &work->posting;
    work->tries++;
    if (work->tries <= TRIES_MAX) {
        posting->reason = kn_arena_strdup(posting->arena, kn_error_text(err));
        give_up(work, posting->state, store_now_us(work) + kn_backoff_us(&backoff, work->tries, 0));
        return;
    }
    end_badly(work, "try it again later with `kirinuki publish --retry`", err);
}

/* It appears by itself, so what goes wrong with a look at it, or with what was asked of it, is no
 * failure of the post. */
static void leave_scheduled(struct work *work, const struct kn_error *err)
{
    static const int64_t pause_us = INT64_C(3600000000);
    struct kn_posting *posting = &work->posting;
    int64_t now = store_now_us(work), at_us = work->task->post.public_us;
    posting->reason =
        kn_arena_printf(posting->arena, "its platform could not be asked: %s", kn_error_text(err));
    posting->remedy = "";
    posting->visible_us = at_us;
    posting->wish_refused = true;
    give_up(work, KN_POST_SCHEDULED, at_us > now ? at_us + pause_us : 0);
}

/* It was stopped: by somebody who wants it so, or with us. */
static void stop(struct work *work)
{
    struct kn_posting *posting = &work->posting;
    bool intended = kn_posting_intended_us(posting);
    posting->reason = NULL;
    work->cancel_asked |= work->task->stop_asked;
    if (work->cancel_asked && !intended && posting->state != KN_POST_SCHEDULED)
        give_up(work, KN_POST_CANCELLED, 0);
    else
        give_up(work, posting->state, store_now_us(work));
}

static void fail(struct work *work, enum kn_status status, const struct kn_error *err)
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
    bool may_pass = status == KN_IO || status == KN_TIMEOUT || status == KN_REMOTE;
    if (work->task->post.state == KN_POST_SCHEDULED && (!may_pass || work->tries >= TRIES_MAX)) {
        leave_scheduled(work, err);
        return;
    }
    if (may_pass) {
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

/* Others who share the quota are not to run into it one after the other. */
static void close_quota(struct work *work)
{
    const struct kn_posting *posting = &work->posting;
    struct kn_error err;
    for (int i = 0; posting->quota && i < posting->platform->quota_count; i++) {
        const struct kn_quota *quota = &posting->platform->quotas[i];
        struct kn_quota_use use = use_of(work, quota);
        if (strcmp(quota->kind, posting->quota) == 0 &&
            kn_store_quota_close(work->task->publisher->store, &use, posting->wait_until_us,
                                 &err) != KN_OK)
            kn_log(KN_LOG_WARN, "publish", "%s", kn_error_text(&err));
    }
}

/* True: it goes on. */
static bool go_on(struct work *work)
{
    struct kn_posting *posting = &work->posting;
    switch (posting->next) {
    case KN_NEXT_STEP:
        return true;
    case KN_NEXT_WAIT:
        close_quota(work);
        if (posting->wait_until_us - store_now_us(work) > HOLD_US) {
            give_up(work, posting->state, posting->wait_until_us);
            return false;
        }
        (void)kn_cancel_wait_ms(work->task->cancel,
                                (posting->wait_until_us - store_now_us(work)) / 1000 + 1);
        return true;
    case KN_NEXT_LIVE:
        give_up(work, KN_POST_LIVE, 0);
        return false;
    case KN_NEXT_SCHEDULED:
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

static void advance_to_the_end(struct work *work)
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
    struct work work = {
        .task = task, .tries = task->post.tries, .cancel_asked = task->post.cancel_asked};
    work.posting.arena = task->arena;
    enum kn_status status = prepare(&work, &err);
    if (status == KN_OK && work.cancel_asked && !work.posting.withdraw &&
        !kn_posting_intended_us(&work.posting))
        status = KN_CANCELLED;
    if (status != KN_OK)
        fail(&work, status, &err);
    else if (work.posting.state != KN_POST_PLANNED || book_quotas(&work, &err))
        advance_to_the_end(&work);
    kn_posting_done(&work.posting);
    json_decref(work.posting.memory);
}
