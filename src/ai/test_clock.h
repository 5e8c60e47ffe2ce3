/* Clocks for tests, so that nothing has to sleep. Set before use. */
#ifndef KN_AI_TEST_CLOCK_H
#define KN_AI_TEST_CLOCK_H

#include <stdint.h>

struct kn_budget;
struct kn_service;

void kn_budget_use_clock(struct kn_budget *budget, int64_t (*wall_us)(void));
/* Its waits and its minutes pass so many times faster. */
void kn_service_use_speed(struct kn_service *service, double speed);

#endif
