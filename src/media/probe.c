/*
 * Probing in three steps: open and analyse, decode a little of the best streams (a stream that
 * does not decode is dropped and the next best tried), then measure what headers leave open.
 */
#include "media/probe.h"

#include <string.h>

#include <libavutil/pixdesc.h>

#include "base/clock.h"
#include "base/str.h"
#include "media/av.h"

enum {
    CHECK_PACKETS_MAX = 600,            /* looked at before a stream counts as broken */
    CHECK_BYTES_MAX = 64 * 1024 * 1024, /* same */
    DURATION_MAX_S = 48 * 3600,         /* headers that claim more are not believed */
    PRIMING_MAX_US = 200000,
};

/* A stream on trial. */
struct trial {
    int stream; /* -1: none */
    AVCodecContext *decoder;
    int packets;
    bool decoded;
    bool interlaced;
    struct kn_error error; /* why there is no decoder */
};

/* ---- choosing ------------------------------------------------------------------------------- */

static bool is_still(const AVStream *stream)
{
    return stream->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS);
}

static bool sane_rate(AVRational rate)
{
    return rate.num > 0 && rate.den > 0 && av_q2d(rate) >= 0.1 && av_q2d(rate) <= 480.0;
}

/* A moving picture before a slow one (live photos carry a large still as a second track), then
 * the larger one. */
static double video_rank(const AVStream *stream)
{
    const AVCodecParameters *par = stream->codecpar;
    bool slow = sane_rate(stream->avg_frame_rate) && av_q2d(stream->avg_frame_rate) < 4.0;
    double area = (double)par->width * par->height;
    return area / 1e10 + (slow ? 0.0 : 1.0);
}

static double audio_rank(const AVStream *stream)
{
    bool normal = stream->disposition & AV_DISPOSITION_DEFAULT;
    bool special = stream->disposition & (AV_DISPOSITION_HEARING_IMPAIRED |
                                          AV_DISPOSITION_VISUAL_IMPAIRED | AV_DISPOSITION_COMMENT);
    return (normal ? 100.0 : 0.0) - (special ? 1000.0 : 0.0) +
           KN_MIN(stream->codecpar->ch_layout.nb_channels, 64) +
           KN_CLAMP(stream->codecpar->sample_rate, 0, 192000) / 1e6;
}

