// What a page shows of a host at work: jobs, a restart under way, and a day of which charts can be drawn.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deploy } from './releases.ts';
import { createRig, type Rig } from './rig.ts';
import { until } from './wait.ts';

const partMs = 300_000;
const hourMs = 3_600_000;

/** Twelve instances with jobs; the watch that serves the page is started after it. */
export async function atWork(): Promise<Rig> {
  const rig = createRig();
  deploy(rig, 'a1b2c3d');
  const worker = { command: 'bin/worker', directory: 'current' };
  rig.configure({
    mail: { ...worker, count: 6 },
    search: { ...worker, count: 4 },
    maps: { ...worker, count: 2 },
  });
  await rig.start();
  await until('all to be ready', async () => (await rig.workerctl('status')).exitCode === 0);
  for (const [name, job] of [
    ['mail.2', 'SendNewsletter 212'],
    ['mail.3', 'SendReceipt 88177'],
    ['search.1', 'Reindex products'],
    ['maps.2', 'RenderTiles 14/8513'],
  ] as const) {
    writeFileSync(rig.path(`${name}.job`), `${job}\n`);
    await until(`${name} to be busy`, async () =>
      (await rig.workerctl('status', name, '--json')).stdout.includes(job),
    );
  }
  rememberDay(rig);
  return rig;
}

/** Writes into the ledger what a day would have left there. */
function rememberDay(rig: Rig): void {
  const now = Math.floor(Date.now() / partMs) * partMs;
  const counts = Array.from({ length: 287 }, (_, index) => ({
    at: new Date(now - (287 - index) * partMs).toISOString(),
    wanted: 12,
    ready: index % 90 < 8 ? 9 : 12,
  }));
  const ledger = join(rig.stateDir, 'ledger');
  const path = join(ledger, 'deaths.json');
  const known = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const { schema } = known;
  writeFileSync(join(ledger, 'day.json'), JSON.stringify({ schema, counts }));
  const hours = Array.from({ length: 24 }, (_, index) =>
    index % 7 === 2 ? 6 : index % 5 === 1 ? 2 : 0,
  );
  const unexpected = hours.map((_, index) => (index % 10 === 1 ? 1 : 0));
  const drains = (usual: number): object => ({
    drains_seconds: Array.from({ length: 20 }, (_, index) => usual * (1 + ((index * 7) % 5) / 3)),
    jobs_seconds: [],
  });
  writeFileSync(
    path,
    JSON.stringify({
      ...known,
      restarts: {
        'mail.1': { hour: Math.floor(Date.now() / hourMs), restarts: hours, unexpected },
      },
      times: { mail: drains(42), search: drains(310), maps: drains(4) },
    }),
  );
}
