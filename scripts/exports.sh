#!/bin/sh
# exports.sh COMPILER... HEADER: the linker's version script for libkirinuki. Exported is what the
# public headers declare (what is left of them after the preprocessor looks like a call and is no
# typedef), and nothing else.
set -eu
export LC_ALL=C

printf 'KIRINUKI_0 {\nglobal:\n'
"$@" -E -P | tr '\n;' ' \n' | grep -v '^ *typedef' | grep -o 'kn_[a-z0-9_]*(' | sort -u |
    sed 's/\(.*\)(/    \1;/'
printf 'local:\n    *;\n};\n'
