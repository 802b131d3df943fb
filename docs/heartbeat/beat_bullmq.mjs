// BullMQ says its jobs: const worker = follow(new Worker('jobs', counted(async (job) => { ... }), options));
import { begin, end, start } from './beat.mjs';

const keys = new WeakMap(); // by job

/** A job is over when Redis knows it, which `follow` sees; but not each job comes to an event, such as one that is delayed again. */
const graceMs = 2000;

/** A processor whose jobs are counted. In a sandboxed processor, export this one. */
export const counted =
  (processor) =>
  async (job, ...others) => {
    const key = begin(`${job.name} ${job.id}`);
    keys.set(job, key);
    try {
      return await processor(job, ...others);
    } finally {
      setTimeout(end, graceMs, key).unref();
    }
  };

/** Says that the worker is idle, and later that its jobs have ended. */
export function follow(worker) {
  start();
  const isOver = (job) => end(keys.get(job));
  return worker.on('completed', isOver).on('failed', isOver);
}
