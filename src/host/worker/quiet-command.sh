#!/bin/sh
# Runs a command that asks a worker to take no new jobs, or to take jobs again, and notes how it ended: also if the
# workerctl that runs this script is killed meanwhile.
#
#   quiet-command.sh SETSID SECONDS RUN FILE COMMAND [WORD...]
#
# Appends a line to FILE: RUN, and the exit status, or `late` if the command was killed after SECONDS with everything in
# its session. What it prints is in FILE.out. Environment: that of the command, but for QUIET_PATH, which is its PATH.

main() {
  quiet_setsid=$1 quiet_seconds=$2 quiet_run=$3 quiet_file=$4
  shift 4
  read -r quiet_begun quiet_idle </proc/uptime
  # What is no file of ours would block us, or be followed.
  rm -f "$quiet_file.out"
  [ ! -L "$quiet_file" ] && { [ -f "$quiet_file" ] || [ ! -e "$quiet_file" ]; } || rm -f "$quiet_file"
  (
    PATH=$QUIET_PATH
    unset QUIET_PATH
    # In the background the shell is no leader of its group, so that setsid need not fork.
    exec "$quiet_setsid" "$@"
  ) >"$quiet_file.out" 2>&1 &
  quiet_command=$!
  kill_later "$quiet_command" >/dev/null 2>&1 &
  quiet_timer=$!
  wait "$quiet_command"
  quiet_status=$?
  kill "$quiet_timer" 2>/dev/null
  read -r quiet_ended quiet_idle </proc/uptime
  [ "$quiet_status" -ne 137 ] || [ $((${quiet_ended%%.*} - ${quiet_begun%%.*})) -lt "$quiet_seconds" ] || quiet_status=late
  echo "$quiet_run $quiet_status" >>"$quiet_file"
}

# The sleep ends with the timer.
kill_later() {
  trap 'kill "$quiet_sleep"; exit' TERM
  sleep "$quiet_seconds" &
  quiet_sleep=$!
  wait "$quiet_sleep"
  kill -s KILL -- "-$1"
}

main "$@"
exit
