import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BackupInfo, isCopyDone } from '../../../../src/domain/backup/backup-info.ts';
import { type HorizonFacts, walsFreedBy } from '../../../../src/domain/wal/wal-horizon.ts';
import { inOrder } from '../../../../src/domain/backup/backup-order.ts';
import { parseWalName } from '../../../../src/domain/wal/wal.ts';
import { backupOfDay, idOfDay, spanning } from '../../../support/backup-infos.ts';
import { segment } from '../../../support/catalog-home.ts';

const NONE: HorizonFacts = { keeps: new Map(), passStandalone: false };

function at(day: number, begin: number, end = begin, changes: Partial<BackupInfo> = {}): BackupInfo {
  return backupOfDay(day, { ...spanning(segment(begin), segment(end)), ...changes });
}

/** The names among `names` that may go with `target`; null when none may. */
function freed(
  target: BackupInfo,
  others: readonly BackupInfo[],
  names: readonly string[],
  facts = NONE,
): string[] | null {
  const isFree = walsFreedBy(target, inOrder([...others, target], new Date()), facts);
  if (isFree === null) return null;
  return names.filter((name) => {
    const file = parseWalName(name);
    if (file === undefined) throw new Error(name);
    return isFree(file);
  });
}

const ARCHIVE = [1, 2, 3, 4, 5, 6].map((number) => segment(number));

describe('walsFreedBy', () => {
  it('frees what lies before the next backup, labels and partial segments included', () => {
    const names = [
      ...ARCHIVE,
      `${segment(2)}.00000028.backup`,
      `${segment(4)}.00000028.backup`,
      `${segment(3)}.partial`,
      '00000002.history',
    ];
    expect(freed(at(1, 2), [at(2, 4)], names)).toEqual([
      segment(1),
      segment(2),
      segment(3),
      `${segment(2)}.00000028.backup`,
      `${segment(3)}.partial`,
    ]);
  });

  it('frees nothing while an earlier backup is there', () => {
    expect(freed(at(2, 4), [at(1, 2), at(3, 6)], ARCHIVE)).toBe(null);
  });

  it('frees what lies before the last backup when that goes, and nothing after it', () => {
    expect(freed(at(1, 3), [], ARCHIVE)).toEqual([segment(1), segment(2)]);
  });

  it.each(['FAILED', 'STARTED', 'EMPTY', 'SYNCING'] as const)(
    'frees nothing with a last backup that is %s',
    (status) => {
      expect(freed(at(1, 3, 3, { status }), [], ARCHIVE)).toBe(null);
      expect(freed(at(1, 3, 3, { status, beginWal: null, endWal: null }), [], ARCHIVE)).toBe(null);
    },
  );

  it('lets a failed backup free what lies before the next good one', () => {
    expect(freed(at(1, 3, 3, { status: 'FAILED', beginWal: null }), [at(2, 4)], ARCHIVE)).toEqual(ARCHIVE.slice(0, 3));
  });

  it('sees no predecessor in a failed backup', () => {
    expect(freed(at(2, 3), [at(1, 1, 1, { status: 'FAILED' }), at(3, 5)], ARCHIVE)).toEqual(ARCHIVE.slice(0, 4));
  });

  it('keeps what a running backup needs, even when its segment is an earlier one', () => {
    const running = at(3, 2, 2, { status: 'STARTED', endWal: null });
    expect(freed(at(1, 3), [at(2, 5), running], ARCHIVE)).toEqual([segment(1)]);
  });

  it('frees nothing while a live backup does not say where it begins', () => {
    expect(freed(at(1, 2), [at(2, 4), at(3, 1, 1, { status: 'SYNCING', beginWal: null })], ARCHIVE)).toBe(null);
  });

  it('frees nothing while a live backup ends before it begins: one of the two is wrong', () => {
    expect(freed(at(1, 2), [at(2, 6, 3), at(3, 6)], ARCHIVE)).toBeNull();
  });

  it('keeps the other timelines that live backups are on', () => {
    const others = [at(2, 4), backupOfDay(3, spanning(segment(8, 2), segment(8, 2)))];
    expect(freed(at(1, 2), others, [segment(1), segment(3), segment(3, 2)])).toEqual([segment(1), segment(3)]);
    const promoted = backupOfDay(2, spanning(segment(5, 2), segment(5, 2)));
    expect(freed(at(1, 2), [promoted], [segment(4), segment(9), segment(4, 2), segment(5, 2)])).toEqual([
      segment(4),
      segment(9),
      segment(4, 2),
    ]);
  });

  it('keeps the range of a predecessor that is kept standalone, and clears the rest for retention only', () => {
    const keeps = new Map([[idOfDay(1), 'standalone' as const]]);
    const names = [...ARCHIVE, `${segment(2)}.00000028.backup`];
    const others = [at(1, 2, 3), at(3, 6)];
    expect(freed(at(2, 5), others, names, { keeps, passStandalone: true })).toEqual([
      segment(1),
      segment(4),
      segment(5),
    ]);
    expect(freed(at(2, 5), others, names, { keeps, passStandalone: false })).toBe(null);
    const full = new Map([[idOfDay(1), 'full' as const]]);
    expect(freed(at(2, 5), others, names, { keeps: full, passStandalone: true })).toBe(null);
  });

  it('frees nothing when a standalone predecessor does not say what it needs', () => {
    const keeps = new Map([[idOfDay(1), 'standalone' as const]]);
    expect(freed(at(2, 5), [at(1, 2, 3, { endWal: null }), at(3, 6)], ARCHIVE, { keeps, passStandalone: true })).toBe(
      null,
    );
  });

  it('does not mix a cluster that began anew with the old one', () => {
    // After initdb the segments start again: the old backups' WAL has higher names.
    expect(freed(at(1, 500), [at(2, 510), at(3, 2)], [segment(1), segment(3), segment(505)])).toEqual([segment(1)]);
  });
});

