import { describe, expect, it } from 'vitest';
import { majorOfNumber, majorVersion } from '../../../src/postgres/client-programs.ts';

describe('majorVersion', () => {
  it.each([
    ['15.18', 15],
    ['9.6.24', 9.6],
    ['16beta1', 16],
    ['10', 10],
  ])('%s is %d', (text, expected) => {
    expect(majorVersion(text)).toBe(expected);
  });

  it('is on one scale with server_version_num', () => {
    expect([90_624, 100_001, 150_018].map(majorOfNumber)).toEqual([9.6, 10, 15]);
  });
});
