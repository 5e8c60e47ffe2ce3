/*
 * Where uploads go: a file each, in a private folder that is removed at the end, or in one that
 * the user keeps. Bytes are only ever appended; their hash is taken as they come.
 */
#ifndef KN_SANDBOX_SPOOL_H
#define KN_SANDBOX_SPOOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/status.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/vec.h"
#include "sandbox/platforms/facts.h"

struct kn_upload {
    char *path;
    pthread_mutex_t lock;          /* a leaf; protects all that follows up to `hash` */
    int fd;                        /* while somebody writes; -1 */
    const void *writer;            /* who; NULL: nobody */
    int64_t stored;                /* bytes */
    XXH3_state_t *hashing;         /* over what is stored; NULL: it has to be read again */
    char hash[KN_HASH_TEXT_BYTES]; /* set by kn_upload_finish, like what follows */
    struct kn_media_facts facts;
    int number;
};

struct kn_spool {
    char *folder; /* NULL: the private one, which is made with the first upload */
    bool keeps;   /* the folder is the user's */
    KN_VEC(struct kn_upload *) uploads;
};

/* `keep`: a folder, made where there is none; NULL: a private one. */
enum kn_status kn_spool_open(struct kn_spool *spool, const char *keep, struct kn_error *err);
void kn_spool_close(struct kn_spool *spool);

/* An empty one; lives with the spool. */
struct kn_upload *kn_spool_add(struct kn_spool *spool);
/* `writer` alone may append from now on. False: the file cannot be opened. */
bool kn_upload_claim(struct kn_upload *upload, const void *writer);
void kn_upload_release(struct kn_upload *upload, const void *writer);
enum kn_append { KN_APPENDED, KN_APPEND_NOT_YOURS, KN_APPEND_FAILED };
enum kn_append kn_upload_append(struct kn_upload *upload, const void *writer, const void *data,
                                size_t size);
/* Keeps the first `size` bytes, if `writer` is still the one. */
void kn_upload_shorten(struct kn_upload *upload, const void *writer, int64_t size);
int64_t kn_upload_stored(struct kn_upload *upload);
/* Appends all of another one: for platforms that take pieces in any order. False: the disk. */
bool kn_upload_join(struct kn_upload *upload, struct kn_upload *piece);
/* Takes the hash and looks into the file; nobody may be writing. Slow. */
void kn_upload_finish(struct kn_upload *upload);
void kn_upload_discard(struct kn_upload *upload); /* removes the file; it stays in the list */

#endif
