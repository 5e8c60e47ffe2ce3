#!/usr/bin/env bash
# manual.sh KIRINUKI TEMPLATE: the manual page on stdout. @SYNOPSIS@ of the template becomes a line a
# command, @COMMANDS@ what the program says about each: its purpose, examples and options.
set -euo pipefail
export LC_ALL=C.UTF-8
kirinuki=${1:?} template=${2:?}

# roff reads backslashes, and lines that begin with a dot or an apostrophe, as its own.
escape() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^[.']/\\\\\&&/"; }

commands() { "$kirinuki" --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'; }

synopsis() { # NAME
    "$kirinuki" "$1" --help | escape | awk -v name="$1" '
        NR == 1 {
            sub(/^.*\[options\]/, "") # what is left are the arguments
            printf ".B kirinuki %s\n.RI [ options ] \"%s\"\n.br\n", name, $0
        }'
}

command_section() { # NAME
    printf '.SH %s\n' "kirinuki $1" | tr '[:lower:]' '[:upper:]'
    "$kirinuki" "$1" --help | escape | awk '
        NR == 1 { sub(/^Usage: /, ""); printf ".nf\n%s\n.fi\n", $0; next }
        /^$/ { print ".PP"; verbatim = 0; next }
        /^[A-Z][^.]*:$/ {
            title = $0
            sub(/:$/, "", title)
            if (in_examples) print ".fi"
            in_examples = title == "Examples"
            printf ".SS %s\n", title
            if (in_examples) print ".nf"
            next
        }
        in_examples && /^  / { sub(/^  /, ""); print; next }
        in_examples { print ".fi"; in_examples = 0 }
        /^ +(\\-[a-zA-Z], )?\\-\\-/ {
            sub(/^ +/, "")
            cut = match($0, /  +/)
            printf ".TP\n.B %s\n%s\n", substr($0, 1, cut - 1), substr($0, cut + RLENGTH)
            next
        }
        { print }
        END { if (in_examples) print ".fi" }'
}

version=$("$kirinuki" version | awk '{ print $2 }')
date=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y "$template")}" +%Y-%m-%d)
while IFS= read -r line; do
    if [ "$line" = @SYNOPSIS@ ]; then
        for command in $(commands); do
            synopsis "$command"
        done
    elif [ "$line" = @COMMANDS@ ]; then
        for command in $(commands); do
            command_section "$command"
        done
    else
        line=${line//@VERSION@/$version}
        printf '%s\n' "${line//@DATE@/$date}"
    fi
done <"$template"
