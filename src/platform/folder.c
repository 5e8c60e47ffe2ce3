/*
 * The outbox: a folder into which clips are put with their texts beside them, for people and
 * programs that take them from there. Needs no account.
 *
 * A clip lies there under its own name and the post's marker: "clip 01-0123456789abcdef.mp4" and
 * ".json" (platform/post_document.h, with "put_at"). So the same post once more finds it. The video
 * is copied under a hidden name, made durable, renamed to another hidden name that says that it is
 * whole ("ready"), and only then, after the intent, to its own. Whoever finds the intent can tell:
 *
 *   its own name is there          it was put
 *   the one that is ready is       it was not: it is renamed now
 *   neither                        somebody took it, or removed it: UNKNOWN
 *
 * The texts come first, so that who sees a video finds them.
 *
 * Where the file system can share blocks (Btrfs, XFS) the copy takes no room and no time; it is
 * read once then, because the hash has to be known. copy_file_range would save a copy within the
 * kernel elsewhere, but the reading for the hash would come on top of it.
 *
 * Settings: {"path": "/absolute/folder"}; without: "outbox" in the user's data folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/clip_file.h"
#include "platform/post_document.h"

enum { CHUNK_BYTES = 1 << 20, STEM_BYTES = 160 };

static const char other_folder[] =
    "set another folder for the outbox, then “kirinuki publish --retry”";
static const char make_room[] =
    "make room, or set another folder for the outbox; then “kirinuki publish --retry”";

struct place {
    const char *folder, *name;                  /* of the video */
    const char *path, *texts, *copying, *ready; /* absolute */
};

/* ---- names ---- */

/* NULL: there is none. */
static const char *outbox(const struct kn_posting *posting)
{
    KN_SCOPED_JSON settings = json_loads(posting->settings, 0, NULL);
    const char *set = json_string_value(json_object_get(settings, "path"));
    if (set && *set)
        return kn_path_from_text(set, posting->arena);
    const char *data = kn_path_data(posting->arena);
    return data ? kn_path_join(posting->arena, data, "outbox") : NULL;
}

static struct place make_place(const struct kn_posting *posting, const char *folder)
{
    struct kn_arena *arena = posting->arena;
    const char *dot = strrchr(kn_path_base(posting->clip.path), '.');
    char *stem = kn_path_stem(arena, posting->clip.path);
    if (strlen(stem) > STEM_BYTES) {
        stem[STEM_BYTES] = '\0';
        kn_utf8_trim(stem);
    }
    const char *ending = dot && strlen(dot) <= strlen(".webm") ? dot : ".mp4";
    const char *name = kn_arena_printf(arena, "%s-%s", stem, posting->marker);
    struct place place = {.folder = folder, .name = kn_arena_printf(arena, "%s%s", name, ending)};
    place.path = kn_path_join(arena, folder, place.name);
    place.texts = kn_path_join(arena, folder, kn_arena_printf(arena, "%s.json", name));
    place.copying = kn_path_join(arena, folder, kn_arena_printf(arena, ".%s.copying", place.name));
    place.ready = kn_path_join(arena, folder, kn_arena_printf(arena, ".%s.ready", place.name));
    return place;
}

static const char *file_url(struct kn_arena *arena, const char *path)
{
    KN_SCOPED_STR url = {0};
    kn_str_add(&url, "file://");
    for (const char *at = path; *at; at++) {
        unsigned char c = (unsigned char)*at;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("/-_.~", c);
        if (plain)
            kn_str_add_char(&url, *at);
        else
            kn_str_printf(&url, "%%%02X", c);
    }
    return kn_arena_strdup(arena, kn_str_text(&url));
}

/* ---- copying ---- */

static bool goes_on(void *cancel, double fraction)
{
    (void)fraction;
    return !kn_cancel_requested(cancel);
}

/* Also false when it was cancelled meanwhile. */
static bool is_wanted_clip(const struct kn_posting *posting, const char *path)
{
    char hash[KN_HASH_TEXT_BYTES];
    return kn_file_size(path) == posting->clip.bytes &&
           kn_file_hash(path, goes_on, posting->host->cancel, hash, NULL) == KN_OK &&
           strcmp(hash, posting->clip.hash) == 0;
}

/* `path` is for sentences, here and below. */
static enum kn_status copy_bytes(struct kn_posting *posting, struct kn_clip_file *file, int fd,
                                 const char *path, struct kn_error *err)
{
    const struct kn_posting_host *host = posting->host;
    KN_SCOPED_MEM char *chunk = kn_malloc(CHUNK_BYTES);
    enum kn_status status = kn_clip_file_begin(file, 0, host->cancel, err);
    for (int64_t at = 0; status == KN_OK && at < posting->clip.bytes;) {
        size_t got = 0;
        status = kn_cancel_check(host->cancel, err);
        if (status == KN_OK)
            status = kn_clip_file_read(file, at, chunk, CHUNK_BYTES, &got, err);
        if (status == KN_OK)
            status = kn_file_write_to(fd, path, chunk, got, err);
        at += (int64_t)got;
        if (host->progress)
            host->progress(host->arg, at);
    }
    return status;
}

