/*
 * Planning a cut, by the packets' timestamps alone.
 *
 * In the order of decoding, the pictures after an IDR picture are all shown after it, and need none
 * from before it. So copying can begin at the first IDR picture of the span. It can end behind any
 * packet where what was copied is shown before everything that follows: at a group's end, but
 * also between two mini-groups inside one. What lies before and after is encoded.
 */
#include "media/cut.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "media/cut_parts.h"
#include "media/nal.h"

enum { PACKETS_MAX = 1000000 };

static const int64_t seek_back_us[] = {0, 2000000, 12000000, 60000000};

/* ---- reading -------------------------------------------------------------------------------- */

static int64_t to_stream(const struct kn_cut *cut, int64_t us)
{
    return av_rescale_q(us + cut->origin_us, AV_TIME_BASE_Q, cut->time_base);
}

static int64_t to_media(const struct kn_cut *cut, int64_t at)
{
    return av_rescale_q(at, cut->time_base, AV_TIME_BASE_Q) - cut->origin_us;
}

enum kn_status kn_cut_rewind(const struct kn_cut *cut, struct kn_cancel *cancel,
                             struct kn_input **ret_input, struct kn_error *err)
{
    KN_SCOPED(kn_input) input = NULL;
    enum kn_status status = kn_input_open(cut->path, KN_INPUT_ANALYSE, cancel, &input, err);
    if (status != KN_OK)
        return status;
    if (cut->stream >= (int)input->format->nb_streams)
        return kn_error_set(err, KN_LOST, "%s changed while it was being read", input->name);
    kn_input_select(input, cut->stream, -1);
    if (cut->seek_us > 0) {
        int64_t at = to_stream(cut, cut->seek_us);
        int code = avformat_seek_file(input->format, cut->stream, INT64_MIN, at, at, 0);
        if (code < 0)
            return kn_av_error(err, code, "%s: cannot go to %.1f s", input->name,
                               kn_seconds(cut->seek_us));
    }
    *ret_input = KN_MOVE(input);
    return KN_OK;
}

static bool holds_idr(const struct kn_cut *cut, const AVPacket *packet)
{
    struct kn_nal_reader reader = {packet->data, packet->data + packet->size, cut->length_bytes};
    struct kn_nal nal;
    while (kn_nal_next(&reader, &nal))
        if (kn_nal_type(&nal) == KN_NAL_IDR)
            return true;
    return false;
}

static enum kn_status no_order(const struct kn_cut *cut, struct kn_error *err)
{
    return kn_error_set(err, KN_UNSUPPORTED,
                        "%s: its timestamps do not allow cutting without encoding", cut->name);
}

/* Reads from where seek_us leads to the point where nothing of the span can follow. *ret_early: the
 * first packet is a key frame at or before the span. */
static enum kn_status read_packets(struct kn_cut *cut, int64_t start_us, int64_t end_us,
                                   struct kn_cancel *cancel, bool *ret_early, struct kn_error *err)
{
    KN_SCOPED(kn_input) input = NULL;
    enum kn_status status = kn_cut_rewind(cut, cancel, &input, err);
    if (status != KN_OK)
        return status;
    int64_t start = to_stream(cut, start_us);
    /* A little more, for the picture behind the end and for streams without decoding times. */
    int64_t enough = to_stream(cut, end_us + KN_US_PER_S / 4);
    int64_t plenty = to_stream(cut, end_us + 2 * KN_US_PER_S);
    KN_SCOPED_AV(AVPacket) packet = kn_packet_new();
    kn_vec_clear(&cut->packets);
    while ((status = kn_input_packet(input, packet, err)) == KN_OK) {
        struct kn_cut_packet seen = {.pts = packet->pts, .key = packet->flags & AV_PKT_FLAG_KEY};
        int64_t dts = packet->dts;
        if (seen.key && cut->length_bytes >= 0)
            seen.key = holds_idr(cut, packet);
        av_packet_unref(packet);
        if (cut->packets.count == 0 && !seen.key)
            continue; /* nothing decodes before the first key frame */
        if (seen.pts == AV_NOPTS_VALUE)
            seen.pts = dts;
        if (seen.pts == AV_NOPTS_VALUE || cut->packets.count == PACKETS_MAX)
            return no_order(cut, err);
        kn_vec_push(&cut->packets, seen);
        if (dts != AV_NOPTS_VALUE ? dts > enough : seen.pts > plenty)
            break;
    }
    *ret_early = cut->packets.count > 0 && cut->packets.at[0].pts <= start;
    return status == KN_END ? KN_OK : status;
}

