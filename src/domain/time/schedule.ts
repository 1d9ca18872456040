/**
 * The moments at which a cron expression is due, in a zone whose clocks change. At certain hours: one whose time is left out
 * in spring runs at the first moment behind the gap, one whose time comes twice in autumn runs the first time. At every
 * hour: as time passes, through the gap and in both hours.
 */
import { type CivilDate, utcReading } from './civil-time.ts';
import { changeBetween, momentsShowing, type Zone } from './zone.ts';

export interface Schedule {
  /** In ascending order, as are the others. */
  readonly hours: readonly number[];
  readonly minutes: readonly number[];
  readonly seconds: readonly number[];
  readonly isDay: (date: CivilDate) => boolean;
}

/** Milliseconds. */
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** A 29 February may be eight years away, and fall on the wrong day of the week several times. */
const FURTHEST = 41 * 366;

/** The first moment after `after`, both in milliseconds since 1970; null when there is none. */
export function nextMoment(schedule: Schedule, after: number, zone: Zone): number | null {
  return schedule.hours.length === 24 ? asTimePasses(schedule, after, zone) : byTheClock(schedule, after, zone);
}

function byTheClock(schedule: Schedule, after: number, zone: Zone): number | null {
  let reading: number | null = after + offsetAt(after, zone);
  for (;;) {
    reading = nextReading(schedule, reading);
    if (reading === null) return null;
    const [first] = momentsShowing(utcReading(new Date(reading)), zone);
    const moment = first ?? changeBetween(reading - DAY, reading + DAY, zone);
    // In the second of two hours it has run already.
    if (moment > after) return moment;
  }
}

function asTimePasses(schedule: Schedule, after: number, zone: Zone): number | null {
  let from = after;
  let shown = after + offsetAt(after, zone);
  for (;;) {
    const reading = nextReading(schedule, shown);
    if (reading === null) return null;
    const offset = offsetAt(from, zone);
    const moment = reading - offset;
    if (offsetAt(moment, zone) === offset) return moment;
    from = changeBetween(from, moment, zone);
    shown = from + offsetAt(from, zone) - 1;
  }
}

function offsetAt(moment: number, zone: Zone): number {
  return zone.at(moment).seconds * 1000;
}

/** Readings as the moments at which a clock of UTC shows them. */
function nextReading({ hours, minutes, seconds, isDay }: Schedule, after: number): number | null {
  const today = Math.floor(after / DAY) * DAY;
  for (let day = today; day <= today + FURTHEST * DAY; day += DAY) {
    if (!isDay(utcReading(new Date(day)))) continue;
    for (const hour of hours) {
      if (day + (hour + 1) * HOUR <= after) continue;
      for (const minute of minutes) {
        for (const second of seconds) {
          const reading = day + hour * HOUR + minute * 60_000 + second * 1000;
          if (reading > after) return reading;
        }
      }
    }
  }
  return null;
}
