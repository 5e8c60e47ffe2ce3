/*
 * The speed of something that is being done, for an ETA.
 *
 * Work and time are both summed with an exponential decay whose time constant grows with age: early
 * on this is the mean since the start, later it follows a change of speed. Work that arrives in one
 * piece is taken as done evenly since the piece before. The caller locks.
 */
#ifndef KN_RUN_RATE_H
#define KN_RUN_RATE_H

#include <stdint.h>

struct kn_rate {
    double work, time_s; /* decaying sums up to at_us */
    double fresh;        /* work since at_us */
    int64_t start_us, at_us;
};

void kn_rate_start(struct kn_rate *rate, int64_t now_us);
void kn_rate_add(struct kn_rate *rate, double work, int64_t now_us);
/* 0: not known yet, as below. */
double kn_rate_a_second(const struct kn_rate *rate, int64_t now_us);
/* For `open` more work; -1: not known yet (less than a second old, or nothing done). */
int64_t kn_rate_eta_ms(const struct kn_rate *rate, double open, int64_t now_us);

#endif
