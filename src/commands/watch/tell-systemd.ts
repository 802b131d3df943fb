import type { Event } from '../../core/events/event.ts';
import { notifySystemd } from '../../host/sockets/systemd.ts';

/** Shows in `systemctl status` what keeps the watch from its work, for as long as that lasts. */
export function tellSystemd(event: Event): void {
  if (event.kind === 'watch_impaired') tell(`STATUS=cannot do all of its work: ${event.problem}`);
  if (event.kind === 'watch_recovered') tell('STATUS=');
}

const tell = (state: string): void => {
  notifySystemd(state.replaceAll(/\s+/g, ' ')).catch(() => undefined); // the journal has it, too
};
