import type { Event } from '../core/events/event.ts';

/**
 * Leaves out of the events of a command, for people, the reasons that it has just printed of the same instance: why its
 * start failed, once more for the pause that follows and for the end of the restart, and how its old process ended.
 */
export function sayingOnce(): (event: Event) => Event {
  const problems = new Map<string, string>();
  const ended = new Map<string, number>();
  return (event) => {
    const { kind, instance } = event;
    if (kind === 'start_failed') problems.set(instance, event.problem);
    if (kind === 'exited') ended.set(instance, event.pid);
    if (kind === 'started') {
      problems.delete(instance);
      if (isAboutPid(event.cause, ended.get(instance))) return { ...event, cause: '' };
    }
    const isKnown =
      (kind === 'backoff' && problems.has(instance)) ||
      (kind === 'rollout_aborted' && problems.get(instance) === event.problem);
    return isKnown ? { ...event, problem: '' } : event;
  };
}

const isAboutPid = (cause: string, pid: number | undefined): boolean =>
  pid !== undefined && cause.startsWith(`pid ${pid} exited`);
