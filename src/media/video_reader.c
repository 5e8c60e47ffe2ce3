/*
 * Packets are read, decoded, timed and chosen here; what a chosen frame becomes is the work of
 * upright.c (full size) and shrink.c (small).
 *
 * Exact starts. A seek lands on a key frame that the container believes to lie at or before the
 * wanted time; it may be late (indexes count decoding times, transport streams have none). So the
 * first frame that comes out is checked, and while it is later than the start, the seek is repeated
 * further back, by doubling steps, until the beginning of the file. On the way from the key frame
 * to the start, frames that no other needs are not decoded; should the picture on show at the start
 * be one of these after all (variable frame rates), the way is gone again without that saving.
 *
 * Key frames only. The decoder is drained and flushed after each packet, so that every key frame
 * comes out at once and none is taken for a neighbour of the one before.
 */
#include "media/video_reader.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "media/av.h"
#include "media/ffmpeg.h"
#include "media/packets.h"
#include "media/shrink.h"
#include "media/upright.h"

static const int64_t FIRST_STEP_BACK_US = KN_US_PER_S;
/* On the way to the start everything is decoded from this long before it on. */
static const int64_t RUN_UP_US = 100 * 1000;

struct kn_video_reader {
    /* Fixed at open. */
    struct kn_video_options options;
    char *path; /* owned */
    bool analyse;
    int stream_index;
    int64_t origin_us;
    int64_t frame_us; /* the nominal length of a picture */
    struct kn_input *input;
    AVStream *stream;
    AVCodecContext *codec;
    struct kn_upright *upright;   /* for full size, or NULL */
    struct kn_shrinker *shrinker; /* for small pictures, or NULL */

    /* Where reading stands. */
    AVPacket *packet;
    AVFrame *decoded;  /* the newest from the decoder */
    AVFrame *held;     /* newest picture at or before the start, while it is looked for */
    AVFrame *shown;    /* what the last small picture was made of */
    int64_t start_us;  /* INT64_MIN: from wherever reading stands */
    bool at_start;     /* the picture on show at the start was found */
    bool from_top;     /* reading began at the beginning of the file: nothing lies before */
    bool hurry;        /* frames on the way to the start may be passed over */
    int64_t passed_us; /* the newest picture passed over on the way to the start */
    int64_t last_us;   /* of the newest picture that was decoded */
    int64_t given_us;  /* of the newest picture that went to the caller by its step */
    bool given_also;   /* and of the one along with it */
    /* Key frames only. A run is a key frame and what is decoded along with it. */
    int64_t sent_us;   /* of the newest key frame that started a run */
    bool in_run;       /* the picture along with it has not been sent yet */
    bool packet_waits; /* `packet` was read, and is sent once the run before is out */
    bool no_packets;   /* the end was sent to the decoder */
    bool over;         /* nothing comes any more */
    int damaged;
};

/* ---- Opening ---- */

/*
 * Headers do not say by how many pictures an H.264 stream is reordered, unless the container does
 * (MP4): elsewhere some pictures are decoded to find out, or the first ones would come out of
 * order.
 */
static enum kn_status open_input(struct kn_video_reader *reader, struct kn_error *err)
{
    enum kn_status status =
        kn_input_open(reader->path, reader->analyse ? KN_INPUT_ANALYSE : KN_INPUT_QUICK,
                      reader->options.cancel, &reader->input, err);
    if (status != KN_OK)
        return status;
    if (reader->stream_index >= (int)reader->input->format->nb_streams)
        return kn_error_set(err, KN_DAMAGED, "%s has no pictures any more", reader->input->name);
    kn_input_select(reader->input, reader->stream_index, -1);
    reader->stream = reader->input->format->streams[reader->stream_index];
    return KN_OK;
}

static enum kn_status open_codec(struct kn_video_reader *reader, struct kn_error *err)
{
    /* Draining after each key frame leaves nothing for a second thread to do. */
    int threads = reader->options.decode == KN_DECODE_KEY ? 1 : reader->options.threads;
    enum kn_status status =
        kn_decoder_open(reader->input, reader->stream_index, threads, &reader->codec, err);
    if (status == KN_OK && reader->options.rough)
        reader->codec->skip_loop_filter = AVDISCARD_ALL;
    return status;
}

