/*
 * The folder that a source's clips go to: which one it is, and what kirinuki has written into it.
 *
 * A record in it (`.kirinuki/folder.json`) names the source by its content, and every file that was
 * or will be written there for it, as it was written. So another source of the same name is not
 * mixed with it, and what an earlier run left over can be told from what anybody else put there or
 * has changed since. Files are never deleted: what is in the way is moved into `older/1`, `older/2`
 * and so on.
 */
#ifndef KN_PIPELINE_OUTPUT_FOLDER_H
#define KN_PIPELINE_OUTPUT_FOLDER_H

#include <stdbool.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "base/vec.h"

KN_VEC_TYPE(kn_names, const char *);

struct kn_written {
    const char *name; /* a plain one inside the folder */
    const char
        *hash; /* of what was written; NULL: not known, for its run did not come to its end */
};

struct kn_output_record {
    const char *source;     /* the hash of the source's content; NULL: nobody's folder */
    const char *transcript; /* the hash of transcript.srt as it was written; NULL: none was */
    int file_count;
    const struct kn_written *files;
};

/* False, and an empty record, when nothing was written there, or nothing that can be read. Without
 * a record result.json is asked, which knows as much of the last run. In `arena`. */
bool kn_output_record_read(const char *folder, struct kn_arena *arena,
                           struct kn_output_record *ret_record);
enum kn_status kn_output_record_write(const char *folder, const struct kn_output_record *record,
                                      struct kn_error *err);

/* For a source to which no folder was given. */
struct kn_folder_wish {
    const char *path, *hash; /* of the source */
    const char *into;        /* where the folder is; NULL: in the working folder */
    int from;                /* the first name to take, counted from 1: others were given away */
};

/*
 * The folder for a source: "talk-clips"; where that belongs to another content, "talk-wav-clips",
 * then "talk-2-clips" and so on. True: it is the source's own already, whatever `from` says. False:
 * it was nobody's a moment ago. *ret_folder is in `arena`; *ret_number is that of its name.
 */
bool kn_output_folder_choose(const struct kn_folder_wish *wish, struct kn_arena *arena,
                             const char **ret_folder, int *ret_number);

/* NULL: the record has no such file. */
const struct kn_written *kn_output_record_find(const struct kn_output_record *record,
                                               const char *name);

/* Moves those of `names` that are files in the folder, or links, to a new folder below `older/` in
 * it.
 * *ret_older is that folder ("older/1", in `arena`) or NULL when no file was there; *ret_moved
 * counts the files. */
enum kn_status kn_output_set_aside(const char *folder, const struct kn_names *names,
                                   struct kn_arena *arena, const char **ret_older, int *ret_moved,
                                   struct kn_error *err);

bool kn_names_have(const struct kn_names *names, const char *name);
void kn_names_add(struct kn_names *names, const char *name); /* once; borrows; NULL is fine */

#endif
