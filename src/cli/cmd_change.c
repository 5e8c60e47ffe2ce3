/* kirinuki cancel, retry, bump, rm ID… and pause, resume: one change each. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/queue_view.h"

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
    *ret_said = "queued";
    return kn_store_retry(call->store, id, &call->err);
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

/* Nothing is changed before all numbers are known to be such. */
static int parse_ids(struct kn_queue_call *call, const char *command, int64_t *ids)
{
    for (int i = 0; i < call->rest_count; i++)
        if (kn_job_id_parse(call->rest[i], &ids[i], &call->err) != KN_OK)
            return kn_complain_usage(command, &call->err);
    return KN_EXIT_OK;
}

static int change_all(struct kn_queue_call *call, const char *command, change_fn *change)
{
    int64_t *ids = kn_arena_array(call->arena, (size_t)call->rest_count, sizeof *ids);
    int code = parse_ids(call, command, ids), bad = 0;
    for (int i = 0; code == KN_EXIT_OK && i < call->rest_count; i++) {
        const char *said;
        enum kn_status status = change(call, ids[i], &said);
        if (status == KN_OK) {
            say(call, ids[i], said);
        } else {
            (void)kn_complain(status, &call->err);
            bad++;
        }
    }
    if (bad)
        code = bad < call->rest_count ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
    return code;
}

static int change_jobs(const char *command, change_fn *change, int argc, char **argv)
{
    struct kn_queue_call call;
    char takes[64];
    snprintf(takes, sizeof takes, "the number of a job: kirinuki %s 12", command);
    int code = kn_queue_begin(&call, command, KN_FOR_QUEUE, takes, argc, argv);
    if (code == KN_EXIT_OK)
        code = change_all(&call, command, change);
    kn_queue_end(&call);
    return code;
}

int kn_cmd_cancel(int argc, char **argv)
{
    return change_jobs("cancel", cancel, argc, argv);
}

int kn_cmd_retry(int argc, char **argv)
{
    return change_jobs("retry", retry, argc, argv);
}

int kn_cmd_bump(int argc, char **argv)
{
    return change_jobs("bump", bump, argc, argv);
}

int kn_cmd_rm(int argc, char **argv)
{
    return change_jobs("rm", forget, argc, argv);
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
