#!/usr/bin/env bash
# Of two files of the library that define the same name, the linker would silently take whichever it
# meets first.
. "$(dirname "$0")/tap.sh"

doubles() { # ARCHIVE: names that several of its files define
    nm -A --defined-only "$1" 2>/dev/null | awk '$2 ~ /^[BDRT]$/ { print $3 }' | sort | uniq -d
}

test_no_name_is_defined_twice() {
    local archive=${KN_BUILD_ROOT:?}/libkirinuki_core.a found
    [ -f "$archive" ] || fail "$archive is not there"
    found=$(doubles "$archive" | grep -v '^__' || true)
    [ -z "$found" ] || fail "defined by several files: $found"
}
test_a_double_would_be_seen() {
    printf 'int kn_one(void) { return 1; }\n' >a.c
    printf 'int kn_one(void) { return 2; }\n' >b.c
    cc -c a.c b.c
    ar rc both.a a.o b.o
    [ "$(doubles both.a)" = kn_one ] || fail 'it was not'
}

run_tests
