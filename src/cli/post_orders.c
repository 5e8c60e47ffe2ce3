#include "cli/post_orders.h"

#include <inttypes.h>

#include "base/clock.h"
#include "platform/platform.h"
#include "service/accounts.h"
#include "service/publisher.h"

static enum kn_status publish_one(struct kn_queue_call *call, int64_t post)
{
    struct kn_http *http = NULL;
    struct kn_accounts *accounts;
    enum kn_status status = kn_http_open(&(struct kn_http_options){0}, &http, &call->err);
    if (status != KN_OK)
        return status;
    accounts = kn_accounts_open(&(struct kn_accounts_options){.store = call->store, .http = http});
    const struct kn_publisher_options options = {
        .store = call->store,
        .http = http,
        .accounts = accounts,
        .name = "posts",
        .only = &post,
        .only_count = 1,
    };
    status = kn_publisher_run(&options, call->cancel, &call->err);
    kn_accounts_close(accounts);
    kn_http_close(http);
    return status;
}

/* Of one that still waits for its time. */
static enum kn_status describe(struct kn_queue_call *call, const struct kn_post *post,
                               const char **ret_sentence)
{
    char when[KN_TIME_TEXT_BYTES];
    const struct kn_platform *platform = kn_platform_find(post->platform);
    const char *label = platform ? platform->label : post->platform;
    bool open = post->cancel_asked || post->appear_us != post->public_us;
    (void)kn_time_local(post->public_us, when);
    if (open && post->due_us)
        *ret_sentence = kn_arena_printf(
            call->arena, "still appears at %s; a worker or `kirinuki publish --retry` tells %s%s%s",
            when, label, post->reason[0] ? ": " : "", post->reason);
    else if (post->reason[0])
        return kn_error_set(&call->err, KN_INVALID, "post %" PRId64 " appears at %s: %s", post->id,
                            when, post->reason);
    else
        *ret_sentence = kn_arena_printf(call->arena, "appears at %s; %s knows", when, label);
    return KN_OK;
}

enum kn_status kn_post_carry_out(struct kn_queue_call *call, int64_t id, const char **ret_sentence)
{
    struct kn_post post;
    enum kn_status status = publish_one(call, id);
    if (status == KN_OK)
        status = kn_store_post_get(call->store, id, call->arena, &post, &call->err);
    if (status != KN_OK)
        return status;
    if (post.state == KN_POST_SCHEDULED)
        return describe(call, &post, ret_sentence);
    if (post.state == KN_POST_LIVE && post.cancel_asked)
        return kn_error_set(&call->err, KN_INVALID, "post %" PRId64 " is live already: %s", id,
                            post.url);
    bool live = post.state == KN_POST_LIVE;
    *ret_sentence =
        kn_arena_printf(call->arena, "is %s: %s%s%s", kn_post_state_name(post.state),
                        live ? post.url : "", live && post.reason[0] ? ", " : "", post.reason);
    return KN_OK;
}
