/* kirinuki posts: those that there are, and what a person decides about them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/post_orders.h"
#include "cli/post_view.h"
#include "cli/post_watch.h"
#include "cli/queue_view.h"
#include "platform/platform.h"

enum {
    PAGE = 1000,
    STOP_MS = 1000, /* from Ctrl-C to the end of a watch, at most */
};

/* ---- showing ---- */

static enum kn_status list(struct kn_queue_call *call)
{
    const struct kn_post_filter filter = {.owner = call->settings.queue.owner,
                                          .limit = call->settings.queue.limit,
                                          .states = call->settings.publish.states};
    const struct kn_post *posts;
    int count;
    enum kn_status status =
        kn_store_posts_list(call->store, &filter, call->arena, &posts, &count, &call->err);
    if (status != KN_OK)
        return status;
    if (call->settings.json) {
        json_t *all = json_array();
        for (int i = 0; i < count; i++)
            json_array_append_new(all, kn_post_result_json(&posts[i], call->arena));
        kn_print_json(all);
    } else if (count) {
        kn_posts_print(posts, count, call->arena);
    } else {
        puts(filter.states ? "no post is in such a state"
                           : "nothing is posted or planned yet; `kirinuki publish` does it");
    }
    return KN_OK;
}

static enum kn_status show(struct kn_queue_call *call, int64_t id)
{
    struct kn_post post;
    enum kn_status status = kn_store_post_get(call->store, id, call->arena, &post, &call->err);
    if (status != KN_OK)
        return status;
    if (call->settings.json)
        kn_print_json(kn_post_result_json(&post, call->arena));
    else
        kn_post_print_whole(&post, call->arena);
    return KN_OK;
}

/* ---- deciding ---- */

/* For programs the post as it is now; for people a sentence. */
static void say_decided(struct kn_queue_call *call, int64_t id, const char *sentence)
{
    struct kn_post post;
    if (!call->settings.json)
        kn_say("post %" PRId64 " %s", id, sentence);
    else if (kn_store_post_get(call->store, id, call->arena, &post, &call->err) == KN_OK)
        kn_print_json(kn_post_result_json(&post, call->arena));
}

static enum kn_status carry_out(struct kn_queue_call *call, int64_t id)
{
    const char *sentence;
    enum kn_status status = kn_post_carry_out(call, id, &sentence);
    if (status == KN_OK)
        say_decided(call, id, sentence);
    return status;
}

static enum kn_status cancel_post(struct kn_queue_call *call, int64_t id)
{
    enum kn_post_state state;
    enum kn_status status = kn_store_post_cancel(call->store, id, &state, &call->err);
    if (status == KN_OK && state == KN_POST_SCHEDULED)
        return carry_out(call, id);
    if (status == KN_OK)
        say_decided(call, id,
                    state == KN_POST_CANCELLED ? "is cancelled"
                    : state == KN_POST_PLANNED
                        ? "may be there: a worker or `kirinuki publish --retry` finds out, and "
                          "stops it"
                        : "is under way and will be stopped");
    return status;
}

static enum kn_status retry_post(struct kn_queue_call *call, int64_t id)
{
    char when[KN_TIME_TEXT_BYTES];
    struct kn_post post;
    enum kn_status status = kn_store_post_retry(call->store, id, &call->err);
    if (status == KN_OK)
        status = kn_store_post_get(call->store, id, call->arena, &post, &call->err);
    if (status == KN_OK)
        say_decided(call, id,
                    post.due_us > kn_wall_us()
                        ? kn_arena_printf(call->arena, "is planned again, for %s",
                                          kn_time_local(post.due_us, when))
                        : "is planned again: `kirinuki publish --retry` or a worker posts it");
    return status;
}

