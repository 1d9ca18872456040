/**
 * Moments with the zone PostgreSQL reported. Stored as `2026-11-21 02:35:40.299178+00:00`, read more leniently, shown in
 * the stored zone. Source: docs/behaviour/catalog.md 3.
 */
import {
  type CivilTime,
  civilTime,
  clockText,
  dateText,
  epochMicrosOf,
  isRealTime,
  microsOf,
  offsetText,
  utcReading,
} from './civil-time.ts';
import { localOffset, offsetOf } from './local-time.ts';

/**
 * A moment with the offset PostgreSQL reported, microseconds kept: Barman shows times in the stored offset.
 * `epochMicros` is microseconds since 1970 UTC, `offsetMinutes` the zone east of UTC.
 */
export interface Timestamp {
  readonly epochMicros: bigint;
  readonly offsetMinutes: number;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;

const ZONE = String.raw`(Z|UTC|GMT|[+-]\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d+)?)?)?)?`;
const ISO = new RegExp(
  String.raw`^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)? ?${ZONE}$`,
  'i',
);
/** `Sat Nov 21 02:35:40 2026`, the fraction and the zone optional. */
const CTIME = new RegExp(
  String.raw`^(?:[A-Za-z]{3,9},? )?([A-Za-z]{3,9}) +(\d{1,2}) (\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))? (?:${ZONE} )?(\d{4})$`,
  'i',
);

/** Reads a stored time; without a zone it is local time. undefined when the text is no moment. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const trimmed = text.trim();
  const iso = ISO.exec(trimmed);
  if (iso) {
    const [, year, month, day, hour, minute, second, fraction = '', zone] = iso;
    return moment(civilTime(year, month, day, hour, minute, second), fraction, zone);
  }
  const [, name = '', day, hour, minute, second, fraction = '', zone, year] = CTIME.exec(trimmed) ?? [];
  const month = MONTHS.findIndex((word) => name.toLowerCase().startsWith(word.toLowerCase())) + 1;
  if (month === 0) return undefined;
  return moment(civilTime(year, String(month), day, hour, minute, second), fraction, zone);
}

function moment(time: CivilTime, fraction: string, zone: string | undefined): Timestamp | undefined {
  if (!isRealTime(time)) return undefined;
  const offsetSeconds = zone === undefined ? localOffset(time) * 60 : parseZone(zone);
  if (Math.abs(offsetSeconds) >= 86_400) return undefined;
  const epochMicros = epochMicrosOf(time, microsOf(fraction), offsetSeconds);
  // `+ 0`: no negative zero, which is another value than zero to whoever compares.
  return { epochMicros, offsetMinutes: Math.trunc(offsetSeconds / 60) + 0 };
}

/** Seconds east of UTC. */
function parseZone(zone: string): number {
  const [, sign, hours, minutes = '0', seconds = '0'] = /^([+-])(\d{2}):?(\d{2})?:?(\d{2})?/.exec(zone) ?? [];
  if (sign === undefined) return 0;
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return sign === '-' && offset !== 0 ? -offset : offset;
}

/** `2026-11-21 02:35:40.299178+00:00` in the stored zone; no fraction when it is zero. */
export function formatTimestamp(time: Timestamp): string {
  const { reading, micros } = inZone(time);
  const fraction = micros === 0 ? '' : `.${String(micros).padStart(6, '0')}`;
  return `${dateText(reading)} ${clockText(reading)}${fraction}${offsetText(time.offsetMinutes)}`;
}

/** `2026-11-21T02:35:40.299178+00:00` in the stored zone. */
export function isoTimestamp(time: Timestamp): string {
  return formatTimestamp(time).replace(' ', 'T');
}

/** `Sat Nov 21 02:35:40 2026` in the stored zone: how Barman shows times. */
export function ctime(time: Timestamp): string {
  const { date, reading } = inZone(time);
  const day = String(reading.day).padStart(2, ' ');
  return `${WEEKDAYS[date.getUTCDay()]} ${MONTHS[reading.month - 1]} ${day} ${clockText(reading)} ${reading.year}`;
}

/** `Sat Nov 21 2026 02:35:40 GMT+0100` in the stored zone: where the offset matters. */
export function zonedText(time: Timestamp): string {
  const { date, reading } = inZone(time);
  const day = `${WEEKDAYS[date.getUTCDay()]} ${MONTHS[reading.month - 1]} ${String(reading.day).padStart(2, '0')}`;
  return `${day} ${reading.year} ${clockText(reading)} GMT${offsetText(time.offsetMinutes).replace(':', '')}`;
}

/** Seconds since 1970 UTC, with fraction. */
export function epochSeconds(time: Timestamp): number {
  return Number(time.epochMicros) / 1e6;
}

/** Negative when `left` is earlier, whatever the zones. */
export function compareTimestamps(left: Timestamp, right: Timestamp): number {
  return left.epochMicros < right.epochMicros ? -1 : left.epochMicros > right.epochMicros ? 1 : 0;
}

/** A clock reading, in the local zone unless an offset (minutes east of UTC) is given. */
export function timestampOf(date: Date, offsetMinutes: number = offsetOf(date)): Timestamp {
  return { epochMicros: BigInt(date.getTime()) * 1000n, offsetMinutes };
}

function inZone({ epochMicros, offsetMinutes }: Timestamp): { date: Date; reading: CivilTime; micros: number } {
  // BigInt division cuts towards zero: a moment before 1970 needs the floor.
  const micros = Number(((epochMicros % 1_000_000n) + 1_000_000n) % 1_000_000n);
  const seconds = (epochMicros - BigInt(micros)) / 1_000_000n;
  const date = new Date(Number(seconds) * 1000 + offsetMinutes * 60_000);
  return { date, reading: utcReading(date), micros };
}
