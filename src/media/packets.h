/*
 * Packets as coded pictures. Private to src/media.
 */
#ifndef KN_MEDIA_PACKETS_H
#define KN_MEDIA_PACKETS_H

#include <libavcodec/packet.h>

#include "model/coded.h"

/* A packet without a time of showing is taken to be shown when it is decoded. */
struct kn_coded kn_coded_of(const AVPacket *packet, AVRational time_base, int64_t origin_us);

#endif
