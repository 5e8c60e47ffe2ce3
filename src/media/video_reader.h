/*
 * Reading the pictures of a source, upright, with as little decoding as the caller can do with.
 *
 * What comes out is always turned upright (rotation), deinterlaced where needed, and SDR BT.709
 * (HDR is tone mapped) unless the caller asks for small luma or RGB only, where a cheap path is
 * taken. Sample aspect stays as coded in full-size YUV (see kn_source) and is corrected in scaled
 * pictures.
 */
#ifndef KN_MEDIA_VIDEO_READER_H
#define KN_MEDIA_VIDEO_READER_H

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "base/memory.h"
#include "media/picture.h"
#include "model/coded.h"
#include "model/source.h"

enum kn_decode {
    KN_DECODE_ALL,
    KN_DECODE_REFERENCE, /* pictures that others depend on */
    KN_DECODE_KEY,       /* key frames only: others do not even reach the decoder */
    KN_DECODE_NONE,      /* for choosers: this one not at all */
};

struct kn_video_options {
    int64_t start_us, end_us; /* media time; end -1: to the end. Exact: pictures whose time lies
                                 in [start, end), and the one that is on show at `start` */
    enum kn_decode decode;
    /* Hears of each coded picture in order of decoding, which is not the order of time, and says
     * which class it must belong to so as to be decoded; where `decode` is KN_DECODE_KEY that is
     * KEY or NONE. NULL: `decode` is for all. */
    enum kn_decode (*choose)(void *arg, const struct kn_coded *coded);
    void *choose_arg;
    int64_t also_us; /* along with each picture that `step_us` lets through, the first one that is
                        at least this much later; of key frames, if the next does not come first;
                        less than `step_us`; 0: none */
    bool rough;      /* skip in-loop filters: fine for analysis, never for output */
    int threads;     /* decoder threads; 0: one */
    enum kn_pixels pixels;
    int width_px, height_px;  /* 0, 0: full size (YUV420P only). Else scaled to exactly this, or
                                 inside this with kept shape where `letterbox` */
    bool letterbox;           /* pad with black to width x height (GRAY8 and RGB24) */
    struct kn_cancel *cancel; /* looked at between packets; borrowed; NULL: none */
    int64_t step_us; /* pictures less than this after the last one are passed over, without being
                        decoded where nothing depends on them; 0: every picture */
};

/* A small picture of what was decoded. */
struct kn_view {
    enum kn_pixels pixels; /* GRAY8 or RGB24 */
    int width_px, height_px;
    bool letterbox;
    float x, y, width, height; /* the part to show, shares of the upright picture, cut at its
                                  edges; width 0: all of it */
};

/* Where a picture of one size lies in a letterbox of another. */
void kn_letterbox(int from_width, int from_height, int width, int height, int *ret_x, int *ret_y,
                  int *ret_width, int *ret_height);

struct kn_video_reader;

/*
 * NOT_FOUND, DENIED, IO, DAMAGED (cannot be opened any more), UNSUPPORTED (no decoder). Only local
 * files are opened, and none that a file names. One thread at a time uses a reader.
 */
enum kn_status kn_video_reader_open(const struct kn_source *source,
                                    const struct kn_video_options *options,
                                    struct kn_video_reader **ret_reader, struct kn_error *err);
/*
 * The next picture in order of time; clear or move the last one first. Times grow from picture to
 * picture: what does not is passed over. A file that is cut off or damaged gives what can be
 * decoded. KN_END: no more. CANCELLED: only to be closed. UNSUPPORTED, LIMIT: this picture cannot
 * be converted.
 */
enum kn_status kn_video_reader_read(struct kn_video_reader *reader, struct kn_picture *ret_picture,
                                    struct kn_error *err);
/* Another look at the picture that was read last: same moment, other size, colours or part. For
 * readers of GRAY8 and RGB24. */
enum kn_status kn_video_reader_view(struct kn_video_reader *reader, const struct kn_view *view,
                                    struct kn_picture *ret_picture, struct kn_error *err);
/* Jumps: the next read gives the key frame at or before `at_us` (DECODE_KEY) or continues exactly
 * from at_us. For sparse sampling. `end` stays. */
enum kn_status kn_video_reader_seek(struct kn_video_reader *reader, int64_t at_us,
                                    struct kn_error *err);
/* Pictures that could not be decoded and were passed over. */
int kn_video_reader_damaged(const struct kn_video_reader *reader);
void kn_video_reader_close(struct kn_video_reader *reader); /* NULL is fine */
KN_SCOPED_DEFINE(kn_video_reader, kn_video_reader_close)

#endif
