/**
 * A second opinion on retention, naive and slow on purpose: written from the description of the policies alone, without
 * the rules of src/domain/backup/retention.ts and wal-horizon.ts. What a backup needs is told by the story of the cluster.
 */
import type { BackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import type { RetentionPolicy } from '../../../../src/domain/backup/retention-policy.ts';

export type Keep = 'full' | 'standalone';

/** One timeline of the cluster: it left its parent in segment `from` and reached segment `to`. */
export interface Branch {
  readonly timeline: number;
  readonly parent: number | null;
  readonly from: number;
  to: number;
}

export interface Story {
  readonly segmentsPerLog: number;
  readonly branches: readonly Branch[];
  readonly backups: readonly BackupInfo[];
  readonly keeps: ReadonlyMap<string, Keep>;
  readonly policy: RetentionPolicy;
  readonly minimumRedundancy: number;
  readonly now: Date;
  /** Names in the archive. */
  readonly archive: readonly string[];
}

export function nameOf({ segmentsPerLog }: { segmentsPerLog: number }, timeline: number, place: number): string {
  const parts = [timeline, Math.floor(place / segmentsPerLog), place % segmentsPerLog];
  return parts.map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('');
}

function placeOf({ segmentsPerLog }: Story, name: string): number {
  return Number.parseInt(name.slice(8, 16), 16) * segmentsPerLog + Number.parseInt(name.slice(16, 24), 16);
}

/** The full backup that a backup is built on in the end; undefined when the chain is broken. */
function rootOf(story: Story, backup: BackupInfo): BackupInfo | undefined {
  let current: BackupInfo | undefined = backup;
  for (let step = 0; current !== undefined && current.parentBackupId !== null; step += 1) {
    if (step > story.backups.length) return undefined;
    const parentId: string = current.parentBackupId;
    current = story.backups.find(({ backupId }) => backupId === parentId);
  }
  return current;
}

/** What the description of the policies says of this backup. */
export function expectedVerdict(story: Story, backup: BackupInfo): string {
  const root = rootOf(story, backup);
  if (root === undefined || root.status !== 'DONE') return '-';
  const { policy, minimumRedundancy, now, keeps } = story;
  const full = story.backups.filter(({ parentBackupId, status }) => parentBackupId === null && status === 'DONE');
  const newer = full.filter(({ backupId }) => backupId > root.backupId).length;
  let verdict: string;
  let isOutside: boolean;
  if (policy.kind === 'redundancy') {
    isOutside = newer >= Math.max(policy.count, minimumRedundancy);
    verdict = isOutside ? 'OBSOLETE' : 'VALID';
  } else {
    const start = now.getTime() - policy.seconds * 1000;
    const before = full.filter(({ endTime }) => endTime !== null && Number(endTime.epochMicros) / 1000 < start);
    // The newest one that ended before the window makes all of the window recoverable.
    const anchor = before
      .map(({ backupId }) => backupId)
      .sort()
      .at(-1);
    isOutside = anchor !== undefined && root.backupId <= anchor;
    if (anchor === undefined || root.backupId >= anchor) verdict = 'VALID';
    else verdict = newer < minimumRedundancy ? 'POTENTIALLY_OBSOLETE' : 'OBSOLETE';
  }
  const keep = keeps.get(root.backupId);
  if (keep === undefined) return verdict;
  if (backup === root) return keep === 'standalone' ? 'KEEP:STANDALONE' : 'KEEP:FULL';
  if (keep === 'full') return 'VALID';
  return isOutside ? 'OBSOLETE' : 'VALID';
}

/** A backup whose process runs: what it will need begins where it began. */
const isUnderWay = ({ status }: BackupInfo) => status === 'STARTED' || status === 'SYNCING';
const isGood = ({ status }: BackupInfo) => status === 'DONE' || status === 'WAITING_FOR_WALS';

/** Every archived name that some of `remaining` cannot do without. */
export function neededNames(story: Story, remaining: readonly BackupInfo[]): ReadonlySet<string> {
  const needed = new Set<string>();
  for (const backup of remaining) {
    if (backup.beginWal === null || !(isGood(backup) || isUnderWay(backup))) continue;
    const timeline = Number.parseInt(backup.beginWal.slice(0, 8), 16);
    const begin = placeOf(story, backup.beginWal);
    const end = backup.endWal === null ? begin : placeOf(story, backup.endWal);
    // To become consistent.
    for (let place = begin; place <= end; place += 1) needed.add(nameOf(story, timeline, place));
    // A backup kept for itself is not rolled forward, and nothing may be built on it either.
    const root = rootOf(story, backup);
    const isStandalone = story.keeps.get(root?.backupId ?? '') === 'standalone' && backup === root;
    if (!isStandalone) addWalAhead(story, timeline, begin, end, needed);
  }
  return needed;
}

/** Of this timeline from `begin` on, and of every one that left it, directly or not, after the backup had ended. */
function addWalAhead(story: Story, timeline: number, begin: number, end: number, needed: Set<string>): void {
  const own = story.branches.find((branch) => branch.timeline === timeline);
  if (own === undefined) return;
  for (let place = begin; place <= own.to; place += 1) needed.add(nameOf(story, timeline, place));
  for (const branch of story.branches) {
    if (branch.parent === timeline && branch.from >= end)
      addWalAhead(story, branch.timeline, branch.from, branch.from, needed);
  }
}

/** What a complete run of the policy takes away: chains that are obsolete, unless somebody is adding to them. */
export function expectedRemovals(story: Story): ReadonlySet<string> {
  const growing = new Set(
    story.backups
      .filter((backup) => isUnderWay(backup) || backup.status === 'EMPTY')
      .map((backup) => rootOf(story, backup)?.backupId),
  );
  return new Set(
    story.backups
      .filter((backup) => expectedVerdict(story, backup) === 'OBSOLETE')
      .filter((backup) => !growing.has(rootOf(story, backup)?.backupId))
      .map(({ backupId }) => backupId),
  );
}
