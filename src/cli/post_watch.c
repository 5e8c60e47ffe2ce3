#include "cli/post_watch.h"

#include <stdio.h>

#include "base/log.h"
#include "base/vec.h"
#include "cli/commands.h"
#include "cli/post_display.h"
#include "cli/post_view.h"

enum { POSTS_MAX = 10000, LOOK_MS = 1000, SOON_US = 900000000 };

static const unsigned open_states =
    1u << KN_POST_PLANNED | 1u << KN_POST_UPLOADING | 1u << KN_POST_PROCESSING;

struct watch {
    struct kn_queue_call *call;
    struct kn_arena *arena; /* of one look */
    KN_VEC(int64_t) ids;
    const struct kn_post *posts;
    int count;
    bool said; /* that nobody posts them */
};

static enum kn_status look(struct watch *watch)
{
    const struct kn_post_filter filter = {
        .only = watch->ids.at, .only_count = watch->ids.count, .limit = POSTS_MAX};
    kn_arena_reset(watch->arena);
    return kn_store_posts_list(watch->call->store, &filter, watch->arena, &watch->posts,
                               &watch->count, &watch->call->err);
}

static enum kn_status choose(struct watch *watch, const int64_t *ids, int count)
{
    struct kn_post_filter filter = {.states = open_states,
                                    .open = true,
                                    .owner = watch->call->settings.queue.owner,
                                    .limit = POSTS_MAX};
    const struct kn_post *posts;
    struct kn_post post;
    int found = 0;
    int64_t now_us = kn_store_now_us(watch->call->store);
    enum kn_status status = KN_OK;
    for (int i = 0; status == KN_OK && i < count; i++) {
        status =
            kn_store_post_get(watch->call->store, ids[i], watch->arena, &post, &watch->call->err);
        kn_vec_push(&watch->ids, ids[i]);
    }
    if (!count)
        status = kn_store_posts_list(watch->call->store, &filter, watch->arena, &posts, &found,
                                     &watch->call->err);
    for (int i = 0; status == KN_OK && i < found; i++)
        if (posts[i].worker || posts[i].due_us <= now_us + SOON_US)
            kn_vec_push(&watch->ids, posts[i].id);
    return status;
}

/* Said once: it may be wanted so, and somebody may come. */
static void say_left_alone(struct watch *watch)
{
    for (int i = 0; !watch->said && i < watch->count; i++)
        if (kn_post_is_left_alone(&watch->posts[i])) {
            kn_log(KN_LOG_WARN, "posts",
                   "nobody posts what is due now: `kirinuki worker` does, or `kirinuki publish "
                   "--retry`");
            watch->said = true;
        }
}

static bool is_over(const struct watch *watch)
{
    for (int i = 0; i < watch->count; i++)
        if (!kn_post_state_final(watch->posts[i].state))
            return false;
    return true;
}

static void hear(struct kn_post_display *display, const struct kn_post *post)
{
    const struct kn_post_news news = {
        .post = post->id,
        .platform = post->platform,
        .account = post->account,
        .state = post->state,
        .sent_bytes = post->sent_bytes,
        .bytes = post->bytes,
        .tries = post->tries,
        .due_us = post->due_us,
        .url = post->url,
        .reason = post->reason,
        .remedy = post->remedy,
    };
    kn_post_display_hear(display, &news);
}

/* What a look shows that the one before did not. */
static void tell_changes(const struct watch *watch, struct kn_post_display *display,
                         const int64_t *told_us, const int64_t *told_bytes)
{
    for (int i = 0; i < watch->count; i++)
        if (watch->posts[i].changed_us != told_us[i] || watch->posts[i].sent_bytes != told_bytes[i])
            hear(display, &watch->posts[i]);
}

/* The rows of each look stand in the same order: that of their numbers. */
static enum kn_status follow(struct watch *watch, struct kn_cancel *cancel)
{
    const struct kn_settings *settings = &watch->call->settings;
    size_t room = (size_t)watch->ids.count + 1;
    int64_t *told_us = kn_arena_array(watch->call->arena, room, sizeof *told_us);
    int64_t *told_bytes = kn_arena_array(watch->call->arena, room, sizeof *told_bytes);
    enum kn_status status = look(watch);
    if (status != KN_OK)
        return status;
    struct kn_post_display *display =
        kn_post_display_open(watch->posts, watch->count, settings->json, settings->quiet);
    while (status == KN_OK) {
        tell_changes(watch, display, told_us, told_bytes);
        say_left_alone(watch);
        for (int i = 0; i < watch->count; i++) {
            told_us[i] = watch->posts[i].changed_us;
            told_bytes[i] = watch->posts[i].sent_bytes;
        }
        if (is_over(watch) || kn_cancel_wait_ms(cancel, LOOK_MS))
            break;
        status = look(watch);
    }
    kn_post_display_close(display);
    return status;
}

static int sum_up(const struct watch *watch, struct kn_cancel *cancel)
{
    int good = 0;
    for (int i = 0; i < watch->count; i++)
        good += watch->posts[i].state == KN_POST_LIVE || watch->posts[i].state == KN_POST_SCHEDULED;
    if (!watch->call->settings.json)
        kn_posts_print(watch->posts, watch->count, watch->arena);
    if (!is_over(watch) && kn_cancel_requested(cancel))
        return KN_EXIT_INTERRUPTED;
    return good == watch->count ? KN_EXIT_OK : good ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
}

int kn_posts_watch(struct kn_queue_call *call, const int64_t *ids, int count,
                   struct kn_cancel *cancel)
{
    struct watch watch = {.call = call, .arena = kn_arena_new()};
    int code = KN_EXIT_OK;
    enum kn_status status = choose(&watch, ids, count);
    if (status == KN_OK && watch.ids.count)
        status = follow(&watch, cancel);
    if (status != KN_OK)
        code = kn_complain(status, &call->err);
    else if (watch.ids.count)
        code = sum_up(&watch, cancel);
    else if (!call->settings.json)
        puts("no post is under way");
    kn_vec_free(&watch.ids);
    kn_arena_free(watch.arena);
    return code;
}
