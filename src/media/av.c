/*
 * Opening sources safely.
 *
 * FFmpeg resolves a file name as a URL and lets formats open further URLs, so a video that a
 * stranger sends could read local files or reach the network. Three things prevent it: the bytes
 * come through a descriptor that is opened and checked here, demuxers can't open anything else,
 * and only formats that hold media themselves are accepted. The format is recognised by content
 * alone, so a wrong extension does no harm.
 */
#include "media/av.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavutil/display.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

enum { READ_BYTES = 64 * 1024, NAME_BYTES = 200, STREAMS_MAX = 64, DAMAGED_RUN_MAX = 1000 };

static void log_line(void *object, int level, const char *format, va_list args)
{
    (void)object;
    if (level > AV_LOG_WARNING)
        return;
    char line[512];
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    kn_log(KN_LOG_DEBUG, "media", "%s", line);
}

static void set_log(void)
{
    av_log_set_callback(log_line);
}

void kn_av_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_log);
}

/* FFmpeg's own codes; the rest are negated errno values. */
static enum kn_status status_of(int code)
{
    switch (code) {
    case AVERROR_EXIT:
        return KN_CANCELLED;
    case AVERROR_INVALIDDATA:
    case AVERROR_EOF:
        return KN_DAMAGED;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
    case AVERROR(ENOSYS):
        return KN_UNSUPPORTED;
    case AVERROR(ENOMEM):
        return KN_LIMIT;
    default:
        return KN_INTERNAL;
    }
}

enum kn_status kn_av_error(struct kn_error *err, int code, const char *format, ...)
{
    char what[KN_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    enum kn_status status = status_of(code);
    if (status == KN_CANCELLED)
        return kn_error_set(err, KN_CANCELLED, "stopped by request");
    if (code == AVERROR(ENOMEM))
        return kn_error_set(err, KN_LIMIT, "%s: not enough memory", what);
    if (status == KN_INTERNAL && AVUNERROR(code) > 0 && AVUNERROR(code) < 200)
        return kn_error_errno(err, AVUNERROR(code), "%s", what);
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, reason, sizeof reason);
    return kn_error_set(err, status, "%s: %s", what, reason);
}

AVPacket *kn_packet_new(void)
{
    AVPacket *packet = av_packet_alloc();
    if (!packet)
        kn_out_of_memory();
    return packet;
}

AVFrame *kn_frame_new(void)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        kn_out_of_memory();
    return frame;
}

/* ---- the bytes ------------------------------------------------------------------------------ */

static int cancelled(void *arg)
{
    const struct kn_input *input = arg;
    return kn_cancel_requested(input->cancel);
}

static int read_bytes(void *arg, uint8_t *bytes, int size)
{
    const struct kn_input *input = arg;
    if (kn_cancel_requested(input->cancel))
        return AVERROR_EXIT;
    for (;;) {
        ssize_t n = read(input->fd, bytes, (size_t)size);
        if (n > 0)
            return (int)n;
        if (n == 0)
            return AVERROR_EOF;
        if (errno != EINTR)
            return AVERROR(errno);
    }
}

