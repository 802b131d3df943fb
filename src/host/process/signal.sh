#!/bin/sh
# Asks processes to finish, each exactly once, even if the command that runs this script is killed half way: the script
# goes on without it, holds the pass lock (fd 3) meanwhile, and notes in each stop file that the signal was sent.
#
#   signal.sh [PID START_TIME SIGNAL STOP_FILE MARK]...
#
# MARK is written over the first bytes of the stop file: as long as what it replaces, so that this works on a full disk.
# Prints one word per process: sent, gone (dead, or its pid was reused) or denied.

main() {
  trap '' HUP INT QUIT TERM PIPE
  while [ $# -ge 5 ]; do
    ask "$1" "$2" "$3" "$4" "$5"
    shift 5
  done
}

ask() {
  if ! is_alive "$1" "$2"; then
    answer gone
  elif
    fault note
    kill -s "$3" "$1" 2>/dev/null
  then
    fault signal
    [ ! -f "$4" ] && [ -e "$4" ] || printf %s "$5" 1<>"$4"
    answer sent
  elif is_alive "$1" "$2"; then
    answer denied
  else # it ended just now: a wrapper does when what it waits for has got its signal
    answer gone
  fi
}

# The command that reads this may have been killed.
answer() {
  echo "$1" 2>/dev/null
}

# Tests kill the command that waits for us here, and let another one run before we go on: see fault-point.ts.
fault() {
  [ "$WORKERCTL_TEST_DIE_BEHIND" != "$1" ] || { kill -s KILL "$PPID" 2>/dev/null && sleep 0.4; }
}

# Same pid, same start time (field 22 of /proc/PID/stat), and neither zombie nor dead. If only the first thread has ended,
# the state is Z, but the process lives: it has more threads (field 20).
is_alive() {
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # shellcheck disable=SC2086 # the fields are wanted apart
  has_start_time "$2" ${stat##*) }
}

has_start_time() {
  wanted=$1
  case $2 in
    Z) [ "${19}" -gt 1 ] || return 1 ;;
    X) return 1 ;;
  esac
  shift 20
  [ "$1" = "$wanted" ]
}

main "$@"
exit
