import { expecting } from '../../cli/options.ts';
import type { Batch } from '../../core/model/config.ts';

/** `2` or `25%`; at least 1. */
export const batch = expecting('a number from 1 on, or 1% to 100%', (text): Batch | undefined => {
  const match = /^([1-9]\d{0,5})(%?)$/.exec(text);
  const number = Number(match?.[1]);
  if (match?.[2] === '%' && number <= 100) return { kind: 'percent', percent: number };
  return match?.[2] === '' ? { kind: 'count', count: number } : undefined;
});
