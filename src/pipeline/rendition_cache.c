#include "pipeline/rendition_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "pipeline/post_facts.h"

enum {
    VERSION = 1,  /* changes when the same target gives another file */
    LOCKS = 64,   /* two renditions that share one are made one after the other */
    WAIT_MS = 50, /* between two tries for a lock: there is nothing to wait on */
    STEM_BYTES = 100,
    NOBODY_WRITES_SO_SLOWLY_S = 24 * 3600,
};

static const char ending[] = ".mp4";

const struct kn_rendition_limits kn_rendition_limits = {
    .unused_us = 30 * 24 * INT64_C(3600000000),
    .bytes_max = INT64_C(4000000000),
    .young_us = 24 * INT64_C(3600000000),
};

enum kn_status kn_rendition_folder(struct kn_arena *arena, const char **ret_folder,
                                   struct kn_error *err)
{
    const char *cache = kn_path_cache(arena);
    if (!cache)
        return kn_error_set(err, KN_MISSING,
                            "there is no cache folder for renditions: set HOME or XDG_CACHE_HOME, "
                            "or use --no-rendition");
    *ret_folder = kn_path_join(arena, cache, "renditions");
    return KN_OK;
}

/* People read the clip's own name in lists of posts; what is behind it tells contents apart. */
static const char *path_of(struct kn_arena *arena, const char *folder,
                           const struct kn_post_clip *clip,
                           const struct kn_rendition_target *target)
{
    char key[KN_HASH_TEXT_BYTES], stem[STEM_BYTES];
    const char *wanted =
        kn_arena_printf(arena, "%d %s %dx%d %g %g %" PRId64, VERSION, clip->hash, target->width_px,
                        target->height_px, target->fps_min, target->fps_max, target->bits_a_second);
    kn_hash_bytes(wanted, strlen(wanted), key);
    snprintf(stem, sizeof stem, "%s", kn_path_stem(arena, clip->path));
    kn_utf8_trim(stem);
    return kn_arena_printf(arena, "%s/%s-%dx%d-%.16s%s", folder, stem, target->width_px,
                           target->height_px, key, ending);
}

bool kn_rendition_kept(const char *folder, const struct kn_post_clip *clip,
                       const struct kn_rendition_target *target)
{
    struct kn_arena *arena = kn_arena_new();
    bool kept = kn_file_exists(path_of(arena, folder, clip, target));
    kn_arena_free(arena);
    return kept;
}

/* ---- locks ---- */

/* LOST: somebody else has it. */
static enum kn_status try_lock(const char *path, int *ret_fd, struct kn_error *err)
{
    const char *name = kn_path_base(path);
    char lock[PATH_MAX];
    unsigned number = (unsigned)(kn_hash_key(name, strlen(name)) % LOCKS);
    if (snprintf(lock, sizeof lock, "%.*slock-%02u", (int)(name - path), path, number) >=
        (int)sizeof lock)
        return kn_error_set(err, KN_LIMIT, "the path of the cache folder is too long");
    return kn_file_lock(lock, ret_fd, err);
}

/* *ret_fd -1: this file system has no locks; the worst is then that one is made twice. */
static enum kn_status wait_for_lock(const char *path, struct kn_cancel *cancel, int *ret_fd,
                                    struct kn_error *err)
{
    struct pollfd stop = {.fd = cancel ? kn_cancel_fd(cancel) : -1, .events = POLLIN};
    for (;;) {
        enum kn_status status = kn_cancel_check(cancel, err);
        *ret_fd = -1;
        if (status == KN_OK)
            status = try_lock(path, ret_fd, err);
        if (status != KN_LOST)
            return status == KN_UNSUPPORTED ? KN_OK : status;
        (void)poll(&stop, 1, WAIT_MS);
    }
}

/* ---- taking and making ---- */

static bool proceed(void *arg, double fraction)
{
    (void)fraction;
    return !kn_cancel_requested(arg);
}

/* The file as a post will need it. What cannot be read as a video is not taken. */
static enum kn_status describe(const char *path, const struct kn_post_clip *clip,
                               struct kn_arena *arena, struct kn_cancel *cancel,
                               struct kn_rendition *rendition, struct kn_error *err)
{
    struct kn_file_identity identity;
    char hash[KN_HASH_TEXT_BYTES];
    enum kn_status status = kn_file_identify(path, &identity, err);
    if (status == KN_OK)
        status = kn_post_facts(path, arena, cancel, &rendition->facts, err);
    if (status == KN_OK)
        status = kn_file_hash(path, proceed, cancel, hash, err);
    if (status != KN_OK)
        return status;
    rendition->file = *clip;
    rendition->file.path = path;
    rendition->file.hash = kn_arena_strdup(arena, hash);
    rendition->file.bytes = identity.size_bytes;
    rendition->file.modified_us = identity.changed_s * KN_US_PER_S + identity.changed_ns / 1000;
    rendition->file.duration_us = rendition->facts.duration_us;
    rendition->file.width_px = rendition->facts.width_px;
    rendition->file.height_px = rendition->facts.height_px;
    return KN_OK;
}

static void mark_wanted(const char *path)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
    (void)utimensat(AT_FDCWD, path, times, 0); /* it may go earlier, and is made again then */
}

