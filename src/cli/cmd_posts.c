/* kirinuki posts: those that there are, and what a person decides about them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/post_view.h"
#include "cli/queue_view.h"
#include "platform/post_json.h"

enum { PAGE = 1000 };

/* ---- showing ---- */

static enum kn_status list(struct kn_queue_call *call)
{
    const struct kn_post_filter filter = {.owner = call->settings.queue.owner,
                                          .limit = call->settings.queue.limit};
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
        puts("nothing is posted or planned yet; `kirinuki publish` does it");
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

static enum kn_status cancel_post(struct kn_queue_call *call, int64_t id)
{
    enum kn_post_state state;
    enum kn_status status = kn_store_post_cancel(call->store, id, &state, &call->err);
    if (status == KN_OK)
        kn_say("post %" PRId64 " %s", id,
               state == KN_POST_CANCELLED ? "is cancelled" : "is under way and will be stopped");
    return status;
}

static enum kn_status retry_post(struct kn_queue_call *call, int64_t id)
{
    enum kn_status status = kn_store_post_retry(call->store, id, &call->err);
    if (status == KN_OK)
        kn_say("post %" PRId64 " is planned again: `kirinuki publish --retry` or a worker posts it",
               id);
    return status;
}

static enum kn_status move_post(struct kn_queue_call *call, int64_t id)
{
    struct kn_post post;
    struct kn_post_text text;
    struct kn_post_options options = {.publish_at_us = 0};
    struct kn_error ignored;
    enum kn_status status = kn_store_post_get(call->store, id, call->arena, &post, &call->err);
    if (status != KN_OK)
        return status;
    (void)kn_post_request_read(post.request, call->arena, &text, &options, &ignored);
    if (options.publish_at_us)
        return kn_error_set(&call->err, KN_INVALID,
                            "%s gets the time of post %" PRId64
                            " with the clip: cancel it, and plan it again with --at",
                            post.platform, id);
    status = kn_store_post_move(call->store, id, call->settings.publish.at_us, &call->err);
    if (status == KN_OK)
        kn_say("post %" PRId64 " has another time", id);
    return status;
}

static enum kn_status resolve_post(struct kn_queue_call *call, int64_t id)
{
    const struct kn_publish_settings *settings = &call->settings.publish;
    if (!settings->found_url == !settings->absent)
        return kn_error_set(&call->err, KN_INVALID,
                            "say where the post is with --url URL, or that it is not there with "
                            "--absent");
    enum kn_status status = kn_store_post_resolve(call->store, id, settings->found_url, &call->err);
    if (status == KN_OK)
        kn_say("post %" PRId64 " %s", id, settings->absent ? "is planned again" : "is live there");
    return status;
}

static const struct {
    const char *name;
    enum kn_status (*run)(struct kn_queue_call *call, int64_t id);
} commands[] = {
    {"cancel", cancel_post}, {"retry", retry_post}, {"move", move_post}, {"resolve", resolve_post}};

static int decide(struct kn_queue_call *call, size_t command)
{
    int bad = 0, asked = call->rest_count - 1;
    for (int i = 1; i <= asked; i++) {
        int64_t id;
        enum kn_status status = kn_job_id_parse(call->rest[i], &id, &call->err);
        if (status == KN_OK)
            status = commands[command].run(call, id);
        if (status != KN_OK) {
            (void)kn_complain(status, &call->err);
            bad++;
        }
    }
    return !bad ? KN_EXIT_OK : bad < asked ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
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
    if (count)
        kn_say("%d post%s asked after: `kirinuki publish --retry` or a worker does it", count,
               count == 1 ? " is to be" : "s are to be");
    else
        puts("of no post it is unknown whether it is there");
    return KN_EXIT_OK;
}

static int act(struct kn_queue_call *call)
{
    if (call->settings.publish.unknown) {
        if (call->rest_count == 1 && strcmp(call->rest[0], "retry") == 0)
            return decide_all_unknown(call);
        (void)kn_error_set(&call->err, KN_INVALID,
                           "--unknown goes with posts retry, without numbers");
        return kn_complain_usage("posts", &call->err);
    }
    for (size_t i = 0; call->rest_count && i < KN_COUNT_OF(commands); i++)
        if (strcmp(call->rest[0], commands[i].name) == 0) {
            if (call->rest_count > 1)
                return decide(call, i);
            (void)kn_error_set(&call->err, KN_INVALID, "posts %s needs the numbers of posts%s",
                               commands[i].name,
                               commands[i].run == retry_post ? ", or --unknown" : "");
            return kn_complain_usage("posts", &call->err);
        }
    enum kn_status status = call->rest_count ? KN_OK : list(call);
    for (int i = 0; status == KN_OK && i < call->rest_count; i++) {
        int64_t id;
        if (kn_job_id_parse(call->rest[i], &id, &call->err) != KN_OK) {
            (void)kn_error_set(&call->err, KN_INVALID,
                               "posts takes the number of a post, or cancel, retry, move or "
                               "resolve, not “%.60s”",
                               call->rest[i]);
            return kn_complain_usage("posts", &call->err);
        }
        status = show(call, id);
    }
    return status == KN_OK ? KN_EXIT_OK : kn_complain(status, &call->err);
}

int kn_cmd_posts(int argc, char **argv)
{
    struct kn_queue_call call;
    (void)kn_interrupt_watch(); /* the store has threads */
    int code = kn_queue_begin(&call, "posts", KN_FOR_POSTS, "", argc, argv);
    if (code == KN_EXIT_OK)
        code = act(&call);
    kn_queue_end(&call);
    return code;
}
