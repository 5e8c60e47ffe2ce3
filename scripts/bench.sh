#!/usr/bin/env bash
# bench.sh [NAME...]: runs the benches (bench/NAME.sh, bench/NAME.py, programs bench_NAME), all by default.
# Each prints ratios against a rival or a physical limit, measured in the same run: absolute times
# of a shared machine mean little.
. "$(dirname "$0")/lib.sh"
scripts/setup.sh build check
build_in build '' all

if [ $# = 0 ]; then
    for bench in build/bench/bench_* bench/*.sh bench/*.py; do
        [ -f "$bench" ] || continue # not the folder of a program's objects
        name=$(basename "${bench%.*}")
        set -- "$@" "${name#bench_}"
    done
fi

# Those of the store measure PostgreSQL, too, where it is installed: a server of their own, with the
# settings that a new one has, so that commits are durable.
beside_postgres() {
    case $1 in
    */bench_queue | */bench_batch) ;;
    *)
        "$@"
        return
        ;;
    esac
    local code=0
    tests/support/with-postgres.sh "$@" || code=$?
    [ $code = 77 ] || return $code
    "$@"
}

failed=0
for name; do
    printf '\n== %s\n' "$name"
    if [ -x "build/bench/bench_$name" ]; then
        KN_SOURCE_ROOT=$PWD beside_postgres "build/bench/bench_$name" || failed=1
    elif [ -f "bench/$name.sh" ]; then
        bash "bench/$name.sh" || failed=1
    elif [ -f "bench/$name.py" ]; then
        python3 "bench/$name.py" || failed=1
    else
        die "there is no bench $name"
    fi
done
exit $failed
