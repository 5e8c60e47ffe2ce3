/* kirinuki publish CLIP…|FOLDER: posts clips, each to every place that is asked for. */
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/publishing.h"
#include "cli/queue_view.h"

/* From Ctrl-C to the end, at most: requests in flight are cut, and what is known is recorded. */
enum { STOP_MS = 8000 };

static enum kn_status check(struct kn_queue_call *call)
{
    const struct kn_publish_settings *settings = &call->settings.publish;
    if (!call->rest_count && !settings->retry)
        return kn_error_set(&call->err, KN_INVALID,
                            "publish needs clips, or a folder that `kirinuki run` has filled: "
                            "kirinuki publish talk-clips --to all");
    if (settings->check && settings->retry)
        return kn_error_set(&call->err, KN_INVALID, "--check sends nothing, --retry does");
    return KN_OK;
}

int kn_cmd_publish(int argc, char **argv)
{
    struct kn_queue_call call;
    struct kn_cancel *cancel = kn_interrupt_watch(); /* the store has threads */
    kn_interrupt_limit(STOP_MS, KN_EXIT_INTERRUPTED,
                       "stopped without an answer; posts go on with `kirinuki publish --retry`");
    int code = kn_queue_begin(&call, "publish", KN_FOR_PUBLISH, "", argc, argv);
    if (code == KN_EXIT_OK && check(&call) != KN_OK)
        code = kn_complain_usage("publish", &call.err);
    else if (code == KN_EXIT_OK && call.rest_count)
        code = kn_publish_now(call.store, &call.settings, call.rest, call.rest_count, cancel);
    else if (code == KN_EXIT_OK)
        code = kn_publish_rest(call.store, &call.settings, cancel);
    kn_queue_end(&call);
    return code;
}
