import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BackupInfo, isCopyDone } from '../../../../src/domain/backup/backup-info.ts';
import { walCompressionRatio, walRate, type WalUsage, walUsageMeter } from '../../../../src/domain/wal/wal-usage.ts';
import type { WalRecord } from '../../../../src/domain/wal/xlogdb.ts';
import { backupOfDay, idOfDay, spanning } from '../../../support/backup-infos.ts';
import { segment } from '../../../support/catalog-home.ts';

function line(name: string, size = 100, time = 0): WalRecord {
  return { name, size, time, compression: null, encryption: null };
}

function measure(backups: readonly BackupInfo[], lines: readonly WalRecord[], wanted?: ReadonlySet<string>) {
  const meter = walUsageMeter(backups, wanted);
  let visited = 0;
  for (const record of lines) {
    visited += 1;
    if (!meter.visit(record)) break;
  }
  return { usages: meter.finish(), visited };
}

/** The definition, one backup at a time: what the meter must agree with. */
function byDefinition(backups: readonly BackupInfo[], lines: readonly WalRecord[]): Map<string, WalUsage> {
  const copied = backups.filter(isCopyDone);
  return new Map(
    copied.map((info, index) => {
      const { beginWal, endWal } = info as { beginWal: string; endWal: string };
      const limit = copied[index + 1]?.endWal ?? null;
      const required = { count: 0, bytes: 0 };
      const untilNext = { count: 0, bytes: 0 };
      let firstTime: number | null = null;
      let last: WalUsage['last'] = null;
      for (const { name, size, time } of lines) {
        if (name.length !== 24 || name < beginWal || name.slice(0, 8) > beginWal.slice(0, 8)) continue;
        if (limit !== null && name > limit) break;
        const amount = name <= endWal ? required : untilNext;
        amount.count += 1;
        amount.bytes += size;
        if (name === beginWal) firstTime = time;
        last = { name, time };
      }
      return [info.backupId, { required, untilNext, firstTime, last }];
    }),
  );
}

describe('walUsageMeter', () => {
  const two = [backupOfDay(1, spanning(segment(2), segment(3))), backupOfDay(2, spanning(segment(6), segment(6)))];

  it('tells what makes a backup consistent from what follows until the next one ends', () => {
    const lines = [1, 2, 3, 4, 5, 6, 7].map((number) => line(segment(number), number, number * 10));
    const { usages } = measure(two, lines);
    expect(usages.get(idOfDay(1))).toEqual({
      required: { count: 2, bytes: 5 },
      untilNext: { count: 3, bytes: 15 },
      firstTime: 20,
      last: { name: segment(6), time: 60 },
    });
    expect(usages.get(idOfDay(2))).toEqual({
      required: { count: 1, bytes: 6 },
      untilNext: { count: 1, bytes: 7 },
      firstTime: 60,
      last: { name: segment(7), time: 70 },
    });
  });

  it('counts neither labels nor partial segments nor history files', () => {
    const others = [`${segment(3)}.00000028.backup`, `${segment(3)}.partial`, '00000002.history'].map((name) =>
      line(name),
    );
    const lines = [line(segment(2)), ...others, line(segment(3))];
    expect(measure(two, lines).usages.get(idOfDay(1))?.required).toEqual({ count: 2, bytes: 200 });
  });

  it('stops at the first line beyond the next backup, whatever comes later', () => {
    const lines = [2, 7, 3].map((number) => line(segment(number)));
    expect(measure(two, lines).usages.get(idOfDay(1))?.required).toEqual({ count: 1, bytes: 100 });
  });

  it('asks for no more lines when the only wanted backup is complete', () => {
    const lines = [2, 3, 4, 5, 6, 7, 8, 9].map((number) => line(segment(number)));
    const { usages, visited } = measure(two, lines, new Set([idOfDay(1)]));
    expect(visited).toBe(6);
    expect([...usages.keys()]).toEqual([idOfDay(1)]);
  });

  it('passes over the segments of later timelines', () => {
    const lines = [line(segment(2)), line(segment(3, 2)), line(segment(9, 2)), line(segment(3))];
    expect(measure(two, lines).usages.get(idOfDay(1))?.required).toEqual({ count: 2, bytes: 200 });
  });

  it('agrees with the definition on any catalog and any order of lines', () => {
    const name = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom(1, 1, 1, 2, 3));
    const backup = fc.record({
      begin: name,
      length: fc.integer({ min: 0, max: 3 }),
      status: fc.constantFrom('DONE', 'DONE', 'WAITING_FOR_WALS', 'FAILED'),
    });
    const record = fc.record({
      name: name.map(([number, timeline]) => segment(number, timeline)),
      suffix: fc.constantFrom('', '', '', '', '.partial', '.00000028.backup'),
      size: fc.nat(1000),
      time: fc.double({ min: 0, max: 1e9, noNaN: true }),
    });
    fc.assert(
      fc.property(
        fc.array(backup, { minLength: 1, maxLength: 6 }),
        fc.array(record, { maxLength: 40 }),
        fc.boolean(),
        (members, records, sorted) => {
          const backups = members.map(({ begin: [number, timeline], length, status }, index) =>
            backupOfDay(index + 1, {
              status: status as BackupInfo['status'],
              ...spanning(segment(number, timeline), segment(number + length, timeline)),
            }),
          );
          const lines = records.map(({ name: base, suffix, size, time }) => line(base + suffix, size, time));
          if (sorted) lines.sort((left, right) => (left.name < right.name ? -1 : 1));
          expect(measure(backups, lines).usages).toEqual(byDefinition(backups, lines));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('costs the same for one backup and for 28', () => {
    const many = Array.from({ length: 28 }, (_, index) =>
      backupOfDay(index + 1, spanning(segment((index + 1) * 10_000), segment((index + 1) * 10_000 + 3))),
    );
    const lines = Array.from({ length: 300_000 }, (_, index) => line(segment(index)));
    /** The best of some runs: the machine may be busy. */
    const cost = (backups: readonly BackupInfo[]) =>
      Math.min(
        ...Array.from({ length: 5 }, () => {
          const started = performance.now();
          measure(backups, lines);
          return performance.now() - started;
        }),
      );
    const one = cost(many.slice(0, 1));
    expect(cost(many)).toBeLessThan(one * 4);
    expect(measure(many, lines).usages.get(idOfDay(3))?.untilNext.count).toBe(10_000);
  }, 60_000);
});

describe('figures of the WAL', () => {
  const usage: WalUsage = {
    required: { count: 2, bytes: 2_000_000 },
    untilNext: { count: 3, bytes: 6_000_000 },
    firstTime: 100,
    last: { name: segment(6), time: 600 },
  };

  it('gives the rate in segments per second', () => {
    expect(walRate(usage)).toBe(0.01);
    expect(walRate({ ...usage, firstTime: null })).toBe(0);
    expect(walRate({ ...usage, last: { name: segment(6), time: 100 } })).toBe(0);
  });

  it('gives the share that compression saves', () => {
    expect(walCompressionRatio(usage.required, usage, 2_000_000)).toBe(0.5);
    expect(walCompressionRatio(usage.untilNext, usage, 1_000_000)).toBe(-1);
    expect(walCompressionRatio({ count: 0, bytes: 0 }, usage, 2_000_000)).toBe(0);
    expect(walCompressionRatio(usage.required, { ...usage, firstTime: null }, 2_000_000)).toBe(0);
  });
});
