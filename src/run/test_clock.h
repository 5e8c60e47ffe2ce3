/* Clocks for tests: time that a test sets, so that nothing has to sleep. Set before use. */
#ifndef KN_RUN_TEST_CLOCK_H
#define KN_RUN_TEST_CLOCK_H

#include <stdint.h>

struct kn_progress;
struct kn_limiter;

void kn_progress_use_clock(struct kn_progress *root, int64_t (*now_us)(void));
void kn_limiter_use_clock(struct kn_limiter *limiter, int64_t (*now_us)(void));

#endif
