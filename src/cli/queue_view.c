#include "cli/queue_view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "service/job_text.h"
#include "service/job_waits.h"
#include "service/progress_text.h"
#include "service/settings_queue.h"
#include "service/store_place.h"

/* What was posted is remembered, or it would be posted twice. Pausing is remembered, too; where the
 * queue is one's own, nothing can be misspelt. */
static bool makes_store(const char *command, const char *where)
{
    return strcmp(command, "add") == 0 || strcmp(command, "worker") == 0 ||
           strcmp(command, "auth") == 0 || strcmp(command, "publish") == 0 ||
           (!where && strcmp(command, "pause") == 0);
}

static enum kn_status open_store(struct kn_queue_call *call, const char *command)
{
    const struct kn_queue_settings *queue = &call->settings.queue;
    bool make = makes_store(command, queue->store);
    enum kn_status status =
        kn_store_open_at(queue->store, queue->levels, make, &call->store, &call->err);
    if (status == KN_NOT_FOUND && !make && !queue->store)
        status = kn_store_open_private(call->arena, queue->levels, &call->folder, &call->store,
                                       &call->err);
    return status;
}

int kn_queue_begin(struct kn_queue_call *call, const char *command, unsigned set, const char *takes,
                   int argc, char **argv)
{
    *call = (struct kn_queue_call){.arena = kn_arena_new()};
    call->rest = kn_arena_array(call->arena, (size_t)argc + 1, sizeof *call->rest);
    enum kn_status status = kn_settings_read(set, argc, argv, call->arena, &call->settings,
                                             call->rest, &call->rest_count, &call->err);
    if (status == KN_OK && !takes && call->rest_count)
        status = kn_error_set(&call->err, KN_INVALID, "%s takes no arguments", command);
    if (status == KN_OK && takes && takes[0] && !call->rest_count)
        status = kn_error_set(&call->err, KN_INVALID, "%s needs %s", command, takes);
    if (status != KN_OK)
        return kn_complain_usage(command, &call->err);
    status = open_store(call, command);
    return status == KN_OK ? KN_EXIT_OK : kn_complain(status, &call->err);
}

void kn_queue_end(struct kn_queue_call *call)
{
    kn_store_close(call->store);
    kn_store_remove_private(call->arena, call->folder);
    kn_arena_free(call->arena);
}

enum kn_status kn_id_parse(const char *what, const char *text, int64_t *ret_id,
                           struct kn_error *err)
{
    long long id;
    if (!kn_parse_int(text, 1, INT64_MAX, &id))
        return kn_error_set(err, KN_INVALID,
                            "“%.60s” is not the number of a %s; `kirinuki %ss` "
                            "lists them",
                            text, what, what);
    *ret_id = id;
    return KN_OK;
}

const char *kn_job_state_shown(enum kn_job_state state)
{
    return state == KN_JOB_LEASED ? "running" : kn_job_state_name(state);
}

const char *kn_job_name(const struct kn_job *job, struct kn_arena *arena)
{
    char shown[256];
    const char *path = kn_job_path_read(job->source, arena);
    return kn_arena_strdup(arena, kn_text_show(kn_path_base(path), shown, sizeof shown));
}

double kn_job_fraction(struct kn_store *store, int64_t job, struct kn_arena *arena)
{
    const char *text;
    int64_t at_us;
    struct kn_progress_view *views;
    int count;
    if (kn_store_get_progress(store, job, arena, &text, &at_us, NULL) != KN_OK ||
        kn_progress_text_read(text, kn_now_us(), arena, &views, &count, NULL) != KN_OK)
        return -1;
    return views[0].fraction;
}

static json_t *time_json(int64_t at_us)
{
    char text[KN_TIME_TEXT_BYTES];
    return at_us && !kn_job_is_reserved(at_us) ? json_string(kn_time_iso(at_us, text))
                                               : json_null();
}

json_t *kn_job_json(struct kn_store *store, const struct kn_queue_outlook *outlook,
                    const struct kn_job *job, struct kn_arena *arena)
{
    char level[KN_PRIORITY_TEXT_BYTES];
    json_t *options = json_loads(job->options, 0, NULL);
    const char *waits = kn_job_waits_in(store, outlook, job, arena);
    double fraction = job->state == KN_JOB_LEASED ? kn_job_fraction(store, job->id, arena)
                      : job->state == KN_JOB_DONE ? 1
                                                  : -1;
    return json_pack(
        "{s:I, s:s, s:s, s:o, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:b,"
        " s:I}",
        "id", (json_int_t)job->id, "state", kn_job_state_shown(job->state), "priority",
        kn_priority_text(job->level, kn_store_levels(store), level), "owner",
        kn_json_text(job->owner), "source", kn_json_text(job->source), "options",
        options ? options : json_object(), "attempt", job->attempt, "attempts_max",
        job->attempts_max, "fraction", fraction >= 0 ? kn_json_number(fraction, 4) : json_null(),
        "waits", waits[0] ? json_string(waits) : json_null(), "not_before",
        time_json(job->held_until_us), "submitted", time_json(job->submitted_us), "claimed",
        time_json(job->claimed_us), "finished", time_json(job->finished_us), "cancel_asked",
        job->cancel_asked, "memory_bytes", (json_int_t)job->memory_bytes);
}

json_t *kn_step_notes(const struct kn_job_step *step)
{
    KN_SCOPED_JSON data = json_loads(step->data, JSON_DECODE_ANY, NULL);
    return json_incref(json_object_get(data, "notes"));
}

void kn_say(const char *format, ...)
{
    va_list args;
    char *line = NULL;
    va_start(args, format);
    if (vasprintf(&line, format, args) < 0)
        kn_out_of_memory();
    va_end(args);
    puts(kn_text_clean(line));
    free(line);
}

void kn_print_json(json_t *value)
{
    KN_SCOPED_JSON held = value;
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, held, true);
    puts(kn_str_text(&text));
}
