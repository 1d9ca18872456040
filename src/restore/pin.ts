/**
 * A backup that is being restored holds its own lock file, so that neither make of Barman deletes it meanwhile: delete and
 * retention take the same lock and step back when it is busy. Source: docs/behaviour/catalog.md 7.
 */
import { exists } from '../host/files.ts';
import { acquireLock, type HeldLock } from '../host/lock.ts';
import { annotationPath, backupLock } from '../catalog/layout.ts';
import { LockBusyError, LockDeniedError, RecoveryError } from '../domain/errors.ts';
import type { ServerScope } from '../server/scope.ts';

/** Runs `body` while the backup is pinned. @throws RecoveryError when it is being deleted right now */
export async function withPinnedBackup<T>(scope: ServerScope, backupId: string, body: () => Promise<T>): Promise<T> {
  const lock = await pin(scope, backupId);
  try {
    return await body();
  } finally {
    await lock?.release();
  }
}

async function pin(scope: ServerScope, backupId: string): Promise<HeldLock | null> {
  const { layout } = scope.catalog;
  try {
    return await acquireLock(backupLock(layout, backupId), { wait: false });
  } catch (error) {
    if (!(error instanceof LockBusyError || error instanceof LockDeniedError)) throw error;
    if (error instanceof LockBusyError && (await exists(annotationPath(layout, backupId, 'delete_this')))) {
      throw new RecoveryError(
        `Cannot restore from backup '${backupId}' of server '${scope.name}': it is being deleted`,
        {
          hint: `choose another backup: barman list-backups ${scope.name}`,
        },
      );
    }
    // Another restore or check-backup holds it, or a read-only host has no right to lock: restoring needs no lock itself.
    scope.log
      .named('barman.recovery_executor')
      .info(`backup ${backupId} is not locked during its restore: ${error.message}`);
    return null;
  }
}
