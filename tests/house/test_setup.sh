#!/usr/bin/env bash
# shellcheck disable=SC2016 # dollars are for the inner scripts
. "$(dirname "$0")/tap.sh"

# A project whose list has one package that is there and others that are not, with models complete.
project() {
    mkdir -p project/scripts bin
    cp "$ROOT"/scripts/{lib.sh,setup.sh} project/scripts/
    printf '#!/bin/sh\n[ "$1" = --complete ]\n' >project/scripts/models.sh
    chmod +x project/scripts/models.sh
    printf '%s\n' '# comment' 'build bash cmd:bash a shell' \
        'build no-such-tool cmd:no-such-tool does what is needed' \
        'extra no-such-helper cmd:no-such-helper helps' >project/scripts/packages.txt
    # Only what the scripts use, so that no package manager is found.
    for tool in bash sh sed grep awk dirname id tr cat mkdir tail; do
        ln -s "$(command -v "$tool")" "bin/$tool"
    done
    bash=$(command -v bash)
}
elsewhere() { PATH=$PWD/bin "$bash" project/scripts/setup.sh "$@"; }

test_another_system_is_told_what_to_install() {
    project
    local said
    if said=$(elsewhere build 2>&1); then
        fail 'it can be built without no-such-tool?'
    fi
    expect_in "$said" 'no-such-tool'
    expect_in "$said" 'does what is needed'
    expect_in "$said" "can't be built without no-such-tool"
}
test_a_helper_that_is_missing_is_no_failure() {
    project
    sed -i '/no-such-tool/d' project/scripts/packages.txt
    local said
    said=$(elsewhere build extra 2>&1)
    expect_in "$said" 'no-such-helper'
    [ -z "$(elsewhere build 2>&1)" ] || fail 'not silent when nothing is missing'
}
test_only_missing_packages_are_installed() {
    project
    printf '#!/bin/sh\necho "$*" >>%q/calls\n' "$PWD" >bin/apt-get
    printf '#!/bin/sh\necho "installed libthere-dev  "\n' >bin/dpkg-query
    printf '#!/bin/sh\necho 0\n' >bin/root-id
    chmod +x bin/*
    rm bin/id && mv bin/root-id bin/id
    ln -s "$(command -v env)" bin/env
    printf 'build libthere-dev pc:there is here\nbuild libgone-dev pc:gone is not\n' \
        >>project/scripts/packages.txt
    elsewhere build
    expect_in "$(cat calls)" 'install -y --no-install-recommends no-such-tool libgone-dev'
    [[ $(cat calls) != *libthere-dev* ]] || fail 'installs what is there'
}

run_tests
