/**
 * Retention and the WAL that goes with it against a model of their own, on generated histories of a cluster: timelines,
 * incremental chains, keeps, failed and running backups, segment sizes, a clock that went back. `FUZZ_RUNS=100000`.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import { backupVerdicts, deletionOrder, descendants } from '../../../../src/domain/backup/retention.ts';
import type { RetentionPolicy } from '../../../../src/domain/backup/retention-policy.ts';
import { walsFreedBy } from '../../../../src/domain/wal/wal-horizon.ts';
import { parseWalName } from '../../../../src/domain/wal/wal.ts';
import { backupOfDay } from '../../../support/backup-infos.ts';
import { always } from '../../../support/fuzz.ts';
import {
  type Branch,
  expectedRemovals,
  expectedVerdict,
  type Keep,
  nameOf,
  neededNames,
  type Story,
} from './retention-model.ts';

type Status = BackupInfo['status'];

interface BackupStep {
  readonly kind: 'backup';
  readonly status: Status;
  /** Segments from its begin to its end. */
  readonly length: number;
  /** Built on one of the good backups before it, counted from the newest; null: a full backup. */
  readonly on: number | null;
  readonly keep: Keep | null;
  readonly hasBegun: boolean;
}

type Step =
  | BackupStep
  | { readonly kind: 'write'; readonly segments: number }
  /** A promotion; `back`: so many segments before the end, as after a point-in-time recovery. */
  | { readonly kind: 'promote'; readonly back: number };

const backupStep = fc.record<BackupStep>({
  kind: fc.constant('backup'),
  status: fc.oneof(
    { weight: 8, arbitrary: fc.constant<Status>('DONE') },
    { weight: 3, arbitrary: fc.constantFrom<Status>('FAILED', 'WAITING_FOR_WALS', 'STARTED', 'EMPTY', 'SYNCING') },
  ),
  length: fc.nat({ max: 3 }),
  on: fc.option<number>(fc.nat({ max: 3 }), { freq: 3 }),
  keep: fc.option(fc.constantFrom<Keep>('full', 'standalone'), { freq: 6 }),
  hasBegun: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: backupStep },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('write' as const), segments: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('promote' as const), back: fc.nat({ max: 6 }) }) },
);
const policy: fc.Arbitrary<RetentionPolicy> = fc.oneof(
  fc.record({ kind: fc.constant('redundancy' as const), count: fc.nat({ max: 4 }) }),
  fc
    .nat({ max: 12 })
    .map((amount) => ({ kind: 'recovery-window' as const, amount, unit: 'DAYS' as const, seconds: amount * 86_400 })),
);

const plot = {
  steps: fc.array(step, { minLength: 2, maxLength: 16 }),
  // Of 1 GiB, 64 MiB, 16 MiB and 1 MiB.
  segmentsPerLog: fc.constantFrom(4, 64, 256, 4096),
  policy,
  minimumRedundancy: fc.nat({ max: 3 }),
  daysLater: fc.nat({ max: 6 }),
};
const withGoodClock = fc.record({ ...plot, misdated: fc.constant(null) }).map(tell);
/** Now and then the clock was wrong for one backup: its id is that of another moment. */
const stories = fc
  .record({ ...plot, misdated: fc.option(fc.tuple(fc.nat({ max: 9 }), fc.nat({ max: 9 })), { freq: 8 }) })
  .map(tell);

interface Plot {
  readonly steps: readonly Step[];
  readonly segmentsPerLog: number;
  readonly policy: RetentionPolicy;
  readonly minimumRedundancy: number;
  readonly daysLater: number;
  readonly misdated: readonly [number, number] | null;
}

function tell({ steps, segmentsPerLog, policy, minimumRedundancy, daysLater, misdated }: Plot): Story {
  // Not far from where the second part of the name changes.
  const start = segmentsPerLog * 2 - 3;
  const branches: Branch[] = [{ timeline: 1, parent: null, from: start, to: start }];
  const backups: BackupInfo[] = [];
  const keeps = new Map<string, Keep>();
  const others: string[] = [];
  const naming = { segmentsPerLog };
  const days = [...steps.keys()].map((index) => index + 1);
  if (misdated !== null) {
    const [one, other] = misdated.map((place) => place % days.length) as [number, number];
    [days[one], days[other]] = [days[other] ?? 1, days[one] ?? 1];
  }
  for (const [index, step] of steps.entries()) {
    const branch = branches.at(-1) as Branch;
    if (step.kind === 'write') branch.to += step.segments;
    else if (step.kind === 'promote') {
      const from = Math.max(branch.from, branch.to - step.back);
      others.push(`${nameOf(naming, branch.timeline, branch.to)}.partial`);
      branches.push({ timeline: branch.timeline + 1, parent: branch.timeline, from, to: from });
      others.push(`${(branch.timeline + 1).toString(16).toUpperCase().padStart(8, '0')}.history`);
    } else {
      const backup = take(step, days[index] ?? 1, branch, backups, naming);
      backups.push(backup);
      if (step.keep !== null && step.status === 'DONE' && backup.parentBackupId === null)
        keeps.set(backup.backupId, step.keep);
      if (backup.beginWal !== null) others.push(`${backup.beginWal}.00000028.backup`);
    }
  }
  const segments = branches.flatMap(({ timeline, from, to }) =>
    Array.from({ length: to - from + 1 }, (_, index) => nameOf(naming, timeline, from + index)),
  );
  const withChildren = backups.map((backup) => ({
    ...backup,
    childrenBackupIds: backups
      .filter(({ parentBackupId }) => parentBackupId === backup.backupId)
      .map(({ backupId }) => backupId),
  }));
  return {
    segmentsPerLog,
    branches,
    backups: byId(withChildren),
    keeps,
    policy,
    minimumRedundancy,
    now: new Date(Date.UTC(2026, 10, steps.length + daysLater, 12)),
    archive: [...segments, ...others],
  };
}

