/* Is all of a file there? By what its container says of itself, without decoding anything. */
#ifndef KN_MEDIA_WHOLE_H
#define KN_MEDIA_WHOLE_H

#include <stdbool.h>

/*
 * false: the file ends before what its head promises, lacks the index that it can't be played
 * without, or has nothing but zeros where a head would be: it is being copied, or its recorder has
 * not ended. true: it is complete, or it is of a kind that does not tell (MPEG streams, live
 * Matroska), or no video, or can't be read at all.
 */
bool kn_media_whole(const char *path);

#endif
