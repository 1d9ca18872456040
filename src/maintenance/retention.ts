/**
 * Enforces a server's retention policy: what cron does after everything else. Source: spec config.md section 12
 * (Enforcement), backup.md 7.2.
 */
import { exists, listNames } from '../host/files.ts';
import { backupPath, infoPath } from '../catalog/layout.ts';
import { type BackupInfo, backupType, isCopyDone } from '../domain/backup/backup-info.ts';
import { humanDuration } from '../domain/time/duration.ts';
import { HookAbortError, messageOf } from '../domain/errors.ts';
import { deletionOrder, descendants, type RetentionVerdict } from '../domain/backup/retention.ts';
import type { RetentionPolicy } from '../domain/backup/retention-policy.ts';
import { retentionVerdicts } from '../server/backup-verdicts.ts';
import type { CommandContext } from '../server/context.ts';
import { isInterruptedDelete } from './delete/interrupted.ts';
import { endFinishedDeletes } from '../server/stray-marks.ts';
import { removeUnderLock } from './delete.ts';
import { reportDamaged } from '../server/find-backup.ts';
import type { Server } from '../server/server.ts';

/** A clock that is this far beyond the window and the newest backup is not believed, seconds. */
const PLAUSIBLE_ABSENCE = 366 * 86_400;

/**
 * Deletes what the policy calls obsolete, and what an interrupted delete has begun to delete; nothing without a policy.
 * What is to go is worked out again before each backup: another process may have kept or deleted one meanwhile. What
 * becomes obsolete in between waits for the next run.
 */
export async function enforceRetention(ctx: CommandContext, server: Server): Promise<void> {
  const policy = server.config.retentionPolicy?.policy;
  if (!policy) return;
  reportDamaged(ctx, server, (await server.catalog.listBackups()).damaged);
  const pending = await planRemovals(ctx, server, policy);
  for (const orphan of pending.orphans) reportOrphan(ctx, server, orphan);
  if (pending.objection !== null) reportObjection(ctx, server, pending.objection);
  for (const { backupId } of pending.removals) {
    const { removals } = await planRemovals(ctx, server, policy);
    if (removals.some((still) => still.backupId === backupId))
      await retire(
        ctx,
        server,
        backupId,
        `Enforcing retention policy: removing backup ${backupId} for server ${server.name}`,
      );
  }
}

/** Completes what a killed delete has begun, with a policy or without; children before what they are built on. */
export async function finishInterruptedDeletes(ctx: CommandContext, server: Server): Promise<void> {
  await endFinishedDeletes(server);
  const { backups } = await server.catalog.listBackups();
  for (const { backupId } of backups.filter(isInterruptedDelete).toReversed()) {
    const current = (await server.catalog.listBackups()).backups;
    if (descendants(backupId, current).some(isCopyDone)) continue;
    await retire(
      ctx,
      server,
      backupId,
      `Completing the interrupted delete of backup ${backupId} for server ${server.name}`,
    );
  }
}

/** What the next run of cron deletes, in its order; what it would say beforehand is said. */
export async function plannedRemovals(ctx: CommandContext, server: Server): Promise<readonly BackupInfo[]> {
  const policy = server.config.retentionPolicy?.policy;
  const { backups, damaged } = await server.catalog.listBackups();
  reportDamaged(ctx, server, damaged);
  const interrupted = backups.filter(isInterruptedDelete);
  if (!policy) return interrupted;
  const { removals, objection } = await planRemovals(ctx, server, policy);
  if (objection !== null) reportObjection(ctx, server, objection);
  const going: BackupInfo[] = [];
  for (const info of removals) {
    const reason = await reasonToSpare(server, info);
    if (reason === null) going.push(info);
    else ctx.output.warning(reason);
  }
  return going;
}

function reportObjection({ output }: CommandContext, { name }: Server, objection: string): void {
  output.warning(`The retention policy of server ${name} is not applied: ${objection}`);
}

interface Plan {
  readonly removals: readonly BackupInfo[];
  readonly orphans: readonly BackupInfo[];
  /** Why nothing may be removed, in words. */
  readonly objection: string | null;
}

