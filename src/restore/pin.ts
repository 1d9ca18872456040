/**
 * A backup that is being restored holds its own lock file, so that neither make of Barman deletes it meanwhile: delete and
 * retention take the same lock and step back when it is busy. Source: docs/behaviour/catalog.md 7.
 */
import type { HeldLock } from '../host/lock.ts';
import { LockDeniedError } from '../domain/errors.ts';
import type { ServerScope } from '../server/scope.ts';
import { takeLock, tellUnlocked } from '../server/locks.ts';

/** Runs `body` while the backup is pinned. @throws RecoveryError when it is being deleted right now */
export async function withPinnedBackup<T>(scope: ServerScope, backupId: string, body: () => Promise<T>): Promise<T> {
  const lock = await pin(scope, backupId);
  try {
    return await body();
  } finally {
    await lock?.release();
  }
}

async function pin(scope: ServerScope, backupId: string): Promise<HeldLock | undefined> {
  try {
    return await takeLock(scope, 'restore', backupId);
  } catch (error) {
    if (!(error instanceof LockDeniedError)) throw error;
    // A read-only host has no right to lock.
    tellUnlocked(scope, backupId, error.message);
    return undefined;
  }
}