function byId(backups: readonly BackupInfo[]): readonly BackupInfo[] {
  return backups.toSorted((left, right) => (left.backupId < right.backupId ? -1 : 1));
}

function take(
  step: BackupStep,
  day: number,
  branch: Branch,
  earlier: readonly BackupInfo[],
  naming: { segmentsPerLog: number },
): BackupInfo {
  const begin = branch.to;
  const isGood = step.status === 'DONE' || step.status === 'WAITING_FOR_WALS';
  const hasBegun = step.status !== 'EMPTY' && (isGood || step.hasBegun);
  if (isGood) branch.to += step.length;
  const candidates = earlier.filter(({ status }) => status === 'DONE').toReversed();
  const parent = step.on === null ? undefined : candidates[step.on % Math.max(1, candidates.length)];
  const made = backupOfDay(day, {
    status: step.status,
    xlogSegmentSize: 4_294_967_296 / naming.segmentsPerLog,
    timeline: hasBegun ? branch.timeline : null,
    beginWal: hasBegun ? nameOf(naming, branch.timeline, begin) : null,
    endWal: isGood ? nameOf(naming, branch.timeline, branch.to) : null,
    parentBackupId: parent?.backupId ?? null,
  });
  return isGood ? made : { ...made, endTime: null };
}

/** What is left of the archive once this backup is deleted. */
function withoutWalOf(
  target: BackupInfo,
  others: readonly BackupInfo[],
  story: Story,
  archive: readonly string[],
  passStandalone: boolean,
) {
  const isFree = walsFreedBy(target, byId([...others, target]), { keeps: story.keeps, passStandalone });
  return isFree === null
    ? archive
    : archive.filter((name) => {
        const file = parseWalName(name);
        return file === undefined || !isFree(file);
      });
}

/** The state after one more deletion must be as good as any: the next one may never come. */
function expectSound(story: Story, remaining: readonly BackupInfo[], archive: readonly string[]): void {
  const ids = new Set(remaining.map(({ backupId }) => backupId));
  const existed = new Set(story.backups.map(({ backupId }) => backupId));
  const homeless = remaining.filter(
    ({ parentBackupId }) => parentBackupId !== null && existed.has(parentBackupId) && !ids.has(parentBackupId),
  );
  expect(homeless.map(({ backupId }) => backupId)).toEqual([]);
  const there = new Set(archive);
  const had = new Set(story.archive);
  expect([...neededNames(story, remaining)].filter((name) => had.has(name) && !there.has(name))).toEqual([]);
  expect(story.archive.filter((name) => name.endsWith('.history') && !there.has(name))).toEqual([]);
}

const RUNS = 3_000;

describe('on generated histories of a cluster', { timeout: 3_600_000 }, () => {
  it('the verdicts are those of the description', () => {
    always(
      stories,
      (story) => {
        const verdicts = backupVerdicts(story.backups, story.policy, story);
        const expected = story.backups.map((backup) => [backup.backupId, expectedVerdict(story, backup)]);
        expect(story.backups.map(({ backupId }) => [backupId, verdicts.get(backupId)])).toEqual(expected);
      },
      RUNS,
    );
  });

  it('enforcing the policy takes what is obsolete, and at no moment anything that another backup needs', () => {
    always(
      stories,
      (story) => {
        const order = deletionOrder(story.backups, backupVerdicts(story.backups, story.policy, story));
        expect(new Set(order.map(({ backupId }) => backupId))).toEqual(expectedRemovals(story));
        let remaining = story.backups;
        let archive = story.archive;
        for (const target of order) {
          remaining = remaining.filter(({ backupId }) => backupId !== target.backupId);
          archive = withoutWalOf(target, remaining, story, archive, true);
          expectSound(story, remaining, archive);
        }
      },
      RUNS,
    );
  });

  it('so does the delete of any backup, with what is built on it', () => {
    always(
      fc.tuple(stories, fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 5 })),
      ([story, choices]) => {
        let remaining = story.backups;
        let archive = story.archive;
        for (const choice of choices) {
          const chosen = remaining[choice % Math.max(1, remaining.length)];
          if (chosen === undefined || story.keeps.has(chosen.backupId)) continue;
          for (const target of [...descendants(chosen.backupId, remaining).toReversed(), chosen]) {
            remaining = remaining.filter(({ backupId }) => backupId !== target.backupId);
            archive = withoutWalOf(target, remaining, story, archive, false);
            expectSound(story, remaining, archive);
          }
        }
      },
      RUNS,
    );
  });

  it('without timelines, failures and a wrong clock nothing is hoarded: what is older than all that is left goes', () => {
    always(
      withGoodClock.filter(
        ({ branches, backups }) => branches.length === 1 && backups.every(({ status }) => status === 'DONE'),
      ),
      (story) => {
        const order = deletionOrder(story.backups, backupVerdicts(story.backups, story.policy, story));
        let remaining = story.backups;
        let archive = story.archive;
        for (const target of order) {
          remaining = remaining.filter(({ backupId }) => backupId !== target.backupId);
          archive = withoutWalOf(target, remaining, story, archive, true);
        }
        const needed = neededNames(story, remaining);
        const oldest = story.backups[0];
        const hasGone = oldest !== undefined && order.includes(oldest);
        if (!hasGone || remaining.length === 0) return;
        const first = [...needed].sort()[0] ?? '';
        expect(archive.filter((name) => name < first)).toEqual([]);
      },
      Math.ceil(RUNS / 10),
    );
  });
});
