/*
 * Finding faces in a picture with BlazeFace (256x256 "back" model) on ONNX Runtime.
 */
#ifndef KN_AI_FACES_H
#define KN_AI_FACES_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/status.h>

#include "base/memory.h"
#include "model/timeline.h"

struct kn_face_finder; /* shared by any number of threads */

enum { KN_FACES_INPUT_PX = 256, KN_FACES_MAX = 32 };

/* Is everything there that it needs? Quick: nothing is loaded. MISSING: no ONNX Runtime or no
 * model; the sentence says what to type. `models` as in ai/models.h. */
enum kn_status kn_face_finder_available(const char *models, struct kn_error *err);
/* MISSING as above. */
enum kn_status kn_face_finder_open(const char *models, struct kn_face_finder **ret_finder,
                                   struct kn_error *err);
/*
 * `rgb` is a 256x256 letterboxed RGB24 picture with `stride` bytes a row. `content_x`, `content_y`,
 * `content_width`, `content_height` are the part that holds the picture, in pixels; the faces'
 * coordinates are shares of that part. Faces below `threshold` (0.6; 0.5 to continue a track)
 * are dropped. Sorted by score.
 */
struct kn_face_input {
    const uint8_t *rgb;
    int stride;
    int content_x, content_y, content_width, content_height;
    float threshold;
};
enum kn_status kn_face_finder_run(struct kn_face_finder *finder, const struct kn_face_input *input,
                                  struct kn_face ret_faces[KN_FACES_MAX], int *ret_count,
                                  struct kn_error *err);
void kn_face_finder_close(struct kn_face_finder *finder); /* NULL is fine */
KN_SCOPED_DEFINE(kn_face_finder, kn_face_finder_close)

#endif
