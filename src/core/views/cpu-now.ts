import { durationOf, elapsed, type Duration, type Moment } from '../basics/time.ts';
import type { InstanceStatus } from './instance-status.ts';
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
  instances: status.instances.map((one) => {
    const now: { -readonly [Key in keyof InstanceStatus]: InstanceStatus[Key] } = { ...one };
    const cpu = perSecond(one, status.at, before);
    if (cpu === undefined) delete now.cpu;
    else now.cpu = cpu;
    return now;
  }),
});

function perSecond(
  one: InstanceStatus,
  at: Moment,
  before: CpuSample | undefined,
): Duration | undefined {
  const earlier = before?.times.get(keyOf(one));
  if (before === undefined || earlier === undefined || one.ownCpu === undefined) return undefined;
  const ms = elapsed(before.at, at);
  return ms <= 0 ? undefined : durationOf((1000 * (one.ownCpu - earlier)) / ms);
}

const keyOf = ({ name, pid }: { readonly name: string; readonly pid?: number }): string =>
  `${name} ${pid ?? ''}`;
