// A fleet whose hosts are directories: in place of ssh, a script runs the line of a host there. A host with a file `ssh` runs
// that shell script first, which may refuse, cut or change the connection.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { journalOf, type Entry } from './journal.ts';
import type { EventKind } from './output.ts';
import { createRig, type Rig } from './rig.ts';
import { validate } from './schemas.ts';
import { linesOf } from './files.ts';

type Json = Readonly<Record<string, unknown>>;

/** How a `fleet` command with `--json` has ended on a host. */
interface EndedHost {
  readonly host: string;
  readonly state: string;
  readonly exit_code: number | null;
  readonly problem: string | null;
  readonly releases?: Readonly<Record<string, number>>;
}

export interface FleetRun {
  readonly exitCode: number | undefined;
  /** The lines of hosts. */
  readonly lines: readonly Json[];
  readonly hosts: readonly EndedHost[];
  /** Host and state: `web1 done`. */
  readonly states: readonly string[];
  readonly op: string | undefined;
  readonly all: string;
}

export interface FleetRig {
  readonly rig: Rig;
  readonly path: (name: string) => string;
  /** Runs `workerctl fleet` with these words. */
  readonly fleet: (...words: readonly string[]) => ReturnType<Rig['workerctl']>;
  /** The same with `--json`. */
  readonly ask: (...words: readonly string[]) => Promise<FleetRun>;
  /** Writes the config of a host again. */
  readonly configure: (host: string, worker?: Json) => void;
  /** Writes what a host does instead of answering: a shell script, in which `$line` is the line for its shell. */
  readonly connect: (host: string, script: string) => void;
  readonly journal: (host: string, ...kinds: readonly EventKind[]) => readonly Entry[];
}

/** It takes half a second to finish what it does. */
const worker = `#!/bin/sh
trap 'sleep 0.5; exit 0' TERM
while :; do sleep 0.1; done
`;

const transport = `#!/bin/sh
while [ "$1" != -- ]; do shift; done
host=$2 line=$3
cd "\${0%/*}/$host" || exit 255
echo "$line" >>lines
[ ! -e ssh ] || . ./ssh
exec sh -c "$line"
`;

export function createFleet(
  names: readonly string[],
  keys: Json = {},
  hostKeys: Json = {},
): FleetRig {
  const rig = createRig();
  const program = (name: string, text: string): void => {
    writeFileSync(rig.path(name), text);
    chmodSync(rig.path(name), 0o755);
  };
  program('worker', worker);
  program('transport', transport);
  const configure = (host: string, own: Json = {}): void => {
    const defaults = {
      ready: { after: '50ms' },
      env: { RIG: rig.folder },
      restart: { finisher: false },
    };
    const workers = { mail: { command: rig.path('worker'), ...own } };
    writeFileSync(join(rig.folder, host, 'workerctl.yaml'), JSON.stringify({ defaults, workers }));
  };
  for (const name of names) {
    mkdirSync(rig.path(name));
    configure(name);
  }
  const file = {
    hosts: Object.fromEntries(names.map((name) => [name, hostKeys[name] ?? null])),
    workerctl: rig.path('bin/workerctl'),
    ssh: [rig.path('transport')],
    ...keys,
  };
  writeFileSync(rig.path('fleet.yaml'), JSON.stringify(file, undefined, 2));
  const fleet: FleetRig['fleet'] = (...words) => rig.workerctl('fleet', ...words);
  return {
    rig,
    path: rig.path,
    fleet,
    ask: async (...words) => {
      const { exitCode, stdout, all } = await fleet(...words, '--json');
      return runOf(exitCode, stdout, all);
    },
    configure,
    connect: (host, script) => {
      writeFileSync(join(rig.folder, host, 'ssh'), script);
    },
    journal: (host, ...kinds) => journalOf(join(rig.folder, host, '.workerctl'), kinds),
  };
}

export function runOf(exitCode: number | undefined, stdout: string, all: string): FleetRun {
  const lines = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Json);
  const last = lines.at(-1) ?? {};
  expect(last['kind'], all).toBe('fleet_result');
  validate(last);
  expect(last['exit_code'], all).toBe(exitCode);
  const hosts = last['hosts'] as readonly EndedHost[];
  return {
    exitCode,
    lines: lines.slice(0, -1),
    hosts,
    states: hosts.map(({ host, state }) => `${host} ${state}`),
    op: last['op'] as string | undefined,
    all,
  };
}

/** The lines that a host has got for its shell. */
export const linesTo = ({ path }: FleetRig, host: string): readonly string[] =>
  linesOf(path(`${host}/lines`));
