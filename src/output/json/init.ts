import { countOf } from '../../core/views/finding.ts';
import { placeText, type InitReport, type PlacedNote } from '../init.ts';
import { answer } from './answer.ts';
import { doctorFinding, findingsOf } from './doctor.ts';
import { flag, integer, list, orNull, shape, text, texts } from './shape.ts';

type Worker = InitReport['workers'][number];

const worker = shape<Worker>('A worker.', {
  worker: text('Its name in the config.', 'name'),
  from: text('Where it was found: FILE:LINE.', ({ at }) => placeText(at)),
  why: text('Why it was taken for a worker.', 'why'),
});

const note = shape<PlacedNote>('What was not carried over.', {
  file: text('The file, from the directory.', 'file'),
  line: orNull(integer('Its line, counted from 1.', 'line')),
  problem: text('What was left out, and why.', 'words'),
});

export const initAnswer = answer<InitReport>('A configuration was written, which is valid.', {
  path: text('The file.', 'path'),
  found: texts('The files by which workers were found; none: it holds an example.', 'found'),
  private: flag('Only its owner can read it: it has values that look secret.', 'isSecret'),
  workers: list(worker)('The workers.', 'workers'),
  left_out: list(note)('What was not carried over.', 'leftOut'),
  warnings: texts('What check warns of: FILE:LINE:COLUMN: KEY: words.', 'warnings'),
  problems: integer('How many problems doctor has found.', ({ reports }) =>
    countOf(reports, 'problem'),
  ),
  findings: list(doctorFinding)('What doctor has found.', ({ reports }) => findingsOf(reports)),
});
