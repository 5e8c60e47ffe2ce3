#!/usr/bin/env bash
. "$(dirname "$0")/tap.sh"

# A project with a lock file of its own, and an npm that packs what lies in ./packages.
project() {
    export XDG_DATA_HOME=$PWD/data PATH=$PWD/bin:$PATH PACKAGES=$PWD/packages CALLS=$PWD/calls
    clients=$XDG_DATA_HOME/kirinuki/test-clients
    mkdir -p project/scripts bin packages/demo/package
    cp "$ROOT"/scripts/{lib.sh,clients.sh} project/scripts/
    printf 'export default 1;\n' >packages/demo/package/index.mjs
    tar -czf packages/demo.tgz -C packages/demo package
    : >calls
    cat >bin/npm <<'NPM'
#!/bin/sh
echo "$*" >>"$CALLS"
cp "$PACKAGES/demo.tgz" .
NPM
    chmod +x bin/npm
    lock 1.0.0 "$(openssl dgst -sha512 -binary packages/demo.tgz | base64 -w 0)"
}
lock() { printf '%s\n' '# a comment' "demo@$1 demo sha512-$2" >project/scripts/clients.lock; }
fetch() { project/scripts/clients.sh; }
calls() { wc -l <"$CALLS"; }

test_fetches_what_is_missing_and_then_nothing() {
    project
    fetch
    [ -f "$clients/demo/index.mjs" ]
    expect_in "$(cat calls)" --ignore-scripts
    [ -z "$(fetch 2>&1)" ] || fail 'not silent'
    [ "$(calls)" = 1 ] || fail "npm was called $(calls) times"
}
test_another_version_replaces_it() {
    project
    fetch
    sed -i 's/1.0.0/1.0.1/' project/scripts/clients.lock
    fetch
    [ "$(calls)" = 2 ]
    expect_in "$(cat calls)" demo@1.0.1
}
test_a_package_that_is_another_is_not_kept() {
    project
    lock 1.0.0 AAAA
    local said
    if said=$(fetch 2>&1); then
        fail 'it was kept'
    fi
    expect_in "$said" 'not the package that'
    [ ! -e "$clients/demo" ]
    [ -z "$(find "$clients" -name '.fetch.*')" ] || fail 'leaves its work behind'
}

run_tests
