import { describe, expect, it } from 'vitest';
import { parsePosixZone } from '../../../../src/domain/time/posix-zone.ts';
import { nextMoment, type Schedule } from '../../../../src/domain/time/schedule.ts';
import { UTC } from '../../../../src/domain/time/zone.ts';

const BERLIN = 'CET-1CEST,M3.5.0,M10.5.0/3';
const all = (count: number) => Array.from({ length: count }, (_, number) => number);
const EVERY = { hours: all(24), minutes: all(60), seconds: [0], isDay: () => true };
const at = (hour: number, minute: number, isDay: Schedule['isDay'] = () => true): Schedule => ({
  hours: [hour],
  minutes: [minute],
  seconds: [0],
  isDay,
});

/** The next moments after that one. */
function next(schedule: Schedule, after: string, count: number, rule = BERLIN): string[] {
  const zone = parsePosixZone(rule) ?? UTC;
  const moments: string[] = [];
  let moment: number | null = Date.parse(after);
  while (moments.length < count) {
    moment = nextMoment(schedule, moment, zone);
    if (moment === null) break;
    moments.push(new Date(moment).toISOString().replace(':00.000Z', 'Z'));
  }
  return moments;
}

describe('at a certain hour', () => {
  it('runs once a day', () => {
    expect(next(at(2, 30), '2026-01-01T00:00:00Z', 2)).toEqual(['2026-01-01T01:30Z', '2026-01-02T01:30Z']);
  });

  it('runs behind the gap where its time is left out', () => {
    expect(next(at(2, 30), '2026-03-28T12:00:00Z', 2)).toEqual(['2026-03-29T01:00Z', '2026-03-30T00:30Z']);
    const sunday = at(2, 0, ({ year, month, day }) => new Date(Date.UTC(year, month - 1, day)).getUTCDay() === 0);
    expect(next(sunday, '2026-03-28T12:00:00Z', 2)).toEqual(['2026-03-29T01:00Z', '2026-04-05T00:00Z']);
  });

  it('runs once for all that is left out', () => {
    const quarters = { ...at(2, 0), hours: [2, 3], minutes: [0, 15, 30, 45] };
    expect(next(quarters, '2026-03-29T00:59:00Z', 3)).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-29T01:15Z',
      '2026-03-29T01:30Z',
    ]);
  });

  it('runs once in the hour that comes twice', () => {
    expect(next(at(2, 30), '2026-10-24T12:00:00Z', 2)).toEqual(['2026-10-25T00:30Z', '2026-10-26T01:30Z']);
    expect(next(at(2, 30), '2026-10-25T01:10:00Z', 1)).toEqual(['2026-10-26T01:30Z']);
  });

  it('runs at midnight where there is none', () => {
    expect(next(at(0, 0), '2026-04-23T12:00:00Z', 2, 'EET-2EEST,M4.5.5/0,M10.5.4/24')).toEqual([
      '2026-04-23T22:00Z',
      '2026-04-24T21:00Z',
    ]);
  });

  it('never runs on a day that does not come', () => {
    expect(
      next(
        at(2, 30, () => false),
        '2026-01-01T00:00:00Z',
        1,
      ),
    ).toEqual([]);
    const leapDay = at(0, 0, ({ month, day }) => month === 2 && day === 29);
    expect(next(leapDay, '2096-03-01T00:00:00Z', 1, 'UTC0')).toEqual(['2104-02-29T00:00Z']);
  });
});

describe('at every hour', () => {
  it('runs every minute, also in the hour that comes twice', () => {
    const moments = next(EVERY, '2026-10-24T23:58:30Z', 240);
    const steps = moments
      .slice(1)
      .map(
        (moment, place) =>
          Date.parse(moment.replace('Z', ':00Z')) - Date.parse((moments[place] ?? '').replace('Z', ':00Z')),
      );
    expect(new Set(steps)).toEqual(new Set([60_000]));
  });

  it('runs every minute through the gap', () => {
    expect(next(EVERY, '2026-03-29T00:58:30Z', 3)).toEqual([
      '2026-03-29T00:59Z',
      '2026-03-29T01:00Z',
      '2026-03-29T01:01Z',
    ]);
  });

  it('runs at every half hour of the day of the change', () => {
    const halves = { ...EVERY, minutes: [30] };
    expect(next(halves, '2026-10-24T23:00:00Z', 4)).toEqual([
      '2026-10-24T23:30Z',
      '2026-10-25T00:30Z',
      '2026-10-25T01:30Z',
      '2026-10-25T02:30Z',
    ]);
  });
});
