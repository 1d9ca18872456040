import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  compareTimestamps,
  ctime,
  epochSeconds,
  formatTimestamp,
  parseTimestamp,
  timestampOf,
} from '../../../../src/domain/time/timestamp.ts';

const zone = process.env.TZ;
afterEach(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

describe('parseTimestamp', () => {
  it.each([
    ['2026-11-21 02:35:40.299178+00:00', '2026-11-21 02:35:40.299178+00:00'],
    ['2026-11-21 02:35:40+00:00', '2026-11-21 02:35:40+00:00'],
    ['2026-11-21T02:35:40Z', '2026-11-21 02:35:40+00:00'],
    ['2026-11-21 02:35:40.5 UTC', '2026-11-21 02:35:40.500000+00:00'],
    ['2026-11-21 08:05:40.299178+05:30', '2026-11-21 08:05:40.299178+05:30'],
    ['2026-11-20 23:05:40-0330', '2026-11-20 23:05:40-03:30'],
    ['2026-11-21 02:35:40+02', '2026-11-21 02:35:40+02:00'],
    ['2026-11-21 02:35:40.123456789+00', '2026-11-21 02:35:40.123456+00:00'],
    ['2026-11-21 02:35+00:00', '2026-11-21 02:35:00+00:00'],
    ['Sat Nov 21 02:35:40 2026', '2026-11-21 02:35:40-05:00'],
    ['Tue Nov  3 02:35:40 2026', '2026-11-03 02:35:40-05:00'],
    ['Fri Jul 10 02:35:40 2026', '2026-07-10 02:35:40-04:00'],
    ['2026-11-21 02:35:40.299178', '2026-11-21 02:35:40.299178-05:00'],
    ['2026-07-10', '2026-07-10 00:00:00-04:00'],
  ])('%s', (text, stored) => {
    process.env.TZ = 'America/New_York';
    const time = parseTimestamp(text);
    expect(time && formatTimestamp(time)).toBe(stored);
  });

  it.each([
    '',
    'soon',
    '2026-02-30 00:00:00+00:00',
    '2026-13-01',
    '2026-01-01 24:00:00Z',
    '2026-01-01 00:00:00+24:00',
    '0000-01-01',
    'Sat Foo 21 02:35:40 2026',
  ])('refuses %j', (text) => expect(parseTimestamp(text)).toBeUndefined());

  it('reads back whatever was written, before 1970 too', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -62_000_000_000_000_000n, max: 250_000_000_000_000_000n }),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        (epochMicros, offsetMinutes) => {
          expect(parseTimestamp(formatTimestamp({ epochMicros, offsetMinutes }))).toEqual({
            epochMicros,
            offsetMinutes,
          });
        },
      ),
    );
  });
});

it('shows a time as ctime does, in the stored zone', () => {
  expect(ctime({ epochMicros: 1_793_842_540_299_178n, offsetMinutes: 330 })).toBe('Thu Nov  5 07:05:40 2026');
  expect(ctime({ epochMicros: -1n, offsetMinutes: 0 })).toBe('Wed Dec 31 23:59:59 1969');
});

it('compares moments, not readings', () => {
  const early = { epochMicros: 1n, offsetMinutes: 600 };
  const late = { epochMicros: 2n, offsetMinutes: -600 };
  expect([early, late].toSorted((left, right) => compareTimestamps(right, left))).toEqual([late, early]);
  expect(compareTimestamps(early, { ...early, offsetMinutes: 0 })).toBe(0);
  expect(epochSeconds({ epochMicros: 1_500_000n, offsetMinutes: 60 })).toBe(1.5);
});

it('takes a clock reading in the local zone', () => {
  process.env.TZ = 'Asia/Kolkata';
  expect(timestampOf(new Date(1500))).toEqual({ epochMicros: 1_500_000n, offsetMinutes: 330 });
  process.env.TZ = 'UTC';
  expect(timestampOf(new Date(0))).toEqual({ epochMicros: 0n, offsetMinutes: 0 });
});
