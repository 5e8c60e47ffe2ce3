/* URLs, as curl reads them: who parses on his own ends up at another host than the one he judged.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "net/http_internal.h"

static void url_free(CURLU **at)
{
    curl_url_cleanup(*at);
}
#define SCOPED_URL __attribute__((cleanup(url_free))) CURLU *

static CURLU *parse(const char *url, unsigned flags)
{
    CURLU *parsed = curl_url();
    if (parsed && url && curl_url_set(parsed, CURLUPART_URL, url, flags) == CURLUE_OK)
        return parsed;
    curl_url_cleanup(parsed);
    return NULL;
}

/* In the arena; NULL: the URL has none. */
static const char *part(CURLU *url, CURLUPart which, unsigned flags, struct kn_arena *arena)
{
    char *text = NULL;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK)
        return NULL;
    const char *copy = kn_arena_strdup(arena, text);
    curl_free(text);
    return copy;
}

static bool address_is_loopback(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    char bare[INET6_ADDRSTRLEN];
    size_t length = strlen(host);
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
    if (host[0] != '[' || length < 2 || length - 2 >= sizeof bare)
        return false;
    memcpy(bare, host + 1, length - 2);
    bare[length - 2] = 0;
    if (inet_pton(AF_INET6, bare, &six) != 1)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
}

static bool host_is_loopback(CURLU *url)
{
    char *host = NULL;
    if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        return false;
    bool loopback = strcasecmp(host, "localhost") == 0 || address_is_loopback(host);
    curl_free(host);
    return loopback;
}

bool kn_url_is_loopback(const char *url)
{
    SCOPED_URL parsed = parse(url, 0);
    return parsed && host_is_loopback(parsed);
}

const char *kn_url_origin(struct kn_arena *arena, const char *url)
{
    SCOPED_URL parsed = parse(url, CURLU_NON_SUPPORT_SCHEME);
    const char *scheme = parsed ? part(parsed, CURLUPART_SCHEME, 0, arena) : NULL;
    const char *host = parsed ? part(parsed, CURLUPART_HOST, 0, arena) : NULL;
    if (!scheme || !host)
        return "an address that is not a URL";
    const char *port = part(parsed, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT, arena);
    return kn_arena_printf(arena, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
}

enum kn_status kn_url_check(const char *url, struct kn_arena *arena, struct kn_url_facts *ret_facts,
                            struct kn_error *err)
{
    /* The sentences show nothing of it: whatever it is, there may be a key in it. */
    SCOPED_URL parsed = parse(url, 0);
    const char *scheme = parsed ? part(parsed, CURLUPART_SCHEME, 0, arena) : NULL;
    bool tls = scheme && strcmp(scheme, "https") == 0;
    if (!scheme || (!tls && strcmp(scheme, "http") != 0))
        return kn_error_set(err, KN_INVALID,
                            "the address of a request is not a URL of http:// or https://");
    if (part(parsed, CURLUPART_USER, 0, arena) || part(parsed, CURLUPART_PASSWORD, 0, arena))
        return kn_error_set(err, KN_INVALID,
                            "the address of a request holds a user name or a password, which "
                            "belong in headers");
    const char *host = part(parsed, CURLUPART_HOST, 0, arena);
    const char *port = part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT, arena);
    if (!host || !port)
        return kn_error_set(err, KN_INVALID, "the address of a request names no host");
    ret_facts->place = kn_arena_printf(arena, "%s:%s", host, port);
    ret_facts->tls = tls;
    ret_facts->loopback = host_is_loopback(parsed);
    return KN_OK;
}