/* The container's idea of where a key frame lies may be late: further back, until it is early. */
static enum kn_status find_packets(struct kn_cut *cut, int64_t start_us, int64_t end_us,
                                   struct kn_cancel *cancel, struct kn_error *err)
{
    bool early = false;
    enum kn_status status = KN_OK;
    for (size_t i = 0; i <= KN_COUNT_OF(seek_back_us) && status == KN_OK && !early; i++) {
        bool last = i == KN_COUNT_OF(seek_back_us) || start_us <= seek_back_us[i];
        cut->seek_us = last ? 0 : start_us - seek_back_us[i];
        status = read_packets(cut, start_us, end_us, cancel, &early, err);
        if (last)
            break;
    }
    if (status == KN_OK && cut->packets.count == 0)
        return kn_error_set(err, KN_INVALID, "%s has no pictures from %.2f s to %.2f s", cut->name,
                            kn_seconds(start_us), kn_seconds(end_us));
    return status;
}

/* ---- deciding ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* All pts, growing; the caller frees them. NULL: two are equal. */
static int64_t *sort_times(const struct kn_cut *cut)
{
    int count = cut->packets.count;
    int64_t *times = kn_calloc((size_t)count, sizeof *times);
    for (int i = 0; i < count; i++)
        times[i] = cut->packets.at[i].pts;
    qsort(times, (size_t)count, sizeof *times, by_value);
    for (int i = 1; i < count; i++)
        if (times[i] == times[i - 1]) {
            free(times);
            return NULL;
        }
    return times;
}

/* The border between two pictures (or behind the last one) that is nearest to `at`. */
static int64_t nearest_border(const int64_t *times, int count, int64_t last_end, int64_t at)
{
    int64_t best = last_end;
    for (int i = 0; i < count; i++)
        if (llabs(times[i] - at) < llabs(best - at))
            best = times[i];
    return best;
}

/* Where copying starts: the first IDR picture of the span. -1: there is none. */
static int find_body_start(const struct kn_cut *cut)
{
    for (int i = 0; i < cut->packets.count; i++) {
        const struct kn_cut_packet *packet = &cut->packets.at[i];
        if (packet->key && packet->pts >= cut->start)
            return packet->pts < cut->end ? i : -1;
    }
    return -1;
}

/* Where it ends: behind the last packet up to which everything is shown before what follows. */
static int find_body_end(const struct kn_cut *cut, int from, int64_t *ret_shown_to)
{
    int count = cut->packets.count, best = from;
    KN_SCOPED_MEM int64_t *follows = kn_calloc((size_t)count + 1, sizeof *follows);
    follows[count] = INT64_MAX; /* the smallest pts from each packet on */
    for (int i = count - 1; i >= from; i--)
        follows[i] = KN_MIN(follows[i + 1], cut->packets.at[i].pts);
    int64_t newest = INT64_MIN;
    for (int i = from; i < count && cut->packets.at[i].pts < cut->end; i++) {
        newest = KN_MAX(newest, cut->packets.at[i].pts);
        if (newest < follows[i + 1]) {
            best = i + 1;
            *ret_shown_to = newest;
        }
    }
    return best;
}

static int last_key_before(const struct kn_cut *cut, int index)
{
    index = KN_MIN(index, cut->packets.count - 1);
    while (index > 0 && !cut->packets.at[index].key)
        index--;
    return index;
}

