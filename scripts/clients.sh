#!/usr/bin/env bash
# clients.sh: brings the clients of clients.lock into ${XDG_DATA_HOME:-~/.local/share}/kirinuki/
# test-clients, each in a folder of its own. Says nothing and needs no network when they are there.
#
# Packages are fetched beside their places, compared with their integrity, and renamed into them. No script
# of any package is run, and what it depends on is fetched only where the lock names it.
. "$(dirname "$0")/lib.sh"

folder=${XDG_DATA_HOME:-${HOME:?}/.local/share}/kirinuki/test-clients

missing() {
    while read -r package name _; do
        [ "$(cat "$folder/$name/.package" 2>/dev/null)" = "$package" ] || printf '%s\n' "$package"
    done < <(read_list scripts/clients.lock)
}

integrity() { printf 'sha512-%s' "$(openssl dgst -sha512 -binary "$1" | base64 -w 0)"; }

[ -n "$(missing)" ] || exit 0
command -v npm >/dev/null || die 'npm is needed to fetch the clients that tests use'
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9
rm -rf "$folder"/.fetch.* # of a run that was killed
work=$folder/.fetch.$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# All in one call: npm takes longer to begin than to fetch.
mapfile -t packages < <(missing)
say "fetching for tests: ${packages[*]}"
(cd "$work" && npm pack --ignore-scripts --silent "${packages[@]}" >npm.log 2>&1 </dev/null) || {
    tail -n 5 "$work/npm.log" >&2
    die "could not fetch ${packages[*]}; is there a network?"
}
declare -A archives
for archive in "$work"/*.tgz; do
    archives[$(integrity "$archive")]=$archive
done

while read -r package name wanted; do
    [ "$(cat "$folder/$name/.package" 2>/dev/null)" = "$package" ] && continue
    [ -n "${archives[$wanted]:-}" ] ||
        die "$package is not the package that scripts/clients.lock promises; it was not kept"
    rm -rf "$work/unpacked"
    mkdir "$work/unpacked"
    tar -xzf "${archives[$wanted]}" --warning=no-unknown-keyword -C "$work/unpacked"
    printf '%s\n' "$package" >"$work/unpacked/package/.package"
    rm -rf "${folder:?}/$name"
    mkdir -p "$(dirname "$folder/$name")"
    mv "$work/unpacked/package" "$folder/$name"
done < <(read_list scripts/clients.lock)
