/** The WAL that nobody needs once a backup is gone: found by the rule of domain/wal/wal-horizon.ts, removed by name. */
import { listNames } from '../../host/files.ts';
import { backupPath } from '../../catalog/layout.ts';
import { type WalJudge, walsFreedBy } from '../../domain/wal/wal-horizon.ts';
import { parseWalName } from '../../domain/wal/wal.ts';
import { readKeeps } from '../../server/backup-verdicts.ts';
import type { ServerScope } from '../../server/scope.ts';
import { walDeleteHooks } from '../../wal/delete-hooks.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { isBackupId } from '../../domain/backup/backup-id.ts';

export interface FreedWalsOptions {
  readonly passStandalone: boolean;
  /** For each file that is gone: from the first on, the backup is not whole any more. */
  readonly onRemoved: () => void;
}

/**
 * Removes and lists the WAL that goes with `info`. Nothing goes while there is a backup of which Barman cannot tell what
 * it needs; that is said. @throws HookAbortError when a script vetoes: that file and the rest stay
 */
export async function removeFreedWals(
  scope: ServerScope,
  info: BackupInfo,
  { passStandalone, onRemoved }: FreedWalsOptions,
): Promise<void> {
  const { catalog } = scope;
  const isFree = await judgeFreedWals(scope, info, (await catalog.listBackups()).backups, passStandalone);
  if (isFree === null) return;
  scope.output.info('Delete associated WAL segments:');
  const removed = await catalog.removeWals(
    ({ name }) => {
      const file = parseWalName(name);
      return file !== undefined && isFree(file);
    },
    { ...walDeleteHooks(scope), gone: onRemoved },
  );
  for (const { name } of removed) scope.output.info(`\t${name}`);
}

/**
 * Says of an archived file whether it goes with `info`, when `backups` are what is there; null when no WAL goes. That
 * nothing goes because of a backup of which nobody knows what it needs is said.
 */
export async function judgeFreedWals(
  scope: ServerScope,
  info: BackupInfo,
  backups: readonly BackupInfo[],
  passStandalone: boolean,
): Promise<WalJudge | null> {
  const isFree = walsFreedBy(info, backups, { keeps: await readKeeps(scope, backups), passStandalone });
  if (isFree === null) return null;
  const riddle = await unknownBackup(scope);
  if (riddle === null) return isFree;
  scope.output.warning(`No WAL file of server ${scope.name} is deleted: ${riddle}, and it may need them`);
  return null;
}

/** A backup that no readable record speaks of, in words; null when there is none. */
async function unknownBackup({ catalog }: ServerScope): Promise<string | null> {
  const { backups, damaged } = await catalog.listBackups();
  const [first] = damaged;
  if (first !== undefined)
    return `the record of backup ${first.backupId} cannot be read (${first.path}: ${first.reason})`;
  const known = new Set(backups.map(({ backupId }) => backupId));
  for (const name of await listNames(catalog.layout.baseDirectory)) {
    if (!isBackupId(name) || known.has(name)) continue;
    const directory = backupPath(catalog.layout, name);
    // An empty one is the claim of a backup that begins at this moment.
    if ((await listNames(directory)).length > 0) return `the directory ${directory} holds a backup without a record`;
  }
  return null;
}
