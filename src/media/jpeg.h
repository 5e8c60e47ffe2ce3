/* Still pictures as JPEG files. */
#ifndef KN_MEDIA_JPEG_H
#define KN_MEDIA_JPEG_H

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "media/picture.h"

/* Writes a YUV420P picture (BT.709, limited range) as JFIF, whole or not at all. `quality`: 1 to
 * 100, as other programs count it more or less. */
enum kn_status kn_jpeg_write(const char *path, const struct kn_picture *picture, int quality,
                             struct kn_error *err);
/* The same into memory, in `arena`. */
enum kn_status kn_jpeg_encode(const struct kn_picture *picture, int quality, struct kn_arena *arena,
                              const void **ret_data, size_t *ret_size, struct kn_error *err);

#endif
