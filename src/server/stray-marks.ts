/**
 * The mark of a delete outlives its backup when the delete is killed between its last two steps. Such a mark protects
 * nothing and says nothing: it goes. Source: docs/behaviour/catalog.md 5.
 */
import { exists, listNames } from '../host/files.ts';
import { backupPath } from '../catalog/layout.ts';
import type { ServerScope } from './scope.ts';
import { isBackupId } from '../domain/backup/backup-id.ts';

const MARK = /^(.+)-delete_this$/;

/** True when only the mark is left of a delete. The id may be any text. */
export async function isFinishedDelete({ catalog }: ServerScope, backupId: string): Promise<boolean> {
  if (!isBackupId(backupId) || !(await catalog.isMarkedForDelete(backupId))) return false;
  if (await exists(backupPath(catalog.layout, backupId))) return false;
  const { backups, damaged } = await catalog.listBackups();
  return ![...backups, ...damaged].some((record) => record.backupId === backupId);
}

/** Ends a delete of which only the mark is left; false when there is no such mark. */
export async function endFinishedDelete(scope: ServerScope, backupId: string): Promise<boolean> {
  if (!(await isFinishedDelete(scope, backupId))) return false;
  await scope.catalog.unmarkForDelete(backupId);
  return true;
}

/** The same for every mark of the server. */
export async function endFinishedDeletes(scope: ServerScope): Promise<void> {
  for (const name of await listNames(scope.catalog.layout.metaDirectory)) {
    const backupId = MARK.exec(name)?.[1];
    if (backupId !== undefined) await endFinishedDelete(scope, backupId);
  }
}
