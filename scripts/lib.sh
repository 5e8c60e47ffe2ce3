# shellcheck shell=bash
# What the scripts share. Source it first: it goes to the project's root and fixes the locale, so
# that file names are bytes and tools speak one language.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }
die() {
    say "kirinuki: $*"
    exit 1
}

# read_list FILE: its lines without comments and blank lines.
read_list() { grep -v -e '^[[:space:]]*#' -e '^[[:space:]]*$' "$1"; }

# workplace FOLDER: makes it, keeps others out of it, and sets `work` to a folder inside of it that
# goes when the script ends. The trap and the lock are the script's: call it once.
workplace() {
    mkdir -p "$1"
    exec 9>"$1/.lock"
    flock 9
    rm -rf "$1"/.fetch.* # of a run that was killed
    work=$1/.fetch.$$
    mkdir "$work"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM HUP
}

# npm_fetch PACKAGE FOLDER [MORE]: makes the folder and brings the package's archive into it; no
# script of any package is run. MORE is said when it could not be fetched.
npm_fetch() {
    mkdir -p "$2"
    (cd "$2" && npm pack --ignore-scripts --silent "$1" >npm.log 2>&1 </dev/null) || {
        tail -n 5 "$2/npm.log" >&2
        die "could not fetch $1; is there a network?${3:+ ($3)}"
    }
}

# build_in DIR "MESON OPTIONS" TARGET...: sets DIR up once and builds; says nothing when all of it
# is up to date.
build_in() {
    local dir=$1 options=$2
    shift 2
    if [ ! -f "$dir/build.ninja" ]; then
        mkdir -p "$dir"
        # shellcheck disable=SC2086 # a list of words
        meson setup "$dir" $options >"$dir/setup.log" 2>&1 || {
            tail -n 20 "$dir/setup.log" >&2
            die "Meson could not set up $dir"
        }
    fi
    if [ "$(ninja -C "$dir" -n "$@" | tail -n 1)" = 'ninja: no work to do.' ]; then
        return
    fi
    # One line that changes on a terminal; elsewhere one line, and the rest when it fails.
    if [ -t 2 ]; then
        ninja -C "$dir" "$@" >&2
    else
        say "building $dir"
        ninja -C "$dir" "$@" >"$dir/build.log" 2>&1 || {
            grep -v '^\[' "$dir/build.log" | tail -n 60 >&2
            return 1
        }
    fi
}