static enum kn_status move_post(struct kn_queue_call *call, int64_t id)
{
    int64_t at_us = call->settings.publish.at_us;
    char when[KN_TIME_TEXT_BYTES];
    struct kn_post post;
    enum kn_status status = kn_store_post_get(call->store, id, call->arena, &post, &call->err);
    if (status != KN_OK)
        return status;
    const struct kn_platform *platform = kn_platform_find(post.platform);
    status =
        kn_store_post_move(call->store, id, at_us, platform && platform->schedules, &call->err);
    if (status == KN_OK && post.state == KN_POST_SCHEDULED)
        return carry_out(call, id);
    if (status == KN_OK)
        say_decided(call, id,
                    at_us ? kn_arena_printf(call->arena, "is due at %s", kn_time_local(at_us, when))
                          : "is due now");
    return status;
}

static enum kn_status resolve_post(struct kn_queue_call *call, int64_t id)
{
    const struct kn_publish_settings *settings = &call->settings.publish;
    enum kn_status status = kn_store_post_resolve(call->store, id, settings->found_url, &call->err);
    if (status == KN_OK)
        say_decided(call, id, settings->absent ? "is planned again" : "is live there");
    return status;
}

/* What it needs beside numbers; once, before the first. */
static enum kn_status check_resolve(struct kn_queue_call *call)
{
    const struct kn_publish_settings *settings = &call->settings.publish;
    if (!settings->found_url != !settings->absent)
        return KN_OK;
    return kn_error_set(&call->err, KN_INVALID,
                        "say where the post is with --url URL, or that it is not there with "
                        "--absent");
}

static const struct {
    const char *name;
    enum kn_status (*run)(struct kn_queue_call *call, int64_t id);
    enum kn_status (*check)(struct kn_queue_call *call); /* NULL: numbers are enough */
} commands[] = {
    {"cancel", cancel_post, NULL},
    {"retry", retry_post, NULL},
    {"move", move_post, NULL},
    {"resolve", resolve_post, check_resolve},
};

static int code_of(int bad, int asked)
{
    return !bad ? KN_EXIT_OK : bad < asked ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
}

static int decide(struct kn_queue_call *call, size_t command)
{
    int bad = 0, asked = call->rest_count - 1;
    if (commands[command].check && commands[command].check(call) != KN_OK)
        return kn_complain_usage("posts", &call->err);
    for (int i = 1; i <= asked; i++) {
        int64_t id;
        enum kn_status status = kn_id_parse("post", call->rest[i], &id, &call->err);
        if (status == KN_OK)
            status = commands[command].run(call, id);
        if (status != KN_OK) {
            (void)kn_complain(status, &call->err);
            bad++;
        }
    }
    return code_of(bad, asked);
}

/* Lower and lower numbers, so that what is retried meanwhile is not met twice. */
static enum kn_status retry_all_unknown(struct kn_queue_call *call, int *ret_count)
{
    struct kn_post_filter filter = {
        .states = 1u << KN_POST_UNKNOWN, .owner = call->settings.queue.owner, .limit = PAGE};
    const struct kn_post *posts;
    int count = PAGE;
    enum kn_status status = KN_OK;
    *ret_count = 0;
    while (status == KN_OK && count == PAGE) {
        status = kn_store_posts_list(call->store, &filter, call->arena, &posts, &count, &call->err);
        for (int i = 0; status == KN_OK && i < count; i++) {
            enum kn_status again = kn_store_post_retry(call->store, posts[i].id, &call->err);
            *ret_count += again == KN_OK;
            if (again == KN_OK && call->settings.json)
                say_decided(call, posts[i].id, "");
            if (again != KN_INVALID) /* somebody was faster, or has posted it anew */
                status = again;
        }
        filter.before_post = count ? posts[count - 1].id : 0;
    }
    return status;
}

static int decide_all_unknown(struct kn_queue_call *call)
{
    int count;
    enum kn_status status = retry_all_unknown(call, &count);
    if (status != KN_OK)
        return kn_complain(status, &call->err);
    if (call->settings.json)
        return KN_EXIT_OK;
    if (count)
        kn_say("%d post%s asked after: `kirinuki publish --retry` or a worker does it", count,
               count == 1 ? " is to be" : "s are to be");
    else
        puts("of no post it is unknown whether it is there");
    return KN_EXIT_OK;
}

