/*
 * A post as a JSON document, for platforms that hand it on as it is: beside a file in a folder, and
 * in a webhook's request.
 */
#ifndef KN_PLATFORM_POST_DOCUMENT_H
#define KN_PLATFORM_POST_DOCUMENT_H

#include "platform/posting.h"

/*
 * The caller's. The same post gives the same document:
 *
 *   {"marker": "0123456789abcdef", "title": "…", "caption": "…", "tags": ["…"], "language": "en",
 *    "privacy": "public", "publish_at": "2026-11-24T09:00:00Z", "cover_s": 1.5, "draft": false,
 *    "made_for_kids": false, "made_with_ai": false,
 *    "clip": {"file": "name.mp4", "xxh3_128": "…", "bytes": 1234, "duration_s": 30.0,
 *             "width_px": 1080, "height_px": 1920}}
 *
 * language, publish_at and cover_s are null where nothing is known or chosen.
 */
json_t *kn_post_document(const struct kn_posting *posting, const char *file_name);

/* What a platform takes that hands documents on: all there is, in sizes that keep them small. */
#define KN_POST_DOCUMENT_TAKES                                                                     \
    .title = {.name = "title", .max = 200, .unit = KN_UNIT_CHARACTERS, .usual = "{title}"},        \
    .caption = {.name = "caption",                                                                 \
                .max = 10000,                                                                      \
                .unit = KN_UNIT_CHARACTERS,                                                        \
                .usual = "{description|hook}\n\n{hashtags}"},                                      \
    .tags_max = 2000, .privacies = (1u << KN_PRIVACY_COUNT) - (2u << KN_PRIVACY_DEFAULT)

/* "video/mp4", by the ending of the name. */
const char *kn_post_content_type(const char *path);

#endif
