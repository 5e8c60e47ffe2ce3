#!/usr/bin/env bash
# manual.sh KIRINUKI TEMPLATE: the manual page on stdout. @COMMANDS@ of the template becomes what
# the program says about each command: its purpose, examples and options.
set -euo pipefail
export LC_ALL=C.UTF-8
kirinuki=${1:?} template=${2:?}

# roff reads backslashes, and lines that begin with a dot or an apostrophe, as its own.
escape() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^[.']/\\\\\&&/"; }

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
    if [ "$line" = @COMMANDS@ ]; then
        for command in run analyze segments add worker jobs show watch cancel retry bump rm pause resume \
            doctor; do
            command_section "$command"
        done
    else
        line=${line//@VERSION@/$version}
        printf '%s\n' "${line//@DATE@/$date}"
    fi
done <"$template"
