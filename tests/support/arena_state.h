/*
 * An arena for each test, as its state in cmocka. After cmocka.h.
 */
#ifndef KN_TESTS_ARENA_STATE_H
#define KN_TESTS_ARENA_STATE_H

#include <kirinuki/arena.h>

static inline int arena_make(void **state)
{
    *state = kn_arena_new();
    return 0;
}

static inline int arena_drop(void **state)
{
    kn_arena_free(*state);
    return 0;
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, arena_make, arena_drop)

#endif
