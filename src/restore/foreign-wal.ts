/** WAL of another PostgreSQL system than the backup's: never delivered. */
import { inParallel } from '../domain/in-parallel.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { errnoOf, RecoveryError } from '../domain/errors.ts';
import { parseWalName } from '../domain/wal/wal.ts';
import { isPlain, type StoredForm } from '../domain/wal/wal-content.ts';
import { parseWalHeader, WAL_HEADER_LENGTH } from '../domain/wal/wal-header.ts';
import type { ServerScope } from '../server/scope.ts';
import { openWal, readHead } from '../wal/content/content.ts';

/** A file that a restore is to deliver. */
interface Wanted extends StoredForm {
  readonly name: string;
  readonly path: string;
}

/**
 * Leaves out what is of another system than the backup, as far as the first bytes tell; after pg_upgrade the WAL of the new
 * system goes on where that of the old one ends. What is not plain is looked at when it is expanded.
 */
export async function ownWals<T extends Wanted>(
  scope: ServerScope,
  info: BackupInfo,
  files: readonly T[],
): Promise<{ readonly files: readonly T[]; readonly foreign: readonly string[] }> {
  const foreign = new Set<string>();
  await inParallel(files, 8, async (file) => {
    if (!isPlain(file) || !(await isForeignTo(info, file.name, file.path))) return;
    refuseNeeded(scope, info, file);
    foreign.add(file.name);
  });
  return { files: files.filter(({ name }) => !foreign.has(name)), foreign: [...foreign].sort() };
}

/** What vanished meanwhile is told where it is copied. */
async function headOf(path: string): Promise<Buffer> {
  try {
    const handle = await openWal(path);
    try {
      return await readHead(handle, WAL_HEADER_LENGTH);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return Buffer.alloc(0);
  }
}

/** True for a plain file of another system than the backup, as far as the record of that names one. */
export async function isForeignTo({ systemid }: BackupInfo, name: string, path: string): Promise<boolean> {
  const kind = parseWalName(name)?.kind;
  if (systemid === null || (kind !== 'segment' && kind !== 'partial')) return false;
  const header = parseWalHeader(await headOf(path));
  return header !== undefined && header.systemId !== systemid;
}

/** @throws RecoveryError when the backup is nothing without this file, which is foreign */
export function refuseNeeded(scope: ServerScope, info: BackupInfo, { name, path }: Wanted): void {
  const isNeeded = name >= (info.beginWal ?? '') && name <= (info.endWal ?? '');
  if (!isNeeded) return;
  throw new RecoveryError(
    `Cannot restore backup '${info.backupId}' of server '${scope.name}': WAL file '${path}', which it needs to be consistent, is of another PostgreSQL system than ${info.systemid}`,
    {
      hint: `look for the right one among the rejected files ("barman errors ${scope.name}"), move '${path}' away and archive that one; or restore another backup ("barman list-backups ${scope.name}")`,
    },
  );
}
