#!/usr/bin/env bash
. "$(dirname "$0")/tap.sh"

counts() { # EXPECTED, then JSON lines on stdin
    local got
    got=$(python3 "$ROOT/scripts/tally.py" /dev/stdin 2>/dev/null)
    [ "$got" = "$1" ] || fail "counted $got, not $1"
}

test_cases_are_counted_not_programs() {
    counts '2 1 1' <<'JSON'
{"name": "a", "result": "FAIL", "stdout": "1..4\nok 1 - x\nnot ok 2 - y\nok 3 # SKIP z\nok 4 - w\n"}
JSON
}
test_cmocka_skips_are_no_failures() {
    counts '1 0 1' <<'JSON'
{"name": "a", "result": "OK", "stdout": "ok 1 - x\nnot ok 2 # SKIP y\n"}
JSON
}
test_a_crash_after_good_cases_is_a_failure() {
    counts '1 1 0' <<'JSON'
{"name": "a", "result": "FAIL", "stdout": "ok 1 - x\n"}
JSON
}
test_a_program_without_cases_counts_as_one() {
    counts '1 1 1' <<'JSON'
{"name": "a", "result": "OK", "stdout": "hello\n"}
{"name": "b", "result": "TIMEOUT"}
{"name": "c", "result": "SKIP", "stdout": ""}
JSON
}

run_tests
