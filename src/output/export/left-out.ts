import { hookCommand, hookNames } from '../../core/model/config.ts';
import { looksSecret } from '../../core/basics/secrets.ts';
import type { LeftOutRule } from './exported.ts';

/** What no other system knows: it waits for the end of a process, and does not ask what it is doing. */
export const nowhere: readonly LeftOutRule[] = [
  ['busy', ({ busyTitle }) => busyTitle !== undefined, 'no one reads process titles there'],
  [
    `hooks.${hookNames.join(', hooks.')}`,
    ({ hooks }) => hookNames.some((name) => hookCommand(hooks, name) !== undefined),
    'there are no such hooks; a lost job is noticed by the queue alone',
  ],
  [
    'recycle',
    ({ recycle }) => recycle !== undefined,
    'no process is replaced between two jobs; a memory limit there kills in the middle of one',
  ],
  ['heartbeat.dump', ({ heartbeat }) => heartbeat?.dump !== undefined, 'it is not sent'],
  [
    'stop.resume',
    ({ stop }) => stop.resume !== undefined,
    'a stop that has begun cannot be taken back',
  ],
  [
    'restart.on_failure: rollback',
    ({ restart }) => restart.onFailure === 'rollback',
    'undo the rollout yourself',
  ],
  [
    'pass_env',
    ({ passEnv }) => passEnv.length > 0,
    ({ passEnv }) => `set ${passEnv.join(', ')} there`,
  ],
  ['backoff', () => true, 'failing processes are started again after the pauses of that system'],
  [
    'ready.stay',
    ({ ready }) => ready.stay !== undefined,
    'an instance is ready there as soon as it says so',
  ],
  ['ready.notify', ({ ready }) => ready.kind === 'notify', 'no one listens to sd_notify there'],
  [
    'ready.log',
    ({ ready }) => ready.kind === 'log',
    'no one reads the log there: let it write a file, and use ready.file',
  ],
];

/** What the container decides. */
export const inContainers: readonly LeftOutRule[] = [
  ['log', () => true, 'write to standard output; the container runtime keeps and rotates it'],
  ['umask', ({ umask }) => umask !== 0o022, 'set it in the entry point of the image'],
  ['nice', ({ nice }) => nice !== 0, 'there is none'],
  [
    'start (daemonizes)',
    ({ daemonizes }) => daemonizes !== undefined,
    'the command must stay in the foreground in a container',
  ],
  ['pidfile', ({ daemonizes }) => daemonizes !== undefined, 'there is none'],
  [
    'stop.to: session',
    ({ stop }) => stop.to === 'session',
    'the signal goes to the first process of the container alone',
  ],
  [
    'stop.leftovers',
    ({ stop }) => stop.leftovers !== undefined,
    'what is left in the container is killed with it',
  ],
];

/** Values that must not be in a file that is committed. */
export const secretsIn: LeftOutRule = [
  'env',
  ({ env }) => Object.entries(env).some(([name, value]) => looksSecret(name, value)),
  ({ env }) =>
    `${Object.entries(env)
      .filter(([name, value]) => looksSecret(name, value))
      .map(([name]) => name)
      .join(', ')} looks secret and is in the export as plain text: move it to a secret`,
];

/** Other systems need a limit. */
export const endlessDrain = (longest: (words: string) => string): LeftOutRule => [
  'stop.timeout: never',
  ({ stop }) => stop.timeout === undefined,
  longest('--longest-job'),
];
