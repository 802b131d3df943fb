/** What is mounted somewhere. */
export interface Mount {
  readonly point: string;
  /** `ext4`, `nfs4`, `fuse.sshfs`. */
  readonly type: string;
  /** Those of the mount and those of the file system: `rw`, `hidepid=2`. */
  readonly options: readonly string[];
}

/** The mounts in `/proc/PID/mountinfo`, in its order. Source: proc_pid_mountinfo(5). */
export const parseMounts = (text: string): Mount[] =>
  text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , point, options = ''] = before.split(' ');
    const [type, , more = ''] = after.split(' ');
    if (point === undefined || type === undefined || type === '') return [];
    const all = [...options.split(','), ...more.split(',')];
    return [{ point: unescaped(point), type, options: all }];
  });

/** The mount that an absolute path without symbolic links lies on; of two at one place, the later one hides the other. */
export function mountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    const { point } = mount;
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`);
    if (isAbove && point.length >= (best?.point.length ?? 0)) best = mount;
  }
  return best;
}

/** A space is written `\040` there. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));

const networkTypes =
  /^(?:nfs\d?|cifs|smb\w*|ceph|lustre|gpfs|glusterfs|afs|9p|virtiofs|fuse\.(?:sshfs|glusterfs|s3fs|rclone|ceph.*))$/;
const foreignTypes = /^(?:vfat|msdos|exfat|ntfs\d?|fuseblk|hfs\w*|iso9660)$/;

/** What a file system is, as far as that matters for a state directory. */
export function natureOf(type: string): 'network' | 'foreign' | 'memory' | 'local' {
  if (networkTypes.test(type)) return 'network';
  if (foreignTypes.test(type)) return 'foreign';
  return type === 'tmpfs' || type === 'ramfs' ? 'memory' : 'local';
}
