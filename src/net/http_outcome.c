/* How a transfer ended, as a status and a sentence. Curl's own texts are not shown: some quote what
 * was sent. */
#include <string.h>

#include "base/clock.h"
#include "net/http_internal.h"

static enum kn_status stopped(const struct kn_http_transfer *transfer, struct kn_error *err)
{
    const struct kn_http_request *request = transfer->request;
    const char *place = transfer->place;
    char span[KN_TIME_TEXT_BYTES];
    switch (transfer->stop) {
    case KN_HTTP_STOP_LIMIT:
        return kn_error_set(err, KN_TIMEOUT, "%s did not answer within %s", place,
                            kn_time_span(request->limit_ms * 1000, span));
    case KN_HTTP_STOP_STALL:
        return kn_error_set(err, KN_TIMEOUT, "%s neither sent nor took anything for %s", place,
                            kn_time_span(request->stall_ms * 1000, span));
    case KN_HTTP_STOP_HEAD:
        return kn_error_set(err, KN_LIMIT, "the headers of the answer of %s are too long", place);
    case KN_HTTP_STOP_BODY:
        return kn_error_set(err, KN_LIMIT, "the answer of %s has more than %zu bytes", place,
                            transfer->answer_max);
    case KN_HTTP_STOP_SOURCE:
        return kn_error_set(err, transfer->source_error.status, "%s",
                            kn_error_text(&transfer->source_error));
    case KN_HTTP_STOP_REPEAT:
        return kn_error_set(err, KN_IO, "%s cut the connection without an answer", place);
    case KN_HTTP_STOP_CANCELLED:
    case KN_HTTP_STOP_NONE:
        break;
    }
    return kn_error_set(err, KN_CANCELLED, "stopped by request");
}

static enum kn_status not_connected(const struct kn_http_transfer *transfer, struct kn_error *err)
{
    long number = 0;
    char text[128];
    curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
    if (!number)
        return kn_error_set(err, KN_IO, "cannot connect to %s", transfer->place);
    return kn_error_set(err, KN_IO, "cannot connect to %s: %s", transfer->place,
                        strerror_r((int)number, text, sizeof text));
}

static enum kn_status failed(const struct kn_http_transfer *transfer, struct kn_error *err)
{
    const char *place = transfer->place;
    switch (transfer->code) {
    case CURLE_OPERATION_TIMEDOUT: /* the others are the loop's */
        return kn_error_set(err, KN_TIMEOUT, "cannot connect to %s in time", place);
    case CURLE_COULDNT_RESOLVE_HOST:
        return kn_error_set(err, KN_IO, "cannot find %s: no such host, or no network", place);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return kn_error_set(err, KN_IO, "cannot find the proxy that the environment names");
    case CURLE_COULDNT_CONNECT:
        return not_connected(transfer, err);
    case CURLE_GOT_NOTHING:
        return kn_error_set(err, KN_IO, "%s cut the connection without an answer", place);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return kn_error_set(err, KN_IO, "%s cut the connection", place);
    case CURLE_UNSUPPORTED_PROTOCOL: /* of the answer; the URL's was checked */
    case CURLE_WEIRD_SERVER_REPLY:
        return kn_error_set(err, KN_IO, "%s does not answer in HTTP", place);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
        return kn_error_set(err, KN_DENIED, "the certificate of %s is not trusted", place);
    case CURLE_SSL_CACERT_BADFILE:
        return kn_error_set(err, KN_INVALID, "the file of trusted certificates cannot be used");
    case CURLE_SSL_CONNECT_ERROR:
        return kn_error_set(err, KN_IO, "cannot agree with %s on an encrypted connection", place);
    case CURLE_FILESIZE_EXCEEDED:
        return kn_error_set(err, KN_LIMIT, "the answer of %s has more than %zu bytes", place,
                            transfer->answer_max);
    case CURLE_OUT_OF_MEMORY: /* is what curl calls a line of a header over 100 KB, too */
        return kn_error_set(err, KN_LIMIT, "the headers of the answer of %s are too long", place);
    default:
        return kn_error_set(err, KN_IO, "%s: %s", place, curl_easy_strerror(transfer->code));
    }
}

enum kn_status kn_http_outcome(const struct kn_http_transfer *transfer, struct kn_error *err)
{
    if (transfer->stop != KN_HTTP_STOP_NONE)
        return stopped(transfer, err);
    if (transfer->code != CURLE_OK)
        return failed(transfer, err);
    if (!transfer->head_whole)
        return kn_error_set(err, KN_IO, "%s cut the connection", transfer->place);
    return KN_OK;
}
