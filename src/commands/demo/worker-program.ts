/** How many workers the demo runs. */
export const workerCount = 3;

/** The config of the demo. It is shown as it stands here. */
export const demoConfig = `release: { file: VERSION }
workers:
  delayed_job:
    command: /bin/sh worker.sh
    count: ${workerCount}
`;

/**
 * A worker as small as one can be, for a host with nothing but a shell. It takes a job by a rename, of which only one
 * worker can be the winner; a job is a file that holds its length in seconds. On TERM the shell first lets the
 * running \`sleep\` end, so the job at hand is finished. It says whether it is busy, so that an idle one is asked first.
 */
export const workerProgram = `#!/bin/sh
version=$(cat VERSION)
leaving=
trap 'leaving=yes' TERM

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

while [ -z "$leaving" ]; do
  for file in spool/*; do
    [ -z "$leaving" ] && [ -e "$file" ] && work "\${file##*/}"
  done
  [ -n "$leaving" ] || sleep 0.1
done
`;
