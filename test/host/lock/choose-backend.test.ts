import * as fs from 'node:fs';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { chooseBackend, describeLockBackend } from '../../../src/host/lock/choose-backend.ts';

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return { ...real, accessSync: vi.fn() };
});

/** Only these programs are installed. */
function hostHas(...programs: string[]): void {
  vi.mocked(fs.accessSync).mockImplementation((path) => {
    if (!programs.includes(String(path))) throw new Error(`ENOENT ${String(path)}`);
  });
}

const nameFor = (env: NodeJS.ProcessEnv): string => chooseBackend(env).name;

function refusal(env: NodeJS.ProcessEnv): WorkerctlError {
  try {
    chooseBackend(env);
  } catch (error) {
    if (error instanceof WorkerctlError) return error;
  }
  throw new Error('expected a WorkerctlError');
}

beforeEach(() => {
  hostHas('/usr/bin/flock', '/usr/bin/perl');
});

describe('without WORKERCTL_LOCK', () => {
  test('flock must be first', () => {
    expect(nameFor({ PATH: '/usr/bin' })).toBe('flock');
  });

  test('an empty value must count as none', () => {
    expect(nameFor({ PATH: '/usr/bin', WORKERCTL_LOCK: '' })).toBe('flock');
  });

  test('perl must be next', () => {
    hostHas('/usr/bin/perl');
    expect(nameFor({ PATH: '/usr/bin' })).toBe('perl');
  });

  test('a host with neither must lock by directories', () => {
    hostHas();
    expect(nameFor({ PATH: '/usr/bin' })).toBe('portable');
  });

  test.each([undefined, '', '/nowhere', '/opt/bin:relative'])(
    'the usual directories must be searched with PATH %s',
    (PATH) => {
      expect(nameFor({ PATH })).toBe('flock');
      hostHas('/bin/perl');
      expect(nameFor({ PATH })).toBe('perl');
    },
  );

  test('directories of PATH must be searched, but not relative ones', () => {
    hostHas('/opt/bin/flock');
    expect(nameFor({ PATH: '/usr/bin:/opt/bin' })).toBe('flock');
    hostHas('bin/flock', 'flock');
    expect(nameFor({ PATH: 'bin:.:' })).toBe('portable');
  });
});

describe('with WORKERCTL_LOCK', () => {
  test.each(['flock', 'perl', 'portable'])('%s must be chosen', (name) => {
    expect(nameFor({ WORKERCTL_LOCK: name })).toBe(name);
  });

  test.each(['flock', 'perl'])('%s must be refused if it is not installed', (name) => {
    hostHas();
    expect(refusal({ WORKERCTL_LOCK: name })).toMatchObject({
      code: 'usage',
      message: `WORKERCTL_LOCK=${name}: expected a program ${name}, found none in PATH`,
    });
  });

  test('any other value must be refused', () => {
    expect(refusal({ WORKERCTL_LOCK: 'Flock' })).toMatchObject({
      code: 'usage',
      message: 'WORKERCTL_LOCK: expected flock, perl or portable, found "Flock"',
    });
  });
});

describe('its description', () => {
  test.each(['flock', 'perl'])('must call %s a kernel lock', (name) => {
    const description = describeLockBackend(chooseBackend({ WORKERCTL_LOCK: name }));
    expect(description.name).toBe(name);
    expect(description.trust).toContain('the kernel frees it when its holder dies');
  });

  test('must say what portable lacks and what to do', () => {
    const description = describeLockBackend(chooseBackend({ WORKERCTL_LOCK: 'portable' }));
    expect(description.name).toBe('portable');
    expect(description.trust).toContain('flock(1) does not see it; install util-linux or perl');
  });
});
