export interface UnitFacts {
  /** `node /opt/workerctl/bin/workerctl watch --config /srv/app/workerctl.yaml`, word by word. */
  readonly command: readonly string[];
  readonly config: string;
  readonly user: string;
}

/** A unit for `workerctl watch`: see systemd.service(5). The workers are in its control group, and outlive it. */
export const formatUnit = ({ command, config, user }: UnitFacts): string => `[Unit]
Description=workerctl watch --config ${specifier(config)}
After=network.target

[Service]
Type=notify
NotifyAccess=all
WatchdogSec=30
ExecStart=${command.map(word).join(' ')}
ExecReload=/bin/kill -HUP $MAINPID
User=${user}
Restart=always
# Stopping the unit ends only the watch; the workers keep running.
KillMode=process
# A worker that the kernel kills for its memory is replaced; the watch continues.
OOMPolicy=continue
# All workers and their children count against this limit.
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`;

const specifier = (text: string): string => text.replace(/%/g, '%%');

/** Source: systemd.service(5), COMMAND LINES. */
function word(text: string): string {
  const plain = specifier(text).replace(/\$/g, '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replace(/["\\]/g, '\\$&')}"`;
}
