/*
 * Probing: opens a source, looks at its streams, and says in one sentence what is wrong with it.
 */
#ifndef KN_MEDIA_PROBE_H
#define KN_MEDIA_PROBE_H

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "model/source.h"

/*
 * Fills *ret_source (strings in `arena`) for a local file. Picks the best video stream (not a cover
 * picture, the largest one that decodes) and the best audio stream (default flag, most channels),
 * measures the duration where the container is silent or a guess, and decodes a little of both to
 * see that the codecs work; a stream that does not decode is passed over. Never touches the network
 * or another file, whatever the name or the content says.
 *
 * NOT_FOUND, DENIED, INVALID (a directory, a device, an empty file, a playlist, a still picture,
 * subtitles), DAMAGED (not media, cut off before its index, nothing decodes), UNSUPPORTED (no
 * decoder, an exotic container, a picture of more than 16384 pixels a side or 67 million in all),
 * IO, CANCELLED.
 */
enum kn_status kn_probe(const char *path, struct kn_arena *arena, struct kn_cancel *cancel,
                        struct kn_source *ret_source, struct kn_error *err);

#endif
