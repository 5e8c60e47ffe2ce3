#include "sandbox/sandbox.h"

#include <string.h>

#include "base/sync.h"
#include "sandbox/platforms/platforms.h"
#include "sandbox/visit.h"

enum {
    BODY_BYTES_MAX = 72 * 1024 * 1024, /* 50 MB of pictures as base64, and the rest */
    FILE_BYTES_MAX = 64 * 1024 * 1024, /* scripts and transcripts */
    CONNECTIONS_MAX = 512,
};

static const char *const *copy_list(struct kn_arena *arena, const char *const *list, int count)
{
    const char **copy = kn_arena_array(arena, (size_t)count + 1, sizeof *copy);
    for (int i = 0; i < count; i++)
        copy[i] = kn_arena_strdup(arena, list[i]);
    return copy;
}

static enum kn_status read_script(struct kn_sandbox *s, struct kn_error *err)
{
    static const char none[] = "{\"kirinuki_sandbox\": 1}";
    const char *text = s->options.script_text ? s->options.script_text : none;
    KN_SCOPED_MEM char *read = NULL;
    size_t size = strlen(text);
    if (s->options.script) {
        enum kn_status status = kn_file_read(s->options.script, FILE_BYTES_MAX, &read, &size, err);
        if (status != KN_OK)
            return kn_error_add(err, "the script");
        text = read;
    }
    return kn_script_read(s->options.script ? s->options.script : "the script", text, size,
                          s->arena, &s->script, err);
}

static enum kn_status read_source(struct kn_sandbox *s, struct kn_error *err)
{
    KN_SCOPED_MEM char *text = NULL;
    size_t size;
    if (!s->options.transcript)
        return KN_OK;
    enum kn_status status = kn_file_read(s->options.transcript, FILE_BYTES_MAX, &text, &size, err);
    if (status != KN_OK)
        return kn_error_add(err, "the transcript");
    s->has_source = true;
    return kn_spoken_read(s->options.transcript, text, size, s->arena, &s->source, err);
}

static enum kn_status listen_at(struct kn_sandbox *s, struct kn_error *err)
{
    const struct kn_server_options options = {
        .address = s->options.address,
        .port = s->options.port,
        .connections_max = CONNECTIONS_MAX,
        .body_max = BODY_BYTES_MAX,
        .begin = kn_sandbox_begin,
        .handle = kn_sandbox_visit,
        .arg = s,
    };
    enum kn_status status = kn_server_open(&options, &s->server, err);
    const char *host = s->options.address ? s->options.address : "127.0.0.1";
    bool wide = strchr(host, ':') != NULL;
    if (status == KN_OK)
        s->url = kn_arena_printf(s->arena, "http://%s%s%s:%d/v1", wide ? "[" : "", host,
                                 wide ? "]" : "", kn_server_port(s->server));
    return status;
}

enum kn_status kn_sandbox_open(const struct kn_sandbox_options *options,
                               struct kn_sandbox **ret_sandbox, struct kn_error *err)
{
    struct kn_sandbox *s = kn_calloc(1, sizeof *s);
    s->arena = kn_arena_new();
    s->options = *options;
    s->options.keys = copy_list(s->arena, options->keys, options->key_count);
    s->options.address = kn_arena_strdup(s->arena, options->address);
    if (options->dialect == KN_SANDBOX_WHISPER && !options->at_once)
        s->options.at_once = 1;
    s->models = (struct kn_models){copy_list(s->arena, options->models, options->model_count),
                                   options->model_count};
    pthread_mutex_init(&s->gate, NULL);
    kn_cond_init(&s->gate_opened);
    kn_ledger_init(&s->ledger);
    kn_rates_init(&s->limits, options->requests_a_minute, options->tokens_a_minute, options->burst);
    enum kn_status status = read_script(s, err);
    kn_fault_rules_init(&s->faults, options->faults, options->fault_count, s->script.faults,
                        s->script.fault_count);
    if (status == KN_OK)
        status = read_source(s, err);
    if (status == KN_OK)
        status = kn_mimics_open(s, &s->mimics, err);
    if (status == KN_OK)
        status = listen_at(s, err);
    if (status != KN_OK) {
        kn_sandbox_close(s);
        return status;
    }
    *ret_sandbox = s;
    return KN_OK;
}

void kn_sandbox_stop(struct kn_sandbox *s)
{
    kn_server_close(KN_MOVE(s->server)); /* waits for every handler */
}

void kn_sandbox_close(struct kn_sandbox *s)
{
    if (!s)
        return;
    kn_sandbox_stop(s);
    kn_mimics_close(s->mimics);
    kn_fault_rules_done(&s->faults);
    kn_script_done(&s->script);
    kn_rates_done(&s->limits);
    kn_ledger_done(&s->ledger);
    pthread_cond_destroy(&s->gate_opened);
    pthread_mutex_destroy(&s->gate);
    kn_arena_free(s->arena);
    free(s);
}

int kn_sandbox_port(const struct kn_sandbox *s)
{
    return kn_server_port(s->server);
}

const char *kn_sandbox_url(const struct kn_sandbox *s)
{
    return s->url;
}

void kn_sandbox_counts(struct kn_sandbox *s, struct kn_sandbox_counts *ret_counts)
{
    kn_ledger_counts(&s->ledger, ret_counts);
}

const struct kn_sandbox_entry *kn_sandbox_entries(struct kn_sandbox *s, struct kn_arena *arena,
                                                  int *ret_count)
{
    KN_LOCKED(&s->ledger.lock);
    *ret_count = s->ledger.entries.count;
    return kn_vec_to_arena(&s->ledger.entries, arena);
}
