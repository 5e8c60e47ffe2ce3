/* kirinuki sandbox: a server that behaves as the AI services do. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/sync.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "net/http.h"
#include "sandbox/ledger.h"
#include "sandbox/sandbox.h"

struct stand {
    struct kn_settings settings;
    struct kn_sandbox *sandbox;
    bool tells;           /* a line a request */
    pthread_mutex_t line; /* one at a time */
};

/* ---- what is said ---- */

static void print_json(json_t *json)
{
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, json, true);
    printf("%s\n", kn_str_text(&text));
    fflush(stdout);
    json_decref(json);
}

static void say_url(const struct stand *stand)
{
    const char *url = kn_sandbox_url(stand->sandbox);
    if (stand->settings.json) {
        print_json(json_pack("{s:s, s:s, s:i}", "event", "listening", "base_url", url, "port",
                             kn_sandbox_port(stand->sandbox)));
        return;
    }
    printf("%s\n", url);
    fflush(stdout);
    if (!kn_url_is_loopback(url))
        fprintf(stderr,
                "note: whoever reaches this machine can ask it, and read in its ledger what "
                "was asked\n");
}

static void say_request_line(const struct kn_sandbox_entry *e)
{
    char at[KN_TIME_TEXT_BYTES], span[KN_TIME_TEXT_BYTES], status[16];
    snprintf(status, sizeof status, e->status ? "%d" : "--", e->status);
    printf("%9s  %3s  %-4s %s", kn_time_clock(e->at_us, at), status, e->method, e->url);
    if (e->model[0])
        printf("  %s", e->model);
    if (e->duration_us >= 0)
        printf("  %s of sound", kn_time_span(e->duration_us, span));
    if (e->images)
        printf("  %d pictures", e->images);
    if (e->latency_us)
        printf("  took %s", kn_time_span(e->latency_us, span));
    if (e->error[0])
        printf("  %s", e->error);
    if (e->fault != KN_FAULT_NONE)
        printf("  (fault: %s)", kn_sandbox_fault_name(e->fault));
    putchar('\n');
}

/* On a connection's thread. */
static void say_request(void *arg, const struct kn_sandbox_entry *entry)
{
    struct stand *stand = arg;
    KN_LOCKED(&stand->line);
    if (stand->settings.json) {
        json_t *json = kn_ledger_entry_json(entry);
        json_object_set_new(json, "event", json_string("request"));
        print_json(json);
    } else if (stand->tells) {
        say_request_line(entry);
        fflush(stdout);
    }
}

static void say_sums(const struct kn_sandbox_counts *c)
{
    char span[KN_TIME_TEXT_BYTES];
    printf("%" PRId64 " requests: %" PRId64 " answered, %" PRId64 " refused, %" PRId64
           " limited (429), %" PRId64 " failed; %d at once at most\n",
           c->requests, c->answered, c->refused, c->limited, c->failed, c->at_once_most);
    if (c->audio_us)
        printf("%s of sound\n", kn_time_span(c->audio_us, span));
    if (c->input_tokens || c->output_tokens)
        printf("%" PRId64 " tokens in, %" PRId64 " out\n", c->input_tokens, c->output_tokens);
    for (int f = KN_FAULT_NONE + 1; f < KN_FAULT_COUNT; f++)
        if (c->by_fault[f])
            printf("%5" PRId64 " × %s: %s\n", c->by_fault[f],
                   kn_sandbox_fault_name((enum kn_sandbox_fault_kind)f),
                   kn_sandbox_fault_meaning((enum kn_sandbox_fault_kind)f));
}

static void say_end(const struct stand *stand, const struct kn_sandbox_counts *counts)
{
    if (stand->settings.json) {
        json_t *json = kn_sandbox_counts_json(counts);
        json_object_set_new(json, "event", json_string("end"));
        print_json(json);
    } else if (!stand->settings.quiet) {
        if (stand->tells)
            putchar('\n'); /* behind the ^C of the terminal */
        say_sums(counts);
    }
}

/* ---- from settings to options ---- */

