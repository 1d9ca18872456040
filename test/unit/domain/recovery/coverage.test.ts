import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes } from '../../../../src/host/files.ts';
import { type BackupInfo, emptyBackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import { coverageOf, lastWindow, segmentNumber, SegmentSet } from '../../../../src/domain/recovery/coverage.ts';
import { lsn } from '../../../../src/domain/wal/lsn.ts';
import type { TimelineSwitch } from '../../../../src/domain/wal/timeline-history.ts';
import { parseWalName, segmentName, type WalFile } from '../../../../src/domain/wal/wal.ts';

const MIB = 1_048_576;

function wal(timeline: number, number: number): WalFile {
  return parseWalName(segmentName(timeline, Math.floor(number / 4096), number % 4096)) as WalFile;
}

/** A backup that needs the segments `first` to `last` of its timeline. */
function backup(second: number, timeline: number, first: number, last: number): BackupInfo {
  return {
    ...emptyBackupInfo(`20260101T0000${String(second).padStart(2, '0')}`),
    status: 'DONE',
    timeline,
    beginWal: wal(timeline, first).name,
    beginXlog: lsn(BigInt(first * MIB + 40)),
    endWal: wal(timeline, last).name,
    endXlog: lsn(BigInt(last * MIB + 300)),
    xlogSegmentSize: MIB,
  };
}

function facts(backups: BackupInfo[], files: WalFile[], histories: [number, TimelineSwitch[]][] = []) {
  const segments = new SegmentSet(MIB);
  for (const file of files) segments.add(file);
  return { segmentSize: MIB, backups, runs: segments.runs(), histories: new Map(histories) };
}

const range = (timeline: number, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => wal(timeline, first + index));
const leaves = (parentTimeline: number, offset: number): TimelineSwitch => ({
  parentTimeline,
  switchLsn: lsn(BigInt(offset)),
  reason: 'no recovery target specified',
});

describe('lastWindow', () => {
  const own = [backup(1, 1, 2, 2), backup(2, 1, 8, 8)];

  it('is the one that ends last, not the one that was received last', () => {
    const torn = coverageOf(facts([backup(1, 1, 2, 2)], [...range(1, 2, 4), ...range(1, 6, 9)]));
    expect(lastWindow(torn, 1)?.lastWal).toBe(wal(1, 4).name);
    const mended = coverageOf(facts(own, [...range(1, 2, 4), ...range(1, 6, 9)]));
    expect(lastWindow(mended, 1)?.lastWal).toBe(wal(1, 9).name);
  });

  it('is that of the timeline of the primary', () => {
    const files = [...range(1, 2, 9), ...range(2, 4, 5)];
    const coverage = coverageOf(facts([backup(1, 1, 2, 2)], files, [[2, [leaves(1, 4 * MIB + 7)]]]));
    expect(lastWindow(coverage, 2)?.lastWal).toBe(wal(2, 5).name);
    expect(lastWindow(coverage, null)?.lastWal).toBe(wal(1, 9).name);
    expect(lastWindow(coverage, 3)).toBeUndefined();
  });
});

describe('coverageOf', () => {
  it('knows nothing without backups', () => {
    expect(coverageOf(facts([], range(1, 1, 9)))).toEqual({
      timelines: [{ timeline: 1, windows: [], gaps: [] }],
      incomplete: [],
    });
  });

  it('joins backups whose WAL hangs together, over the end of a log', () => {
    const backups = [backup(1, 1, 4090, 4091), backup(2, 1, 4097, 4097)];
    expect(coverageOf(facts(backups, range(1, 4080, 4100).toReversed()))).toEqual({
      timelines: [{ timeline: 1, windows: [{ backups, lastWal: wal(1, 4100).name }], gaps: [] }],
      incomplete: [],
    });
  });

  it('splits at a gap, and counts what is missing', () => {
    const [first, second, torn] = [backup(1, 1, 2, 2), backup(2, 1, 10, 11), backup(3, 1, 6, 8)];
    const files = [...range(1, 1, 4), ...range(1, 7, 7), ...range(1, 10, 20)];
    expect(coverageOf(facts([first, second, torn], files))).toEqual({
      timelines: [
        {
          timeline: 1,
          windows: [
            { backups: [first], lastWal: wal(1, 4).name },
            { backups: [second], lastWal: wal(1, 20).name },
          ],
          gaps: [
            { firstWal: wal(1, 5).name, lastWal: wal(1, 6).name, count: 2 },
            { firstWal: wal(1, 8).name, lastWal: wal(1, 9).name, count: 2 },
          ],
        },
      ],
      incomplete: [{ backupId: torn.backupId, missingWal: wal(1, 6).name }],
    });
  });

  it('follows a timeline from its parent, with backups from before the switch only', () => {
    const [before, after] = [backup(1, 1, 2, 2), backup(2, 1, 8, 8)];
    const files = [...range(1, 1, 9), ...range(2, 6, 12)];
    const { timelines } = coverageOf(facts([before, after], files, [[2, [leaves(1, 6 * MIB + 512)]]]));
    expect(timelines).toEqual([
      { timeline: 1, windows: [{ backups: [before, after], lastWal: wal(1, 9).name }], gaps: [] },
      { timeline: 2, windows: [{ backups: [before], lastWal: wal(2, 12).name }], gaps: [] },
    ]);
  });

  it('misses the last segments of the parent', () => {
    const old = backup(1, 1, 2, 2);
    const files = [...range(1, 1, 3), ...range(2, 6, 12)];
    const { timelines } = coverageOf(facts([old], files, [[2, [leaves(1, 6 * MIB)]]]));
    expect(timelines[1]).toEqual({
      timeline: 2,
      windows: [{ backups: [old], lastWal: wal(1, 3).name }],
      gaps: [{ firstWal: wal(1, 4).name, lastWal: wal(1, 5).name, count: 2 }],
    });
  });

  it('agrees with a walk segment by segment', () => {
    const present = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 41 });
    const spans = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 3 })), { maxLength: 5 });
    fc.assert(
      fc.property(present, present, spans, fc.integer({ min: 1, max: 40 * MIB }), (old, young, taken, offset) => {
        const born = Math.floor(offset / MIB);
        const files = [...old.map((number) => wal(1, number)), ...young.map((number) => wal(2, number))];
        const backups = taken.map(([first, length], index) => backup(index, 1, first, first + length));
        const { timelines } = coverageOf(facts(backups, files, [[2, [leaves(1, offset)]]]));
        const readable = (number: number) => (number < born ? old.includes(number) : young.includes(number));
        const reached = timelines
          .filter(({ timeline }) => timeline === 2)
          .flatMap(({ windows }) => windows)
          .flatMap((window) => window.backups.map(({ backupId }) => `${backupId} ${window.lastWal}`))
          .sort(compareBytes);
        const expected = backups
          .flatMap((info) => {
            let number = segmentNumber(parseWalName(info.beginWal ?? '') as WalFile, MIB);
            const last = segmentNumber(parseWalName(info.endWal ?? '') as WalFile, MIB);
            while (readable(number)) number += 1;
            const isUsable = number > last && (info.endXlog ?? 0n) <= BigInt(offset) && young.length > 0;
            return isUsable ? [`${info.backupId} ${wal(number - 1 < born ? 1 : 2, number - 1).name}`] : [];
          })
          .sort(compareBytes);
        expect(reached).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});
