/*
 * A folder that is watched. inotify says when to look, and that a file was closed by its writer;
 * each look compares what is there with what was seen last, so that a lost event loses no file.
 *
 * Whether a file is still being written is asked of the kernel: a read lease is not granted while
 * anybody has the file open for writing. Size and time alone don't tell: a recorder may pause, and
 * half a recording would become clips.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/vec.h"
#include "service/video_folder.h"

enum { LOOK_MS = 10000, BUSY_LOOK_MS = 1000 };

/* ---- who writes ---- */

/* There, writers on other machines are not known, and a lease may be refused for other reasons. The
 * numbers are those of statfs(2). */
static bool is_remote(int fd)
{
    static const uint32_t remote[] = {
        0x6969 /* NFS */,      0x517b /* SMB */,       0xff534d42 /* CIFS */,
        0xfe534d42 /* SMB2 */, 0x65735546 /* FUSE */,  0x01021997 /* 9P */,
        0x00c36400 /* Ceph */, 0x5346414f /* AFS */,   0x786f4256 /* VirtualBox */,
        0x01161970 /* GFS2 */, 0x7461636f /* OCFS2 */, 0x0bd00bd0 /* Lustre */};
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return true;
    for (size_t i = 0; i < KN_COUNT_OF(remote); i++)
        if ((uint32_t)fs.f_type == remote[i])
            return true;
    return false;
}

/* Somebody who opens the file in this moment makes the kernel send a signal, which must be one
 * that is ignored: the usual one ends the process. */
static enum kn_writers ask_lease(int fd)
{
    if (is_remote(fd) || fcntl(fd, F_SETSIG, SIGURG) != 0)
        return KN_WRITERS_UNKNOWN;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        (void)fcntl(fd, F_SETLEASE, F_UNLCK); /* so does closing */
        return KN_WRITERS_NONE;
    }
    return errno == EAGAIN ? KN_WRITERS_SOME : KN_WRITERS_UNKNOWN;
}

enum kn_writers kn_file_writers(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return KN_WRITERS_UNKNOWN;
    enum kn_writers writers = ask_lease(fd);
    close(fd);
    return writers;
}

/* ---- files ---- */

/* A file as it was seen last. */
struct seen {
    char *name;
    int64_t size, time_ns;
    int64_t since_us; /* unchanged, and not known to be open for writing (kn_now_us) */
    int round;        /* of the last look that saw it */
    bool closed;      /* its writer was seen to close it, or it was moved here complete */
    bool just_closed; /* since the last look: what has changed may be from before that */
    bool told;
};

struct watcher {
    const struct kn_video_watch *watch;
    KN_VEC(struct seen) files;
    int round;
    int fd, mark;      /* inotify's; mark -1: the folder is not there */
    struct stat place; /* of the folder that is watched */
    bool gone, begun;
    int64_t again_us; /* nothing is told of before: what was could not be taken (kn_now_us) */
};

static struct seen *seen_of(struct watcher *watcher, const char *name)
{
    for (int i = 0; i < watcher->files.count; i++)
        if (strcmp(watcher->files.at[i].name, name) == 0)
            return &watcher->files.at[i];
    struct seen file = {.name = kn_strdup(name), .size = -1};
    kn_vec_push(&watcher->files, file);
    return kn_vec_last(&watcher->files);
}

static void note_change(struct seen *file, const struct stat *st, int64_t now_us)
{
    int64_t time_ns = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
    if (st->st_size != file->size || time_ns != file->time_ns) {
        file->size = st->st_size;
        file->time_ns = time_ns;
        file->since_us = now_us;
        file->told = false;
        file->closed &= file->just_closed;
    }
    file->just_closed = false;
}

static int64_t look_ms(const struct kn_video_watch *watch)
{
    return watch->look_ms ? watch->look_ms : LOOK_MS;
}

/* How long it has to be still; -1: it is being written. */
static int64_t patience_us(const struct watcher *watcher, const struct seen *file, const char *path)
{
    const struct kn_video_watch *watch = watcher->watch;
    enum kn_writers writers = watch->writers ? watch->writers(path) : kn_file_writers(path);
    if (writers == KN_WRITERS_SOME)
        return -1;
    int64_t wait_ms =
        writers == KN_WRITERS_NONE || file->closed ? watch->still_ms : watch->unsure_ms;
    if (watch->whole && !watch->whole(path))
        wait_ms = KN_MAX(wait_ms, watch->broken_ms);
    return wait_ms * 1000;
}

/* When to look again; INT64_MAX: not before it changes. */
static int64_t judge(struct watcher *watcher, const char *path)
{
    const struct kn_video_watch *watch = watcher->watch;
    struct stat st;
    struct seen *file = seen_of(watcher, kn_path_base(path));
    int64_t now_us = kn_now_us();
    file->round = watcher->round;
    if (stat(path, &st) != 0)
        return INT64_MAX;
    note_change(file, &st, now_us);
    if (file->told || file->size == 0)
        return INT64_MAX;
    int64_t still_us = file->since_us + watch->still_ms * 1000;
    if (now_us < still_us)
        return still_us;
    int64_t wait_us = patience_us(watcher, file, path);
    if (wait_us < 0) {
        file->since_us = now_us;
        return now_us + KN_MAX(watch->still_ms, BUSY_LOOK_MS) * 1000;
    }
    if (now_us < file->since_us + wait_us)
        return file->since_us + wait_us;
    if (now_us < watcher->again_us)
        return watcher->again_us;
    file->told = watch->found(watch->arg, path);
    if (file->told)
        return INT64_MAX;
    watcher->again_us = kn_now_us() + look_ms(watch) * 1000;
    return watcher->again_us;
}

