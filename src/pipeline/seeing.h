/*
 * What the two ways of looking share: pictures as luma, and faces found in pictures as they are
 * read.
 */
#ifndef KN_PIPELINE_SEEING_H
#define KN_PIPELINE_SEEING_H

#include <kirinuki/arena.h>

#include "ai/faces.h"
#include "analyze/looks.h"
#include "base/vec.h"
#include "media/video_reader.h"

static inline struct kn_luma kn_picture_luma(const struct kn_picture *picture)
{
    return (struct kn_luma){picture->planes[0], picture->strides[0], picture->width_px,
                            picture->height_px};
}

/* One of the pictures in which faces were looked for. */
struct kn_seen_sample {
    int64_t at_us;
    int first, count; /* of all faces */
};

/* Face samples while they are gathered; start from {0}. */
struct kn_seen_faces {
    KN_VEC(struct kn_seen_sample) samples;
    KN_VEC(struct kn_face) faces;
};

void kn_seen_faces_free(struct kn_seen_faces *seen);
/* Looks for faces in the picture that `reader` gave last. */
enum kn_status kn_seen_faces_add(struct kn_seen_faces *seen, struct kn_face_finder *finder,
                                 const struct kn_source *source, struct kn_video_reader *reader,
                                 int64_t at_us, float threshold, struct kn_error *err);
/* Adds the samples of `from` behind those of `seen`. */
void kn_seen_faces_append(struct kn_seen_faces *seen, const struct kn_seen_faces *from);
const struct kn_face_sample *kn_seen_faces_to_arena(const struct kn_seen_faces *seen,
                                                    struct kn_arena *arena);

#endif
