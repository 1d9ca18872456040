import { describe, expect, it } from 'vitest';
import { clockDuration, humanDuration, parseInterval } from '../../../../src/domain/time/duration.ts';

describe('parseInterval', () => {
  it.each([
    ['2 DAYS', 172_800],
    ['1 hour', 3600],
    ['3  weeks', 1_814_400],
    ['1 Month', 2_678_400],
    ['0 days', 0],
    ['2days', undefined],
    ['-1 day', undefined],
    ['1.5 days', undefined],
    ['1 year', undefined],
    ['1 dayss', undefined],
  ])('%j is %j s', (text, seconds) => {
    expect(parseInterval(text)).toBe(seconds);
  });
});

describe('humanDuration', () => {
  it.each([
    [0, 'less than one second'],
    [0.9, 'less than one second'],
    [1, '1 second'],
    [86_400, '1 day'],
    [604_800, '7 days'],
    [93_784, '1 day, 2 hours, 3 minutes, 4 seconds'],
    [3601.7, '1 hour, 1 second'],
    [-7260, '2 hours, 1 minute ago'],
  ])('%d s is %j', (seconds, text) => {
    expect(humanDuration(seconds)).toBe(text);
  });
});

describe('clockDuration', () => {
  it.each([
    [7200, '2:00:00'],
    [86_400, '1 day, 0:00:00'],
    [2_678_400 + 61, '31 days, 0:01:01'],
    [1.5, '0:00:01.500000'],
    [-1, '-1 day, 23:59:59'],
  ])('%d s is %j', (seconds, text) => {
    expect(clockDuration(seconds)).toBe(text);
  });
});
