/* Posting from a command: `kirinuki publish`, and `kirinuki run --publish`. */
#ifndef KN_CLI_PUBLISHING_H
#define KN_CLI_PUBLISHING_H

#include <kirinuki/cancel.h>

#include "service/settings.h"
#include "store/store.h"

/*
 * Checks, plans and posts the clips of `paths` as the settings say, tells what happens, and gives
 * the exit code. Complaints have been made.
 */
int kn_publish_now(struct kn_store *store, const struct kn_settings *settings, char **paths,
                   int count, struct kn_cancel *cancel);
/* The same for posts that are in the store and not live. */
int kn_publish_rest(struct kn_store *store, const struct kn_settings *settings,
                    struct kn_cancel *cancel);

#endif
