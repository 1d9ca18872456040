/** The clock and zone of this host, as reading a --target-time needs them. */
import { localOffset, localReading } from '../domain/time/civil-time.ts';
import type { Clock } from '../domain/time/target-time.ts';

/** English spellings differ in which abbreviations they know: CET is British, EST American, AEST Australian. */
const LOCALES = ['en-US', 'en-GB', 'en-AU', 'en-CA'];

export function localClock(now: Date): Clock {
  return {
    today: localReading(now),
    zone: { offsetMinutes: localOffset, names: zoneNames(now) },
  };
}

/** Standard and summer name; offsets such as GMT+1, which Intl gives where it knows no name, are none. */
function zoneNames(now: Date): readonly string[] {
  const seasons = [new Date(now.getFullYear(), 0, 1), new Date(now.getFullYear(), 6, 1)];
  const names = LOCALES.flatMap((locale) => {
    const format = new Intl.DateTimeFormat(locale, { timeZoneName: 'short' });
    return seasons.map((date) => format.formatToParts(date).find((part) => part.type === 'timeZoneName')?.value ?? '');
  });
  return [...new Set(names)].filter((name) => /^[A-Za-z]{3,5}$/.test(name));
}
