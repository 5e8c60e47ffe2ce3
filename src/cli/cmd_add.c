/* kirinuki add VIDEO… | DIR | -: hands videos over to whoever works. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "base/vec.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/queue_view.h"
#include "service/job_need.h"
#include "service/job_text.h"
#include "service/settings_queue.h"
#include "service/video_folder.h"

/* Submitted together, so that the first are at work while the last are still read. */
enum { AT_ONCE = 100, LIST_BYTES_MOST = 256 << 20 };

struct adding {
    struct kn_queue_call *call;
    struct kn_cancel *cancel;
    KN_VEC(const char *) paths;
    KN_VEC(struct kn_job_spec) specs;
    KN_VEC(const char *) of_specs; /* their paths, as they were given */
    int good, bad;
};

/* ---- which videos ---- */

static enum kn_status add_folder(struct adding *adding, const char *folder)
{
    const char **paths;
    int count;
    struct kn_queue_call *call = adding->call;
    enum kn_status status = kn_videos_in(folder, call->arena, &paths, &count, &call->err);
    if (status == KN_OK && !count)
        status = kn_error_set(&call->err, KN_NOT_FOUND, "there are no videos in %s", folder);
    for (int i = 0; status == KN_OK && i < count; i++)
        kn_vec_push(&adding->paths, paths[i]);
    return status;
}

static enum kn_status read_list(FILE *in, struct kn_str *list, struct kn_error *err)
{
    char part[65536];
    for (size_t got; (got = fread(part, 1, sizeof part, in)) > 0;) {
        if (list->length + got > LIST_BYTES_MOST)
            return kn_error_set(err, KN_LIMIT, "the list on stdin is longer than %d MB",
                                LIST_BYTES_MOST >> 20);
        kn_str_add_bytes(list, part, got);
    }
    return ferror(in) ? kn_error_errno(err, errno, "cannot read the list on stdin") : KN_OK;
}

/* A path a line; where there is a NUL (`find -print0`), it ends each path, and a line end is part
 * of one. */
