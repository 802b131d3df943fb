import { expect, test } from 'vitest';
import { createSystemdReports, type SystemdReports } from '../../../src/host/sockets/systemd.ts';

/** What was sent, in order; each message takes as long as the first one leaves it. */
function reporting(): { sent: string[]; reports: SystemdReports } {
  const sent: string[] = [];
  let delay = 30;
  const notify = async (state: string): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, delay));
    delay = 0;
    sent.push(state);
  };
  return { sent, reports: createSystemdReports(notify) };
}

test('READY=1 must be sent once, and before what follows', async () => {
  const { sent, reports } = reporting();
  reports.ready();
  reports.ready();
  await reports.stopping();
  expect(sent).toEqual(['READY=1', 'STOPPING=1']);
});

test('a reload must be said with its moment and its end, the problem in one line', async () => {
  const { sent, reports } = reporting();
  reports.ready();
  await reports.reloading();
  const now = Number(process.hrtime.bigint() / 1000n);
  await reports.reloaded('expected a list,\nfound 7');
  const [, begin, end] = sent;
  const usec = Number(/^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(begin ?? '')?.[1]);
  expect(now - usec).toBeGreaterThanOrEqual(0);
  expect(now - usec).toBeLessThan(5_000_000);
  expect(end).toBe('READY=1\nSTATUS=expected a list, found 7');
});

test('a reload before the first pass must not say that the service is ready', async () => {
  const { sent, reports } = reporting();
  await reports.reloading();
  await reports.reloaded('');
  expect(sent).toEqual([]);
});
