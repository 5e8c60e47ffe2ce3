#include "media/checksum.h"

#include <errno.h>
#include <libavutil/mem.h>
#include <libavutil/sha.h>
#include <stdio.h>

#include "base/memory.h"

enum { CHUNK_BYTES = 256 * 1024, DIGEST_BYTES = 32 };

static void close_file(FILE **file)
{
    if (*file)
        fclose(*file);
}

static void free_state(struct AVSHA **state)
{
    av_freep(state);
}

enum kn_status kn_file_sha256(const char *path, char ret_text[KN_SHA256_TEXT_BYTES],
                              struct kn_error *err)
{
    __attribute__((cleanup(close_file))) FILE *file = fopen(path, "rbe");
    if (!file)
        return kn_error_errno(err, errno, "cannot open %s", path);
    __attribute__((cleanup(free_state))) struct AVSHA *state = av_sha_alloc();
    KN_SCOPED_MEM unsigned char *chunk = kn_malloc(CHUNK_BYTES);
    if (!state)
        kn_out_of_memory();
    (void)av_sha_init(state, 256); /* fails for other lengths only */
    for (size_t got; (got = fread(chunk, 1, CHUNK_BYTES, file)) > 0;)
        av_sha_update(state, chunk, got);
    if (ferror(file))
        return kn_error_errno(err, errno, "cannot read %s", path);
    unsigned char digest[DIGEST_BYTES];
    av_sha_final(state, digest);
    for (int i = 0; i < DIGEST_BYTES; i++)
        snprintf(ret_text + (size_t)i * 2, 3, "%02x", digest[i]);
    return KN_OK;
}
