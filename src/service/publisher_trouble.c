/* What is wrong around the publisher: a store that fails for too long, and clocks. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "service/publisher_parts.h"

/* ---- a store that fails ---- */

int64_t kn_publisher_patience_us(const struct kn_publisher *publisher)
{
    enum { LEASES = 3 }; /* after one of them others may have the posts anyway */
    const struct kn_publisher_options *options = &publisher->options;
    return options->only ? LEASES * options->lease_us : INT64_MAX;
}

bool kn_publisher_in_trouble(struct kn_publisher *publisher, struct kn_error *err)
{
    KN_LOCKED(&publisher->lock);
    if (err && publisher->trouble.status != KN_OK)
        *err = publisher->trouble;
    return publisher->trouble.status != KN_OK;
}

void kn_publisher_trouble(struct kn_publisher *publisher, const struct kn_error *err)
{
    KN_LOCKED(&publisher->lock);
    if (publisher->trouble.status == KN_OK)
        publisher->trouble = *err;
    kn_cancel_trigger(publisher->rouse);
}

/* ---- clocks ---- */

void kn_publisher_compare_clocks(struct kn_publisher *publisher)
{
    enum { APART_MOST_MIN = 2 };
    static const int64_t minute_us = 60 * KN_US_PER_S;
    char span[KN_TIME_TEXT_BYTES];
    int64_t ahead_us = kn_wall_us() - kn_store_now_us(publisher->store);
    int64_t apart_us = (llabs(ahead_us) + minute_us / 2) / minute_us * minute_us;
    if (apart_us > APART_MOST_MIN * minute_us)
        kn_log(KN_LOG_WARN, "publish",
               "this machine's clock is %s %s the database's, by which times of posts go: set it",
               kn_time_span(apart_us, span), ahead_us < 0 ? "behind" : "ahead of");
}
