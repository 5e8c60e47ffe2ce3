#!/usr/bin/env bash
# soak.sh: for MINUTES (10), runs jobs over the sample talk (and the videos of ../shared/corpus,
# where they are), stops some of them at a moment of chance, and starts those again. What has to
# hold every time: a known exit code, a stop within two seconds, no partial file left, memory below
# 600 MB, and a run that was stopped ends like one that was not. SEED repeats a sequence.
# Before that, the tests in tests/fault kill a worker at each call of theirs, not at a sample of them,
# which takes some minutes more.
. "$(dirname "$0")/lib.sh"
scripts/setup.sh build sample check
build_in build '' all
[ -f build/sample/talk.truth.tsv ] || scripts/sample-talk.sh build/sample/talk.mp4

say 'soak: a kill at every call'
KN_FAULT_ALL=1 meson test -C build --no-rebuild --suite fault --timeout-multiplier 10 --print-errorlogs
say 'soak: the recogniser under AddressSanitizer'
(CC=clang build_in build-sanitize '-Db_sanitize=address,undefined -Db_lundef=false' all)
meson test -C build-sanitize --no-rebuild --suite models --timeout-multiplier 8 --print-errorlogs
exec python3 scripts/soak.py "${MINUTES:-10}" "${SEED:-$(date +%s)}"
