#!/bin/sh
# The shim: the parent of one worker. It does three things: it holds the instance's lock (fd 3) as long as the worker
# lives, publishes the worker's record and pidfile before the worker runs, and reports how the worker died.
#
#   shim.sh supervise INSTANCE STATE_DIR PIDFILE RUN_ID COMMAND [WORD...]
#   shim.sh launch    (the same arguments)
#   shim.sh exec COMMAND [WORD...]
#
# `launch` is for a program that daemonizes and writes PIDFILE itself. Its command is recorded as launching until it has
# exited; then the process that the pidfile names is recorded, and the shim exits. It never writes to that pidfile. `exec` is for
# a command of a person in the place of a worker: it becomes that command, and is no shim.
#
# Environment: SHIM_RECORD, SHIM_UMASK, SHIM_LIMITS, SHIM_OOM_SCORE_ADJ, SHIM_PATH (the worker's PATH), SHIM_SETSID (the
# path of setsid), SHIM_ERROR (the descriptor of the worker's standard error: 1, or 5 with a log of its own), SHIM_OOM (how often the kernel had killed in our memory cgroup, and the file that counts this); for a control group
# of its own SHIM_GROUP, SHIM_SCOPE, SHIM_MEMORY (bytes), SHIM_CPU (thousandths of a core) and SHIM_ROOT (for tests); for
# a pidfile in a directory of another user also SHIM_AS (the words that run a command as that user), for
# `launch` also SHIM_LAUNCHING (further members of the record while it launches) and SHIM_TIMEOUT (seconds). The worker
# gets none of these. All variables of the shim begin with shim_, because others may be the worker's.
#
# Standard error is a file of its own (INSTANCE.shim), where the shell reports a death by signal, and why a record could
# not be written. fd 1 is the worker's
# log. The shell reads the whole script before it runs main, so that replacing this file under a running shim changes
# nothing. Each program that the shim starts costs a millisecond between one worker and the next: this is setsid
# before the worker runs, and rm after its death unless another process waits for that.

main() {
  shim_stage=$1
  shift
  case $shim_stage in
    supervise) enter_group && supervise "$@" ;;
    launch) enter_group && launch "$@" ;;
    exec)
      take_settings 2>/dev/null # the OOM score of a login cannot always be lowered, which a person need not know
      exec "$@"
      ;;
    *) echo "shim.sh: unknown stage: $shim_stage" && exit 64 ;;
  esac
}

# Moves us, and so the worker, into a control group of its own, and makes sure that it has the limits: without them the
# worker is not started. SHIM_GROUP is its folder, or the name of the scope that systemd makes if SHIM_SCOPE asks it to.
enter_group() {
  [ -n "$SHIM_GROUP" ] || return 0
  if [ -n "$SHIM_SCOPE" ]; then
    # shellcheck disable=SC2086 # the words are wanted apart
    $SHIM_SCOPE PIDs au 1 $$ 0 >/dev/null || no_group "systemd refuses to make it"
  else
    echo $$ >"$SHIM_GROUP/cgroup.procs" || no_group "it cannot be entered"
  fi
  shim_tries=0
  until own_group && [ "${shim_group##*/}" = "${SHIM_GROUP##*/}" ]; do
    shim_tries=$((shim_tries + 1))
    [ "$shim_tries" -lt 200 ] || no_group "this process is still in $shim_group"
    sleep 0.02
  done
  shim_group=$SHIM_ROOT/sys/fs/cgroup$shim_group
  shim_max='' shim_period=''
  if [ -n "$SHIM_MEMORY" ]; then
    read -r shim_max <"$shim_group/memory.max"
    # The kernel rounds down to whole pages, of at most 64 kB.
    is_number "$shim_max" && [ "$shim_max" -le "$SHIM_MEMORY" ] && [ "$shim_max" -gt $((SHIM_MEMORY - 65536)) ] ||
      no_group "expected $SHIM_MEMORY in $shim_group/memory.max, found ${shim_max:-nothing}"
    SHIM_OOM="0 $shim_group/memory.events"
  fi
  [ -n "$SHIM_CPU" ] || return 0
  read -r shim_max shim_period <"$shim_group/cpu.max"
  is_number "$shim_max" && is_number "$shim_period" && [ $((shim_max * 1000 / shim_period)) = "$SHIM_CPU" ] ||
    no_group "expected $SHIM_CPU thousandths in $shim_group/cpu.max, found ${shim_max:-nothing} $shim_period"
}

is_number() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
}

# The control group of version 2 that we are in. Source: cgroups(7).
own_group() {
  while IFS=: read -r shim_id shim_controllers shim_path; do
    [ "$shim_id$shim_controllers" != 0 ] || shim_group=$shim_path
  done <"$SHIM_ROOT/proc/self/cgroup"
}

