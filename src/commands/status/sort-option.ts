import { sortKeys } from '../../core/views/sort-status.ts';
import { among, expecting, value } from '../../cli/options.ts';

/** `--sort COLUMN` */
export const sortOption = among(
  sortKeys,
  value(
    'COLUMN',
    `what needs attention first, or the newest, busiest or largest: ${sortKeys.join(', ')}`,
    expecting(`one of ${sortKeys.join(', ')}`, (text) => sortKeys.find((one) => one === text)),
  ),
);
