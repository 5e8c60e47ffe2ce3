/*
 * Files: whole reads with a limit, writes that are complete or absent, folders, places.
 *
 * An output is written under a name of its own in the same folder, synced and renamed, so that
 * nobody ever sees half of it under its final name.
 */
#ifndef KN_BASE_FILE_H
#define KN_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "base/memory.h"

/* Reads a whole regular file (INVALID: something else, which is never waited for) of at most
 * `limit` bytes (KN_LIMIT beyond). *ret_data is owned by
 * the caller (free it) and has a closing NUL that *ret_size does not count. */
enum kn_status kn_file_read(const char *path, size_t limit, char **ret_data, size_t *ret_size,
                            struct kn_error *err);

/* Writes aside, syncs, renames. On failure nothing is left behind. */
enum kn_status kn_file_write(const char *path, const void *data, size_t size, struct kn_error *err);
/* All of it into a descriptor; `path` is for the sentence. */
enum kn_status kn_file_write_to(int fd, const char *path, const void *data, size_t size,
                                struct kn_error *err);

/*
 * For writers that need a path (encoders): gives a name in the target's folder that ends with this
 * process's number, ".part" and the target's extension, then commits (sync + rename) or discards
 * it.
 */
char *kn_file_part_path(struct kn_arena *arena, const char *path);
enum kn_status kn_file_commit(const char *part_path, const char *path, struct kn_error *err);
void kn_file_discard(const char *part_path); /* no complaint if it is not there */
/* Removes what writers that died left in the folder: files under names as above that nobody has
 * written to for so many seconds. */
void kn_folder_sweep(const char *path, int64_t older_than_s);
/* Removes the oldest of the files whose names end so, until what is left of them has at most so
 * many bytes. What can't be removed stays: it only takes up space. */
void kn_folder_trim(const char *path, const char *ending, int64_t bytes_max);

/*
 * Makes the file if there is none and locks it until *ret_fd is closed, or the process ends in
 * whatever way. LOST: somebody else holds it. UNSUPPORTED: the file system has no locks. Others: it
 * cannot be opened.
 *
 * By flock(2): the kernel knows who holds it, so nothing stale stays behind. Two descriptors of one
 * process exclude each other as well. On NFS, Linux turns it into a lock on the whole file at the
 * server, which excludes other machines as long as the mount is not made with "nolock" or
 * "local_lock", and ends with the client's lease when the machine dies.
 */
enum kn_status kn_file_lock(const char *path, int *ret_fd, struct kn_error *err);

/* Makes the folder and its parents (mode 0777 less the umask). */
enum kn_status kn_folder_make(const char *path, struct kn_error *err);
/* Could it be made and written to? As far as can be told without trying. */
enum kn_status kn_folder_check(const char *path, struct kn_error *err);
/* Bytes free for this user on the file system that holds `path` or its nearest parent; -1 unknown.
 */
int64_t kn_disk_free(const char *path);

bool kn_file_exists(const char *path);
int64_t kn_file_size(const char *path); /* -1 when there is none */

/* Which file lies under a name, and in which state: whether what is read at two times is the same.
 * Who sets a file's time back after changing it is not found out. */
struct kn_file_identity {
    uint64_t device, inode;
    int64_t size_bytes;
    int64_t changed_s, changed_ns; /* time of its last modification */
};
enum kn_status kn_file_identify(const char *path, struct kn_file_identity *ret_identity,
                                struct kn_error *err);
/* IO: it is another file now, or was written to; the sentence says so. */
enum kn_status kn_file_unchanged(const char *path, const struct kn_file_identity *before,
                                 struct kn_error *err);

/*
 * For code that is loaded: DENIED when another user than root could have put it there. The file
 * must belong to this user or root and be writable for its owner alone; its folder must belong to
 * them and not be writable for everybody (unless sticky). A group may write the folder, as it does
 * where everybody has a group of their own: what it puts there does not belong to this user.
 */
enum kn_status kn_file_trust(const char *path, struct kn_error *err);

const char *kn_path_base(const char *path); /* borrows: what follows the last '/' */
char *kn_path_stem(struct kn_arena *arena, const char *path); /* base without its extension */
char *kn_path_join(struct kn_arena *arena, const char *folder, const char *name);

/* A path as text that a database and JSON can hold, both in the arena: itself, or where it is not
 * UTF-8 "bytes:" and the path with %XX for what is not. */
const char *kn_path_to_text(const char *path, struct kn_arena *arena);
const char *kn_path_from_text(const char *text, struct kn_arena *arena);

/* The user's folders by the XDG base directory specification 0.8, with "kirinuki" added. Where HOME
 * is not set the user's entry in the system's list counts; NULL when there is none either: a folder
 * that everybody may write is no substitute. */
char *kn_path_data(struct kn_arena *arena);   /* $XDG_DATA_HOME or ~/.local/share */
char *kn_path_cache(struct kn_arena *arena);  /* $XDG_CACHE_HOME or ~/.cache */
char *kn_path_config(struct kn_arena *arena); /* $XDG_CONFIG_HOME or ~/.config */

/* XXH3 (128 bit) of the whole content as 32 hex digits: names a content, not a secret.
 * `proceed` (may be NULL) hears 0..1 every few MB; when it returns false: KN_CANCELLED. */
enum { KN_HASH_TEXT_BYTES = 33 };
enum kn_status kn_file_hash(const char *path, bool (*proceed)(void *arg, double fraction),
                            void *arg, char ret_text[KN_HASH_TEXT_BYTES], struct kn_error *err);
/* The first half of it as a number. */
uint64_t kn_hash_key(const void *data, size_t size);
void kn_hash_bytes(const void *data, size_t size, char ret_text[KN_HASH_TEXT_BYTES]);
/* The same of what comes piece by piece. */
struct kn_hash;
struct kn_hash *kn_hash_new(void);
void kn_hash_free(struct kn_hash *hash); /* NULL is fine */
KN_SCOPED_DEFINE(kn_hash, kn_hash_free)
void kn_hash_add(struct kn_hash *hash, const void *data, size_t size);
void kn_hash_text(const struct kn_hash *hash, char ret_text[KN_HASH_TEXT_BYTES]);

#endif
