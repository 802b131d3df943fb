import type { InstanceState } from '../../core/views/instance-state.ts';
import type { SortKey } from '../../core/views/sort-status.ts';
import type { GlobalOptions } from '../../cli/command.ts';
import { usageError } from '../../cli/options.ts';
import type { ColumnName } from '../../output/status/columns.ts';

/** The forms of `status`. */
export const formats = ['table', 'wide', 'json', 'prometheus', 'nagios'] as const;

export type Format = (typeof formats)[number];

/** How `status` is asked to show what it has found. */
export interface StatusOptions {
  readonly wide: boolean;
  readonly quiet: boolean;
  readonly watch: boolean;
  readonly columns: readonly ColumnName[] | undefined;
  readonly sort: SortKey | undefined;
  readonly state: readonly InstanceState[] | undefined;
  readonly format: Format | undefined;
}

const ofTables = ['wide', 'columns', 'quiet', 'watch'] as const;

/** The options that would change nothing in each format. */
const unused: Readonly<Record<Format, readonly (keyof StatusOptions | 'targets')[]>> = {
  table: [],
  wide: [],
  json: ofTables,
  prometheus: [...ofTables, 'sort', 'state', 'targets'],
  nagios: [...ofTables, 'sort', 'state'],
};

/**
 * An option without effect is a mistake: an alert on some of the instances would never come.
 * @throws WorkerctlError `usage`
 */
export function refuseUnused(
  options: StatusOptions & { readonly targets: readonly string[]; readonly global: GlobalOptions },
): void {
  const { global, format = global.json ? 'json' : 'table', targets } = options;
  const isGiven = (name: keyof StatusOptions | 'targets'): boolean =>
    name === 'targets'
      ? targets.length > 0
      : options[name] !== undefined && options[name] !== false;
  const found = unused[format].find(isGiven);
  if (found === 'targets')
    throw usageError(
      'status',
      `status --format=${format}: expected no targets, found ${targets.join(' ')}`,
    );
  if (found !== undefined)
    throw usageError('status', `status --format=${format}: expected no --${found}`);
  const other = options.watch && (['wide', 'columns', 'quiet', 'format'] as const).find(isGiven);
  if (typeof other === 'string')
    throw usageError('status', `status: expected --watch or --${other}, found both`);
  if (options.quiet && options.columns !== undefined)
    throw usageError('status', 'status: expected -q or --columns, found both');
}
