#include "sandbox/ledger.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/sync.h"

void kn_ledger_init(struct kn_ledger *ledger)
{
    *ledger = (struct kn_ledger){.opened_us = kn_now_us()};
    pthread_mutex_init(&ledger->lock, NULL);
}

void kn_ledger_done(struct kn_ledger *ledger)
{
    kn_vec_free(&ledger->entries);
    kn_vec_free(&ledger->contents);
    pthread_mutex_destroy(&ledger->lock);
}

void kn_ledger_arrive(struct kn_ledger *ledger, struct kn_sandbox_entry *ret_entry)
{
    KN_LOCKED(&ledger->lock);
    ret_entry->number = ++ledger->arrived;
    ret_entry->at_us = kn_now_us() - ledger->opened_us;
    ret_entry->at_once = ++ledger->in_flight;
    ret_entry->duration_us = -1;
    ledger->counts.at_once_most = KN_MAX(ledger->counts.at_once_most, ledger->in_flight);
}

int kn_ledger_admit(struct kn_ledger *ledger, uint64_t content)
{
    int before = 0;
    KN_LOCKED(&ledger->lock);
    for (int i = 0; i < ledger->contents.count; i++)
        before += ledger->contents.at[i] == content;
    if (ledger->contents.count < KN_LEDGER_ENTRIES_MAX)
        kn_vec_push(&ledger->contents, content);
    return before;
}

void kn_ledger_leave(struct kn_ledger *ledger, const struct kn_sandbox_entry *entry, bool whole)
{
    KN_LOCKED(&ledger->lock);
    struct kn_sandbox_counts *counts = &ledger->counts;
    ledger->in_flight--;
    counts->requests++;
    counts->by_path[entry->path]++;
    counts->by_fault[entry->fault]++;
    if (!whole || entry->status >= 500)
        counts->failed++;
    else if (entry->status == 429)
        counts->limited++;
    else if (entry->status >= 400)
        counts->refused++;
    else
        counts->answered++;
    counts->warned += entry->warning[0] != '\0';
    counts->audio_us += KN_MAX(entry->duration_us, 0);
    counts->latency_us += entry->latency_us;
    counts->input_tokens += entry->input_tokens;
    counts->output_tokens += entry->output_tokens;
    counts->bytes_in += entry->bytes_in;
    counts->bytes_out += entry->bytes_out;
    if (ledger->entries.count < KN_LEDGER_ENTRIES_MAX)
        kn_vec_push(&ledger->entries, *entry);
}

void kn_ledger_counts(struct kn_ledger *ledger, struct kn_sandbox_counts *ret_counts)
{
    KN_LOCKED(&ledger->lock);
    *ret_counts = ledger->counts;
}

static json_t *text_or_null(const char *text)
{
    return kn_json_text(text[0] ? text : NULL);
}

json_t *kn_ledger_entry_json(const struct kn_sandbox_entry *e)
{
    bool fault = e->fault != KN_FAULT_NONE;
    return json_pack(
        "{s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:I, s:I, s:o, s:o, s:i, s:i, "
        "s:i, "
        "s:i, s:o}",
        "number", (json_int_t)e->number, "at_s", kn_json_seconds(e->at_us), "path",
        kn_sandbox_path_name(e->path), "method", kn_json_text(e->method), "url",
        kn_json_text(e->url), "model", text_or_null(e->model), "file", text_or_null(e->name),
        "hash", text_or_null(e->hash), "status", e->status, "error", text_or_null(e->error),
        "fault", kn_json_text(fault ? kn_sandbox_fault_name(e->fault) : NULL), "bytes_in",
        (json_int_t)e->bytes_in, "bytes_out", (json_int_t)e->bytes_out, "duration_s",
        e->duration_us >= 0 ? kn_json_seconds(e->duration_us) : json_null(), "latency_s",
        kn_json_seconds(e->latency_us), "images", e->images, "input_tokens", e->input_tokens,
        "output_tokens", e->output_tokens, "at_once", e->at_once, "warning",
        text_or_null(e->warning));
}

json_t *kn_sandbox_counts_json(const struct kn_sandbox_counts *c)
{
    json_t *paths = json_object(), *faults = json_object();
    for (int p = 0; p < KN_SANDBOX_PATH_COUNT; p++)
        json_object_set_new(paths, kn_sandbox_path_name((enum kn_sandbox_path)p),
                            json_integer(c->by_path[p]));
    for (int f = KN_FAULT_NONE + 1; f < KN_FAULT_COUNT; f++)
        if (c->by_fault[f])
            json_object_set_new(faults, kn_sandbox_fault_name((enum kn_sandbox_fault_kind)f),
                                json_integer(c->by_fault[f]));
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}",
                     "requests", (json_int_t)c->requests, "answered", (json_int_t)c->answered,
                     "limited", (json_int_t)c->limited, "refused", (json_int_t)c->refused, "failed",
                     (json_int_t)c->failed, "at_once_most", c->at_once_most, "paths", paths,
                     "faults", faults, "audio_s", kn_json_seconds(c->audio_us), "latency_s",
                     kn_json_seconds(c->latency_us), "input_tokens", (json_int_t)c->input_tokens,
                     "output_tokens", (json_int_t)c->output_tokens, "bytes_in",
                     (json_int_t)c->bytes_in, "bytes_out", (json_int_t)c->bytes_out, "warned",
                     (json_int_t)c->warned);
}

json_t *kn_ledger_json(struct kn_ledger *ledger)
{
    json_t *requests = json_array();
    KN_LOCKED(&ledger->lock);
    for (int i = 0; i < ledger->entries.count; i++)
        json_array_append_new(requests, kn_ledger_entry_json(&ledger->entries.at[i]));
    return json_pack("{s:o, s:o}", "counts", kn_sandbox_counts_json(&ledger->counts), "requests",
                     requests);
}
