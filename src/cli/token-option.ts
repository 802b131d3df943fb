import { value } from './options.ts';

/** Of `page` and of `watch`. */
export const tokenOption = value(
  'FILE',
  'clients must know the token in this file (mode 600); needed for addresses that others reach',
  (text) => text,
);
