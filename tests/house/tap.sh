# shellcheck shell=bash
# A test script sources this, writes functions named test_..., and ends with run_tests. Each runs
# in a folder of its own ($PWD) and fails by `fail "reason"` or by any command that fails.
set -euo pipefail
export LC_ALL=C
ROOT=${KN_SOURCE_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
export ROOT

fail() {
    printf '# %s\n' "$*"
    exit 1
}

# expect_in TEXT PART: fails unless TEXT contains PART.
expect_in() { [[ $1 == *"$2"* ]] || fail "expected '$2' in: $1"; }

run_tests() {
    local name number=0 failed=0 folder
    for name in $(compgen -A function test_); do
        number=$((number + 1))
        folder=$(mktemp -d)
        # Not "if (...)": bash would ignore `set -e` inside.
        set +e
        (
            set -e
            cd "$folder"
            "$name"
        ) >"$folder.log" 2>&1
        local code=$?
        set -e
        if [ $code = 0 ]; then
            printf 'ok %d - %s\n' $number "${name#test_}"
        else
            printf 'not ok %d - %s\n' $number "${name#test_}"
            sed 's/^/# /' "$folder.log"
            failed=1
        fi
        rm -rf "$folder" "$folder.log"
    done
    printf '1..%d\n' $number
    exit $failed
}
