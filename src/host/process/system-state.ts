import { existsSync } from 'node:fs';
import type { Ask } from './ask-program.ts';

/** Whether systemd runs this host. Source: sd_booted(3). */
export const hasSystemd = (): boolean => existsSync('/run/systemd/system');

/** Whether systemd is shutting the host down. False if it cannot be asked. Source: systemctl(1), is-system-running. */
export async function isShuttingDown(ask: Ask): Promise<boolean> {
  if (!hasSystemd()) return false;
  const answer = await ask('systemctl', ['is-system-running']);
  return answer.kind === 'said' && answer.text.trim() === 'stopping';
}