static int best_stream(const struct kn_input *input, enum AVMediaType type, uint64_t rejected)
{
    int best = -1;
    double best_rank = 0.0;
    for (int i = 0; i < (int)input->format->nb_streams && i < 64; i++) {
        const AVStream *stream = input->format->streams[i];
        if (stream->codecpar->codec_type != type || is_still(stream) ||
            stream->codecpar->codec_id == AV_CODEC_ID_NONE || (rejected >> i & 1))
            continue;
        double rank = type == AVMEDIA_TYPE_VIDEO ? video_rank(stream) : audio_rank(stream);
        if (best < 0 || rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

/* ---- trying --------------------------------------------------------------------------------- */

static void trial_open(struct trial *trial, const struct kn_input *input, int stream)
{
    *trial = (struct trial){.stream = stream};
    if (stream < 0)
        return;
    (void)kn_decoder_open(input, stream, 1, &trial->decoder, &trial->error);
}

static bool trial_pending(const struct trial *trial)
{
    return trial->decoder && !trial->decoded && trial->packets < CHECK_PACKETS_MAX;
}

/* NULL packet: drains. Errors count as "nothing decoded yet". */
static void trial_feed(struct trial *trial, const AVPacket *packet, AVFrame *frame)
{
    trial->packets++;
    if (avcodec_send_packet(trial->decoder, packet) < 0 && packet)
        return;
    while (avcodec_receive_frame(trial->decoder, frame) >= 0) {
        trial->decoded = true;
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100) /* FFmpeg 6.1 made it a flag */
        trial->interlaced |= (frame->flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
        trial->interlaced |= frame->interlaced_frame != 0;
#endif
        av_frame_unref(frame);
    }
}

static enum kn_status run_trials(struct kn_input *input, struct trial trials[2],
                                 struct kn_error *err)
{
    KN_SCOPED_AV(AVPacket) packet = kn_packet_new();
    KN_SCOPED_AV(AVFrame) frame = kn_frame_new();
    int64_t bytes = 0;
    kn_input_select(input, trials[0].stream, trials[1].stream);
    while (bytes < CHECK_BYTES_MAX && (trial_pending(&trials[0]) || trial_pending(&trials[1]))) {
        enum kn_status status = kn_input_packet(input, packet, err);
        if (status == KN_END)
            break;
        if (status != KN_OK)
            return status;
        for (int i = 0; i < 2; i++)
            if (trials[i].stream == packet->stream_index && trial_pending(&trials[i]))
                trial_feed(&trials[i], packet, frame);
        bytes += packet->size;
        av_packet_unref(packet);
    }
    for (int i = 0; i < 2; i++)
        if (trials[i].decoder && !trials[i].decoded)
            trial_feed(&trials[i], NULL, frame);
    return KN_OK;
}

/* The sentence for a source of which nothing can be used: the first real reason found. */
static enum kn_status nothing_usable(const struct kn_input *input, const struct kn_error *reason,
                                     struct kn_error *err)
{
    if (input->oversize_width_px)
        return kn_error_set(err, KN_UNSUPPORTED,
                            "%s: a picture of %dx%d is too large (at most %d pixels a side, "
                            "%d million in all)",
                            input->name, input->oversize_width_px, input->oversize_height_px,
                            KN_SIDE_MAX_PX, KN_PICTURE_MAX_PX / 1000000);
    if (reason->status == KN_UNSUPPORTED)
        return kn_error_set(err, KN_UNSUPPORTED, "%s", reason->text);
    if (input->format->nb_streams == 0)
        return kn_error_set(err, KN_DAMAGED, "%s holds neither pictures nor sound", input->name);
    return kn_error_set(err, KN_DAMAGED, "%s: neither its pictures nor its sound can be decoded",
                        input->name);
}

/* Finds the streams to use. Trying consumes packets, so each further round opens the file anew. */
static enum kn_status choose_streams(const char *path, struct kn_cancel *cancel,
                                     struct kn_input **ret_input, struct trial trials[2],
                                     struct kn_error *err)
{
    uint64_t rejected = 0;
    struct kn_error reason = {0};
    for (;;) {
        KN_SCOPED(kn_input) input = NULL;
        enum kn_status status = kn_input_open(path, KN_INPUT_ANALYSE, cancel, &input, err);
        if (status != KN_OK)
            return status;
        trial_open(&trials[0], input, best_stream(input, AVMEDIA_TYPE_VIDEO, rejected));
        trial_open(&trials[1], input, best_stream(input, AVMEDIA_TYPE_AUDIO, rejected));
        if (trials[0].stream < 0 && trials[1].stream < 0)
            return nothing_usable(input, &reason, err);
        status = run_trials(input, trials, err);
        avcodec_free_context(&trials[0].decoder);
        avcodec_free_context(&trials[1].decoder);
        if (status != KN_OK)
            return status;
        bool all_good = true;
        for (int i = 0; i < 2; i++) {
            if (trials[i].stream < 0 || trials[i].decoded)
                continue;
            all_good = false;
            rejected |= UINT64_C(1) << trials[i].stream;
            if (reason.status != KN_UNSUPPORTED && trials[i].error.status != KN_OK)
                reason = trials[i].error;
        }
        if (all_good) {
            *ret_input = KN_MOVE(input);
            return KN_OK;
        }
    }
}

/* ---- measuring ------------------------------------------------------------------------------ */

static int64_t to_media_us(const AVStream *stream, int64_t at, int64_t origin_us)
{
    int64_t us = av_rescale_q(at, stream->time_base, AV_TIME_BASE_Q);
    return us == INT64_MIN ? 0 : us - origin_us;
}

/* Reads the rest of the file for the end of the last packet. */
static enum kn_status measure_by_reading(struct kn_input *input, int64_t origin_us,
                                         int64_t *ret_end_us, struct kn_error *err)
{
    KN_SCOPED_AV(AVPacket) packet = kn_packet_new();
    int64_t end_us = 0;
    for (;;) {
        enum kn_status status = kn_input_packet(input, packet, err);
        if (status == KN_END)
            break;
        if (status != KN_OK)
            return status;
        int64_t at = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
        if (at != AV_NOPTS_VALUE)
            end_us = KN_MAX(end_us, to_media_us(input->format->streams[packet->stream_index],
                                                at + KN_MAX(packet->duration, 0), origin_us));
        av_packet_unref(packet);
    }
    *ret_end_us = end_us;
    return KN_OK;
}

/*
 * An MP4 whose index stands in front can lose its tail and still open. The index says where each
 * packet lies, so the last one inside the file is the true end. -1: nothing is missing.
 */
static int64_t end_by_index(const struct kn_input *input, AVStream *stream, int64_t size_bytes,
                            int64_t origin_us)
{
    int count = avformat_index_get_entries_count(stream);
    if (!kn_starts_with(input->format->iformat->name, "mov") || count == 0)
        return -1;
    int last = count - 1;
    for (; last >= 0; last--) {
        const AVIndexEntry *entry = avformat_index_get_entry(stream, last);
        if (entry->pos + entry->size <= size_bytes)
            break;
    }
    if (last == count - 1)
        return -1;
    if (last < 0)
        return 0;
    return to_media_us(stream, avformat_index_get_entry(stream, last + 1)->timestamp, origin_us);
}

static bool believable(int64_t duration_us)
{
    return duration_us > 0 && duration_us <= DURATION_MAX_S * KN_US_PER_S;
}

/* A start just below zero is the warm-up of an audio codec, which players do not play. */
static int64_t origin_of(const AVFormatContext *format)
{
    int64_t start_us = format->start_time;
    return start_us == AV_NOPTS_VALUE || (start_us < 0 && start_us > -PRIMING_MAX_US) ? 0
                                                                                      : start_us;
}

/* By the stream's own header; 0 when it is silent. */
static int64_t end_by_header(AVStream *stream, int64_t origin_us)
{
    if (stream->duration == AV_NOPTS_VALUE || stream->duration <= 0)
        return 0;
    int64_t start = stream->start_time != AV_NOPTS_VALUE ? stream->start_time : 0;
    if (start > 0 && stream->duration > INT64_MAX - start)
        return 0;
    return to_media_us(stream, start + stream->duration,
                       stream->start_time != AV_NOPTS_VALUE ? origin_us : 0);
}

static enum kn_status measure_duration(struct kn_input *input, struct kn_source *source,
                                       struct kn_error *err)
{
    const int used[2] = {source->video_stream, source->audio_stream};
    int64_t end_us = 0;
    bool silent = false;
    for (int i = 0; i < 2; i++) {
        if (used[i] < 0)
            continue;
        AVStream *stream = input->format->streams[used[i]];
        int64_t header_us = end_by_header(stream, source->origin_us);
        int64_t cut_us = end_by_index(input, stream, source->size_bytes, source->origin_us);
        if (cut_us >= 0) {
            source->cut_off = true;
            header_us = KN_MIN(header_us, cut_us);
        }
        silent |= header_us <= 0 && cut_us < 0;
        end_us = KN_MAX(end_us, header_us);
    }
    const AVFormatContext *format = input->format;
    bool guessed = format->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE;
    if (silent && !guessed && !source->cut_off && format->duration != AV_NOPTS_VALUE)
        end_us = KN_MAX(end_us, format->duration);
    if (guessed || !believable(end_us)) {
        enum kn_status status = measure_by_reading(input, source->origin_us, &end_us, err);
        if (status != KN_OK)
            return status;
    }
    if (!believable(end_us))
        return kn_error_set(err, KN_DAMAGED, "%s: how long it lasts cannot be determined",
                            input->name);
    source->duration_us = end_us;
    return KN_OK;
}

/* MP4's index gives every packet's time: the frame rate varies where more than 1 % of the steps
 * leave the usual one by more than a tenth. Elsewhere the header's two rates are compared. */
static bool varies(const struct kn_input *input, AVStream *stream)
{
    int count = avformat_index_get_entries_count(stream);
    if (kn_starts_with(input->format->iformat->name, "mov") && count >= 3) {
        int64_t first = avformat_index_get_entry(stream, 0)->timestamp;
        int64_t last = avformat_index_get_entry(stream, count - 1)->timestamp;
        double step = (double)(last - first) / (count - 1);
        int odd = 0;
        for (int i = 1; i < count; i++) {
            int64_t d = avformat_index_get_entry(stream, i)->timestamp -
                        avformat_index_get_entry(stream, i - 1)->timestamp;
            odd += (double)d < step * 0.9 - 1.0 || (double)d > step * 1.1 + 1.0;
        }
        return odd * 100 > count;
    }
    if (!sane_rate(stream->avg_frame_rate) || !sane_rate(stream->r_frame_rate))
        return false;
    double ratio = av_q2d(stream->avg_frame_rate) / av_q2d(stream->r_frame_rate);
    return ratio < 0.99 || ratio > 1.01;
}

/* ---- describing ----------------------------------------------------------------------------- */

static const char *tag(struct kn_arena *arena, const AVDictionary *tags, const char *key)
{
    const AVDictionaryEntry *entry = av_dict_get(tags, key, NULL, 0);
    if (!entry || !entry->value[0])
        return NULL;
    char shown[256];
    return kn_arena_strdup(arena, kn_text_show(entry->value, shown, sizeof shown));
}

static struct kn_rational rate_of(const AVStream *stream)
{
    AVRational rate = sane_rate(stream->avg_frame_rate) ? stream->avg_frame_rate
                      : sane_rate(stream->r_frame_rate) ? stream->r_frame_rate
                                                        : (AVRational){30, 1};
    return (struct kn_rational){rate.num, rate.den};
}

static void describe_video(struct kn_input *input, const struct trial *trial,
                           struct kn_arena *arena, struct kn_source *source)
{
    AVStream *stream = input->format->streams[trial->stream];
    const AVCodecParameters *par = stream->codecpar;
    const char *pixels = av_get_pix_fmt_name(par->format);
    source->has_video = true;
    source->video_stream = trial->stream;
    source->video_codec = kn_arena_strdup(arena, avcodec_get_name(par->codec_id));
    source->pixel_format = kn_arena_strdup(arena, pixels ? pixels : "unknown");
    source->coded_width_px = par->width;
    source->coded_height_px = par->height;

    AVRational aspect = av_guess_sample_aspect_ratio(input->format, stream, NULL);
    if (aspect.num <= 0 || aspect.den <= 0 || av_q2d(aspect) < 0.1 || av_q2d(aspect) > 10.0)
        aspect = (AVRational){1, 1};
    source->sample_aspect = (struct kn_rational){aspect.num, aspect.den};
    source->rotation_deg = kn_stream_rotation(stream);
    int wide = (int)av_rescale(par->width, aspect.num, aspect.den);
    bool turned = source->rotation_deg % 180 != 0;
    source->width_px = turned ? par->height : KN_MAX(wide, 1);
    source->height_px = turned ? KN_MAX(wide, 1) : par->height;

    source->frame_rate = rate_of(stream);
    source->variable_rate = varies(input, stream);
    source->hdr = par->color_trc == AVCOL_TRC_SMPTE2084 || par->color_trc == AVCOL_TRC_ARIB_STD_B67;
    source->interlaced = trial->interlaced || (par->field_order != AV_FIELD_UNKNOWN &&
                                               par->field_order != AV_FIELD_PROGRESSIVE);
}

static void describe_audio(const struct kn_input *input, int stream_index, struct kn_arena *arena,
                           struct kn_source *source)
{
    const AVStream *stream = input->format->streams[stream_index];
    source->has_audio = true;
    source->audio_stream = stream_index;
    source->audio_codec = kn_arena_strdup(arena, avcodec_get_name(stream->codecpar->codec_id));
    source->sample_rate_hz = stream->codecpar->sample_rate;
    source->channels = stream->codecpar->ch_layout.nb_channels;
    const char *language = tag(arena, stream->metadata, "language");
    source->language = language && strcmp(language, "und") != 0 ? language : NULL;
}

enum kn_status kn_probe(const char *path, struct kn_arena *arena, struct kn_cancel *cancel,
                        struct kn_source *ret_source, struct kn_error *err)
{
    KN_SCOPED(kn_input) input = NULL;
    struct trial trials[2];
    enum kn_status status = choose_streams(path, cancel, &input, trials, err);
    if (status != KN_OK)
        return status;
    const AVFormatContext *format = input->format;
    struct kn_source source = {
        .path = kn_arena_strdup(arena, path),
        .container = kn_arena_strdup(arena, format->iformat->name),
        .size_bytes = avio_size(format->pb),
        .origin_us = origin_of(format),
        .video_stream = -1,
        .audio_stream = -1,
        .sample_aspect = {1, 1},
        .frame_rate = {30, 1},
        .title = tag(arena, format->metadata, "title"),
        .creation_time = tag(arena, format->metadata, "creation_time"),
    };
    if (trials[0].stream >= 0)
        describe_video(input, &trials[0], arena, &source);
    if (trials[1].stream >= 0)
        describe_audio(input, trials[1].stream, arena, &source);
    status = measure_duration(input, &source, err);
    if (status == KN_OK)
        *ret_source = source;
    return status;
}
