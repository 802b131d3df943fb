/**
 * The version of all JSON that workerctl prints: answers, streams and the journal. It is raised when a member is removed
 * or renamed, or changes its type or meaning. New members, event kinds and states do not raise it.
 */
export const schemaVersion = 2;
