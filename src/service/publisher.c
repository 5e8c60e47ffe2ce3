#include "service/publisher.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sync.h"
#include "service/publisher_parts.h"

enum {
    TICK_US = 1000000, /* between looks at the bytes that are out */
    AWAY_US = 2000000, /* before a store that failed is asked again */
    CLAIM_MAX = 64,
};

void kn_publisher_tell(struct kn_publisher *publisher, const struct kn_post_news *news)
{
    KN_LOCKED(&publisher->news);
    if (publisher->options.heard)
        publisher->options.heard(publisher->options.arg, news);
}

/* ---- the lease ---- */

static enum kn_status join(struct kn_publisher *publisher, struct kn_error *err)
{
    int64_t id;
    enum kn_status status = kn_store_join(publisher->store, publisher->options.name,
                                          publisher->options.lease_us, &id, err);
    if (status != KN_OK)
        return status;
    KN_LOCKED(&publisher->lock);
    publisher->worker = id;
    publisher->lost = false;
    return KN_OK;
}

/* With the lock. */
static void lose_all(struct kn_publisher *publisher)
{
    publisher->lost = true;
    for (struct kn_post_task *task = publisher->tasks; task; task = task->next) {
        task->lost = true;
        kn_cancel_trigger(task->cancel);
    }
    kn_cancel_trigger(publisher->rouse);
}

static bool has_lost(struct kn_publisher *publisher)
{
    KN_LOCKED(&publisher->lock);
    return publisher->lost;
}

static void renew(struct kn_publisher *publisher, int64_t worker)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err;
    const int64_t *jobs;
    int count;
    enum kn_status status = kn_store_renew(publisher->store, worker, publisher->options.lease_us,
                                           arena, &jobs, &count, &err);
    if (status != KN_OK && !publisher->unrenewed)
        kn_log(KN_LOG_WARN, "publish", "the lease could not be renewed: %s", kn_error_text(&err));
    publisher->unrenewed = status != KN_OK;
    if (status == KN_LOST) {
        KN_LOCKED(&publisher->lock);
        if (publisher->worker == worker)
            lose_all(publisher);
    }
    kn_arena_free(arena);
}

static void *keep_alive(void *arg)
{
    struct kn_publisher *publisher = arg;
    pthread_mutex_lock(&publisher->lock);
    while (!publisher->closing) {
        int64_t until_us = kn_now_us() + publisher->options.lease_us / 3;
        while (!publisher->closing && kn_now_us() < until_us)
            (void)kn_cond_wait_until(&publisher->beat, &publisher->lock, until_us);
        int64_t worker = publisher->worker;
        bool due = !publisher->closing && !publisher->lost;
        pthread_mutex_unlock(&publisher->lock);
        if (due)
            renew(publisher, worker);
        pthread_mutex_lock(&publisher->lock);
    }
    pthread_mutex_unlock(&publisher->lock);
    return NULL;
}

/* ---- the posts that run ---- */

static void *run_task(void *arg)
{
    struct kn_post_task *task = arg;
    struct kn_publisher *publisher = task->publisher;
    kn_post_task_run(task);
    KN_LOCKED(&publisher->lock);
    struct kn_post_task **at = &publisher->tasks;
    while (*at != task)
        at = &(*at)->next;
    *at = task->next;
    task->next = publisher->ended;
    publisher->ended = task;
    kn_cancel_trigger(publisher->rouse);
    return NULL;
}

static struct kn_post copy_post(const struct kn_post *post, struct kn_arena *arena)
{
    struct kn_post copy = *post;
    copy.key = kn_arena_strdup(arena, post->key);
    copy.owner = kn_arena_strdup(arena, post->owner);
    copy.platform = kn_arena_strdup(arena, post->platform);
    copy.account = kn_arena_strdup(arena, post->account);
    copy.clip = kn_arena_strdup(arena, post->clip);
    copy.request = kn_arena_strdup(arena, post->request);
    copy.memory = kn_arena_strdup(arena, post->memory);
    copy.remote_id = copy.url = copy.reason = copy.remedy = "";
    return copy;
}