no_group() {
  echo "limits: control group ${SHIM_GROUP##*/}: $1" >&2
  exit 69
}

# Signals are caught, not ignored: caught ones are reset to their defaults in the subshell. The worker is not started with
# `&`, because a background process of a shell ignores INT and QUIT for good.
supervise() {
  run "$@"
  report
}

# Runs the worker to its end, and sets shim_how to how it ended.
run() {
  shim_instance=$1 shim_state_dir=$2 shim_pidfile=$3 shim_run_id=$4
  umask 022
  trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE
  # Our standard error for reading too. Opened now, and not by its name: the state directory may be deleted while the worker
  # runs, and a FIFO in the place of that file would block us.
  exec 4<>/proc/self/fd/2
  (
    shift 4
    become "$@"
  )
  shim_status=$?
  shim_death=
  read -r shim_death <&4
  if [ "$shim_status" -gt 128 ] && was_signalled; then
    shim_how="\"signal_number\":$((shim_status - 128))"
  else
    shim_how="\"exit_status\":$shim_status"
  fi
  case $shim_death in *'core dumped'*) shim_how="$shim_how,\"core_dumped\":true" ;; esac
  if [ "$shim_status" -eq 137 ] && was_out_of_memory; then
    shim_how="$shim_how,\"out_of_memory\":true"
    [ -z "$SHIM_MEMORY" ] || [ "$shim_ooms" -eq 0 ] || shim_how="$shim_how,\"memory_limit_bytes\":$SHIM_MEMORY"
  fi
}

# 134 may be `exit 134` or SIGABRT: it was a signal if the shell has reported one, which it does not for INT and PIPE. The
# file for that has a block (see start-worker.ts), so this works on a full disk too. If not even that block can be written
# (copy on write), it is taken for a signal, because hardly any program exits with such a status.
was_signalled() {
  [ -n "$shim_death" ] || [ "$shim_status" -eq 130 ] || [ "$shim_status" -eq 141 ] || ! echo >&4
} 2>/dev/null

# Even if the command failed, a process that it has left behind is recorded, with that failure: otherwise no pass would know of
# it, and another process would be started beside it.
launch() {
  look_at self
  shim_begun=$shim_start_time
  read -r shim_uptime </proc/uptime
  shim_deadline=$((${shim_uptime%%.*} + SHIM_TIMEOUT))
  run "$@"
  find_daemon && publish_daemon
  [ "$shim_status" -eq 0 ] || report
  # From now on the shim itself represents the instance.
  publish "$$" "$shim_begun" "$$" "$SHIM_LAUNCHING$SHIM_RECORD"
  shim_deaths=0
  while ! find_daemon; do
    read -r shim_uptime </proc/uptime
    # The program may replace the pid of a helper that has died by another; that takes less than 3 seconds.
    if [ "$shim_found" = dead ]; then shim_deaths=$((shim_deaths + 1)); else shim_deaths=0; fi
    if [ "${shim_uptime%%.*}" -ge "$shim_deadline" ] || [ "$shim_deaths" -gt 60 ]; then
      shim_how="\"launch\":\"$shim_found\""
      report
    fi
    sleep 0.05
  done
  publish_daemon
}

# Whether the pidfile names a process (shim_daemon) that lives, is not older than this run and may be signalled by us;
# if not, shim_found says what was found.
find_daemon() {
  shim_daemon='' shim_found=absent
  [ -e "$shim_pidfile" ] || return 1
  [ -f "$shim_pidfile" ] || { shim_found=garbage && return 1; }
  shim_daemon=$(first_line_as_user "$shim_pidfile")
  case $shim_daemon in
    '') shim_found=empty && return 1 ;;
    *[!0-9]* | 0*) shim_found=garbage && return 1 ;;
  esac
  shim_found=dead
  look_at "$shim_daemon" || return 1
  case $shim_state in Z | X) return 1 ;; esac
  shim_found=old
  [ "$shim_start_time" -ge "$shim_begun" ] || return 1
  shim_found=foreign
  as_user 'kill -0 "$1"' "$shim_daemon" 2>/dev/null
}

# Runs a piece of shell script with these arguments as the user of the worker. Root would follow any link of that user.
# shellcheck disable=SC2086 # the words are wanted apart
as_user() {
  if [ -n "$SHIM_AS" ]; then
    $SHIM_AS /bin/sh -c "$1" sh "$2" "$3"
  else
    shim_script=$1
    shift
    eval "$shim_script"
  fi
}

# The first line of a file of the user. With SHIM_AS in another process, which root's rights do not reach.
first_line_as_user() {
  [ -n "$SHIM_AS" ] || { first_line_of "$1" && return; }
  as_user '[ -f "$1" ] && ulimit -t 1 && read -r line <"$1"; printf %s "$line"' "$1"
} 2>/dev/null

