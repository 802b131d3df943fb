import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { counted, follow } from './beat_bullmq.mjs';

const note = (what, name) => {
  appendFileSync(process.env.JOURNAL, `${what} ${name} ${process.pid} ${Date.now()}\n`);
};

const worker = new Worker(
  'jobs',
  counted(async ({ data: { name, seconds } }) => {
    note('begin', name);
    await sleep(seconds * 1000);
    note('end', name);
  }),
  {
    connection: { path: process.env.REDIS, maxRetriesPerRequest: null },
    concurrency: Number(process.env.CONCURRENCY ?? 1),
    lockDuration: 4000,
    stalledInterval: 2000,
  },
);
process.once('SIGTERM', async () => {
  await worker.close();
  process.exit(0);
});
process.on('SIGUSR2', () => void worker.pause());
process.on('SIGCONT', () => worker.resume());
worker.on('error', console.error);
follow(worker);
worker.once('ready', () => console.log('ready'));
