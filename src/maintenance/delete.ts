/**
 * `barman delete`: one backup and everything that is built on it, unless it is protected.
 * Source: docs/behaviour/catalog.md 6.
 */
import { withHint } from '../domain/errors.ts';
import { unlinkIfPresent } from '../host/files.ts';
import { infoPath } from '../catalog/layout.ts';
import { type BackupFlaw, type BackupFlaws, flawText, isSound } from '../domain/backup/backup-flaw.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { isFull, layoutOf, obstacleTo } from '../domain/backup/backup-layout.ts';
import { claims, descendants } from '../domain/backup/retention.ts';
import { removeBackup, type RemovalOptions } from './delete/remove.ts';
import type { ServerScope } from '../server/scope.ts';
import { heldBackup, takeLock, withLock } from '../server/locks.ts';

/**
 * Deletes a backup and its incremental ones, leaves first. A refusal and a failure are reported; true when all are gone.
 * @throws HookAbortError when a pre_delete_retry_script vetoes
 */
export async function deleteBackup(scope: ServerScope, info: BackupInfo): Promise<boolean> {
  const isAllowed =
    (await mayGo(scope, info)) && (await withLock(scope, 'delete', () => deleteTree(scope, info))) === true;
  if (!isAllowed) reportRefusal(scope, info);
  return isAllowed;
}

/** compat 3.20.1: the reference prints its whole record there; scripts can rely on the beginning. */
export function reportRefusal({ output, name }: ServerScope, { backupId }: BackupInfo): void {
  output.error(`Cannot delete backup (${name} LocalBackupInfo(backup_id='${backupId}'))`);
}

/** Keep annotation and minimum redundancy; a refusal is reported. */
export async function mayGo(scope: ServerScope, info: BackupInfo): Promise<boolean> {
  const { backupId } = info;
  const skipping = `Skipping delete of backup ${backupId} for server ${scope.name}`;
  const obstacle = obstacleTo('delete', layoutOf(info, scope.catalog.layout), { backup: backupId, server: scope.name });
  if (obstacle !== null) {
    scope.output.error(obstacle.words);
    return false;
  }
  if ((await scope.catalog.keepOf(backupId)) !== null) {
    scope.output.warning(
      `${skipping} as it has a current keep request. If you really want to delete this backup please remove the keep and try again.`,
    );
    return false;
  }
  const backups = await readAfresh(scope);
  const doubt = await doubtOf(scope, info, backups);
  if (doubt !== null) {
    scope.output.error(`${skipping}: ${doubt}`);
    return false;
  }
  const minimum = scope.config.minimumRedundancy;
  const flaws = await scope.catalog.flaws();
  const full = backups.filter((backup) => backup.status === 'DONE' && isFull(backup) && isSound(backup, flaws));
  if (full.some((backup) => backup.backupId === backupId) && minimum >= full.length) {
    scope.output.warning(
      `${skipping} due to minimum redundancy requirements (minimum redundancy = ${minimum}, current redundancy = ${full.length})`,
    );
    return false;
  }
  return true;
}

/** Why it cannot be told what goes with a backup, or what is built on it, and what to do about it; null when it can. */
async function doubtOf(
  { catalog }: ServerScope,
  info: BackupInfo,
  backups: readonly BackupInfo[],
): Promise<string | null> {
  const { backupId, parentBackupId } = info;
  const tree = [info, ...descendants(backupId, backups)];
  if (tree.some((backup) => backup.backupId === parentBackupId)) {
    return withHint(
      `its record says that it is built on ${parentBackupId}, which is built on it`,
      `correct parent_backup_id in '${infoPath(catalog.layout, backupId)}'`,
    );
  }
  const flaws = await catalog.flaws();
  const flaw = [...flaws.values()].find(({ kind }) => kind === 'unmounted') ?? firstUnreadable(tree, flaws);
  if (flaw !== undefined) {
    return withHint(
      flawText(flaw),
      flaw.kind === 'unmounted'
        ? `mount it and try again, or, if the backups are lost, remove their records in ${catalog.layout.metaDirectory} by hand`
        : 'let this user read it and try again',
    );
  }
  const { damaged } = await catalog.listBackups();
  const unreadable = damaged.find((record) => claims(tree, record.backupId));
  if (unreadable === undefined) return null;
  return withHint(
    `the record of backup ${unreadable.backupId}, which is built on it, cannot be read`,
    `put a good copy of '${unreadable.path}' in its place, or remove it when that backup is of no use`,
  );
}

function firstUnreadable(tree: readonly BackupInfo[], flaws: BackupFlaws): BackupFlaw | undefined {
  return tree.map(({ backupId }) => flaws.get(backupId)).find((flaw) => flaw?.kind === 'unreadable');
}

/** The listing may be older than a delete of another process: what counts is what is there now. */
export async function readAfresh({ catalog }: ServerScope): Promise<readonly BackupInfo[]> {
  const { backups } = await catalog.listBackups();
  const current = await Promise.all(backups.map(({ backupId }) => catalog.getBackup(backupId)));
  return current.filter((backup) => backup !== undefined);
}

async function deleteTree(scope: ServerScope, info: BackupInfo): Promise<boolean> {
  // Now that nobody else deletes: is it still there, and still not needed?
  const target = await scope.catalog.getBackup(info.backupId);
  if (target === undefined) {
    scope.output.error(`Unknown backup '${info.backupId}' for server '${scope.name}'`);
    return false;
  }
  if (!(await mayGo(scope, target))) return false;
  const children = descendants(info.backupId, await readAfresh(scope));
  if (children.length > 0) {
    scope.output.warning(
      `Backup ${info.backupId} has incremental backups which depend on it. Deleting all backups in the tree`,
    );
  }
  for (const backup of children.toReversed()) {
    if (await deleteLocked(scope, backup)) continue;
    scope.output.error(
      'Failed to delete one of its incremental backups. Make sure all its dependent backups are deletable and try again.',
    );
    return false;
  }
  return deleteLocked(scope, target);
}

async function deleteLocked(scope: ServerScope, info: BackupInfo): Promise<boolean> {
  const outcome = await removeUnderLock(scope, info.backupId, { passStandalone: false });
  if (outcome === 'busy') {
    scope.output.error(heldBackup(scope, info.backupId));
  }
  return outcome === 'removed';
}

/**
 * Takes the lock of one backup and removes it. `prepare` runs under the lock and may still say no. The lock file goes
 * with the backup.
 */
export async function removeUnderLock(
  scope: ServerScope,
  backupId: string,
  options: RemovalOptions,
  prepare: (info: BackupInfo) => Promise<boolean> = async () => true,
): Promise<'removed' | 'failed' | 'busy' | 'refused'> {
  const lock = await takeLock(scope, 'remove backup', backupId);
  if (lock === undefined) return 'busy';
  let isRemoved = false;
  try {
    // As it is now: the process that held the lock may have changed or removed it.
    const info = await scope.catalog.getBackup(backupId);
    if (info === undefined) return 'refused';
    if (!(await prepare(info))) return 'refused';
    isRemoved = await removeBackup(scope, info, options);
    return isRemoved ? 'removed' : 'failed';
  } finally {
    if (isRemoved) await unlinkIfPresent(lock.path);
    await lock.release();
  }
}
