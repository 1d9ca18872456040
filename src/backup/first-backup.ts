/**
 * The WAL from before the first backup of a server can restore nothing: it is dropped, file by file, by name.
 * Source: docs/behaviour/backup.md 4.5, wal.md 9; faults.md REF7.
 */
import { listNames } from '../host/files.ts';
import { messageOf } from '../domain/errors.ts';
import { parseWalName } from '../domain/wal/wal.ts';
import type { WalRecord } from '../domain/wal/xlogdb.ts';
import { type BackupInfo, isCopyDone } from '../domain/backup/backup-info.ts';
import { around } from '../domain/backup/backup-order.ts';
import { isBackupId } from '../domain/backup/backup-id.ts';
import { walDeleteHooks } from '../wal/delete-hooks.ts';
import type { ServerScope } from '../server/scope.ts';

/**
 * Drops the archived WAL older than `info` when it is the only backup there is. A backup that failed, a record that cannot
 * be read and a data directory without a record all count as reasons to keep every file.
 */
export async function purgeOlderWals(
  scope: ServerScope,
  info: BackupInfo,
  options: { readonly tell: 'all' | 'removed' | 'nothing' },
): Promise<void> {
  try {
    await purge(scope, info, options);
  } catch (error) {
    // The backup is complete; only the space is not free yet.
    scope.output.warning(`cannot remove the older WAL files of server ${scope.name}: ${messageOf(error)}`);
  }
}

async function purge(scope: ServerScope, info: BackupInfo, { tell }: { readonly tell: 'all' | 'removed' | 'nothing' }) {
  const { beginWal } = info;
  if (!isCopyDone(info) || beginWal === null) return;
  const { backups, damaged } = await scope.catalog.listBackups();
  if (around(info.backupId, backups).earlier.some(isCopyDone)) return;
  const silent = tell === 'nothing';
  if (tell === 'all') scope.output.info(`This is the first backup for server ${scope.name}`);
  if (scope.config.wormMode) {
    if (!silent) scope.output.info("'worm_mode' is enabled, skip purging of unused WAL files.");
    return;
  }
  // A clock that was set back can make the newest backup look like the oldest: what WAL the others need stays.
  const others = backups.filter((other) => other.backupId !== info.backupId);
  if (damaged.length > 0 || others.some(isCopyDone) || (await hasUnknownBackup(scope, backups))) {
    scope.log
      .named('barman.backup')
      .warning(
        `WAL files before ${beginWal} are kept: server ${scope.name} has other or unreadable backups that may need them`,
      );
    return;
  }
  const removed = await scope.catalog.removeWals(isOlderThan(beginWal), walDeleteHooks(scope));
  if (removed.length === 0 || silent) return;
  scope.output.info('WAL segments preceding the current backup have been found:');
  for (const { name } of removed) scope.output.info(`\t${name} from server ${scope.name} has been removed`);
}

/** True while no other backup has its data: the one that is being made comes last. */
export async function isFirstBackup(scope: ServerScope, backupId: string): Promise<boolean> {
  const { backups } = await scope.catalog.listBackups();
  return !backups.some((other) => other.backupId !== backupId && isCopyDone(other));
}

/** Plain, partial and label files of segments below `beginWal`; names that are no WAL name are not ours to judge. */
export function isOlderThan(beginWal: string): (record: WalRecord) => boolean {
  return ({ name }) => {
    const file = parseWalName(name);
    return file !== undefined && file.kind !== 'history' && name < beginWal;
  };
}

/** A directory in base/ that no record speaks of may be a backup whose record was lost. */
async function hasUnknownBackup(scope: ServerScope, backups: readonly BackupInfo[]): Promise<boolean> {
  const known = new Set(backups.map(({ backupId }) => backupId));
  const names = await listNames(scope.catalog.layout.baseDirectory);
  return names.some((name) => isBackupId(name) && !known.has(name));
}
