import {
  commandLine,
  groupLines,
  unitSection,
  unitText,
  userLine,
  type UnitFacts,
} from './unit-text.ts';

/** The first line of a unit that workerctl may overwrite: it names the config. */
export const timerHeader = (config: string): string =>
  `# Made by workerctl install timer for ${config}`;

/** A service that runs `bootcheck` once: see systemd.service(5). */
export function formatBootcheckService(facts: UnitFacts): string {
  const command = [...facts.program, 'bootcheck', ...facts.configWords];
  return unitText([
    timerHeader(facts.config),
    ...unitSection(`workerctl bootcheck --config ${facts.config}`, facts),
    '',
    '[Service]',
    'Type=oneshot',
    `ExecStart=${commandLine(command)}`,
    ...userLine(facts),
    '# Another command is at work, which does the same.',
    'SuccessExitStatus=75',
    '# The workers that bootcheck starts stay in this unit and outlive it.',
    'KillMode=process',
    ...groupLines,
    '# At each start systemd would write two warnings per living worker. What bootcheck does is still written.',
    'SyslogLevel=err',
    'LogLevelMax=err',
  ]);
}

/** A timer in place of cron: see systemd.timer(5). */
export const formatTimer = ({ config }: UnitFacts): string =>
  unitText([
    timerHeader(config),
    '[Unit]',
    'Description=workerctl bootcheck, every minute and at boot',
    '',
    '[Timer]',
    'OnBootSec=5s',
    'OnCalendar=minutely',
    'AccuracySec=1s',
    '',
    '[Install]',
    'WantedBy=timers.target',
  ]);
