/** A time zone: what its clocks show at a moment, and which moments they show a reading at. */
import { type CivilTime, epochOf } from './civil-time.ts';

/** What is in force in a zone at a moment. */
export interface ZoneOffset {
  /** Seconds ahead of UTC. */
  readonly seconds: number;
  /** `CET`, `CEST`, `+03`; '' where it has no name. */
  readonly name: string;
}

export interface Zone {
  /** `moment` is milliseconds since 1970. */
  readonly at: (moment: number) => ZoneOffset;
}

export const UTC: Zone = { at: () => ({ seconds: 0, name: 'UTC' }) };

/** Milliseconds. */
const DAY = 86_400_000;

/**
 * The moments (milliseconds since 1970) at which the clocks of a zone show this, in their order: none in the hour that is
 * left out in spring, two in the one that comes twice in autumn.
 */
export function momentsShowing(time: CivilTime, zone: Zone): readonly number[] {
  const reading = epochOf(time);
  const offsets = [-DAY, DAY].map((away) => zone.at(reading + away).seconds);
  return [...new Set(offsets)]
    .map((seconds) => reading - seconds * 1000)
    .filter((moment) => moment + zone.at(moment).seconds * 1000 === reading)
    .sort((left, right) => left - right);
}

/**
 * Minutes ahead of UTC when the clocks of a zone show this. compat 3.20.1: of an hour that comes twice it is the first one,
 * and a reading that is left out counts as one of the offset behind the gap.
 */
export function readingOffset(time: CivilTime, zone: Zone): number {
  const [first] = momentsShowing(time, zone);
  const { seconds } = zone.at(first ?? epochOf(time) + DAY);
  return Math.trunc(seconds / 60) + 0;
}

/** Between these, milliseconds, no zone changes twice: what it calls itself in that time is found by asking so often. */
const STEP = 14 * DAY;
const YEAR = 366 * DAY;

/**
 * Seconds ahead of UTC of a reading with the name of a zone behind it; null for a name that the zone does not use within a
 * year of it. Of an hour that comes twice the name says which one is meant; a name that is not in force then stands for the
 * offset that it has when it is, as PostgreSQL takes it.
 */
export function namedOffset(name: string, time: CivilTime, zone: Zone): number | null {
  const wanted = name.toUpperCase();
  const isMeant = (moment: number) => zone.at(moment).name.toUpperCase() === wanted;
  const reading = epochOf(time);
  const shown = momentsShowing(time, zone).find(isMeant);
  if (shown !== undefined) return zone.at(shown).seconds;
  for (let away = 0; away <= YEAR; away += STEP) {
    const moment = [reading - away, reading + away].find(isMeant);
    if (moment !== undefined) return zone.at(moment).seconds;
  }
  return null;
}

/** The first moment, milliseconds since 1970, from which another offset is in force; one lies between `from` and `to`. */
export function changeBetween(from: number, to: number, zone: Zone): number {
  const { seconds } = zone.at(from);
  let before = from;
  let after = to;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (zone.at(middle).seconds === seconds) before = middle;
    else after = middle;
  }
  return after;
}
