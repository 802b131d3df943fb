# A shell beats between the steps of a job: `beat`. It says `beat_busy "job 212"` when a job begins, `beat_idle` when it has
# ended, and at its start. Jobs may run at the same time in subshells, each of which has one at a time.
beat() {
  [ -n "${WORKERCTL_HEARTBEAT_FILE:-}" ] || return 0
  # An empty file says nothing: what could not be said before is said again. Outside of the main process nothing was said there.
  [ -s "$WORKERCTL_HEARTBEAT_FILE" ] || beat_write "$WORKERCTL_HEARTBEAT_FILE" "${beat_said:-jobs 0}"
  touch "$WORKERCTL_HEARTBEAT_FILE" 2>/dev/null || :
}

beat_busy() {
  beat_own_file || return 0
  beat_now=$(date +%s)
  beat_say "jobs 1 $beat_now
$beat_now $1"
}

beat_idle() {
  beat_own_file || return 0
  if [ "$beat_file" = "$WORKERCTL_HEARTBEAT_FILE" ]; then
    beat_say "jobs 0 $(date +%s)"
  else
    rm -f "$beat_file"
  fi
}

beat_say() {
  [ "$beat_file" != "$WORKERCTL_HEARTBEAT_FILE" ] || beat_said=$1
  beat_write "$beat_file" "$1"
}

# Only the process that workerctl has started writes the heartbeat file; any other one, such as a subshell, has a file of its
# own beside it. Its pid, when it was started and its pid namespace tell workerctl when it is gone.
beat_own_file() {
  [ -n "${WORKERCTL_HEARTBEAT_FILE:-}" ] || return 1
  beat_file=$WORKERCTL_HEARTBEAT_FILE
  read -r beat_pid beat_stat </proc/self/stat || return 1
  [ "$beat_pid" != "${WORKERCTL_PID:-}" ] || return 0
  # Split into words on purpose: the name of the program, which may contain anything, is cut off.
  # shellcheck disable=SC2086
  set -- ${beat_stat##*) }
  beat_namespace=${beat_namespace:-$(readlink /proc/self/ns/pid | tr -dc 0-9)}
  mkdir -p "$beat_file.jobs" 2>/dev/null
  beat_file=$beat_file.jobs/$beat_pid.${20}.$beat_namespace
}

# Never tears the file, and never fails: a full disk must not stop the work. What cannot be said leaves an empty file.
beat_write() {
  { printf '%s\n' "$2" >"$1.new" && mv "$1.new" "$1"; } 2>/dev/null || : 2>/dev/null >"$1" || :
}
