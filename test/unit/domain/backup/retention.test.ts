import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import type { BackupStatus } from '../../../../src/domain/backup/backup-info-values.ts';
import {
  backupVerdicts,
  deletionOrder,
  descendants,
  type RetentionFacts,
  type RetentionVerdict,
} from '../../../../src/domain/backup/retention.ts';
import { parseRetentionPolicy, type RetentionPolicy } from '../../../../src/domain/backup/retention-policy.ts';
import { backupOfDay, idOfDay } from '../../../support/backup-infos.ts';

const NOW = new Date('2026-11-21T12:00:00Z');

function policy(text: string): RetentionPolicy {
  const parsed = parseRetentionPolicy(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

function facts(changes: Partial<RetentionFacts> = {}): RetentionFacts {
  return { keeps: new Map(), minimumRedundancy: 0, now: NOW, ...changes };
}

function keeps(entries: Record<number, 'full' | 'standalone'>): ReadonlyMap<string, 'full' | 'standalone'> {
  return new Map(Object.entries(entries).map(([day, target]) => [idOfDay(Number(day)), target]));
}

/** Verdicts newest first, as list-backups shows them. */
function judged(
  backups: readonly BackupInfo[],
  text: string,
  changes: Partial<RetentionFacts> = {},
): RetentionVerdict[] {
  const verdicts = backupVerdicts(backups, policy(text), facts(changes));
  return backups.toReversed().map(({ backupId }) => verdicts.get(backupId) as RetentionVerdict);
}

/** One that a clock dated that day of another year. */
const misdated = (day: number, year: number) =>
  backupOfDay(day, { endTime: { epochMicros: BigInt(Date.UTC(year, 0, 1)) * 1000n, offsetMinutes: 0 } });

const days = (...numbers: number[]) => numbers.map((day) => backupOfDay(day));

describe('REDUNDANCY', () => {
  it('keeps the newest backups', () => {
    expect(judged(days(1, 2, 3), 'REDUNDANCY 2')).toEqual(['VALID', 'VALID', 'OBSOLETE']);
  });

  it('never keeps fewer than minimum_redundancy', () => {
    expect(judged(days(1, 2, 3), 'REDUNDANCY 1', { minimumRedundancy: 2 })).toEqual(['VALID', 'VALID', 'OBSOLETE']);
  });

  it('lets a kept backup use up a place', () => {
    expect(judged(days(1, 2, 3), 'REDUNDANCY 2', { keeps: keeps({ 3: 'full' }) })).toEqual([
      'KEEP:FULL',
      'VALID',
      'OBSOLETE',
    ]);
  });

  it('keeps nothing when nothing is asked for', () => {
    expect(judged(days(1, 2), 'REDUNDANCY 0')).toEqual(['OBSOLETE', 'OBSOLETE']);
  });

  it('judges only backups that are done', () => {
    const statuses: BackupStatus[] = ['EMPTY', 'STARTED', 'SYNCING', 'FAILED', 'WAITING_FOR_WALS', 'DONE'];
    const backups = statuses.map((status, index) => backupOfDay(index + 1, { status }));
    expect(judged(backups, 'REDUNDANCY 1')).toEqual(['VALID', '-', '-', '-', '-', '-']);
  });
});

describe('RECOVERY WINDOW', () => {
  it('is not covered by a new backup whose clock was behind', () => {
    const backups = [...days(1, 18), misdated(20, 1970)];
    expect(judged(backups, 'RECOVERY WINDOW OF 7 DAYS')).toEqual(['VALID', 'VALID', 'VALID']);
    expect(judged([...days(1, 2), misdated(20, 1970)], 'RECOVERY WINDOW OF 7 DAYS')).toEqual([
      'VALID',
      'OBSOLETE',
      'OBSOLETE',
    ]);
  });

  it('keeps the newest backup from before the window, which the window needs', () => {
    // The window begins on the 14th at noon.
    expect(judged(days(10, 12, 15, 20), 'RECOVERY WINDOW OF 7 DAYS')).toEqual(['VALID', 'VALID', 'VALID', 'OBSOLETE']);
  });

  it('marks what only minimum_redundancy needs', () => {
    const backups = days(1, 2, 3, 4, 5, 6);
    const keep = keeps({ 1: 'full', 2: 'full', 3: 'standalone', 4: 'full' });
    expect(judged(backups, 'RECOVERY WINDOW OF 1 WEEK', { minimumRedundancy: 3, keeps: keep })).toEqual([
      'VALID',
      'POTENTIALLY_OBSOLETE',
      'KEEP:FULL',
      'KEEP:STANDALONE',
      'KEEP:FULL',
      'KEEP:FULL',
    ]);
  });

  it('counts a month as 31 days', () => {
    const old = backupOfDay(1, {
      backupId: '20261020T040000',
      endTime: { epochMicros: micros('2026-10-22T00:00:00Z'), offsetMinutes: 0 },
    });
    expect(judged([old, backupOfDay(1)], 'RECOVERY WINDOW OF 1 MONTH')).toEqual(['VALID', 'VALID']);
    const older = backupOfDay(1, {
      backupId: '20261019T040000',
      endTime: { epochMicros: micros('2026-10-20T00:00:00Z'), offsetMinutes: 0 },
    });
    const oldest = { ...older, backupId: '20261018T040000' };
    expect(judged([oldest, older, backupOfDay(1)], 'RECOVERY WINDOW OF 1 MONTH')).toEqual([
      'VALID',
      'VALID',
      'OBSOLETE',
    ]);
  });
});

function micros(text: string): bigint {
  return BigInt(Date.parse(text)) * 1000n;
}

describe('incremental backups', () => {
  const chain = [
    backupOfDay(1, { childrenBackupIds: [idOfDay(2), idOfDay(3)] }),
    backupOfDay(2, { parentBackupId: idOfDay(1) }),
    backupOfDay(3, { parentBackupId: idOfDay(1), status: 'WAITING_FOR_WALS', childrenBackupIds: [idOfDay(4)] }),
    backupOfDay(4, { parentBackupId: idOfDay(3), status: 'FAILED' }),
  ];

  it('inherit from their root, whatever their status', () => {
    expect(judged([...chain, backupOfDay(5)], 'REDUNDANCY 1')).toEqual([
      'VALID',
      'OBSOLETE',
      'OBSOLETE',
      'OBSOLETE',
      'OBSOLETE',
    ]);
    expect(judged(chain, 'REDUNDANCY 1')).toEqual(['VALID', 'VALID', 'VALID', 'VALID']);
  });

  it('are valid below a root that is kept in full', () => {
    const verdicts = judged([...chain, backupOfDay(5)], 'REDUNDANCY 1', { keeps: keeps({ 1: 'full' }) });
    expect(verdicts).toEqual(['VALID', 'VALID', 'VALID', 'VALID', 'KEEP:FULL']);
  });

  it('go with the policy below a root that is kept standalone', () => {
    const keep = keeps({ 1: 'standalone' });
    expect(judged([...chain, backupOfDay(5)], 'REDUNDANCY 1', { keeps: keep })).toEqual([
      'VALID',
      'OBSOLETE',
      'OBSOLETE',
      'OBSOLETE',
      'KEEP:STANDALONE',
    ]);
    expect(judged(chain, 'REDUNDANCY 1', { keeps: keep })).toEqual(['VALID', 'VALID', 'VALID', 'KEEP:STANDALONE']);
  });

  it('are not judged when their root is not there', () => {
    const orphan = backupOfDay(6, { parentBackupId: '20200101T000000' });
    expect(judged([backupOfDay(5), orphan], 'REDUNDANCY 1')).toEqual(['-', 'VALID']);
  });

  it('are what says so itself: a list that claims the backup of another chain is not believed', () => {
    const backups = [
      backupOfDay(1, { childrenBackupIds: [idOfDay(3), idOfDay(4)] }),
      backupOfDay(2, { childrenBackupIds: [idOfDay(3)] }),
      backupOfDay(3, { parentBackupId: idOfDay(2) }),
      backupOfDay(4),
    ];
    expect(descendants(idOfDay(1), backups)).toEqual([]);
    expect(descendants(idOfDay(2), backups).map(({ backupId }) => backupId)).toEqual([idOfDay(3)]);
  });

  it('end in a cycle', () => {
    const backups = [
      backupOfDay(1, { parentBackupId: idOfDay(3) }),
      backupOfDay(2, { parentBackupId: idOfDay(1) }),
      backupOfDay(3, { parentBackupId: idOfDay(2) }),
    ];
    expect(descendants(idOfDay(1), backups).map(({ backupId }) => backupId)).toEqual([idOfDay(2), idOfDay(3)]);
  });
});

describe('deletionOrder', () => {
  const order = (backups: readonly BackupInfo[], text: string, changes: Partial<RetentionFacts> = {}) =>
    deletionOrder(backups, backupVerdicts(backups, policy(text), facts(changes))).map(({ backupId }) => backupId);

  it('takes the oldest first and children before what they are built on', () => {
    const backups = [
      backupOfDay(1, { childrenBackupIds: [idOfDay(2)] }),
      backupOfDay(2, { parentBackupId: idOfDay(1), childrenBackupIds: [idOfDay(4)] }),
      backupOfDay(3),
      backupOfDay(4, { parentBackupId: idOfDay(2) }),
      backupOfDay(5),
    ];
    expect(order(backups, 'REDUNDANCY 1')).toEqual([idOfDay(4), idOfDay(2), idOfDay(1), idOfDay(3)]);
  });

  it('takes the children of a root that is kept standalone, not the root', () => {
    const backups = [
      backupOfDay(1, { childrenBackupIds: [idOfDay(2)] }),
      backupOfDay(2, { parentBackupId: idOfDay(1) }),
      backupOfDay(3),
    ];
    expect(order(backups, 'REDUNDANCY 1', { keeps: keeps({ 1: 'standalone' }) })).toEqual([idOfDay(2)]);
  });

  it('leaves a chain alone to which a backup is being added', () => {
    const backups = [
      backupOfDay(1, { childrenBackupIds: [idOfDay(2)] }),
      backupOfDay(2, { parentBackupId: idOfDay(1) }),
      backupOfDay(3),
      backupOfDay(4, { parentBackupId: idOfDay(2), status: 'STARTED' }),
    ];
    expect(order(backups, 'REDUNDANCY 1')).toEqual([]);
  });
});

describe('a chain with a member that cannot be read', () => {
  it('stays whole', () => {
    const backups = [
      backupOfDay(1, { childrenBackupIds: [idOfDay(2)] }),
      backupOfDay(2, { parentBackupId: idOfDay(1), childrenBackupIds: [idOfDay(4)] }),
      backupOfDay(3),
      backupOfDay(5),
    ];
    const verdicts = backupVerdicts(backups, policy('REDUNDANCY 1'), facts());
    const order = (unreadable: string[]) =>
      deletionOrder(backups, verdicts, unreadable).map(({ backupId }) => backupId);
    expect(order([idOfDay(4)])).toEqual([idOfDay(3)]);
    expect(order([])).toEqual([idOfDay(2), idOfDay(1), idOfDay(3)]);
  });
});

describe('what is left after enforcing', () => {
  const statuses: BackupStatus[] = ['DONE', 'DONE', 'DONE', 'DONE', 'FAILED', 'WAITING_FOR_WALS', 'STARTED', 'EMPTY'];
  const member = fc.record({
    status: fc.constantFrom(...statuses),
    isChild: fc.boolean(),
    parent: fc.nat(20),
    keep: fc.constantFrom('none', 'none', 'none', 'full', 'standalone'),
    hour: fc.integer({ min: -48, max: 48 }),
  });
  const catalogs = fc.array(member, { minLength: 1, maxLength: 12 }).map((members) => {
    const keep = new Map<string, 'full' | 'standalone'>();
    const backups: BackupInfo[] = [];
    for (const [index, { status, isChild, parent, keep: word, hour }] of members.entries()) {
      const candidates = backups.filter((backup) => backup.status !== 'EMPTY');
      const above = isChild ? candidates[parent % Math.max(candidates.length, 1)] : undefined;
      const info = backupOfDay(index + 1, { status, parentBackupId: above?.backupId ?? null });
      const shifted = (info.endTime?.epochMicros ?? 0n) + BigInt(hour) * 3_600_000_000n;
      backups.push({ ...info, endTime: { epochMicros: shifted, offsetMinutes: 0 } });
      if (word !== 'none' && status === 'DONE' && !above) keep.set(info.backupId, word);
    }
    return { backups, keeps: keep };
  });
  const policies = fc.constantFrom(
    'REDUNDANCY 0',
    'REDUNDANCY 1',
    'REDUNDANCY 3',
    'RECOVERY WINDOW OF 1 DAY',
    'RECOVERY WINDOW OF 10 DAYS',
    'RECOVERY WINDOW OF 2 WEEKS',
  );

  it('has enough restorable full backups, every kept one, and no broken chain', () => {
    fc.assert(
      fc.property(
        catalogs,
        policies,
        fc.integer({ min: 0, max: 5 }),
        ({ backups, keeps: keep }, text, minimumRedundancy) => {
          const parsed = policy(text);
          const verdicts = backupVerdicts(backups, parsed, { keeps: keep, minimumRedundancy, now: NOW });
          const removed = new Set(deletionOrder(backups, verdicts).map(({ backupId }) => backupId));
          const left = backups.filter(({ backupId }) => !removed.has(backupId));
          const isFull = (backup: BackupInfo) => backup.status === 'DONE' && backup.parentBackupId === null;

          const before = backups.filter(isFull).length;
          const wanted = Math.max(minimumRedundancy, parsed.kind === 'redundancy' ? parsed.count : 1);
          expect(left.filter(isFull).length).toBeGreaterThanOrEqual(Math.min(before, wanted));
          for (const id of keep.keys()) expect(removed.has(id)).toBe(false);

          // Whatever stays still has every backup that it is built on and had before.
          const byId = new Map(backups.map((backup) => [backup.backupId, backup]));
          for (const backup of left.filter(({ status }) => status !== 'FAILED')) {
            for (let id = backup.parentBackupId; id !== null; id = byId.get(id)?.parentBackupId ?? null) {
              expect(removed.has(id)).toBe(false);
            }
          }

          // The window stays recoverable: its newest predecessor is there, or everything that ever was.
          if (parsed.kind === 'recovery-window') {
            const start = BigInt(NOW.getTime()) * 1000n - BigInt(parsed.seconds) * 1_000_000n;
            const isBefore = (backup: BackupInfo) => (backup.endTime?.epochMicros ?? 0n) < start;
            const newest = backups.filter(isFull).findLast(isBefore);
            if (newest !== undefined) expect(removed.has(newest.backupId)).toBe(false);
            for (const backup of backups.filter(isFull)) {
              if (newest !== undefined && backup.backupId > newest.backupId)
                expect(removed.has(backup.backupId)).toBe(false);
            }
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
