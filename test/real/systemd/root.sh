#!/bin/sh
# Makes the root tree of a small Debian or Ubuntu with systemd, once, and prints where it is. Needs root, debootstrap and the
# network. Mirror, suite and proxy are those of this host's apt. Only the latest tree is kept, about 300 MB.
#
#   root.sh           makes it if it is missing
#   root.sh --where   only prints where it is; fails if it is missing
set -eu

packages=systemd,systemd-sysv,dbus,libpam-systemd,dbus-user-session,cron,logrotate,procps,openssh-server,openssh-client,libstdc++6

cache=${WORKERCTL_TEST_CACHE:-/var/cache/workerctl-test}
# A change of this script makes a new tree.
digest=$(sha256sum "$0" | cut -c1-12)
root=$cache/systemd-$digest

if [ -e "$root/etc/os-release" ]; then
  echo "$root"
  exit 0
fi
[ "${1:-}" != --where ] || exit 1

fields='$(SITE) $(CODENAME) $(COMPONENT)'
source=$(apt-get indextargets --format "$fields" 'Created-By: Packages' 'Component: main' | grep -v -e -security -e -updates -e -backports -m 1)
# Split into words on purpose.
# shellcheck disable=SC2086
set -- $source
[ $# = 3 ] || { echo "root.sh: expected a source of packages in apt's lists, found none: run apt-get update" >&2; exit 1; }

proxy=$(apt-config shell http_proxy Acquire::http::Proxy)
eval "${proxy:+$proxy; export http_proxy}"

mkdir -p "$cache"
new=$(mktemp -d "$cache/new.XXXXXX")
trap 'rm -rf "$new"' EXIT
# As if it were a machine of its own: no service is started, and all that it needs is in it.
debootstrap --variant=minbase --components="$3" --include="$packages" "$2" "$new/root" "$1" >"$new/log" 2>&1 || {
  tail -n 20 "$new/log" >&2
  exit 1
}
chroot "$new/root" useradd --create-home --shell /bin/bash deploy
rm -rf "$new/root/var/cache/apt/archives" "$new/root/var/lib/apt/lists"
mkdir -p "$new/root/var/log/journal" "$new/root/var/cache/apt/archives" "$new/root/var/lib/apt/lists"
chmod 755 "$new/root"
for old in "$cache"/systemd-*; do rm -rf "$old"; done
mv "$new/root" "$root"
echo "$root"
