#include "sandbox/platforms/facts.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>

static void read_video(const AVStream *stream, AVRational fps, struct kn_media_facts *facts)
{
    const AVCodecParameters *parameters = stream->codecpar;
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    double turned = matrix ? av_display_rotation_get((const int32_t *)matrix) : 0;
    bool upright = isnan(turned) || fmod(fabs(turned) + 45, 180) < 90;
    snprintf(facts->video, sizeof facts->video, "%s", avcodec_get_name(parameters->codec_id));
    facts->width = upright ? parameters->width : parameters->height;
    facts->height = upright ? parameters->height : parameters->width;
    facts->fps = fps.den ? av_q2d(fps) : 0;
    const char *pixels = av_get_pix_fmt_name((enum AVPixelFormat)parameters->format);
    snprintf(facts->pixels, sizeof facts->pixels, "%s", pixels ? pixels : "");
    facts->interlaced = parameters->field_order > AV_FIELD_PROGRESSIVE;
}

static void read_streams(AVFormatContext *format, struct kn_media_facts *facts)
{
    int video = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    int audio = av_find_best_stream(format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    snprintf(facts->container, sizeof facts->container, "%s", format->iformat->name);
    if (format->duration > 0)
        facts->duration_us = format->duration;
    if (video >= 0)
        read_video(format->streams[video],
                   av_guess_frame_rate(format, format->streams[video], NULL), facts);
    if (audio >= 0) {
        const AVCodecParameters *parameters = format->streams[audio]->codecpar;
        snprintf(facts->audio, sizeof facts->audio, "%s", avcodec_get_name(parameters->codec_id));
        facts->audio_channels = parameters->ch_layout.nb_channels;
        facts->audio_rate_hz = parameters->sample_rate;
    }
    facts->readable = video >= 0 || audio >= 0;
}

static bool read_at(void *arg, int64_t at, void *data, size_t size)
{
    return pread(*(int *)arg, data, size, at) == (ssize_t)size;
}

static void read_boxes(const char *path, struct kn_media_facts *facts)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0) {
        struct kn_box_source source = {st.st_size, read_at, &fd};
        kn_boxes_read(&source, facts);
    }
    close(fd);
}

/* What is wrong with a file is told by its post, not on the terminal. Where src/media has set a
 * callback of its own, this changes nothing. */
static void be_quiet(void)
{
    av_log_set_level(AV_LOG_QUIET);
}

/* The protocol is named, so that no content makes the demuxer open anything else. */
void kn_facts_read(const char *path, struct kn_media_facts *ret_facts)
{
    AVFormatContext *format = NULL;
    AVDictionary *options = NULL;
    char url[4200];
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, be_quiet);
    *ret_facts = (struct kn_media_facts){0};
    snprintf(url, sizeof url, "file:%s", path);
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    av_dict_set(&options, "enable_drefs", "0", 0);
    if (avformat_open_input(&format, url, NULL, &options) == 0) {
        if (avformat_find_stream_info(format, NULL) >= 0)
            read_streams(format, ret_facts);
        avformat_close_input(&format);
    }
    av_dict_free(&options);
    read_boxes(path, ret_facts);
}