static void set_position(struct kn_video_reader *reader, int64_t start_us)
{
    reader->start_us = start_us;
    reader->at_start = false;
    reader->hurry = reader->options.decode != KN_DECODE_KEY;
    reader->passed_us = INT64_MIN;
    reader->last_us = reader->given_us = reader->sent_us = INT64_MIN;
    reader->given_also = reader->over = false;
    av_frame_unref(reader->held);
    av_frame_unref(reader->decoded);
}

enum kn_status kn_video_reader_open(const struct kn_source *source,
                                    const struct kn_video_options *options,
                                    struct kn_video_reader **ret_reader, struct kn_error *err)
{
    assert(source->has_video && source->video_stream >= 0);
    assert(options->pixels == KN_PIXELS_YUV420P || options->width_px > 0);
    assert(options->also_us == 0 || options->also_us < options->step_us);
    KN_SCOPED(kn_video_reader) reader = kn_calloc(1, sizeof *reader);
    reader->options = *options;
    reader->path = kn_strdup(source->path);
    reader->stream_index = source->video_stream;
    reader->origin_us = source->origin_us;
    reader->frame_us = source->frame_rate.num > 0 && source->frame_rate.den > 0
                           ? av_rescale(KN_US_PER_S, source->frame_rate.den, source->frame_rate.num)
                           : KN_US_PER_S / 30;
    reader->analyse =
        strcmp(source->video_codec, "h264") == 0 && !kn_starts_with(source->container, "mov");
    reader->packet = kn_packet_new();
    reader->decoded = kn_frame_new();
    reader->held = kn_frame_new();
    reader->shown = kn_frame_new();

    enum kn_status status = open_input(reader, err);
    if (status == KN_OK)
        status = open_codec(reader, err);
    if (status != KN_OK)
        return status;
    if (options->pixels == KN_PIXELS_YUV420P)
        reader->upright =
            kn_upright_new(source, options->width_px, options->height_px, options->threads);
    else
        reader->shrinker = kn_shrinker_new(source);

    set_position(reader, options->start_us);
    reader->from_top = true;
    if (options->start_us > 0) {
        status = kn_video_reader_seek(reader, options->start_us, err);
        if (status != KN_OK)
            return status;
    }
    *ret_reader = KN_MOVE(reader);
    return KN_OK;
}

void kn_video_reader_close(struct kn_video_reader *reader)
{
    if (!reader)
        return;
    kn_upright_free(reader->upright);
    kn_shrinker_free(reader->shrinker);
    av_frame_free(&reader->shown);
    av_frame_free(&reader->held);
    av_frame_free(&reader->decoded);
    av_packet_free(&reader->packet);
    avcodec_free_context(&reader->codec);
    kn_input_close(reader->input);
    free(reader->path);
    free(reader);
}

int kn_video_reader_damaged(const struct kn_video_reader *reader)
{
    return reader->damaged;
}

/* ---- Seeking ---- */

static int64_t media_time(const struct kn_video_reader *reader, int64_t stream_time)
{
    return av_rescale_q(stream_time, reader->stream->time_base, AV_TIME_BASE_Q) - reader->origin_us;
}

/* To the very first packet; by opening the file anew where its format cannot seek, or where the
 * first packets have no times to seek to. */
static enum kn_status go_to_top(struct kn_video_reader *reader, struct kn_error *err)
{
    reader->from_top = true;
    int64_t first = reader->stream->start_time;
    /* Well before the start: edit lists and B-frames begin below it. */
    int64_t margin = av_rescale_q(10 * KN_US_PER_S, AV_TIME_BASE_Q, reader->stream->time_base);
    if (first != AV_NOPTS_VALUE && avformat_seek_file(reader->input->format, reader->stream_index,
                                                      INT64_MIN, first - margin, first, 0) >= 0)
        return KN_OK;
    kn_input_close(reader->input);
    reader->input = NULL;
    return open_input(reader, err);
}

/* Lets the next packet be a key frame that starts, as the container says, at or before `at_us`. No
 * picture is shown before 0, so that whoever steps back and back comes to the top whatever the
 * container says about its start. */
static enum kn_status jump(struct kn_video_reader *reader, int64_t at_us, struct kn_error *err)
{
    avcodec_flush_buffers(reader->codec);
    av_packet_unref(reader->packet);
    reader->no_packets = reader->in_run = reader->packet_waits = false;
    int64_t at = av_rescale_q(at_us + reader->origin_us, AV_TIME_BASE_Q, reader->stream->time_base);
    bool before_all = at_us < 0 || (reader->stream->start_time != AV_NOPTS_VALUE &&
                                    at <= reader->stream->start_time);
    reader->from_top = false;
    if (before_all ||
        av_seek_frame(reader->input->format, reader->stream_index, at, AVSEEK_FLAG_BACKWARD) < 0)
        return go_to_top(reader, err);
    return KN_OK;
}

