#!/bin/sh
# embed-page.sh NAME PAGE STYLE SCRIPT...: a C file on stdout that holds a whole page as `NAME`.
#
# The lines @STYLE@ and @SCRIPT@ of PAGE become the style and the scripts, joined; their SHA-256
# sums replace @STYLE_SUM@ and @SCRIPT_SUM@, so that the page's policy allows this style and this
# script and no other. Needs awk, od and sha256sum alone.
set -eu
export LC_ALL=C
name=$1 page=$2 style=$3
shift 3

# The sum as a content security policy spells it: base64 of the binary sum of what stands between
# the tags, which begins with a line end.
sum() {
    { echo && cat "$@"; } | sha256sum | awk '
        {
            hex = "0123456789abcdef"
            code = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            for (i = 1; i <= 64; i += 3) {
                for (n = j = 0; j < 3; j++)
                    n = n * 16 + (i + j <= 64 ? index(hex, substr($1, i + j, 1)) - 1 : 0)
                out = out substr(code, int(n / 64) + 1, 1) (i < 64 ? substr(code, n % 64 + 1, 1) : "=")
            }
            print out
        }'
}

# The page has one mark of each kind, so each of the three parts is read once, from a place that
# needs no quoting: the page from its name, the style from the environment, the scripts from stdin.
cat "$@" |
    STYLE=$style STYLE_SUM=$(sum "$style") SCRIPT_SUM=$(sum "$@") awk '
    function pour(file,    line) {
        while ((getline line < file) > 0)
            print line
    }
    $0 == "@STYLE@" { pour(ENVIRON["STYLE"]); next }
    $0 == "@SCRIPT@" { pour("-"); next }
    {
        gsub(/@STYLE_SUM@/, ENVIRON["STYLE_SUM"])
        gsub(/@SCRIPT_SUM@/, ENVIRON["SCRIPT_SUM"])
        print
    }' "$page" |
    od -An -v -tx1 | awk -v name="$name" '
    BEGIN { printf "extern const char %s[];\nconst char %s[] = {\n", name, name }
    { gsub(/[0-9a-f][0-9a-f]/, "\047\\x&\047,"); print }
    END { print "0 };" }'
