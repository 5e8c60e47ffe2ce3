/*
 * Where clips were posted, told beside them: into the folder's result.json (`posted` of a clip) and
 * the page that shows it.
 */
#ifndef KN_SERVICE_POST_LINKS_H
#define KN_SERVICE_POST_LINKS_H

#include "model/post.h"

/* Of these posts those that are there for people (LIVE, SCHEDULED, with an address), in the folders
 * that `kirinuki run` has filled; others that stand there stay. Nothing is written where nothing is
 * new, and what can't be written is logged: posts do not depend on it. */
void kn_post_links_write(const struct kn_post *posts, int count);

#endif
