import type { GlobalOptions } from '../../cli/command.ts';
import { colours } from '../../cli/colours.ts';
import { print, printPainted, terminalSize } from '../../cli/print.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { exitCodes } from '../../core/basics/exit-codes.ts';
import { countOf } from '../../core/views/finding.ts';
import { fleetReports, type ExaminedHost } from '../../core/views/fleet-doctor.ts';
import { examineHost } from '../../engine/fleet/examine-host.ts';
import { inTurn } from '../../engine/fleet/in-turn.ts';
import { formatReports } from '../../output/doctor.ts';
import { printed } from '../../output/json/answer.ts';
import { doctorAnswer } from '../../output/json/doctor.ts';
import type { OpenFleet } from './open.ts';

/** `workerctl fleet doctor`. */
export async function fleetDoctor(
  open: OpenFleet,
  targets: readonly string[],
  { json }: GlobalOptions,
): Promise<number> {
  if (targets.length > 0)
    throw new WorkerctlError(
      'usage',
      `fleet doctor: expected no targets, found ${targets.join(' ')}`,
    );
  const found = new Map<string, ExaminedHost>();
  await inTurn(open.hosts, open.fleet.connections, async (host) => {
    if (!open.signal.aborted) found.set(host.name, await examineHost(open, host));
  });
  if (open.signal.aborted) return open.interrupt.exitCode();
  const reports = fleetReports(open.hosts.flatMap(({ name }) => found.get(name) ?? []));
  if (json) print(printed(doctorAnswer, reports));
  else printPainted(formatReports(reports, await colours(), terminalSize()?.columns));
  return exitCodes[countOf(reports, 'problem') === 0 ? 'done' : 'failed'].code;
}