/* Shares the clip's blocks, where that can be done and they are that clip's. */
static bool share(const struct kn_posting *posting, int fd, const char *copying)
{
    int from = open(posting->clip.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool shared = from >= 0 && ioctl(fd, FICLONE, from) == 0;
    if (from >= 0)
        close(from);
    return shared && is_wanted_clip(posting, copying);
}

static enum kn_status copy(struct kn_posting *posting, const struct place *place,
                           struct kn_error *err)
{
    const char *path = place->path;
    KN_SCOPED(kn_clip_file) file = NULL;
    enum kn_status status = kn_clip_file_open(&posting->clip, &file, err);
    if (status != KN_OK)
        return status;
    /* One that was left behind, or that somebody who has lost the post still writes into. */
    kn_file_discard(place->copying);
    int fd = open(place->copying, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return kn_error_errno(err, errno, "cannot write %s", path);
    if (!share(posting, fd, place->copying))
        status = ftruncate(fd, 0) < 0 ? kn_error_errno(err, errno, "cannot write %s", path)
                                      : copy_bytes(posting, file, fd, path, err);
    if (close(fd) < 0 && status == KN_OK)
        status = kn_error_errno(err, errno, "cannot write %s", path);
    return status;
}

static enum kn_status write_texts(struct kn_posting *posting, const struct place *place,
                                  struct kn_error *err)
{
    char at[KN_TIME_TEXT_BYTES], name[KN_TIME_TEXT_BYTES + STEM_BYTES * 4];
    KN_SCOPED_STR text = {0};
    KN_SCOPED_JSON document =
        kn_post_document(posting, kn_text_show(place->name, name, sizeof name));
    json_object_set_new(document, "put_at",
                        kn_json_text(kn_time_iso(kn_posting_now_us(posting), at)));
    kn_json_add(&text, document, false);
    kn_str_add_char(&text, '\n');
    return kn_file_write(place->texts, kn_str_text(&text), text.length, err);
}

static void remove_all(const struct place *place)
{
    kn_file_discard(place->copying);
    kn_file_discard(place->ready);
    kn_file_discard(place->texts);
}

/* Everything that has to be there before the intent. */
static enum kn_status prepare(struct kn_posting *posting, const struct place *place,
                              struct kn_error *err)
{
    posting->state = KN_POST_UPLOADING;
    kn_posting_set_text(posting, "folder", kn_path_to_text(place->folder, posting->arena));
    enum kn_status status = copy(posting, place, err);
    if (status == KN_OK)
        status = write_texts(posting, place, err);
    if (status == KN_OK)
        status = kn_file_commit(place->copying, place->ready, err);
    if (status == KN_OK)
        return kn_posting_intend(posting, err);
    remove_all(place);
    return status;
}

/* ---- steps ---- */

static enum kn_status live(struct kn_posting *posting, const struct place *place)
{
    posting->sent_bytes = posting->clip.bytes;
    return kn_posting_live(posting, posting->marker, file_url(posting->arena, place->path));
}

static enum kn_status put(struct kn_posting *posting, const struct place *place,
                          struct kn_error *err)
{
    bool intended = kn_posting_intended_us(posting) != 0;
    enum kn_status status = intended ? KN_OK : kn_folder_make(place->folder, err);
    bool nowhere = status == KN_NOT_FOUND; /* and not the clip */
    if (status == KN_OK && !intended)
        status = prepare(posting, place, err);
    if (status == KN_OK)
        status = kn_file_commit(place->ready, place->path, err);
    bool full = status == KN_NO_SPACE || status == KN_LIMIT;
    if (full || nowhere || status == KN_DENIED || status == KN_CANCELLED) {
        /* It does not have its own name, and will not get it. */
        remove_all(place);
        kn_posting_settle(posting);
    }
    if (full || nowhere || status == KN_DENIED)
        return kn_posting_fail(posting, full ? make_room : other_folder, "%s", kn_error_text(err));
    return status == KN_OK ? live(posting, place) : status;
}

static enum kn_status is_there(struct kn_posting *posting, const struct place *place,
                               struct kn_error *err)
{
    bool wanted = is_wanted_clip(posting, place->path);
    enum kn_status status = kn_cancel_check(posting->host->cancel, err);
    if (status != KN_OK)
        return status;
    if (!wanted)
        return kn_posting_fail(posting, "move that file away, then “kirinuki publish --retry”",
                               "%s is there already, and is another file", place->path);
    return live(posting, place);
}

static enum kn_status advance(struct kn_posting *posting, struct kn_error *err)
{
    struct kn_error own;
    bool intended = kn_posting_intended_us(posting) != 0;
    const char *folder = outbox(posting), *begun = kn_posting_text(posting, "folder");
    if (intended && begun) /* wherever the outbox is by now */
        folder = kn_path_from_text(begun, posting->arena);
    err = err ? err : &own;
    if (!folder || folder[0] != '/')
        return kn_posting_fail(posting, "set the outbox's path to an absolute one",
                               folder ? "the outbox's path does not begin with “/”"
                                      : "there is no home folder for the outbox to be in");
    struct place place = make_place(posting, folder);
    if (kn_file_exists(place.path))
        return is_there(posting, &place, err);
    if (intended && !kn_file_exists(place.ready))
        return kn_posting_unknown(
            posting,
            kn_arena_printf(posting->arena,
                            "ask whoever takes clips from the outbox whether they have %s",
                            place.name),
            "the clip was about to be put into %s, and is not there: somebody took or removed it",
            folder);
    return put(posting, &place, err);
}

/* ---- what it takes ---- */

static const struct kn_media_rules media = {
    .source = "the file system's limits",
    .date = "2026-11-24",
};

const struct kn_platform kn_platform_folder = {
    .name = "folder",
    .label = "Folder",
    .summary = "an outbox on this machine: the clip, and its texts as JSON beside it",
    .shown_as = "clips",
    .shown_at = "on this machine",
    KN_POST_DOCUMENT_TAKES,
    .media = &media,
    .drafts = true,
    .advance = advance,
};
