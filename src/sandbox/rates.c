#include "sandbox/rates.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/sync.h"

/* Limits that are not set are told as these, which nobody reaches. */
enum { UNLIMITED_REQUESTS = 10000, UNLIMITED_TOKENS = 30000000 };

void kn_rates_init(struct kn_rates *limits, double requests_a_minute, double tokens_a_minute,
                   double burst)
{
    *limits = (struct kn_rates){
        .requests_a_minute = requests_a_minute, .tokens_a_minute = tokens_a_minute, .burst = burst};
    pthread_mutex_init(&limits->lock, NULL);
}

void kn_rates_done(struct kn_rates *limits)
{
    pthread_mutex_destroy(&limits->lock);
}

/* An empty service's bucket is full: `room` may start at once, then `a_minute` evenly. */
static struct kn_bucket new_bucket(double a_minute, double room, int64_t now_us)
{
    return (struct kn_bucket){room, room, a_minute / 60e6, now_us};
}

static void fill(struct kn_bucket *bucket, int64_t now_us)
{
    if (now_us > bucket->at_us) {
        double more = (double)(now_us - bucket->at_us) * bucket->per_us;
        bucket->level = KN_MIN(bucket->room, bucket->level + more);
        bucket->at_us = now_us;
    }
}

/* Until it holds so much. */
static int64_t wait_us(const struct kn_bucket *bucket, double amount)
{
    if (bucket->level >= amount || !bucket->per_us)
        return 0;
    return (int64_t)ceil((amount - bucket->level) / bucket->per_us);
}

/* Models beyond the table share its last place: a user may add any number of names. */
static struct kn_model_rates *find(struct kn_rates *limits, const char *model, int64_t now_us)
{
    int m = 0;
    while (m < limits->model_count &&
           strncmp(limits->models[m].name, model, sizeof limits->models[m].name - 1) != 0)
        m++;
    m = KN_MIN(m, KN_RATES_MODELS_MAX - 1);
    struct kn_model_rates *limit = &limits->models[m];
    if (m == limits->model_count) {
        double burst = limits->burst ? limits->burst : limits->requests_a_minute;
        snprintf(limit->name, sizeof limit->name, "%s", model);
        limit->requests = new_bucket(limits->requests_a_minute, KN_MAX(burst, 1), now_us);
        limit->tokens = new_bucket(limits->tokens_a_minute, limits->tokens_a_minute, now_us);
        limits->model_count++;
    }
    fill(&limit->requests, now_us);
    fill(&limit->tokens, now_us);
    return limit;
}

static struct kn_rates_view view_of(const struct kn_rates *limits,
                                    const struct kn_model_rates *limit)
{
    struct kn_rates_view view = {.limit_requests = UNLIMITED_REQUESTS,
                                 .remaining_requests = UNLIMITED_REQUESTS - 1,
                                 .limit_tokens = UNLIMITED_TOKENS,
                                 .remaining_tokens = UNLIMITED_TOKENS};
    if (limits->requests_a_minute) {
        view.limit_requests = llround(limits->requests_a_minute);
        view.remaining_requests = (int64_t)(limit->requests.level + 1e-6);
        view.reset_requests_us = wait_us(&limit->requests, limit->requests.room);
    }
    if (limits->tokens_a_minute) {
        view.limit_tokens = llround(limits->tokens_a_minute);
        view.remaining_tokens = (int64_t)limit->tokens.level;
        view.reset_tokens_us = wait_us(&limit->tokens, limit->tokens.room);
    }
    return view;
}

static bool refuse_requests(const struct kn_rates *limits, const char *model, int64_t retry_us,
                            struct kn_rejection *rejection)
{
    char wait[KN_GO_DURATION_BYTES];
    return kn_reject_as(rejection, 429, "requests", NULL, "rate_limit_exceeded",
                        "Rate limit reached for %.64s on requests per min (RPM): Limit %.0f. "
                        "Please try again in %s.",
                        model, limits->requests_a_minute, kn_go_duration(retry_us, wait));
}

static bool refuse_tokens(const struct kn_rates *limits, const char *model, int tokens,
                          int64_t retry_us, struct kn_rejection *rejection)
{
    char wait[KN_GO_DURATION_BYTES];
    if (tokens > limits->tokens_a_minute)
        return kn_reject_as(rejection, 429, "tokens", NULL, "rate_limit_exceeded",
                            "Request too large for %.64s on tokens per min (TPM): Limit %.0f, "
                            "Requested %d. It can never pass as it is.",
                            model, limits->tokens_a_minute, tokens);
    return kn_reject_as(rejection, 429, "tokens", NULL, "rate_limit_exceeded",
                        "Rate limit reached for %.64s on tokens per min (TPM): Limit %.0f, "
                        "Requested %d. Please try again in %s.",
                        model, limits->tokens_a_minute, tokens, kn_go_duration(retry_us, wait));
}

bool kn_rates_take(struct kn_rates *limits, const char *model, int tokens, int64_t now_us,
                   struct kn_rates_view *ret_view, struct kn_rejection *rejection)
{
    /* What was filled in steps adds up to a hair less than what it is. */
    const double hair = 1e-6;
    KN_LOCKED(&limits->lock);
    struct kn_model_rates *limit = find(limits, model, now_us);
    bool requests = !limits->requests_a_minute || limit->requests.level + hair >= 1;
    bool enough = !limits->tokens_a_minute || limit->tokens.level + hair >= tokens;
    if (requests && enough) {
        limit->requests.level -= limits->requests_a_minute ? 1 : 0;
        limit->tokens.level -= limits->tokens_a_minute ? tokens : 0;
        *ret_view = view_of(limits, limit);
        return true;
    }
    *ret_view = view_of(limits, limit);
    if (!requests) {
        ret_view->retry_us = KN_MAX(wait_us(&limit->requests, 1), 1);
        return refuse_requests(limits, model, ret_view->retry_us, rejection);
    }
    ret_view->retry_us = KN_MAX(wait_us(&limit->tokens, tokens), 1);
    return refuse_tokens(limits, model, tokens, ret_view->retry_us, rejection);
}

const char *kn_go_duration(int64_t us, char text[KN_GO_DURATION_BYTES])
{
    int64_t ms = (us + 999) / 1000;
    if (ms == 0)
        snprintf(text, KN_GO_DURATION_BYTES, "0s");
    else if (ms < 1000)
        snprintf(text, KN_GO_DURATION_BYTES, "%" PRId64 "ms", ms);
    else if (ms < 60000)
        snprintf(text, KN_GO_DURATION_BYTES, "%.10gs", (double)ms / 1000);
    else
        snprintf(text, KN_GO_DURATION_BYTES, "%" PRId64 "m%.10gs", ms / 60000,
                 (double)(ms % 60000) / 1000);
    return text;
}
