#!/bin/sh
# boot.sh ROOT GROUP ARGUMENT...: becomes a systemd-nspawn that boots ROOT, in control groups of its own that are named
# GROUP: systemd-nspawn leaves groups behind, and two of them must not share one.
set -eu
root=$1
group=$2
shift 2
for tree in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
  [ -e "$tree/cgroup.procs" ] || continue
  mkdir -p "$tree/$group"
  echo $$ >"$tree/$group/cgroup.procs"
done
# All processes of the machine end with this one, and this one with its caller: systemd-nspawn alone would leave them.
exec setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount-proc \
  systemd-nspawn --quiet --boot --directory="$root" --register=no --keep-unit --private-network --console=pipe "$@"
