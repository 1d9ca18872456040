/**
 * The zone of this host, and what its clock shows: all that is local in this program asks here. The runtime looks for the
 * name of a zone and takes UTC where it finds none; main puts in force what the C library goes by (host/host-zone.ts).
 */
import { type CivilTime, utcReading } from './civil-time.ts';
import { momentsShowing, readingOffset, type Zone, type ZoneOffset } from './zone.ts';

/** What the runtime takes for the zone of this host. */
export const RUNTIME_ZONE: Zone = {
  // `+ 0`: no negative zero, which is another value than zero to whoever compares.
  at: (moment) => ({ seconds: -new Date(moment).getTimezoneOffset() * 60 + 0, name: '' }),
};

export interface HostZone {
  readonly zone: Zone;
  /** Why it is UTC, when the host was given another zone that cannot be read; in words. */
  readonly problem: string | null;
}

let find = (): HostZone => ({ zone: RUNTIME_ZONE, problem: null });
let found: HostZone | undefined;

/** `finder` is asked once, when a local time is wanted. */
export function useHostZone(finder: () => HostZone): void {
  find = finder;
  found = undefined;
}

/** The zone in force. */
export function hostZone(): HostZone {
  return (found ??= find());
}

/** What is in force here at that moment. */
function zoneAt(moment: Date): ZoneOffset {
  return hostZone().zone.at(moment.getTime());
}

/** Minutes that this host is ahead of UTC at that moment. */
export function offsetOf(moment: Date): number {
  return Math.trunc(zoneAt(moment).seconds / 60) + 0;
}

/** What the clock of this host shows at that moment. */
export function localReading(moment: Date): CivilTime {
  return utcReading(new Date(moment.getTime() + zoneAt(moment).seconds * 1000));
}

/** The moments at which the clock of this host shows this: none, one or two. */
export function localMoments(time: CivilTime): readonly number[] {
  return momentsShowing(time, hostZone().zone);
}

/** Minutes that this host is ahead of UTC when its clock shows this. */
export function localOffset(time: CivilTime): number {
  return readingOffset(time, hostZone().zone);
}
