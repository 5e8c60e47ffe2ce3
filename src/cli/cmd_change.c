/* kirinuki cancel, retry, bump, rm ID… | --state LIST; pause, resume: one change each. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/vec.h"
#include "cli/commands.h"
#include "cli/queue_view.h"
#include "service/job_waits.h"

enum { AT_ONCE = 1000 };

typedef enum kn_status change_fn(struct kn_queue_call *call, int64_t id, const char **ret_said);

static enum kn_status cancel(struct kn_queue_call *call, int64_t id, const char **ret_said)
{
    enum kn_job_state state;
    enum kn_status status = kn_store_cancel(call->store, id, &state, &call->err);
    if (status == KN_OK)
        *ret_said = state == KN_JOB_LEASED ? "stopping" : "cancelled";
    return status;
}

static enum kn_status retry(struct kn_queue_call *call, int64_t id, const char **ret_said)
{
    struct kn_job job;
    enum kn_status status = kn_store_retry(call->store, id, &call->err);
    *ret_said = "queued";
    if (status == KN_INVALID && kn_store_get(call->store, id, call->arena, &job, NULL) == KN_OK &&
        job.state == KN_JOB_DONE)
        kn_error_set(&call->err, status, "%s: `kirinuki add --force` makes its clips again",
                     kn_error_text(&call->err));
    return status;
}

static enum kn_status bump(struct kn_queue_call *call, int64_t id, const char **ret_said)
{
    *ret_said = "next";
    return kn_store_bump(call->store, id, &call->err);
}

static enum kn_status forget(struct kn_queue_call *call, int64_t id, const char **ret_said)
{
    *ret_said = "removed";
    return kn_store_remove(call->store, id, &call->err);
}

static void say(const struct kn_queue_call *call, int64_t id, const char *said)
{
    if (call->settings.json)
        kn_print_json(json_pack("{s:I, s:s}", "id", (json_int_t)id, "said", said));
    else
        printf("%" PRId64 "  %s\n", id, said);
}

/* ---- which jobs ---- */

/* A command, and the jobs that it can be meant for. */
struct change {
    const char *command;
    change_fn *change;
    enum kn_job_move moves[2];
    bool newest_first; /* the order of its work; each goes before the one changed last */
};

static unsigned states_for(const struct change *change)
{
    return kn_job_moves[change->moves[0]].from | kn_job_moves[change->moves[1]].from;
}

/* Nothing is changed before all numbers are known to be such. */
static enum kn_status parse_ids(struct kn_queue_call *call, int64_t *ids)
{
    enum kn_status status = KN_OK;
    for (int i = 0; status == KN_OK && i < call->rest_count; i++)
        status = kn_id_parse("job", call->rest[i], &ids[i], &call->err);
    return status;
}

/* Where it says which jobs wrongly, nothing is changed either. */
static enum kn_status check(struct kn_queue_call *call, const struct change *change)
{
    unsigned wanted = call->settings.queue.states, possible = states_for(change);
    if (!wanted && !call->rest_count)
        return kn_error_set(&call->err, KN_INVALID,
                            "%s needs the number of a job: kirinuki %s 12; or --state",
                            change->command, change->command);
    if (wanted && call->rest_count)
        return kn_error_set(&call->err, KN_INVALID, "%s takes numbers of jobs or --state, not both",
                            change->command);
    for (int s = 0; s < KN_JOB_STATE_COUNT; s++)
        if (wanted & ~possible & 1u << s)
            return kn_error_set(&call->err, KN_INVALID, "jobs that are %s can't be %s",
                                kn_job_state_shown((enum kn_job_state)s),
                                kn_job_moves[change->moves[0]].name);
    return KN_OK;
}

KN_VEC_TYPE(ids, int64_t);

/* Those of `kirinuki run` that wait are its own: a number has to be given for them. */
static enum kn_status find(struct kn_queue_call *call, struct ids *ids)
{
    const struct kn_queue_settings *queue = &call->settings.queue;
    struct kn_job_filter filter = {
        .states = queue->states, .owner = queue->owner, .limit = AT_ONCE};
    enum kn_status status = KN_OK;
    int count = AT_ONCE;
    while (status == KN_OK && count == AT_ONCE) {
        const struct kn_job *jobs;
        status = kn_store_list(call->store, &filter, call->arena, &jobs, &count, &call->err);
        for (int i = 0; status == KN_OK && i < count; i++) {
            filter.before_job = jobs[i].id;
            if (jobs[i].state != KN_JOB_QUEUED || !kn_job_is_reserved(jobs[i].held_until_us))
                kn_vec_push(ids, jobs[i].id);
        }
    }
    return status;
}