static void forget_missing(struct watcher *watcher)
{
    int kept = 0;
    for (int i = 0; i < watcher->files.count; i++) {
        if (watcher->files.at[i].round == watcher->round)
            watcher->files.at[kept++] = watcher->files.at[i];
        else
            free(watcher->files.at[i].name);
    }
    watcher->files.count = kept;
}

static enum kn_status look(struct watcher *watcher, struct kn_cancel *cancel, int64_t *ret_next_us,
                           struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    const char **paths;
    int count = 0;
    enum kn_status status = kn_videos_in(watcher->watch->folder, arena, &paths, &count, err);
    *ret_next_us = INT64_MAX;
    watcher->round++;
    for (int i = 0; status == KN_OK && i < count && !kn_cancel_requested(cancel); i++)
        *ret_next_us = KN_MIN(*ret_next_us, judge(watcher, paths[i]));
    if (status == KN_OK && !kn_cancel_requested(cancel))
        forget_missing(watcher);
    kn_arena_free(arena);
    return status;
}

/* ---- the folder ---- */

static void let_go(struct watcher *watcher)
{
    if (watcher->mark >= 0)
        (void)inotify_rm_watch(watcher->fd, watcher->mark); /* gone with the folder, maybe */
    watcher->mark = -1;
}

/* The path may lead to another folder than before without an event, where one above it was renamed
 * or a disk was mounted over it. */
static enum kn_status hold(struct watcher *watcher, struct kn_error *err)
{
    const char *folder = watcher->watch->folder;
    struct stat st;
    if (stat(folder, &st) != 0) {
        int why = errno;
        let_go(watcher);
        return kn_error_errno(err, why, "cannot watch %s", folder);
    }
    if (st.st_dev != watcher->place.st_dev || st.st_ino != watcher->place.st_ino)
        let_go(watcher);
    if (watcher->mark >= 0)
        return KN_OK;
    watcher->mark = inotify_add_watch(watcher->fd, folder,
                                      IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF |
                                          IN_MOVE_SELF | IN_ONLYDIR);
    if (watcher->mark < 0)
        return kn_error_errno(err, errno, "cannot watch %s", folder);
    watcher->place = st;
    return KN_OK;
}

static void say_gone(const struct watcher *watcher, const char *why)
{
    if (watcher->watch->gone)
        watcher->watch->gone(watcher->watch->arg, why);
}

static void hear(struct watcher *watcher, const struct inotify_event *event)
{
    if (event->wd != watcher->mark)
        return; /* of a folder that was watched before */
    if (event->mask & IN_IGNORED)
        watcher->mark = -1;
    else if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
        let_go(watcher);
    else if (event->len && (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) &&
             kn_is_video_name(event->name)) {
        struct seen *file = seen_of(watcher, event->name);
        file->closed = file->just_closed = true;
    }
}

static void hear_all(struct watcher *watcher)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t length;
    while ((length = read(watcher->fd, events, sizeof events)) > 0)
        for (const char *at = events; at < events + length;) {
            const struct inotify_event *event = (const void *)at;
            hear(watcher, event);
            at += sizeof *event + event->len;
        }
}

static void sleep_until(struct watcher *watcher, int64_t until_us, struct kn_cancel *cancel)
{
    struct pollfd fds[] = {{.fd = watcher->fd, .events = POLLIN},
                           {.fd = kn_cancel_fd(cancel), .events = POLLIN}};
    int64_t left_ms = KN_MAX((until_us - kn_now_us()) / 1000 + 1, 0);
    (void)poll(fds, 2, (int)KN_MIN(left_ms, look_ms(watcher->watch)));
    hear_all(watcher);
}

/* One look. An error is that of a folder that is not there now. */
static enum kn_status take_turn(struct watcher *watcher, struct kn_cancel *cancel,
                                int64_t *ret_next_us, struct kn_error *err)
{
    enum kn_status status = hold(watcher, err);
    *ret_next_us = INT64_MAX;
    if (status == KN_OK)
        status = look(watcher, cancel, ret_next_us, err);
    if ((status != KN_OK) != watcher->gone && watcher->begun) {
        watcher->gone = status != KN_OK;
        say_gone(watcher, watcher->gone ? kn_error_text(err) : NULL);
    }
    return status;
}

enum kn_status kn_videos_watch(const struct kn_video_watch *watch, struct kn_cancel *cancel,
                               struct kn_error *err)
{
    struct kn_error own;
    struct watcher watcher = {.watch = watch, .mark = -1};
    int64_t next_us;
    err = err ? err : &own;
    watcher.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watcher.fd < 0)
        return kn_error_errno(err, errno, "cannot watch %s", watch->folder);
    enum kn_status status = take_turn(&watcher, cancel, &next_us, err);
    watcher.begun = true;
    while (status == KN_OK && !kn_cancel_requested(cancel)) {
        struct kn_error gone;
        sleep_until(&watcher, next_us, cancel);
        if (!kn_cancel_requested(cancel))
            (void)take_turn(&watcher, cancel, &next_us, &gone); /* it is told of, and looked for */
    }
    close(watcher.fd);
    for (int i = 0; i < watcher.files.count; i++)
        free(watcher.files.at[i].name);
    kn_vec_free(&watcher.files);
    return status == KN_OK ? KN_CANCELLED : status;
}
