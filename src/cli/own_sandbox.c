#include "cli/own_sandbox.h"

enum kn_status kn_own_sandbox_open(struct kn_settings *settings, struct kn_sandbox **ret_sandbox,
                                   struct kn_error *err)
{
    *ret_sandbox = NULL;
    if (!settings->own_sandbox)
        return KN_OK;
    enum kn_status status = kn_sandbox_open(&(struct kn_sandbox_options){0}, ret_sandbox, err);
    if (status != KN_OK)
        return status;
    struct kn_service_settings *services = &settings->services;
    services->url = kn_sandbox_url(*ret_sandbox);
    services->key = "sk-sandbox"; /* a real one has no business here */
    for (int kind = 0; kind < KN_SERVICE_KIND_COUNT; kind++)
        services->urls[kind] = NULL;
    services->cache = false; /* what is made up is not worth keeping */
    return KN_OK;
}
