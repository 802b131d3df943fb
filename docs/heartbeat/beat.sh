# A shell beats between the steps of a job: `beat` to show that it lives, `beat "busy job 212"` when a job begins.
beat() {
  [ -n "$WORKERCTL_HEARTBEAT_FILE" ] || return 0
  if [ $# -eq 0 ]; then
    touch "$WORKERCTL_HEARTBEAT_FILE"
  else
    printf '%s\n%s\n' "$1" "$(date +%s)" >"$WORKERCTL_HEARTBEAT_FILE"
  fi
}
