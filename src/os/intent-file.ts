import { join } from 'node:path';
import * as z from 'zod/mini';
import { WorkerctlError } from '../core/error.ts';
import { noIntent, type Intent } from '../core/intent.ts';
import { momentOf } from '../core/time.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { describeErrno } from './errno.ts';
import { readJson } from './state-files.ts';

const identitySchema = z.object({ pid: z.int(), start_time: z.int(), boot_id: z.string() });
const askedSchema = { at: z.number(), by: z.string() };

const intentSchema = z.object({
  version: z.literal(1),
  stopped: z.record(z.string(), z.object(askedSchema)),
  rollout: z.optional(z.object({ ...askedSchema, replaces: z.record(z.string(), identitySchema) })),
});

export const intentPath = (stateDir: string): string => join(stateDir, 'state.json');

/**
 * What people want beyond the config; nothing where there is no such file.
 * @throws WorkerctlError `state` when the file cannot be understood: nobody else knows what was stopped on purpose
 */
export function readIntent(stateDir: string): Intent {
  const path = intentPath(stateDir);
  const file = readJson(path, intentSchema, 'the intent that workerctl wrote');
  switch (file.kind) {
    case 'absent':
      return noIntent;
    case 'broken':
      throw new WorkerctlError('state', file.problem, {
        hint: 'remove that file to go on; instances that were stopped on purpose will then be started again',
      });
    case 'read':
      return intentFrom(file.value);
  }
}

function intentFrom({ stopped, rollout }: z.output<typeof intentSchema>): Intent {
  const intent: Intent = {
    stopped: mapValues(stopped, ({ at, by }) => ({ at: momentOf(at), by })),
  };
  if (rollout === undefined) return intent;
  const replaces = mapValues(rollout.replaces, ({ pid, start_time, boot_id }) => ({
    pid,
    startTime: start_time,
    bootId: boot_id,
  }));
  return { ...intent, rollout: { at: momentOf(rollout.at), by: rollout.by, replaces } };
}

/**
 * Writes the intent; `durable` makes it outlive a crash of the host.
 * @throws WorkerctlError `state` when it cannot be written; the old one is then as it was
 */
export function writeIntent(
  stateDir: string,
  { stopped, rollout }: Intent,
  { durable }: { durable: boolean },
): void {
  const json = {
    version: 1,
    stopped,
    ...(rollout && {
      rollout: {
        at: rollout.at,
        by: rollout.by,
        replaces: mapValues(rollout.replaces, ({ pid, startTime, bootId }) => ({
          pid,
          start_time: startTime,
          boot_id: bootId,
        })),
      },
    }),
  };
  const path = intentPath(stateDir);
  try {
    writeFileAtomically(path, `${JSON.stringify(json, undefined, 1)}\n`, { durable });
  } catch (error) {
    throw new WorkerctlError(
      'state',
      `${path}: cannot be written: ${describeErrno(error)}; nothing was done`,
      { cause: error },
    );
  }
}

function mapValues<A, B>(
  values: Readonly<Record<string, A>>,
  change: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}
