import { writeFileSync } from 'node:fs';
import { linesOf } from '../rig/files.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';

export const identifiers = ['1', '2', '3'];

/** The instances of the worker `mail`. */
export const instances = identifiers.map((identifier) => `mail.${identifier}`);

/** A rig whose worker `mail` runs this shell script, which finds the directory in $RIG and notes what it sees in `signals`. */
export function createProofRig(script: string, which: WorkerKeys = { identifiers }): Rig {
  const rig = createRig();
  writeFileSync(rig.path('worker.sh'), script);
  rig.configure({
    mail: {
      command: ['/bin/sh', rig.path('worker.sh')],
      ...which,
      ready: { after: '0s' },
      backoff: { reset: '0s', min_run: '0s' }, // its processes are killed again and again
    },
  });
  return rig;
}

/** The lines that the workers wrote with this first word, without it. */
export const notesOf = (rig: Rig, word: string): string[] =>
  linesOf(rig.path('signals'))
    .filter((line) => line.startsWith(`${word} `))
    .map((line) => line.slice(word.length + 1));
