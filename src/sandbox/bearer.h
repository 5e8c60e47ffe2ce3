/* Who is let in: the Authorization header. */
#ifndef KN_SANDBOX_BEARER_H
#define KN_SANDBOX_BEARER_H

#include "sandbox/rejection.h"

/* Any key that begins with "sk-" where no keys are set. A key is never repeated in full. */
bool kn_bearer_check(const struct kn_exchange *exchange, const char *const *keys, int count,
                     struct kn_rejection *rejection);

#endif
