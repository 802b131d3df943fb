// zsh and fish at a terminal, in which Tab is pressed; bash: test/e2e/completion.test.ts.
import { writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { completedRig, promptOf } from '../rig/completing.ts';
import type { Rig } from '../rig/rig.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

const shells = {
  zsh: {
    command: (rig: Rig) => `env PS1=">> " ZDOTDIR="${rig.folder}" zsh -f -i`,
    setUp: () =>
      'autoload -U compinit; compinit -u -D; unsetopt beep; eval "$(workerctl completion zsh)"',
  },
  'zsh, from a directory of fpath': {
    command: (rig: Rig) => `env PS1=">> " ZDOTDIR="${rig.folder}" zsh -f -i`,
    setUp: (rig: Rig) =>
      `workerctl completion zsh >${rig.folder}/_workerctl; fpath=(${rig.folder} $fpath); autoload -U compinit; compinit -u -D; unsetopt beep`,
  },
  fish: {
    command: (rig: Rig) => `env HOME="${rig.folder}" fish --no-config --private -i`,
    setUp: () =>
      'function fish_prompt; echo -n ">> "; end; function fish_right_prompt; end; set -g fish_autosuggestion_enabled 0; workerctl completion fish | source',
  },
};

for (const [name, { command, setUp }] of Object.entries(shells)) {
  const program = name.replace(/,.*/, '');
  if (!has(program)) console.warn(`SKIPPED: ${program} is not installed (test/real/setup.sh)`);
  describe.runIf(has(program))(name, () => {
    test('must complete at a terminal', async () => {
      const rig = completedRig();
      writeFileSync(rig.path('other.yaml'), 'workers: {else: {command: [sleep, "1"]}}\n');
      const prompt = await promptOf(rig, { command: command(rig), setUp: setUp(rig) });
      await prompt.completes('workerctl jo', 'workerctl jobs');
      await prompt.completes('workerctl stop fsck.', 'workerctl stop fsck.daily');
      await prompt.completes('workerctl stop @sl', 'workerctl stop @slow');
      await prompt.completes('workerctl status --state=back', 'workerctl status --state=backoff');
      await prompt.completes('workerctl stop --unt', 'workerctl stop --until-boot');
      await prompt.completes('workerctl -c other.y', 'workerctl -c other.yaml');
      await prompt.completes(
        'workerctl -c other.yaml stop el',
        'workerctl -c other.yaml stop else',
      );
      await prompt.lists('workerctl stop mail', ['mail.1', 'mail.2']);
      await prompt.lists('workerctl install ', ['cron', 'systemd', 'logrotate']);
      await prompt.end();
    });
  });
}

test('each script must be one that its shell can parse', () => {
  for (const shell of ['bash', 'zsh', 'fish'].filter(has)) {
    const { status, stderr } = spawnSync(shell, ['-n', `dist/workerctl.${shell}`], {
      encoding: 'utf8',
    });
    expect({ shell, status, stderr }).toEqual({ shell, status: 0, stderr: '' });
  }
});