static enum kn_status take_or_make(const struct kn_rendition_order *order,
                                   const struct kn_post_clip *clip, struct kn_arena *arena,
                                   struct kn_cancel *cancel, struct kn_progress *progress,
                                   struct kn_rendition *rendition, struct kn_error *err)
{
    struct kn_error ignored;
    rendition->reused = kn_file_exists(order->path) &&
                        describe(order->path, clip, arena, cancel, rendition, &ignored) == KN_OK;
    enum kn_status status = KN_OK;
    if (!rendition->reused)
        status = kn_rendition_make(order, cancel, progress, err);
    if (status == KN_OK && !rendition->reused)
        status = describe(order->path, clip, arena, cancel, rendition, err);
    if (status == KN_OK)
        mark_wanted(order->path);
    return status;
}

enum kn_status kn_rendition_get(const char *folder, const struct kn_post_clip *clip,
                                const struct kn_rendition_target *target, int threads,
                                struct kn_arena *arena, struct kn_cancel *cancel,
                                struct kn_progress *progress, struct kn_rendition *ret_rendition,
                                struct kn_error *err)
{
    const struct kn_rendition_order order = {
        .clip_path = clip->path,
        .bytes = clip->bytes,
        .modified_us = clip->modified_us,
        .target = *target,
        .path = path_of(arena, folder, clip, target),
        .threads = threads,
    };
    int lock = -1;
    enum kn_status status = kn_folder_make(folder, err);
    if (status == KN_OK)
        status = wait_for_lock(order.path, cancel, &lock, err);
    if (status != KN_OK)
        return status;
    struct kn_rendition rendition;
    status = take_or_make(&order, clip, arena, cancel, progress, &rendition, err);
    if (lock >= 0)
        close(lock);
    if (status == KN_OK)
        *ret_rendition = rendition;
    return status;
}

enum kn_status kn_rendition_put(const char *folder, const struct kn_post_clip *clip,
                                const struct kn_rendition_target *target, const char *made,
                                struct kn_cancel *cancel, struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    const char *path = path_of(arena, folder, clip, target);
    int lock = -1;
    enum kn_status status = wait_for_lock(path, cancel, &lock, err);
    if (status == KN_OK && !kn_file_exists(path))
        status = kn_file_commit(made, path, err);
    kn_file_discard(made);
    if (lock >= 0)
        close(lock);
    kn_arena_free(arena);
    return status;
}

/* ---- what nobody needs any more ---- */

struct kept {
    const char *path;
    int64_t bytes, wanted_us; /* wall clock */
};

static int by_age(const void *a, const void *b)
{
    const struct kept *left = a, *right = b;
    return (left->wanted_us > right->wanted_us) - (left->wanted_us < right->wanted_us);
}

static bool look_at(const char *path, struct kept *ret_kept)
{
    struct stat about;
    if (lstat(path, &about) != 0 || !S_ISREG(about.st_mode))
        return false;
    /* Where nothing keeps times of access it was wanted when it was made. */
    int64_t read_us = about.st_atim.tv_sec * KN_US_PER_S + about.st_atim.tv_nsec / 1000;
    int64_t made_us = about.st_mtim.tv_sec * KN_US_PER_S + about.st_mtim.tv_nsec / 1000;
    *ret_kept = (struct kept){path, about.st_size, KN_MAX(read_us, made_us)};
    return true;
}

static bool is_needed(const char *path, const char *const *needed, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(needed[i], path) == 0)
            return true;
    return false;
}

/* Not while somebody makes or takes it, nor when it was taken since it was looked at. */
static bool remove_one(const struct kept *kept)
{
    struct kept now;
    struct kn_error ignored;
    int lock = -1;
    enum kn_status status = try_lock(kept->path, &lock, &ignored);
    if (status != KN_OK)
        return false;
    bool removed =
        look_at(kept->path, &now) && now.wanted_us == kept->wanted_us && unlink(kept->path) == 0;
    close(lock);
    return removed;
}

void kn_renditions_trim(const char *folder, const struct kn_rendition_limits *limits,
                        const char *const *needed, int needed_count)
{
    struct kn_arena *arena = kn_arena_new();
    KN_VEC(struct kept) files = {0};
    int64_t bytes = 0, now_us = kn_wall_us();
    DIR *open = opendir(folder);
    for (struct dirent *entry; open && (entry = readdir(open));) {
        struct kept kept;
        if (!kn_ends_with(entry->d_name, ending) || strstr(entry->d_name, ".part.") ||
            !look_at(kn_path_join(arena, folder, entry->d_name), &kept))
            continue;
        kn_vec_push(&files, kept);
        bytes += kept.bytes;
    }
    if (open)
        closedir(open);
    if (files.count)
        qsort(files.at, (size_t)files.count, sizeof *files.at, by_age);
    for (int i = 0; i < files.count; i++) {
        int64_t unused_us = now_us - files.at[i].wanted_us;
        bool old = unused_us > limits->unused_us;
        bool over = bytes > limits->bytes_max && unused_us > limits->young_us;
        if ((old || over) && !is_needed(files.at[i].path, needed, needed_count) &&
            remove_one(&files.at[i]))
            bytes -= files.at[i].bytes;
    }
    kn_vec_free(&files);
    kn_arena_free(arena);
    kn_folder_sweep(folder, NOBODY_WRITES_SO_SLOWLY_S);
}
