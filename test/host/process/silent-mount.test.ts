import { mkdirSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Mount } from '../../../src/core/protocols/mounts.ts';
import { silentMount, slowMountOf } from '../../../src/host/process/silent-mount.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

const mount = (point: string, type: string): Mount => ({ point, type, options: [] });
const local = mount('/', 'ext4');

/** The real `files` is taken for a mount of this type. */
function mountsHere(type = 'nfs4'): { mounts: Mount[]; slow: Mount } {
  mkdirSync(scratch.path('files/app'), { recursive: true });
  const slow = mount(scratch.path('files'), type);
  return { mounts: [local, slow], slow };
}

describe('the mount of a path', () => {
  test.each(['nfs', 'nfs4', 'cifs', 'smb3', 'fuse', 'fuse.sshfs', 'autofs', '9p'])(
    'must be found if it is %s',
    (type) => {
      const { mounts, slow } = mountsHere(type);
      for (const path of ['files', 'files/app', 'files/none/x'])
        expect(slowMountOf(mounts, scratch.path(path)), path).toBe(slow);
      expect(slowMountOf(mounts, scratch.path('filesystem'))).toBeUndefined();
    },
  );

  test.each(['ext4', 'xfs', 'tmpfs', 'overlay', 'vfat'])(
    'must not be found if it is %s',
    (type) => {
      const { mounts } = mountsHere(type);
      expect(slowMountOf(mounts, scratch.path('files/app'))).toBeUndefined();
    },
  );

  test('must be found behind links, of which those on it are not read', () => {
    const { mounts, slow } = mountsHere();
    mkdirSync(scratch.path('a/b'), { recursive: true });
    symlinkSync('../../files/app', scratch.path('a/b/current'));
    symlinkSync(scratch.path('a/b/current'), scratch.path('app'));
    symlinkSync('/', scratch.path('files/out'));
    for (const path of ['app', 'app/x', 'a/b/current', 'files/out'])
      expect(slowMountOf(mounts, scratch.path(path)), path).toBe(slow);
    symlinkSync('loop', scratch.path('loop'));
    expect(slowMountOf(mounts, scratch.path('loop/x'))).toBeUndefined();
  });

  test('must be the one that hides another', () => {
    const { mounts, slow } = mountsHere();
    expect(slowMountOf([...mounts, mount(slow.point, 'ext4')], slow.point)).toBeUndefined();
  });
});

describe('a file system', () => {
  test('that answers must be no problem, whatever it answers', async () => {
    const { mounts, slow } = mountsHere();
    expect(await silentMount(mounts, [`${slow.point}/none`], ['false'])).toBeUndefined();
  });

  test('must not be asked on a host without the program', async () => {
    const { mounts, slow } = mountsHere();
    expect(await silentMount(mounts, [slow.point], ['/no/such/program'])).toBeUndefined();
  });

  test('that does not answer must be named after 5 s, at once the next time, and not once it has answered', async () => {
    const { mounts, slow } = mountsHere();
    const path = `${slow.point}/app`;
    const ask = (): ReturnType<typeof silentMount> =>
      silentMount(mounts, [scratch.folder(), path], ['sh', '-c', 'sleep 7']);
    const timed = async (): Promise<[string | undefined, number]> => {
      const begun = performance.now();
      return [await ask(), performance.now() - begun];
    };
    const [problem, took] = await timed();
    expect(problem).toContain(`${path}: nfs4 at ${slow.point} has not answered for 5 s`);
    expect(took).toBeGreaterThan(4_900);
    const [again, tookAgain] = await timed();
    expect([again, tookAgain < 1_000]).toEqual([problem, true]);
    await expect.poll(ask, { timeout: 30_000, interval: 200 }).toBeUndefined();
  });
});