static void plan_exact(struct kn_cut *cut)
{
    int from = find_body_start(cut);
    int64_t shown_to = INT64_MIN;
    int to = from < 0 ? 0 : find_body_end(cut, from, &shown_to);
    if (from < 0 || to == from) { /* all is encoded, as a head */
        cut->body_from = cut->body_to = cut->packets.count;
        cut->head_end = cut->tail_start = cut->end;
        cut->tail_from = cut->packets.count;
        snprintf(cut->plan.remark, sizeof cut->plan.remark,
                 "no key frame lies inside the clip, so all of it was encoded");
        return;
    }
    cut->body_from = from;
    cut->body_to = to;
    cut->head_end = cut->packets.at[from].pts;
    cut->tail_from = last_key_before(cut, to);
    cut->tail_start = cut->end;
    for (int i = 0; i < cut->packets.count; i++) {
        int64_t pts = cut->packets.at[i].pts;
        if (pts > shown_to && pts < cut->tail_start)
            cut->tail_start = pts;
    }
}

/* For what can't be encoded: from the last key frame before, so that nothing is lost. */
static void plan_rough(struct kn_cut *cut, int64_t frame, const char *why)
{
    int from = 0, to = 1;
    for (int i = 0; i < cut->packets.count; i++) {
        const struct kn_cut_packet *packet = &cut->packets.at[i];
        if (packet->key && packet->pts <= cut->start)
            from = i;
        if (packet->pts < cut->end)
            to = i + 1;
    }
    cut->body_from = from;
    cut->body_to = KN_MAX(to, from + 1);
    int64_t wanted_us = to_media(cut, cut->start);
    cut->start = cut->head_end = cut->packets.at[from].pts;
    cut->end = cut->start;
    for (int i = from; i < cut->body_to; i++)
        cut->end = KN_MAX(cut->end, cut->packets.at[i].pts + frame);
    cut->tail_start = cut->end;
    cut->tail_from = cut->packets.count;
    snprintf(cut->plan.remark, sizeof cut->plan.remark,
             "%s cannot be encoded anew at the edges, so the clip starts at a key frame, %.1f s "
             "before its segment; without --copy it starts there",
             why, kn_seconds(KN_MAX(wanted_us - to_media(cut, cut->start), 0)));
}

