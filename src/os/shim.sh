#!/bin/sh
# The shim: the parent of one worker. It does three things and owns nothing else: it holds the instance's lock
# (fd 3) for as long as the worker lives, publishes the worker's record and pidfile before the worker runs, and
# writes down how the worker died.
#
#   shim.sh supervise INSTANCE STATE_DIR PIDFILE START COMMAND [WORD...]
#
# with SHIM_RECORD, SHIM_UMASK, SHIM_LIMITS, SHIM_OOM_SCORE_ADJ, SHIM_PATH (the worker's PATH) and SHIM_OOM (how often
# the kernel had killed in our memory cgroup, and the file that counts it) in the environment; the worker gets none of these, and every name that the shim uses begins with shim_: others may be the worker's.
#
# Standard error is a file of its own (INSTANCE.shim): the shell tells there of a death by signal. fd 1 is the
# worker's log. The whole script is one function, read to its end before anything runs, so that replacing this
# file under a running shim changes nothing.

main() {
  shim_stage=$1
  shift
  case $shim_stage in
    supervise) supervise "$@" ;;
    become) become "$@" ;;
    *) echo "shim.sh: unknown stage: $shim_stage" && exit 64 ;;
  esac
}

# Stage one waits. It catches signals, and does not ignore them: caught ones go back to their default at exec, and
# no `&` starts the worker: what a shell starts in the background ignores INT and QUIT for good.
supervise() {
  shim_instance=$1 shim_state_dir=$2 shim_pidfile=$3 shim_start=$4
  umask 022
  trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
  # Opened now: the state directory may be deleted while the worker runs.
  exec 4<"$shim_state_dir/$shim_instance.shim"
  setsid /bin/sh "$0" become "$@"
  shim_status=$?
  shim_death=
  read -r shim_death <&4
  # 134 is `exit 134` as well as SIGABRT: a signal is one of which the shell has spoken. It is silent on INT and PIPE.
  if [ "$shim_status" -gt 128 ] && { [ -n "$shim_death" ] || [ "$shim_status" -eq 130 ] || [ "$shim_status" -eq 141 ]; }; then
    shim_how="\"signal\":$((shim_status - 128))"
  else
    shim_how="\"status\":$shim_status"
  fi
  case $shim_death in *'core dumped'*) shim_how="$shim_how,\"core\":true" ;; esac
  [ "$shim_status" -ne 137 ] || ! was_out_of_memory || shim_how="$shim_how,\"oom\":true"
  report
}

# Whether the kernel has killed somebody in our memory cgroup since the start.
was_out_of_memory() {
  while read -r shim_key shim_count; do
    [ "$shim_key" != oom_kill ] || [ "$shim_count" -le "${SHIM_OOM%% *}" ] || return 0
  done <"${SHIM_OOM#* }"
  return 1
} 2>/dev/null

# A successor may have the instance's place by now: then the files are kept under another name, or nobody wants a report.
report() {
  shim_name=$shim_instance
  shim_record=
  if [ -e "$shim_state_dir/$shim_instance~$shim_start.json" ]; then
    shim_name=$shim_instance~$shim_start
  else
    { read -r shim_record <"$shim_state_dir/$shim_instance.json"; } 2>/dev/null
    case $shim_record in
      '' | *"\"start\":\"$shim_start\""*) rm -f "$shim_pidfile" ;;
      *) exit 0 ;;
    esac
  fi
  printf '{"start":"%s",%s}\n' "$shim_start" "$shim_how" >"$shim_state_dir/$shim_name.exit.new"
  # The last act, so that the lock is free a moment after the arrival of the file.
  exec mv -f "$shim_state_dir/$shim_name.exit.new" "$shim_state_dir/$shim_name.exit"
}

# Stage two becomes the worker: same pid, own session.
become() {
  shim_instance=$1 shim_state_dir=$2 shim_pidfile=$3 shim_start=$4
  shift 4
  exec 4<&- 2>&1
  umask 022
  read -r shim_stat </proc/self/stat
  # shellcheck disable=SC2086 # the fields are wanted apart
  start_time_of ${shim_stat##*) } # after the last `)`: a program's name may hold one
  # Under their own names in a folder beside, so that one mv publishes both: the pidfile first.
  shim_new=$shim_state_dir/.new
  [ -d "$shim_new" ] || mkdir -p "$shim_new"
  {
    printf '{"pid":%s,"start_time":%s,"shim_pid":%s,%s}\n' $$ "$shim_start_time" "$PPID" "$SHIM_RECORD" \
      >"$shim_new/$shim_instance.json" &&
      if [ "$shim_pidfile" = "$shim_state_dir/$shim_instance.pid" ]; then
        printf '%s\n' $$ >"$shim_new/$shim_instance.pid" &&
          mv -f "$shim_new/$shim_instance.pid" "$shim_new/$shim_instance.json" "$shim_state_dir/"
      else
        printf '%s\n' $$ >"$shim_pidfile.new" &&
          mv -f "$shim_pidfile.new" "$shim_pidfile" &&
          mv -f "$shim_new/$shim_instance.json" "$shim_state_dir/$shim_instance.json"
      fi
  } || {
    echo "workerctl: $shim_instance is not started: its record or pidfile cannot be written"
    exit 73
  }
  # Until here the place is ours by the lock alone, should the shim be killed.
  exec 3>&-
  for shim_limit in $SHIM_LIMITS; do
    set_limit "${shim_limit%%=*}" "${shim_limit#*=}"
  done
  read -r shim_current </proc/self/oom_score_adj
  [ "$SHIM_OOM_SCORE_ADJ" = "$shim_current" ] || echo "$SHIM_OOM_SCORE_ADJ" >/proc/self/oom_score_adj
  umask "$SHIM_UMASK"
  PATH=${SHIM_PATH-$PATH}
  unset SHIM_RECORD SHIM_UMASK SHIM_LIMITS SHIM_OOM_SCORE_ADJ SHIM_PATH SHIM_OOM
  WORKERCTL_INSTANCE=$shim_instance WORKERCTL_PID=$$
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
  shim_start_time=$1
}

main "$@"
exit
