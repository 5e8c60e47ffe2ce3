#include "media/codecs.h"

#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <stdio.h>

const char *kn_codecs_version(void)
{
    static char text[32]; /* the same bytes whoever writes them */
    unsigned v = avcodec_version();
    snprintf(text, sizeof text, "%u.%u.%u", v >> 16, v >> 8 & 255, v & 255);
    return text;
}

bool kn_codecs_can_decode(const char *codec)
{
    const AVCodecDescriptor *descriptor = avcodec_descriptor_get_by_name(codec);
    return descriptor && avcodec_find_decoder(descriptor->id);
}

bool kn_codecs_has_encoder(const char *name)
{
    return avcodec_find_encoder_by_name(name) != NULL;
}

bool kn_codecs_has_filter(const char *filter)
{
    return avfilter_get_by_name(filter) != NULL;
}
