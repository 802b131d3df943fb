const remote =
  /^(?:https?:\/\/|ssh:\/\/)?(?:[^@/]+@)?([a-z0-9.-]+\.[a-z]+)(?::\d+)?[:/](.+?)(?:\.git)?\/?$/i;

/** `repository`, `homepage` and `bugs` of a git remote on the web, without a name or password in it; none of any other. */
export function placesOf(url) {
  const [, host, path] = remote.exec(url) ?? [];
  if (host === undefined) return {};
  const page = `https://${host}/${path}`;
  return {
    repository: { type: 'git', url: `git+${page}.git` },
    homepage: `${page}#readme`,
    bugs: { url: `${page}/issues` },
  };
}
