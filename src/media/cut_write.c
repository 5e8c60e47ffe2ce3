/*
 * Writing a cut: one pass over the packets of the plan.
 *
 * What is encoded anew has parameter sets of its own. They get a number that the source does not
 * use, and the MP4's header carries both: every picture names the sets that it was encoded with, so
 * players need no change of header in the middle. All units are written with start codes; the muxer
 * makes lengths of them.
 *
 * Decoding times are made new for the whole clip. The n-th packet is decoded at the n-th smallest
 * time of showing, less the largest distance by which the copied part is reordered. What is
 * encoded has no B-pictures and needs no reordering.
 */
#include "media/cut.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/opt.h>

#include "base/str.h"
#include "media/aac.h"
#include "media/cut_parts.h"
#include "media/mp4.h"
#include "media/nal.h"

/* Decodes and encodes one edge: pictures with from <= pts < to. */
struct edge {
    int64_t from, to;
    AVCodecContext *decoder;
    AVCodecContext *encoder;
    AVFrame *last; /* the newest picture: stands in for one that does not decode */
    int next;      /* index into cut->shown of the picture that is due */
};

struct writer {
    struct kn_cut *cut;
    const struct kn_cut_options *options;
    struct kn_input *input;
    struct kn_mp4 mp4;
    struct kn_aac aac;
    AVStream *video;
    struct edge head, tail;
    AVPacket *packet, *made;
    AVFrame *frame;
    int set_id;    /* number of the parameter sets of what is encoded */
    int64_t delay; /* between decoding and showing */
    int written;   /* packets of pictures */
    struct kn_cancel *cancel;
    struct kn_progress *progress;
};

/* ---- parameter sets ------------------------------------------------------------------------- */

static void add_start_code(struct kn_str *to, const struct kn_nal *nal)
{
    kn_str_add_bytes(to, "\0\0\0\1", 4);
    kn_str_add_bytes(to, nal->bytes, nal->size);
}

struct header {
    struct kn_str sets; /* with start codes */
    uint64_t used;      /* bit n: number n is taken */
};

static void see_set(void *arg, const struct kn_nal *nal)
{
    struct header *header = arg;
    int id = kn_nal_set_id(nal);
    if (id >= 0 && id <= KN_NAL_ID_MAX)
        header->used |= UINT64_C(1) << id;
    add_start_code(&header->sets, nal);
}

static void set_extradata(AVCodecParameters *par, const struct kn_str *bytes)
{
    av_freep(&par->extradata);
    par->extradata = av_mallocz(bytes->length + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!par->extradata)
        kn_out_of_memory();
    memcpy(par->extradata, bytes->at, bytes->length);
    par->extradata_size = (int)bytes->length;
}

/* ---- edges ---------------------------------------------------------------------------------- */

static const char *profile_name(int profile)
{
    switch (profile & ~FF_PROFILE_H264_CONSTRAINED & ~FF_PROFILE_H264_INTRA) {
    case FF_PROFILE_H264_BASELINE:
        return "baseline";
    case FF_PROFILE_H264_MAIN:
        return "main";
    case FF_PROFILE_H264_HIGH_10:
        return "high10";
    case FF_PROFILE_H264_HIGH_422:
        return "high422";
    case FF_PROFILE_H264_HIGH_444_PREDICTIVE:
        return "high444";
    default:
        return "high";
    }
}

/* An encoder whose pictures players can mix with the source's. */
static enum kn_status open_encoder(struct writer *writer, AVCodecContext **ret_encoder,
                                   struct kn_error *err)
{
    const AVStream *stream = writer->input->format->streams[writer->cut->stream];
    const AVCodecParameters *par = stream->codecpar;
    KN_SCOPED_AV(AVCodecContext)
    encoder = avcodec_alloc_context3(avcodec_find_encoder_by_name("libx264"));
    if (!encoder)
        kn_out_of_memory();
    int code = avcodec_parameters_to_context(encoder, par);
    av_freep(&encoder->extradata);
    encoder->extradata_size = 0;
    encoder->codec_tag = 0;
    encoder->bit_rate = 0;
    encoder->level = FF_LEVEL_UNKNOWN;
    encoder->time_base = writer->cut->time_base;
    encoder->framerate = stream->avg_frame_rate;
    encoder->max_b_frames = 0;
    encoder->gop_size = 100000; /* one key frame, the first picture */
    encoder->thread_count = writer->options->threads;
    encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    char params[64];
    snprintf(params, sizeof params, "sps-id=%d:scenecut=0", writer->set_id);
    AVDictionary *settings = NULL;
    av_dict_set(&settings, "preset", writer->options->preset, 0);
    av_dict_set_int(&settings, "crf", writer->options->crf, 0);
    av_dict_set(&settings, "profile", profile_name(par->profile), 0);
    av_dict_set(&settings, "x264-params", params, 0);
    if (code >= 0)
        code = avcodec_open2(encoder, encoder->codec, &settings);
    av_dict_free(&settings);
    if (code < 0)
        return kn_av_error(err, code, "%s: the edges of the cut cannot be encoded",
                           writer->cut->name);
    *ret_encoder = KN_MOVE(encoder);
    return KN_OK;
}

