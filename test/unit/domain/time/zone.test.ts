import { describe, expect, it } from 'vitest';
import { civilTime } from '../../../../src/domain/time/civil-time.ts';
import { parsePosixZone } from '../../../../src/domain/time/posix-zone.ts';
import {
  changeBetween,
  momentsShowing,
  namedOffset,
  readingOffset,
  UTC,
  type Zone,
} from '../../../../src/domain/time/zone.ts';

const zoneOf = (rule: string): Zone => parsePosixZone(rule) ?? UTC;
const BERLIN = zoneOf('CET-1CEST,M3.5.0,M10.5.0/3');
const reading = (text: string) => civilTime(...text.split(/[- :]/));

describe('moments that show a reading', () => {
  it.each([
    ['2025-10-26 01:59:59', ['2025-10-25T23:59:59.000Z']],
    ['2025-10-26 02:30:00', ['2025-10-26T00:30:00.000Z', '2025-10-26T01:30:00.000Z']],
    ['2025-10-26 03:00:00', ['2025-10-26T02:00:00.000Z']],
    ['2025-03-30 02:30:00', []],
    ['2025-03-30 03:00:00', ['2025-03-30T01:00:00.000Z']],
  ])('%s', (text, moments) => {
    expect(momentsShowing(reading(text), BERLIN).map((moment) => new Date(moment).toISOString())).toEqual(moments);
  });

  // Recorded with Barman 3.20.1.
  it.each([
    ['2025-10-26 02:30:00', 120],
    ['2025-03-30 02:30:00', 120],
    ['2025-03-30 01:30:00', 60],
  ])('count %s as %i minutes ahead', (text, minutes) => expect(readingOffset(reading(text), BERLIN)).toBe(minutes));
});

describe('a name behind a reading', () => {
  it.each([
    // The hour that comes twice: the name tells which one.
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2025-10-26 02:30:00', 'CEST', 120],
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2025-10-26 02:30:00', 'CET', 60],
    ['EST5EDT,M3.2.0,M11.1.0', '2025-11-02 01:30:00', 'EST', -300],
    ['EST5EDT,M3.2.0,M11.1.0', '2025-11-02 01:30:00', 'EDT', -240],
    ['AEST-10AEDT,M10.1.0,M4.1.0/3', '2026-04-05 02:30:00', 'AEST', 600],
    ['AEST-10AEDT,M10.1.0,M4.1.0/3', '2026-04-05 02:30:00', 'AEDT', 660],
    // A name that is not in force on that day means what it means.
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2025-07-01 12:00:00', 'CET', 60],
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2025-01-01 12:00:00', 'cest', 120],
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2025-03-30 02:30:00', 'CET', 60],
    ['GMT0BST,M3.5.0/1,M10.5.0', '2025-07-01 12:00:00', 'GMT', 0],
    ['MSK-3', '2025-07-01 12:00:00', 'MSK', 180],
    ['IST-5:30', '2025-07-01 12:00:00', 'IST', 330],
    ['JST-9', '2025-07-01 12:00:00', 'JST', 540],
  ])('%s: %s %s', (rule, text, name, minutes) => {
    expect(namedOffset(name, reading(text), zoneOf(rule))).toBe(minutes * 60);
  });

  it('is nothing where the zone does not use it', () => {
    expect(namedOffset('EST', reading('2025-07-01 12:00:00'), BERLIN)).toBe(null);
  });

  it('is what it was at that time', () => {
    const change = Date.parse('2014-10-25T22:00:00Z');
    const moscow: Zone = { at: (moment) => ({ seconds: moment < change ? 14_400 : 10_800, name: 'MSK' }) };
    expect(namedOffset('MSK', reading('2013-03-30 02:30:00'), moscow)).toBe(14_400);
    expect(namedOffset('MSK', reading('2025-03-30 02:30:00'), moscow)).toBe(10_800);
  });
});

it('finds when the clock changes', () => {
  const day = 86_400_000;
  const noon = Date.parse('2025-10-26T12:00:00Z');
  expect(new Date(changeBetween(noon - day, noon, BERLIN)).toISOString()).toBe('2025-10-26T01:00:00.000Z');
});
