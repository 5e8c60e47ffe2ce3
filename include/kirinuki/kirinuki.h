/* libkirinuki: everything that is public. */
#ifndef KIRINUKI_KIRINUKI_H
#define KIRINUKI_KIRINUKI_H

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/channel.h>
#include <kirinuki/database.h>
#include <kirinuki/executor.h>
#include <kirinuki/group.h>
#include <kirinuki/limiter.h>
#include <kirinuki/plan.h>
#include <kirinuki/progress.h>
#include <kirinuki/queue.h>
#include <kirinuki/status.h>

#endif
