#include "run/rate.h"

#include <math.h>

#include "base/clock.h"

#define LEAST_AGE_US     KN_US_PER_S
#define FOLD_US          (KN_US_PER_S / 20) /* how often work joins the sums: exp() has its price */
#define LEAST_CONSTANT_S 15.0               /* of the decay, plus a quarter of the age */

static struct kn_rate folded(struct kn_rate rate, int64_t now_us)
{
    double passed = kn_seconds(now_us - rate.at_us);
    double constant = LEAST_CONSTANT_S + kn_seconds(now_us - rate.start_us) / 4;
    double keep = exp(-passed / constant);
    double effective = constant * (1 - keep);
    rate.work = rate.work * keep + (passed > 0 ? rate.fresh * effective / passed : rate.fresh);
    rate.time_s = rate.time_s * keep + effective;
    rate.fresh = 0;
    rate.at_us = now_us;
    return rate;
}

void kn_rate_start(struct kn_rate *rate, int64_t now_us)
{
    *rate = (struct kn_rate){.start_us = now_us, .at_us = now_us};
}

void kn_rate_add(struct kn_rate *rate, double work, int64_t now_us)
{
    rate->fresh += work;
    if (now_us - rate->at_us >= FOLD_US)
        *rate = folded(*rate, now_us);
}

double kn_rate_a_second(const struct kn_rate *rate, int64_t now_us)
{
    if (now_us - rate->start_us < LEAST_AGE_US)
        return 0;
    struct kn_rate now = folded(*rate, now_us);
    return now.work > 0 ? now.work / now.time_s : 0;
}

int64_t kn_rate_eta_ms(const struct kn_rate *rate, double open, int64_t now_us)
{
    double a_second = kn_rate_a_second(rate, now_us);
    if (a_second <= 0)
        return -1;
    double ms = fmax(open, 0) / a_second * 1000;
    return ms < 1e12 ? llround(ms) : -1; /* 30 years are no estimate */
}