static enum kn_status add_list(struct adding *adding, FILE *in)
{
    KN_SCOPED_STR list = {0};
    enum kn_status status = read_list(in, &list, &adding->call->err);
    if (status != KN_OK)
        return status;
    const char *at = kn_str_text(&list), *end = at + list.length;
    char separator = memchr(at, '\0', list.length) ? '\0' : '\n';
    while (at < end) {
        const char *stop = memchr(at, separator, (size_t)(end - at));
        stop = stop ? stop : end;
        size_t length = (size_t)(stop - at);
        while (separator == '\n' && length && at[length - 1] == '\r')
            length--;
        if (length)
            kn_vec_push(&adding->paths, kn_arena_strndup(adding->call->arena, at, length));
        at = stop + 1;
    }
    return KN_OK;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void complain(struct adding *adding, enum kn_status status)
{
    adding->bad++;
    (void)kn_complain(status, &adding->call->err);
}

static void gather(struct adding *adding)
{
    const struct kn_queue_call *call = adding->call;
    for (int i = 0; i < call->rest_count; i++) {
        enum kn_status status = KN_OK;
        if (strcmp(call->rest[i], "-") == 0)
            status = add_list(adding, stdin);
        else if (is_folder(call->rest[i]))
            status = add_folder(adding, call->rest[i]);
        else
            kn_vec_push(&adding->paths, call->rest[i]);
        if (status != KN_OK)
            complain(adding, status);
    }
}

/* ---- submitting ---- */

/* How the job that is there differs from what was asked: its name where the content is known by
 * another one, its owner and its priority. */
static const char *differences(struct adding *adding, const struct kn_job *job,
                               const struct kn_job_spec *spec)
{
    struct kn_queue_call *call = adding->call;
    char level[KN_PRIORITY_TEXT_BYTES];
    KN_SCOPED_STR text = {0};
    if (strcmp(job->source, spec->source) != 0)
        kn_str_printf(&text, " (%s)", kn_job_name(job, call->arena));
    kn_str_printf(&text, ", %s", kn_job_state_shown(job->state));
    if (spec->owner && strcmp(job->owner, spec->owner) != 0)
        kn_str_printf(&text, ", owner %s", job->owner[0] ? job->owner : "nobody");
    if (job->state == KN_JOB_QUEUED && job->level != spec->level)
        kn_str_printf(&text, ", priority %s",
                      kn_priority_text(job->level, kn_store_levels(call->store), level));
    return kn_arena_strdup(call->arena, kn_str_text(&text));
}

/* Where it can't be read any more, it is known all the same. */
static void say_known(struct adding *adding, const struct kn_submitted *made,
                      const struct kn_job_spec *spec, const char *path)
{
    struct kn_queue_call *call = adding->call;
    struct kn_job job;
    bool read = kn_store_get(call->store, made->id, call->arena, &job, NULL) == KN_OK;
    if (call->settings.json)
        kn_print_json(json_pack("{s:s, s:I, s:s, s:b, s:s*}", "event", "added", "id",
                                (json_int_t)made->id, "source", spec->source, "known", true,
                                "state", read ? kn_job_state_shown(job.state) : NULL));
    else
        kn_say("%" PRId64 "  %s  known as job %" PRId64 "%s; --force makes it again", made->id,
               path, made->id, read ? differences(adding, &job, spec) : "");
}

static void say(struct adding *adding, const struct kn_submitted *made,
                const struct kn_job_spec *spec, const char *path)
{
    if (made->known)
        say_known(adding, made, spec, path);
    else if (adding->call->settings.json)
        kn_print_json(json_pack("{s:s, s:I, s:s, s:b}", "event", "added", "id",
                                (json_int_t)made->id, "source", spec->source, "known", false));
    else
        kn_say("%" PRId64 "  %s", made->id, path);
}

static enum kn_status submit(struct adding *adding)
{
    struct kn_queue_call *call = adding->call;
    int count = adding->specs.count;
    struct kn_submitted *made = kn_arena_array(call->arena, (size_t)count + 1, sizeof *made);
    enum kn_status status =
        kn_store_submit(call->store, adding->specs.at, count, made, adding->cancel, &call->err);
    for (int i = 0; status == KN_OK && i < count; i++)
        say(adding, &made[i], &adding->specs.at[i], adding->of_specs.at[i]);
    fflush(stdout);
    adding->good += status == KN_OK ? count : 0;
    kn_vec_clear(&adding->specs);
    kn_vec_clear(&adding->of_specs);
    return status;
}

/* Stops at the first failure of the store; a video that can't be read leaves the others alone. */
static enum kn_status submit_all(struct adding *adding)
{
    struct kn_queue_call *call = adding->call;
    enum kn_status status = KN_OK;
    for (int i = 0; status == KN_OK && i < adding->paths.count; i++) {
        struct kn_job_spec spec;
        enum kn_status made = kn_job_spec_make(&call->settings, adding->paths.at[i], true,
                                               call->arena, adding->cancel, &spec, &call->err);
        if (made == KN_CANCELLED)
            return made;
        if (made != KN_OK) {
            complain(adding, made);
            continue;
        }
        struct kn_error why;
        spec.memory_bytes =
            kn_job_need(adding->paths.at[i], &call->settings.job, NULL, adding->cancel, &why);
        if (why.status != KN_OK && why.status != KN_CANCELLED) /* it may be whole by its turn */
            fprintf(stderr, "note: added all the same: %s\n", kn_error_text(&why));
        kn_vec_push(&adding->specs, spec);
        kn_vec_push(&adding->of_specs, adding->paths.at[i]);
        if (adding->specs.count == AT_ONCE)
            status = submit(adding);
    }
    return status == KN_OK ? submit(adding) : status;
}

/* Better told now than by a job that fails in the night. */
static enum kn_status check_transcript(const char *path, struct kn_error *err)
{
    FILE *in = fopen(path, "re");
    int error = in ? 0 : errno;
    if (in && is_folder(path))
        error = EISDIR;
    if (in)
        fclose(in);
    return error ? kn_error_errno(err, error, "cannot read the transcript %s", path) : KN_OK;
}

static int add_videos(struct kn_queue_call *call)
{
    struct adding adding = {.call = call, .cancel = kn_interrupt_watch()};
    const char *transcript = call->settings.job.transcript;
    if (transcript && check_transcript(transcript, &call->err) != KN_OK)
        return kn_complain(call->err.status, &call->err);
    gather(&adding);
    const struct kn_job_options *job = &call->settings.job;
    int code = KN_EXIT_OK;
    if (adding.paths.count > 1 && (job->output || job->transcript)) {
        kn_error_set(&call->err, KN_INVALID, "--%s belongs to one video, but %d were given",
                     job->output ? "output" : "transcript", adding.paths.count);
        code = kn_complain_usage("add", &call->err);
    } else {
        enum kn_status status = submit_all(&adding);
        if (status != KN_OK)
            code = kn_complain(status, &call->err);
        else if (adding.bad)
            code = adding.good ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
    }
    kn_vec_free(&adding.paths);
    kn_vec_free(&adding.specs);
    kn_vec_free(&adding.of_specs);
    return code;
}

int kn_cmd_add(int argc, char **argv)
{
    struct kn_queue_call call;
    int code =
        kn_queue_begin(&call, "add", KN_FOR_ADD, "a video: kirinuki add talk.mp4", argc, argv);
    if (code == KN_EXIT_OK)
        code = add_videos(&call);
    kn_queue_end(&call);
    return code;
}
