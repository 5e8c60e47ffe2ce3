#!/usr/bin/env bash
# install.sh [--remove]: installs what is built below PREFIX (/usr/local), inside DESTDIR where one
# is set: the program, the library with headers and pkg-config file, the manual page.
# Models stay with each user; docs/install.md says how all users share them.
. "$(dirname "$0")/lib.sh"

prefix=${PREFIX:-/usr/local}
case ${1-} in
--remove)
    [ -f build/meson-logs/install-log.txt ] || die 'nothing was installed from here'
    ninja -C build uninstall >/dev/null
    say "removed kirinuki below $prefix"
    ;;
'')
    meson configure build -Dprefix="$prefix" >/dev/null
    build_in build '' all
    meson install -C build --no-rebuild --quiet
    # A library in a new place is found only once the linker's cache knows it.
    if [ -z "${DESTDIR-}" ] && [ "$(id -u)" = 0 ]; then
        ldconfig 2>/dev/null || true
    fi
    say "installed ${DESTDIR-}$prefix/bin/kirinuki"
    ;;
*) die "install.sh: unknown option $1" ;;
esac
