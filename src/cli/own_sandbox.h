/* --sandbox: services that are no services, inside of this process. */
#ifndef KN_CLI_OWN_SANDBOX_H
#define KN_CLI_OWN_SANDBOX_H

#include "sandbox/sandbox.h"
#include "service/settings.h"

/* Where --sandbox is set: opens one, and turns the addresses of services and platforms, and the
 * key, to it; clips go to one that runs already where there is one. NULL otherwise. */
enum kn_status kn_own_sandbox_open(struct kn_settings *settings, struct kn_arena *arena,
                                   struct kn_sandbox **ret_sandbox, struct kn_error *err);

#endif
