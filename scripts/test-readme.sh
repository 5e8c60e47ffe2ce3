#!/usr/bin/env bash
# test-readme.sh [FILE...]: runs every command of the fenced blocks that are marked "sh", in the
# order of the documents, and fails with the first that fails. `make check` and `make run` are not
# run from within themselves: that they work is what continuous integration shows.
. "$(dirname "$0")/lib.sh"

[ $# -gt 0 ] || set -- README.md docs/*.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export KIRINUKI_STORE=$work/queue.db # not the reader's own queue
export KIRINUKI_PRESET=ultrafast     # nobody looks at these clips
[ -f build/sample/talk.truth.tsv ] || scripts/sample-talk.sh build/sample/talk.mp4
number=0 failed=0
while IFS=$'\t' read -r place command; do
    case $command in
    'make check' | 'make run') continue ;;
    esac
    number=$((number + 1))
    # Where a reader would be, but with outputs elsewhere: the paths of the project are linked in.
    rm -rf "$work/here"
    mkdir "$work/here"
    for entry in *; do ln -s "$PWD/$entry" "$work/here/$entry"; done
    if (cd "$work/here" && bash -c "$command") >"$work/log" 2>&1 </dev/null; then
        printf 'ok %d - %s\n' $number "$place: $command"
    else
        printf 'not ok %d - %s\n' $number "$place: $command"
        sed 's/^/# /' "$work/log"
        failed=1
    fi
done < <(awk '
    /^```sh$/ { inside = 1; next }
    /^```/ { inside = 0 }
    inside && NF { printf "%s:%d\t%s\n", FILENAME, FNR, $0 }' "$@")
printf '1..%d\n' $number
exit $failed
