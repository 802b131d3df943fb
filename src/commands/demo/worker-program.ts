/** How many workers the demo runs. */
export const workerCount = 3;

export const demoConfig = `release: { file: VERSION }
workers:
  delayed_job:
    command: /bin/sh worker.sh
    count: ${workerCount}
`;

/**
 * A minimal worker for a host that has nothing but a shell. It takes a job by renaming its file, so that only one worker
 * gets it; the file holds the length of the job in seconds. On SIGTERM the shell first waits for the running `sleep`, so
 * the job is finished. The worker reports whether it is busy, so that an idle one is asked first.
 */
export const workerProgram = `#!/bin/sh
version=$(cat VERSION)
stopping=
trap 'stopping=yes' TERM

work() {
  job=$1
  at_work="working/$job.$WORKERCTL_INSTANCE"
  mv "spool/$job" "$at_work" 2>/dev/null || return
  echo "busy $job" >"$WORKERCTL_HEARTBEAT_FILE"
  sleep "$(cat "$at_work")"
  echo "$job: done by $WORKERCTL_INSTANCE, pid $$, code version $version" >>"done/$job"
  rm "$at_work"
  echo idle >"$WORKERCTL_HEARTBEAT_FILE"
}

echo idle >"$WORKERCTL_HEARTBEAT_FILE"

while [ -z "$stopping" ]; do
  for file in spool/*; do
    [ -z "$stopping" ] && [ -e "$file" ] && work "\${file##*/}"
  done
  [ -n "$stopping" ] || sleep 0.1
done
`;