static void start_task(struct kn_publisher *publisher, const struct kn_post *post)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_post_task *task = kn_arena_alloc(arena, sizeof *task);
    *task = (struct kn_post_task){
        .publisher = publisher,
        .arena = arena,
        .post = copy_post(post, arena),
        .holder = {post->id, post->worker, post->attempt},
        .cancel = kn_cancel_new(publisher->stop),
        .sent_bytes = post->sent_bytes,
        .state = post->state,
        .told_bytes = post->sent_bytes,
        .kept_bytes = post->sent_bytes,
    };
    char name[32];
    snprintf(name, sizeof name, "kn-post %" PRId64, post->id);
    KN_LOCKED(&publisher->lock);
    task->lost = publisher->lost || post->worker != publisher->worker;
    task->next = publisher->tasks;
    publisher->tasks = task;
    publisher->running++;
    int failed = kn_thread_start(&task->thread, name, run_task, task);
    task->has_thread = !failed;
    if (!failed)
        return;
    /* It stays ours until the lease is over or we are gone; then others take it. */
    kn_log(KN_LOG_WARN, "publish", "cannot start a thread: %s", strerror(failed));
    publisher->tasks = task->next;
    task->next = publisher->ended;
    publisher->ended = task;
}

static void bury_ended(struct kn_publisher *publisher)
{
    pthread_mutex_lock(&publisher->lock);
    struct kn_post_task *ended = publisher->ended;
    publisher->ended = NULL;
    pthread_mutex_unlock(&publisher->lock);
    while (ended) {
        struct kn_post_task *task = ended;
        ended = task->next;
        if (task->has_thread)
            pthread_join(task->thread, NULL);
        KN_LOCKED(&publisher->lock);
        publisher->running--;
        kn_cancel_free(task->cancel);
        kn_arena_free(task->arena);
    }
}

/* ---- bytes that are out ---- */

/* A copy of what is to be told, as the store must not be called under the lock. */
struct sending {
    struct kn_post_holder holder;
    const struct kn_post *post;
    enum kn_post_state state;
    int64_t sent_bytes;
};

static int find_senders(struct kn_publisher *publisher, struct sending *sending, int room)
{
    int count = 0;
    KN_LOCKED(&publisher->lock);
    for (struct kn_post_task *task = publisher->tasks; task && count < room; task = task->next) {
        int64_t sent = task->sent_bytes;
        if (task->state != KN_POST_UPLOADING || sent == task->told_bytes || task->lost)
            continue;
        task->told_bytes = sent;
        sending[count++] =
            (struct sending){task->holder, &task->post, (enum kn_post_state)task->state, sent};
    }
    return count;
}

/* A single request may take hours: whoever wants its post stopped is heard meanwhile. A task that
 * knew it when it was claimed goes on because the post may be there. */
static bool is_to_stop(struct kn_publisher *publisher, const struct sending *sending)
{
    if (sending->post->cancel_asked)
        return false;
    struct kn_arena *arena = kn_arena_new();
    struct kn_error ignored;
    struct kn_post post;
    bool stop = kn_store_post_get(publisher->store, sending->holder.post, arena, &post, &ignored) ==
                    KN_OK &&
                post.cancel_asked && post.worker == sending->holder.worker &&
                post.attempt == sending->holder.attempt;
    kn_arena_free(arena);
    return stop;
}

static void stop_sender(struct kn_publisher *publisher, const struct sending *sending)
{
    KN_LOCKED(&publisher->lock);
    for (struct kn_post_task *task = publisher->tasks; task; task = task->next)
        if (task->holder.post == sending->holder.post) {
            task->stop_asked = true;
            kn_cancel_trigger(task->cancel);
        }
}

/* Only this thread frees tasks, so what `sending` points to stays. */
static void tell_bytes(struct kn_publisher *publisher)
{
    struct sending sending[CLAIM_MAX];
    int count = find_senders(publisher, sending, CLAIM_MAX);
    for (int i = 0; i < count; i++) {
        const struct kn_post *post = sending[i].post;
        if (is_to_stop(publisher, &sending[i]))
            stop_sender(publisher, &sending[i]);
        const struct kn_post_news news = {
            .post = post->id,
            .platform = post->platform,
            .account = post->account,
            .state = sending[i].state,
            .sent_bytes = sending[i].sent_bytes,
            .bytes = post->bytes,
            .url = "",
            .reason = "",
            .remedy = "",
        };
        kn_publisher_tell(publisher, &news);
    }
}

/* ---- claiming ---- */

static enum kn_status claim(struct kn_publisher *publisher, struct kn_error *err)
{
    const struct kn_publisher_options *options = &publisher->options;
    int room = KN_MIN(options->at_once - publisher->running, CLAIM_MAX);
    if (room <= 0)
        return KN_OK;
    struct kn_arena *arena = kn_arena_new();
    const struct kn_post *posts = NULL;
    int count = 0;
    struct kn_post_claim wanted = {
        .worker = publisher->worker,
        .max = room,
        .account_max = options->account_at_once,
        .only = options->only,
        .only_count = options->only_count,
    };
    enum kn_status status =
        kn_store_posts_claim(publisher->store, &wanted, arena, &posts, &count, err);
    for (int i = 0; status == KN_OK && i < count; i++)
        start_task(publisher, &posts[i]);
    kn_arena_free(arena);
    return status;
}

