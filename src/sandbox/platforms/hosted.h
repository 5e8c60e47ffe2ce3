/*
 * Files that platforms fetch by themselves. The sandbox calls nobody, so there is one host that
 * it can fetch from: itself. A URL that begins with its own "/sandbox/media/" stands for the
 * upload of that number, as the ledger of posts names it, and counts as public and verified.
 */
#ifndef KN_SANDBOX_HOSTED_H
#define KN_SANDBOX_HOSTED_H

#include <stdbool.h>

struct kn_mimic_visit;
struct kn_upload;

bool kn_hosted_is_ours(const struct kn_mimic_visit *visit, const char *url);
/* A finished upload; NULL: there is none at that place. */
struct kn_upload *kn_hosted_find(const struct kn_mimic_visit *visit, const char *url);

#endif
