#!/usr/bin/env bash
. "$(dirname "$0")/tap.sh"

if [ "${KN_SANITIZE:-none}" != none ]; then
    echo '1..0 # SKIP a library with a sanitizer in it needs programs that are built alike'
    exit
fi

exports() { # of headers in the folder include, as their one main header
    "$ROOT/scripts/exports.sh" cc -Iinclude include/all.h | tr -d ' \n'
}

# install_copy FOLDER: what 'make install' would put below it, and how pkg-config finds it. The log
# of a real installation stays as it was, or 'make uninstall' would remove something else.
install_copy() {
    local log=$KN_BUILD_ROOT/meson-logs/install-log.txt
    [ ! -f "$log" ] || cp "$log" install-log.kept
    DESTDIR=$1 meson install -C "$KN_BUILD_ROOT" --no-rebuild --quiet
    if [ -f install-log.kept ]; then cp install-log.kept "$log"; else rm -f "$log"; fi
    PKG_CONFIG_PATH=$(dirname "$(find "$1" -name kirinuki.pc)")
    export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR=$1
    LD_LIBRARY_PATH=$(dirname "$(find "$1" -name libkirinuki.so)")
    export LD_LIBRARY_PATH
}

test_only_functions_that_headers_declare_are_exported() {
    mkdir include
    printf '%s\n' '#include "a.h"' 'int kn_second(int a), kn_third(void);' >include/all.h
    printf '%s\n' '/* kn_comment(1) */ // kn_other(2)' '#define KN_MACRO(x) kn_macro(x)' \
        'typedef int kn_type(void *arg);' 'struct s { int (*call)(void); int kn_field; };' \
        'int kn_first(const char *format,' '             int kn_argument)' \
        '    __attribute__((format(printf, 1, 2)));' >include/a.h
    local got
    got=$(exports)
    [ "$got" = 'KIRINUKI_0{global:kn_first;kn_second;kn_third;local:*;};' ] || fail "$got"
}
test_the_library_exports_just_these() {
    local declared exported
    declared=$("$ROOT/scripts/exports.sh" cc -I"$ROOT/include" "$ROOT/include/kirinuki/kirinuki.h" |
        grep -o 'kn_[a-z0-9_]*')
    exported=$(nm -D --defined-only "$KN_BUILD_ROOT/include/libkirinuki.so" |
        sed -n 's/.* T \(kn_[a-z0-9_]*\)@@KIRINUKI_0$/\1/p')
    [ "$declared" = "$exported" ] || diff <(echo "$declared") <(echo "$exported")
}
test_every_header_stands_alone_in_c_and_cxx() {
    local header name
    for header in "$ROOT"/include/kirinuki/*.h; do
        name=kirinuki/$(basename "$header")
        grep -q "<$name>" "$ROOT/include/kirinuki/kirinuki.h" || [ "$name" = kirinuki/kirinuki.h ]
        echo "#include <$name>" | cc -std=c99 -Wall -Wextra -Werror -I"$ROOT/include" -fsyntax-only -xc -
        ! command -v c++ >/dev/null ||
            echo "#include <$name>" | c++ -Wall -Wextra -Werror -I"$ROOT/include" -fsyntax-only -xc++ -
    done
}
test_a_stranger_builds_the_example_with_pkg_config() {
    install_copy "$PWD/installed"
    local flags
    read -ra flags < <(pkg-config --cflags --libs kirinuki)
    cc -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror "$ROOT/examples/plan.c" "${flags[@]}" -o plan
    printf 'one\ntwo\n' >two.txt
    : >none.txt
    [ "$(./plan two.txt none.txt)" = $'       2 two.txt\n       0 none.txt' ] || fail 'other lines'
    local said
    if said=$(./plan two.txt missing.txt 2>&1); then
        fail 'a missing file is a failure'
    fi
    expect_in "$said" 'cannot open missing.txt: No such file or directory'
    expect_in "$said" '2 two.txt'
}
test_a_stranger_submits_a_video_that_another_process_works_on() {
    command -v ffmpeg >/dev/null || return 0 # then there is no video to submit
    install_copy "$PWD/installed"
    local flags said
    read -ra flags < <(pkg-config --cflags --libs kirinuki)
    cc -std=c99 -Wall -Wextra -Werror "$ROOT/examples/submit.c" "${flags[@]}" -o submit
    ffmpeg -nostdin -v error -f lavfi -i testsrc2=s=320x180:r=25:d=12 -f lavfi -i sine=f=330:d=12 \
        -shortest -preset ultrafast hum.mp4
    export KIRINUKI_STORE=$PWD/queue.db XDG_CACHE_HOME=$PWD/cache XDG_CONFIG_HOME=$PWD/config
    "$KN_BUILD_ROOT/kirinuki" worker --quiet & # until it is stopped
    local worker=$!
    said=$(./submit hum.mp4 clips=1 length=5-8 speech=no copy=yes) || fail "$said"
    expect_in "$said" 'job 1'
    expect_in "$said" 'done      100 %'
    said=$(./submit hum.mp4 clips=1 length=5-8 speech=no copy=yes) || fail "$said"
    expect_in "$said" 'job 1 (known)'
    ls hum-clips/*.mp4 >/dev/null
    if said=$(./submit hum.mp4 clips=many 2>&1); then fail 'a wrong option is a failure'; fi
    expect_in "$said" '--clips takes a whole number'
    if said=$(./submit nowhere.mp4 2>&1); then fail 'a missing video is a failure'; fi
    expect_in "$said" 'nowhere.mp4: No such file'
    kill "$worker"
    wait "$worker"
}
test_the_guide_shows_the_example_as_it_is() {
    # Every block of C in docs/framework.md stands in examples/plan.c, line by line.
    python3 - "$ROOT/docs/framework.md" "$ROOT/examples/plan.c" <<'PYTHON'
import re, sys
guide, example = (open(path, encoding='utf-8').read() for path in sys.argv[1:])
blocks = re.findall(r'^```c\n(.*?)^```', guide, re.M | re.S)
assert len(blocks) >= 3, 'too few blocks of C'
for block in blocks:
    if block not in example:
        sys.exit('not in the example:\n' + block)
PYTHON
}

run_tests
