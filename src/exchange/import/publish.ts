/**
 * Makes a judged backup part of the catalog. From the mark `publishing` on everything is on disk, and each step can be
 * repeated: a kill is completed by the next cron or import, never undone. Files, WAL, keep, and the record last.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, listNames, renameDurably, syncDirectory, unlinkIfPresent, writeDurably } from '../../host/files.ts';
import { backupPath, importedId, importPath } from '../../catalog/layout.ts';
import { formatBackupInfo, parseBackupInfo } from '../../domain/backup/backup-info-file.ts';
import { formatWalLine, parseWalLine, type WalRecord } from '../../domain/wal/xlogdb.ts';
import { removeTree } from '../../transfer/backup-tree.ts';
import type { ServerScope } from '../../server/scope.ts';
import { conflicting, type Judged } from './judge.ts';
import { stagedWal } from './staging.ts';
import { withLock } from '../../server/locks.ts';

const MARK = 'publishing';
const RECORD = 'backup.info';
const INDEX = 'xlog.db';

/** Notes down what is to be published; with this the import is decided. */
export async function decide(scope: ServerScope, { info, records }: Judged): Promise<void> {
  const staging = importPath(scope.catalog.layout, info.backupId);
  await writeDurably(join(staging, RECORD), formatBackupInfo(info));
  await writeDurably(join(staging, INDEX), records.map(formatWalLine).join(''));
  await writeDurably(join(staging, MARK), `${info.backupId}\n`);
}

/** The caller holds the server's backup lock, and `decide` has been. */
export async function publish(scope: ServerScope, backupId: string): Promise<void> {
  const { catalog } = scope;
  const staging = importPath(catalog.layout, backupId);
  const info = parseBackupInfo(await readFile(join(staging, RECORD), 'utf8'), backupId, join(staging, RECORD));
  const target = backupPath(catalog.layout, backupId);
  if (await exists(join(staging, 'backup'))) await renameDurably(join(staging, 'backup'), target);
  const records = await stagedRecords(staging);
  await publishWals(scope, staging, records);
  await catalog.setKeep(backupId, 'standalone');
  await catalog.saveBackup(info);
}

async function stagedRecords(staging: string): Promise<readonly WalRecord[]> {
  const lines = (await readFile(join(staging, INDEX), 'latin1')).split('\n').filter((line) => line !== '');
  return lines.flatMap((line) => parseWalLine(line) ?? []);
}

async function publishWals({ catalog }: ServerScope, staging: string, records: readonly WalRecord[]): Promise<void> {
  const { walStore } = catalog;
  // One that is there already has the same content, as was judged.
  for (const { name } of records) await walStore.adopt(name, stagedWal(staging, name));
  await walStore.flush(records.map(({ name }) => name));
  await catalog.mergeWals(records);
}

/** For cron: completes imports that were killed when they were decided, and removes what the others left. */
export async function finishInterruptedImports(scope: ServerScope): Promise<void> {
  const { layout } = scope.catalog;
  const ids = (await listNames(layout.baseDirectory)).flatMap((name) => importedId(name) ?? []);
  await withLock(scope, 'repair backups', async () => {
    for (const backupId of ids) await finishImport(scope, backupId);
  });
}

/** The same for one; the caller holds the server's backup lock. */
export async function finishImport(scope: ServerScope, backupId: string): Promise<void> {
  const { catalog } = scope;
  const staging = importPath(catalog.layout, backupId);
  if (await isPublishable(scope, backupId)) {
    const conflicts = await conflictsOf(scope, staging);
    if (conflicts.length > 0) {
      scope.output.warning(
        `The interrupted import of backup ${backupId} into server ${scope.name} is undone: the archive has another ${conflicts[0]} now`,
      );
      await removeTree(backupPath(catalog.layout, backupId));
      await catalog.releaseKeep(backupId);
    } else {
      await publish(scope, backupId);
      scope.output.warning(
        `The import of backup ${backupId} into server ${scope.name} was interrupted: it is completed now`,
      );
    }
  }
  await removeStaging(scope, backupId);
}

/** Decided, its files here or there, and no record yet: with a record it was published, whatever became of it. */
async function isPublishable({ catalog }: ServerScope, backupId: string): Promise<boolean> {
  const staging = importPath(catalog.layout, backupId);
  if (!(await exists(join(staging, MARK)))) return false;
  const { backups, damaged } = await catalog.listBackups();
  if ([...backups, ...damaged].some((record) => record.backupId === backupId)) return false;
  return (await exists(join(staging, 'backup'))) || (await exists(backupPath(catalog.layout, backupId)));
}

async function conflictsOf(scope: ServerScope, staging: string): Promise<readonly string[]> {
  return conflicting(scope, staging, await stagedRecords(staging));
}

/** The mark goes first: without it nothing is published again. */
export async function removeStaging({ catalog }: ServerScope, backupId: string): Promise<void> {
  const staging = importPath(catalog.layout, backupId);
  if (!(await exists(staging))) return;
  if (await unlinkIfPresent(join(staging, MARK))) await syncDirectory(staging);
  await removeTree(staging);
}
