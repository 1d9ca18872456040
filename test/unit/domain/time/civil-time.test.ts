import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clockText,
  civilTime,
  compactText,
  dateText,
  daysIn,
  epochMicrosOf,
  epochOf,
  isRealDate,
  isRealTime,
  microsOf,
  offsetText,
  utcReading,
} from '../../../../src/domain/time/civil-time.ts';

describe('a day', () => {
  it.each([
    [2026, 2, 28],
    [2028, 2, 29],
    [1900, 2, 28],
    [2000, 2, 29],
    [2026, 4, 30],
    [2026, 12, 31],
    [2026, 0, 0],
    [2026, 13, 0],
  ])('%i-%i has %i of its kind in the month', (year, month, days) => expect(daysIn(year, month)).toBe(days));

  it.each([
    ['2026-11-21 02:35:40', true],
    ['0001-01-01 00:00:00', true],
    ['0000-01-01 00:00:00', false],
    ['2026-02-29 00:00:00', false],
    ['2026-00-10 00:00:00', false],
    ['2026-10-00 00:00:00', false],
    ['2026-11-21 24:00:00', false],
    ['2026-11-21 23:60:00', false],
    ['2026-11-21 23:59:60', false],
  ])('%s is real: %s', (text, isReal) => expect(isRealTime(civilTime(...text.split(/[- :]/)))).toBe(isReal));

  it('is real by itself', () => {
    expect(isRealDate({ year: 2026, month: 11, day: 30 })).toBe(true);
    expect(isRealDate({ year: 2026, month: 11, day: 31 })).toBe(false);
  });

  it('has no clock when no clock was read', () => {
    expect(civilTime('2026', '11', '21')).toEqual({ year: 2026, month: 11, day: 21, hour: 0, minute: 0, second: 0 });
  });
});

describe('a reading and its moment', () => {
  it.each([
    ['1970-01-01 00:00:00', 0],
    ['1969-12-31 23:59:59', -1000],
    ['2026-11-21 02:35:40', 1_795_228_540_000],
    // Date.UTC would say 1944.
    ['0044-03-15 12:00:00', -60_772_248_000_000],
  ])('%s', (text, epoch) => expect(epochOf(civilTime(...text.split(/[- :]/)))).toBe(epoch));

  it('are the same thing in UTC', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800, max: 250_000_000_000 }), (seconds) => {
        const reading = utcReading(new Date(seconds * 1000));
        expect(epochOf(reading)).toBe(seconds * 1000);
        expect(isRealTime(reading)).toBe(true);
      }),
    );
  });

  it('keeps microseconds and cuts what is finer', () => {
    expect(microsOf('')).toBe(0);
    expect(microsOf('5')).toBe(500_000);
    expect(microsOf('123456789')).toBe(123_456);
    const second = civilTime('1970', '1', '1', '5', '30', '0');
    expect(epochMicrosOf(second, 7, 19_800)).toBe(7n);
    expect(epochMicrosOf(second, 7, -1)).toBe(19_801_000_007n);
  });
});

it('is written with all its zeros', () => {
  const time = civilTime('44', '3', '5', '1', '2', '3');
  expect(dateText(time)).toBe('0044-03-05');
  expect(clockText(time)).toBe('01:02:03');
  expect(compactText(time)).toBe('00440305T010203');
  expect([0, 330, -210, 845].map(offsetText)).toEqual(['+00:00', '+05:30', '-03:30', '+14:05']);
});
