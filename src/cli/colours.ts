import { plain, type Colours } from '../output/plain.ts';
import { mayBeTerminal } from './print.ts';

/** Colours, if standard output is a terminal or they are forced; the library is loaded only then. */
export async function colours(): Promise<Colours> {
  if (!mayBeTerminal() && process.env['FORCE_COLOR'] === undefined) return plain;
  const { coloursFor } = await import('../output/colours.ts');
  return coloursFor(process.env);
}