static enum kn_status open_edge(struct writer *writer, struct edge *edge, int64_t from, int64_t to,
                                struct kn_error *err)
{
    const struct kn_cut *cut = writer->cut;
    edge->from = from;
    edge->to = to;
    while (edge->next < cut->shown_count && cut->shown[edge->next] < from)
        edge->next++;
    if (from >= to)
        return KN_OK;
    edge->last = kn_frame_new();
    enum kn_status status = kn_decoder_open(writer->input, cut->stream, 1, &edge->decoder, err);
    return status == KN_OK ? open_encoder(writer, &edge->encoder, err) : status;
}

static void close_edge(struct edge *edge)
{
    avcodec_free_context(&edge->decoder);
    avcodec_free_context(&edge->encoder);
    av_frame_free(&edge->last);
}

/* ---- writing packets ------------------------------------------------------------------------ */

/* Gives the packet its times in the clip; its pts is the source's. */
static enum kn_status write_packet(struct writer *writer, AVPacket *packet, struct kn_error *err)
{
    const struct kn_cut *cut = writer->cut;
    assert(writer->written < cut->shown_count);
    int64_t next = cut->end;
    for (int low = 0, high = cut->shown_count; low < high;) { /* the picture shown after it */
        int middle = (low + high) / 2;
        if (cut->shown[middle] > packet->pts) {
            next = cut->shown[middle];
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    packet->duration = next - packet->pts;
    packet->dts = cut->shown[writer->written++] - cut->start - writer->delay;
    packet->pts -= cut->start;
    kn_progress_set(writer->progress, 0.98 * writer->written / cut->shown_count);
    return kn_mp4_write(&writer->mp4, writer->video, packet, cut->time_base, err);
}

static enum kn_status write_encoded(struct writer *writer, struct edge *edge, struct kn_error *err)
{
    for (;;) {
        enum kn_status status = kn_cancel_check(writer->cancel, err);
        if (status != KN_OK)
            return status;
        int code = avcodec_receive_packet(edge->encoder, writer->made);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return KN_OK;
        if (code < 0)
            return kn_av_error(err, code, "cannot encode %s", writer->mp4.name);
        status = write_packet(writer, writer->made, err);
        if (status != KN_OK)
            return status;
    }
}

static enum kn_status encode_picture(struct writer *writer, struct edge *edge, struct kn_error *err)
{
    AVFrame *frame = edge->last;
    frame->pts = writer->cut->shown[edge->next++];
    frame->pict_type = AV_PICTURE_TYPE_NONE;
    int code = avcodec_send_frame(edge->encoder, frame);
    if (code < 0)
        return kn_av_error(err, code, "cannot encode %s", writer->mp4.name);
    return write_encoded(writer, edge, err);
}

/* Encodes the last picture again for those before `until` that did not decode. */
static enum kn_status fill_missing(struct writer *writer, struct edge *edge, int64_t until,
                                   struct kn_error *err)
{
    const struct kn_cut *cut = writer->cut;
    enum kn_status status = KN_OK;
    while (status == KN_OK && edge->next < cut->shown_count && cut->shown[edge->next] < until)
        status = encode_picture(writer, edge, err);
    return status;
}

/* Takes what the decoder has: pictures of the edge are encoded, others were needed for them only.
 */
static enum kn_status take_decoded(struct writer *writer, struct edge *edge, struct kn_error *err)
{
    AVFrame *frame = writer->frame;
    enum kn_status status = KN_OK;
    while (status == KN_OK && avcodec_receive_frame(edge->decoder, frame) >= 0) {
        int64_t pts = frame->best_effort_timestamp;
        if (pts < edge->to && edge->last->buf[0])
            status = fill_missing(writer, edge, pts, err);
        av_frame_unref(edge->last);
        av_frame_move_ref(edge->last, frame);
        const struct kn_cut *cut = writer->cut;
        bool due = edge->next < cut->shown_count && cut->shown[edge->next] == pts;
        if (status == KN_OK && due && pts < edge->to)
            status = encode_picture(writer, edge, err);
    }
    return status;
}

static enum kn_status feed_edge(struct writer *writer, struct edge *edge, const AVPacket *packet,
                                struct kn_error *err)
{
    if (!edge->decoder)
        return KN_OK;
    (void)avcodec_send_packet(edge->decoder, packet); /* what does not decode is filled in */
    return take_decoded(writer, edge, err);
}

static enum kn_status end_edge(struct writer *writer, struct edge *edge, struct kn_error *err)
{
    if (!edge->decoder)
        return KN_OK;
    enum kn_status status = feed_edge(writer, edge, NULL, err);
    if (status == KN_OK && !edge->last->buf[0])
        return kn_error_set(err, KN_DAMAGED, "%s: the pictures at the cut cannot be decoded",
                            writer->cut->name);
    if (status == KN_OK)
        status = fill_missing(writer, edge, edge->to, err);
    if (status == KN_OK && avcodec_send_frame(edge->encoder, NULL) >= 0)
        status = write_encoded(writer, edge, err);
    return status;
}

/* A source's packet, its units with start codes. */
static enum kn_status copy_packet(struct writer *writer, struct kn_error *err)
{
    const AVPacket *packet = writer->packet;
    if (packet->pts < writer->cut->start)
        return KN_OK; /* leads the first key frame and can't be decoded without what was before */
    av_packet_unref(writer->made);
    if (writer->cut->length_bytes <= 0) {
        if (av_packet_ref(writer->made, packet) < 0)
            kn_out_of_memory();
    } else {
        KN_SCOPED_STR units = {0};
        struct kn_nal_reader reader = {packet->data, packet->data + packet->size,
                                       writer->cut->length_bytes};
        struct kn_nal nal;
        while (kn_nal_next(&reader, &nal))
            add_start_code(&units, &nal);
        if (av_new_packet(writer->made, (int)units.length) < 0 ||
            av_packet_copy_props(writer->made, packet) < 0)
            kn_out_of_memory();
        memcpy(writer->made->data, kn_str_text(&units), units.length);
    }
    writer->made->flags &= ~AV_PKT_FLAG_DISCARD;
    return write_packet(writer, writer->made, err);
}

/* ---- one cut -------------------------------------------------------------------------------- */

/* The largest distance by which a copied packet comes before its turn to be shown. */
static int64_t find_delay(const struct kn_cut *cut)
{
    int64_t delay = 0;
    int index = 0;
    while (index < cut->shown_count && cut->shown[index] < cut->head_end)
        index++;
    for (int i = cut->body_from; i < cut->body_to && index < cut->shown_count; i++) {
        if (cut->packets.at[i].pts < cut->start)
            continue;
        delay = KN_MAX(delay, cut->shown[index] - cut->packets.at[i].pts);
        index++;
    }
    return delay;
}

static enum kn_status open_video(struct writer *writer, struct kn_error *err)
{
    const struct kn_cut *cut = writer->cut;
    const AVStream *from = writer->input->format->streams[cut->stream];
    struct header header = {0};
    enum kn_status status = KN_OK;
    if (cut->length_bytes >= 0 &&
        !kn_nal_header(from->codecpar->extradata, (size_t)from->codecpar->extradata_size, see_set,
                       &header))
        status =
            kn_error_set(err, KN_DAMAGED, "%s: the header of its pictures is damaged", cut->name);
    while (writer->set_id < KN_NAL_ID_MAX && (header.used >> writer->set_id & 1))
        writer->set_id++;
    if (status == KN_OK)
        status = open_edge(writer, &writer->head, cut->start, cut->head_end, err);
    if (status == KN_OK)
        status = open_edge(writer, &writer->tail, cut->tail_start, cut->end, err);
    if (status == KN_OK) {
        writer->video = kn_mp4_add(&writer->mp4, from->codecpar, cut->time_base);
        writer->video->avg_frame_rate = from->avg_frame_rate;
        kn_stream_copy_rotation(writer->video, from);
        const AVCodecContext *encoder =
            writer->head.encoder ? writer->head.encoder : writer->tail.encoder;
        if (encoder) /* both have the same */
            kn_str_add_bytes(&header.sets, encoder->extradata, (size_t)encoder->extradata_size);
        if (cut->length_bytes >= 0)
            set_extradata(writer->video->codecpar, &header.sets);
    }
    kn_str_free(&header.sets);
    return status;
}

static enum kn_status write_sound(struct writer *writer, struct kn_error *err)
{
    const struct kn_sound_buffer *sound = writer->options->sound;
    enum kn_status status = KN_OK;
    for (int64_t at = 0; sound && at < sound->count && status == KN_OK; at += KN_AAC_HZ) {
        status = kn_cancel_check(writer->cancel, err);
        if (status == KN_OK)
            status = kn_aac_write(&writer->aac, sound->samples + at * KN_AAC_CHANNELS,
                                  (int)KN_MIN((int64_t)KN_AAC_HZ, sound->count - at), err);
    }
    return status == KN_OK && sound ? kn_aac_flush(&writer->aac, err) : status;
}

/* What becomes of packet number `index` of the plan. */
static enum kn_status use_packet(struct writer *writer, int index, struct kn_error *err)
{
    const struct kn_cut *cut = writer->cut;
    enum kn_status status = KN_OK;
    if (index == cut->body_from)
        status = end_edge(writer, &writer->head, err);
    if (status == KN_OK && index < cut->body_from)
        status = feed_edge(writer, &writer->head, writer->packet, err);
    if (status == KN_OK && index >= cut->body_from && index < cut->body_to)
        status = copy_packet(writer, err);
    if (status == KN_OK && index >= cut->tail_from)
        status = feed_edge(writer, &writer->tail, writer->packet, err);
    return status;
}

static enum kn_status write_pictures(struct writer *writer, struct kn_error *err)
{
    const struct kn_cut *cut = writer->cut;
    int index = 0;
    enum kn_status status = KN_OK;
    while (index < cut->packets.count && status == KN_OK) {
        status = kn_cancel_check(writer->cancel, err);
        if (status == KN_OK)
            status = kn_input_packet(writer->input, writer->packet, err);
        if (status == KN_END)
            break;
        if (status != KN_OK)
            return status;
        if (writer->packet->pts == AV_NOPTS_VALUE)
            writer->packet->pts = writer->packet->dts;
        /* The plan begins at its first key frame. */
        if (index > 0 || writer->packet->pts == cut->packets.at[0].pts)
            if ((status = use_packet(writer, index++, err)) == KN_OK &&
                writer->packet->pts != cut->packets.at[index - 1].pts)
                status =
                    kn_error_set(err, KN_LOST, "%s changed while it was being read", cut->name);
        av_packet_unref(writer->packet);
    }
    if (status == KN_END)
        return kn_error_set(err, KN_LOST, "%s changed while it was being read", cut->name);
    if (status == KN_OK && cut->body_from == cut->packets.count)
        status = end_edge(writer, &writer->head, err);
    return status == KN_OK ? end_edge(writer, &writer->tail, err) : status;
}

enum kn_status kn_cut_write(struct kn_cut *cut, const struct kn_cut_options *options,
                            struct kn_cancel *cancel, struct kn_progress *progress,
                            struct kn_error *err)
{
    struct writer writer = {.cut = cut,
                            .options = options,
                            .cancel = cancel,
                            .progress = progress,
                            .packet = kn_packet_new(),
                            .made = kn_packet_new(),
                            .frame = kn_frame_new(),
                            .delay = find_delay(cut)};
    enum kn_status status = kn_cut_rewind(cut, cancel, &writer.input, err);
    if (status == KN_OK)
        status = kn_mp4_open(options->path, &writer.mp4, err);
    if (status == KN_OK)
        status = open_video(&writer, err);
    if (status == KN_OK && options->sound)
        status = kn_aac_open(&writer.mp4, &writer.aac, err);
    if (status == KN_OK)
        status = kn_mp4_begin(&writer.mp4, options->title, options->comment, err);
    if (status == KN_OK)
        status = write_sound(&writer, err);
    if (status == KN_OK)
        status = write_pictures(&writer, err);
    if (status == KN_OK)
        status = kn_mp4_finish(&writer.mp4, err);
    close_edge(&writer.head);
    close_edge(&writer.tail);
    kn_aac_close(&writer.aac);
    kn_mp4_close(&writer.mp4);
    kn_input_close(writer.input);
    av_packet_free(&writer.packet);
    av_packet_free(&writer.made);
    av_frame_free(&writer.frame);
    return status;
}
