/*
 * Bounded channels: values of one size pass from any number of senders to any number of
 * receivers, first in, first out. A full channel makes senders wait: that is the back-pressure
 * which keeps memory bounded.
 *
 * Do not let a step wait on a channel that a queued step fills: stream between threads that run
 * already, and order steps with edges. Any thread may call anything but free.
 */
#ifndef KIRINUKI_CHANNEL_H
#define KIRINUKI_CHANNEL_H

#include <stddef.h>

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kn_channel;

struct kn_channel *kn_channel_new(size_t item_bytes, size_t capacity); /* both at least 1 */
/* Drops what is left; nobody may be in a call. NULL is fine. */
void kn_channel_free(struct kn_channel *channel);

/* Copies *item in, waiting for room. KN_END: closed. KN_CANCELLED: `cancel` (NULL: never) was
 * triggered. Either way nothing was sent. A cancel wins over all else: who was told to stop
 * neither sends nor receives, even where it would not have to wait. */
enum kn_status kn_channel_send(struct kn_channel *channel, const void *item,
                               struct kn_cancel *cancel);
/* Moves the oldest item to *ret_item, waiting for one. KN_END: closed and empty. */
enum kn_status kn_channel_recv(struct kn_channel *channel, void *ret_item,
                               struct kn_cancel *cancel);
/* As above without waiting; KN_LIMIT: it would have had to wait. */
enum kn_status kn_channel_try_send(struct kn_channel *channel, const void *item);
enum kn_status kn_channel_try_recv(struct kn_channel *channel, void *ret_item);

/* No more sends, waiting ones included; receivers drain what is there and then get KN_END.
 * Idempotent. */
void kn_channel_close(struct kn_channel *channel);
size_t kn_channel_count(struct kn_channel *channel); /* items in it at this moment */

#ifdef __cplusplus
}
#endif
#endif
