import { except } from '../core/model/targets.ts';
import { instanceStates } from '../core/views/instance-state.ts';
import { wordsAmong } from './choices.ts';
import { among, value } from './options.ts';

/** The states that can be asked for: the others are not shown. */
export const shownStates = instanceStates.filter((state) => state !== 'gone');

/** A comma in braces does not separate targets: `mail.{1,2},web`. */
const exceptions = (text: string): readonly string[] => text.split(/,(?![^{]*\})/);

/** What commands that take targets have besides: added to the options of each by `defineCommand`. */
export const targetOptions = {
  state: among(
    shownStates,
    value(
      'STATE,...',
      'only instances in one of these states, such as backoff',
      wordsAmong('states', shownStates),
    ),
  ),
  except: value('TARGET,...', 'not these', exceptions),
};

/**
 * The targets with their braces expanded, and the exceptions among them.
 * @throws WorkerctlError `usage` if braces stand for too many
 */
export async function chosenTargets(
  named: readonly string[],
  excepted: readonly string[] = [],
): Promise<readonly string[]> {
  const targets = [...named, ...excepted.map(except)];
  if (!targets.some((target) => target.includes('{'))) return targets;
  const { expandBraces } = await import('./braces.ts');
  return targets.flatMap(expandBraces);
}
