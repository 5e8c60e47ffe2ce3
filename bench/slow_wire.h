/*
 * A wire that takes its time: a proxy on loopback, on a thread of its own, that hands every byte on
 * a set while after it came, in both directions, with no limit to how much is on its way.
 */
#ifndef KN_BENCH_SLOW_WIRE_H
#define KN_BENCH_SLOW_WIRE_H

#include <stdint.h>

/* Starts it before a TCP port of loopback; returns its own port, 0 on failure. It lasts as long as
 * the process. */
int slow_wire_start(int target_port, int64_t one_way_us);

#endif
