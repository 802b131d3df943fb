// What the pages of docs/frameworks have from the table of presets.
import { stringify } from 'yaml';
import { conditionWords } from '../../src/core/presets/condition.ts';
import { provenanceOf, type Preset, type Trap } from '../../src/core/presets/preset.ts';
import { presetNames, presets } from '../../src/core/presets/table.ts';

/** The facts of a preset: Markdown. */
export function presetFacts(preset: Preset): string {
  const { source, keys, drains, lost, leftovers, heartbeat, refusesSession } = preset;
  const facts = [
    `- **Asked to stop:** ${drains}`,
    `- **Killed in a job:** ${lost}`,
    ...(leftovers === undefined ? [] : [`- **To free after that:** ${leftovers}`]),
    `- **Says what it is busy with:** ${withLinks(heartbeat)}`,
    ...(refusesSession === undefined
      ? []
      : [`- **\`stop.to: session\`** is refused: ${refusesSession}.`]),
  ];
  return [
    `This preset was ${provenanceOf(preset)} ([documentation](${source})). It sets:`,
    `\`\`\`yaml\n${stringify(keys, { lineWidth: 0 }).trimEnd()}\n\`\`\``,
    facts.join('\n'),
    'What loses jobs or deceives. `check`, `stop` and `doctor` say it when it applies:',
    preset.traps.map(trapLine).join('\n'),
  ].join('\n\n');
}

function trapLine({ says, if: condition }: Trap): string {
  const words = conditionWords(condition);
  const limit =
    condition.kind === 'cuts_jobs' && condition.seconds !== undefined
      ? `${condition.seconds} s (its default)`
      : 'that long';
  return `- ${words === undefined ? '' : `(${words}) `}${says.replace('VALUE', limit)}`;
}

const withLinks = (text: string): string =>
  text.replace(/`([\w-]+\.(?:rb|py|mjs|php|sh|go))`/g, '[`$1`](../heartbeat/$1)');

/** The table of all presets: Markdown. */
export function presetTable(): string {
  const rows = presetNames.map((name) => {
    const preset: Preset = presets[name];
    const { stop, ready, busy } = preset.keys as Readonly<Record<string, object | undefined>>;
    const code = (value: object | undefined, ...omitted: string[]): string =>
      Object.entries(value ?? {})
        .filter(([key]) => !omitted.includes(key))
        .map(([key, one]) => `\`${key}: ${String(one).replaceAll('|', '\\|')}\``)
        .join(', ');
    const ran = preset.ranWith.length > 0 ? preset.ranWith.join(', ') : '**not run**';
    return `| [\`${name}\`](${name}.md) | ${preset.title} | ${ran} | ${code(stop)} | ${code(ready)} | ${code(busy)} |`;
  });
  return [
    '| preset | for | run with | stop | ready | busy |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
