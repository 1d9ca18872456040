/**
 * What a calendar and a clock on the wall show, and the moment that it is: the one place that turns one into the other
 * and writes either as text. A moment is a number here; what keeps the zone and the microseconds is a Timestamp.
 */

export interface CivilDate {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
}

export interface CivilTime extends CivilDate {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** The texts of six numbers, as a regular expression found them; the clock may be missing. */
export function civilTime(year = '', month = '', day = '', hour = '0', minute = '0', second = '0'): CivilTime {
  return {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  };
}

/** Days of a month, 0 for a month that there is not. */
export function daysIn(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

/** False for a 30 February, and for the year 0, which no calendar of Python has. */
export function isRealDate({ year, month, day }: CivilDate): boolean {
  return year >= 1 && day >= 1 && day <= daysIn(year, month);
}

/** False also for a 25 o'clock and for a leap second. */
export function isRealTime(time: CivilTime): boolean {
  return isRealDate(time) && time.hour <= 23 && time.minute <= 59 && time.second <= 59;
}

/** Milliseconds since 1970 of a reading of a clock that shows UTC. */
export function epochOf({ year, month, day, hour, minute, second }: CivilTime): number {
  // Not Date.UTC: to that the year 44 is 1944.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.setUTCHours(hour, minute, second);
}

/** Microseconds since 1970 of a reading of a clock that is `offsetSeconds` ahead of UTC. */
export function epochMicrosOf(time: CivilTime, micros: number, offsetSeconds: number): bigint {
  return BigInt(epochOf(time) - offsetSeconds * 1000) * 1000n + BigInt(micros);
}

/** The digits behind the point of a second as microseconds; what is finer is cut. */
export function microsOf(fraction: string): number {
  return Number(fraction.padEnd(6, '0').slice(0, 6));
}

/** What a clock that shows UTC shows at that moment. */
export function utcReading(moment: Date): CivilTime {
  return {
    year: moment.getUTCFullYear(),
    month: moment.getUTCMonth() + 1,
    day: moment.getUTCDate(),
    hour: moment.getUTCHours(),
    minute: moment.getUTCMinutes(),
    second: moment.getUTCSeconds(),
  };
}

/** `2026-11-21` */
export function dateText({ year, month, day }: CivilDate): string {
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

/** `02:35:40` */
export function clockText({ hour, minute, second }: CivilTime): string {
  return `${two(hour)}:${two(minute)}:${two(second)}`;
}

/** `20261121T023540`: the shape of a backup id. */
export function compactText(time: CivilTime): string {
  return `${dateText(time)}T${clockText(time)}`.replace(/[-:]/g, '');
}

/** `+05:30` for 330. */
export function offsetText(minutes: number): string {
  const absolute = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
