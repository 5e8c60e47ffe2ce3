#!/usr/bin/env bash
# shellcheck disable=SC2016 # dollars are part of the names
. "$(dirname "$0")/tap.sh"

# The Makefile over scripts that only print what reaches them.
project() {
    mkdir -p scripts
    cp "$ROOT/Makefile" .
    printf '#!/bin/sh\nprintf "%%s" "$VIDEO"\n' >scripts/run.sh
    chmod +x scripts/run.sh
    unset MAKEFLAGS MFLAGS MAKELEVEL VIDEO
}
passes() { # NAME: reaches the script byte for byte
    local got
    got=$(make run VIDEO="$1")
    [ "$got" = "$1" ] || fail "sent '$1', got '$got'"
}

test_any_file_name_reaches_the_program() {
    project
    passes 'plain.mp4'
    passes 'two words.mp4'
    passes "it's \"quoted\".mp4"
    passes 'a$b $(c) `d` #e %f \g.mp4'
    passes $'caf\xe9.mp4'
    passes 'a;b&c|d>e*.mp4'
    [ -z "$(make run)" ] || fail 'a VIDEO out of nowhere'
}
test_help_names_every_target() {
    project
    local said target targets
    said=$(make help)
    read -ra targets < <(sed -n 's/^\.PHONY: //p' Makefile)
    [ ${#targets[@]} -gt 5 ]
    for target in "${targets[@]}"; do
        expect_in "$said" "make $target "
    done
}

run_tests
