#include "sandbox/sound_file.h"

#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* For forms that do not tell their length here: what speech usually takes. */
enum { GUESSED_BYTES_A_SECOND = 4000 };

/* Bytes with an end that is never passed. */
struct bytes {
    const uint8_t *at;
    size_t size;
};

static bool has(struct bytes b, size_t offset, const char *mark, size_t length)
{
    return offset <= b.size && length <= b.size - offset &&
           memcmp(b.at + offset, mark, length) == 0;
}

/* Numbers of up to eight bytes; 0 beyond the end. */
static uint64_t big(struct bytes b, size_t offset, int length)
{
    uint64_t value = 0;
    if (offset > b.size || (size_t)length > b.size - offset)
        return 0;
    for (int i = 0; i < length; i++)
        value = value << 8 | b.at[offset + (size_t)i];
    return value;
}

static uint64_t little(struct bytes b, size_t offset, int length)
{
    uint64_t value = 0;
    if (offset > b.size || (size_t)length > b.size - offset)
        return 0;
    for (int i = length - 1; i >= 0; i--)
        value = value << 8 | b.at[offset + (size_t)i];
    return value;
}

static int64_t us_of(uint64_t samples, uint64_t rate)
{
    /* Hostile numbers of samples would overflow: a year is long enough. */
    double s = rate ? (double)samples / (double)rate : 0;
    return (int64_t)(KN_MIN(s, 3.2e7) * 1e6);
}

/* ---- WAV: RIFF chunks ---- */

static void probe_wav(struct bytes b, struct kn_sound_facts *facts)
{
    uint64_t bytes_a_second = 0;
    facts->broken = true;
    for (size_t at = 12; at + 8 <= b.size;) {
        uint64_t length = little(b, at + 4, 4);
        if (has(b, at, "fmt ", 4))
            bytes_a_second = little(b, at + 16, 4);
        if (has(b, at, "data", 4)) {
            size_t there = (size_t)KN_MIN(length, b.size - at - 8); /* ffmpeg leaves 0xffffffff */
            const uint8_t *samples = b.at + at + 8;
            facts->duration_us = us_of(there, bytes_a_second);
            facts->broken = bytes_a_second == 0;
            facts->silent = there == 0 || (!samples[0] && !memcmp(samples, samples + 1, there - 1));
            return;
        }
        if (length > b.size - at - 8)
            return;
        at += 8 + (size_t)length + (length & 1);
    }
}

/* ---- FLAC (RFC 9639) ---- */

static uint8_t flac_crc(const uint8_t *at, size_t size)
{
    uint8_t crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (uint8_t)(crc & 0x80 ? crc << 1 ^ 0x07 : crc << 1);
    }
    return crc;
}