publish_daemon() {
  shim_failure=
  [ "$shim_status" -eq 0 ] || shim_failure="\"launch_exit_status\":$shim_status,"
  publish "$shim_daemon" "$shim_start_time" 0 "$shim_failure$SHIM_RECORD"
  exit 0
}

# Writes the record again, unless another run has the instance's place by now, or the state directory is gone.
publish() {
  shim_record=$(first_line_of "$shim_state_dir/$shim_instance.json")
  case $shim_record in
    '' | *"\"run_id\":\"$shim_run_id\""*) ;;
    *) exit 0 ;;
  esac
  [ -d "$shim_state_dir" ] || exit 73
  put_by_mv "{\"pid\":$1,\"start_time\":$2,\"shim_pid\":$3,$4}" "$shim_state_dir/$shim_instance.json"
}

# Removes what is no file of ours from the places that we write to: a FIFO would block us, and a link be followed. Nearly
# always there is nothing, and that takes no program.
make_room_at() {
  for shim_place in "$@"; do
    [ ! -L "$shim_place" ] && { [ -f "$shim_place" ] || [ ! -e "$shim_place" ]; } || rm -f "$shim_place"
  done
}

# mv would move a file into a folder in its place, or, of several files, move only some of them. Links in the state directory
# are replaced.
no_folder_at() {
  for shim_place in "$@"; do
    [ ! -d "$shim_place" ] || { [ -L "$shim_place" ] && [ "${shim_place%/*}" = "$shim_state_dir" ]; } || { echo "$shim_place: expected a file, found a directory: move it away" >&2 && return 1; }
  done
}

# The first line of a file, with or without a newline. Empty if it is missing or no file: a FIFO would block us, a device may
# have no end. A line that takes more than a second of the processor ends the subshell: a shell reads it byte by byte.
first_line_of() {
  [ -f "$1" ] || return 0
  ulimit -t 1
  read -r shim_line <"$1"
  printf %s "$shim_line"
} 2>/dev/null

# Whether the kernel has killed a process of our memory cgroup because it was out of memory, since the start. shim_ooms is how
# often memory has run out in that very group, and not in the whole host.
was_out_of_memory() {
  shim_ooms=0
  while read -r shim_key shim_count; do
    [ "$shim_key" != oom ] || shim_ooms=$shim_count
    [ "$shim_key" != oom_kill ] || [ "$shim_count" -le "${SHIM_OOM%% *}" ] || return 0
  done <"${SHIM_OOM#* }"
  return 1
} 2>/dev/null

# A successor may have the instance's place by now: then the files have another name, or no report is wanted.
report() {
  shim_name=$shim_instance
  if [ -e "$shim_state_dir/$shim_instance~$shim_run_id.json" ]; then
    shim_name=$shim_instance~$shim_run_id
  elif [ -n "$SHIM_TIMEOUT" ] || [ "$shim_pidfile" != "$shim_state_dir/$shim_instance.pid" ] || ! is_attended; then
    shim_record=$(first_line_of "$shim_state_dir/$shim_instance.json")
    case $shim_record in
      '' | *"\"run_id\":\"$shim_run_id\""*) [ -n "$SHIM_TIMEOUT" ] || as_user 'rm -f "$1" 2>/dev/null' "$shim_pidfile" ;;
      *) exit 0 ;;
    esac
  fi
  # One write, and the last act: a pass that finds the file still empty sees that we live, and looks again. The lock is
  # free a moment later.
  shim_text="{\"run_id\":\"$shim_run_id\",$shim_how}"
  make_room_at "$shim_state_dir/$shim_name.exit"
  { echo "$shim_text" >"$shim_state_dir/$shim_name.exit"; } 2>/dev/null || report_without_space
  exit 0
}

# Whether a process that runs waits for this death: then it removes the pidfile, which would take us a program.
is_attended() {
  for shim_file in "$shim_state_dir/attended/$shim_instance" "$shim_state_dir/attended/all"; do
    [ -f "$shim_file" ] || continue
    read -r shim_pid shim_begun <"$shim_file"
    is_number "$shim_pid" && look_at "$shim_pid" || continue
    case $shim_state in Z | X | T | t) continue ;; esac
    [ "$shim_start_time" != "$shim_begun" ] || return 0
  done
  return 1
} 2>/dev/null

# The file that the shell has reported a death in has a block already. It becomes the report.
report_without_space() {
  rm -f "$shim_state_dir/$shim_name.exit"
  printf '%-255s\n' "$shim_text" 1<>"$shim_state_dir/$shim_name.shim" &&
    mv -f "$shim_state_dir/$shim_name.shim" "$shim_state_dir/$shim_name.exit"
} 2>/dev/null

