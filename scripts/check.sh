#!/usr/bin/env bash
# check.sh: every test; the last line is "N passed, N failed" (and ", N skipped" where some were).
#
# A developer's run builds with gcc and runs all tests. CI=true adds the commands of the README, the
# tests under clang with AddressSanitizer and UndefinedBehaviorSanitizer, ThreadSanitizer on what
# threads share, the fuzz targets for FUZZ_SECONDS (30) each, and every lint; unit tests that compute
# for long run with the sanitizers alone, the recogniser's without. It has twenty minutes on two cores. One clang build serves
# the sanitizers and the fuzzers, and shows that clang has no warnings: it has the same ones however
# much it optimises.
. "$(dirname "$0")/lib.sh"

everything=false
[ "${CI-}" = true ] && everything=true
if $everything; then
    scripts/setup.sh build check ci
else
    scripts/setup.sh build check
fi

passed=0 failed=0 skipped=0
count() { # PASSED FAILED SKIPPED
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# one NAME COMMAND...: a command that is a test case by itself.
one() {
    local name=$1 log=build/check.log start=$SECONDS
    shift
    mkdir -p build
    if "$@" >"$log" 2>&1; then
        count 1 0 0
        say "  $name in $((SECONDS - start)) s"
    else
        count 0 1 0
        cat "$log" >&2
        say "  $name FAILED"
    fi
}

# tests DIR "MESON OPTIONS" TARGET ARGUMENT...: builds TARGET in DIR and runs `meson test
# ARGUMENT...`. A build that fails is a failed case.
tests() {
    local dir=$1 options=$2 target=$3 start=$SECONDS counts
    shift 3
    if ! (build_in "$dir" "$options" "$target"); then
        count 0 1 0
        say "  $dir FAILED to build"
        return
    fi
    rm -f "$dir/meson-logs/testlog.json"
    CMOCKA_MESSAGE_OUTPUT=TAP meson test -C "$dir" --no-rebuild "$@" >"$dir/check.log" 2>&1 || true
    if [ ! -f "$dir/meson-logs/testlog.json" ]; then
        count 0 1 0
        tail -n 20 "$dir/check.log" >&2
        say "  $dir FAILED to run its tests"
        return
    fi
    counts=$(python3 scripts/tally.py "$dir/meson-logs/testlog.json")
    # shellcheck disable=SC2086 # three numbers
    count $counts
    say "  $dir: $counts (passed, failed, skipped) in $((SECONDS - start)) s"
}

# commands: what the documents show, one case a command.
commands() {
    local log=build/commands.log start=$SECONDS good bad
    timeout 600 scripts/test-readme.sh >"$log" 2>&1 || true
    good=$(grep -c '^ok ' "$log" || true) bad=$(grep -c '^not ok ' "$log" || true)
    if [ "$bad" != 0 ] || ! grep -q '^1\.\.' "$log"; then
        bad=$((bad > 0 ? bad : 1))
        grep -v '^ok ' "$log" | tail -n 40 >&2
    fi
    count "$good" "$bad" 0
    say "  commands of the documents: $good (passed), $bad (failed) in $((SECONDS - start)) s"
}

# Optimised a little less, and with the debugging information that a trace needs: most of the building
# is for the checks that CI adds.
sanitized='-Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true -Doptimization=1 -Ddebug=false'
sanitized+=' -Dc_args=-gline-tables-only'
clang_build() { (CC=clang build_in build-sanitize "$sanitized" all); }

# Whether programs of this sanitizer run here: some kernels' address layouts are too much for
# ThreadSanitizer.
sanitizer_runs() { # COMPILER SANITIZER
    local probe=build/probe-$2
    printf 'int main(void) { return 0; }\n' >"$probe.c"
    "$1" "-fsanitize=$2" "$probe.c" -o "$probe" 2>/dev/null && "$probe" 2>/dev/null
}

# fuzz DIR: every target built there for a while, eight a core side by side, from its corpus.
fuzz() {
    local dir=$1 seconds=${FUZZ_SECONDS:-30} start=$SECONDS target name pids=() names=()
    reap() {
        local i
        for i in "${!pids[@]}"; do
            if wait "${pids[$i]}"; then
                count 1 0 0
                say "  fuzz ${names[$i]}: $(grep -o 'stat::number_of_executed_units: *[0-9]*' \
                    "$dir/${names[$i]}.log" | grep -o '[0-9]*$') inputs"
            else
                count 0 1 0
                tail -n 40 "$dir/${names[$i]}.log" >&2
                say "  fuzz ${names[$i]} FAILED; the input is $dir/${names[$i]}-*"
            fi
        done
        pids=() names=()
    }
    for target in "$dir"/tests/fuzz/fuzz_*; do
        [ -f "$target" ] || continue # not the folder of its objects
        name=$(basename "$target")
        mkdir -p "$dir/found/$name"
        "$target" -max_total_time="$seconds" -print_final_stats=1 -timeout=10 -rss_limit_mb=1024 \
            -artifact_prefix="$dir/$name-" "$dir/found/$name" \
            "tests/fuzz/corpus/${name#fuzz_}" >"$dir/$name.log" 2>&1 </dev/null &
        pids+=($!) names+=("$name")
        [ ${#pids[@]} -lt $((8 * $(nproc))) ] || reap
    done
    reap
    say "  fuzzing in $((SECONDS - start)) s"
}

# Many tests wait now and then, for a lease, a server or a browser: one more keeps the cores busy.
export MESON_TESTTHREADS=$(($(nproc) + 1))
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1
say 'checking:'
began=$SECONDS
if $everything; then
    say "  $(one_line="$(cc --version)"; printf '%s' "${one_line%%$'\n'*}"), $(clang --version | head -n 1)"
fi
if $everything; then
    tests build '' all --no-suite slow # which run with the sanitizers
    commands
    one 'clang builds it without a warning' clang_build
    CC=clang tests build-sanitize "$sanitized" all \
        --suite unit --suite contract --timeout-multiplier 4
    if sanitizer_runs cc thread; then
        tests build-tsan '-Db_sanitize=thread -Doptimization=1' threaded-tests --suite threads --timeout-multiplier 4
    else
        say '  build-tsan: ThreadSanitizer does not run on this kernel, skipped'
        count 0 0 1
    fi
    fuzz build-sanitize
    for lint in $(scripts/lint.sh --list); do
        one "lint $lint" scripts/lint.sh "$lint"
    done
else
    tests build '' all
    for lint in $(scripts/lint.sh --list-fast); do
        one "lint $lint" scripts/lint.sh "$lint"
    done
fi

say "  all in $((SECONDS - began)) s"
summary="$passed passed, $failed failed"
[ $skipped = 0 ] || summary+=", $skipped skipped"
printf '%s\n' "$summary"
[ $failed = 0 ]
