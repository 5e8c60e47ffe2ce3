/*
 * A folder of answers: NAME.answer, written whole, each with its own name inside, so that a file
 * that was renamed, cut or overwritten is no answer. A hit is dated anew, and the oldest go first
 * when all of them take more than their share.
 *
 * What is being asked is a lock on one byte of the file ".asked", at the place that the name stands
 * for: nothing is left behind to be swept, different names have different places, and the kernel
 * lets go of what a process held that died. The locks belong to the open file (F_OFD_SETLK), so
 * several kn_answers of a process exclude each other like processes. A lock file a name would have
 * to be removed, and whoever removes one that is being waited for breaks it.
 */
#include "ai/service_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/sync.h"

enum {
    ANSWER_MAX_BYTES = 16 << 20,
    FORMAT = 1,
    STALE_PART_S = 3600,
    CLAIM_TRY_MS = 10, /* between two tries for a claim, at first: there is nothing to wait on */
    CLAIM_TRY_LONGEST_MS = 160,
};

static const char ending[] = ".answer";

struct kn_answers {
    char *folder; /* immutable; NULL: nothing is kept */
    int64_t bytes_max;
    pthread_mutex_t lock;
    int64_t fresh_bytes; /* written since the folder was last trimmed; protected by `lock` */
    bool swept;
    int asked; /* descriptor; -1: not opened yet; protected by `lock` */
};

struct kn_answers *kn_answers_new(const char *folder, int64_t bytes_max)
{
    struct kn_answers *answers = kn_calloc(1, sizeof *answers);
    answers->folder = folder && folder[0] ? kn_strdup(folder) : NULL;
    answers->bytes_max = bytes_max;
    answers->asked = -1;
    pthread_mutex_init(&answers->lock, NULL);
    return answers;
}

void kn_answers_free(struct kn_answers *answers)
{
    if (!answers)
        return;
    if (answers->asked >= 0)
        close(answers->asked);
    pthread_mutex_destroy(&answers->lock);
    free(answers->folder);
    free(answers);
}

static char *path_of(const struct kn_answers *answers, const char *name)
{
    struct kn_str path = {0};
    kn_str_printf(&path, "%s/%s%s", answers->folder, name, ending);
    return kn_str_take(&path);
}

json_t *kn_answers_find(struct kn_answers *answers, const char *name)
{
    if (!answers->folder)
        return NULL;
    KN_SCOPED_MEM char *path = path_of(answers, name);
    KN_SCOPED_MEM char *data = NULL;
    size_t size;
    if (kn_file_read(path, ANSWER_MAX_BYTES, &data, &size, NULL) != KN_OK)
        return NULL;
    KN_SCOPED_JSON file = json_loadb(data, size, JSON_ALLOW_NUL, NULL);
    const char *inside = json_string_value(json_object_get(file, "name"));
    if (json_integer_value(json_object_get(file, "format")) != FORMAT || !inside ||
        strcmp(inside, name) != 0)
        return NULL;
    (void)utimensat(AT_FDCWD, path, NULL, 0); /* or it is forgotten a little sooner */
    return json_incref(json_object_get(file, "answer"));
}

/* The folder is looked through when a good part of its share is new. */
static bool is_trim_due(struct kn_answers *answers, int64_t bytes)
{
    KN_LOCKED(&answers->lock);
    bool first = !answers->swept;
    answers->swept = true;
    answers->fresh_bytes += bytes;
    if (!first && answers->fresh_bytes < answers->bytes_max / 16)
        return false;
    answers->fresh_bytes = 0;
    return true;
}

void kn_answers_keep(struct kn_answers *answers, const char *name, const json_t *answer)
{
    if (!answers->folder)
        return;
    KN_SCOPED_JSON file =
        json_pack("{s:i, s:s, s:O}", "format", FORMAT, "name", name, "answer", (json_t *)answer);
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, file, true);
    KN_SCOPED_MEM char *path = path_of(answers, name);
    if (text.length > ANSWER_MAX_BYTES || kn_folder_make(answers->folder, NULL) != KN_OK ||
        kn_file_write(path, text.at, text.length, NULL) != KN_OK)
        return;
    if (is_trim_due(answers, (int64_t)text.length)) {
        kn_folder_sweep(answers->folder, STALE_PART_S);
        kn_folder_trim(answers->folder, ending, answers->bytes_max);
    }
}

/* ---- what is being asked ---- */

static int open_asked(struct kn_answers *answers)
{
    KN_LOCKED(&answers->lock);
    if (answers->asked >= 0 || kn_folder_make(answers->folder, NULL) != KN_OK)
        return answers->asked;
    KN_SCOPED_STR path = {0};
    kn_str_printf(&path, "%s/.asked", answers->folder);
    answers->asked = open(path.at, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    return answers->asked;
}

/* `type`: F_WRLCK or F_UNLCK. */
static int set_lock(int fd, const char *name, short type)
{
    struct flock one = {
        .l_type = type,
        .l_whence = SEEK_SET,
        .l_start = (off_t)(kn_hash_key(name, strlen(name)) >> 2),
        .l_len = 1,
    };
    return fcntl(fd, F_OFD_SETLK, &one) == 0 ? 0 : errno;
}

bool kn_answers_claim(struct kn_answers *answers, const char *name, int64_t limit_ms,
                      struct kn_cancel *cancel)
{
    int fd = answers->folder ? open_asked(answers) : -1;
    int64_t until_us = kn_now_us() + limit_ms * 1000, wait_ms = CLAIM_TRY_MS;
    if (fd < 0)
        return false;
    for (;;) {
        int failed = set_lock(fd, name, F_WRLCK);
        if (failed != EAGAIN && failed != EACCES)
            return !failed;
        if (kn_now_us() >= until_us || kn_cancel_wait_ms(cancel, wait_ms))
            return false;
        wait_ms = KN_MIN(2 * wait_ms, CLAIM_TRY_LONGEST_MS);
    }
}

void kn_answers_release(struct kn_answers *answers, const char *name)
{
    (void)set_lock(answers->asked, name, F_UNLCK); /* closing does it as well */
}
