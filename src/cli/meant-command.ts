import { lookup } from '../core/basics/lookup.ts';
import { nearest } from '../core/basics/nearest.ts';

/** What other tools call our commands. */
const otherNames: Readonly<Record<string, string>> = {
  up: 'start',
  run: 'start',
  down: 'stop',
  kill: 'stop --now',
  delete: 'stop',
  remove: 'stop',
  rm: 'stop',
  shutdown: 'stop',
  reload: 'restart',
  deploy: 'restart',
  ps: 'status',
  ls: 'status',
  list: 'status',
  top: 'status',
  show: 'status',
  tail: 'logs -f',
  log: 'logs',
  scale: 'want',
  history: 'events',
  journal: 'events',
  validate: 'check',
  lint: 'check',
  monitor: 'watch',
  daemon: 'watch',
};

/** The command that was most likely meant: what another tool's command is called here, or one spelled nearly the same. */
export const meantCommand = (name: string, commands: readonly string[]): string | undefined =>
  lookup(otherNames, name.toLowerCase()) ?? nearest(name, commands);
