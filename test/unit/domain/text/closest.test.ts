import { describe, expect, it } from 'vitest';
import { closest } from '../../../../src/domain/text/closest.ts';

describe('closest', () => {
  it.each([
    ['mian', ['main', 'other'], ['main']],
    ['mai', ['main', 'mail'], ['main', 'mail']],
    ['20260101T000001', ['20260101T000000', '20270202T111111'], ['20260101T000000']],
    ['chekc', ['check-backup', 'check'], ['check']],
    ['x', ['y', 'main'], ['y']],
    ['server', ['main'], []],
    ['', ['main'], []],
    ['main', [], []],
  ])('%j among %j: %j', (typed, known, expected) => {
    expect(closest(typed, known)).toEqual(expected);
  });
});