/* A look that is not due yet is somebody else's. */
static bool is_left(const struct kn_post *post, int64_t now_us, int64_t patience_us)
{
    if (post->state == KN_POST_SCHEDULED)
        return post->due_us && post->due_us <= now_us;
    return post->due_us <= now_us + patience_us;
}

/* Of `only`: is any left that may still come to its end here? */
static enum kn_status any_left(struct kn_publisher *publisher, bool *ret_left, struct kn_error *err)
{
    const struct kn_publisher_options *options = &publisher->options;
    struct kn_arena *arena = kn_arena_new();
    const struct kn_post *posts = NULL;
    int count = 0;
    struct kn_post_filter filter = {
        .states = 1u << KN_POST_PLANNED | 1u << KN_POST_UPLOADING | 1u << KN_POST_PROCESSING |
                  1u << KN_POST_SCHEDULED,
        .open = true,
        .only = options->only,
        .only_count = options->only_count,
        .limit = 10000,
    };
    enum kn_status status =
        kn_store_posts_list(publisher->store, &filter, arena, &posts, &count, err);
    int64_t now_us = kn_store_now_us(publisher->store);
    int64_t patience_us = options->only ? options->patience_us : 0;
    *ret_left = false;
    for (int i = 0; status == KN_OK && i < count; i++)
        *ret_left |= is_left(&posts[i], now_us, patience_us) || (posts[i].worker && options->only);
    kn_arena_free(arena);
    return status;
}

/* ---- the main loop ---- */

/* Until something changes or is due. */
static void sleep_a_while(struct kn_publisher *publisher, int64_t until_us)
{
    (void)kn_wake_wait(publisher->wake, until_us, publisher->rouse);
    KN_LOCKED(&publisher->lock);
    if (!kn_cancel_requested(publisher->rouse))
        return;
    kn_cancel_free(publisher->rouse);
    publisher->rouse = kn_cancel_new(publisher->stop);
    if (publisher->ended)
        kn_cancel_trigger(publisher->rouse); /* ended meanwhile: do not sleep over it */
}

static enum kn_status take_turn(struct kn_publisher *publisher, int64_t *ret_until_us,
                                struct kn_error *err)
{
    int64_t due_us = INT64_MAX;
    enum kn_status status = KN_OK;
    bury_ended(publisher);
    if (has_lost(publisher))
        status = join(publisher, err);
    if (status == KN_OK)
        status = claim(publisher, err);
    if (status == KN_LOST) {
        KN_LOCKED(&publisher->lock);
        lose_all(publisher);
        *ret_until_us = kn_now_us();
        return KN_OK;
    }
    if (status == KN_OK)
        status = kn_store_posts_next_due(publisher->store, &due_us, err);
    int64_t now_us = kn_now_us(), most_us = now_us + publisher->options.lease_us;
    *ret_until_us = publisher->running ? now_us + TICK_US : most_us;
    if (due_us != INT64_MAX) {
        int64_t wait_us = KN_MAX(due_us - kn_store_now_us(publisher->store), TICK_US);
        *ret_until_us = KN_MIN(*ret_until_us, now_us + KN_MIN(wait_us, most_us - now_us));
    }
    return status;
}

static bool may_pass(enum kn_status status)
{
    return status == KN_REMOTE || status == KN_TIMEOUT || status == KN_IO || status == KN_LOST ||
           status == KN_NO_SPACE;
}

static enum kn_status work(struct kn_publisher *publisher, struct kn_error *err)
{
    bool left = true, ends = publisher->options.only || publisher->options.drain;
    int64_t failing_us = 0; /* since then; 0: it does not */
    while (left && !kn_cancel_requested(publisher->stop)) {
        int64_t until_us = kn_now_us() + AWAY_US;
        enum kn_status status = take_turn(publisher, &until_us, err);
        if (status == KN_OK && ends && publisher->running == 0)
            status = any_left(publisher, &left, err);
        if (status != KN_OK && !may_pass(status))
            return status;
        if (status != KN_OK && !failing_us)
            kn_log(KN_LOG_WARN, "publish", "the store: %s", kn_error_text(err));
        failing_us = status == KN_OK ? 0 : failing_us ? failing_us : kn_now_us();
        if (failing_us && kn_now_us() - failing_us >= kn_publisher_patience_us(publisher))
            kn_publisher_trouble(publisher, err);
        if (kn_publisher_in_trouble(publisher, err))
            return err->status;
        if (left)
            sleep_a_while(publisher, until_us);
        tell_bytes(publisher);
        kn_publisher_keep_progress(publisher);
    }
    return KN_OK;
}

