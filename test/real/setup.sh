#!/bin/sh
# Installs what the tests in test/real run workerctl on: real workers, from Debian's packages, and the root tree of a
# machine with systemd, which systemd-nspawn boots. May be run again at any time; installs nothing if everything is there.
set -eu

packages='ruby ruby-delayed-job ruby-delayed-job-active-record ruby-sqlite3 ruby-daemons gunicorn runit logrotate debootstrap systemd-container'
# Only for promtool: a host that has it needs no package.
command -v promtool >/dev/null || packages="$packages prometheus"

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "setup: expected Debian or Ubuntu, found no apt-get; install the contents of these packages yourself: $packages" >&2
  exit 1
fi

missing=
for package in $packages; do
  is_installed "$package" || missing="$missing $package"
done
root_tree="$(dirname "$0")/systemd/root.sh"
if [ -z "$missing" ] && sh "$root_tree" --where >/dev/null; then
  echo "setup: all there: $packages, and the root tree"
  exit 0
fi

if [ "$(id -u)" = 0 ]; then
  as_root() { env DEBIAN_FRONTEND=noninteractive "$@"; }
elif command -v sudo >/dev/null; then
  as_root() { sudo env DEBIAN_FRONTEND=noninteractive "$@"; }
else
  echo "setup: missing:$missing, or the root tree; run this as root, or install sudo" >&2
  exit 1
fi

echo "setup: installing$missing"
as_root apt-get update -qq
# The package starts a server, now and at each boot, which is not wanted. systemd starts nothing that is masked;
# without systemd it is stopped, and disabled.
unit=/etc/systemd/system/prometheus.service
case $missing in
  *' prometheus'*)
    as_root mkdir -p "${unit%/*}"
    [ -e "$unit" ] || as_root ln -sfn /dev/null "$unit"
    ;;
esac
# The list is split into words on purpose.
# shellcheck disable=SC2086
[ -z "$missing" ] || as_root apt-get install -qq -y --no-install-recommends $missing
case $missing in
  *' prometheus'*)
    [ -d /run/systemd/system ] || as_root /etc/init.d/prometheus stop
    as_root update-rc.d prometheus disable
    ;;
esac
echo "setup: root tree"
as_root sh "$root_tree"
echo "setup: done"
