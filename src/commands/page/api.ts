import { exitCodes } from '../../core/basics/exit-codes.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { visible } from '../../core/basics/visible.ts';
import { journalKinds } from '../../core/events/journal.ts';
import { namedBy } from '../../core/model/targets.ts';
import { jobCounts } from '../../core/views/job-counts.ts';
import { wholeNumber } from '../../cli/options.ts';
import { pastMoment } from '../../cli/time-range.ts';
import type { HttpAnswer } from '../../host/sockets/http-server.ts';
import { readJournal } from '../../host/journal/read.ts';
import { printed, printedLine } from '../../output/json/answer.ts';
import { healthAnswer, jobsAnswer, versionAnswer } from '../../output/json/answers.ts';
import { errorAnswer } from '../../output/json/error.ts';
import { rolloutAnswer } from '../../output/json/rollout.ts';
import { statusAnswer } from '../../output/json/status.ts';
import { logAnswer } from '../../output/json/stream.ts';
import { versionFound } from '../version.ts';
import { lastLogLines } from './log-lines.ts';
import { statusAt, type Place } from './place.ts';
import { queryOf } from './query.ts';

type Answer = (place: Place, search: URLSearchParams) => HttpAnswer | Promise<HttpAnswer>;

/** What is under `/api/`: the JSON of the command of the same name. */
export const api: Readonly<Record<string, Answer>> = {
  status: async (place, search) => {
    const query = queryOf(search, { many: ['target'] });
    return json(printed(statusAnswer, await statusAt(place, query.all('target'))));
  },
  jobs: async (place, search) => {
    queryOf(search, {});
    return json(printed(jobsAnswer, jobCounts(await statusAt(place))));
  },
  rollout: async (place, search) => {
    queryOf(search, {});
    return json(printed(rolloutAnswer, (await statusAt(place)).rollouts));
  },
  version: (_, search) => {
    queryOf(search, {});
    return json(printed(versionAnswer, versionFound()));
  },
  events: (place, search) => jsonLines(eventLines(place, search)),
  logs: async (place, search) => {
    const query = queryOf(search, { many: ['target'], once: ['lines'] });
    const lines = await lastLogLines(place, query.all('target'), countIn(query.one('lines'), 20));
    return jsonLines(lines.map((line) => printedLine(logAnswer, line)).join(''));
  },
};

/** A request may ask for no more lines than this. */
const mostLines = 1_000;

/** No more lines of the journal than this are looked through for a request. */
const mostScanned = 20_000;

function eventLines({ config }: Place, search: URLSearchParams): string {
  const query = queryOf(search, { many: ['target'], once: ['lines', 'since', 'kind'] });
  const kinds = query.one('kind')?.split(',') ?? [];
  for (const kind of kinds)
    if (!journalKinds.some((known) => known === kind))
      throw new WorkerctlError(
        'usage',
        `kind: expected a kind of event, found ${JSON.stringify(kind)}`,
      );
  const from = query.one('since');
  const isNamed = namedBy(query.all('target'), config);
  const { lines } = readJournal(config.stateDir, {
    ...(from !== undefined && { since: pastMoment(from, 'since') }),
    limit: countIn(query.one('lines'), from === undefined ? 50 : mostLines),
    scan: mostScanned,
    matches: ({ instance, kind }) =>
      isNamed(instance) && (kinds.length === 0 || kinds.includes(kind)),
  });
  return lines.map(({ line }) => `${line}\n`).join('');
}

const countIn = (text: string | undefined, usual: number): number =>
  text === undefined ? usual : Math.min(wholeNumber(text, 'lines'), mostLines);

const jsonType = 'application/json; charset=utf-8';

/** As on a terminal, which curl may print it to: nothing in it commands that. */
const json = (text: string): HttpAnswer => ({ status: 200, text: visible(text), type: jsonType });

const jsonLines = (text: string): HttpAnswer => ({
  status: 200,
  text: visible(text),
  type: 'application/x-ndjson; charset=utf-8',
});

/** A short answer for a probe, which may come from anywhere: no more than whether all is well. */
export const probeAnswer = (ok: boolean): HttpAnswer => ({
  status: ok ? 200 : 503,
  text: printedLine(healthAnswer, ok),
  type: jsonType,
});

/** The answer to a request that has failed, in the JSON of a command that has failed. */
export function failure(error: unknown): HttpAnswer {
  const known =
    error instanceof WorkerctlError
      ? error
      : new WorkerctlError('failed', `this is a bug: ${String(error)}`);
  const text = visible(
    printed(errorAnswer, { error: known, exitCode: exitCodes[known.code].code }),
  );
  return { status: known.code === 'usage' ? 400 : 500, text, type: jsonType };
}

/** The same for a request that is refused before it is looked at. */
export const refusal = (status: number, message: string, hint?: string): HttpAnswer => ({
  ...failure(new WorkerctlError('usage', message, hint === undefined ? {} : { hint })),
  status,
});
