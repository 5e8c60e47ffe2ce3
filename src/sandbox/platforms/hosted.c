#include "sandbox/platforms/hosted.h"

#include <string.h>

#include "base/str.h"
#include "sandbox/platforms/platforms.h"

/* The number behind the prefix; NULL: another place. */
static const char *number_in(const struct kn_mimic_visit *visit, const char *url)
{
    const char *prefix = kn_arena_printf(visit->arena, "%s/sandbox/media/", kn_mimic_base(visit));
    size_t length = strlen(prefix);
    return strncmp(url, prefix, length) == 0 ? url + length : NULL;
}

bool kn_hosted_is_ours(const struct kn_mimic_visit *visit, const char *url)
{
    return number_in(visit, url) != NULL;
}

struct kn_upload *kn_hosted_find(const struct kn_mimic_visit *visit, const char *url)
{
    const struct kn_spool *spool = &visit->m->spool;
    const char *text = number_in(visit, url);
    long long number;
    if (!text || !kn_parse_int(text, 1, spool->uploads.count, &number))
        return NULL;
    struct kn_upload *upload = spool->uploads.at[number - 1];
    return upload->hash[0] && kn_file_exists(upload->path) ? upload : NULL;
}
