/** What parts an instance from the start of an old process of it that is leaving while the new one runs already. */
const mark = '~';

/** The name under which an old process of an instance is kept while it leaves: `delayed_job.1~2298f067`. */
export const retiringName = (instance: string, runId: string): string =>
  `${instance}${mark}${runId}`;

/** Whether this is the name of an old process that is leaving. */
export const isRetiring = (name: string): boolean => name.includes(mark);

/** The instance that a name is of, whether its process is leaving or not. */
export function instanceOf(name: string): string {
  const at = name.indexOf(mark);
  return at === -1 ? name : name.slice(0, at);
}

/** The start that the name of a leaving process ends with. */
export const runIdOfRetiring = (name: string): string => name.slice(instanceOf(name).length + 1);

/** The name as people read it: `delayed_job.1 (leaving)`. */
export const shownName = (name: string): string =>
  isRetiring(name) ? `${instanceOf(name)} (leaving)` : name;
