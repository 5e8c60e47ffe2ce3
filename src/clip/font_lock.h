/*
 * Fontconfig's initialisation is not safe against itself on another thread. Whoever opens fonts or
 * libass, or closes them, holds this lock meanwhile; a leaf: nothing else is taken under it.
 */
#ifndef KN_CLIP_FONT_LOCK_H
#define KN_CLIP_FONT_LOCK_H

#include "base/sync.h"

extern pthread_mutex_t kn_font_lock;

#endif
