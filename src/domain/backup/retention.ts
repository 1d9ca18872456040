/**
 * What a retention policy says about each backup, and which backups go when it is enforced. Pure: the annotations and the
 * clock are arguments. Source: docs/behaviour/config.md 12, recorded with Barman 3.20.1.
 */
import { type BackupInfo, isCopyDone } from './backup-info.ts';
import { isFull } from './backup-layout.ts';
import { believedEnd } from './backup-order.ts';
import type { RetentionPolicy } from './retention-policy.ts';

export type RetentionVerdict = 'VALID' | 'OBSOLETE' | 'POTENTIALLY_OBSOLETE' | 'KEEP:FULL' | 'KEEP:STANDALONE' | '-';

export interface RetentionFacts {
  /** Keep annotations by backup id. */
  readonly keeps: ReadonlyMap<string, 'full' | 'standalone'>;
  readonly minimumRedundancy: number;
  readonly now: Date;
}

/** A backup that goes, and the WAL that goes with it. */
export interface PlannedRemoval {
  readonly info: BackupInfo;
  /** Names of the archived files, in the order of the index. */
  readonly wals: readonly string[];
  /** Their bytes as stored. */
  readonly walBytes: number;
}

/**
 * A verdict for each of `backups`, which are in order. Only DONE backups are judged; incremental ones inherit from the root
 * of their chain.
 */
export function backupVerdicts(
  backups: readonly BackupInfo[],
  policy: RetentionPolicy,
  facts: RetentionFacts,
): ReadonlyMap<string, RetentionVerdict> {
  const verdicts = new Map<string, RetentionVerdict>(backups.map(({ backupId }) => [backupId, '-']));
  const roots = backups.filter((backup) => isFull(backup) && backup.status === 'DONE');
  const judge =
    policy.kind === 'redundancy' ? byRedundancy(policy.count, facts) : byWindow(policy.seconds, facts, roots);
  for (const root of roots.toReversed()) {
    const { verdict, isInside } = judge(root, facts.keeps.get(root.backupId));
    verdicts.set(root.backupId, verdict);
    const inherited = inheritedVerdict(verdict, isInside);
    for (const child of descendants(root.backupId, backups)) verdicts.set(child.backupId, inherited);
  }
  return verdicts;
}

/** The number of full backups that REDUNDANCY keeps: never fewer than minimum_redundancy. */
export function effectiveRedundancy(count: number, minimumRedundancy: number): number {
  return Math.max(count, minimumRedundancy);
}

/**
 * Everything that is built on a backup, a parent before its children; reversed it is the order in which Barman deletes a
 * tree, one branch after the other. What a backup is built on its own record says: a list of children that claims the
 * backup of another chain must not take that with it. Cycles end the walk.
 */
export function descendants(backupId: string, backups: readonly BackupInfo[]): readonly BackupInfo[] {
  const found: BackupInfo[] = [];
  const seen = new Set([backupId]);
  const waiting: BackupInfo[] = [];
  const visit = (parentId: string) => {
    for (const backup of backups) {
      if (backup.parentBackupId !== parentId || seen.has(backup.backupId)) continue;
      seen.add(backup.backupId);
      waiting.push(backup);
    }
  };
  visit(backupId);
  for (let backup = waiting.pop(); backup !== undefined; backup = waiting.pop()) {
    found.push(backup);
    visit(backup.backupId);
  }
  return found;
}

/** True when one of these backups says that this one is built on it. */
export function claims(backups: readonly BackupInfo[], backupId: string): boolean {
  return backups.some(({ childrenBackupIds }) => childrenBackupIds?.includes(backupId) ?? false);
}

/**
 * The obsolete backups in the order in which they may go: oldest chain first, within a chain children before parents, so
 * that no moment shows a backup without what it is built on. A chain that somebody is adding to stays whole, and so does
 * one with a member that cannot be read (`unreadable`: the ids of all such backups): it may be needed.
 */
export function deletionOrder(
  backups: readonly BackupInfo[],
  verdicts: ReadonlyMap<string, RetentionVerdict>,
  unreadable: readonly string[] = [],
): readonly BackupInfo[] {
  const isObsolete = ({ backupId }: BackupInfo) => verdicts.get(backupId) === 'OBSOLETE';
  const order: BackupInfo[] = [];
  for (const root of backups.filter(isFull)) {
    const chain = descendants(root.backupId, backups);
    const isGrowing = chain.some(({ status }) => status === 'EMPTY' || status === 'STARTED' || status === 'SYNCING');
    const isNeeded = isObsolete(root) && chain.some((backup) => isCopyDone(backup) && !isObsolete(backup));
    const isUnclear = unreadable.some((backupId) => claims([root, ...chain], backupId));
    if (isGrowing || isNeeded || isUnclear) continue;
    order.push(...[root, ...chain].toReversed().filter(isObsolete));
  }
  return order;
}

interface Judgement {
  readonly verdict: RetentionVerdict;
  /** Still inside what the policy protects: decides about the children of a backup that is kept standalone. */
  readonly isInside: boolean;
}

type Judge = (root: BackupInfo, keep: 'full' | 'standalone' | undefined) => Judgement;

/** A kept backup uses up a place like any other. */
function byRedundancy(count: number, { minimumRedundancy }: RetentionFacts): Judge {
  const places = effectiveRedundancy(count, minimumRedundancy);
  let taken = 0;
  return (_root, keep) => {
    const isInside = taken < places;
    taken += 1;
    return { verdict: keepVerdict(keep) ?? (isInside ? 'VALID' : 'OBSOLETE'), isInside };
  };
}

/** The newest backup that ended before the window is the one that makes the whole window recoverable: it stays. */
function byWindow(seconds: number, { minimumRedundancy, now }: RetentionFacts, roots: readonly BackupInfo[]): Judge {
  const windowStart = now.getTime() / 1000 - seconds;
  const ends = endsOf(roots, now);
  let isCovered = false;
  let counted = 0;
  return (root, keep) => {
    if (!isCovered) {
      counted += 1;
      isCovered = (ends.get(root.backupId) ?? Number.POSITIVE_INFINITY) < windowStart;
      return { verdict: keepVerdict(keep) ?? 'VALID', isInside: !isCovered };
    }
    const isPotential = counted < minimumRedundancy;
    if (isPotential) counted += 1;
    return { verdict: keepVerdict(keep) ?? (isPotential ? 'POTENTIALLY_OBSOLETE' : 'OBSOLETE'), isInside: false };
  };
}

/**
 * Seconds since 1970 at which each had ended for sure: not before those that it comes after. A clock that was behind once
 * must not make a new backup cover the window alone.
 */
function endsOf(roots: readonly BackupInfo[], now: Date): ReadonlyMap<string, number> {
  const ends = new Map<string, number>();
  let latest = Number.NEGATIVE_INFINITY;
  for (const root of roots) {
    const end = believedEnd(root, now);
    if (end === null) continue;
    latest = Math.max(latest, end);
    ends.set(root.backupId, latest);
  }
  return ends;
}

function keepVerdict(keep: 'full' | 'standalone' | undefined): RetentionVerdict | undefined {
  if (keep === undefined) return undefined;
  return keep === 'standalone' ? 'KEEP:STANDALONE' : 'KEEP:FULL';
}

function inheritedVerdict(root: RetentionVerdict, isInside: boolean): RetentionVerdict {
  if (root === 'KEEP:FULL') return 'VALID';
  if (root === 'KEEP:STANDALONE') return isInside ? 'VALID' : 'OBSOLETE';
  return root;
}
