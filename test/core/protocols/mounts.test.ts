import { expect, test } from 'vitest';
import {
  fileSystemKind,
  mayAnyHang,
  mayHang,
  mountAt,
  parseMounts,
} from '../../../src/core/protocols/mounts.ts';

const text = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid - proc proc rw,hidepid=2
30 22 0:40 / /srv/my\\040app rw - nfs4 host:/x rw,vers=4.2
31 30 0:41 / /srv/my\\040app rw - tmpfs tmpfs rw
junk
`;

test('the mount of a path must be the one with the longest mount point above it; of two, the later one', () => {
  const mounts = parseMounts(text);
  expect(mountAt(mounts, '/srv/my app/state')?.type).toBe('tmpfs');
  expect(mountAt(mounts, '/srv/my application')?.type).toBe('ext4');
  expect(mountAt(mounts, '/')?.type).toBe('ext4');
  expect(mountAt(mounts, '/proc')?.options).toContain('hidepid=2');
  expect(mountAt([], '/')).toBeUndefined();
});

test.each([
  ['nfs', 'network'],
  ['nfs4', 'network'],
  ['fuse.sshfs', 'network'],
  ['cifs', 'network'],
  ['vfat', 'foreign'],
  ['fuseblk', 'foreign'],
  ['tmpfs', 'memory'],
  ['ext4', 'local'],
  ['overlay', 'local'],
])('%s must be %s', (type, nature) => {
  expect(fileSystemKind(type)).toBe(nature);
});

test.each([
  ['nfs4', true],
  ['cifs', true],
  ['autofs', true],
  ['fuse', true],
  ['fuse.sshfs', true],
  ['fuse.mine', true],
  ['fuseblk', true],
  ['fusectl', false],
  ['ext4', false],
  ['nfsd', false],
  ['tmpfs', false],
])('a mount of type %s must be known as one that may hang, or not: %s', (type, expected) => {
  const text = `21 1 254:0 / / rw - ext4 /dev/vda rw\n35 21 0:31 / /srv/x rw shared:1 - ${type} host:/x rw\n`;
  expect(mayHang(type)).toBe(expected);
  expect(mayAnyHang(text)).toBe(expected);
});
