#include "model/job.h"

#include <string.h>

#define QUEUED    (1u << KN_JOB_QUEUED)
#define LEASED    (1u << KN_JOB_LEASED)
#define DONE      (1u << KN_JOB_DONE)
#define FAILED    (1u << KN_JOB_FAILED)
#define CANCELLED (1u << KN_JOB_CANCELLED)

/* Callers are functions of store/store.h. */
const struct kn_job_transition kn_job_moves[KN_MOVE_COUNT] = {
    [KN_MOVE_CLAIM] = {"claimed", QUEUED, KN_JOB_LEASED, "kn_store_turn"},
    [KN_MOVE_FINISH_OK] = {"finished", LEASED, KN_JOB_DONE, "kn_store_turn"},
    [KN_MOVE_FINISH_RETRY] = {"finished", LEASED, KN_JOB_QUEUED, "kn_store_turn"},
    [KN_MOVE_FINISH_ERROR] = {"finished", LEASED, KN_JOB_FAILED, "kn_store_turn"},
    [KN_MOVE_FINISH_CANCELLED] = {"finished", LEASED, KN_JOB_CANCELLED, "kn_store_turn"},
    [KN_MOVE_CANCEL] = {"cancelled", QUEUED, KN_JOB_CANCELLED, "kn_store_cancel"},
    [KN_MOVE_ASK_CANCEL] = {"cancelled", LEASED, KN_JOB_LEASED, "kn_store_cancel"},
    [KN_MOVE_RECLAIM] = {"taken back", LEASED, KN_JOB_QUEUED, "kn_store_reclaim"},
    [KN_MOVE_GIVE_UP] = {"given up", LEASED, KN_JOB_FAILED, "kn_store_reclaim"},
    [KN_MOVE_DROP] = {"dropped", LEASED, KN_JOB_CANCELLED, "kn_store_reclaim, kn_store_cancel"},
    [KN_MOVE_RETRY] = {"retried", FAILED | CANCELLED, KN_JOB_QUEUED, "kn_store_retry"},
    [KN_MOVE_BUMP] = {"moved to the front", QUEUED, KN_JOB_QUEUED, "kn_store_bump"},
    [KN_MOVE_REMOVE] = {"removed", DONE | FAILED | CANCELLED, KN_JOB_GONE, "kn_store_remove"},
};

static const char *const state_names[KN_JOB_STATE_COUNT] = {
    [KN_JOB_QUEUED] = "queued", [KN_JOB_LEASED] = "running",      [KN_JOB_DONE] = "done",
    [KN_JOB_FAILED] = "failed", [KN_JOB_CANCELLED] = "cancelled",
};

bool kn_job_may(enum kn_job_state state, enum kn_job_move move)
{
    return (kn_job_moves[move].from >> state & 1) != 0;
}

const char *kn_job_state_name(enum kn_job_state state)
{
    return (unsigned)state < KN_JOB_STATE_COUNT ? state_names[state] : "unknown";
}

bool kn_job_state_parse(const char *name, enum kn_job_state *ret_state)
{
    for (int state = 0; state < KN_JOB_STATE_COUNT; state++)
        if (strcmp(name, state_names[state]) == 0) {
            *ret_state = (enum kn_job_state)state;
            return true;
        }
    return false;
}

bool kn_job_state_final(enum kn_job_state state)
{
    return state != KN_JOB_QUEUED && state != KN_JOB_LEASED;
}

/* No other time comes near, whatever was added or taken away. */
bool kn_job_is_reserved(int64_t held_until_us)
{
    return held_until_us >= KN_JOB_RESERVED_US / 2;
}

const char *kn_event_kind_name(enum kn_event_kind kind)
{
    static const char *const names[KN_EVENT_KIND_COUNT] = {
        [KN_EVENT_SUBMITTED] = "submitted", [KN_EVENT_CLAIMED] = "claimed",
        [KN_EVENT_DONE] = "done",           [KN_EVENT_FAILED] = "failed",
        [KN_EVENT_RETRYING] = "retrying",   [KN_EVENT_CANCELLED] = "cancelled",
        [KN_EVENT_CANCEL_ASKED] = "cancel", [KN_EVENT_RELEASED] = "released",
        [KN_EVENT_PROMOTED] = "promoted",   [KN_EVENT_BUMPED] = "bumped",
        [KN_EVENT_RECLAIMED] = "reclaimed", [KN_EVENT_REQUEUED] = "requeued",
        [KN_EVENT_PAUSED] = "paused",       [KN_EVENT_RESUMED] = "resumed",
        [KN_EVENT_STEP] = "step",           [KN_EVENT_REMOVED] = "removed",
    };
    return (unsigned)kind < KN_EVENT_KIND_COUNT ? names[kind] : "unknown";
}
