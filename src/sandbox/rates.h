/*
 * Requests and tokens a minute, as the service counts them: a bucket for each model that fills
 * steadily, and headers that tell how full it is.
 */
#ifndef KN_SANDBOX_RATES_H
#define KN_SANDBOX_RATES_H

#include <pthread.h>
#include <stdint.h>

#include "sandbox/rejection.h"

struct kn_bucket {
    double level, room; /* tokens that are there, and at most */
    double per_us;
    int64_t at_us; /* when `level` was right */
};

enum { KN_RATES_MODELS_MAX = 64 };

struct kn_rates {
    pthread_mutex_t lock; /* a leaf */
    double requests_a_minute, tokens_a_minute, burst;
    int model_count; /* under `lock`, like what follows */
    struct kn_model_rates {
        char name[64];
        struct kn_bucket requests, tokens;
    } models[KN_RATES_MODELS_MAX];
};

/* What headers say after a request. */
struct kn_rates_view {
    int64_t limit_requests, remaining_requests, limit_tokens, remaining_tokens;
    int64_t reset_requests_us, reset_tokens_us;
    int64_t retry_us; /* of a refused request: when it would pass; 0: not refused */
};

void kn_rates_init(struct kn_rates *limits, double requests_a_minute, double tokens_a_minute,
                   double burst);
void kn_rates_done(struct kn_rates *limits);
/* Takes one request and `tokens`, or refuses with 429 and takes nothing. */
bool kn_rates_take(struct kn_rates *limits, const char *model, int tokens, int64_t now_us,
                   struct kn_rates_view *ret_view, struct kn_rejection *rejection);

/* "1s", "6m0s", "12ms": durations as Go prints them. */
enum { KN_GO_DURATION_BYTES = 32 };
const char *kn_go_duration(int64_t us, char text[KN_GO_DURATION_BYTES]);

#endif