static void turn_round(struct ids *ids)
{
    for (int i = 0, j = ids->count - 1; i < j; i++, j--) {
        int64_t id = ids->at[i];
        ids->at[i] = ids->at[j];
        ids->at[j] = id;
    }
}

/* ---- the change ---- */

static int change_each(struct kn_queue_call *call, const struct change *change, const int64_t *ids,
                       int count)
{
    int bad = 0;
    for (int i = 0; i < count; i++) {
        const char *said;
        enum kn_status status = change->change(call, ids[i], &said);
        if (status == KN_OK) {
            say(call, ids[i], said);
        } else {
            (void)kn_complain(status, &call->err);
            bad++;
        }
    }
    if (!bad)
        return KN_EXIT_OK;
    return bad < count ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
}

static int change_named(struct kn_queue_call *call, const struct change *change)
{
    int64_t *ids = kn_arena_array(call->arena, (size_t)call->rest_count, sizeof *ids);
    if (parse_ids(call, ids) != KN_OK)
        return kn_complain_usage(change->command, &call->err);
    return change_each(call, change, ids, call->rest_count);
}

static int change_found(struct kn_queue_call *call, const struct change *change)
{
    struct ids ids = {0};
    enum kn_status status = find(call, &ids);
    int code = status == KN_OK ? KN_EXIT_OK : kn_complain(status, &call->err);
    if (!change->newest_first)
        turn_round(&ids);
    if (status == KN_OK)
        code = change_each(call, change, ids.at, ids.count);
    if (status == KN_OK && !ids.count && !call->settings.json)
        printf("there are no such jobs\n");
    kn_vec_free(&ids);
    return code;
}

static int change_jobs(const struct change *change, int argc, char **argv)
{
    struct kn_queue_call call;
    int code = kn_queue_begin(&call, change->command, KN_FOR_CHANGE, "", argc, argv);
    if (code == KN_EXIT_OK && check(&call, change) != KN_OK)
        code = kn_complain_usage(change->command, &call.err);
    else if (code == KN_EXIT_OK)
        code = call.rest_count ? change_named(&call, change) : change_found(&call, change);
    kn_queue_end(&call);
    return code;
}

int kn_cmd_cancel(int argc, char **argv)
{
    return change_jobs(&(struct change){"cancel", cancel, {KN_MOVE_CANCEL, KN_MOVE_ASK_CANCEL}},
                       argc, argv);
}

int kn_cmd_retry(int argc, char **argv)
{
    return change_jobs(&(struct change){"retry", retry, {KN_MOVE_RETRY, KN_MOVE_RETRY}}, argc,
                       argv);
}

int kn_cmd_bump(int argc, char **argv)
{
    return change_jobs(&(struct change){"bump", bump, {KN_MOVE_BUMP, KN_MOVE_BUMP}, true}, argc,
                       argv);
}

int kn_cmd_rm(int argc, char **argv)
{
    return change_jobs(&(struct change){"rm", forget, {KN_MOVE_REMOVE, KN_MOVE_REMOVE}}, argc,
                       argv);
}

static int set_paused(const char *command, bool paused, int argc, char **argv)
{
    struct kn_queue_call call;
    int code = kn_queue_begin(&call, command, KN_FOR_QUEUE, NULL, argc, argv);
    if (code == KN_EXIT_OK) {
        enum kn_status status = kn_store_pause(call.store, paused, &call.err);
        if (status != KN_OK)
            code = kn_complain(status, &call.err);
        else if (call.settings.json)
            kn_print_json(json_pack("{s:b}", "paused", paused));
        else
            puts(paused ? "paused: what runs goes on, nothing new begins" : "resumed");
    }
    kn_queue_end(&call);
    return code;
}

int kn_cmd_pause(int argc, char **argv)
{
    return set_paused("pause", true, argc, argv);
}

int kn_cmd_resume(int argc, char **argv)
{
    return set_paused("resume", false, argc, argv);
}
