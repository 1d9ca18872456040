import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { civilTime, epochMicrosOf } from '../../../../src/domain/time/civil-time.ts';
import {
  hostZone,
  localMoments,
  localOffset,
  localReading,
  offsetOf,
  RUNTIME_ZONE,
  useHostZone,
} from '../../../../src/domain/time/local-time.ts';
import { parsePosixZone } from '../../../../src/domain/time/posix-zone.ts';

const zone = process.env.TZ;
afterEach(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
  useHostZone(() => ({ zone: RUNTIME_ZONE, problem: null }));
});

describe('the zone of the runtime', () => {
  it.each(['UTC', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'])('are the same thing in %s', (name) => {
    process.env.TZ = name;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) => {
        const moment = new Date(seconds * 1000);
        const reading = localReading(moment);
        const offset = localOffset(reading);
        // An hour that the clock shows twice is one of the two.
        const isTwice = offset !== offsetOf(moment);
        if (!isTwice) expect(epochMicrosOf(reading, 0, offset * 60)).toBe(BigInt(seconds) * 1_000_000n);
      }),
    );
  });

  it('knows the zone of this host in summer and in winter, and no negative zero', () => {
    process.env.TZ = 'America/New_York';
    expect(localOffset(civilTime('2026', '11', '21'))).toBe(-300);
    expect(localOffset(civilTime('2026', '07', '10'))).toBe(-240);
    process.env.TZ = 'UTC';
    expect(localOffset(civilTime('2026', '11', '21'))).toBe(0);
    expect(offsetOf(new Date(0))).toBe(0);
  });
});

describe('a zone that was put in force', () => {
  it('is asked for once, and everything local goes by it', () => {
    let asked = 0;
    useHostZone(() => {
      asked += 1;
      return { zone: parsePosixZone('CET-1CEST,M3.5.0,M10.5.0/3') ?? RUNTIME_ZONE, problem: null };
    });
    const moment = new Date('2026-07-10T10:00:00Z');
    expect(offsetOf(moment)).toBe(120);
    expect(localReading(moment)).toEqual(civilTime('2026', '7', '10', '12'));
    expect(localOffset(civilTime('2026', '1', '10', '12'))).toBe(60);
    expect(localMoments(civilTime('2025', '10', '26', '2', '30'))).toHaveLength(2);
    expect(hostZone().problem).toBe(null);
    expect(asked).toBe(1);
  });
});
