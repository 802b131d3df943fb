import { bootcheckCall } from '../../core/protocols/crontab.ts';
import { realPathOrSelf } from '../../host/files/real-path.ts';
import { propertiesIn } from '../../host/process/ask-program.ts';
import { hasSystemd } from '../../host/process/system-state.ts';
import type { Examination } from './examination.ts';

/** The active timers of systemd, the system's and this user's, that run `bootcheck` for this config. */
export async function bootcheckTimers(examination: Examination): Promise<string[]> {
  if (!hasSystemd()) return [];
  const found = await Promise.all([timersOf(examination, []), timersOf(examination, ['--user'])]);
  return found.flat();
}

async function timersOf({ ask, config }: Examination, scope: readonly string[]): Promise<string[]> {
  const show = async (properties: readonly string[], names: readonly string[]) => {
    const options = properties.flatMap((name) => ['-p', name]);
    const answer = await ask('systemctl', [...scope, 'show', ...options, '--', ...names]);
    if (answer.kind !== 'said') return [];
    return answer.text.split(/\n{2,}/).map((text) => propertiesIn({ ...answer, text }));
  };
  const list = ['list-units', '--type=timer', '--state=active', '--plain', '--no-legend'];
  const listed = await ask('systemctl', [...scope, ...list]);
  if (listed.kind !== 'said' || listed.status !== 0) return [];
  const timers = listed.text.split('\n').flatMap((line) => /^\S+\.timer/.exec(line) ?? []);
  if (timers.length === 0) return [];
  const triggers = await show(['Id', 'Unit'], timers);
  const services = await show(
    ['Id', 'ExecStart'],
    triggers.map(({ Unit = '' }) => Unit),
  );
  const ours = new Set(
    services.flatMap(({ Id = '', ExecStart = '' }) =>
      isBootcheck(ExecStart, config.path) ? [Id] : [],
    ),
  );
  return triggers.flatMap(({ Id = '', Unit = '' }) => (ours.has(Unit) ? [Id] : []));
}

/** Of `{ path=/usr/bin/node ; argv[]=/usr/bin/node … bootcheck --config FILE ; … }`. */
function isBootcheck(execStart: string, config: string): boolean {
  const [, command = ''] = / argv\[\]=(.*?) ; /.exec(execStart) ?? [];
  if (!/ bootcheck(?: |$)/.test(command)) return false;
  const { config: named = '' } = bootcheckCall(command) ?? {};
  // systemctl shows the words without quotes: a path with spaces is no longer one word.
  return command.includes(config) || realPathOrSelf(named) === realPathOrSelf(config);
}
