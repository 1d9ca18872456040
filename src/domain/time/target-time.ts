/**
 * The text of --target-time: ISO 8601 and the looser forms people type, read into a moment with its zone.
 * Source: docs/behaviour/recovery.md 3 and 5. An incomplete or ambiguous date is refused: a recovery that ends at a
 * guessed moment is worse than one that does not start.
 */
import type { Timestamp } from './timestamp.ts';
import { type CivilDate, type CivilTime, daysIn, epochMicrosOf, microsOf } from './civil-time.ts';
import { momentsShowing, namedOffset, readingOffset, type Zone } from './zone.ts';

export interface Clock {
  readonly today: CivilDate;
  /** That of this host. */
  readonly zone: Zone;
}

export interface ReadTime {
  readonly time: Timestamp;
  /** How often clocks of this host show what was typed without a zone: not at all, once or twice; null with a zone. */
  readonly showings: number | null;
}

export type ParsedTime =
  | (ReadTime & { readonly reason?: undefined })
  | { readonly time?: undefined; readonly reason: string };

/** Why a text is no moment. */
class Refused extends Error {}

/** Reads a moment; without a zone it is taken in the zone of this host. Never throws for a bad text. */
export function parseTargetTime(text: string, clock: Clock): ParsedTime {
  try {
    const { dateText, time, zoneText } = splitTime(text.trim().replace(/\s+/g, ' '));
    const date = parseDate(dateText, clock.today);
    const civil: CivilTime = { ...date, hour: time.hour, minute: time.minute, second: time.second };
    checkRanges(civil);
    const zone = parseZone(zoneText, civil, clock.zone);
    const offsetMinutes = zone ?? readingOffset(civil, clock.zone);
    return {
      time: { epochMicros: epochMicrosOf(civil, time.micros, offsetMinutes * 60), offsetMinutes },
      showings: zone === null ? momentsShowing(civil, clock.zone).length : null,
    };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { reason: error.message };
  }
}

const UNKNOWN = 'Unknown string format';

interface TimeOfDay {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
}

interface Split {
  readonly dateText: string;
  readonly time: TimeOfDay;
  readonly zoneText: string;
}

const ZONE = String.raw`(Z|[A-Za-z]{3,5}(?:[+-]\d{1,2}(?::?\d{2})?)?|[+-]\d{1,2}(?::?\d{2})?)?`;
/** `20300102T030405`, `20300102 0304`, `20300102030405`. */
const COMPACT = new RegExp(String.raw`^(\d{8})[T ]?(\d{2})(\d{2})(?:(\d{2})(?:[.,](\d+))?)? ?${ZONE}$`);
/** `03:04`, `03:04:05.678 PM`, `3h04m05s`, before or after a date. */
const CLOCK = new RegExp(
  String.raw`(?:^|[T ])(\d{1,2})(?::(\d{2})(?::(\d{2})(?:[.,](\d+))?)?|h(?: ?(\d{1,2})m(?:in)?(?: ?(\d{1,2})s)?)?)(?: ?([AaPp])\.?[Mm]\.?)? ?${ZONE}(?= |,|$)`,
);
/** `2030-01-02T03Z`, `2030-01-02 3 PM`. */
const HOUR = new RegExp(String.raw`(?:T(\d{2})|(?:^| )(\d{1,2}) ?([AaPp])[Mm]) ?${ZONE}$`);

function splitTime(text: string): Split {
  const compact = COMPACT.exec(text);
  if (compact) {
    const [, dateText = '', hour, minute, second, fraction, zoneText = ''] = compact;
    return { dateText, time: timeOfDay(hour, minute, second, fraction), zoneText };
  }
  const clock = CLOCK.exec(text);
  if (clock) {
    const [whole, hour, minute, second, fraction, hMinute, hSecond, half, zoneText = ''] = clock;
    const time = timeOfDay(hour, minute ?? hMinute, second ?? hSecond, fraction, half);
    return { dateText: text.replace(whole, ' ').trim(), time, zoneText };
  }
  const hour = HOUR.exec(text);
  if (hour) {
    const [whole, isoHour, spoken, half, zoneText = ''] = hour;
    return {
      dateText: text.replace(whole, '').trim(),
      time: timeOfDay(isoHour ?? spoken, '0', undefined, undefined, half),
      zoneText,
    };
  }
  if (text === '') throw new Refused('String does not contain a date');
  return { dateText: text, time: { hour: 0, minute: 0, second: 0, micros: 0 }, zoneText: '' };
}

