#include "media/survey.h"

#include <assert.h>

#include "media/av.h"
#include "media/packets.h"

struct kn_coded kn_coded_of(const AVPacket *packet, AVRational time_base, int64_t origin_us)
{
    int64_t at = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    return (struct kn_coded){
        .at_us = at != AV_NOPTS_VALUE ? av_rescale_q(at, time_base, AV_TIME_BASE_Q) - origin_us
                                      : INT64_MIN,
        .bytes = packet->size,
        .key = (packet->flags & AV_PKT_FLAG_KEY) != 0,
    };
}

enum kn_status kn_survey(const struct kn_source *source, struct kn_cancel *cancel,
                         void (*hear)(void *arg, const struct kn_coded *coded), void *arg,
                         struct kn_error *err)
{
    assert(source->has_video);
    KN_SCOPED(kn_input) input = NULL;
    KN_SCOPED_AV(AVPacket) packet = kn_packet_new();
    enum kn_status status = kn_input_open(source->path, KN_INPUT_QUICK, cancel, &input, err);
    if (status != KN_OK)
        return status;
    if (source->video_stream >= (int)input->format->nb_streams)
        return kn_error_set(err, KN_DAMAGED, "%s has no pictures any more", input->name);
    kn_input_select(input, source->video_stream, -1);
    AVRational time_base = input->format->streams[source->video_stream]->time_base;
    while ((status = kn_input_packet(input, packet, err)) == KN_OK) {
        struct kn_coded coded = kn_coded_of(packet, time_base, source->origin_us);
        av_packet_unref(packet);
        hear(arg, &coded);
    }
    return status == KN_END ? KN_OK : status;
}
