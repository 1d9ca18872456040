import { describe, expect, it } from 'vitest';
import { formatRetentionPolicy, parseRetentionPolicy } from '../../../../src/domain/backup/retention-policy.ts';

describe('parseRetentionPolicy', () => {
  it.each([
    ['REDUNDANCY 2', 'REDUNDANCY 2'],
    [' redundancy  07 ', 'REDUNDANCY 7'],
    ['recovery window of 1 day', 'RECOVERY WINDOW OF 1 DAYS'],
    ['Recovery  Window Of 4 WEEKS', 'RECOVERY WINDOW OF 4 WEEKS'],
  ])('%j is %j', (text, canonical) => {
    const policy = parseRetentionPolicy(text);
    expect(policy && formatRetentionPolicy(policy)).toBe(canonical);
  });

  it('counts a month as 31 days', () => {
    expect(parseRetentionPolicy('RECOVERY WINDOW OF 2 MONTHS')).toEqual({
      kind: 'recovery-window',
      amount: 2,
      unit: 'MONTHS',
      seconds: 62 * 86_400,
    });
  });

  it.each(['7 DAYS', 'REDUNDANCY', 'REDUNDANCY -1', 'REDUNDANCY 1 x', 'RECOVERY WINDOW OF 1 HOURS', ''])(
    '%j is none',
    (text) => {
      expect(parseRetentionPolicy(text)).toBeNull();
    },
  );
});
