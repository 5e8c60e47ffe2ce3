/*
 * What the FFmpeg libraries on this machine can do; for `doctor` and for messages.
 */
#ifndef KN_MEDIA_CODECS_H
#define KN_MEDIA_CODECS_H

#include <stdbool.h>

const char *kn_codecs_version(void);           /* of FFmpeg's libraries: "59.37.100" */
bool kn_codecs_can_decode(const char *codec);  /* "hevc" */
bool kn_codecs_has_encoder(const char *name);  /* "libx264"; present, which is not yet working */
bool kn_codecs_has_filter(const char *filter); /* "zscale" */

#endif
