#!/bin/sh
# Installs what the tests in test/real run workerctl on: real workers, from Debian's packages and npm, and the root tree of a
# machine with systemd, which systemd-nspawn boots. May be run again at any time; installs nothing if everything is there.
set -eu

packages='ruby ruby-delayed-job ruby-delayed-job-active-record ruby-sqlite3 ruby-daemons ruby-sidekiq puma
  redis-server celery python3-redis python3-rq python3-setproctitle gunicorn
  python3 php-cli php-redis php-laravel-framework php-symfony-messenger php-symfony-redis-messenger
  runit logrotate chromium openssh-server debootstrap systemd-container busybox-static zsh fish man-db groff-base'
# Only for promtool and the compiler of Go: a host that has them needs no package.
command -v promtool >/dev/null || packages="$packages prometheus"
command -v go >/dev/null || packages="$packages golang-go"

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

# What BullMQ's application needs of npm, as its lock file says; outside of the tree, so that no tool reads it.
bullmq=$(dirname "$0")/frameworks/bullmq
modules=${WORKERCTL_TEST_CACHE:-/var/cache/workerctl-test}/bullmq
has_modules() {
  cmp -s "$bullmq/package-lock.json" "$modules/package-lock.json"
}

if [ -z "$missing" ] && has_modules && sh "$root_tree" --where >/dev/null; then
  # One line: split into words on purpose.
  # shellcheck disable=SC2046,SC2086,SC2116
  echo "setup: all there:" $packages "BullMQ, and the root tree"
  exit 0
fi

if [ "$(id -u)" = 0 ]; then
  as_root() { env DEBIAN_FRONTEND=noninteractive "$@"; }
elif command -v sudo >/dev/null; then
  as_root() { sudo env DEBIAN_FRONTEND=noninteractive "$@"; }
else
  echo "setup: missing:$missing, BullMQ, or the root tree; run this as root, or install sudo" >&2
  exit 1
fi

echo "setup: installing$missing"
as_root apt-get update -qq
# These packages start a server, now and at each boot, which is not wanted. systemd starts nothing that is masked; without
# systemd it is stopped, and disabled.
servers=
for server in prometheus redis-server; do
  case "$missing " in *" $server "*) servers="$servers $server" ;; esac
done
case "$missing " in *" openssh-server "*) servers="$servers ssh" ;; esac
for server in $servers; do
  unit=/etc/systemd/system/$server.service
  as_root mkdir -p "${unit%/*}"
  [ -e "$unit" ] || as_root ln -sfn /dev/null "$unit"
done
# The list is split into words on purpose.
# shellcheck disable=SC2086
[ -z "$missing" ] || as_root apt-get install -qq -y --no-install-recommends $missing
for server in $servers; do
  [ -d /run/systemd/system ] || as_root "/etc/init.d/$server" stop
  as_root update-rc.d "$server" disable
done
has_modules || {
  echo "setup: BullMQ"
  new=$(mktemp -d)
  trap 'rm -rf "$new"' EXIT
  cp "$bullmq/package.json" "$bullmq/package-lock.json" "$new"
  (cd "$new" && npm ci --silent --ignore-scripts --no-audit --no-fund)
  chmod 755 "$new"
  as_root mkdir -p "${modules%/*}"
  as_root rm -rf "$modules"
  as_root cp -R "$new" "$modules"
}
echo "setup: root tree"
as_root sh "$root_tree"
echo "setup: done"
