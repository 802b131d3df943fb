/** Which code a process runs, or would run if it were started now. */
export interface Code {
  /** The release, if it is known. */
  readonly release?: string;
  /** Of what the config says about the start of the worker: the same for all its instances. */
  readonly commandDigest: string;
}

export const isSameCode = (a: Code, b: Code): boolean =>
  a.release === b.release && a.commandDigest === b.commandDigest;

/** Only that of something which has more to it, such as a record. */
export const codeOf = ({ release, commandDigest }: Code): Code => ({
  ...(release !== undefined && { release }),
  commandDigest,
});
