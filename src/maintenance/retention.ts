/**
 * Enforces a server's retention policy: what cron does after everything else.
 * Source: docs/behaviour/config.md 12 "Enforcement", backup.md 7.2.
 */
import { exists, listNames } from '../host/files.ts';
import { backupPath, infoPath } from '../catalog/layout.ts';
import { type BackupFlaws, isSound } from '../domain/backup/backup-flaw.ts';
import { type BackupInfo, isCopyDone } from '../domain/backup/backup-info.ts';
import { layoutOf, obstacleTo } from '../domain/backup/backup-layout.ts';
import { believedEnd } from '../domain/backup/backup-order.ts';
import { humanDuration } from '../domain/time/duration.ts';
import { HookAbortError, messageOf } from '../domain/errors.ts';
import { deletionOrder, descendants, type RetentionVerdict } from '../domain/backup/retention.ts';
import type { RetentionPolicy } from '../domain/backup/retention-policy.ts';
import { retentionVerdicts } from '../server/backup-verdicts.ts';
import { isInterruptedDelete } from './delete/interrupted.ts';
import { endFinishedDeletes } from '../server/stray-marks.ts';
import { removeUnderLock } from './delete.ts';
import { reportDamaged, reportFlaws } from '../server/find-backup.ts';
import type { ServerScope } from '../server/scope.ts';

/** A clock that is this far beyond the window and the newest backup is not believed, seconds. */
const PLAUSIBLE_ABSENCE = 366 * 86_400;

/**
 * Deletes what the policy calls obsolete, and what an interrupted delete has begun to delete; nothing without a policy.
 * What is to go is worked out again before each backup: another process may have kept or deleted one meanwhile. What
 * becomes obsolete in between waits for the next run.
 */
export async function enforceRetention(scope: ServerScope): Promise<void> {
  const policy = scope.config.retentionPolicy?.policy;
  if (!policy) return;
  reportDamaged(scope, (await scope.catalog.listBackups()).damaged);
  const pending = await planRemovals(scope, policy);
  for (const orphan of pending.orphans) reportOrphan(scope, orphan);
  reportFlaws(scope, pending.flaws);
  if (pending.objection !== null) reportObjection(scope, pending.objection);
  for (const { backupId } of pending.removals) {
    const { removals } = await planRemovals(scope, policy);
    if (removals.some((still) => still.backupId === backupId))
      await retire(scope, backupId, `Enforcing retention policy: removing backup ${backupId} for server ${scope.name}`);
  }
}

/** Completes what a killed delete has begun, with a policy or without; children before what they are built on. */
export async function finishInterruptedDeletes(scope: ServerScope): Promise<void> {
  if (await isUnmounted(scope)) return;
  await endFinishedDeletes(scope);
  const { backups } = await scope.catalog.listBackups();
  for (const { backupId } of backups.filter(isInterruptedDelete).toReversed()) {
    const current = (await scope.catalog.listBackups()).backups;
    if (descendants(backupId, current).some(isCopyDone)) continue;
    await retire(scope, backupId, `Completing the interrupted delete of backup ${backupId} for server ${scope.name}`);
  }
}

/** What the next run of cron deletes, in its order; what it would say beforehand is said. */
export async function plannedRemovals(scope: ServerScope): Promise<readonly BackupInfo[]> {
  const policy = scope.config.retentionPolicy?.policy;
  const { backups, damaged } = await scope.catalog.listBackups();
  reportDamaged(scope, damaged);
  const interrupted = backups.filter(isInterruptedDelete);
  if (!policy) return interrupted;
  const { removals, flaws, objection } = await planRemovals(scope, policy);
  reportFlaws(scope, flaws);
  if (objection !== null) reportObjection(scope, objection);
  const going: BackupInfo[] = [];
  for (const info of removals) {
    const reason = await reasonToSpare(scope, info);
    if (reason === null) going.push(info);
    else scope.output.warning(reason);
  }
  return going;
}

function reportObjection({ output, name }: ServerScope, objection: string): void {
  output.warning(`The retention policy of server ${name} is not applied: ${objection}`);
}

interface Plan {
  readonly removals: readonly BackupInfo[];
  readonly orphans: readonly BackupInfo[];
  /** Of the backups that are neither half deleted nor orphans. */
  readonly flaws: BackupFlaws;
  /** Why nothing may be removed, in words. */
  readonly objection: string | null;
}

/** Not one backup is where they belong: what looks gone may be on a disk that is not there, and nothing is deleted. */
async function isUnmounted({ catalog }: ServerScope): Promise<boolean> {
  return [...(await catalog.flaws()).values()].some(({ kind }) => kind === 'unmounted');
}

