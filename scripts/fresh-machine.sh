#!/usr/bin/env bash
# fresh-machine.sh [FOLDER] [COMMAND...]: proves the README on a bare Debian. As root, with
# debootstrap: makes a minimal system in FOLDER (default /var/tmp/kirinuki-fresh), clones the
# committed state into it, and runs the commands (default: "make run", "make run" again without a
# network, "make check") as the README says, with nothing installed but what it names.
#
# The way to the network (proxy variables, certificates, the apt and npm configuration of this
# machine) is handed in at run time and is in no file of the project.
. "$(dirname "$0")/lib.sh"

folder=${1:-/var/tmp/kirinuki-fresh}
shift || true
[ $# -gt 0 ] || set -- 'make run' 'offline make run' 'make check'
[ "$(id -u)" = 0 ] || die 'fresh-machine.sh needs root'
command -v debootstrap >/dev/null || die 'fresh-machine.sh needs debootstrap'

base=$folder/base.tar root=$folder/root
mkdir -p "$folder"
if [ ! -f "$base" ]; then
    say 'making a minimal Debian 12'
    rm -rf "$root"
    debootstrap --variant=minbase bookworm "$root" ${MIRROR:+"$MIRROR"} >"$folder/debootstrap.log" 2>&1 ||
        die "debootstrap failed, see $folder/debootstrap.log"
    tar -C "$root" -cf "$base.part" .
    mv "$base.part" "$base"
fi
rm -rf "$root"
mkdir -p "$root"
tar -C "$root" -xf "$base"

for file in /etc/resolv.conf /etc/hosts /etc/npmrc /etc/apt/apt.conf.d/*proxy*; do
    [ ! -f "$file" ] || install -D -m 644 "$file" "$root$file"
done
[ ! -f "$HOME/.npmrc" ] || install -D -m 600 "$HOME/.npmrc" "$root/srv/home/.npmrc"
git clone --quiet . "$root/srv/kirinuki"
git -C "$root/srv/kirinuki" remote remove origin
if [ -d ../shared ]; then
    mkdir -p "$root/srv/shared"
fi

# What runs inside. Each command's time and exit code go to one line.
cat >"$root/srv/inside" <<'INSIDE'
#!/bin/bash
export HOME=/srv/home PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export DEBIAN_FRONTEND=noninteractive
unset XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME
set -e
apt-get update >/srv/apt.log 2>&1
apt-get install -y --no-install-recommends make git ca-certificates >>/srv/apt.log 2>&1
[ ! -f /srv/certificates ] || cp /srv/certificates /etc/ssl/certs/ca-certificates.crt
mkdir -p "$HOME"
cd /srv/kirinuki
set +e
failed=0
for command; do
    printf '\n$ %s\n' "$command"
    start=$SECONDS
    case $command in
    'offline '*) unshare --net sh -c "${command#offline }" </dev/null ;;
    *) sh -c "$command" </dev/null ;;
    esac
    code=$?
    printf '# exit %d after %d s\n' $code $((SECONDS - start))
    [ $code = 0 ] || failed=1
done
git status --short
exit $failed
INSIDE
chmod +x "$root/srv/inside"
for file in "${SSL_CERT_FILE-}" /etc/ssl/certs/ca-certificates.crt; do
    if [ -f "$file" ]; then
        cp "$file" "$root/srv/certificates"
        break
    fi
done

# Mounts live in a namespace of their own and are gone with it, however this ends.
export root
# shellcheck disable=SC2016 # for the inner shell
unshare --mount --propagation private bash -ec '
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    if [ -d ../shared ]; then
        mount --bind ../shared "$root/srv/shared"
        mount -o remount,bind,ro "$root/srv/shared"
    fi
    exec chroot "$root" /srv/inside "$@"' inside "$@" 2>&1 | tee "$folder/log"
