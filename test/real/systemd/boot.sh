#!/bin/sh
# boot.sh ROOT GROUP ARGUMENT...: becomes a systemd-nspawn that boots ROOT, in control groups of its own that are named
# GROUP: systemd-nspawn leaves groups behind, and two of them must not share one. The machine is shut down if the process that called this ends.
set -eu
root=$1
group=$2
shift 2
for tree in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
  [ -e "$tree/cgroup.procs" ] || continue
  mkdir -p "$tree/$group"
  echo $$ >"$tree/$group/cgroup.procs"
done
exec setpriv --pdeathsig TERM systemd-nspawn --quiet --boot --directory="$root" --register=no --keep-unit \
  --private-network --console=pipe "$@"
