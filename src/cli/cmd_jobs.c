/* kirinuki jobs: a table of the queue. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/queue_view.h"
#include "service/job_waits.h"
#include "service/settings_queue.h"

static const char *detail(struct kn_queue_call *call, const struct kn_queue_outlook *outlook,
                          const struct kn_job *job)
{
    char span[KN_TIME_TEXT_BYTES];
    if (job->state == KN_JOB_LEASED) {
        double fraction = kn_job_fraction(call->store, job->id, call->arena);
        const char *waits = kn_job_waits_in(call->store, outlook, job, call->arena);
        if (waits[0])
            return waits;
        if (job->cancel_asked)
            return "stopping";
        return fraction < 0 ? "" : kn_arena_printf(call->arena, "%.0f %%", fraction * 100);
    }
    if (job->state == KN_JOB_DONE && job->claimed_us)
        return kn_arena_printf(call->arena, "in %s",
                               kn_time_span(job->finished_us - job->claimed_us, span));
    if (job->state == KN_JOB_FAILED) {
        const char *why = kn_job_last_reason(call->store, job->id, call->arena);
        return why ? why : "";
    }
    return kn_job_waits_in(call->store, outlook, job, call->arena);
}

static void print_row(struct kn_queue_call *call, const struct kn_queue_outlook *outlook,
                      const struct kn_job *job)
{
    char level[KN_PRIORITY_TEXT_BYTES];
    kn_say("%6" PRId64 "  %-9s  %-6s  %-10.10s  %-30.60s  %s", job->id,
           kn_job_state_shown(job->state),
           kn_priority_text(job->level, kn_store_levels(call->store), level), job->owner,
           kn_job_name(job, call->arena), detail(call, outlook, job));
}

static enum kn_status print_counts(struct kn_queue_call *call)
{
    struct kn_store_counts counts;
    enum kn_status status = kn_store_counts(call->store, call->arena, &counts, &call->err);
    if (status != KN_OK)
        return status;
    printf("%s", isatty(STDOUT_FILENO) ? "\n" : "");
    for (int s = 0; s < KN_JOB_STATE_COUNT; s++)
        printf("%s%" PRId64 " %s", s ? ", " : "", counts.jobs[s],
               kn_job_state_shown((enum kn_job_state)s));
    printf("; %d worker%s%s\n", counts.workers, counts.workers == 1 ? "" : "s",
           counts.paused ? "; paused: `kirinuki resume` lets it go on" : "");
    if ((counts.jobs[KN_JOB_QUEUED] || counts.jobs[KN_JOB_LEASED]) && !counts.workers)
        printf("No worker runs: start one with `kirinuki worker`.\n");
    return KN_OK;
}

static enum kn_status list(struct kn_queue_call *call)
{
    const struct kn_queue_settings *queue = &call->settings.queue;
    const struct kn_job_filter filter = {
        .states = queue->states, .owner = queue->owner, .limit = queue->limit};
    const struct kn_job *jobs;
    int count;
    enum kn_status status =
        kn_store_list(call->store, &filter, call->arena, &jobs, &count, &call->err);
    if (status != KN_OK)
        return status;
    const struct kn_queue_outlook outlook = kn_queue_outlook(call->store, call->arena);
    if (call->settings.json) {
        json_t *all = json_array();
        for (int i = 0; i < count; i++)
            json_array_append_new(all, kn_job_json(call->store, &outlook, &jobs[i], call->arena));
        kn_print_json(all);
        return KN_OK;
    }
    if (count)
        printf("%6s  %-9s  %-6s  %-10s  %-30s\n", "job", "state", "prio", "owner", "video");
    for (int i = 0; i < count; i++)
        print_row(call, &outlook, &jobs[i]);
    return print_counts(call);
}

int kn_cmd_jobs(int argc, char **argv)
{
    struct kn_queue_call call;
    int code = kn_queue_begin(&call, "jobs", KN_FOR_JOBS, NULL, argc, argv);
    if (code == KN_EXIT_OK) {
        enum kn_status status = list(&call);
        code = status == KN_OK ? KN_EXIT_OK : kn_complain(status, &call.err);
    }
    kn_queue_end(&call);
    return code;
}