/* The pictures that will be shown, and how many of them are encoded. */
static void list_shown(struct kn_cut *cut)
{
    cut->shown = kn_calloc((size_t)cut->packets.count, sizeof *cut->shown);
    for (int i = 0; i < cut->packets.count; i++) {
        int64_t pts = cut->packets.at[i].pts;
        bool copied = i >= cut->body_from && i < cut->body_to;
        if (pts < cut->start || pts >= cut->end || (cut->length_bytes < 0 && !copied))
            continue;
        cut->shown[cut->shown_count++] = pts;
        cut->plan.encoded += !copied;
    }
    qsort(cut->shown, (size_t)cut->shown_count, sizeof *cut->shown, by_value);
    cut->plan.frames = cut->shown_count;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Codecs that players expect in an MP4. */
static bool mp4_holds(enum AVCodecID codec)
{
    return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_AV1 ||
           codec == AV_CODEC_ID_VP9 || codec == AV_CODEC_ID_MPEG4;
}

enum kn_status kn_cut_check(const struct kn_source *source, struct kn_error *err)
{
    char shown[200];
    const char *name = kn_text_show(source->path, shown, sizeof shown);
    if (!source->has_video)
        return kn_error_set(err, KN_INVALID,
                            "%s has no pictures to copy: leave out --copy, and its clips show "
                            "moving bars",
                            name);
    const AVCodecDescriptor *codec = avcodec_descriptor_get_by_name(source->video_codec);
    if (!codec || !mp4_holds(codec->id))
        return kn_error_set(err, KN_UNSUPPORTED,
                            "%s: pictures in %s cannot be copied into an MP4: leave out --copy to "
                            "have them encoded",
                            name, source->video_codec);
    return KN_OK;
}

static bool x264_takes(int pixels)
{
    const AVCodec *encoder = avcodec_find_encoder_by_name("libx264");
    for (const enum AVPixelFormat *f = encoder ? encoder->pix_fmts : NULL; f && *f >= 0; f++)
        if ((int)*f == pixels)
            return true;
    return false;
}

/* Sets length_bytes; *ret_why: what stands against encoding the edges, NULL for nothing. */
static enum kn_status look_at_codec(struct kn_cut *cut, const struct kn_source *source,
                                    struct kn_cancel *cancel, const char **ret_why,
                                    struct kn_error *err)
{
    KN_SCOPED(kn_input) input = NULL;
    enum kn_status status = kn_input_open(cut->path, KN_INPUT_ANALYSE, cancel, &input, err);
    if (status != KN_OK)
        return status;
    if (cut->stream >= (int)input->format->nb_streams)
        return kn_error_set(err, KN_LOST, "%s changed while it was being read", input->name);
    const AVCodecParameters *par = input->format->streams[cut->stream]->codecpar;
    cut->time_base = input->format->streams[cut->stream]->time_base;
    cut->length_bytes = -1;
    *ret_why = source->video_codec;
    if (par->codec_id != AV_CODEC_ID_H264)
        return KN_OK;
    *ret_why = "interlaced H.264";
    if (source->interlaced)
        return KN_OK;
    *ret_why = "this kind of H.264";
    if (!x264_takes(par->format) || par->extradata_size <= 0)
        return KN_OK;
    cut->length_bytes = kn_nal_length_bytes(par->extradata, (size_t)par->extradata_size);
    if (cut->length_bytes >= 0)
        *ret_why = NULL;
    return KN_OK;
}

static enum kn_status make_plan(struct kn_cut *cut, const struct kn_source *source,
                                int64_t start_us, int64_t end_us, const char *why,
                                struct kn_error *err)
{
    KN_SCOPED_MEM int64_t *times = sort_times(cut);
    if (!times)
        return no_order(cut, err);
    int count = cut->packets.count;
    AVRational rate = {source->frame_rate.num, source->frame_rate.den};
    int64_t frame = KN_MAX(av_rescale_q(1, av_inv_q(rate), cut->time_base), 1);
    int64_t last_end = times[count - 1] + frame;
    cut->start = nearest_border(times, count, last_end, to_stream(cut, start_us));
    cut->end = nearest_border(times, count, last_end, to_stream(cut, end_us));
    if (cut->end <= cut->start)
        return kn_error_set(err, KN_INVALID, "%s has no pictures from %.2f s to %.2f s", cut->name,
                            kn_seconds(start_us), kn_seconds(end_us));
    if (why)
        plan_rough(cut, frame, why);
    else
        plan_exact(cut);
    list_shown(cut);
    cut->plan.start_us = to_media(cut, cut->start);
    cut->plan.end_us = to_media(cut, cut->end);
    return KN_OK;
}

enum kn_status kn_cut_open(const struct kn_source *source, int64_t start_us, int64_t end_us,
                           struct kn_cancel *cancel, struct kn_cut **ret_cut, struct kn_error *err)
{
    enum kn_status status = kn_cut_check(source, err);
    if (status != KN_OK)
        return status;
    if (start_us < 0 || end_us <= start_us)
        return kn_error_set(err, KN_INVALID, "%s cannot be cut from %.2f s to %.2f s", source->path,
                            kn_seconds(start_us), kn_seconds(end_us));
    kn_av_setup();
    KN_SCOPED(kn_cut) cut = kn_calloc(1, sizeof *cut);
    cut->path = kn_strdup(source->path);
    char shown[200];
    cut->name = kn_strdup(kn_text_show(source->path, shown, sizeof shown));
    cut->stream = source->video_stream;
    cut->origin_us = source->origin_us;
    const char *why = NULL;
    status = look_at_codec(cut, source, cancel, &why, err);
    if (status == KN_OK)
        status = find_packets(cut, start_us, end_us, cancel, err);
    if (status != KN_OK)
        return status;
    status = make_plan(cut, source, start_us, end_us, why, err);
    if (status == KN_OK)
        *ret_cut = KN_MOVE(cut);
    return status;
}

const struct kn_cut_plan *kn_cut_plan(const struct kn_cut *cut)
{
    return &cut->plan;
}

void kn_cut_close(struct kn_cut *cut)
{
    if (!cut)
        return;
    kn_vec_free(&cut->packets);
    free(cut->shown);
    free(cut->path);
    free(cut->name);
    free(cut);
}
