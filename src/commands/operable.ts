import type { CommandTable } from '../cli/command.ts';

/** The commands that can be run as an operation. */
export const operable = {
  start: async () => (await import('./start.ts')).command,
  stop: async () => (await import('./stop.ts')).command,
  restart: async () => (await import('./restart.ts')).command,
  rollout: async () => (await import('./rollout.ts')).command,
  bootcheck: async () => (await import('./bootcheck.ts')).command,
} satisfies CommandTable;
