import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../../src/host/lock.ts';
import { backupLock, serverLock } from '../../../src/catalog/layout.ts';
import type { BackupInfo } from '../../../src/domain/backup/backup-info.ts';
import { deleteBackup } from '../../../src/maintenance/delete.ts';
import { openWalServer, type WalServer } from '../../support/wal-server.ts';
import { type CatalogHome, catalogHome, segment, segments, span, UNSTARTED } from '../../support/catalog-home.ts';

const [FIRST, SECOND, THIRD] = ['20261101T040000', '20261102T040000', '20261103T040000'] as const;

let box: WalServer;
let home: CatalogHome;

async function open(options = ''): Promise<void> {
  await box?.dispose();
  box = await openWalServer(`archiver = on\n${options}`);
  home = catalogHome(join(box.root, 'home'));
}

beforeEach(() => open());
afterEach(() => box.dispose());

async function record(id: string): Promise<BackupInfo> {
  const info = await box.scope.catalog.getBackup(id);
  if (info === undefined) throw new Error(`no ${id}`);
  return info;
}

async function remove(id: string): Promise<boolean> {
  return deleteBackup(box.scope, await record(id));
}

const refusal = (id: string) => `ERROR: Cannot delete backup (pg LocalBackupInfo(backup_id='${id}'))`;
const deleted = (id: string) =>
  new RegExp(`^Deleted backup ${id} \\(start time: .{24}, elapsed time: (less than one second|\\d+ seconds?)\\)$`);

