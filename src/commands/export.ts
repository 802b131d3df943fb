import { dirname, join, resolve } from 'node:path';
import { configInForce } from '../cli/config.ts';
import { defineCommand } from '../cli/command.ts';
import { duration, value } from '../cli/options.ts';
import { print, printError } from '../cli/print.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { durationOf } from '../core/basics/time.ts';
import { makeDirectory } from '../host/files/make-directory.ts';
import { writeSystemFile } from '../host/install/system-file.ts';
import { compose } from '../output/export/compose.ts';
import type { Exported, ExportedFile, ExportFormat } from '../output/export/exported.ts';
import { kubernetes } from '../output/export/kubernetes.ts';
import { nomad } from '../output/export/nomad.ts';
import { systemd } from '../output/export/systemd.ts';
import { printed } from '../output/json/answer.ts';
import { exportAnswer } from '../output/json/answers.ts';

/** The systems that the workers can be exported for. */
const formats: Readonly<Record<string, ExportFormat>> = { kubernetes, nomad, systemd, compose };

const names = Object.keys(formats).join('|');

/** Where a worker may drain for as long as it likes here. */
const aDay = durationOf(86_400_000);

const options = {
  out: value('DIR', 'write the files into this directory instead of printing them', (text) => text),
  image: value('IMAGE', 'what containers run (kubernetes, nomad, compose)', (text) => text),
  longestJob: value(
    'DURATION',
    'how long a worker without stop.timeout may drain (default: 24h)',
    duration,
  ),
};

export const command = defineCommand({
  summary: 'Print the workers as files of Kubernetes, Nomad, systemd or Docker Compose.',
  operands: names,
  description: `
For those who move on: the same commands, identifiers, environments, drains and probes, in the words of the
other system. What it cannot do is listed line by line on standard error.

Counts are those in force now. Holds and restarts in progress are not carried over, and nothing is stopped here.`,
  options,
  examples: [
    ['workerctl export kubernetes --image registry.example/app:1 --out k8s'],
    ['workerctl export systemd --out /etc/systemd/system', 'template units, without workerctl'],
  ],
  exitCodes: { done: '', failed: 'a file cannot be written, or is not an earlier export' },
  run: async ({ global, targets, out, image, longestJob = aDay }) => {
    const format = formatOf(targets);
    if (format.needsImage && image === undefined)
      throw new WorkerctlError('usage', `export ${targets.join(' ')}: expected --image IMAGE`);
    const config = await configInForce(global);
    const exported = format.exported(config, { image: image ?? '', longestJob });
    const said = out === undefined ? textOf(exported) : write(exported, format, resolve(out));
    print(global.json ? printed(exportAnswer, exported) : said);
    if (!global.json)
      for (const { worker, key, instead } of exported.leftOut)
        printError(`workerctl: left out: ${worker}: ${key}: ${instead}\n`);
    return exitCodes.done.code;
  },
});

function formatOf(targets: readonly string[]): ExportFormat {
  const [name = 'nothing', ...more] = targets;
  const format = more.length === 0 && Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (format !== undefined) return format;
  throw new WorkerctlError(
    'usage',
    `export: expected ${names}, found ${[name, ...more].join(' ')}`,
  );
}

/** All files as one text. */
function textOf({ files }: Exported): string {
  const [only, ...more] = files;
  if (only === undefined) return '';
  if (more.length === 0) return only.text;
  const isYaml = only.path.endsWith('.yaml');
  return files
    .map(({ path, text }) => (isYaml ? text : `# ${path}\n${text}`))
    .join(isYaml ? '---\n' : '\n');
}

function write({ files }: Exported, { header }: ExportFormat, directory: string): string {
  const otherwise = 'name another directory with --out, or move the file away';
  return files
    .map(({ path, text }: ExportedFile) => {
      const file = join(directory, path);
      makeDirectory(dirname(file));
      return writeSystemFile(file, text, { header, otherwise }) === 'same'
        ? `${file} is up to date\n`
        : `wrote ${file}\n`;
    })
    .join('');
}
