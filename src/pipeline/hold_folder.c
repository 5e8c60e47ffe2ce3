/* Which output folder an attempt writes to, and that nobody else does meanwhile. */
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/attempt.h"
#include "pipeline/output_folder.h"

static const char *hidden_in(const struct kn_attempt *attempt)
{
    return kn_path_join(attempt->arena, attempt->folder, ".kirinuki");
}

static enum kn_status hold(struct kn_attempt *attempt, struct kn_error *err)
{
    enum { NOBODY_WRITES_SO_SLOWLY_S = 24 * 3600 };
    const char *hidden = hidden_in(attempt);
    enum kn_status status = kn_folder_make(hidden, err);
    if (status == KN_OK)
        status =
            kn_file_lock(kn_path_join(attempt->arena, hidden, "lock"), &attempt->folder_lock, err);
    if (status == KN_LOST)
        return kn_error_set(err, KN_LOST,
                            "another kirinuki is working in %s: choose another --output, or wait "
                            "until it is done",
                            attempt->folder);
    if (status != KN_OK && status != KN_UNSUPPORTED)
        return status;
    /* Without a lock somebody else may be at work on what is young. */
    int64_t older_than_s = status == KN_OK ? 0 : NOBODY_WRITES_SO_SLOWLY_S;
    kn_folder_sweep(attempt->folder, older_than_s);
    kn_folder_sweep(hidden, older_than_s);
    return KN_OK;
}

static void let_go(struct kn_attempt *attempt)
{
    if (attempt->folder_lock >= 0)
        close(attempt->folder_lock);
    attempt->folder_lock = -1;
}

static struct kn_folder_wish wish_of(const struct kn_attempt *attempt)
{
    const struct kn_job_options *options = attempt->options;
    return (struct kn_folder_wish){attempt->path, attempt->hash, options->into,
                                   options->folder_from};
}

enum kn_status kn_attempt_hold_used_folder(struct kn_attempt *attempt, struct kn_error *err)
{
    int number;
    const struct kn_folder_wish wish = wish_of(attempt);
    attempt->folder = attempt->options->output;
    bool used = attempt->folder
                    ? kn_file_exists(hidden_in(attempt))
                    : kn_output_folder_choose(&wish, attempt->arena, &attempt->folder, &number);
    return used && attempt->makes_clips ? hold(attempt, err) : KN_OK;
}

/* So that whoever continues this attempt finds what is kept there. */
static enum kn_status put_name_on(const struct kn_attempt *attempt, struct kn_error *err)
{
    return kn_output_record_write(attempt->folder,
                                  &(struct kn_output_record){.source = attempt->hash}, err);
}

/* Another attempt, here or on another machine, may want the same free folder for its own source:
 * one that is held by somebody is taken, and so is one that got its record before it was held. */
static enum kn_status hold_free_folder(struct kn_attempt *attempt, struct kn_error *err)
{
    struct kn_folder_wish wish = wish_of(attempt);
    for (;;) {
        int number;
        const char *still;
        bool own = kn_output_folder_choose(&wish, attempt->arena, &attempt->folder, &number);
        enum kn_status status = hold(attempt, err);
        if (status == KN_LOST && !own) {
            wish.from = number + 1;
            continue;
        }
        if (status != KN_OK)
            return status;
        (void)kn_output_folder_choose(&wish, attempt->arena, &still, &number); /* only where */
        if (strcmp(still, attempt->folder) == 0)
            return own ? KN_OK : put_name_on(attempt, err);
        let_go(attempt);
    }
}

enum kn_status kn_attempt_hold_folder(struct kn_attempt *attempt, struct kn_error *err)
{
    if (attempt->folder_lock >= 0)
        return KN_OK;
    return attempt->options->output ? hold(attempt, err) : hold_free_folder(attempt, err);
}
