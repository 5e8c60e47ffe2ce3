/*
 * What can be told of a file of sound without decoding it: which form its first bytes show, and how
 * long it plays. The bytes may be hostile.
 */
#ifndef KN_SANDBOX_SOUND_FILE_H
#define KN_SANDBOX_SOUND_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kn_sound_form {
    KN_SOUND_UNKNOWN,
    KN_SOUND_FLAC,
    KN_SOUND_MP3, /* mp3, mpeg, mpga */
    KN_SOUND_MP4, /* mp4, m4a */
    KN_SOUND_OGG_VORBIS,
    KN_SOUND_OGG, /* Opus and others */
    KN_SOUND_WAV,
    KN_SOUND_WEBM,
};

struct kn_sound_facts {
    enum kn_sound_form form;
    int64_t duration_us; /* guessed from the size where the file does not tell */
    bool silent;         /* certainly: samples that are all nothing */
    bool broken;         /* begins rightly, but holds no sound that could be played */
};

void kn_sound_probe(const void *data, size_t size, struct kn_sound_facts *ret_facts);
/* Does the service take files of this name's extension? */
bool kn_sound_extension_known(const char *filename);
/* Is that what such bytes are called? */
bool kn_sound_extension_fits(const char *filename, enum kn_sound_form form);

#endif
