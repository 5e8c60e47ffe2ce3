/* What a clip's files are called. */
#ifndef KN_PIPELINE_CLIP_NAMES_H
#define KN_PIPELINE_CLIP_NAMES_H

#include <kirinuki/arena.h>

#include "model/clip.h"

/* "03-why-we-sleep" for rank 2 (from 0) and "Why we sleep!": letters and digits of all scripts are
 * kept in lower case, everything else becomes a single '-'; at most 60 bytes of the title, cut
 * between words and not behind one that hangs ("in a"), or between characters where it is a single
 * one. Without any letter: "03-clip".
 * `title` may be NULL or not UTF-8. */
const char *kn_clip_stem(struct kn_arena *arena, int rank, const char *title);

/* "03-why-we-sleep.mp4" for the first aspect of a run, "03-why-we-sleep.1x1.mp4" for further ones.
 */
const char *kn_clip_file_name(struct kn_arena *arena, const char *stem, enum kn_aspect aspect,
                              bool first);

/* The folder that the clips of a video go to where none was named, in the working folder:
 * "talk-clips" for "/videos/talk.mp4". Never hidden, and not longer than a file system takes. */
const char *kn_clip_folder_name(struct kn_arena *arena, const char *path);

#endif
