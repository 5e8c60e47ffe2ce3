/*
 * What a frame's colours mean, with the gaps filled as players fill them.
 *
 * Streams often leave their colour description unspecified. The matrix is then BT.709 for HD sizes
 * and BT.601 below; an unknown transfer or primaries are BT.709's (the small difference to SMPTE
 * 170M's primaries is not worth a conversion). Range follows from the pixel format where it says
 * so.
 */
#ifndef KN_MEDIA_COLOUR_H
#define KN_MEDIA_COLOUR_H

#include <stdbool.h>

#include <libavutil/frame.h>

enum AVColorSpace kn_colour_matrix(const AVFrame *frame);        /* never unspecified */
enum AVColorPrimaries kn_colour_primaries(const AVFrame *frame); /* BT709 or BT2020 */
/* BT709, SMPTE2084 or ARIB_STD_B67 */
enum AVColorTransferCharacteristic kn_colour_transfer(const AVFrame *frame);
bool kn_colour_full_range(const AVFrame *frame);
bool kn_colour_is_hdr(enum AVColorTransferCharacteristic transfer); /* PQ or HLG */

#endif