static int64_t seek_bytes(void *arg, int64_t offset, int whence)
{
    const struct kn_input *input = arg;
    if (whence & AVSEEK_SIZE) {
        struct stat st;
        return fstat(input->fd, &st) < 0 ? AVERROR(errno) : (int64_t)st.st_size;
    }
    off_t at = lseek(input->fd, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : (int64_t)at;
}

/* Formats that want a second file get none. */
static int refuse_open(AVFormatContext *format, AVIOContext **ret_io, const char *url, int flags,
                       AVDictionary **options)
{
    (void)format;
    (void)ret_io;
    (void)url;
    (void)flags;
    (void)options;
    return AVERROR(EPERM);
}

/* A FIFO or a device must not even be opened: the former may hang, the latter may act. */
static enum kn_status open_file(struct kn_input *input, const char *path, struct kn_error *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return kn_error_errno(err, errno, "cannot open %s", input->name);
    if (S_ISDIR(st.st_mode))
        return kn_error_set(err, KN_INVALID, "%s is a directory, not a video", input->name);
    if (!S_ISREG(st.st_mode))
        return kn_error_set(err, KN_INVALID, "%s is not a regular file", input->name);
    if (st.st_size == 0)
        return kn_error_set(err, KN_INVALID, "%s is empty", input->name);
    input->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (input->fd < 0)
        return kn_error_errno(err, errno, "cannot open %s", input->name);
    if (fstat(input->fd, &st) < 0 || !S_ISREG(st.st_mode)) /* swapped meanwhile */
        return kn_error_set(err, KN_INVALID, "%s is not a regular file", input->name);
    return KN_OK;
}

/* ---- the format ----------------------------------------------------------------------------- */

/* Containers and streams that hold sound or moving pictures and carry times. */
static bool holds_media(const char *format)
{
    static const char *const accepted[] = {
        "mov,mp4,m4a,3gp,3g2,mj2",
        "matroska,webm",
        "mpegts",
        "mpeg",
        "avi",
        "flv",
        "live_flv",
        "ogg",
        "asf",
        "mxf",
        "gxf",
        "nut",
        "ivf",
        "wtv",
        "rm",
        "dv",
        "nsv",
        "swf",
        "gif",
        "apng",
        "yuv4mpegpipe",
        "wav",
        "w64",
        "aiff",
        "caf",
        "au",
        "mp3",
        "aac",
        "flac",
        "ac3",
        "eac3",
        "dts",
        "truehd",
        "ape",
        "wv",
        "tta",
        "tak",
        "amr",
        "mpc",
        "mpc8",
        "loas",
        "voc",
        "dhav",
    };
    for (size_t i = 0; i < KN_COUNT_OF(accepted); i++)
        if (strcmp(format, accepted[i]) == 0)
            return true;
    return false;
}

/* Why a recognised format is refused, for a sentence that starts with the file's name. */
static const char *refusal(const char *format)
{
    static const struct {
        const char *format, *why;
    } known[] = {
        {"hls", "is a playlist, not a video: give the video itself"},
        {"dash", "is a playlist, not a video: give the video itself"},
        {"concat", "is a playlist, not a video: give the video itself"},
        {"webm_dash_manifest", "is a playlist, not a video: give the video itself"},
        {"imf", "is a playlist, not a video: give the video itself"},
        {"sdp", "describes a network stream, which kirinuki does not open"},
        {"image2", "is a still picture, not a video"},
        {"srt", "holds subtitles, not a video"},
        {"webvtt", "holds subtitles, not a video"},
        {"ass", "holds subtitles, not a video"},
        {"tty", "is text, not a video"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(known); i++)
        if (strcmp(format, known[i].format) == 0)
            return known[i].why;
    return kn_ends_with(format, "_pipe") ? "is a still picture, not a video" : NULL;
}

static enum kn_status recognise(struct kn_input *input, const AVInputFormat **ret_format,
                                struct kn_error *err)
{
    const AVInputFormat *format = NULL;
    int code = av_probe_input_buffer2(input->format->pb, &format, NULL, NULL, 0, 0);
    if (code == AVERROR_EXIT || (code < 0 && code != AVERROR_INVALIDDATA && code != AVERROR_EOF))
        return kn_av_error(err, code, "cannot read %s", input->name);
    if (code < 0 || !format)
        return kn_error_set(err, KN_DAMAGED, "%s is not a video or sound file", input->name);
    if (!holds_media(format->name)) {
        const char *why = refusal(format->name);
        if (why)
            return kn_error_set(err, KN_INVALID, "%s %s", input->name, why);
        return kn_error_set(err, KN_UNSUPPORTED,
                            "%s is in a format that kirinuki does not read (%s)", input->name,
                            format->name);
    }
    *ret_format = format;
    return KN_OK;
}

static enum kn_status explain_open(const struct kn_input *input, const AVInputFormat *format,
                                   int code, struct kn_error *err)
{
    if (code == AVERROR_EXIT)
        return kn_av_error(err, code, "cannot open %s", input->name);
    if (kn_starts_with(format->name, "mov"))
        return kn_error_set(err, KN_DAMAGED,
                            "%s is cut off or damaged: the index that its kind of file needs "
                            "(“moov”) cannot be read",
                            input->name);
    if (code == AVERROR_INVALIDDATA || code == AVERROR_EOF)
        return kn_error_set(err, KN_DAMAGED, "%s is cut off or damaged right at its beginning",
                            input->name);
    return kn_av_error(err, code, "cannot open %s", input->name);
}

static enum kn_status open_format(struct kn_input *input, struct kn_error *err)
{
    AVIOContext *io = NULL;
    uint8_t *buffer = av_malloc(READ_BYTES);
    if (buffer)
        io = avio_alloc_context(buffer, READ_BYTES, 0, input, read_bytes, NULL, seek_bytes);
    input->format = avformat_alloc_context();
    if (!io || !input->format)
        kn_out_of_memory();
    input->format->pb = io;
    input->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    input->format->io_open = refuse_open;
    input->format->interrupt_callback = (AVIOInterruptCB){cancelled, input};
    input->format->max_streams = STREAMS_MAX;

    const AVInputFormat *format = NULL;
    enum kn_status status = recognise(input, &format, err);
    if (status != KN_OK) {
        avformat_free_context(input->format); /* leaves a custom io alone */
        input->format = NULL;
    } else {
        int code = avformat_open_input(&input->format, "", format, NULL); /* frees on failure */
        if (code < 0)
            status = explain_open(input, format, code, err);
    }
    if (status != KN_OK) {
        av_freep(&io->buffer);
        avio_context_free(&io);
    }
    return status;
}

/* MP4 and Matroska headers describe their streams; elsewhere packets have to be looked at. */
static bool headers_suffice(const AVFormatContext *format)
{
    return kn_starts_with(format->iformat->name, "mov") ||
           kn_starts_with(format->iformat->name, "matroska") ||
           strcmp(format->iformat->name, "wav") == 0;
}

/* FFmpeg forgets a size that it can't use, so that it has to be noted for the error message. */
static void note_oversize(struct kn_input *input)
{
    for (unsigned i = 0; i < input->format->nb_streams; i++) {
        const AVCodecParameters *par = input->format->streams[i]->codecpar;
        if (par->codec_type == AVMEDIA_TYPE_VIDEO && kn_oversize(par->width, par->height)) {
            input->oversize_width_px = par->width;
            input->oversize_height_px = par->height;
        }
    }
}

static enum kn_status analyse(struct kn_input *input, struct kn_error *err)
{
    unsigned count = input->format->nb_streams; /* transport streams find theirs only now */
    /* Decoders are opened in there: a hostile header must not make them reserve gigabytes. */
    AVDictionary **options = kn_calloc(count, sizeof *options);
    for (unsigned i = 0; i < count; i++) {
        av_dict_set_int(&options[i], "max_pixels", KN_PICTURE_MAX_PX, 0);
        av_dict_set_int(&options[i], "threads", 1, 0);
    }
    int code = avformat_find_stream_info(input->format, count ? options : NULL);
    for (unsigned i = 0; i < count; i++)
        av_dict_free(&options[i]);
    free(options);
    if (kn_cancel_requested(input->cancel))
        return kn_error_set(err, KN_CANCELLED, "stopped by request");
    if (code < 0)
        return kn_av_error(err, code, "cannot read %s", input->name);
    return KN_OK;
}

enum kn_status kn_input_open(const char *path, enum kn_input_depth depth, struct kn_cancel *cancel,
                             struct kn_input **ret_input, struct kn_error *err)
{
    kn_av_setup();
    KN_SCOPED(kn_input) input = kn_calloc(1, sizeof *input);
    input->fd = -1;
    input->cancel = cancel;
    char shown[NAME_BYTES];
    const char *name = strlen(path) < sizeof shown ? path : kn_path_base(path);
    input->name = kn_strdup(kn_text_show(name, shown, sizeof shown));

    enum kn_status status = open_file(input, path, err);
    if (status == KN_OK)
        status = open_format(input, err);
    if (status == KN_OK)
        note_oversize(input);
    if (status == KN_OK && (depth == KN_INPUT_ANALYSE || !headers_suffice(input->format)))
        status = analyse(input, err);
    if (status == KN_OK)
        *ret_input = KN_MOVE(input);
    return status;
}

void kn_input_close(struct kn_input *input)
{
    if (!input)
        return;
    if (input->format) {
        AVIOContext *io = input->format->pb;
        avformat_close_input(&input->format);
        av_freep(&io->buffer);
        avio_context_free(&io);
    }
    if (input->fd >= 0)
        close(input->fd);
    free(input->name);
    free(input);
}

void kn_input_select(struct kn_input *input, int stream_a, int stream_b)
{
    for (unsigned i = 0; i < input->format->nb_streams; i++) {
        bool wanted = (int)i == stream_a || (int)i == stream_b;
        input->format->streams[i]->discard = wanted ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    }
}

enum kn_status kn_input_packet(struct kn_input *input, AVPacket *packet, struct kn_error *err)
{
    for (int damaged = 0; damaged < DAMAGED_RUN_MAX;) {
        int code = av_read_frame(input->format, packet);
        if (kn_cancel_requested(input->cancel)) {
            av_packet_unref(packet);
            return kn_error_set(err, KN_CANCELLED, "stopped by request");
        }
        if (code >= 0) {
            /* Some demuxers deliver discarded streams all the same. */
            AVStream *stream = input->format->streams[packet->stream_index];
            if (stream->discard < AVDISCARD_ALL)
                return KN_OK;
            av_packet_unref(packet);
            continue;
        }
        int io = input->format->pb->error; /* demuxers like to report a failed disk as the end */
        if (io < 0 && io != AVERROR_EOF)
            return kn_av_error(err, io, "cannot read %s", input->name);
        if (code == AVERROR_EOF)
            break;
        damaged++; /* the demuxer has moved on: there may be more behind the damage */
    }
    return KN_END;
}

/* ---- decoders ------------------------------------------------------------------------------- */

enum kn_status kn_decoder_open(const struct kn_input *input, int stream, int threads,
                               AVCodecContext **ret_decoder, struct kn_error *err)
{
    const AVStream *st = input->format->streams[stream];
    const AVCodec *codec = avcodec_find_decoder(st->codecpar->codec_id);
    const char *name = avcodec_get_name(st->codecpar->codec_id);
    if (!codec)
        return kn_error_set(err, KN_UNSUPPORTED, "%s: there is no decoder for %s", input->name,
                            name);
    KN_SCOPED_AV(AVCodecContext) decoder = avcodec_alloc_context3(codec);
    if (!decoder)
        kn_out_of_memory();
    int code = avcodec_parameters_to_context(decoder, st->codecpar);
    decoder->pkt_timebase = st->time_base;
    decoder->thread_count = KN_MAX(threads, 1);
    decoder->max_pixels = KN_PICTURE_MAX_PX;
    if (code >= 0)
        code = avcodec_open2(decoder, codec, NULL);
    if (code < 0)
        return kn_av_error(err, code, "%s: cannot decode %s", input->name, name);
    *ret_decoder = KN_MOVE(decoder);
    return KN_OK;
}

static const int32_t *display_matrix(const AVStream *stream)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100) /* FFmpeg 6.1 moved it */
    const AVPacketSideData *side =
        av_packet_side_data_get(stream->codecpar->coded_side_data,
                                stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return side && side->size >= 9 * sizeof(int32_t) ? (const int32_t *)side->data : NULL;
#else
    size_t size = 0;
    const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return data && size >= 9 * sizeof(int32_t) ? (const int32_t *)data : NULL;
#endif
}

int kn_stream_rotation(const AVStream *stream)
{
    const int32_t *matrix = display_matrix(stream);
    double counter_clockwise = matrix ? av_display_rotation_get(matrix) : 0.0;
    if (!(counter_clockwise >= -360.0 && counter_clockwise <= 360.0)) /* NaN: no rotation at all */
        return 0;
    int quarters = (int)(-counter_clockwise / 90.0 + 8.5); /* to the nearest quarter turn */
    return quarters % 4 * 90;
}

void kn_stream_copy_rotation(AVStream *to, const AVStream *from)
{
    const int32_t *matrix = display_matrix(from);
    if (!matrix)
        return;
    size_t size = 9 * sizeof *matrix;
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
    AVPacketSideData *side =
        av_packet_side_data_new(&to->codecpar->coded_side_data, &to->codecpar->nb_coded_side_data,
                                AV_PKT_DATA_DISPLAYMATRIX, size, 0);
    uint8_t *copy = side ? side->data : NULL;
#else
    uint8_t *copy = av_stream_new_side_data(to, AV_PKT_DATA_DISPLAYMATRIX, size);
#endif
    if (!copy)
        kn_out_of_memory();
    memcpy(copy, matrix, size);
}
