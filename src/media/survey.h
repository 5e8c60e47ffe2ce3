/*
 * A survey: reads the packets of a source's pictures without decoding any. About a
 * thousandth of what decoding costs, and enough to tell where key frames are and where pictures
 * were hard to predict.
 */
#ifndef KN_MEDIA_SURVEY_H
#define KN_MEDIA_SURVEY_H

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "model/coded.h"
#include "model/source.h"

/*
 * Calls `hear` for each coded picture in order of decoding. Ends early, with KN_OK, where a damaged
 * file has no more to give. KN_CANCELLED; NOT_FOUND, DENIED, IO, DAMAGED as kn_video_reader_open.
 */
enum kn_status kn_survey(const struct kn_source *source, struct kn_cancel *cancel,
                         void (*hear)(void *arg, const struct kn_coded *coded), void *arg,
                         struct kn_error *err);

#endif