enum kn_status kn_video_reader_seek(struct kn_video_reader *reader, int64_t at_us,
                                    struct kn_error *err)
{
    set_position(reader, at_us);
    if (reader->upright)
        kn_upright_reset(reader->upright);
    return jump(reader, at_us, err);
}

/* ---- Packets to frames ---- */

/* The class that a picture must belong to so as to be decoded. */
static enum kn_decode wanted_class(struct kn_video_reader *reader, const struct kn_coded *coded)
{
    enum kn_decode decode = reader->options.decode;
    if (reader->options.choose)
        decode = reader->options.choose(reader->options.choose_arg, coded);
    if (!reader->at_start && reader->hurry && decode == KN_DECODE_ALL &&
        coded->at_us != INT64_MIN &&
        coded->at_us + 2 * reader->frame_us + RUN_UP_US < reader->start_us) {
        reader->passed_us = KN_MAX(reader->passed_us, coded->at_us);
        return KN_DECODE_REFERENCE;
    }
    return decode;
}

/* Sends the packet to be decoded if it belongs to `wanted`. */
static void send(struct kn_video_reader *reader, enum kn_decode wanted)
{
    static const enum AVDiscard discards[] = {
        [KN_DECODE_ALL] = AVDISCARD_DEFAULT,
        [KN_DECODE_REFERENCE] = AVDISCARD_NONREF,
        [KN_DECODE_KEY] = AVDISCARD_DEFAULT, /* what is none does not get this far */
    };
    reader->codec->skip_frame = discards[wanted];
    if (avcodec_send_packet(reader->codec, reader->packet) < 0)
        reader->damaged++;
}

/* Has the decoder give out all that it holds. */
static void drain(struct kn_video_reader *reader)
{
    (void)avcodec_send_packet(reader->codec, NULL); /* fails only when it was sent before */
    reader->in_run = false;
}

/* One packet of a run: a key frame and what follows it, up to the picture wanted along with it. */
static void send_in_run(struct kn_video_reader *reader, const struct kn_coded *coded)
{
    if (coded->at_us != INT64_MIN && coded->at_us < reader->sent_us)
        return; /* leads up to the key frame, from others that were not decoded */
    send(reader, KN_DECODE_REFERENCE);
    if (coded->at_us == INT64_MIN || coded->at_us - reader->sent_us >= reader->options.also_us)
        drain(reader);
}

static bool starts_run(const struct kn_video_reader *reader, const struct kn_coded *coded,
                       enum kn_decode wanted)
{
    return coded->key && wanted == KN_DECODE_KEY &&
           (coded->at_us == INT64_MIN || reader->sent_us == INT64_MIN ||
            coded->at_us < reader->sent_us ||
            coded->at_us - reader->sent_us >= reader->options.step_us);
}

/* False: the packet has to wait until what the decoder holds is out. */
static bool send_for_keys(struct kn_video_reader *reader, const struct kn_coded *coded,
                          enum kn_decode wanted)
{
    bool starts = starts_run(reader, coded, wanted);
    if (reader->in_run && starts) {
        drain(reader);
        return false;
    }
    if (starts) {
        send(reader, KN_DECODE_KEY);
        reader->sent_us = coded->at_us;
        reader->in_run = true;
        if (reader->options.also_us == 0 || coded->at_us == INT64_MIN)
            drain(reader);
    } else if (reader->in_run) {
        send_in_run(reader, coded);
    }
    return true;
}

static void send_packet(struct kn_video_reader *reader)
{
    const struct kn_coded coded =
        kn_coded_of(reader->packet, reader->stream->time_base, reader->origin_us);
    enum kn_decode wanted = KN_DECODE_KEY; /* a packet that waited was heard of before */
    if (!reader->packet_waits)
        wanted = wanted_class(reader, &coded);
    if (reader->options.decode == KN_DECODE_KEY)
        reader->packet_waits = !send_for_keys(reader, &coded, wanted);
    else if (wanted < KN_DECODE_KEY || (wanted == KN_DECODE_KEY && coded.key))
        send(reader, wanted);
}

