import {
  fine,
  problem,
  someOf,
  warning,
  type Finding,
  type Findings,
} from '../../core/views/finding.ts';
import { readArguments } from '../../host/process/process-table.ts';
import type { Answer } from '../../host/process/ask-program.ts';
import type { Examination } from './examination.ts';
import type { Members } from './find-units.ts';

/** Whether stopping a systemd service would kill the workers in it. */
export async function unitFindings(examination: Examination): Promise<Findings> {
  const services = examination.units.filter(({ unit }) => unit.kind === 'service');
  if (services.length === 0) return fine('systemd', 'no worker is in a systemd service');
  return Promise.all(services.map((members) => serviceFinding(examination, members)));
}

async function serviceFinding(
  { ask, watch }: Examination,
  { unit, names }: Members,
): Promise<Finding> {
  const { name } = unit;
  const about = `unit ${name}`;
  const members = `contains ${someOf(names)}`;
  const isOfUser = unit.kind === 'service' && unit.user !== undefined;
  const words = ['show', '-p', 'KillMode', '-p', 'TimeoutStopUSec', name];
  const answer = await ask('systemctl', isOfUser ? ['--user', ...words] : words);
  const { KillMode: mode = '', TimeoutStopUSec: timeout = '' } = propertiesIn(answer);
  if (mode === '') {
    return warning(about, `${members}; its KillMode is unknown: ${problemOf(answer)}`, [
      'with KillMode=control-group, the default, stopping the unit kills the workers',
      `make sure that its KillMode is process: systemctl cat ${name}`,
    ]);
  }
  if (mode === 'process' || mode === 'none') return fine(about, `${members}; KillMode=${mode}`);
  const endsAll = watch !== undefined && readArguments(watch.pid).includes('--stop-on-exit');
  if (mode === 'mixed' && endsAll && timeout === 'infinity')
    return fine(about, `${members}; KillMode=mixed, and systemd waits for watch --stop-on-exit`);
  return problem(about, `${members}; KillMode=${mode}, TimeoutStopSec ${timeout}`, [
    mode === 'mixed'
      ? `stopping the unit kills the workers after ${timeout} at the latest, in the middle of their jobs`
      : `stopping the unit sends SIGTERM to all workers and their children, and kills what is left after ${timeout}`,
    'set KillMode=process in the unit (systemctl edit), then systemctl daemon-reload',
  ]);
}

/** `Name=value`, a line each. */
export function propertiesIn(answer: Answer): Record<string, string> {
  if (answer.kind !== 'said' || answer.status !== 0) return {};
  const pairs = answer.text.split('\n').flatMap((line): [string, string][] => {
    const at = line.indexOf('=');
    return at === -1 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()]];
  });
  return Object.fromEntries(pairs);
}

/** Why a program gave no answer. */
export function problemOf(answer: Answer): string {
  switch (answer.kind) {
    case 'absent':
      return 'the program is not installed';
    case 'failed':
      return answer.problem;
    case 'said':
      return answer.error.trim().split('\n')[0] || `exit status ${answer.status}`;
  }
}
