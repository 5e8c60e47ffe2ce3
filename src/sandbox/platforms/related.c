#include "sandbox/platforms/related.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { JSON_MAX = 1 << 20, HEAD_MAX = 8192 };

bool kn_related_begin(struct kn_related *related, const char *content_type)
{
    *related = (struct kn_related){0};
    if (!kn_boundary_find(content_type, "multipart/related", related->mark))
        return false;
    kn_str_add(&related->held, "\r\n"); /* so that the first boundary is like the others */
    return true;
}

void kn_related_free(struct kn_related *related)
{
    kn_str_free(&related->held);
    kn_str_free(&related->json);
}

static void consume(struct kn_str *held, size_t size)
{
    held->length -= size;
    memmove(held->at, held->at + size, held->length);
    held->at[held->length] = '\0';
}

static bool spoil(struct kn_related *related)
{
    related->at = KN_RELATED_BAD;
    return false;
}

/* "--" ends it; else blanks and a line end, and a part's head. True: there was enough. */
static bool read_mark(struct kn_related *related)
{
    const struct kn_str *held = &related->held;
    if (held->length < 2)
        return false;
    if (memcmp(held->at, "--", 2) == 0) {
        related->at = KN_RELATED_END;
        return true;
    }
    size_t blanks = strspn(held->at, " \t");
    if (held->length < blanks + 2)
        return held->length > HEAD_MAX && !spoil(related);
    if (memcmp(held->at + blanks, "\r\n", 2) != 0 || related->parts == 2) {
        spoil(related);
        return true;
    }
    consume(&related->held, blanks);
    related->at = KN_RELATED_HEAD;
    return true;
}

static void note_type(struct kn_related *related, const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-type:");
    if (!at || related->parts != 2)
        return;
    at += strlen("\r\ncontent-type:");
    at += strspn(at, " \t");
    snprintf(related->file_type, sizeof related->file_type, "%.*s", (int)strcspn(at, "\r\n"), at);
}

/* The head begins with the line end behind the boundary, so that one without lines is found. */
static bool read_part_head(struct kn_related *related)
{
    struct kn_str *held = &related->held;
    const char *end = memmem(held->at, held->length, "\r\n\r\n", 4);
    if (!end)
        return held->length > HEAD_MAX && !spoil(related);
    related->parts++;
    size_t size = (size_t)(end - held->at);
    held->at[size] = '\0';
    note_type(related, held->at);
    consume(held, size + 4);
    related->at = related->parts == 1 ? KN_RELATED_JSON : KN_RELATED_FILE;
    return true;
}

static bool hand_on(struct kn_related *related, size_t size,
                    bool (*take)(void *arg, const void *data, size_t size), void *arg)
{
    if (related->at == KN_RELATED_PREAMBLE)
        return true;
    if (related->at == KN_RELATED_FILE)
        return size == 0 || take(arg, related->held.at, size);
    kn_str_add_bytes(&related->json, related->held.at, size);
    return related->json.length <= JSON_MAX;
}

/* Up to the next boundary, or as far as none can begin. */
static bool read_content(struct kn_related *related,
                         bool (*take)(void *arg, const void *data, size_t size), void *arg)
{
    struct kn_str *held = &related->held;
    size_t mark = strlen(related->mark);
    const char *end = memmem(held->at, held->length, related->mark, mark);
    size_t size = end                    ? (size_t)(end - held->at)
                  : held->length >= mark ? held->length - mark + 1
                                         : 0;
    if (!hand_on(related, size, take, arg)) {
        spoil(related);
        return true;
    }
    consume(held, end ? size + mark : size);
    if (end)
        related->at = KN_RELATED_MARK;
    return end != NULL;
}

bool kn_related_feed(struct kn_related *related, const void *data, size_t size,
                     bool (*take)(void *arg, const void *data, size_t size), void *arg)
{
    kn_str_add_bytes(&related->held, data, size);
    bool more = true;
    while (more && related->held.at) {
        switch (related->at) {
        case KN_RELATED_MARK:
            more = read_mark(related);
            break;
        case KN_RELATED_HEAD:
            more = read_part_head(related);
            break;
        case KN_RELATED_END:
        case KN_RELATED_BAD:
            kn_str_clear(&related->held);
            more = false;
            break;
        default:
            more = read_content(related, take, arg);
            break;
        }
    }
    return related->at != KN_RELATED_BAD;
}
