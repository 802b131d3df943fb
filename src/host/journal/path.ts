/** The file that the journal is written to; older files have the same name with `.1`, `.2` and so on. */
export const journalPath = (stateDir: string): string => `${stateDir}/events.ndjson`;
