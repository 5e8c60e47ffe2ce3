#!/usr/bin/env bash
# lint.sh [NAME...]: reads the project as a strict reviewer would. --list names the lints,
# --list-fast those that take no time and no tools.
. "$(dirname "$0")/lib.sh"

fast=(layers functions words)
slow=(format length shell cppcheck tidy)
long=(analyze) # minutes; not part of a check

sources() { git ls-files --cached --others --exclude-standard -- "$@"; }
code() { sources 'src/*.[ch]' 'include/*.h' 'tests/*.[ch]' 'bench/*.[ch]'; }

# Who may include whom: the rules and their reasons are in the script.
lint_layers() { code | awk -f scripts/layers.awk; }

# Functions that overflow, lose errors, share state between threads, or start a shell.
lint_functions() {
    local bad='strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|system|popen|rand|srand|tmpnam|mktemp|alloca|asctime|ctime|gmtime|localtime|readdir_r|vfork'
    ! code | xargs -r grep -nE "(^|[^A-Za-z0-9_.>\"])($bad)\("
}

# Notes to oneself, and paths of somebody's machine.
lint_words() {
    ! sources | grep -v '^LICENSE$' | xargs -r -d '\n' grep -nIE \
        '\b(TOD[O]|FIXM[E]|XX[X])\b|(^|[^A-Za-z0-9_./~$}-])/(hom[e]|roo[t]|wor[k]|User[s])/'
}

lint_format() { code | xargs -r clang-format --dry-run --Werror; }

# A long file probably holds a second subject; tests are lists and may be longer.
lint_length() {
    code | xargs -r wc -l | awk '$2 != "total" && $1 > ($2 ~ /^tests/ ? 1000 : 700) {
        print $2 ": " $1 " lines"; bad = 1 } END { exit bad }'
}

lint_shell() { sources 'scripts/*.sh' 'tests/**/*.sh' 'bench/*.sh' '.ci/run' | xargs -r shellcheck -x -P SCRIPTDIR -e SC2317; }

lint_cppcheck() {
    cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j "$(nproc)" -D_GNU_SOURCE \
        --enable=warning,performance,portability --suppressions-list=scripts/cppcheck.txt \
        -Iinclude -Isrc -DKN_VERSION='"0"' src include
}

tidy_by() { # CONFIGURATION
    [ -f build-clang/build.ninja ] || CC=clang meson setup build-clang >/dev/null
    sources 'src/*.c' | xargs -r -P "$(nproc)" -n 8 clang-tidy -p build-clang --quiet \
        --config="$1" --warnings-as-errors='*' \
        2> >(grep -v -e 'warnings\? generated' -e 'Suppressed' >&2 || true)
}

# What is read off the code; the analyzer, which runs it in its head, takes thirty times as long.
lint_tidy() { tidy_by "$(sed '/^ *-\{0,1\}clang-analyzer/d' .clang-tidy)"; }
lint_analyze() { tidy_by "$(cat .clang-tidy)"; }

case ${1-} in
--list)
    printf '%s\n' "${fast[@]}" "${slow[@]}"
    exit
    ;;
--list-fast)
    printf '%s\n' "${fast[@]}"
    exit
    ;;
esac
[ $# -gt 0 ] || set -- "${fast[@]}" "${slow[@]}" "${long[@]}"
failed=0
for name in "$@"; do
    if "lint_$name"; then
        say "lint $name: ok"
    else
        say "lint $name: failed"
        failed=1
    fi
done
exit $failed
