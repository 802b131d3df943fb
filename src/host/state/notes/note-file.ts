import { existsSync } from 'node:fs';
import { integer, Mismatch, text, type Form } from '../../../core/basics/json-form.ts';
import { quietSignals, type QuietSignal } from '../../../core/model/config.ts';
import type { ProcessIdentity } from '../../../core/model/process.ts';
import { readJson, writeStateFile, type StateFile } from '../../files/json-file.ts';

/** The members of a note that say which process it is about: to any other process it means nothing. */
export const processMembers = {
  pid: ['pid', integer],
  startTime: ['start_time', integer],
  bootId: ['boot_id', text],
} as const;

/** A signal as it stands in a note: `SIGTERM`. */
export const signal: Form<QuietSignal> = {
  read: (json) => {
    const found = quietSignals.find((name) => json === `SIG${name}`);
    if (found === undefined) throw new Mismatch([], 'the name of a signal', json);
    return found;
  },
  write: (name) => `SIG${name}`,
};

/** A note, or why it cannot be understood. Most do not exist, and to catch an error takes longer than to ask. */
export function readNote<T>(path: string, form: Form<T>, what: string): StateFile<T> {
  if (!existsSync(path)) return { kind: 'absent' };
  return readJson(path, form, what);
}

/** Members keep the order of the form. */
export const writeNote = <T>(path: string, form: Form<T>, value: T): void => {
  writeStateFile(path, `${JSON.stringify(form.write(value))}\n`);
};

/** The identity without what else a value may hold. */
export const identityOf = ({ pid, startTime, bootId }: ProcessIdentity): ProcessIdentity => ({
  pid,
  startTime,
  bootId,
});
