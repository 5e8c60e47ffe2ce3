/*
 * Sound on a grid.
 *
 * Output sample k (of the whole source) lies at media time k / rate. Decoded frames are placed on
 * the grid of their own rate by their timestamps, gaps are filled with silence and overlaps cut,
 * and the resampler is always started where the two grids meet (every 147 samples for 44100 →
 * 48000) some samples ahead of what is wanted. So reading from the middle gives the same samples
 * as reading everything, and positions never drift.
 *
 * Timestamps of many containers are rounded (1 ms in Matroska) or jitter. A frame that is off by
 * less than SLACK_US is taken as continuous; more is a real gap or overlap.
 */
#include "media/audio_reader.h"

#include <assert.h>
#include <string.h>

#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "base/clock.h"
#include "media/av.h"

enum {
    SLACK_US = 30000,
    WARM_UP_US = 400000,    /* decoded ahead of the start: codecs need up to some 200 ms of past */
    FILTER_TAPS = 64,       /* of the resampler, at the lower of the two rates */
    SILENCE_SAMPLES = 4096, /* fed at once where there is a gap */
    RATE_MIN_HZ = 1000,     /* what a damaged frame may claim and still be believed */
    RATE_MAX_HZ = 768000,
};

/* How far before the start to seek, one after the other, until a frame before it is found: the
 * first suffices nearly always, -1 is the beginning of the file. */
static const int64_t seek_back_us[] = {WARM_UP_US, 3000000, 20000000, -1};

struct kn_audio_reader {
    char *path;
    struct kn_input *input;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    int stream, video_stream;
    int64_t origin_us, start_us;
    struct kn_audio_format format;
    int seeks; /* tried so far, an index into seek_back_us */

    /* The resampler for what comes in now; NULL before the first frame. */
    SwrContext *resampler;
    AVChannelLayout layout;
    enum AVSampleFormat sample_format;
    int rate_hz;
    int64_t in_at; /* position of the next sample to feed, on the grid of rate_hz */

    int64_t out_at, out_end;   /* position behind the last sample in `buffer`, and where to stop */
    int64_t skip;              /* samples of the resampler to drop before out_at is reached */
    float *buffer;             /* resampled, not yet given */
    int buffered, given, room; /* in sample frames */

    bool holding; /* `frame` is decoded and waits for its place */
    bool heard;   /* something was decoded: silence from now on is damage */
    bool drained; /* the decoder has given its last frame */
    bool ended;   /* and the resampler its last sample */
    int64_t damaged_us;
};

/* ---- the resampler -------------------------------------------------------------------------- */

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/*
 * Layouts that FFmpeg has no weights for (more channels than names, ambisonics): mono is the mean
 * of all, stereo takes even channels left and odd ones right.
 */
static int set_plain_matrix(SwrContext *resampler, int in_channels, int out_channels)
{
    double *weights = kn_calloc((size_t)in_channels * (size_t)out_channels, sizeof *weights);
    for (int in = 0; in < in_channels; in++) {
        int out = in % out_channels;
        int sharing = (in_channels - out + out_channels - 1) / out_channels;
        weights[out * in_channels + in] = 1.0 / sharing;
    }
    int code = swr_set_matrix(resampler, weights, in_channels);
    free(weights);
    return code;
}

static int configure(struct kn_audio_reader *reader, SwrContext **ret_resampler,
                     AVChannelLayout *in)
{
    AVChannelLayout out;
    av_channel_layout_default(&out, reader->format.channels);
    int code = swr_alloc_set_opts2(ret_resampler, &out, AV_SAMPLE_FMT_FLT, reader->format.rate_hz,
                                   in, reader->sample_format, reader->rate_hz, 0, NULL);
    if (code < 0)
        return code;
    av_opt_set_int(*ret_resampler, "filter_size", FILTER_TAPS, 0);
    av_opt_set_double(*ret_resampler, "cutoff", 0.96, 0);
    av_opt_set_double(*ret_resampler, "rematrix_maxval", 1.0, 0); /* mixing down never clips */
    return 0;
}

/* Starts a resampler whose first output is at or before out_at, exactly on the grid. */
static enum kn_status start_resampler(struct kn_audio_reader *reader, const AVFrame *frame,
                                      struct kn_error *err)
{
    swr_free(&reader->resampler);
    av_channel_layout_uninit(&reader->layout);
    av_channel_layout_copy(&reader->layout, &frame->ch_layout);
    reader->sample_format = frame->format;
    reader->rate_hz = frame->sample_rate;

