// Enqueues a job for each line `name seconds`, and prints its name when it is in the queue.
import { createInterface } from 'node:readline';
import { Queue } from 'bullmq';

const queue = new Queue('jobs', { connection: { path: process.env.REDIS } });
for await (const line of createInterface({ input: process.stdin })) {
  const [name, seconds] = line.split(' ');
  await queue.add('work', { name, seconds: Number(seconds) });
  console.log(name);
}
await queue.close();
