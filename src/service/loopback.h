/*
 * A listener on this machine that waits for one redirect of a browser (RFC 8252, section 7.3): the
 * end of a round of asking for consent.
 *
 * Whatever else comes in is answered and does not disturb: other paths, other rounds' states, a
 * second visit. The browser's page is held until the outcome is known, so that it tells the truth.
 */
#ifndef KN_SERVICE_LOOPBACK_H
#define KN_SERVICE_LOOPBACK_H

#include <kirinuki/cancel.h>

#include "base/memory.h"
#include "platform/oauth.h"

struct kn_loopback;

/* On 127.0.0.1. `port` 0: any that is free. `path` "" or "/callback". INVALID, IO: it can't be
 * listened on; the sentence says what to do. */
enum kn_status kn_loopback_open(int port, const char *path, struct kn_loopback **ret_loopback,
                                struct kn_error *err);
/* Waits some seconds for a browser that is being told. NULL is fine. */
void kn_loopback_close(struct kn_loopback *loopback);
KN_SCOPED_DEFINE(kn_loopback, kn_loopback_close)

/* "http://127.0.0.1:8765/callback"; in the arena. */
const char *kn_loopback_uri(const struct kn_loopback *loopback, struct kn_arena *arena);

/* From here on answers to `round` are taken; it is borrowed until the listener is closed. */
void kn_loopback_begin(struct kn_loopback *loopback, const struct kn_oauth_round *round);
/* TIMEOUT, CANCELLED, or as kn_oauth_read_redirect. */
enum kn_status kn_loopback_wait(struct kn_loopback *loopback, int64_t limit_ms,
                                struct kn_cancel *cancel, struct kn_arena *arena,
                                const char **ret_code, struct kn_error *err);
/* What the browser shows. Once, after the wait, whatever came of it. */
void kn_loopback_tell(struct kn_loopback *loopback, bool fine, const char *sentence);

#endif
