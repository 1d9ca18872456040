/**
 * The rule of a zone as TZ and the end of a zone file have it: `CET-1CEST,M3.5.0,M10.5.0/3`. Offsets count west of UTC.
 * Source: POSIX.1-2017 8.3 "TZ", RFC 8536 3.3.1; read as glibc reads it.
 */
import { daysIn, epochOf } from './civil-time.ts';
import type { Zone, ZoneOffset } from './zone.ts';

const NAME = String.raw`([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)`;
const CLOCK = String.raw`([+-]?\d{1,3}(?::\d{1,2}(?::\d{1,2})?)?)`;
const DATE = String.raw`,(M\d{1,2}\.\d\.\d|J?\d{1,3})(?:/${CLOCK})?`;
const ZONE = new RegExp(`^${NAME}${CLOCK}(?:${NAME}${CLOCK}?(?:${DATE}${DATE}|,)?)?$`);

/** What glibc takes for a zone that has summer time and does not say when: the rule of the United States. */
const DEFAULT_START = 'M3.2.0';
const DEFAULT_END = 'M11.1.0';
/** When the clocks change, unless it is said. */
const DEFAULT_TIME = '2';

/** Seconds since the first moment of a year, as the clocks that change show them. */
type Rule = (year: number) => number;

/** undefined for a text that is no rule. */
export function parsePosixZone(text: string): Zone | undefined {
  const [whole, name = '', offset = '', summerName, summerOffset, start, startTime, end, endTime] =
    ZONE.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const standard: ZoneOffset = { seconds: -secondsOf(offset) + 0, name: bare(name) };
  if (Math.abs(standard.seconds) > 86_400) return undefined;
  if (summerName === undefined) return { at: () => standard };
  const seconds = summerOffset === undefined ? standard.seconds + 3600 : -secondsOf(summerOffset) + 0;
  const summer: ZoneOffset = { seconds, name: bare(summerName) };
  const begins = ruleOf(start ?? DEFAULT_START, startTime);
  const ends = ruleOf(end ?? DEFAULT_END, endTime);
  if (begins === undefined || ends === undefined) return undefined;
  return {
    at: (moment) => {
      const year = new Date(moment).getUTCFullYear();
      const inYear = Math.floor((moment - firstMoment(year)) / 1000);
      const from = begins(year) - standard.seconds;
      const to = ends(year) - summer.seconds;
      const isSummer = from <= to ? inYear >= from && inYear < to : inYear >= from || inYear < to;
      return isSummer ? summer : standard;
    },
  };
}

function bare(name: string): string {
  return name.replace(/^<|>$/g, '');
}

function secondsOf(clock: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = clock.replace(/^[+-]/, '').split(':').map(Number);
  const total = hours * 3600 + minutes * 60 + seconds;
  return clock.startsWith('-') ? -total : total;
}

function firstMoment(year: number): number {
  return epochOf({ year, month: 1, day: 1, hour: 0, minute: 0, second: 0 });
}

/** undefined for a date that there is not. */
function ruleOf(date: string, clock = DEFAULT_TIME): Rule | undefined {
  const time = secondsOf(clock);
  const day = dayOf(date);
  return day && ((year) => day(year) * 86_400 + time);
}

/** Days since the first of January. */
function dayOf(date: string): Rule | undefined {
  const [, month, week, weekday] = /^M(\d+)\.(\d)\.(\d)$/.exec(date)?.map(Number) ?? [];
  if (month !== undefined && week !== undefined && weekday !== undefined) {
    if (month < 1 || month > 12 || week < 1 || week > 5 || weekday > 6) return undefined;
    return (year) => weekdayOf(year, month, week, weekday);
  }
  const number = Number(date.replace('J', ''));
  if (number > 365) return undefined;
  if (!date.startsWith('J')) return () => number;
  // 29 February is not counted.
  return number < 1 ? undefined : (year) => (number >= 60 && daysIn(year, 2) === 29 ? number : number - 1);
}

/** The fifth one is the last of the month. */
function weekdayOf(year: number, month: number, week: number, weekday: number): number {
  const first = new Date(epochOf({ year, month, day: 1, hour: 0, minute: 0, second: 0 }));
  let day = 1 + ((weekday - first.getUTCDay() + 7) % 7) + (week - 1) * 7;
  while (day > daysIn(year, month)) day -= 7;
  return (first.getTime() - firstMoment(year)) / 86_400_000 + day - 1;
}
