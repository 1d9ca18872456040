/** The clock and zone of this host, as reading a --target-time needs them. */
import { hostZone, localReading } from '../domain/time/local-time.ts';
import type { Clock } from '../domain/time/target-time.ts';

export function localClock(now: Date): Clock {
  return { today: localReading(now), zone: hostZone().zone };
}
