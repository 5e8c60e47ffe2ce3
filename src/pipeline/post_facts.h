/*
 * What platforms have rules about, of a finished clip: kind, size, shape, rate, and how its boxes
 * lie.
 */
#ifndef KN_PIPELINE_POST_FACTS_H
#define KN_PIPELINE_POST_FACTS_H

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>

#include "platform/preflight.h"

/* Statuses as kn_probe; texts in the arena. */
enum kn_status kn_post_facts(const char *path, struct kn_arena *arena, struct kn_cancel *cancel,
                             struct kn_media_facts *ret_facts, struct kn_error *err);

#endif
