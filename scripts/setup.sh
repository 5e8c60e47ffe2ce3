#!/usr/bin/env bash
# setup.sh GROUP...: makes sure that the packages of these groups (packages.txt), the models
# (models.lock) and, for ci, the clients of tests (clients.lock) are there. Says nothing and needs
# no network when they are.
. "$(dirname "$0")/lib.sh"

groups=" build $* "
if scripts/models.sh --complete; then
    models=true
else
    models=false
    groups+='models '
fi

present() { # PACKAGE PROBE
    case $2 in
    cmd:*) command -v "${2#cmd:}" >/dev/null ;;
    pc:*) pkg-config --exists "${2#pc:}" 2>/dev/null ;;
    h:*) printf '#include <%s>\n' "${2#h:}" | ${CC:-cc} -E - >/dev/null 2>&1 ;;
    *) true ;;
    esac
}

# A command may come from anywhere, a library is asked of the package manager: one call for all.
missing=() libraries=()
debian=false
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    debian=true
fi
while read -r group package probe _; do
    [[ $groups == *" $group "* && " ${missing[*]-} " != *" $package "* ]] || continue
    if $debian && [[ $probe != cmd:* ]]; then
        libraries+=("$package")
    elif ! present "$package" "$probe"; then
        missing+=("$package")
    fi
done < <(read_list scripts/packages.txt)
if [ ${#libraries[@]} -gt 0 ]; then
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides} \n' 2>/dev/null |
        sed -n 's/^installed//p' | tr ',\n' '  ')
    for package in "${libraries[@]}"; do
        [[ $installed == *" $package "* ]] || missing+=("$package")
    done
fi

install_packages() {
    local as_root=() log
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || return 1
        as_root=(sudo)
        [ -t 0 ] || as_root=(sudo -n)
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    local install=(apt-get install -y --no-install-recommends "${missing[@]}")
    mkdir -p build
    log=build/setup-packages.log
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    # The lists of packages may be old or absent: then they are fetched, and it is tried again.
    if ! "${as_root[@]}" "${install[@]}" >"$log" 2>&1 </dev/null; then
        { "${as_root[@]}" apt-get update && "${as_root[@]}" "${install[@]}"; } >"$log" 2>&1 \
            </dev/null || {
            tail -n 15 "$log" >&2
            return 1
        }
    fi
}

if [ ${#missing[@]} -gt 0 ]; then
    if $debian; then
        install_packages || die "could not install packages; as root, type:
  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    else
        say 'this is not a Debian system; these are missing (names of Debian packages):'
        for package in "${missing[@]}"; do
            say "  $(read_list scripts/packages.txt | awk -v p="$package" '$2 == p {
                printf "%-18s", $2; for (i = 4; i <= NF; i++) printf " %s", $i; exit }')"
        done
        for package in "${missing[@]}"; do
            if read_list scripts/packages.txt | awk -v p="$package" '
                $1 == "build" && $2 == p { found = 1 } END { exit !found }'; then
                die "can't be built without ${package}; install what is listed, then type make again"
            fi
        done
    fi
fi

$models || scripts/models.sh
[[ $groups != *' ci '* ]] || scripts/clients.sh