    AVChannelLayout in = frame->ch_layout;
    if (in.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&in, frame->ch_layout.nb_channels);
    int code = configure(reader, &reader->resampler, &in);
    if (code >= 0)
        code = swr_init(reader->resampler);
    if (code < 0) { /* no weights are known for this layout */
        swr_free(&reader->resampler);
        in = (AVChannelLayout){.order = AV_CHANNEL_ORDER_UNSPEC, .nb_channels = in.nb_channels};
        code = configure(reader, &reader->resampler, &in);
        if (code >= 0)
            code = set_plain_matrix(reader->resampler, in.nb_channels, reader->format.channels);
        if (code >= 0)
            code = swr_init(reader->resampler);
    }
    if (code < 0)
        return kn_av_error(err, code, "%s: its sound cannot be resampled", reader->input->name);

    int64_t common = gcd(reader->rate_hz, reader->format.rate_hz);
    int64_t in_step = reader->rate_hz / common, out_step = reader->format.rate_hz / common;
    int64_t lead = FILTER_TAPS * (1 + reader->rate_hz / reader->format.rate_hz);
    int64_t step = floor_div(reader->out_at, out_step) - (lead + in_step - 1) / in_step;
    reader->in_at = step * in_step;
    reader->skip = reader->out_at - step * out_step;
    return KN_OK;
}

/* Feeds `count` sample frames (NULL data: drains) and keeps what comes out behind what is skipped.
 */
static enum kn_status feed(struct kn_audio_reader *reader, const uint8_t **data, int count,
                           struct kn_error *err)
{
    int channels = reader->format.channels;
    if (reader->given == reader->buffered)
        reader->given = reader->buffered = 0;
    int most = swr_get_out_samples(reader->resampler, count);
    if (most < 0)
        return kn_av_error(err, most, "%s: its sound cannot be resampled", reader->input->name);
    if (reader->buffered + most > reader->room) {
        reader->room = reader->buffered + most;
        reader->buffer = kn_realloc(reader->buffer, (size_t)reader->room * (size_t)channels,
                                    sizeof *reader->buffer);
    }
    float *to = reader->buffer + (size_t)reader->buffered * (size_t)channels;
    int got = swr_convert(reader->resampler, (uint8_t **)&to, most, data, count);
    if (got < 0)
        return kn_av_error(err, got, "%s: its sound cannot be resampled", reader->input->name);
    if (data)
        reader->in_at += count;
    int dropped = (int)KN_MIN(reader->skip, (int64_t)got);
    if (dropped > 0) {
        memmove(to, to + (size_t)dropped * (size_t)channels,
                (size_t)(got - dropped) * (size_t)channels * sizeof *to);
        reader->skip -= dropped;
    }
    reader->buffered += got - dropped;
    reader->out_at += got - dropped;
    return KN_OK;
}

/* ---- placing what was decoded --------------------------------------------------------------- */

/* The next piece of a gap that ends at `until` (on the input grid). */
static enum kn_status feed_silence(struct kn_audio_reader *reader, int64_t until,
                                   struct kn_error *err)
{
    int count = (int)KN_MIN(until - reader->in_at, (int64_t)SILENCE_SAMPLES);
    int channels = reader->layout.nb_channels;
    uint8_t **silence = NULL;
    int code = av_samples_alloc_array_and_samples(&silence, NULL, channels, count,
                                                  reader->sample_format, 0);
    if (code < 0)
        return kn_av_error(err, code, "%s: its sound cannot be read", reader->input->name);
    av_samples_set_silence(silence, 0, count, channels, reader->sample_format);
    if (reader->heard)
        reader->damaged_us += av_rescale(count, KN_US_PER_S, reader->rate_hz);
    enum kn_status status = feed(reader, (const uint8_t **)silence, count, err);
    av_freep(&silence[0]);
    av_freep(&silence);
    return status;
}

static enum kn_status feed_frame(struct kn_audio_reader *reader, int from, struct kn_error *err)
{
    const AVFrame *frame = reader->frame;
    bool planar = av_sample_fmt_is_planar(frame->format);
    int channels = frame->ch_layout.nb_channels;
    size_t bytes = (size_t)av_get_bytes_per_sample(frame->format);
    size_t offset = (size_t)from * bytes * (planar ? 1 : (size_t)channels);
    const uint8_t *planes[AV_NUM_DATA_POINTERS] = {0};
    const uint8_t **data = planes;
    KN_SCOPED_MEM const uint8_t **many = NULL;
    if (planar && channels > AV_NUM_DATA_POINTERS)
        data = many = kn_calloc((size_t)channels, sizeof *many);
    for (int i = 0; i < (planar ? channels : 1); i++)
        data[i] = frame->extended_data[i] + offset;
    enum kn_status status = feed(reader, data, frame->nb_samples - from, err);
    if (status == KN_OK)
        reader->heard = true;
    return status;
}

