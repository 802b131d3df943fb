import type { Config } from '../../core/model/config.ts';
import type { DayCounts } from '../../core/model/history.ts';
import { withCounts } from '../../core/rules/scaling.ts';
import type { Status } from '../../core/views/status.ts';
import type { ReleaseReader } from '../../engine/observe/release-reader.ts';
import { seenDesired } from '../../host/state/desired-file.ts';
import { status } from '../../engine/observe/status.ts';

/** What the page shows, as it is at the moment of a request. */
export interface Place {
  readonly config: Config;
  readonly hostName: string;
  readonly releases: ReleaseReader;
}

/** Who serves the page. */
export interface PageHost {
  readonly place: () => Promise<Place>;
  /** What keeps it from its work, in words; undefined if nothing does. */
  readonly problem: () => string | undefined;
  /** How many were wanted and ready in the last day, if it knows more than the file. */
  readonly day?: () => readonly DayCounts[];
  /** The metrics, as text for Prometheus. */
  readonly metrics: () => Promise<string>;
}

export const inForce = ({ config }: Place): Config =>
  withCounts(config, seenDesired(config.stateDir).desired);

/** What `workerctl status` finds now. */
export const statusAt = (place: Place, targets: readonly string[] = []): Promise<Status> =>
  status(
    { config: inForce(place), hostName: place.hostName, ignoresPidfiles: true },
    { targets, releases: place.releases },
  );
