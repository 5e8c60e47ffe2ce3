/*
 * How the boxes of an MP4 or QuickTime file lie (ISO/IEC 14496-12): platforms want the index before
 * the media, and no edit lists. FFmpeg reads all of them and says nothing of their order.
 */
#ifndef KN_MEDIA_BOXES_H
#define KN_MEDIA_BOXES_H

#include <stdbool.h>

#include <kirinuki/status.h>

struct kn_boxes {
    char brand[5];    /* major brand: "isom", "qt  "; "" in another kind of file */
    bool index_first; /* moov before mdat */
    bool edit_lists;  /* one that cuts something away or rearranges it; the delay of an audio
                         encoder (less than 0.1 s at the begin) and a whole list of one entry do not
                         count */
};

/* Reads some hundred bytes of the file; it may be hostile. A file of another kind has no boxes,
 * which is no error. NOT_FOUND, DENIED, IO. */
enum kn_status kn_boxes_read(const char *path, struct kn_boxes *ret_boxes, struct kn_error *err);

#endif
