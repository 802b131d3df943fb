import { durationOf, elapsed, type Moment } from '../basics/time.ts';
import type { Status } from './status.ts';

/** The CPU times of processes at an earlier look, by pid and start. */
export interface CpuSample {
  readonly at: Moment;
  readonly times: ReadonlyMap<string, number>;
}

export const cpuSample = ({ at, instances }: Status): CpuSample => ({
  at,
  times: new Map(
    instances.flatMap((one) => (one.ownCpu === undefined ? [] : [[keyOf(one), one.ownCpu]])),
  ),
});

/**
 * The same status with what each process takes now in place of what it has taken since its start: CPU time per second.
 * @param before undefined at the first look: not known yet
 */
export const withCpuNow = (status: Status, before: CpuSample | undefined): Status => ({
  ...status,
  instances: status.instances.map(({ cpu: _cpu, ...one }) => {
    const earlier = before?.times.get(keyOf(one));
    if (before === undefined || earlier === undefined || one.ownCpu === undefined) return one;
    const ms = elapsed(before.at, status.at);
    return ms <= 0 ? one : { ...one, cpu: durationOf((1000 * (one.ownCpu - earlier)) / ms) };
  }),
});

const keyOf = ({ name, pid }: { readonly name: string; readonly pid?: number }): string =>
  `${name} ${pid ?? ''}`;
