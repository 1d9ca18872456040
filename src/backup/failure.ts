/**
 * A backup that did not work: its record says why, and a full disk gets its space back.
 * Source: docs/behaviour/backup.md 2.1.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { redactSecrets } from '../domain/redaction.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { BarmanError, errnoOf, messageOf } from '../domain/errors.ts';
import type { ServerScope } from '../server/scope.ts';
import { type BackupAction, interruption } from './method.ts';

/** Saves the record as FAILED, then says so. What was copied stays, unless the disk is full. */
export async function recordFailure(
  scope: ServerScope,
  info: BackupInfo,
  directory: string,
  action: BackupAction,
  thrown: unknown,
): Promise<BackupInfo> {
  // Once we were told to stop, every later trouble is a consequence of that.
  const error = scope.signal.aborted ? interruption(scope.signal) : thrown;
  const log = scope.log.named('barman.backup');
  const message = redactSecrets(messageOf(error)) || (error instanceof Error ? error.name : 'unknown error');
  if (!(error instanceof BarmanError) && error instanceof Error) log.error(message, error.stack);
  const failed: BackupInfo = { ...info, status: 'FAILED', error: `failure ${action} (${firstLine(message)})` };
  if (isOutOfSpace(error)) {
    await giveSpaceBack(directory).catch((cause: unknown) => {
      log.error(`cannot empty the directory of the failed backup ${info.backupId}: ${messageOf(cause)}`);
    });
  }
  await scope.catalog.saveBackup(failed).catch((cause: unknown) => {
    scope.output.error(
      `cannot record the failure of backup ${info.backupId} of server ${scope.name}: ${messageOf(cause)}; the next "barman cron" will try again`,
    );
  });
  scope.output.error(`Backup failed ${action}.\nDETAILS: ${message}`);
  return failed;
}

function firstLine(text: string): string {
  return (text.trim().split(/\r?\n/)[0] ?? '').trim();
}

function isOutOfSpace(error: unknown): boolean {
  const code = errnoOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return true;
  if (!(error instanceof Error)) return false;
  return /No space left on device|Disk quota exceeded/.test(error.message) || isOutOfSpace(error.cause);
}

/**
 * What was copied of a failed backup is of no use, and the WAL archive needs the space. The empty `data` stays: a record
 * without a data directory is taken for an interrupted delete.
 */
async function giveSpaceBack(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(join(directory, 'data'), { recursive: true, mode: 0o700 });
}