async function planRemovals(ctx: CommandContext, server: Server, policy: RetentionPolicy): Promise<Plan> {
  const { backups, damaged } = await server.catalog.listBackups();
  const marked = await filterBy(backups, ({ backupId }) => server.catalog.isMarkedForDelete(backupId));
  const orphans = await filterBy(backups, async (info) => !marked.includes(info) && (await isOrphan(server, info)));
  // What is half gone or has no data takes no place of a good backup.
  const sound = backups.filter((info) => !marked.includes(info) && !orphans.includes(info));
  const verdicts = (await retentionVerdicts(ctx, server, sound)) ?? new Map<string, RetentionVerdict>();
  const obsolete = deletionOrder(
    sound,
    verdicts,
    damaged.map(({ backupId }) => backupId),
  );
  const objection = obsolete.length === 0 ? null : objectionTo(obsolete, sound, policy, ctx.now());
  // A root never goes before what is built on it.
  const interrupted = marked.filter((info) => !descendants(info.backupId, sound).some(isCopyDone));
  return { removals: [...interrupted, ...(objection === null ? obsolete : [])], orphans, objection };
}

async function filterBy(
  backups: readonly BackupInfo[],
  test: (info: BackupInfo) => Promise<boolean>,
): Promise<readonly BackupInfo[]> {
  const answers = await Promise.all(backups.map(test));
  return backups.filter((_, index) => answers[index]);
}

/** A record without data: all that a delete of an old release left. A backup that is being made has no data yet. */
async function isOrphan({ catalog }: Server, { backupId, status }: BackupInfo): Promise<boolean> {
  if (status === 'EMPTY' || status === 'STARTED' || status === 'SYNCING') return false;
  const directory = backupPath(catalog.layout, backupId);
  if (!(await exists(directory))) return true;
  return (await listNames(directory)).join('/') === 'backup.info';
}

function reportOrphan({ output }: CommandContext, { catalog }: Server, { backupId }: BackupInfo): void {
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
  sound: readonly BackupInfo[],
  policy: RetentionPolicy,
  now: Date,
): string | null {
  const isGoing = new Set(obsolete.map(({ backupId }) => backupId));
  const restorable = sound.filter(isCopyDone);
  if (restorable.every(({ backupId }) => isGoing.has(backupId))) {
    return 'it would delete every backup. Let it keep at least one, or delete the backups yourself with "barman delete"';
  }
  if (policy.kind !== 'recovery-window') return null;
  const ends = restorable.map(({ endTime }) => (endTime === null ? 0 : Number(endTime.epochMicros) / 1e6));
  const age = now.getTime() / 1000 - Math.max(...ends);
  if (age <= policy.seconds + PLAUSIBLE_ABSENCE) return null;
  return `the newest backup ended ${humanDuration(age)} ago. Check the clock of this host, take a new backup, or delete the old ones yourself with "barman delete"`;
}

async function retire(ctx: CommandContext, server: Server, backupId: string, announcement: string): Promise<void> {
  const about = `backup ${backupId} of server ${server.name}`;
  const prepare = async (info: BackupInfo): Promise<boolean> => {
    const reason = await reasonToSpare(server, info);
    if (reason !== null) {
      ctx.output.warning(reason);
      return false;
    }
    ctx.output.info(announcement);
    return true;
  };
  try {
    if ((await removeUnderLock(ctx, server, backupId, { passStandalone: true }, prepare)) !== 'busy') return;
    ctx.output.warning(`Another action is in progress for the ${about}, skipping retention policy application`);
  } catch (error) {
    // The administrator's script said no to this one; that is no failure of the others.
    if (!(error instanceof HookAbortError)) throw error;
    ctx.output.warning(`Obsolete ${about} is not deleted: ${messageOf(error)}`);
  }
}

/** Why an obsolete backup is not deleted, in words; null when nothing speaks against it. */
async function reasonToSpare({ name, catalog }: Server, info: BackupInfo): Promise<string | null> {
  const about = `backup ${info.backupId} of server ${name}`;
  if ((await catalog.keepOf(info.backupId)) !== null) {
    return `The ${about} is not deleted: it has a current keep request`;
  }
  const isElsewhere = backupType(info) === 'snapshot' || catalog.layout.baseDirectory.includes('://');
  return isElsewhere ? `Obsolete ${about} is not deleted: this release cannot delete snapshots and objects` : null;
}
