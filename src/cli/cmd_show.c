/* kirinuki show ID…: everything that is known of a job. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/queue_view.h"
#include "service/job_text.h"
#include "service/job_waits.h"
#include "service/settings_queue.h"

struct known {
    struct kn_job job;
    const struct kn_job_reason *reasons;
    int reason_count;
    const struct kn_job_step *steps;
    int step_count;
};

static enum kn_status read_all(struct kn_queue_call *call, int64_t id, struct known *ret)
{
    enum kn_status status = kn_store_get(call->store, id, call->arena, &ret->job, &call->err);
    if (status == KN_OK)
        status = kn_store_reasons(call->store, id, call->arena, &ret->reasons, &ret->reason_count,
                                  &call->err);
    if (status == KN_OK)
        status =
            kn_store_steps(call->store, id, call->arena, &ret->steps, &ret->step_count, &call->err);
    return status;
}

static void print_json(struct kn_queue_call *call, const struct known *known)
{
    char at[KN_TIME_TEXT_BYTES];
    json_t *reasons = json_array(), *steps = json_array();
    for (int i = 0; i < known->reason_count; i++) {
        const struct kn_job_reason *r = &known->reasons[i];
        json_array_append_new(reasons,
                              json_pack("{s:i, s:s, s:s, s:o}", "attempt", r->attempt, "at",
                                        kn_time_iso(r->at_us, at), "status",
                                        kn_status_name(r->status), "text", kn_json_text(r->text)));
    }
    for (int i = 0; i < known->step_count; i++) {
        const struct kn_job_step *s = &known->steps[i];
        json_t *data = json_loads(s->data, JSON_DECODE_ANY, NULL);
        json_array_append_new(steps, json_pack("{s:o, s:s, s:o}", "name", kn_json_text(s->name),
                                               "at", kn_time_iso(s->at_us, at), "data",
                                               data ? data : json_null()));
    }
    const struct kn_queue_outlook outlook = kn_queue_outlook(call->store, call->arena);
    json_t *job = kn_job_json(call->store, &outlook, &known->job, call->arena);
    json_object_set_new(job, "reasons", reasons);
    json_object_set_new(job, "steps", steps);
    kn_print_json(job);
}

static void print_time(const char *what, int64_t at_us)
{
    char at[KN_TIME_TEXT_BYTES];
    if (at_us)
        printf("%-11s %s\n", what, kn_time_local(at_us, at));
}

static void print_options(const struct kn_job *job)
{
    KN_SCOPED_JSON options = json_loads(job->options, 0, NULL);
    const char *name;
    json_t *value;
    char shown[256];
    json_object_foreach(options, name, value)
    {
        const char *text = json_string_value(value);
        kn_say("  --%s %s", name, kn_job_path_show(text ? text : "", shown, sizeof shown));
    }
}

/* Some count for nothing: it was handed back, or its worker went away. */
static void print_attempts(const struct kn_job *job)
{
    int used = job->attempts_max - job->attempts_left, begun = job->attempt - used;
    printf("%-11s %d, of %d at most", "attempts", used, job->attempts_max);
    if (begun > 0)
        printf("; it began %d time%s more, which %s not count", begun, begun == 1 ? "" : "s",
               begun == 1 ? "does" : "do");
    printf("\n");
}

static void print_notes(const struct kn_job_step *step)
{
    KN_SCOPED_JSON notes = kn_step_notes(step);
    size_t i;
    json_t *note;
    json_array_foreach(notes, i, note) kn_say("%-11s note: %s", "", json_string_value(note));
}

static void print_people(struct kn_queue_call *call, const struct known *known)
{
    const struct kn_job *job = &known->job;
    char shown[512], at[KN_TIME_TEXT_BYTES], level[KN_PRIORITY_TEXT_BYTES];
    const char *waits = kn_job_waits(call->store, job, call->arena);
    double fraction = kn_job_fraction(call->store, job->id, call->arena);
    printf("job %" PRId64 "       %s", job->id, kn_job_state_shown(job->state));
    if (job->state == KN_JOB_LEASED && fraction >= 0)
        printf(", %.0f %%", fraction * 100);
    printf("%s\n", job->cancel_asked ? ", stopping" : "");
    if (waits[0])
        kn_say("%-11s %s", "", waits);
    printf("%-11s %s\n", "video", kn_job_path_show(job->source, shown, sizeof shown));
    printf("%-11s %s\n", "priority",
           kn_priority_text(job->level, kn_store_levels(call->store), level));
    if (job->owner[0])
        kn_say("%-11s %s", "owner", job->owner);
    print_attempts(job);
    print_time("submitted", job->submitted_us);
    print_time("claimed", job->claimed_us);
    print_time("finished", job->finished_us);
    printf("options\n");
    print_options(job);
    for (int i = 0; i < known->step_count; i++) {
        kn_say("%-11s %s  %s", i ? "" : "steps", kn_time_local(known->steps[i].at_us, at),
               known->steps[i].name);
        print_notes(&known->steps[i]);
    }
    for (int i = 0; i < known->reason_count; i++)
        kn_say("%-11s %s  attempt %d: %s", i ? "" : "reasons",
               kn_time_local(known->reasons[i].at_us, at), known->reasons[i].attempt,
               known->reasons[i].text);
}

int kn_cmd_show(int argc, char **argv)
{
    struct kn_queue_call call;
    int code = kn_queue_begin(&call, "show", KN_FOR_QUEUE, "the number of a job: kirinuki show 12",
                              argc, argv);
    for (int i = 0; code == KN_EXIT_OK && i < call.rest_count; i++) {
        int64_t id;
        struct known known = {0};
        if (kn_id_parse("job", call.rest[i], &id, &call.err) != KN_OK) {
            code = kn_complain_usage("show", &call.err);
            break;
        }
        enum kn_status status = read_all(&call, id, &known);
        if (status != KN_OK)
            code = kn_complain(status, &call.err);
        else if (call.settings.json)
            print_json(&call, &known);
        else
            print_people(&call, &known);
    }
    kn_queue_end(&call);
    return code;
}