/* Everything from here on is decoded, and therefore shown, at or after the end. */
static bool is_past_end(const struct kn_video_reader *reader)
{
    return reader->options.end_us >= 0 && reader->packet->dts != AV_NOPTS_VALUE &&
           media_time(reader, reader->packet->dts) >= reader->options.end_us;
}

/* Reads one packet and sends it, or the end. */
static enum kn_status feed(struct kn_video_reader *reader, struct kn_error *err)
{
    enum kn_status status = KN_OK;
    if (!reader->packet_waits)
        status = kn_input_packet(reader->input, reader->packet, err);
    if (status == KN_OK && !is_past_end(reader)) {
        send_packet(reader);
        if (!reader->packet_waits)
            av_packet_unref(reader->packet);
        return KN_OK;
    }
    av_packet_unref(reader->packet);
    drain(reader);
    reader->no_packets = true;
    return status == KN_END ? KN_OK : status;
}

/* The next decoded frame. */
static enum kn_status decode(struct kn_video_reader *reader, struct kn_error *err)
{
    for (;;) {
        int code = avcodec_receive_frame(reader->codec, reader->decoded);
        if (code >= 0)
            return KN_OK;
        if (code == AVERROR_EOF) {
            if (reader->no_packets)
                return KN_END;
            avcodec_flush_buffers(reader->codec); /* key frames only: ready for the next */
        } else if (code != AVERROR(EAGAIN)) {
            reader->damaged++;
            if (reader->no_packets)
                continue;
        }
        enum kn_status status = feed(reader, err);
        if (status != KN_OK)
            return status;
    }
}

/* The next decoded frame, its pts and duration in media time; later than all before it. */
static enum kn_status decode_timed(struct kn_video_reader *reader, struct kn_error *err)
{
    AVFrame *frame = reader->decoded;
    for (;;) {
        enum kn_status status = decode(reader, err);
        if (status != KN_OK)
            return status;
        int64_t at_us;
        if (frame->best_effort_timestamp != AV_NOPTS_VALUE)
            at_us = media_time(reader, frame->best_effort_timestamp);
        else
            at_us = reader->last_us == INT64_MIN ? 0 : reader->last_us + reader->frame_us;
        if (at_us > reader->last_us) {
            int64_t *duration = kn_frame_duration(frame);
            *duration = *duration > 0
                            ? av_rescale_q(*duration, reader->stream->time_base, AV_TIME_BASE_Q)
                            : 0;
            frame->pts = reader->last_us = at_us;
            return KN_OK;
        }
        av_frame_unref(frame);
    }
}

/* ---- Frames to the chosen ones ---- */

/* Goes back and looks for the start again; a doubled step each time. */
static enum kn_status retry_from(struct kn_video_reader *reader, int64_t at_us,
                                 struct kn_error *err)
{
    av_frame_unref(reader->held);
    av_frame_unref(reader->decoded);
    reader->passed_us = reader->last_us = reader->sent_us = INT64_MIN;
    return jump(reader, at_us, err);
}

/*
 * Decodes up to the start: afterwards `held` is the picture on show there (blank when the stream
 * begins later) and `decoded` the one after it (blank when `held` is the last).
 */
static enum kn_status find_start(struct kn_video_reader *reader, struct kn_error *err)
{
    int64_t back_us = 0;
    for (;;) {
        enum kn_status status = decode_timed(reader, err);
        if (status != KN_OK && status != KN_END)
            return status;
        bool found = reader->held->buf[0] != NULL;
        if (status == KN_OK && reader->decoded->pts <= reader->start_us) {
            av_frame_unref(reader->held);
            av_frame_move_ref(reader->held, reader->decoded);
            /* A reader of key frames takes the first one that it lands on. */
            if (reader->held->pts == reader->start_us || reader->options.decode == KN_DECODE_KEY)
                return KN_OK;
            continue;
        }
        if (!found && !reader->from_top)
            back_us = back_us ? back_us * 2 : FIRST_STEP_BACK_US;
        else if (found && reader->passed_us > reader->held->pts)
            reader->hurry = false;
        else
            return KN_OK;
        status = retry_from(reader, reader->start_us - back_us, err);
        if (status != KN_OK)
            return status;
    }
}

