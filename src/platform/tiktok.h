/*
 * What the files of TikTok's client share: the Content Posting API v2, as its guides "Direct Post",
 * "Media Transfer Guide" and "Get Post Status" describe it, 2026-09-11.
 *
 * A post becomes visible by itself once the last byte is there, so the intent is recorded before
 * the last chunk. From then on TikTok is asked for the state of the publish_id before anything is
 * sent; sending the rest again to the same upload address cannot make a second post. A new upload
 * is begun only when TikTok says that the old one is incomplete or has failed.
 *
 * Memory: publish_id, upload_url, chunk_bytes; "sent", bytes that TikTok said it has; "doubt", it
 * has to be asked how many; "gone", the upload address takes no more; "stuck", how often nothing
 * more was there; "uploads", how often one was begun; "privacy" and "creator" of the account.
 */
#ifndef KN_PLATFORM_TIKTOK_H
#define KN_PLATFORM_TIKTOK_H

#include "platform/posting.h"

/* ---- chunks ---- */

/*
 * "Media Transfer Guide": chunks of 5 to 64 MB, as many as fit wholly, at most 1000; what is left
 * over goes into the last one, which may have up to 128 MB. A file that goes in one chunk has that
 * chunk's size. What MB means is not said, so 10,000,000 to 64,000,000 bytes are used.
 */
struct kn_tiktok_chunks {
    int64_t chunk_bytes;
    int count;
};
/* False: no plan is within the rules. */
bool kn_tiktok_plan(int64_t bytes, struct kn_tiktok_chunks *ret_chunks);
/* Where the chunk ends that `offset` lies in. */
int64_t kn_tiktok_chunk_end(int64_t bytes, int64_t chunk_bytes, int64_t offset);

/* Sends the chunk behind what TikTok has. */
enum kn_status kn_tiktok_send(struct kn_posting *posting, struct kn_error *err);

/* ---- its state there ---- */

/* Asks how far the post is, and goes on from there. */
enum kn_status kn_tiktok_look(struct kn_posting *posting, struct kn_error *err);

/* ---- calls and refusals ---- */

/* An API call, with the account's token; takes `body`. KN_OK: *ret_data is the data of an answer
 * that says "ok". END: it does not, and posting->next says what then; where that is STEP, TikTok
 * does not know the publish_id. */
enum kn_status kn_tiktok_call(struct kn_posting *posting, const char *path, json_t *body,
                              const json_t **ret_data, struct kn_error *err);
/* What an answer that is no success leads to; END: TikTok does not know the publish_id. */
enum kn_status kn_tiktok_refusal(struct kn_posting *posting, const struct kn_http_answer *answer,
                                 struct kn_error *err);
/* For a post that TikTok has given up. END: another upload may succeed. */
enum kn_status kn_tiktok_failed(struct kn_posting *posting, const char *fail_reason);
/* As kn_posting_give_up. Of a post that may be there the remedy is told as well: it is what lets
 * TikTok be asked again. */
enum kn_status kn_tiktok_give_up(struct kn_posting *posting, const char *remedy, const char *format,
                                 ...) __attribute__((format(printf, 3, 4)));

#endif