function timeOfDay(hour = '0', minute = '0', second = '0', fraction = '', half = ''): TimeOfDay {
  let hours = Number(hour);
  if (half !== '') {
    if (hours < 1 || hours > 12) throw new Refused('Invalid hour specified for 12-hour clock');
    hours = (hours % 12) + (half.toLowerCase() === 'p' ? 12 : 0);
  }
  return { hour: hours, minute: Number(minute), second: Number(second), micros: microsOf(fraction) };
}

function parseDate(text: string, today: CivilDate): CivilDate {
  const plain = text.replace(/^,|,$/g, '').trim();
  if (plain === '') return today;
  const iso = /^(\d{4})([-/.]?)(\d{2})\2(\d{2})$/.exec(plain) ?? /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})$/.exec(plain);
  if (iso) return civilDate(iso[1], iso[3], iso[4]);
  const american = /^(\d{1,2})([-/.])(\d{1,2})\2(\d{4})$/.exec(plain);
  // compat 3.20.1: the month comes first unless it cannot be one.
  if (american) {
    const dayFirst = Number(american[1]) > 12;
    return civilDate(american[4], american[dayFirst ? 3 : 1], american[dayFirst ? 1 : 3]);
  }
  return namedDate(plain, today);
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH_WORD =
  /^(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?$/;
const WEEKDAY_WORD = /^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?$/;

/** `2 January 2030`, `Wed Jan 2 2030`, `Jan 2nd, 2030`; without a year it is this one. */
function namedDate(text: string, today: CivilDate): CivilDate {
  const words = text
    .toLowerCase()
    .split(/[ ,-]+/)
    .filter((word) => !WEEKDAY_WORD.test(word) && word !== 'of');
  const month = words.find((word) => MONTH_WORD.test(word));
  const numbers = words
    .filter((word) => word !== month)
    .map((word) => word.replace(/^(\d{1,2})(?:st|nd|rd|th)$/, '$1'));
  const year = numbers.find((word) => /^\d{4}$/.test(word));
  const days = numbers.filter((word) => word !== year);
  const [day] = days;
  if (month === undefined || days.length !== 1 || day === undefined || !/^\d{1,2}$/.test(day))
    throw new Refused(UNKNOWN);
  return civilDate(year ?? String(today.year), String(MONTHS.indexOf(month.slice(0, 3)) + 1), day);
}

function civilDate(year = '', month = '', day = ''): CivilDate {
  return { year: Number(year), month: Number(month), day: Number(day) };
}

function checkRanges({ year, month, day, hour, minute, second }: CivilTime): void {
  if (year < 1) throw new Refused(`year ${year} is out of range`);
  if (month < 1 || month > 12) throw new Refused('month must be in 1..12');
  if (day < 1 || day > daysIn(year, month)) throw new Refused('day is out of range for month');
  if (hour > 23) throw new Refused('hour must be in 0..23');
  if (minute > 59) throw new Refused('minute must be in 0..59');
  if (second > 59) throw new Refused('second must be in 0..59');
}

/** Minutes east of UTC, null when no zone was given. */
function parseZone(text: string, time: CivilTime, zone: Zone): number | null {
  if (text === '') return null;
  const [, name = '', sign, hours = '0', minutes = '0'] =
    /^([A-Za-z]*)(?:([+-])(\d{1,2}):?(\d{2})?)?$/.exec(text) ?? [];
  const isUtc = /^(?:z|utc|gmt)$/i.test(name);
  if (name !== '' && !isUtc) {
    const seconds = sign === undefined ? namedOffset(name, time, zone) : null;
    if (seconds !== null) return Math.trunc(seconds / 60);
    throw new Refused(`unknown time zone '${name}' (write an offset, e.g. +01:00)`);
  }
  if (sign === undefined) return 0;
  if (Number(hours) > 23 || Number(minutes) > 59) throw new Refused(`time zone offset '${text}' is out of range`);
  const offset = Number(hours) * 60 + Number(minutes);
  // compat 3.20.1: `UTC+3` is read the POSIX way, as a clock that is 3 hours behind UTC.
  const east = sign === '+' ? name === '' : name !== '';
  return offset === 0 ? 0 : east ? offset : -offset;
}
