import type { Status } from '../../core/views/status.ts';
import type { GlobalOptions } from '../../cli/command.ts';
import { print } from '../../cli/print.ts';
import { printed } from '../../output/json/answer.ts';
import { statusAnswer } from '../../output/json/status.ts';

/** @param only the instance that was named as such: its unit and its latest events are added */
export async function printStatusJson(
  found: Status,
  global: GlobalOptions,
  only: string | undefined,
): Promise<void> {
  if (only === undefined) {
    print(printed(statusAnswer, found));
    return;
  }
  const { eventsOf, withUnits } = await import('./instance.ts');
  const events = await eventsOf(global, only);
  print(printed(statusAnswer, { ...withUnits(found), events }));
}
