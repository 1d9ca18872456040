import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseZoneFile } from '../../../../src/domain/time/zone-file.ts';
import { zoneFile, type ZoneFileTexts } from '../../../support/zone-file.ts';

const MOSCOW: ZoneFileTexts = {
  types: [
    { seconds: 9017, name: 'LMT' },
    { seconds: 14_400, name: 'MSD', isSummer: true },
    { seconds: 10_800, name: 'MSK' },
    { seconds: 14_400, name: 'MSK' },
  ],
  changes: [
    [-2_840_149_817, 2],
    [1_269_730_800, 1],
    [1_288_479_600, 2],
    [1_301_180_400, 3],
    [1_414_274_400, 2],
  ],
  rule: 'MSK-3',
};

function at(texts: ZoneFileTexts, moment: string): string {
  const { seconds, name } = parseZoneFile(zoneFile(texts))?.at(Date.parse(moment)) ?? { seconds: 0, name: 'no zone' };
  return `${seconds} ${name}`;
}

describe('a zone file', () => {
  it.each([
    ['1850-01-01T00:00:00Z', '9017 LMT'],
    ['2009-01-01T00:00:00Z', '10800 MSK'],
    ['2010-07-01T00:00:00Z', '14400 MSD'],
    ['2013-07-01T00:00:00Z', '14400 MSK'],
    ['2014-10-25T21:59:59Z', '14400 MSK'],
    ['2014-10-25T22:00:00Z', '10800 MSK'],
    ['2026-07-01T00:00:00Z', '10800 MSK'],
  ])('says what was in force at %s', (moment, offset) => expect(at(MOSCOW, moment)).toBe(offset));

  it('goes by its rule behind the last change, and by that change without one', () => {
    const types = [
      { seconds: 3600, name: 'CET' },
      { seconds: 7200, name: 'CEST', isSummer: true },
    ];
    const changes = [[828_234_000, 1] as const, [846_378_000, 0] as const];
    expect(at({ types, changes, rule: 'CET-1CEST,M3.5.0,M10.5.0/3' }, '2026-07-01T00:00:00Z')).toBe('7200 CEST');
    expect(at({ types, changes }, '2026-07-01T00:00:00Z')).toBe('3600 CET');
    expect(at({ types, rule: 'CET-1CEST,M3.5.0,M10.5.0/3' }, '2026-07-01T00:00:00Z')).toBe('7200 CEST');
    expect(at({ types, changes, version: 1 }, '1996-07-01T00:00:00Z')).toBe('7200 CEST');
  });

  it('is not believed when it is cut, or something else', () => {
    const whole = zoneFile(MOSCOW);
    for (let length = 0; length < whole.length - '\nMSK-3\n'.length; length += 1)
      expect(parseZoneFile(whole.subarray(0, length))).toBe(undefined);
    expect(parseZoneFile(Buffer.from('not a zone file, but long enough to have had a header of its own'))).toBe(
      undefined,
    );
  });

  it('never ends in an exception', () => {
    const whole = zoneFile(MOSCOW);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), { maxLength: 6 }),
        (changes) => {
          const bytes = Buffer.from(whole);
          for (const [place, value] of changes) bytes[place] = value;
          parseZoneFile(bytes)?.at(0);
        },
      ),
    );
  });
});