/* What runs is stopped by its token, a child of `stop`; waits until nothing is held any more. */
static void wait_for_all(struct kn_publisher *publisher)
{
    pthread_mutex_lock(&publisher->lock);
    for (struct kn_post_task *task = publisher->tasks; task; task = task->next)
        kn_cancel_trigger(task->cancel);
    pthread_mutex_unlock(&publisher->lock);
    for (bury_ended(publisher); publisher->running > 0; bury_ended(publisher)) {
        struct kn_cancel *rouse = kn_cancel_new(NULL);
        pthread_mutex_lock(&publisher->lock);
        kn_cancel_free(publisher->rouse);
        publisher->rouse = rouse;
        bool ended = publisher->ended != NULL;
        pthread_mutex_unlock(&publisher->lock);
        if (!ended)
            (void)kn_cancel_wait_ms(rouse, 1000);
    }
}

static struct kn_publisher_options with_defaults(const struct kn_publisher_options *given)
{
    struct kn_publisher_options options = *given;
    options.name = given->name ? given->name : "publisher";
    options.at_once = given->at_once ? given->at_once : 48;
    options.account_at_once = given->account_at_once ? given->account_at_once : 10;
    options.lease_us = given->lease_us ? given->lease_us : INT64_C(10000000);
    options.patience_us = given->patience_us ? given->patience_us : INT64_C(900000000);
    return options;
}

enum kn_status kn_publisher_run(const struct kn_publisher_options *options, struct kn_cancel *stop,
                                struct kn_error *err)
{
    struct kn_publisher publisher = {
        .options = with_defaults(options), .store = options->store, .stop = stop};
    enum kn_status status = kn_wake_open(options->store, &publisher.wake, err);
    if (status != KN_OK)
        return status;
    pthread_mutex_init(&publisher.lock, NULL);
    pthread_mutex_init(&publisher.news, NULL);
    kn_cond_init(&publisher.beat);
    publisher.rouse = kn_cancel_new(stop);
    kn_publisher_compare_clocks(&publisher);
    status = join(&publisher, err);
    int failed = 0;
    if (status == KN_OK)
        failed = kn_thread_start(&publisher.heart, "kn-heart", keep_alive, &publisher);
    if (failed)
        status = kn_error_errno(err, failed, "cannot start a thread");
    if (status == KN_OK) {
        struct kn_error ignored;
        status = work(&publisher, err);
        wait_for_all(&publisher);
        pthread_mutex_lock(&publisher.lock);
        publisher.closing = true;
        pthread_cond_signal(&publisher.beat);
        pthread_mutex_unlock(&publisher.lock);
        pthread_join(publisher.heart, NULL);
        (void)kn_store_leave(publisher.store, publisher.worker, &ignored);
    }
    kn_cancel_free(publisher.rouse);
    pthread_cond_destroy(&publisher.beat);
    pthread_mutex_destroy(&publisher.news);
    pthread_mutex_destroy(&publisher.lock);
    kn_wake_close(publisher.wake);
    return status;
}

/* ---- beside other work ---- */

void kn_publisher_keep(const struct kn_publisher_options *options, struct kn_cancel *stop)
{
    struct kn_publisher_options due = *options;
    struct kn_error err;
    struct kn_wake *wake = NULL;
    due.drain = true;
    while (!kn_cancel_requested(stop)) {
        int64_t due_us = INT64_MAX, wait_us = AWAY_US;
        enum kn_status status = wake ? KN_OK : kn_wake_open(options->store, &wake, &err);
        if (status == KN_OK)
            status = kn_store_posts_next_due(options->store, &due_us, &err);
        if (status == KN_OK)
            wait_us = due_us == INT64_MAX ? INT64_MAX
                                          : KN_MAX(due_us - kn_store_now_us(options->store), 0);
        if (status == KN_OK && wait_us == 0) {
            status = kn_publisher_run(&due, stop, &err);
            wait_us = TICK_US; /* what an account has no room for is due still */
        }
        /* Of a store that is away whoever works beside this has warned. */
        if (status != KN_OK && status != KN_CANCELLED)
            kn_log(may_pass(status) ? KN_LOG_DEBUG : KN_LOG_WARN, "publish", "%s",
                   kn_error_text(&err));
        if (wake)
            (void)kn_wake_wait(wake, wait_us == INT64_MAX ? INT64_MAX : kn_now_us() + wait_us,
                               stop);
        else
            (void)kn_cancel_wait_ms(stop, AWAY_US / 1000);
    }
    kn_wake_close(wake);
}