static enum kn_status read_faults(const struct kn_setting_texts *texts, struct kn_arena *arena,
                                  struct kn_sandbox_options *options, struct kn_error *err)
{
    struct kn_sandbox_fault *faults =
        kn_arena_array(arena, (size_t)texts->count + 1, sizeof *faults);
    for (int i = 0; i < texts->count; i++)
        if (kn_sandbox_fault_parse(texts->at[i], &faults[i], err) != KN_OK)
            return KN_INVALID;
    options->faults = faults;
    options->fault_count = texts->count;
    return KN_OK;
}

static enum kn_status read_options(struct stand *stand, struct kn_arena *arena,
                                   struct kn_sandbox_options *ret_options, struct kn_error *err)
{
    const struct kn_sandbox_settings *s = &stand->settings.sandbox;
    struct kn_sandbox_options options = {
        .address = s->address,
        .port = s->port,
        .dialect = (enum kn_sandbox_dialect)s->dialect,
        .script = s->script,
        .transcript = s->transcript,
        .requests_a_minute = s->rate,
        .tokens_a_minute = s->tokens,
        .burst = s->burst,
        .at_once = s->at_once,
        .keys = s->keys.at,
        .key_count = s->keys.count,
        .models = s->models.at,
        .model_count = s->models.count,
        .seed = (uint64_t)s->seed,
        .keep = s->keep,
        .accounts = s->accounts.at,
        .account_count = s->accounts.count,
        .settings = s->set.at,
        .setting_count = s->set.count,
        .said = say_request,
        .arg = stand,
    };
    enum kn_status status = KN_OK;
    if (s->latency)
        status = kn_sandbox_latency_parse(s->latency, &options.latency, err);
    if (status == KN_OK && s->bandwidth)
        status = kn_sandbox_bandwidth_parse(s->bandwidth, &options.bandwidth, err);
    if (status == KN_OK)
        status = read_faults(&s->faults, arena, &options, err);
    if (status == KN_OK)
        *ret_options = options;
    return status;
}

/* ---- the command ---- */

/* The usual port may be another sandbox's; one that was asked for is taken or not. */
static enum kn_status open_somewhere(const struct kn_sandbox_options *options,
                                     struct kn_sandbox **ret_sandbox, struct kn_error *err)
{
    enum kn_status status = kn_sandbox_open(options, ret_sandbox, err);
    if (status != KN_IO || options->port != KN_SANDBOX_PORT)
        return status;
    struct kn_sandbox_options elsewhere = *options;
    elsewhere.port = 0;
    return kn_sandbox_open(&elsewhere, ret_sandbox, err);
}

static int serve(struct stand *stand, const struct kn_sandbox_options *options)
{
    struct kn_error err = {0};
    struct kn_cancel *stop = kn_interrupt_watch();
    enum kn_status status;
    {
        KN_LOCKED(&stand->line); /* nobody's request is told before the address is */
        status = open_somewhere(options, &stand->sandbox, &err);
        if (status == KN_OK)
            say_url(stand);
    }
    if (status != KN_OK)
        return kn_complain(status, &err);
    while (!kn_cancel_wait_ms(stop, INT64_C(3600000)))
        ;
    struct kn_sandbox_counts counts;
    kn_sandbox_stop(stand->sandbox); /* what is in flight counts, too */
    kn_sandbox_counts(stand->sandbox, &counts);
    kn_sandbox_close(stand->sandbox);
    say_end(stand, &counts);
    return KN_EXIT_OK;
}

int kn_cmd_sandbox(int argc, char **argv)
{
    struct kn_arena *arena = kn_arena_new();
    struct stand stand = {.line = PTHREAD_MUTEX_INITIALIZER};
    struct kn_sandbox_options options = {0};
    struct kn_error err = {0};
    char **rest = kn_arena_array(arena, (size_t)argc + 1, sizeof *rest);
    int count = 0;
    enum kn_status status =
        kn_settings_read(KN_FOR_SANDBOX, argc, argv, arena, &stand.settings, rest, &count, &err);
    if (status == KN_OK && count)
        status = kn_error_set(&err, KN_INVALID, "sandbox takes no arguments, only options");
    if (status == KN_OK)
        status = read_options(&stand, arena, &options, &err);
    stand.tells = isatty(STDOUT_FILENO) && !stand.settings.quiet;
    int code = status == KN_OK ? serve(&stand, &options) : kn_complain_usage("sandbox", &err);
    kn_arena_free(arena);
    return code;
}
