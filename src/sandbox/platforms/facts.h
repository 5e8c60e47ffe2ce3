/*
 * What is in an uploaded file, as a platform would find out: by FFmpeg's demuxer, and by the boxes
 * of ISO base media files (ISO/IEC 14496-12), which it does not tell of. Shares no code with
 * src/media, so that it can't share its mistakes.
 */
#ifndef KN_SANDBOX_FACTS_H
#define KN_SANDBOX_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kn_media_facts {
    bool readable;       /* a container that the demuxer knows, with a stream */
    char container[32];  /* "mov,mp4,m4a,3gp,3g2,mj2" as FFmpeg names it */
    char brand[8];       /* "isom", "qt  "; "" where there is none */
    char video[24];      /* "h264"; "": there is none */
    char audio[24];      /* "aac"; "" */
    int64_t duration_us; /* 0: unknown */
    int width, height;   /* pixels as shown, after rotation */
    double fps;
    char pixels[16]; /* "yuv420p"; "" */
    bool interlaced; /* as the stream says of itself */
    int audio_channels, audio_rate_hz;
    bool moov_first; /* the index is before the media */
    bool edits;      /* an edit list that does more than to begin at the first sample */
    bool rearranged; /* one that does more than to skip the first samples, as priming needs it */
};

void kn_facts_read(const char *path, struct kn_media_facts *ret_facts);

/* boxes.c: the two facts above out of the file itself; for the fuzzer, from any source. */
struct kn_box_source {
    int64_t size;
    /* Exactly `size` bytes at `at`; false: they are not there. */
    bool (*read)(void *arg, int64_t at, void *data, size_t size);
    void *arg;
};
void kn_boxes_read(const struct kn_box_source *source, struct kn_media_facts *facts);

#endif