/* Where the frame begins, on the grid of its own rate; `expected` where it does not say. */
static int64_t frame_position(const struct kn_audio_reader *reader, int64_t expected)
{
    const AVFrame *frame = reader->frame;
    int64_t at = frame->best_effort_timestamp;
    if (at == AV_NOPTS_VALUE)
        return expected;
    AVRational tick = reader->input->format->streams[reader->stream]->time_base;
    AVRational sample = {1, frame->sample_rate};
    int64_t origin = av_rescale_q(reader->origin_us, AV_TIME_BASE_Q, sample);
    int64_t position = av_rescale_q(at, tick, sample);
    if (position == INT64_MIN || position < -(INT64_MAX / 4) || position > INT64_MAX / 4)
        return expected;
    return position - origin;
}

/* Makes a resampler that fits the frame; gives first what an older one still holds. */
static enum kn_status fit_resampler(struct kn_audio_reader *reader, struct kn_error *err)
{
    const AVFrame *frame = reader->frame;
    if (reader->resampler && frame->sample_rate == reader->rate_hz &&
        frame->format == (int)reader->sample_format &&
        av_channel_layout_compare(&frame->ch_layout, &reader->layout) == 0)
        return KN_OK;
    if (reader->resampler) {
        enum kn_status status = feed(reader, NULL, 0, err);
        if (status != KN_OK)
            return status;
    }
    return start_resampler(reader, frame, err);
}

static bool seek_further_back(struct kn_audio_reader *reader);

/*
 * Finds the held frame its place: feeds it, drops it (before the start, an overlap), or feeds a
 * piece of the silence before it and holds it on.
 */
