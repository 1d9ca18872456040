import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RUNTIME_ZONE, useHostZone } from '../../../src/domain/time/local-time.ts';
import { parsePosixZone } from '../../../src/domain/time/posix-zone.ts';
import type { Schedule } from '../../../src/domain/time/schedule.ts';
import { everyMinute, readSchedule, setAlarm } from '../../../src/maintenance/timetable.ts';

beforeEach(() => {
  vi.useFakeTimers();
  const zone = parsePosixZone('CET-1CEST,M3.5.0,M10.5.0/3') ?? RUNTIME_ZONE;
  useHostZone(() => ({ zone, problem: null }));
});
afterEach(() => {
  vi.useRealTimers();
  useHostZone(() => ({ zone: RUNTIME_ZONE, problem: null }));
});

function schedule(expression: string): Schedule {
  const read = readSchedule(expression);
  if ('reason' in read) throw new Error(read.reason);
  return read;
}

const shown = (moment: number | null) => (moment === null ? null : new Date(moment).toISOString());

describe('readSchedule', () => {
  it('says what is wrong', () => {
    expect(readSchedule('99 * * * *')).toEqual({ reason: expect.stringMatching(/^minute: /) });
  });

  it.each([
    ['0 2 * * 0', ['2026-11-01', '2026-11-08']],
    ['0 2 L * *', ['2026-11-30', '2026-12-31']],
    ['0 2 * 12 1-5', ['2026-12-01', '2026-12-02']],
  ])('%s', (expression, days) => {
    const { isDay } = schedule(expression);
    const all = Array.from({ length: 61 }, (_, place) => new Date(Date.UTC(2026, 10, 1 + place)));
    const chosen = all.filter((day) =>
      isDay({ year: day.getUTCFullYear(), month: day.getUTCMonth() + 1, day: day.getUTCDate() }),
    );
    expect(chosen.slice(0, 2).map((day) => day.toISOString().slice(0, 10))).toEqual(days);
  });
});

describe('an alarm', () => {
  it('rings when it is due, and at the next moment of the night that leaves its time out', async () => {
    vi.setSystemTime(new Date('2026-03-28T01:29:00Z'));
    const rung: string[] = [];
    const alarm = setAlarm(schedule('30 2 * * *'), () => rung.push(new Date().toISOString()));
    await vi.advanceTimersByTimeAsync(24 * 3_600_000);
    expect(rung).toEqual(['2026-03-28T01:30:00.000Z', '2026-03-29T01:00:00.000Z']);
    expect(shown(alarm.due())).toBe('2026-03-30T00:30:00.000Z');
    alarm.stop();
  });

  it('makes up once for what fell into a sleep', async () => {
    vi.setSystemTime(new Date('2026-11-20T12:00:00Z'));
    let rung = 0;
    const alarm = setAlarm(schedule('30 2 * * *'), () => (rung += 1));
    vi.setSystemTime(new Date('2026-11-23T12:00:00Z'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(rung).toBe(1);
    expect(shown(alarm.due())).toBe('2026-11-24T01:30:00.000Z');
    alarm.stop();
  });

  it('repeats nothing when the clock is set back a little, and goes by it when it is set back far', async () => {
    vi.setSystemTime(new Date('2026-11-20T01:29:59Z'));
    let rung = 0;
    const alarm = setAlarm(schedule('30 2 * * *'), () => (rung += 1));
    await vi.advanceTimersByTimeAsync(2000);
    vi.setSystemTime(new Date('2026-11-20T01:25:00Z'));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(rung).toBe(1);
    vi.setSystemTime(new Date('2026-11-10T01:25:00Z'));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(rung).toBe(2);
    alarm.stop();
  });

  it('never rings for a day that does not come', () => {
    expect(setAlarm({ ...schedule('0 0 * * *'), isDay: () => false }, () => {}).due()).toBe(null);
  });
});

it('every minute is every minute of the time that passes', async () => {
  vi.setSystemTime(new Date('2026-10-24T23:59:30Z'));
  let runs = 0;
  const minutes = everyMinute(() => (runs += 1));
  await vi.advanceTimersByTimeAsync(3 * 3_600_000);
  expect(runs).toBe(180);
  vi.setSystemTime(new Date('2026-10-20T00:00:30Z'));
  await vi.advanceTimersByTimeAsync(3 * 60_000);
  expect(runs).toBe(183);
  minutes.stop();
});
