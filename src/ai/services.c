#include "ai/services.h"

#include <stdlib.h>

static const char *kind_name(enum kn_service_kind kind)
{
    static const char *const names[KN_SERVICE_KIND_COUNT] = {"speech", "vision", "ranking"};
    return names[kind];
}

static enum kn_status open_one(struct kn_services *services, enum kn_service_kind kind,
                               const struct kn_services_options *options, struct kn_error *err)
{
    static const char *const names[KN_SERVICE_KIND_COUNT] = {
        "the speech service", "the vision service", "the ranking service"};
    const char *url = options->at[kind].url, *key = options->at[kind].key;
    const char *keys[KN_SERVICE_KIND_COUNT];
    for (int i = 0; i < KN_SERVICE_KIND_COUNT; i++)
        keys[i] = options->at[i].key;
    if (!(key && key[0]) && !kn_url_is_loopback(url)) {
        (void)kn_error_set(&services->why[kind], KN_MISSING,
                           "%s has no key: set %s, or --%s-url for a service that needs none",
                           names[kind], options->at[kind].key_hint, kind_name(kind));
        return KN_OK;
    }
    const struct kn_service_options how = {
        .name = names[kind],
        .base_url = url,
        .key = key,
        .key_hint = options->at[kind].key_hint,
        .secrets = keys,
        .secret_count = KN_SERVICE_KIND_COUNT,
        .concurrency = options->concurrency,
        .requests_a_minute = options->requests_a_minute,
        .tokens_a_minute = options->tokens_a_minute,
        .limit_ms = options->limit_ms,
        .cache = options->cache,
    };
    if (!services->http) {
        enum kn_status status = kn_http_open(&(struct kn_http_options){0}, &services->http, err);
        if (status != KN_OK)
            return status;
    }
    /* A key with a line break in it is the matter of whoever asks this service, and nobody's else:
     * `why` says it. */
    (void)kn_service_open(services->http, &how, &services->at[kind], &services->why[kind]);
    return KN_OK;
}

static bool has_any(const struct kn_services *services)
{
    for (int kind = 0; kind < KN_SERVICE_KIND_COUNT; kind++)
        if (services->at[kind])
            return true;
    return false;
}

/* A bound that nobody keeps is none. */
static enum kn_status open_day(struct kn_services *services,
                               const struct kn_services_options *options, struct kn_error *err)
{
    if (!has_any(services))
        return KN_OK;
    if (options->usage)
        services->day = kn_budget_of_day(options->usage, &options->day);
    else if (options->day.usd > 0 || options->day.tokens > 0)
        return kn_error_set(err, KN_MISSING,
                            "there is no folder to keep the day's budget in: set HOME or "
                            "XDG_DATA_HOME");
    return KN_OK;
}

enum kn_status kn_services_open(const struct kn_services_options *options,
                                struct kn_services **ret_services, struct kn_error *err)
{
    struct kn_services *services = kn_calloc(1, sizeof *services);
    enum kn_status status = KN_OK;
    for (int kind = 0; kind < KN_SERVICE_KIND_COUNT && status == KN_OK; kind++)
        status = open_one(services, (enum kn_service_kind)kind, options, err);
    if (status == KN_OK)
        status = open_day(services, options, err);
    if (status != KN_OK) {
        kn_services_close(services);
        return status;
    }
    *ret_services = services;
    return KN_OK;
}

void kn_services_close(struct kn_services *services)
{
    if (!services)
        return;
    for (int kind = 0; kind < KN_SERVICE_KIND_COUNT; kind++)
        kn_service_close(services->at[kind]);
    kn_http_close(services->http);
    kn_budget_free(services->day);
    free(services);
}
