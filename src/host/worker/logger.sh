#!/bin/sh
# Keeps the logger of one worker running. The worker's output comes through a pipe, our standard input: we hold its reading
# end for as long as anybody can write to it, so that a logger that dies costs neither SIGPIPE nor a line. What is written
# meanwhile waits in the pipe; when that is full (64 KiB) the writer waits.
#
#   logger.sh INSTANCE UMASK COMMAND [WORD...]
#
# Standard output and error are the worker's log file: what the logger has to say goes there, and so do our own words.

main() {
  instance=$1
  umask "$2"
  shift 2
  # Node raises it for itself, and children inherit that.
  # shellcheck disable=SC3045 # in dash, bash, ksh and busybox
  ulimit -S -n 1024 2>/dev/null
  # Caught, and not ignored: caught ones go back to their default in the logger. Who is told to end with us may; we stay.
  trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
  failures=0
  while [ "$failures" -lt 5 ]; do
    begun=$(seconds)
    "$@"
    status=$?
    if ! has_writers; then
      [ "$status" -eq 0 ] || "$@" # it may have left something unread
      break
    fi
    if [ $(($(seconds) - begun)) -lt 3 ]; then failures=$((failures + 1)); else failures=0; fi
    echo "workerctl: the logger of $instance has ended (status $status): $*"
    sleep 1
  done
  [ "$failures" -lt 5 ] || echo "workerctl: the logger of $instance has ended 5 times in a row: what follows is the worker's own output"
  # A worker is worth more than where its lines go: without a logger they are kept here, until the worker is replaced.
  until cat; do sleep 1; done
}

# Nobody can open a FIFO for reading that has no writer: it waits, and reads nothing away meanwhile.
has_writers() {
  timeout 1 /bin/sh -c ': </proc/self/fd/0'
  [ $? -ne 124 ]
}

seconds() {
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

main "$@"
exit
