import { schemaVersion } from '../../core/basics/schema-version.ts';
import type { FleetHost } from '../../core/model/fleet.ts';
import { answerIn, errorIn, otherSchema } from '../../core/protocols/host-answer.ts';
import type { JsonObject } from '../../core/protocols/json-reader.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { durationOf } from '../../core/basics/time.ts';
import type { ExaminedHost } from '../../core/views/fleet-doctor.ts';
import { hostStatusOf } from '../../core/views/fleet-status.ts';
import { digest } from '../../host/files/crypto.ts';
import { now } from '../../host/process/clock.ts';
import { runOnHost, type HostRunEnd } from '../../host/ssh/run-on-host.ts';
import { remoteLine, sshCommand } from '../../host/ssh/ssh-command.ts';
import type { Transport } from './ask-host.ts';

/** The checks of a host's own doctor may take longer than any other question. */
const examinationMs = 60_000;

/** Looks for what differs between hosts, with one connection. */
export async function examineHost(transport: Transport, host: FleetHost): Promise<ExaminedHost> {
  const { fleet, shared, signal } = transport;
  const own = (...words: string[]): string => remoteLine(host, words);
  const line = [
    'echo', // ends what a startup file has printed without a newline
    'echo "workerctl-time $(date +%s)"',
    `echo "workerctl-version $(${own('--version')})"`,
    own('check', '--json'),
    own('status', '--json'),
    own('doctor', '--json'),
  ].join('; ');
  const command = ['sh', '-c', line].map(shellWord).join(' ');
  const objects: JsonObject[] = [];
  const begunAt = now();
  let heardAt: number | undefined;
  const end = await runOnHost({
    command: sshCommand(fleet, host, command, shared),
    timeout: durationOf(fleet.connectTimeout + Math.max(fleet.answerTimeout, examinationMs)),
    signal,
    hear: (object) => void objects.push(object),
    stir: () => {
      heardAt ??= now();
    },
  });
  return examined(host, objects, end, { from: begunAt, to: heardAt ?? now() });
}

function examined(
  { name: host, workerctl }: FleetHost,
  objects: readonly JsonObject[],
  end: HostRunEnd,
  between: { readonly from: number; readonly to: number },
): ExaminedHost {
  const said = (what: string): string | undefined =>
    end.messages.find((line) => line.startsWith(`workerctl-${what} `))?.split(' ')[1];
  const time = said('time');
  if (time === undefined) {
    const answer = answerIn(end, workerctl);
    const late = end.isKilled ? 'it does not answer' : undefined;
    return { host, silent: late ?? ('problem' in answer ? answer.problem : 'it does not answer') };
  }
  const version = said('version') ?? '';
  const clockOffset = offset(Number(time) * 1_000, between);
  if (version === '') {
    const answer = answerIn({ ...end, last: undefined }, workerctl);
    return {
      host,
      clockOffset,
      silent: 'problem' in answer ? answer.problem : `no ${workerctl} there`,
    };
  }
  const answers = objects.filter(({ schema }) => typeof schema === 'number');
  const other = answers.find(({ schema }) => schema !== schemaVersion);
  if (other !== undefined)
    return { host, version, clockOffset, silent: otherSchema(other['schema']) };
  const having = (member: string): JsonObject | undefined =>
    answers.find((object) => object[member] !== undefined);
  const [config, status, doctor] = ['config', 'instances', 'findings'].map(having);
  const failed = having('error');
  const problem = config === undefined && failed !== undefined ? errorIn(failed) : undefined;
  return {
    host,
    version,
    clockOffset,
    ...(problem !== undefined && { configProblem: problem }),
    ...(config?.['config'] !== undefined && {
      digest: digest(JSON.stringify(config['config']), 8),
    }),
    ...(status !== undefined && releasesIn(host, status)),
    ...(Array.isArray(doctor?.['findings']) && { findings: doctor['findings'] as JsonObject[] }),
  };
}

function releasesIn(host: string, object: JsonObject): Pick<ExaminedHost, 'releases'> {
  const { releases } = hostStatusOf(host, { kind: 'answered', exitCode: 0, object });
  const names = Object.keys(releases).sort();
  return names.length === 0 ? {} : { releases: names.join(' and ') };
}

/** The clock there shows whole seconds, and was read at some time between these. */
function offset(
  theirs: number,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  if (theirs > to) return theirs - to;
  return theirs + 1_000 < from ? theirs + 1_000 - from : 0;
}
