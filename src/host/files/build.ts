/** Replaced by the bundler with an id of the build. */
declare global {
  const BUILD: string;
}

/** The build that runs: what another one has kept may have another form, or another meaning. */
export const build: string = typeof BUILD === 'string' ? BUILD : 'sources';
