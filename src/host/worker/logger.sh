#!/bin/sh
# Keeps the logger of one worker running. The worker's output comes through a pipe, our standard input. We hold its reading
# end as long as any process can write to it, so that the death of a logger causes neither SIGPIPE nor a lost line: what is
# written meanwhile stays in the pipe. If that is full (64 KiB), the writer blocks.
#
#   logger.sh INSTANCE UMASK COMMAND [WORD...]
#
# Standard output and error are the worker's log file, for messages of the logger and our own.

main() {
  instance=$1
  umask "$2"
  shift 2
  # Node raises its own limit, and children inherit that.
  # shellcheck disable=SC3045 # in dash, bash, ksh and busybox
  ulimit -S -n 1024 2>/dev/null
  # Caught, not ignored: in the logger, caught signals are reset to their defaults. It may end by them; we stay.
  trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
  failures=0
  while [ "$failures" -lt 5 ]; do
    begun=$(seconds)
    "$@"
    status=$?
    if ! has_writers; then
      [ "$status" -eq 0 ] || "$@" # it may have left output unread
      break
    fi
    if [ $(($(seconds) - begun)) -lt 3 ]; then failures=$((failures + 1)); else failures=0; fi
    echo "workerctl: the logger of $instance has ended (status $status): $*"
    sleep 1
  done
  [ "$failures" -lt 5 ] || echo "workerctl: the logger of $instance has ended 5 times in a row: what follows is the worker's own output"
  # The worker matters more than its log: without a logger its output goes to the file, until the worker is replaced.
  until cat; do sleep 1; done
}

# Opening a FIFO that has no writer for reading blocks, and takes nothing out of it.
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
