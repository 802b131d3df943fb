/** A lock that is held, until it is released or the process ends. */
export interface HeldLock {
  /** The open file that the lock lies on: handed to a child, the child holds it too. None where locks are no kernel locks. */
  readonly fd: number | undefined;
  /** Aborts when the lock was lost to somebody else; never for kernel locks. */
  readonly compromised: AbortSignal;
  /** Gives it up. A child that was handed the lock goes on holding it. */
  readonly release: () => Promise<void>;
}

/** A way to get exclusive locks on files. */
export interface LockBackend {
  readonly name: 'flock' | 'perl' | 'portable';
  /** Whether these are flock(2) locks: freed by the kernel, inherited through an fd, shared with flock(1). */
  readonly isKernelLock: boolean;
  /**
   * Takes the lock on each of these files without waiting, making the files where they are missing.
   * @returns for each path its lock, or undefined where somebody else holds it
   * @throws the error of a lock that could not even be tried
   */
  readonly tryLock: (paths: readonly string[]) => Promise<readonly (HeldLock | undefined)[]>;
}
