#include "media/mp4.h"

#include <string.h>

#include "base/file.h"
#include "base/str.h"

enum { NAME_BYTES = 200 };

enum kn_status kn_mp4_open(const char *path, struct kn_mp4 *ret_mp4, struct kn_error *err)
{
    struct kn_mp4 mp4 = {.arena = kn_arena_new()};
    mp4.path = kn_arena_strdup(mp4.arena, path);
    mp4.part_path = kn_file_part_path(mp4.arena, path);
    mp4.name = kn_arena_alloc(mp4.arena, NAME_BYTES);
    kn_text_show(strlen(path) < NAME_BYTES ? path : kn_path_base(path), mp4.name, NAME_BYTES);
    /* "file:" keeps a strange name from being taken for a URL. */
    const char *url = kn_arena_printf(mp4.arena, "file:%s", mp4.part_path);
    if (avformat_alloc_output_context2(&mp4.format, NULL, "mp4", url) < 0) {
        kn_arena_free(mp4.arena);
        return kn_error_set(err, KN_MISSING, "this system's FFmpeg was built without MP4");
    }
    mp4.format->max_interleave_delta = 0;     /* a stream waits however far the other is behind */
    mp4.format->flags |= AVFMT_FLAG_BITEXACT; /* no time of day: the same input, the same file */
    *ret_mp4 = mp4;
    return KN_OK;
}

AVStream *kn_mp4_add(struct kn_mp4 *mp4, const AVCodecParameters *parameters, AVRational time_base)
{
    AVStream *stream = avformat_new_stream(mp4->format, NULL);
    if (!stream || avcodec_parameters_copy(stream->codecpar, parameters) < 0)
        kn_out_of_memory();
    stream->codecpar->codec_tag = 0; /* that of another container */
    stream->time_base = time_base;
    return stream;
}

/* What the file layer says is closer to the truth than what the muxer makes of it. */
static enum kn_status write_failed(const struct kn_mp4 *mp4, int code, struct kn_error *err)
{
    int io = mp4->format->pb ? mp4->format->pb->error : 0;
    return kn_av_error(err, io < 0 ? io : code, "cannot write %s", mp4->name);
}

enum kn_status kn_mp4_begin(struct kn_mp4 *mp4, const char *title, const char *comment,
                            struct kn_error *err)
{
    AVFormatContext *format = mp4->format;
    if (title)
        av_dict_set(&format->metadata, "title", title, 0);
    if (comment)
        av_dict_set(&format->metadata, "comment", comment, 0);
    av_dict_set(&format->metadata, "encoding_tool", "kirinuki " KN_VERSION, 0);
    int code = avio_open(&format->pb, format->url, AVIO_FLAG_WRITE);
    if (code < 0)
        return kn_av_error(err, code, "cannot write %s", mp4->name);
    mp4->file_open = true;
    AVDictionary *settings = NULL;
    /* Pictures that are shown before others are decoded otherwise begin late, and a list of edits
     * takes that back. Who leaves such lists aside (some platforms do) would have the sound 45 ms
     * early; without them it is its encoder's delay late, 21 ms, and its own list says so. */
    av_dict_set(&settings, "movflags", "+faststart+negative_cts_offsets", 0);
    code = avformat_write_header(format, &settings);
    av_dict_free(&settings);
    return code < 0 ? write_failed(mp4, code, err) : KN_OK;
}

enum kn_status kn_mp4_write(struct kn_mp4 *mp4, AVStream *stream, AVPacket *packet,
                            AVRational time_base, struct kn_error *err)
{
    packet->stream_index = stream->index;
    packet->pos = -1;
    av_packet_rescale_ts(packet, time_base, stream->time_base);
    int code = av_interleaved_write_frame(mp4->format, packet);
    if (code < 0 || mp4->format->pb->error < 0)
        return write_failed(mp4, code, err);
    return KN_OK;
}

enum kn_status kn_mp4_finish(struct kn_mp4 *mp4, struct kn_error *err)
{
    int code = av_write_trailer(mp4->format); /* moves the index to the front, too */
    if (code < 0 || mp4->format->pb->error < 0)
        return write_failed(mp4, code, err);
    code = avio_closep(&mp4->format->pb);
    if (code < 0)
        return kn_av_error(err, code, "cannot write %s", mp4->name);
    enum kn_status status = kn_file_commit(mp4->part_path, mp4->path, err);
    mp4->committed = status == KN_OK;
    return status;
}

void kn_mp4_close(struct kn_mp4 *mp4)
{
    if (!mp4->arena)
        return;
    if (mp4->file_open)
        (void)avio_closep(&mp4->format->pb); /* finished, or failed and told already */
    avformat_free_context(mp4->format);
    if (mp4->file_open && !mp4->committed)
        kn_file_discard(mp4->part_path);
    kn_arena_free(mp4->arena);
    *mp4 = (struct kn_mp4){0};
}
