/**
 * Moments with the zone PostgreSQL reported. Stored as `2026-11-21 02:35:40.299178+00:00`, read more leniently, shown in
 * the stored zone. Source: docs/behaviour/catalog.md 3.
 */
import type { Timestamp } from '../backup/backup-info.ts';

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

interface Civil {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** Reads a stored time; without a zone it is local time. undefined when the text is no moment. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const trimmed = text.trim();
  const iso = ISO.exec(trimmed);
  if (iso) {
    const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = iso;
    return moment(civil(year, month, day, hour, minute, second), fraction, zone);
  }
  const [, name = '', day, hour, minute, second, fraction = '', zone, year] = CTIME.exec(trimmed) ?? [];
  const month = MONTHS.findIndex((word) => name.toLowerCase().startsWith(word.toLowerCase())) + 1;
  if (month === 0) return undefined;
  return moment(civil(year, String(month), day, hour, minute, second), fraction, zone);
}

function civil(year = '', month = '', day = '', hour = '', minute = '', second = ''): Civil {
  const [y, mo, d, h, mi, s] = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { year: y, month: mo, day: d, hour: h, minute: mi, second: s };
}

function moment(time: Civil, fraction: string, zone: string | undefined): Timestamp | undefined {
  const wall = wallClock(time);
  if (wall === undefined) return undefined;
  const offsetSeconds = zone === undefined ? localOffset(time) * 60 : parseZone(zone);
  if (Math.abs(offsetSeconds) >= 86_400) return undefined;
  const micros = BigInt(fraction.padEnd(6, '0').slice(0, 6));
  const epochMicros = BigInt(wall.getTime() - offsetSeconds * 1000) * 1000n + micros;
  // `+ 0`: no negative zero, which is another value than zero to whoever compares.
  return { epochMicros, offsetMinutes: Math.trunc(offsetSeconds / 60) + 0 };
}

/** The reading as if it were UTC; undefined when there is no such day or hour. */
function wallClock({ year, month, day, hour, minute, second }: Civil): Date | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const isReal =
    year >= 1 &&
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return isReal ? date : undefined;
}

function localOffset({ year, month, day, hour, minute, second }: Civil): number {
  const date = new Date(2000, 0, 1);
  date.setFullYear(year, month - 1, day);
  date.setHours(hour, minute, second);
  return -date.getTimezoneOffset();
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
  const { date, micros } = inZone(time);
  const fraction = micros === 0 ? '' : `.${String(micros).padStart(6, '0')}`;
  const year = String(date.getUTCFullYear()).padStart(4, '0');
  const day = `${year}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  return `${day} ${clock(date)}${fraction}${formatOffset(time.offsetMinutes)}`;
}

/** `2026-11-21T02:35:40.299178+00:00` in the stored zone. */
export function isoTimestamp(time: Timestamp): string {
  return formatTimestamp(time).replace(' ', 'T');
}

/** `Sat Nov 21 02:35:40 2026` in the stored zone: how Barman shows times. */
export function ctime(time: Timestamp): string {
  const { date } = inZone(time);
  const day = String(date.getUTCDate()).padStart(2, ' ');
  return `${WEEKDAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${day} ${clock(date)} ${date.getUTCFullYear()}`;
}

/** `+05:30` for 330. */
function formatOffset(minutes: number): string {
  const absolute = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`;
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
export function timestampOf(date: Date, offsetMinutes: number = -date.getTimezoneOffset()): Timestamp {
  // Zones west of UTC by nothing are not negative zero.
  return { epochMicros: BigInt(date.getTime()) * 1000n, offsetMinutes: offsetMinutes + 0 };
}

function inZone({ epochMicros, offsetMinutes }: Timestamp): { date: Date; micros: number } {
  // BigInt division cuts towards zero: a moment before 1970 needs the floor.
  const micros = Number(((epochMicros % 1_000_000n) + 1_000_000n) % 1_000_000n);
  const seconds = (epochMicros - BigInt(micros)) / 1_000_000n;
  return { date: new Date(Number(seconds) * 1000 + offsetMinutes * 60_000), micros };
}

function clock(date: Date): string {
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
