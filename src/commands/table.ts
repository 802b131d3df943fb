import type { CommandTable } from '../cli/command.ts';
import { operable } from './operable.ts';

/**
 * All commands, in the order of the overview. Each is a file of its own, which is loaded when the command is asked for:
 * status and bootcheck start in a few milliseconds because they load nothing of the others.
 */
export const commands: CommandTable = {
  status: async () => (await import('./status.ts')).command,
  top: async () => (await import('./top.ts')).command,
  start: operable.start,
  stop: operable.stop,
  restart: operable.restart,
  rollout: operable.rollout,
  op: async () => (await import('./op.ts')).command,
  quiet: async () => (await import('./hold-and-quiet.ts')).quiet,
  resume: async () => (await import('./hold-and-quiet.ts')).resume,
  hold: async () => (await import('./hold-and-quiet.ts')).hold,
  unhold: async () => (await import('./hold-and-quiet.ts')).unhold,
  bootcheck: operable.bootcheck,
  adopt: async () => (await import('./adopt.ts')).command,
  want: async () => (await import('./want.ts')).command,
  jobs: async () => (await import('./jobs.ts')).command,
  events: async () => (await import('./events.ts')).command,
  watch: async () => (await import('./watch.ts')).command,
  page: async () => (await import('./page.ts')).command,
  logs: async () => (await import('./logs.ts')).command,
  signal: async () => (await import('./signal.ts')).command,
  exec: async () => (await import('./exec.ts')).command,
  shell: async () => (await import('./shell.ts')).command,
  env: async () => (await import('./env.ts')).command,
  trigger: async () => (await import('./trigger.ts')).command,
  init: async () => (await import('./init.ts')).command,
  check: async () => (await import('./check.ts')).command,
  install: async () => (await import('./install.ts')).command,
  export: async () => (await import('./export.ts')).command,
  doctor: async () => (await import('./doctor.ts')).command,
  completion: async () => (await import('./completion.ts')).command,
  version: async () => (await import('./version.ts')).command,
  demo: async () => (await import('./demo.ts')).command,
  fleet: async () => (await import('./fleet.ts')).command,
  finisher: async () => (await import('./finisher.ts')).command,
  relay: async () => (await import('./relay.ts')).command,
  operation: async () => (await import('./operation.ts')).command,
};