static enum kn_status place_frame(struct kn_audio_reader *reader, struct kn_error *err)
{
    const AVFrame *frame = reader->frame;
    if (frame->sample_rate < RATE_MIN_HZ || frame->sample_rate > RATE_MAX_HZ ||
        frame->ch_layout.nb_channels < 1) {
        reader->holding = false;
        return KN_OK;
    }
    enum kn_status status = fit_resampler(reader, err);
    if (status != KN_OK)
        return status;
    int64_t position = frame_position(reader, reader->in_at);
    int64_t slack = av_rescale(SLACK_US, reader->rate_hz, KN_US_PER_S);
    if (reader->heard && llabs(position - reader->in_at) <= slack)
        position = reader->in_at;
    if (position > reader->in_at) {
        if (!reader->heard && reader->start_us > 0 && seek_further_back(reader))
            return KN_OK;
        return feed_silence(reader, position, err);
    }
    reader->holding = false;
    if (position + frame->nb_samples <= reader->in_at)
        return KN_OK;
    return feed_frame(reader, (int)(reader->in_at - position), err);
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum kn_status open_streams(struct kn_audio_reader *reader, struct kn_error *err)
{
    avcodec_free_context(&reader->decoder);
    kn_input_close(reader->input);
    reader->input = NULL;
    enum kn_status status = kn_input_open(reader->path, KN_INPUT_QUICK, NULL, &reader->input, err);
    if (status != KN_OK)
        return status;
    if (reader->stream >= (int)reader->input->format->nb_streams)
        return kn_error_set(err, KN_LOST, "%s changed while it was being read",
                            reader->input->name);
    kn_input_select(reader->input, reader->stream, -1);
    return kn_decoder_open(reader->input, reader->stream, 1, &reader->decoder, err);
}

/* MP4 indexes every packet of the sound; most other containers index the pictures alone. */
static int seek_stream(const struct kn_audio_reader *reader)
{
    bool by_sound = strncmp(reader->input->format->iformat->name, "mov", 3) == 0;
    return by_sound || reader->video_stream < 0 ? reader->stream : reader->video_stream;
}

/* The next attempt; false when there are no more or it failed. */
static bool seek_further_back(struct kn_audio_reader *reader)
{
    if (reader->seeks >= (int)KN_COUNT_OF(seek_back_us))
        return false;
    int64_t back_us = seek_back_us[reader->seeks++];
    int64_t to_us = reader->start_us - back_us;
    reader->holding = false;
    if (back_us < 0 || to_us <= 0) { /* from the beginning, which a fresh file is at */
        reader->seeks = (int)KN_COUNT_OF(seek_back_us);
        return open_streams(reader, NULL) == KN_OK;
    }
    int stream = seek_stream(reader);
    int64_t at = av_rescale_q(to_us + reader->origin_us, AV_TIME_BASE_Q,
                              reader->input->format->streams[stream]->time_base);
    if (avformat_seek_file(reader->input->format, stream, INT64_MIN, at, at, 0) < 0)
        return seek_further_back(reader);
    avcodec_flush_buffers(reader->decoder);
    return true;
}

/* Sound that ends well before the start need not be decoded. */
static bool too_early(const struct kn_audio_reader *reader)
{
    const AVPacket *packet = reader->packet;
    if (packet->pts == AV_NOPTS_VALUE || reader->heard)
        return false;
    int64_t end_us =
        av_rescale_q(packet->pts + KN_MAX(packet->duration, 0),
                     reader->input->format->streams[reader->stream]->time_base, AV_TIME_BASE_Q) -
        reader->origin_us;
    return end_us < reader->start_us - 2 * WARM_UP_US;
}

/* Decodes the next frame into `frame`. Packets that do not decode leave a gap. */
static enum kn_status decode_frame(struct kn_audio_reader *reader, struct kn_error *err)
{
    for (;;) {
        int code = avcodec_receive_frame(reader->decoder, reader->frame);
        if (code >= 0) {
            reader->holding = true;
            return KN_OK;
        }
        if (code == AVERROR_EOF) {
            reader->drained = true;
            return KN_OK;
        }
        enum kn_status status = kn_input_packet(reader->input, reader->packet, err);
        if (status != KN_OK && status != KN_END)
            return status;
        if (status == KN_END)
            code = avcodec_send_packet(reader->decoder, NULL);
        else if (!too_early(reader))
            code = avcodec_send_packet(reader->decoder, reader->packet);
        av_packet_unref(reader->packet);
        if (code == AVERROR(ENOMEM))
            return kn_av_error(err, code, "cannot decode the sound of %s", reader->input->name);
    }
}

static enum kn_status advance(struct kn_audio_reader *reader, struct kn_error *err)
{
    if (reader->holding)
        return place_frame(reader, err);
    if (!reader->drained)
        return decode_frame(reader, err);
    reader->ended = true;
    return reader->resampler ? feed(reader, NULL, 0, err) : KN_OK;
}

enum kn_status kn_audio_reader_read(struct kn_audio_reader *reader, float *samples, int max,
                                    int *ret_count, struct kn_error *err)
{
    size_t channels = (size_t)reader->format.channels;
    int count = 0;
    while (count < max) {
        int ready = reader->buffered - reader->given;
        int64_t next = reader->out_at - ready; /* position of the next sample to give */
        int take = (int)KN_MIN(KN_MIN(ready, max - count), reader->out_end - next);
        if (take > 0) {
            memcpy(samples + (size_t)count * channels,
                   reader->buffer + (size_t)reader->given * channels,
                   (size_t)take * channels * sizeof *samples);
            reader->given += take;
            count += take;
            continue;
        }
        if (next >= reader->out_end || reader->ended)
            break;
        enum kn_status status = advance(reader, err);
        if (status != KN_OK)
            return status;
    }
    if (count == 0 && max > 0)
        return KN_END;
    *ret_count = count;
    return KN_OK;
}

enum kn_status kn_audio_reader_open(const struct kn_source *source,
                                    const struct kn_audio_format *format, int64_t start_us,
                                    int64_t end_us, struct kn_audio_reader **ret_reader,
                                    struct kn_error *err)
{
    assert(source->has_audio && start_us >= 0);
    assert(format->channels == 1 || format->channels == 2);
    KN_SCOPED(kn_audio_reader) reader = kn_calloc(1, sizeof *reader);
    if (end_us < 0 || end_us > source->duration_us)
        end_us = source->duration_us; /* timestamps of a damaged file may claim centuries */
    reader->path = kn_strdup(source->path);
    reader->packet = kn_packet_new();
    reader->frame = kn_frame_new();
    reader->stream = source->audio_stream;
    reader->video_stream = source->has_video ? source->video_stream : -1;
    reader->origin_us = source->origin_us;
    reader->start_us = start_us;
    reader->format = *format;
    reader->out_at = av_rescale(start_us, format->rate_hz, KN_US_PER_S);
    reader->out_end = av_rescale(end_us, format->rate_hz, KN_US_PER_S);
    enum kn_status status = open_streams(reader, err);
    if (status != KN_OK)
        return status;
    if (start_us > 2 * WARM_UP_US && !seek_further_back(reader))
        return kn_error_set(err, KN_IO, "%s: the sound cannot be read from %.1f s on",
                            reader->input ? reader->input->name : source->path,
                            kn_seconds(start_us));
    *ret_reader = KN_MOVE(reader);
    return KN_OK;
}

int64_t kn_audio_reader_damaged_us(const struct kn_audio_reader *reader)
{
    return reader->damaged_us;
}

void kn_audio_reader_close(struct kn_audio_reader *reader)
{
    if (!reader)
        return;
    swr_free(&reader->resampler);
    av_channel_layout_uninit(&reader->layout);
    avcodec_free_context(&reader->decoder);
    kn_input_close(reader->input);
    av_packet_free(&reader->packet);
    av_frame_free(&reader->frame);
    free(reader->buffer);
    free(reader->path);
    free(reader);
}
