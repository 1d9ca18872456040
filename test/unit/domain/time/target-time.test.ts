import { describe, expect, it } from 'vitest';
import { parsePosixZone } from '../../../../src/domain/time/posix-zone.ts';
import { type Clock, parseTargetTime } from '../../../../src/domain/time/target-time.ts';
import { UTC } from '../../../../src/domain/time/zone.ts';

/** A host one hour east of UTC, two from April to September. */
const clock: Clock = {
  today: { year: 2026, month: 11, day: 21 },
  zone: parsePosixZone('CET-1CEST,M4.1.0/0,M10.1.0/0') ?? UTC,
};

/** ISO text with the offset kept, as PostgreSQL would be told. */
function shown(text: string): string {
  const parsed = parseTargetTime(text, clock);
  if (parsed.time === undefined) return `refused: ${parsed.reason}`;
  const { epochMicros, offsetMinutes } = parsed.time;
  const local = new Date(Number(epochMicros / 1000n) + offsetMinutes * 60_000).toISOString().slice(0, 19);
  const micros = String(epochMicros % 1_000_000n).padStart(6, '0');
  const offset = `${offsetMinutes < 0 ? '-' : '+'}${Math.abs(offsetMinutes)}`;
  return `${local}.${micros} ${offset}${parsed.showings === null ? '' : ' assumed'}`;
}

describe('parseTargetTime', () => {
  // Recorded with Barman 3.20.1.
  it.each([
    ['2030-01-02', '2030-01-02T00:00:00.000000 +60 assumed'],
    ['2030-07-02', '2030-07-02T00:00:00.000000 +120 assumed'],
    ['2030-01-02 03:04', '2030-01-02T03:04:00.000000 +60 assumed'],
    ['2030-01-02 03:04:05', '2030-01-02T03:04:05.000000 +60 assumed'],
    ['2030-01-02 03:04:05.678', '2030-01-02T03:04:05.678000 +60 assumed'],
    ['2030-01-02 03:04:05.123456789', '2030-01-02T03:04:05.123456 +60 assumed'],
    ['2030-01-02 10:11:12,345', '2030-01-02T10:11:12.345000 +60 assumed'],
    ['2030-01-02T03:04:05', '2030-01-02T03:04:05.000000 +60 assumed'],
    ['2030-01-02T03:04:05Z', '2030-01-02T03:04:05.000000 +0'],
    ['2030-01-02 03:04:05Z', '2030-01-02T03:04:05.000000 +0'],
    ['2030-01-02 03:04:05 Z', '2030-01-02T03:04:05.000000 +0'],
    ['2030-01-02 00:00:00+05', '2030-01-02T00:00:00.000000 +300'],
    ['2030-01-02 00:00:00+0530', '2030-01-02T00:00:00.000000 +330'],
    ['2030-01-02 00:00:00+05:30', '2030-01-02T00:00:00.000000 +330'],
    ['2030-01-02 00:00:00 +05:30', '2030-01-02T00:00:00.000000 +330'],
    ['2030-01-02 00:00:00-03', '2030-01-02T00:00:00.000000 -180'],
    ['2030-01-02 00:00:00 UTC', '2030-01-02T00:00:00.000000 +0'],
    ['2030-01-02 00:00 UTC', '2030-01-02T00:00:00.000000 +0'],
    ['2030-01-02 00:00:00 GMT', '2030-01-02T00:00:00.000000 +0'],
    ['2030-01-02 00:00:00 CET', '2030-01-02T00:00:00.000000 +60'],
    ['2030-01-02 00:00:00 GMT+3', '2030-01-02T00:00:00.000000 -180'],
    ['2030-01-02 00:00:00 UTC+3', '2030-01-02T00:00:00.000000 -180'],
    ['20300102T030405', '2030-01-02T03:04:05.000000 +60 assumed'],
    ['20300102 030405', '2030-01-02T03:04:05.000000 +60 assumed'],
    ['20300102030405', '2030-01-02T03:04:05.000000 +60 assumed'],
    ['20300102', '2030-01-02T00:00:00.000000 +60 assumed'],
    ['2030/01/02 03:04:05', '2030-01-02T03:04:05.000000 +60 assumed'],
    ['01/02/2030', '2030-01-02T00:00:00.000000 +60 assumed'],
    ['13/02/2030 10:00', '2030-02-13T10:00:00.000000 +60 assumed'],
    ['02.01.2030 10:00', '2030-02-01T10:00:00.000000 +60 assumed'],
    ['Jan 2 2030', '2030-01-02T00:00:00.000000 +60 assumed'],
    ['2 January 2030 10:11:12 PM', '2030-01-02T22:11:12.000000 +60 assumed'],
    ['Wed Jan  2 10:11:12 2030', '2030-01-02T10:11:12.000000 +60 assumed'],
    ['Wed, 02 Jan 2030 10:11:12 +0100', '2030-01-02T10:11:12.000000 +60'],
    ['2030-01-02 10:11:12 PM', '2030-01-02T22:11:12.000000 +60 assumed'],
    ['2030-01-02 10h11m12s', '2030-01-02T10:11:12.000000 +60 assumed'],
    ['10:11', '2026-11-21T10:11:00.000000 +60 assumed'],
    ['10:11:12', '2026-11-21T10:11:12.000000 +60 assumed'],
    [' 2030-01-02 10:11:12 ', '2030-01-02T10:11:12.000000 +60 assumed'],
  ])('reads %j as Barman does', (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  it.each([
    ['2030-01-02 UTC', 'Unknown string format'],
    ['now', 'Unknown string format'],
    ['garbage', 'Unknown string format'],
    ['2030-02-30', 'day is out of range for month'],
    ['2030-01-02 25:00:00', 'hour must be in 0..23'],
    ['2030-01-02 24:00:00', 'hour must be in 0..23'],
    ['2030-01-02 10:60', 'minute must be in 0..59'],
    ['2030-01-02 00:00:00 Europe/Rome', 'Unknown string format'],
    ['2030-W05-3', 'Unknown string format'],
    ['@1700000000', 'Unknown string format'],
  ])('refuses %j in the words of Barman', (text, reason) => {
    expect(shown(text)).toBe(`refused: ${reason}`);
  });

  // Barman 3.20.1 guesses here: today's day, or local time for a zone that it does not know.
  it.each([
    ['', 'String does not contain a date'],
    ['12', 'Unknown string format'],
    ['2030', 'Unknown string format'],
    ['2030-01', 'Unknown string format'],
    ['Saturday', 'Unknown string format'],
    ['01/02/30', 'Unknown string format'],
    ['1700000000', 'Unknown string format'],
    ['2030-13-02', 'month must be in 1..12'],
    ['2030-01-02 00:00:00 EST', "unknown time zone 'EST' (write an offset, e.g. +01:00)"],
    ['2030-01-02 00:00:00+25', "time zone offset '+25' is out of range"],
    ['2030-01-02 13:00 PM', 'Invalid hour specified for 12-hour clock'],
  ])('refuses %j rather than guess', (text, reason) => {
    expect(shown(text)).toBe(`refused: ${reason}`);
  });
});
