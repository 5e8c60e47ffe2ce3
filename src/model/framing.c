#include <assert.h>

#include "model/clip.h"

/* The last key at or before `at_us`; 0 when all are later. */
static int key_before(const struct kn_framing *framing, int64_t at_us)
{
    int low = 0, high = framing->key_count - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (framing->keys[middle].at_us <= at_us)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static double between(double a, double b, double share)
{
    return a + (b - a) * share;
}

struct kn_frame_key kn_framing_at(const struct kn_framing *framing, int64_t at_us)
{
    assert(framing->key_count > 0);
    int index = key_before(framing, at_us);
    struct kn_frame_key key = framing->keys[index];
    if (index + 1 == framing->key_count || at_us <= key.at_us)
        return key;
    const struct kn_frame_key *next = &framing->keys[index + 1];
    if (next->cut || next->layout != key.layout || next->pane_count != key.pane_count)
        return key;
    double share = (double)(at_us - key.at_us) / (double)(next->at_us - key.at_us);
    for (int i = 0; i < key.pane_count; i++) {
        struct kn_rect *pane = &key.panes[i];
        const struct kn_rect *to = &next->panes[i];
        pane->x = between(pane->x, to->x, share);
        pane->y = between(pane->y, to->y, share);
        pane->width = between(pane->width, to->width, share);
        pane->height = between(pane->height, to->height, share);
    }
    key.at_us = at_us;
    return key;
}