/** Names in the archive, without the index. */
async function archive(): Promise<string[]> {
  const entries = await readdir(box.path('wals'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.db'))
    .map(({ name }) => name)
    .sort();
}

const listed = async () => (await box.index()).map(([name]) => name);

describe('deleteBackup', () => {
  it('does not count a backup without its files as redundancy, and lets that one go', async () => {
    await open('minimum_redundancy = 1');
    for (const id of [FIRST, SECOND]) await home.addBackup('pg', id, span(2, 2));
    await rm(box.path('base', SECOND, 'data'), { recursive: true });
    expect(await remove(FIRST)).toBe(false);
    expect(box.said()[0]).toContain('(minimum redundancy = 1, current redundancy = 1)');
    expect(await remove(SECOND)).toBe(true);
    expect(await box.names('base')).toEqual([FIRST]);
  });

  it('deletes nothing while no backup is where they are kept, and no chain that cannot be looked at', async () => {
    for (const id of [FIRST, SECOND]) await home.addBackup('pg', id, span(2, 2));
    await home.addBackup('pg', THIRD, { ...span(3, 3), parent_backup_id: FIRST });
    await rm(box.path('base', THIRD, 'data'), { recursive: true });
    await symlink('data', box.path('base', THIRD, 'data'));
    expect(await remove(FIRST)).toBe(false);
    expect(box.said()[0]).toContain(`'${box.path('base', THIRD, 'data', 'backup_manifest')}' cannot be read`);
    await open();
    await home.addBackup('pg', FIRST, span(2, 2));
    await rename(box.path('base'), box.path('away'));
    expect(await remove(FIRST)).toBe(false);
    const said = box.said()[0];
    expect(said).toContain(`'${box.path('base')}' holds no backup: is its filesystem not mounted?`);
    expect(said).toContain('HINT: mount it and try again');
    expect(await box.names('meta')).toEqual([`${FIRST}-backup.info`]);
  });

  it('removes the files, the record and the WAL that only this backup needs', async () => {
    await home.addBackup('pg', FIRST, span(2, 2));
    await home.addBackup('pg', SECOND, span(5, 5));
    await home.writeWals('pg', [
      ...segments(1, 3),
      { name: `${segment(3)}.00000028.backup` },
      ...segments(4, 6),
      { name: '00000002.history' },
    ]);
    expect(await remove(FIRST)).toBe(true);
    expect(box.said()).toEqual([
      `Deleting backup ${FIRST} for server pg`,
      'Delete associated WAL segments:',
      `\t${segment(1)}`,
      `\t${segment(2)}`,
      `\t${segment(3)}`,
      `\t${segment(3)}.00000028.backup`,
      `\t${segment(4)}`,
      expect.stringMatching(deleted(FIRST)),
    ]);
    expect(await box.names('base')).toEqual([SECOND]);
    expect(await box.names('meta')).toEqual([`${SECOND}-backup.info`]);
    expect(await archive()).toEqual([segment(5), segment(6), '00000002.history']);
    expect(await listed()).toEqual([segment(5), segment(6), '00000002.history']);
    // The lock file goes with the backup.
    expect((await readdir(join(box.root, 'home'))).filter((name) => name.includes(FIRST))).toEqual([]);
  });

  it('leaves the WAL alone while an earlier backup is there', async () => {
    await home.addBackup('pg', FIRST, span(2, 2));
    await home.addBackup('pg', SECOND, span(5, 5));
    await home.writeWals('pg', segments(1, 6));
    await remove(SECOND);
    expect(box.said()).toEqual([`Deleting backup ${SECOND} for server pg`, expect.stringMatching(deleted(SECOND))]);
    expect(await listed()).toHaveLength(6);
  });

  it('keeps a segment that is needed beside 256 that are not', async () => {
    await home.addBackup('pg', FIRST, span(0, 0));
    await home.addBackup('pg', SECOND, span(255, 255));
    await home.writeWals('pg', [...segments(0, 255), { name: `${segment(0)}.00000028.backup` }, ...segments(256, 257)]);
    await remove(FIRST);
    expect(await archive()).toEqual([segment(255), segment(256), segment(257)]);
    expect(await listed()).toEqual([segment(255), segment(256), segment(257)]);
  });

  it('removes no WAL with a backup that failed before it began', async () => {
    await home.addBackup('pg', FIRST, { ...UNSTARTED, status: 'FAILED' });
    await home.writeWals('pg', segments(1, 6));
    expect(await remove(FIRST)).toBe(true);
    expect(await listed()).toHaveLength(6);
  });

  it('succeeds when a WAL directory and the backup directory are gone already', async () => {
    await home.addBackup('pg', FIRST, span(2, 2));
    await home.addBackup('pg', SECOND, span(300, 300));
    await home.writeWals('pg', segments(1, 300));
    await rm(box.path('wals', '0000000100000000'), { recursive: true });
    await rm(box.path('base', FIRST), { recursive: true });
    expect(await remove(FIRST)).toBe(true);
    expect(await listed()).toEqual([segment(300)]);
    expect(box.said().filter((line) => line.startsWith('ERROR'))).toEqual([]);
  });

  it('removes no WAL while a record cannot be read', async () => {
    await home.addBackup('pg', FIRST, span(2, 2));
    await home.addBackup('pg', SECOND, span(5, 5));
    await home.addRecord('pg', THIRD, '');
    await home.writeWals('pg', segments(1, 6));
    expect(await remove(FIRST)).toBe(true);
    expect(await listed()).toHaveLength(6);
    expect(box.said()[1]).toBe(
      `WARNING: No WAL file of server pg is deleted: the record of backup ${THIRD} cannot be read (${box.path('meta', `${THIRD}-backup.info`)}: it is empty), and it may need them`,
    );
    expect(await box.names('meta')).toEqual([`${SECOND}-backup.info`, `${THIRD}-backup.info`]);
  });

  it('removes no WAL while there is a backup directory without a record', async () => {
    await home.addBackup('pg', FIRST, span(2, 2));
    await home.addBackup('pg', SECOND, span(5, 5));
    await mkdir(box.path('base', THIRD, 'data'), { recursive: true });
    await home.writeWals('pg', segments(1, 6));
    expect(await remove(FIRST)).toBe(true);
    expect(await listed()).toHaveLength(6);
    expect(box.said()[1]).toBe(
      `WARNING: No WAL file of server pg is deleted: the directory ${box.path('base', THIRD)} holds a backup without a record, and it may need them`,
    );
    // An empty one is a backup that begins.
    await rm(box.path('base', THIRD, 'data'), { recursive: true });
    await remove(SECOND);
    expect(await listed()).toEqual([segment(5), segment(6)]);
  });

  it('follows no symbolic link, neither in the backup nor in its place', async () => {
    const outside = join(box.root, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'precious'), 'x');
    await home.addBackup('pg', FIRST, span(2, 2));
    await mkdir(box.path('base', FIRST, 'data', 'pg_tblspc'));
    await symlink(outside, box.path('base', FIRST, 'data', 'pg_tblspc', '16386'));
    expect(await remove(FIRST)).toBe(true);
    expect(await readdir(outside)).toEqual(['precious']);

    await home.addBackup('pg', SECOND, span(5, 5));
    await rm(box.path('base', SECOND), { recursive: true });
    await symlink(outside, box.path('base', SECOND));
    box.said();
    expect(await remove(SECOND)).toBe(false);
    expect(await readdir(outside)).toEqual(['precious']);
    expect(box.said().at(-2)).toBe(
      `ERROR: Failure deleting backup ${SECOND} for server pg.\n'${box.path('base', SECOND)}' is not a directory: nothing behind it is removed\nPlease manually remove the '${box.path('base', SECOND)}' directory`,
    );
    expect((await record(SECOND)).status).toBe('FAILED');
  });

  it('refuses a kept backup, with an unreadable annotation too', async () => {
    await home.addBackup('pg', FIRST, span(2, 2));
    for (const text of ['full', 'standalone', '']) {
      await home.addKeep('pg', FIRST, text);
      expect(await remove(FIRST)).toBe(false);
      expect(box.said()).toEqual([
        `WARNING: Skipping delete of backup ${FIRST} for server pg as it has a current keep request. If you really want to delete this backup please remove the keep and try again.`,
        refusal(FIRST),
      ]);
    }
    expect(await box.names('base')).toEqual([FIRST]);
  });

  it('refuses what minimum_redundancy needs, and only that', async () => {
    await open('minimum_redundancy = 2');
    await home.addBackup('pg', FIRST, { ...span(2, 2), children_backup_ids: THIRD });
    await home.addBackup('pg', SECOND, span(5, 5));
    await home.addBackup('pg', THIRD, { ...span(7, 7), parent_backup_id: FIRST });
    await home.addBackup('pg', '20261104T040000', { ...span(9, 9), status: 'FAILED' });
    expect(await remove(FIRST)).toBe(false);
    expect(box.said()).toEqual([
      `WARNING: Skipping delete of backup ${FIRST} for server pg due to minimum redundancy requirements (minimum redundancy = 2, current redundancy = 2)`,
      refusal(FIRST),
    ]);
    expect(await remove('20261104T040000')).toBe(true);
    expect(await remove(THIRD)).toBe(true);
    expect((await record(FIRST)).childrenBackupIds).toBe(null);
    expect(await box.names('base')).toEqual([FIRST, SECOND]);
  });

  it('deletes what is built on the backup first', async () => {
    await home.addBackup('pg', FIRST, { ...span(2, 2), children_backup_ids: SECOND });
    await home.addBackup('pg', SECOND, { ...span(4, 4), parent_backup_id: FIRST, children_backup_ids: THIRD });
    await home.addBackup('pg', THIRD, { ...span(6, 6), parent_backup_id: SECOND });
    await home.addBackup('pg', '20261104T040000', span(8, 8));
    await home.writeWals('pg', segments(1, 8));
    expect(await remove(FIRST)).toBe(true);
    const said = box.said();
    expect(said[0]).toBe(
      `WARNING: Backup ${FIRST} has incremental backups which depend on it. Deleting all backups in the tree`,
    );
    expect(said.filter((line) => line.startsWith('Deleting'))).toEqual(
      [THIRD, SECOND, FIRST].map((id) => `Deleting backup ${id} for server pg`),
    );
    expect(await box.names('base')).toEqual(['20261104T040000']);
    expect(await listed()).toEqual([segment(8)]);
  });

  it('leaves a backup as it was when the index cannot be used', async () => {
    await home.addBackup('pg', FIRST, span(2, 2));
    await home.addBackup('pg', SECOND, span(4, 4));
    await home.writeWals('pg', segments(1, 4));
    const before = await record(FIRST);
    await rm(box.path('wals', 'pg-xlog.db'));
    await mkdir(box.path('wals', 'pg-xlog.db'));
    await expect(remove(FIRST)).rejects.toThrow(`'${box.path('wals', 'pg-xlog.db')}'`);
    expect(await record(FIRST)).toEqual(before);
    expect(await box.names('meta')).toEqual([`${FIRST}-backup.info`, `${SECOND}-backup.info`]);
  });

  it('refuses a backup when the record of one that is built on it cannot be read', async () => {
    await home.addBackup('pg', FIRST, { ...span(2, 2), children_backup_ids: SECOND });
    await home.addBackup('pg', SECOND, span(4, 4));
    await home.addBackup('pg', THIRD, span(6, 6));
    await home.addRecord('pg', SECOND, 'torn');
    const path = box.path('meta', `${SECOND}-backup.info`);
    expect(await remove(FIRST)).toBe(false);
    expect(box.said()).toEqual([
      `ERROR: Skipping delete of backup ${FIRST} for server pg: the record of backup ${SECOND}, which is built on it, cannot be read\nHINT: put a good copy of '${path}' in its place, or remove it when that backup is of no use`,
      refusal(FIRST),
    ]);
    expect(await box.names('base')).toEqual([FIRST, SECOND, THIRD]);
  });

  it('refuses a backup whose record makes it a child of its own child', async () => {
    await home.addBackup('pg', FIRST, { ...span(2, 2), parent_backup_id: SECOND, children_backup_ids: SECOND });
    await home.addBackup('pg', SECOND, { ...span(4, 4), parent_backup_id: FIRST, children_backup_ids: FIRST });
    expect(await remove(FIRST)).toBe(false);
    expect(box.said()[0]).toBe(
      `ERROR: Skipping delete of backup ${FIRST} for server pg: its record says that it is built on ${SECOND}, which is built on it\nHINT: correct parent_backup_id in '${box.path('meta', `${FIRST}-backup.info`)}'`,
    );
    expect(await box.names('base')).toEqual([FIRST, SECOND]);
  });

  it('does not touch a server where a backup or a delete is at work, nor a backup that is in use', async () => {
    await home.addBackup('pg', FIRST, span(2, 2));
    const { layout } = box.scope.catalog;
    const backup = await acquireLock(serverLock(layout, 'backup'), { wait: false });
    expect(await remove(FIRST)).toBe(false);
    await backup.release();
    expect(box.said()).toEqual([
      'ERROR: Another process in running on server pg. Impossible to delete the backup.',
      refusal(FIRST),
    ]);
    const one = await acquireLock(backupLock(layout, FIRST), { wait: false });
    expect(await remove(FIRST)).toBe(false);
    await one.release();
    expect(box.said()).toEqual([
      `ERROR: Another process is holding the lock for backup ${FIRST} of server pg.`,
      refusal(FIRST),
    ]);
    expect((await record(FIRST)).status).toBe('DONE');
    expect(await box.names('meta')).toEqual([`${FIRST}-backup.info`]);
  });

  it('corrects the size of the next rsync backup', async () => {
    await home.addBackup('pg', FIRST, { ...span(2, 2), mode: 'rsync-concurrent' });
    await home.addBackup('pg', SECOND, { ...span(5, 5), mode: 'rsync-concurrent', size: '3', deduplicated_size: '0' });
    await remove(FIRST);
    expect(await record(SECOND)).toMatchObject({ size: 3, deduplicatedSize: 3, status: 'DONE' });
  });

  it('deletes a backup of an old release, wherever its record is', async () => {
    await home.addBackup('pg', FIRST, span(2, 2));
    const text = await readFile(box.path('meta', `${FIRST}-backup.info`), 'utf8');
    await rm(box.path('meta', `${FIRST}-backup.info`));
    await writeFile(box.path('base', FIRST, 'backup.info'), text);
    expect(await remove(FIRST)).toBe(true);
    expect([await box.names('base'), await box.names('meta')]).toEqual([[], []]);
  });

  it('refuses a snapshot', async () => {
    await home.addBackup('pg', FIRST, { ...span(2, 2), mode: 'snapshot-concurrent' });
    expect(await remove(FIRST)).toBe(false);
    expect(await box.names('base')).toEqual([FIRST]);
  });
});
