/** Paths that were asked about and whose file system has not answered yet: what cannot wait for it leaves them alone. */
export const silentPaths = new Set<string>();