/* Does the caller want this one, after those that it got? */
static bool is_chosen(struct kn_video_reader *reader, int64_t at_us)
{
    bool first = reader->given_us == INT64_MIN;
    if (first || at_us - reader->given_us >= reader->options.step_us) {
        reader->given_us = at_us;
        reader->given_also = false;
        return true;
    }
    if (reader->options.also_us > 0 && !reader->given_also &&
        at_us - reader->given_us >= reader->options.also_us)
        return reader->given_also = true;
    return false;
}

/* Moves the next picture that the caller is to see to `frame`. KN_END: there is none. */
static enum kn_status next_chosen(struct kn_video_reader *reader, AVFrame *frame,
                                  struct kn_error *err)
{
    if (!reader->at_start) {
        enum kn_status status = find_start(reader, err);
        if (status != KN_OK)
            return status;
        reader->at_start = true;
        if (reader->held->buf[0]) {
            av_frame_move_ref(frame, reader->held);
            (void)is_chosen(reader, frame->pts);
            return KN_OK;
        }
    }
    for (;;) {
        if (!reader->decoded->buf[0]) {
            enum kn_status status = decode_timed(reader, err);
            if (status != KN_OK)
                return status;
        }
        av_frame_move_ref(frame, reader->decoded);
        if (reader->options.end_us >= 0 && frame->pts >= reader->options.end_us) {
            av_frame_unref(frame);
            return KN_END;
        }
        if (is_chosen(reader, frame->pts))
            return KN_OK;
        av_frame_unref(frame);
    }
}

/* ---- Frames to pictures ---- */

/* Takes the frame. */
static void picture_of(AVFrame *frame, enum kn_pixels pixels, struct kn_picture *ret_picture)
{
    *ret_picture = (struct kn_picture){
        .at_us = frame->pts,
        .duration_us = *kn_frame_duration(frame),
        .key = kn_frame_is_key(frame),
        .pixels = pixels,
        .width_px = frame->width,
        .height_px = frame->height,
        .frame = frame,
    };
    for (int i = 0; i < (pixels == KN_PIXELS_YUV420P ? 3 : 1); i++) {
        ret_picture->planes[i] = frame->data[i];
        ret_picture->strides[i] = frame->linesize[i];
    }
}

static enum kn_status read_small(struct kn_video_reader *reader, struct kn_picture *ret_picture,
                                 struct kn_error *err)
{
    av_frame_unref(reader->shown);
    enum kn_status status = next_chosen(reader, reader->shown, err);
    if (status != KN_OK)
        return status;
    const struct kn_view view = {
        .pixels = reader->options.pixels,
        .width_px = reader->options.width_px,
        .height_px = reader->options.height_px,
        .letterbox = reader->options.letterbox,
    };
    return kn_video_reader_view(reader, &view, ret_picture, err);
}

static enum kn_status read_full(struct kn_video_reader *reader, struct kn_picture *ret_picture,
                                struct kn_error *err)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        kn_out_of_memory();
    enum kn_status status;
    while ((status = kn_upright_get(reader->upright, frame)) == KN_END && !reader->over) {
        status = next_chosen(reader, frame, err);
        if (status == KN_END)
            reader->over = true;
        else if (status != KN_OK)
            break;
        status = kn_upright_put(reader->upright, reader->over ? NULL : frame, err);
        av_frame_unref(frame);
        if (status != KN_OK)
            break;
    }
    if (status == KN_OK)
        picture_of(frame, KN_PIXELS_YUV420P, ret_picture);
    else
        av_frame_free(&frame);
    return status;
}

enum kn_status kn_video_reader_read(struct kn_video_reader *reader, struct kn_picture *ret_picture,
                                    struct kn_error *err)
{
    return reader->upright ? read_full(reader, ret_picture, err)
                           : read_small(reader, ret_picture, err);
}

enum kn_status kn_video_reader_view(struct kn_video_reader *reader, const struct kn_view *view,
                                    struct kn_picture *ret_picture, struct kn_error *err)
{
    assert(reader->shrinker && reader->shown->buf[0]);
    AVFrame *frame = NULL;
    enum kn_status status = kn_shrinker_run(reader->shrinker, reader->shown, view, &frame, err);
    if (status != KN_OK)
        return status;
    picture_of(frame, view->pixels, ret_picture);
    ret_picture->duration_us = *kn_frame_duration(reader->shown);
    ret_picture->key = kn_frame_is_key(reader->shown);
    return KN_OK;
}
