/**
 * Removes one backup with the WAL that only it needs. The order makes every instant safe to be killed at:
 * hooks, record to FAILED, note `delete_this`, WAL by name, files, record, note. From the second step on nobody takes the
 * backup for one that can be restored or counts it for a retention policy, and the whole can be repeated: the next cron
 * does (the note is what the reference goes by).
 * Source: docs/behaviour/catalog.md 6, faults.md REF5 to REF7.
 */
import { join } from 'node:path';
import { backupHookVariables, hasHooks, runHooks } from '../../host/hooks.ts';
import { exists, syncDirectory, unlinkIfPresent } from '../../host/files.ts';
import { backupPath, infoPath } from '../../catalog/layout.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { originOf } from '../../domain/backup/backup-layout.ts';
import { neighbours } from '../../domain/backup/backup-order.ts';
import { BackupError, errnoOf, HookAbortError, messageOf, WalError } from '../../domain/errors.ts';
import { humanDuration } from '../../domain/time/duration.ts';
import { ctime, timestampOf } from '../../domain/time/timestamp.ts';
import { measureTree, removeTree } from '../../transfer/backup-tree.ts';
import type { ServerScope } from '../../server/scope.ts';
import { removeFreedWals } from './freed-wals.ts';
import { asInterrupted } from './interrupted.ts';

export interface RemovalOptions {
  /** See HorizonFacts. */
  readonly passStandalone: boolean;
}

/**
 * Deletes `info`; the caller holds its lock and has decided that it may go. True when it is gone; a failure is reported
 * and leaves the note for the next attempt. @throws HookAbortError when a script vetoes: the backup is then as it was
 */
export async function removeBackup(scope: ServerScope, info: BackupInfo, options: RemovalOptions): Promise<boolean> {
  const { catalog } = scope;
  const { backupId } = info;
  const started = scope.now();
  const hooks = await prepareHooks(scope, info);
  try {
    await hooks.run('pre');
  } catch (error) {
    // The veto also ends a delete that was cut short before, and whatever the reference left behind.
    await catalog.unmarkForDelete(backupId);
    throw error;
  }
  scope.output.info(`Deleting backup ${backupId} for server ${scope.name}`);
  const { next } = neighbours(backupId, (await catalog.listBackups()).backups);
  await catalog.saveBackup(asInterrupted(scope.name, info));
  await catalog.markForDelete(backupId);
  await removeWals(scope, info, options);
  if (!(await removeFiles(scope, info))) return false;
  await leaveParent(scope, info);
  await catalog.removeRecord(backupId);
  await catalog.unmarkForDelete(backupId);
  const elapsed = (scope.now().getTime() - started.getTime()) / 1000;
  scope.output.info(
    `Deleted backup ${backupId} (start time: ${ctime(timestampOf(started))}, elapsed time: ${humanDuration(elapsed)})`,
  );
  if (next !== undefined) await remeasure(scope, next);
  await unlinkIfPresent(join(catalog.layout.lockDirectory, `.${scope.name}-${backupId}-sync-backup.lock`));
  await hooks.run('post');
  return true;
}

/** A veto at the first file, or an index that cannot be used, leaves a backup that is still whole: it gets its old record back. */
async function removeWals(scope: ServerScope, info: BackupInfo, options: RemovalOptions): Promise<void> {
  let removed = 0;
  try {
    await removeFreedWals(scope, info, { ...options, onRemoved: () => (removed += 1) });
  } catch (error) {
    const isVeto = error instanceof HookAbortError;
    const isUntouched = removed === 0 && (isVeto || error instanceof WalError);
    if (isUntouched) await scope.catalog.saveBackup(info);
    if (isVeto || isUntouched) await scope.catalog.unmarkForDelete(info.backupId);
    throw error;
  }
}

/** The variables are those of the moment before the delete, also for the scripts that run after it. */
async function prepareHooks(scope: ServerScope, info: BackupInfo) {
  if (!hasHooks(scope.config, 'delete')) return { run: async () => {} };
  const { layout } = scope.catalog;
  const { backups } = await scope.catalog.listBackups();
  const paths = { backupDirectory: backupPath(layout, info.backupId), infoFile: infoPath(layout, info.backupId) };
  const variables = backupHookVariables(info, paths, backups);
  return { run: (phase: 'pre' | 'post') => runHooks(scope, scope.config, 'delete', phase, variables) };
}

async function removeFiles(scope: ServerScope, { backupId }: BackupInfo): Promise<boolean> {
  const { layout } = scope.catalog;
  const directory = backupPath(layout, backupId);
  try {
    await removeTree(directory);
    if (await exists(layout.baseDirectory)) await syncDirectory(layout.baseDirectory);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined && !(error instanceof BackupError)) throw error;
    scope.output.error(
      `Failure deleting backup ${backupId} for server ${scope.name}.\n${messageOf(error)}\nPlease manually remove the '${directory}' directory`,
    );
    return false;
  }
}

async function leaveParent({ catalog }: ServerScope, { backupId, parentBackupId }: BackupInfo): Promise<void> {
  const { backups } = await catalog.listBackups();
  const parent = backups.find((other) => other.backupId === parentBackupId);
  if (!parent?.childrenBackupIds?.includes(backupId)) return;
  const others = parent.childrenBackupIds.filter((id) => id !== backupId);
  await catalog.saveBackup({ ...parent, childrenBackupIds: others.length > 0 ? others : null });
}

/** Files that the next rsync backup shared with the one that is gone are now its own. */
async function remeasure(scope: ServerScope, next: BackupInfo): Promise<void> {
  const { catalog } = scope;
  if (originOf(next) !== 'rsync') return;
  try {
    const sizes = await measureTree(backupPath(catalog.layout, next.backupId));
    if (sizes.size === next.size && sizes.deduplicatedSize === next.deduplicatedSize) return;
    const current = await catalog.getBackup(next.backupId);
    if (current !== undefined) await catalog.saveBackup({ ...current, ...sizes });
  } catch (error) {
    // Only a figure is out of date.
    scope.log.named('barman.backup').warning(`cannot measure backup ${next.backupId}: ${messageOf(error)}`);
  }
}