# The subshell becomes the worker: same pid, own session.
become() {
  exec 4<&-
  look_at self
  shim_worker=${shim_stat%% *} # $$ is the shim
  publish_worker || {
    echo "workerctl: $shim_instance is not started: its record or pidfile cannot be written"
    exit 73
  }
  # What has failed so far is in the shim's own file; the rest is the worker's.
  exec 2>&"${SHIM_ERROR:-1}" 5>&-
  # Until here only the lock keeps the place, if the shim is killed.
  exec 3>&-
  shim_setsid=${SHIM_SETSID:-setsid}
  # The pid of a daemon is not known yet.
  [ -n "$SHIM_LAUNCHING" ] || export WORKERCTL_PID="$shim_worker"
  take_settings
  export WORKERCTL_INSTANCE="$shim_instance"
  # setsid need not fork, which keeps the pid, because the leader of our group is the shim.
  exec "$shim_setsid" "$@"
}

# Writes the pidfile and then the record. The places are free, because what was there is removed before a start. Each is one
# write into its place, which saves a program: a reader takes an empty record for none. A place that others read from, and
# what takes more than one write, are filled by mv.
publish_worker() {
  shim_text="{\"pid\":$shim_worker,\"start_time\":$shim_start_time,\"shim_pid\":$$,$SHIM_LAUNCHING$SHIM_RECORD}"
  shim_target=$shim_state_dir/$shim_instance.json
  no_folder_at "$shim_target" "$shim_pidfile" || return 1
  if [ -n "$SHIM_LAUNCHING" ]; then
    :
  elif [ "$shim_pidfile" = "$shim_state_dir/$shim_instance.pid" ]; then
    put "$shim_worker" "$shim_pidfile" || return 1
  else
    # Its directory may be another user's: -C follows no link, and none can be prepared for a name with the run id.
    as_user '{ set -C && echo "$2" >"$1.new" && set +C && mv -f "$1.new" "${1%.*}"; } || { rm -f "$1.new" && false; }' "$shim_pidfile.$shim_run_id" "$shim_worker" || {
      echo "pidfile: $shim_pidfile cannot be written" >&2
      return 1
    }
  fi
  if [ "${#shim_text}" -lt 2000 ]; then
    put "$shim_text" "$shim_target"
  else
    put_by_mv "$shim_text" "$shim_target"
  fi
}

put() {
  make_room_at "$2"
  printf '%s\n' "$1" >"$2"
}

# In one step for all who read it, by way of the staging directory.
put_by_mv() {
  shim_new=$shim_state_dir/.new
  [ -d "$shim_new" ] || mkdir "$shim_new" || return 1
  put "$1" "$shim_new/${2##*/}" && mv -f "$shim_new/${2##*/}" "${2%/*}/"
}

# What a worker has of the kernel, and its PATH. What the shim was told is of no use after that.
take_settings() {
  for shim_limit in $SHIM_LIMITS; do
    set_limit "${shim_limit%%=*}" "${shim_limit#*=}"
  done
  read -r shim_current </proc/self/oom_score_adj
  [ "$SHIM_OOM_SCORE_ADJ" = "$shim_current" ] || echo "$SHIM_OOM_SCORE_ADJ" >/proc/self/oom_score_adj
  umask "$SHIM_UMASK"
  PATH=${SHIM_PATH-$PATH}
  unset SHIM_RECORD SHIM_LAUNCHING SHIM_TIMEOUT SHIM_UMASK SHIM_LIMITS SHIM_OOM_SCORE_ADJ SHIM_PATH SHIM_OOM SHIM_SETSID SHIM_AS SHIM_ERROR \
    SHIM_GROUP SHIM_SCOPE SHIM_ROOT SHIM_MEMORY SHIM_CPU
}

# Sets the soft limit; the hard one only if the soft one does not fit under it. What dash calls -p is -u in bash.
# shellcheck disable=SC3045 # these are in dash, bash, ksh and busybox
set_limit() {
  ulimit -S "-$1" "$2" 2>/dev/null && return
  [ "$1" = p ] && ulimit -S -u "$2" 2>/dev/null && return
  ulimit "-$1" "$2"
}

# Reads /proc/PID/stat into shim_stat, shim_state and shim_start_time. Source: proc_pid_stat(5), fields 3 and 22.
look_at() {
  read -r shim_stat <"/proc/$1/stat" || return 1
  # After the last `)`, because a program's name may contain one.
  # shellcheck disable=SC2086 # the fields are wanted apart
  set -- ${shim_stat##*) }
  shim_state=$1
  shift 19
  shim_start_time=$1
} 2>/dev/null

main "$@"
exit
