/* A store that stays away is waited for, in a few lines however long that takes. */
#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "service/worker_parts.h"

static const int64_t AGAIN_US = 60 * KN_US_PER_S, APART_US = 600 * KN_US_PER_S;

/* With the lock. Is it to be said now? */
static bool begins(struct kn_store_trouble *trouble, enum kn_asker who, int64_t now_us)
{
    bool first = !trouble->askers;
    trouble->askers |= 1u << who;
    if (first)
        *trouble = (struct kn_store_trouble){trouble->askers, now_us, now_us + AGAIN_US};
    else if (now_us >= trouble->say_us)
        trouble->say_us = now_us + APART_US;
    else
        return false;
    return true;
}

/* With the lock. Was that the last who had trouble? */
static bool ends(struct kn_store_trouble *trouble, enum kn_asker who)
{
    bool had = trouble->askers != 0;
    trouble->askers &= ~(1u << who);
    return had && !trouble->askers;
}

void kn_worker_heard(struct kn_job_worker *worker, enum kn_asker who, enum kn_status status,
                     const struct kn_error *err)
{
    struct kn_store_trouble *trouble = &worker->trouble;
    int64_t now_us = kn_now_us();
    bool well = status == KN_OK;
    pthread_mutex_lock(&worker->lock);
    bool said = well ? ends(trouble, who) : begins(trouble, who, now_us);
    int64_t for_s = (now_us - trouble->since_us) / KN_US_PER_S;
    pthread_mutex_unlock(&worker->lock);
    if (!said)
        return;
    if (well)
        kn_log(KN_LOG_WARN, "worker", "the queue answers again, after %lld s", (long long)for_s);
    else if (for_s)
        kn_log(KN_LOG_WARN, "worker", "the queue has not answered for %lld s: %s", (long long)for_s,
               kn_error_text(err));
    else
        kn_log(KN_LOG_WARN, "worker", "%s; what runs goes on, and the queue is asked again",
               kn_error_text(err));
}
