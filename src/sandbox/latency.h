/* How long a request takes. */
#ifndef KN_SANDBOX_LATENCY_H
#define KN_SANDBOX_LATENCY_H

#include "sandbox/chance.h"
#include "sandbox/sandbox.h"

enum { KN_LATENCY_S_MAX = 3600 };

/* At most an hour, at least nothing. */
int64_t kn_sandbox_latency_draw(const struct kn_sandbox_latency *latency, struct kn_chance *chance);

#endif
