#!/bin/sh
# The shim: the parent of one worker. It does three things and owns nothing else: it holds the instance's lock
# (fd 3) for as long as the worker lives, publishes the worker's record and pidfile before the worker runs, and
# writes down how the worker died.
#
#   shim.sh supervise INSTANCE STATE_DIR PIDFILE START COMMAND [WORD...]
#
# with SHIM_RECORD, SHIM_UMASK, SHIM_LIMITS and SHIM_OOM_SCORE_ADJ in the environment; the worker gets none of these.
#
# Standard error is a file of its own (INSTANCE.shim): the shell tells there of a death by signal. fd 1 is the
# worker's log. The whole script is one function, read to its end before anything runs, so that replacing this
# file under a running shim changes nothing.

main() {
  stage=$1
  shift
  case $stage in
    supervise) supervise "$@" ;;
    become) become "$@" ;;
    *) echo "shim.sh: unknown stage: $stage" && exit 64 ;;
  esac
}

# Stage one waits. It catches signals, and does not ignore them: caught ones go back to their default at exec, and
# no `&` starts the worker: what a shell starts in the background ignores INT and QUIT for good.
supervise() {
  instance=$1 state_dir=$2 pidfile=$3 start=$4
  umask 022
  trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
  setsid /bin/sh "$0" become "$@"
  status=$?
  death=
  [ -s "$state_dir/$instance.shim" ] && read -r death <"$state_dir/$instance.shim"
  # 134 is `exit 134` as well as SIGABRT: a signal is one of which the shell has spoken. It is silent on INT and PIPE.
  if [ "$status" -gt 128 ] && { [ -n "$death" ] || [ "$status" -eq 130 ] || [ "$status" -eq 141 ]; }; then
    how="\"signal\":$((status - 128))"
  else
    how="\"status\":$status"
  fi
  case $death in *'core dumped'*) how="$how,\"core\":true" ;; esac
  rm -f "$pidfile"
  printf '{"start":"%s",%s}\n' "$start" "$how" >"$state_dir/$instance.exit.new"
  # The last act, so that the lock is free a moment after the arrival of the file.
  exec mv -f "$state_dir/$instance.exit.new" "$state_dir/$instance.exit"
}

# Stage two becomes the worker: same pid, own session.
become() {
  instance=$1 state_dir=$2 pidfile=$3 start=$4
  shift 4
  exec 3>&- 2>&1
  umask 022
  read -r stat </proc/self/stat
  # shellcheck disable=SC2086 # the fields are wanted apart
  start_time_of ${stat##*) } # after the last `)`: a program's name may hold one
  {
    printf '{"pid":%s,"start_time":%s,"shim_pid":%s,%s}\n' $$ "$start_time" "$PPID" "$SHIM_RECORD" \
      >"$state_dir/$instance.json.new" &&
      printf '%s\n' $$ >"$pidfile.new" &&
      mv -f "$state_dir/$instance.json.new" "$state_dir/$instance.json" &&
      mv -f "$pidfile.new" "$pidfile"
  } || {
    echo "workerctl: $instance is not started: its record or pidfile cannot be written"
    exit 73
  }
  for limit in $SHIM_LIMITS; do
    set_limit "${limit%%=*}" "${limit#*=}"
  done
  read -r current </proc/self/oom_score_adj
  [ "$SHIM_OOM_SCORE_ADJ" = "$current" ] || echo "$SHIM_OOM_SCORE_ADJ" >/proc/self/oom_score_adj
  umask "$SHIM_UMASK"
  unset SHIM_RECORD SHIM_UMASK SHIM_LIMITS SHIM_OOM_SCORE_ADJ
  WORKERCTL_INSTANCE=$instance WORKERCTL_PID=$$
  export WORKERCTL_INSTANCE WORKERCTL_PID
  exec "$@"
}

# The soft limit; the hard one moves only when the soft one does not fit under it. bash calls dash's -p -u.
# shellcheck disable=SC3045 # these are in dash, bash, ksh and busybox
set_limit() {
  ulimit -S "-$1" "$2" 2>/dev/null && return
  [ "$1" = p ] && ulimit -S -u "$2" 2>/dev/null && return
  ulimit "-$1" "$2"
}

# Field 22 of /proc/PID/stat, given the fields from the third on.
start_time_of() {
  shift 19
  start_time=$1
}

main "$@"
exit
