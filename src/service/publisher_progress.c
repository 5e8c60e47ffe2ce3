/*
 * How far uploads are, into the store: behind them, on the caller's thread, all in one batch, at
 * most once in KEEP_US, and only what has moved. Nothing waits for it, and it may be lost.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "service/publisher_parts.h"

enum { KEEP_US = 1000000, POSTS_MAX = 256 };

/* The lock is not held while the store is written to. */
static int find_moved(struct kn_publisher *publisher, int64_t now_us,
                      struct kn_post_progress *progress)
{
    int count = 0;
    KN_LOCKED(&publisher->lock);
    for (struct kn_post_task *task = publisher->tasks; task && count < POSTS_MAX;
         task = task->next) {
        int64_t sent = task->sent_bytes;
        if (task->state != KN_POST_UPLOADING || task->lost || sent == task->kept_bytes)
            continue;
        /* An upload that begins again from an earlier byte has its speed still. */
        if (!task->rate.start_us)
            kn_rate_start(&task->rate, now_us);
        else if (sent > task->kept_bytes)
            kn_rate_add(&task->rate, (double)(sent - task->kept_bytes), now_us);
        task->kept_bytes = sent;
        progress[count++] = (struct kn_post_progress){
            .holder = task->holder,
            .sent_bytes = sent,
            .bytes_a_second = (int64_t)kn_rate_a_second(&task->rate, now_us),
        };
    }
    return count;
}

void kn_publisher_keep_progress(struct kn_publisher *publisher)
{
    struct kn_post_progress progress[POSTS_MAX];
    struct kn_error err;
    int64_t now_us = kn_now_us();
    if (now_us - publisher->kept_us < KEEP_US)
        return;
    int count = find_moved(publisher, now_us, progress);
    if (!count)
        return;
    publisher->kept_us = now_us;
    if (kn_store_posts_put_progress(publisher->store, progress, count, &err) != KN_OK)
        kn_log(KN_LOG_DEBUG, "publish", "progress: %s", kn_error_text(&err));
}