/* The number in a frame's header is coded as UTF-8 codes characters, up to seven bytes. */
static int flac_coded(struct bytes b, size_t at, uint64_t *ret_value)
{
    uint64_t value = big(b, at, 1);
    int more = 0;
    while (more < 7 && value & (0x80u >> more))
        more++;
    if (more == 1 || more > 7)
        return 0;
    value &= more ? 0x7fu >> more : 0x7f;
    for (int i = 1; i < more; i++) {
        uint64_t next = big(b, at + (size_t)i, 1);
        if ((next & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (next & 0x3f);
    }
    *ret_value = value;
    return more ? more : 1;
}

/* Samples before the end of the frame at `at`; 0: there is no frame there. */
static uint64_t flac_frame_end(struct bytes b, size_t at, uint64_t block_size)
{
    enum { HEADER_MIN = 6 };
    if (b.size - at < HEADER_MIN || b.at[at] != 0xff || (b.at[at + 1] & 0xfe) != 0xf8)
        return 0;
    int block = b.at[at + 2] >> 4, rate = b.at[at + 2] & 15;
    uint64_t number, own = block_size;
    int coded = flac_coded(b, at + 4, &number);
    size_t end = at + 4 + (size_t)coded;
    if (!coded)
        return 0;
    if (block == 6 || block == 7) {
        own = big(b, end, block - 5) + 1;
        end += (size_t)block - 5;
    }
    end += rate == 12 ? 1 : rate == 13 || rate == 14 ? 2 : 0;
    if (end >= b.size || flac_crc(b.at + at, end - at) != b.at[end])
        return 0;
    bool variable = b.at[at + 1] & 1;
    return (variable ? number : number * block_size) + own;
}

static void probe_flac(struct bytes b, struct kn_sound_facts *facts)
{
    uint64_t block_size = big(b, 10, 2), rate = big(b, 18, 3) >> 4;
    uint64_t samples = (big(b, 21, 1) & 15) << 32 | big(b, 22, 4);
    size_t at = 4;
    for (bool last = false; !last && at + 4 <= b.size;) {
        last = b.at[at] & 0x80;
        at += 4 + (size_t)big(b, at + 1, 3);
    }
    size_t first_frame = at;
    /* Whoever writes to a pipe does not know the length beforehand: the last frame does. */
    for (at = b.size; !samples && at-- > first_frame && at + 65536 > b.size;)
        samples = flac_frame_end(b, at, block_size);
    facts->duration_us = us_of(samples, rate);
    facts->broken = !rate || !samples || first_frame + 6 > b.size || b.at[first_frame] != 0xff ||
                    (b.at[first_frame + 1] & 0xfe) != 0xf8;
    /* A block that never changes takes a dozen bytes, one that hums takes hundreds. */
    double bytes = (double)(b.size - KN_MIN(first_frame, b.size));
    facts->silent = block_size && bytes / ((double)samples / (double)block_size) < 24;
}

/* ---- MP3 ---- */

static int64_t mp3_frame(struct bytes b, size_t at, size_t *ret_length)
{
    static const short rates[2][16] = {
        {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
        {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}};
    static const int frequencies[3] = {44100, 48000, 32000};
    uint64_t head = big(b, at, 4);
    int version = (int)(head >> 19 & 3), layer = (int)(head >> 17 & 3);
    int rate = (int)(head >> 12 & 15), frequency = (int)(head >> 10 & 3);
    if (head >> 21 != 0x7ff || version == 1 || layer != 1 || frequency == 3)
        return 0;
    bool first = version == 3;
    int hz = frequencies[frequency] >> (first ? 0 : version == 2 ? 1 : 2);
    int bits = rates[!first][rate] * 1000;
    if (!bits)
        return 0;
    int samples = first ? 1152 : 576;
    *ret_length = (size_t)(samples / 8 * bits / hz) + (head >> 9 & 1);
    return INT64_C(1000000) * samples / hz;
}

static void probe_mp3(struct bytes b, size_t at, struct kn_sound_facts *facts)
{
    int64_t us = 0;
    size_t length = 0;
    for (int64_t frame; at < b.size && (frame = mp3_frame(b, at, &length)) != 0; at += length)
        us += frame;
    facts->duration_us = us;
    facts->broken = us == 0;
}

/* ID3v2 stands before the first frame; its size has seven bits a byte. */
static size_t id3_size(struct bytes b)
{
    if (!has(b, 0, "ID3", 3))
        return 0;
    uint64_t size = 0;
    for (size_t i = 6; i < 10; i++)
        size = size << 7 | (big(b, i, 1) & 0x7f);
    return 10 + (size_t)size;
}

/* ---- Ogg, MP4, WebM ---- */

/* The last page tells how many samples were before it; Opus counts 48,000 a second. */
static void probe_ogg(struct bytes b, struct kn_sound_facts *facts)
{
    size_t first = 27 + (size_t)big(b, 26, 1);
    bool vorbis = has(b, first, "\001vorbis", 7);
    uint64_t rate = vorbis ? little(b, first + 12, 4) : has(b, first, "OpusHead", 8) ? 48000 : 0;
    facts->form = vorbis ? KN_SOUND_OGG_VORBIS : KN_SOUND_OGG;
    facts->duration_us = (int64_t)b.size * 1000000 / GUESSED_BYTES_A_SECOND;
    uint64_t skipped = rate == 48000 ? little(b, first + 10, 2) : 0; /* by Opus, at the begin */
    facts->broken = rate == 0 && !has(b, first, "\177FLAC", 5) && !has(b, first, "Speex", 5);
    for (size_t at = b.size; rate && at-- > 0;) {
        uint64_t granule = little(b, at + 6, 8);
        if (has(b, at, "OggS", 4) && granule != UINT64_MAX) {
            facts->duration_us = us_of(granule - KN_MIN(skipped, granule), rate);
            return;
        }
    }
}

/* The box of that type in [at, end); 0: none. */
static size_t mp4_box(struct bytes b, size_t at, size_t end, const char *type, size_t *ret_end)
{
    while (at + 8 <= end) {
        uint64_t length = big(b, at, 4);
        if (length == 1)
            length = big(b, at + 8, 8);
        if (length == 0 || length > end - at)
            length = end - at;
        if (length < 8)
            return 0;
        if (has(b, at + 4, type, 4)) {
            *ret_end = at + (size_t)length;
            return at + 8;
        }
        at += (size_t)length;
    }
    return 0;
}

static void probe_mp4(struct bytes b, struct kn_sound_facts *facts)
{
    size_t end = 0, moov = mp4_box(b, 0, b.size, "moov", &end);
    size_t head = moov ? mp4_box(b, moov, end, "mvhd", &end) : 0;
    bool wide = head && big(b, head, 1) == 1;
    uint64_t scale = big(b, head + (wide ? 20 : 12), 4);
    uint64_t duration = wide ? big(b, head + 24, 8) : big(b, head + 16, 4);
    facts->broken = !head || !scale;
    facts->duration_us = us_of(duration, scale);
    if (!facts->broken && !duration) /* in fragments */
        facts->duration_us = (int64_t)b.size * 1000000 / GUESSED_BYTES_A_SECOND;
}

/* ---- WebM: EBML (RFC 8794) ---- */

/* A number that begins with zeros for its length; the marking bit stays in ids. 0: none. */
static size_t ebml_number(struct bytes b, size_t at, bool id, uint64_t *ret_value)
{
    uint64_t first = big(b, at, 1);
    size_t length = 1;
    while (length <= 8 && !(first & 0x100u >> length))
        length++;
    if (length > 8 || at + length > b.size)
        return 0;
    uint64_t value = big(b, at, (int)length);
    uint64_t ones = (UINT64_C(1) << 7 * length) - 1;
    /* A size of ones alone is unknown: all that is left. */
    *ret_value = id ? value : (value & ones) == ones ? b.size : value & ones;
    return length;
}

/* The element of that id in [at, end); 0: none. */
static size_t ebml_element(struct bytes b, size_t at, size_t end, uint64_t wanted, size_t *ret_end)
{
    while (at < end) {
        uint64_t id, size;
        size_t n = ebml_number(b, at, true, &id);
        size_t m = n ? ebml_number(b, at + n, false, &size) : 0;
        if (!m)
            return 0;
        at += n + m;
        size = KN_MIN(size, end - KN_MIN(at, end));
        if (id == wanted) {
            *ret_end = at + (size_t)size;
            return at;
        }
        at += (size_t)size;
    }
    return 0;
}

static void probe_webm(struct bytes b, struct kn_sound_facts *facts)
{
    enum { SEGMENT = 0x18538067, INFO = 0x1549a966, SCALE = 0x2ad7b1, DURATION = 0x4489 };
    size_t end = 0, part_end = 0;
    size_t segment = ebml_element(b, 0, b.size, SEGMENT, &end);
    size_t info = segment ? ebml_element(b, segment, end, INFO, &end) : 0;
    size_t part = info ? ebml_element(b, info, end, SCALE, &part_end) : 0;
    double ns = part ? (double)big(b, part, (int)KN_MIN(part_end - part, 8)) : 1e6;
    facts->broken = !info;
    facts->duration_us = (int64_t)b.size * 1000000 / GUESSED_BYTES_A_SECOND;
    part = info ? ebml_element(b, info, end, DURATION, &part_end) : 0;
    if (!part)
        return; /* written to a pipe */
    uint64_t bits = big(b, part, (int)KN_MIN(part_end - part, 8));
    uint32_t half = (uint32_t)bits;
    float narrow;
    double ticks;
    memcpy(&narrow, &half, sizeof narrow);
    memcpy(&ticks, &bits, sizeof ticks);
    ticks = part_end - part == 4 ? (double)narrow : ticks;
    if (ticks * ns > 0 && ticks * ns < 3.2e16)
        facts->duration_us = (int64_t)(ticks * ns / 1000);
}

/* ---- all of them ---- */

void kn_sound_probe(const void *data, size_t size, struct kn_sound_facts *ret_facts)
{
    struct bytes b = {data, size};
    struct kn_sound_facts facts = {0};
    size_t tag = id3_size(b), length;
    if (has(b, 0, "fLaC", 4)) {
        facts.form = KN_SOUND_FLAC;
        probe_flac(b, &facts);
    } else if (has(b, 0, "RIFF", 4) && has(b, 8, "WAVE", 4)) {
        facts.form = KN_SOUND_WAV;
        probe_wav(b, &facts);
    } else if (has(b, 0, "OggS", 4)) {
        probe_ogg(b, &facts);
    } else if (has(b, 4, "ftyp", 4)) {
        facts.form = KN_SOUND_MP4;
        probe_mp4(b, &facts);
    } else if (has(b, 0, "\x1a\x45\xdf\xa3", 4)) {
        facts.form = KN_SOUND_WEBM;
        probe_webm(b, &facts);
    } else if (tag || mp3_frame(b, 0, &length)) {
        facts.form = KN_SOUND_MP3;
        probe_mp3(b, tag, &facts);
    }
    *ret_facts = facts;
}

static const struct {
    const char *extension;
    unsigned forms; /* 1 << enum kn_sound_form */
} extensions[] = {
    {".flac", 1u << KN_SOUND_FLAC},
    {".mp3", 1u << KN_SOUND_MP3},
    {".mpeg", 1u << KN_SOUND_MP3},
    {".mpga", 1u << KN_SOUND_MP3},
    {".mp4", 1u << KN_SOUND_MP4},
    {".m4a", 1u << KN_SOUND_MP4},
    {".ogg", 1u << KN_SOUND_OGG | 1u << KN_SOUND_OGG_VORBIS},
    {".wav", 1u << KN_SOUND_WAV},
    {".webm", 1u << KN_SOUND_WEBM},
};

static unsigned forms_of(const char *filename)
{
    const char *dot = strrchr(filename, '.');
    for (size_t i = 0; dot && i < KN_COUNT_OF(extensions); i++)
        if (strcasecmp(extensions[i].extension, dot) == 0)
            return extensions[i].forms;
    return 0;
}

bool kn_sound_extension_known(const char *filename)
{
    return forms_of(filename) != 0;
}

bool kn_sound_extension_fits(const char *filename, enum kn_sound_form form)
{
    return forms_of(filename) & 1u << form;
}
