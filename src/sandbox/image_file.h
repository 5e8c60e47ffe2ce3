/* Pictures as data URIs: do they decode, are they what they say, and what do they cost? */
#ifndef KN_SANDBOX_IMAGE_FILE_H
#define KN_SANDBOX_IMAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/catalogue.h"
#include "sandbox/rejection.h"

struct kn_image_facts {
    const char *type;        /* "image/jpeg"; NULL: none that is known */
    int width_px, height_px; /* 0: the bytes end before they tell, or are broken */
    bool animated;
    size_t bytes;
};

/* Looks at a picture's first bytes, which may be hostile. */
void kn_image_probe(const uint8_t *data, size_t size, struct kn_image_facts *ret_facts);
/* RFC 4648, strictly: no line breaks, padding where it belongs. NULL: it is none. Free it. */
uint8_t *kn_base64_decode(const char *text, size_t length, size_t *ret_size);
/* A URL of a message's picture. */
bool kn_image_check(const char *url, const char *param, struct kn_image_facts *ret_facts,
                    struct kn_rejection *rejection);
/* By the guide on images: tiles of 512 pixels, or patches of 32. `detail` is auto, low or high. */
int kn_image_tokens(const struct kn_image_facts *facts, const char *detail,
                    const struct kn_catalogue_model *model);

#endif
