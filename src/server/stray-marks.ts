/**
 * The mark of a delete outlives its backup when the delete is killed between its last two steps. Such a mark protects
 * nothing and says nothing: it goes. Source: spec catalog.md section 5.
 */
import { exists, listNames } from '../host/files.ts';
import { backupPath } from '../catalog/layout.ts';
import { isBackupId } from '../domain/backup/backup-info.ts';
import type { Server } from './server.ts';

const MARK = /^(.+)-delete_this$/;

/** True when only the mark is left of a delete. The id may be any text. */
export async function isFinishedDelete({ catalog }: Server, backupId: string): Promise<boolean> {
  if (!isBackupId(backupId) || !(await catalog.isMarkedForDelete(backupId))) return false;
  if (await exists(backupPath(catalog.layout, backupId))) return false;
  const { backups, damaged } = await catalog.listBackups();
  return ![...backups, ...damaged].some((record) => record.backupId === backupId);
}

/** Ends a delete of which only the mark is left; false when there is no such mark. */
export async function endFinishedDelete(server: Server, backupId: string): Promise<boolean> {
  if (!(await isFinishedDelete(server, backupId))) return false;
  await server.catalog.unmarkForDelete(backupId);
  return true;
}

/** The same for every mark of the server. */
export async function endFinishedDeletes(server: Server): Promise<void> {
  for (const name of await listNames(server.catalog.layout.metaDirectory)) {
    const backupId = MARK.exec(name)?.[1];
    if (backupId !== undefined) await endFinishedDelete(server, backupId);
  }
}
