/**
 * Backups whose process was killed. While a backup runs, its process holds `.SERVER-backup.lock` (the reference's too), so
 * a record that is EMPTY or STARTED while we hold that lock is one that nobody works on any more. Barman leaves them as
 * they are; here they become FAILED. PostgreSQL needs no help: a backup of pg_basebackup ends with its connection.
 */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listNames, rmdirIfEmpty } from '../host/files.ts';
import { backupPath } from '../catalog/layout.ts';
import { messageOf } from '../domain/errors.ts';
import type { ServerScope } from '../server/scope.ts';
import { withLock } from '../server/locks.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { isBackupId } from '../domain/backup/backup-id.ts';

/** Traces of backups that may have been interrupted, or are being made: only under the lock can that be told. */
export async function hasInterruptedBackups(scope: ServerScope): Promise<boolean> {
  const { backups, damaged } = await scope.catalog.listBackups();
  const known = new Set([...backups, ...damaged].map(({ backupId }) => backupId));
  return backups.some(isUnfinished) || (await unusedClaims(scope, known)).length > 0;
}

/** For cron. A backup that is being made holds the lock: nothing is done then. */
export async function repairInterruptedBackups(scope: ServerScope): Promise<void> {
  await withLock(scope, 'repair backups', () => repairUnderLock(scope));
}

/** Marks every unfinished backup FAILED. The caller holds the server's backup lock. */
export async function repairUnderLock(scope: ServerScope): Promise<void> {
  const { backups, damaged } = await scope.catalog.listBackups();
  for (const { backupId } of backups.filter(isUnfinished)) {
    // Read again: the listing may be older than the lock.
    const info = await scope.catalog.getBackup(backupId);
    if (info === undefined || !isUnfinished(info)) continue;
    await endOrphan(scope, info);
    await scope.catalog.saveBackup({ ...info, status: 'FAILED', error: reasonOf(info) });
    scope.output.warning(
      `Backup ${backupId} of server ${scope.name} was interrupted: its process is gone. It is now marked as FAILED`,
    );
  }
  const known = new Set([...backups, ...damaged].map(({ backupId }) => backupId));
  for (const backupId of await unusedClaims(scope, known)) {
    await rmdirIfEmpty(backupPath(scope.catalog.layout, backupId));
  }
}

function isUnfinished({ status }: BackupInfo): boolean {
  return status === 'EMPTY' || status === 'STARTED';
}

function reasonOf({ status }: BackupInfo): string {
  const action = status === 'EMPTY' ? 'starting backup' : 'copying files';
  return `failure ${action} (the backup process ended before its time: killed, or the host went down)`;
}

/** A process that died between claiming an id and saving its record leaves an empty directory. */
async function unusedClaims(scope: ServerScope, known: ReadonlySet<string>): Promise<readonly string[]> {
  const { baseDirectory } = scope.catalog.layout;
  const claims: string[] = [];
  for (const name of await listNames(baseDirectory)) {
    if (!isBackupId(name) || known.has(name)) continue;
    // One that holds something stays, and must not make every cron take the lock of the backups.
    const content = await listNames(backupPath(scope.catalog.layout, name)).catch(() => null);
    if (content?.length === 0) claims.push(name);
  }
  return claims;
}

/**
 * Ends a pg_basebackup or rsync that still writes into this backup: one started by the reference, or on a host without
 * setpriv(1). It is found by the destination among its arguments.
 */
async function endOrphan(scope: ServerScope, info: BackupInfo): Promise<void> {
  const directory = backupPath(scope.catalog.layout, info.backupId);
  for (const { pid, name } of await copiersInto(directory)) {
    scope.log.named('barman.backup').warning(`ending ${name} (pid ${pid}) of the interrupted backup ${info.backupId}`);
    try {
      process.kill(pid, 'SIGTERM');
      for (let wait = 0; wait < 50 && (await copierInto(pid, directory)); wait += 1) await sleep(100);
      if (await copierInto(pid, directory)) process.kill(pid, 'SIGKILL');
    } catch (error) {
      scope.log.named('barman.backup').warning(`cannot end process ${pid}: ${messageOf(error)}`);
    }
  }
}

async function copiersInto(directory: string): Promise<{ pid: number; name: string }[]> {
  const found: { pid: number; name: string }[] = [];
  for (const entry of await readdir('/proc').catch(() => [])) {
    const name = /^\d+$/.test(entry) ? await copierInto(Number(entry), directory) : undefined;
    if (name !== undefined) found.push({ pid: Number(entry), name });
  }
  return found;
}

/** The name of the program that this process runs, when it is one that copies into the directory. */
async function copierInto(pid: number, directory: string): Promise<string | undefined> {
  try {
    if ((await lstat(`/proc/${pid}`)).uid !== process.getuid?.()) return undefined;
    const [program = '', ...words] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    const name = basename(program);
    const destinations = name === 'pg_basebackup' ? [`--pgdata=${directory}/data`] : [];
    const writes = (word: string) => destinations.includes(word) || word.startsWith(`${directory}/`);
    return (name === 'pg_basebackup' || name === 'rsync') && words.some(writes) ? name : undefined;
  } catch {
    // Gone while we looked, or not ours to look at.
    return undefined;
  }
}
