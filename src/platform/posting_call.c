/* One request of a post, with its token and its part of the clip. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/clip_file.h"
#include "platform/posting.h"

enum { ANSWER_MS = 60000, STALL_MS = 60000, ANSWER_BYTES = 1 << 20, HEADERS_MAX = 16 };

const char *kn_posting_url(const struct kn_posting *posting, const char *host, const char *format,
                           ...)
{
    va_list args;
    KN_SCOPED_STR url = {0};
    char *path = NULL;
    va_start(args, format);
    if (vasprintf(&path, format, args) < 0)
        kn_out_of_memory();
    va_end(args);
    const char *base = posting->service_url ? posting->service_url : host;
    size_t length = strlen(base);
    while (length && base[length - 1] == '/')
        length--;
    kn_str_add_bytes(&url, base, length);
    kn_str_add(&url, path);
    free(path);
    return kn_arena_strdup(posting->arena, kn_str_text(&url));
}

/* ---- the part of the clip ---- */

struct part {
    struct kn_posting *posting;
    int64_t offset, bytes;
};

static enum kn_status read_part(void *arg, int64_t offset, void *buffer, size_t room,
                                size_t *ret_got, struct kn_error *err)
{
    struct part *part = arg;
    return kn_clip_file_read(part->posting->file, part->offset + offset, buffer, room, ret_got,
                             err);
}

static void count_sent(void *arg, int64_t bytes)
{
    const struct part *part = arg;
    const struct kn_posting_host *host = part->posting->host;
    if (host->progress)
        host->progress(host->arg, part->offset + KN_MIN(bytes, part->bytes));
}

static enum kn_status begin_part(struct kn_posting *posting, int64_t offset, struct kn_error *err)
{
    enum kn_status status = KN_OK;
    if (!posting->file)
        status = kn_clip_file_open(&posting->clip, &posting->file, err);
    if (status == KN_OK)
        status = kn_clip_file_begin(posting->file, offset, posting->host->cancel, err);
    return status;
}

/* ---- the request ---- */

struct made {
    struct kn_http_request request;
    struct kn_http_header headers[HEADERS_MAX];
    struct kn_http_source source;
    struct part part;
};

static void make_body(struct kn_posting *posting, const struct kn_posting_call *call,
                      struct made *made)
{
    struct kn_http_request *request = &made->request;
    if (call->json) {
        KN_SCOPED_STR text = {0};
        kn_json_add(&text, call->json, true);
        request->body_size = text.length;
        request->body = kn_arena_strndup(posting->arena, kn_str_text(&text), text.length);
    }
    if (!call->file_bytes)
        return;
    made->part = (struct part){posting, call->file_offset, call->file_bytes};
    made->source =
        (struct kn_http_source){.size = call->file_bytes, .read = read_part, .arg = &made->part};
    request->sent = count_sent;
    request->sent_arg = &made->part;
    if (request->part_count == 0) {
        request->source = &made->source;
        return;
    }
    struct kn_http_part *parts =
        kn_arena_array(posting->arena, (size_t)request->part_count, sizeof *parts);
    memcpy(parts, request->parts, (size_t)request->part_count * sizeof *parts);
    parts[request->part_count - 1].source = &made->source;
    request->parts = parts;
}

static void make(struct kn_posting *posting, const struct kn_posting_call *call, const char *token,
                 struct made *made)
{
    *made = (struct made){.request = call->request};
    struct kn_http_request *request = &made->request;
    int count = request->header_count;
    if (count)
        memcpy(made->headers, request->headers, (size_t)count * sizeof *request->headers);
    if (token)
        made->headers[count++] = (struct kn_http_header){
            "Authorization",
            kn_arena_printf(posting->arena, "%s %s",
                            call->token == KN_TOKEN_OAUTH ? "OAuth" : "Bearer", token)};
    if (call->json)
        made->headers[count++] =
            (struct kn_http_header){"Content-Type", "application/json; charset=UTF-8"};
    request->headers = made->headers;
    request->header_count = count;
    make_body(posting, call, made);
    if (!request->limit_ms && !request->stall_ms) {
        request->limit_ms = call->file_bytes ? 0 : ANSWER_MS;
        request->stall_ms = call->file_bytes ? STALL_MS : 0;
    }
    request->answer_max = request->answer_max ? request->answer_max : ANSWER_BYTES;
}

static enum kn_status ask(struct kn_posting *posting, const struct kn_posting_call *call,
                          const char *token, struct kn_http_answer *ret_answer, bool *ret_sent,
                          struct kn_error *err)
{
    struct made made;
    enum kn_status status = call->file_bytes ? begin_part(posting, call->file_offset, err) : KN_OK;
    if (status != KN_OK)
        return status;
    make(posting, call, token, &made);
    status = kn_http_perform(posting->host->http, &made.request, posting->host->cancel,
                             posting->arena, ret_answer, ret_sent, err);
    if (status == KN_OK)
        kn_posting_note_date(posting, ret_answer);
    if (status == KN_LIMIT) /* an answer that nobody can read says nothing of what was done */
        return kn_error_set(err, KN_REMOTE, "%s", kn_error_text(err));
    return status;
}

static bool is_refused(struct kn_posting *posting, const struct kn_posting_call *call,
                       const struct kn_http_answer *answer)
{
    return call->refused ? call->refused(posting, answer) : answer->status == 401;
}

enum kn_status kn_posting_call(struct kn_posting *posting, const struct kn_posting_call *call,
                               struct kn_http_answer *ret_answer, bool *ret_sent,
                               struct kn_error *err)
{
    const struct kn_posting_host *host = posting->host;
    const char *token = NULL;
    struct kn_error own;
    struct kn_http_answer answer = {0};
    bool sent = false;
    err = err ? err : &own;
    ret_sent = ret_sent ? ret_sent : &sent;
    *ret_sent = false;
    if (call->request.header_count > HEADERS_MAX - 2)
        return kn_error_set(err, KN_INTERNAL, "a request has too many headers");
    enum kn_status status = KN_OK;
    if (call->token != KN_TOKEN_NONE && !host->token)
        return kn_error_set(err, KN_DENIED, "%s needs an account", posting->platform->label);
    if (call->token != KN_TOKEN_NONE)
        status = host->token(host->arg, NULL, posting->arena, &token, err);
    if (status == KN_OK)
        status = ask(posting, call, token, &answer, ret_sent, err);
    if (status == KN_OK && token && is_refused(posting, call, &answer)) {
        /* What was refused has done nothing, so the second try alone counts. */
        *ret_sent = false;
        status = host->token(host->arg, token, posting->arena, &token, err);
        if (status == KN_OK)
            status = ask(posting, call, token, &answer, ret_sent, err);
    }
    if (status == KN_OK)
        *ret_answer = answer;
    return status;
}
