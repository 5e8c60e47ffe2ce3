#include "cli/own_sandbox.h"

#include <stdio.h>

#include "base/memory.h"
#include "net/http.h"

enum { ASK_MS = 2000 };

/* One that somebody looks at, in another window. */
static bool one_is_running(void)
{
    struct kn_http *http = NULL;
    struct kn_error ignored;
    struct kn_arena *arena = kn_arena_new();
    struct kn_http_answer answer = {0};
    const struct kn_http_request request = {
        .url = KN_SANDBOX_URL "/sandbox/posts", .limit_ms = ASK_MS, .connect_ms = ASK_MS};
    bool is = kn_http_open(&(struct kn_http_options){0}, &http, &ignored) == KN_OK &&
              kn_http_perform(http, &request, NULL, arena, &answer, NULL, &ignored) == KN_OK &&
              answer.status == 200;
    kn_http_close(http);
    kn_arena_free(arena);
    return is;
}

enum kn_status kn_own_sandbox_open(struct kn_settings *settings, struct kn_arena *arena,
                                   struct kn_sandbox **ret_sandbox, struct kn_error *err)
{
    const char *running = settings->sandbox_at;
    *ret_sandbox = NULL;
    if (!running)
        return KN_OK;
    enum kn_status status =
        running[0] ? KN_OK : kn_sandbox_open(&(struct kn_sandbox_options){0}, ret_sandbox, err);
    if (status != KN_OK)
        return status;
    struct kn_service_settings *services = &settings->services;
    services->url =
        running[0] ? kn_arena_printf(arena, "%s/v1", running) : kn_sandbox_url(*ret_sandbox);
    services->key = "sk-sandbox"; /* a real one has no business here */
    for (int kind = 0; kind < KN_SERVICE_KIND_COUNT; kind++)
        services->urls[kind] = NULL;
    services->cache = false; /* what is made up is not worth keeping */
    if (settings->publish.to && running[0])
        settings->publish.sandbox = running;
    else if (settings->publish.to)
        settings->publish.sandbox =
            one_is_running()
                ? KN_SANDBOX_URL
                : kn_arena_printf(arena, "http://127.0.0.1:%d", kn_sandbox_port(*ret_sandbox));
    return KN_OK;
}