/* The first word is no number. */
static int unknown_word(struct kn_queue_call *call)
{
    const char *names[KN_COUNT_OF(commands) + 2] = {"watch"}, *word = call->rest[0];
    for (size_t i = 0; i < KN_COUNT_OF(commands); i++)
        names[i + 1] = commands[i].name;
    const char *nearest = word[0] < '0' || word[0] > '9' ? kn_nearest_name(word, names) : NULL;
    if (nearest)
        (void)kn_error_set(&call->err, KN_INVALID,
                           "posts knows no “%.60s”; did you mean: kirinuki posts %s", word,
                           nearest);
    else
        (void)kn_error_set(&call->err, KN_INVALID,
                           "posts takes the number of a post, or watch, cancel, retry, move or "
                           "resolve, not “%.60s”",
                           word);
    return kn_complain_usage("posts", &call->err);
}

/* The numbers from `first` on; nothing is done before all are known to be such. */
static enum kn_status read_ids(struct kn_queue_call *call, int first, int64_t **ret_ids)
{
    size_t room = (size_t)call->rest_count + 1;
    int64_t *ids = kn_arena_array(call->arena, room, sizeof *ids);
    for (int i = first; i < call->rest_count; i++)
        if (kn_id_parse("post", call->rest[i], &ids[i - first], &call->err) != KN_OK)
            return KN_INVALID;
    *ret_ids = ids;
    return KN_OK;
}

static int show_all(struct kn_queue_call *call)
{
    int64_t *ids;
    struct kn_error ignored;
    int bad = 0;
    if (kn_id_parse("post", call->rest[0], &(int64_t){0}, &ignored) != KN_OK)
        return unknown_word(call);
    if (read_ids(call, 0, &ids) != KN_OK)
        return kn_complain_usage("posts", &call->err);
    for (int i = 0; i < call->rest_count; i++) {
        enum kn_status status = show(call, ids[i]);
        if (status != KN_OK)
            (void)kn_complain(status, &call->err);
        bad += status != KN_OK;
    }
    return code_of(bad, call->rest_count);
}

static int watch(struct kn_queue_call *call, struct kn_cancel *cancel)
{
    int64_t *ids;
    if (read_ids(call, 1, &ids) != KN_OK)
        return kn_complain_usage("posts", &call->err);
    kn_interrupt_limit(STOP_MS, KN_EXIT_INTERRUPTED, "");
    return kn_posts_watch(call, ids, call->rest_count - 1, cancel);
}

static int act(struct kn_queue_call *call, struct kn_cancel *cancel)
{
    if (call->settings.publish.unknown) {
        if (call->rest_count == 1 && strcmp(call->rest[0], "retry") == 0)
            return decide_all_unknown(call);
        (void)kn_error_set(&call->err, KN_INVALID,
                           "--unknown goes with posts retry, without numbers");
        return kn_complain_usage("posts", &call->err);
    }
    if (!call->rest_count) {
        enum kn_status status = list(call);
        return status == KN_OK ? KN_EXIT_OK : kn_complain(status, &call->err);
    }
    if (strcmp(call->rest[0], "watch") == 0)
        return watch(call, cancel);
    for (size_t i = 0; i < KN_COUNT_OF(commands); i++)
        if (strcmp(call->rest[0], commands[i].name) == 0) {
            if (call->rest_count > 1)
                return decide(call, i);
            (void)kn_error_set(
                &call->err, KN_INVALID,
                "posts %s needs the number of a post%s: kirinuki posts %s 12", commands[i].name,
                commands[i].run == retry_post ? ", or --unknown" : "", commands[i].name);
            return kn_complain_usage("posts", &call->err);
        }
    return show_all(call);
}

int kn_cmd_posts(int argc, char **argv)
{
    struct kn_queue_call call;
    struct kn_cancel *cancel = kn_interrupt_watch(); /* the store has threads */
    int code = kn_queue_begin(&call, "posts", KN_FOR_POSTS, "", argc, argv);
    call.cancel = cancel;
    if (code == KN_EXIT_OK)
        code = act(&call, cancel);
    kn_queue_end(&call);
    return code;
}
