#include "service/job_text.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "service/job_need.h"
#include "service/settings_queue.h"

enum { OPTIONS_BYTES_MAX = 1 << 20 };

/* ---- paths ---- */

static const char *absolute(const char *path, struct kn_arena *arena)
{
    char folder[PATH_MAX];
    if (path[0] == '/' || !getcwd(folder, sizeof folder))
        return path;
    while (kn_starts_with(path, "./"))
        path += 2;
    if (strcmp(path, ".") == 0)
        return kn_arena_strdup(arena, folder);
    return kn_path_join(arena, folder, path);
}

const char *kn_job_path_write(const char *path, struct kn_arena *arena)
{
    return kn_path_to_text(absolute(path, arena), arena);
}

const char *kn_job_path_read(const char *text, struct kn_arena *arena)
{
    return kn_path_from_text(text, arena);
}

const char *kn_job_path_show(const char *text, char *ret_text, size_t room)
{
    struct kn_arena *arena = kn_arena_new();
    kn_text_show(kn_job_path_read(text, arena), ret_text, room);
    kn_arena_free(arena);
    return ret_text;
}

/* ---- options ---- */

static bool is_path(const struct kn_option *option)
{
    static const char *const names[] = {"transcript", "output", "into", "models"};
    for (size_t i = 0; i < KN_COUNT_OF(names); i++)
        if (strcmp(option->name, names[i]) == 0)
            return true;
    return false;
}

const char *kn_job_options_write(const struct kn_settings *settings, struct kn_arena *arena)
{
    struct kn_settings defaults;
    kn_settings_defaults(&defaults);
    KN_SCOPED_JSON made = json_object();
    for (const struct kn_option *o = kn_settings_job_table(); o->name; o++) {
        KN_SCOPED_STR value = {0}, usual = {0};
        kn_option_print(o, settings, &value);
        kn_option_print(o, &defaults, &usual);
        if (strcmp(kn_str_text(&value), kn_str_text(&usual)) == 0)
            continue;
        const char *text = kn_str_text(&value);
        json_object_set_new(made, o->name,
                            kn_json_text(is_path(o) ? kn_job_path_write(text, arena) : text));
    }
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, made, true);
    return kn_arena_strdup(arena, kn_str_text(&text));
}

static enum kn_status read_option(const char *name, json_t *value, struct kn_arena *arena,
                                  struct kn_settings *settings, struct kn_error *err)
{
    const struct kn_option *option = kn_option_find(kn_settings_job_table(), name);
    if (!option)
        return kn_error_set(err, KN_UNSUPPORTED,
                            "the job has an option “%.60s” that kirinuki " KN_VERSION
                            " does not know: it was added by a newer one",
                            name);
    const char *text = json_string_value(value);
    if (!text)
        return kn_error_set(err, KN_DAMAGED, "the job's option “%.60s” is not a text", name);
    if (is_path(option))
        text = kn_job_path_read(text, arena);
    enum kn_status status = kn_option_set(option, text, settings, arena, err);
    return status == KN_OK ? KN_OK : kn_error_add(err, "the job's options");
}

enum kn_status kn_job_options_read(const char *text, struct kn_arena *arena,
                                   struct kn_settings *settings, struct kn_error *err)
{
    struct kn_error own;
    err = err ? err : &own;
    size_t size = strlen(text);
    KN_SCOPED_JSON read =
        size <= OPTIONS_BYTES_MAX ? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!json_is_object(read))
        return kn_error_set(err, KN_DAMAGED, "the job's options are not a JSON object");
    struct kn_settings made = *settings;
    kn_job_defaults(&made.job);
    const char *name;
    json_t *value;
    json_object_foreach(read, name, value)
    {
        enum kn_status status = read_option(name, value, arena, &made, err);
        if (status != KN_OK)
            return status;
    }
    enum kn_status status = kn_settings_check(&made, err);
    if (status != KN_OK)
        return kn_error_add(err, "the job's options");
    made.job.described_count =
        kn_options_describe(kn_settings_table(KN_FOR_RUN), &made, arena, &made.job.described);
    *settings = made;
    return KN_OK;
}

/* ---- specs ---- */

static bool on_hashed(void *arg, double fraction)
{
    (void)fraction;
    return !kn_cancel_requested(arg);
}

static enum kn_status hash_content(const char *video, struct kn_cancel *cancel,
                                   char ret_hash[KN_HASH_TEXT_BYTES], struct kn_error *err)
{
    struct stat st;
    if (stat(video, &st) == 0 && S_ISDIR(st.st_mode))
        return kn_error_set(err, KN_INVALID, "%s is a folder, not a video", video);
    return kn_file_hash(video, on_hashed, cancel, ret_hash, err);
}

static const char *make_key(const char *content, const char *options, struct kn_arena *arena)
{
    char key[KN_HASH_TEXT_BYTES];
    const char *whole = kn_arena_printf(arena, "%s %s", content, options);
    kn_hash_bytes(whole, strlen(whole), key);
    return kn_arena_strdup(arena, key);
}

enum kn_status kn_job_spec_make(const struct kn_settings *settings, const char *video, bool keyed,
                                struct kn_arena *arena, struct kn_cancel *cancel,
                                struct kn_job_spec *ret_spec, struct kn_error *err)
{
    struct kn_settings made = *settings;
    char content[KN_HASH_TEXT_BYTES];
    enum kn_status status = keyed ? hash_content(video, cancel, content, err) : KN_OK;
    if (status != KN_OK)
        return status;
    /* The folder's name is chosen when the work begins; where it is, by whoever asks for it. */
    if (!made.job.output && !made.job.into)
        made.job.into = ".";
    const struct kn_queue_settings *queue = &settings->queue;
    struct kn_job_spec spec = {
        .owner = queue->owner,
        .source = kn_job_path_write(video, arena),
        .options = kn_job_options_write(&made, arena),
        .level = kn_priority_level(queue->priority, queue->levels),
        .not_before_us = queue->at_us,
        .attempts_max = queue->attempts,
        .memory_bytes = KN_JOB_NEED_UNKNOWN_BYTES,
        .force = queue->force,
    };
    if (keyed)
        spec.key = make_key(content, spec.options, arena);
    *ret_spec = spec;
    return KN_OK;
}
