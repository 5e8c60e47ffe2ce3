/*
 * rupload: all bytes in one request, which may be cut and continued where it was ("Resumable
 * Uploads", 2026-09-11). What came before a cut stays. Whether a wrong offset is refused or begins
 * anew is not documented; it is refused.
 */
#include <string.h>

#include "base/str.h"
#include "sandbox/platforms/hosted.h"
#include "sandbox/platforms/instagram.h"

static const char failed[] = "ProcessingFailedError";

struct sending {
    struct kn_ig_container *container;
    int64_t size; /* of this request */
};

/* NULL: the answer is made. */
static struct kn_ig_container *find_container(struct kn_mimic_visit *visit)
{
    if (!kn_mimic_sign_in(visit, kn_mimic_credentials(visit->exchange, "OAuth"), KN_IG_MAY_RESUME))
        return NULL;
    const char *id = kn_ig_id(visit);
    struct kn_ig_container *container = id ? kn_ig_find(visit, id) : NULL;
    if (container && visit->fault.kind == KN_FAULT_EXPIRED)
        container->until_us = visit->now_us;
    if (!container || container->account != visit->who.account || !container->resumable)
        kn_ig_upload_fail(visit, failed, false, "unauthorized user request");
    else if (!container->whole && visit->now_us >= container->until_us)
        kn_ig_upload_fail(visit, failed, false, "the media has expired");
    else if (container->finishing)
        kn_ig_upload_fail(visit, failed, true, "the upload is being finished");
    else
        return container;
    return NULL;
}

static bool read_header(const struct kn_mimic_visit *visit, const char *name, int64_t *ret_number)
{
    const char *text = kn_mimic_head(visit->exchange, name);
    long long number;
    if (!text || !kn_parse_int(text, 0, INT64_MAX, &number))
        return false;
    *ret_number = number;
    return true;
}

static void succeed(struct kn_mimic_visit *visit)
{
    kn_mimic_json(visit, 200,
                  json_pack("{s:b, s:s}", "success", true, "message", "Upload successful."));
}

/* The platform fetches the file itself, in the place of a body. */
static void fetch(struct kn_mimic_visit *visit, struct kn_ig_container *container, const char *url)
{
    struct kn_upload *upload = kn_hosted_find(visit, url);
    if (kn_upload_stored(container->upload) > 0 || !upload) {
        kn_ig_upload_fail(visit, failed, false,
                          upload ? "an upload has begun" : "file_url could not be fetched");
        return;
    }
    container->upload = upload;
    kn_ig_process(container, visit->now_us);
    succeed(visit);
}

static void begin_bytes(struct kn_mimic_visit *visit, struct kn_ig_container *container)
{
    int64_t offset, size, length = kn_mimic_length(visit->exchange);
    int64_t stored = kn_upload_stored(container->upload);
    if (!read_header(visit, "offset", &offset) || !read_header(visit, "file_size", &size) ||
        size == 0)
        kn_ig_upload_fail(visit, failed, false, "the headers offset and file_size are required");
    else if (size > kn_ig_most(container))
        kn_ig_upload_fail(visit, failed, false, "the file is too large");
    else if (container->file_size >= 0 && container->file_size != size)
        kn_ig_upload_fail(visit, failed, false, "file_size is not what it was before");
    else if (offset != stored)
        kn_ig_upload_fail(visit, "OffsetInvalidError", true,
                          "the offset is not the number of bytes that are stored");
    else if (length >= 0 && length != size - offset)
        kn_ig_upload_fail(visit, failed, false, "the body does not go from offset to the end");
    else if (container->whole) /* nothing was left to send */
        succeed(visit);
    else {
        struct sending *sending = kn_arena_alloc(visit->arena, sizeof *sending);
        *sending = (struct sending){.container = container, .size = size - offset};
        container->file_size = size;
        visit->own = sending;
        kn_mimic_stream(visit, container->upload, size - offset);
    }
}

void kn_ig_upload_begin(struct kn_mimic_visit *visit)
{
    const char *url = kn_mimic_head(visit->exchange, "file_url");
    struct kn_ig_container *container = find_container(visit);
    if (!container)
        return;
    if (url && !container->whole)
        fetch(visit, container, url);
    else
        begin_bytes(visit, container);
}

/* The hash and the look into the file take time, in which others go on. */
static void finish(struct kn_mimic_visit *visit, struct kn_ig_container *container)
{
    container->finishing = true;
    kn_mimics_leave(visit->m);
    kn_upload_finish(container->upload);
    kn_mimics_enter(visit->m);
    container->finishing = false;
    visit->now_us = kn_mimics_now_us(visit->m);
    kn_ig_process(container, visit->now_us);
    succeed(visit);
}

void kn_ig_upload_run(struct kn_mimic_visit *visit)
{
    const struct sending *sending = visit->own;
    struct kn_ig_container *container = sending->container;
    if (container->whole || container->finishing)
        kn_ig_upload_fail(visit, failed, true, "another request has ended the upload");
    else if (visit->over)
        kn_ig_upload_fail(visit, failed, false, "more bytes came than file_size says");
    else if (visit->stored + visit->lost != sending->size || visit->lost)
        kn_ig_upload_fail(visit, failed, true, "the upload is not complete");
    else
        finish(visit, container);
}
