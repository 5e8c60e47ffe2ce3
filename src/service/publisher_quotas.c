/* What a platform allows an account in a span: booked before a post begins, and while it goes on.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "platform/pacific.h"
#include "platform/platform.h"
#include "service/publisher_parts.h"

/* When the span of the quota that is now began, and when it is over; 0: it slides. */
static struct kn_quota_use use_of(const struct post_work *work, const struct kn_quota *quota)
{
    const struct kn_post *post = &work->task->post;
    int64_t now = kn_post_now_us(work);
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

bool kn_post_book_quotas(struct post_work *work)
{
    const struct kn_platform *platform = work->posting.platform;
    struct kn_error err;
    for (int i = 0; i < platform->quota_count; i++) {
        const struct kn_quota *quota = &platform->quotas[i];
        bool draft = work->posting.options.draft;
        if (draft ? quota->of_posts : quota->of_drafts)
            continue;
        struct kn_quota_use use = use_of(work, quota);
        int64_t free_us = 0;
        enum kn_status status =
            kn_store_quota_book(work->task->publisher->store, &use, &free_us, &err);
        if (status == KN_OK && !free_us)
            continue;
        char when[KN_TIME_TEXT_BYTES];
        if (status == KN_OK)
            kn_posting_wait(&work->posting, free_us, "%s: %d %s are allowed; next slot at %s",
                            platform->label, quota->limit, quota->kind,
                            kn_time_local(free_us, when));
        else
            kn_posting_wait(&work->posting, kn_post_now_us(work) + 5000000, "%s",
                            kn_error_text(&err));
        return false;
    }
    return true;
}

enum kn_status kn_post_book(void *arg, const char *kind, int amount, int64_t *ret_free_us,
                            struct kn_error *err)
{
    struct post_work *work = arg;
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

void kn_post_close_quota(struct post_work *work)
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

void kn_post_return_quotas(struct post_work *work)
{
    const struct kn_platform *platform = work->posting.platform;
    struct kn_error err;
    for (int i = 0; platform && i < platform->quota_count; i++)
        if (kn_store_quota_return(work->task->publisher->store, work->task->post.id,
                                  platform->quotas[i].kind, &err) != KN_OK)
            kn_log(KN_LOG_WARN, "publish", "%s", kn_error_text(&err));
}