async function planRemovals(scope: ServerScope, policy: RetentionPolicy): Promise<Plan> {
  const flaws = await scope.catalog.flaws();
  if (await isUnmounted(scope)) return { removals: [], orphans: [], flaws, objection: null };
  const { backups, damaged } = await scope.catalog.listBackups();
  const marked = await filterBy(backups, ({ backupId }) => scope.catalog.isMarkedForDelete(backupId));
  const orphans = await filterBy(
    backups,
    async (info) => !marked.includes(info) && (await isOrphan(scope, info, flaws)),
  );
  // What is half gone or has no data takes no place of a good backup; what nobody can look at keeps its chain.
  const isGone = ({ backupId }: BackupInfo) => flaws.get(backupId)?.kind === 'missing';
  const present = backups.filter((info) => !marked.includes(info) && !orphans.includes(info));
  const sound = present.filter((info) => !isGone(info));
  const verdicts = (await retentionVerdicts(scope, sound)) ?? new Map<string, RetentionVerdict>();
  const obsolete = deletionOrder(
    sound,
    verdicts,
    damaged.map(({ backupId }) => backupId),
  );
  const objection =
    obsolete.length === 0
      ? null
      : objectionTo(
          obsolete,
          sound.filter((info) => isSound(info, flaws)),
          policy,
          scope.now(),
        );
  // A root never goes before what is built on it.
  const interrupted = marked.filter((info) => !descendants(info.backupId, sound).some(isCopyDone));
  return {
    removals: [...interrupted, ...(objection === null ? obsolete : [])],
    orphans,
    flaws: new Map([...flaws].filter(([id]) => present.some(({ backupId }) => backupId === id))),
    objection,
  };
}

async function filterBy(
  backups: readonly BackupInfo[],
  test: (info: BackupInfo) => Promise<boolean>,
): Promise<readonly BackupInfo[]> {
  const answers = await Promise.all(backups.map(test));
  return backups.filter((_, index) => answers[index]);
}

/** A record without data: all that a delete of an old release left. A backup that is being made has no data yet. */
async function isOrphan(
  { catalog }: ServerScope,
  { backupId, status }: BackupInfo,
  flaws: BackupFlaws,
): Promise<boolean> {
  if (flaws.get(backupId)?.kind === 'unreadable') return false;
  if (status === 'EMPTY' || status === 'STARTED' || status === 'SYNCING') return false;
  const directory = backupPath(catalog.layout, backupId);
  if (!(await exists(directory))) return true;
  return (await listNames(directory)).join('/') === 'backup.info';
}

function reportOrphan({ output, catalog }: ServerScope, { backupId }: BackupInfo): void {
  output.warning(
    [
      `Backup '${backupId}' is an orphan backup, this is possibly the result of an incomplete delete operation. Please manually delete the following files or directories if present:`,
      `* ${backupPath(catalog.layout, backupId)} `,
      `* ${infoPath(catalog.layout, backupId)} `,
      '',
    ].join('\n'),
  );
}

/** A policy that would take away every backup, or a clock that cannot be right, is not obeyed. */
function objectionTo(
  obsolete: readonly BackupInfo[],
  restorable: readonly BackupInfo[],
  policy: RetentionPolicy,
  now: Date,
): string | null {
  const isGoing = new Set(obsolete.map(({ backupId }) => backupId));
  if (restorable.every(({ backupId }) => isGoing.has(backupId))) {
    return 'it would delete every backup. Let it keep at least one, or delete the backups yourself with "barman delete"';
  }
  if (policy.kind !== 'recovery-window') return null;
  const ends = restorable.map((info) => believedEnd(info, now) ?? 0);
  const age = now.getTime() / 1000 - Math.max(...ends);
  if (age <= policy.seconds + PLAUSIBLE_ABSENCE) return null;
  return `the newest backup ended ${humanDuration(age)} ago. Check the clock of this host, take a new backup, or delete the old ones yourself with "barman delete"`;
}

async function retire(scope: ServerScope, backupId: string, announcement: string): Promise<void> {
  const about = `backup ${backupId} of server ${scope.name}`;
  const prepare = async (info: BackupInfo): Promise<boolean> => {
    const reason = await reasonToSpare(scope, info);
    if (reason !== null) {
      scope.output.warning(reason);
      return false;
    }
    scope.output.info(announcement);
    return true;
  };
  try {
    if ((await removeUnderLock(scope, backupId, { passStandalone: true }, prepare)) !== 'busy') return;
    scope.output.warning(`Another action is in progress for the ${about}, skipping retention policy application`);
  } catch (error) {
    // The administrator's script said no to this one; that is no failure of the others.
    if (!(error instanceof HookAbortError)) throw error;
    scope.output.warning(`Obsolete ${about} is not deleted: ${messageOf(error)}`);
  }
}

/** Why an obsolete backup is not deleted, in words; null when nothing speaks against it. */
async function reasonToSpare({ name, catalog }: ServerScope, info: BackupInfo): Promise<string | null> {
  const about = `backup ${info.backupId} of server ${name}`;
  if ((await catalog.keepOf(info.backupId)) !== null) {
    return `The ${about} is not deleted: it has a current keep request`;
  }
  const subject = { backup: info.backupId, server: name };
  const isStuck = obstacleTo('delete', layoutOf(info, catalog.layout), subject) !== null;
  return isStuck ? `Obsolete ${about} is not deleted: this release cannot delete snapshots and objects` : null;
}