describe('any order of deletes', () => {
  const backup = fc.record({
    begin: fc.integer({ min: 1, max: 20 }),
    length: fc.integer({ min: 0, max: 3 }),
    timeline: fc.constantFrom(1, 1, 1, 2, 3),
    status: fc.constantFrom('DONE', 'DONE', 'DONE', 'WAITING_FOR_WALS', 'FAILED', 'STARTED', 'EMPTY'),
    keep: fc.constantFrom('none', 'none', 'none', 'standalone', 'full'),
    order: fc.nat(1000),
  });

  it('leaves every other backup the WAL that it needs', () => {
    fc.assert(
      fc.property(fc.array(backup, { minLength: 1, maxLength: 7 }), fc.boolean(), (members, passStandalone) => {
        const infos = members.map(({ begin, length, timeline, status }, index) =>
          backupOfDay(index + 1, {
            status: status as BackupInfo['status'],
            ...(status === 'EMPTY' ? {} : spanning(segment(begin, timeline), segment(begin + length, timeline))),
          }),
        );
        const keeps = new Map<string, 'full' | 'standalone'>();
        for (const [index, { keep }] of members.entries()) {
          const info = infos[index] as BackupInfo;
          if (keep !== 'none' && info.status === 'DONE') keeps.set(info.backupId, keep);
        }
        let archive = [1, 2, 3].flatMap((timeline) =>
          Array.from({ length: 26 }, (_, number) => segment(number, timeline)),
        );
        let left = [...infos];
        const order = infos
          .map((_, index) => index)
          .sort((a, b) => (members[a]?.order ?? 0) - (members[b]?.order ?? 0));
        for (const index of order) {
          const target = infos[index] as BackupInfo;
          if (keeps.has(target.backupId)) continue;
          left = left.filter((info) => info !== target);
          const gone = new Set(freed(target, left, archive, { keeps, passStandalone }) ?? []);
          archive = archive.filter((name) => !gone.has(name));
          for (const info of left)
            for (const name of gone) expect(needs(info, keeps.get(info.backupId), name)).toBe(false);
        }
      }),
      { numRuns: 3000 },
    );
  });

  /** Worked out from what a recovery reads, not from the rule: positions and timelines as numbers. */
  function needs(info: BackupInfo, keep: string | undefined, name: string): boolean {
    const [begin, end, file] = [info.beginWal, info.endWal, name].map((text) => parseWalName(text ?? ''));
    if (begin === undefined || file === undefined || !(isCopyDone(info) || info.status === 'STARTED')) return false;
    const position = file.log * 256 + file.segment;
    const isAfterBegin = position >= begin.log * 256 + begin.segment;
    if (keep === 'standalone') {
      return (
        file.timeline === begin.timeline && isAfterBegin && end !== undefined && position <= end.log * 256 + end.segment
      );
    }
    // To the end of its own timeline, and on into every later one that leaves it after its begin.
    return file.timeline >= begin.timeline && isAfterBegin;
  }
});
