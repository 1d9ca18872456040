import { readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../../src/host/lock.ts';
import { backupLock } from '../../../src/catalog/layout.ts';
import { enforceRetention } from '../../../src/maintenance/retention.ts';
import {
  type CatalogHome,
  catalogHome,
  recordText,
  segment,
  segments,
  span,
  UNSTARTED,
} from '../../support/catalog-home.ts';
import { openWalServer, type WalServer } from '../../support/wal-server.ts';

const id = (day: number) => `202611${String(day).padStart(2, '0')}T040000`;
const ended = (day: number) => ({ end_time: `2026-11-${String(day).padStart(2, '0')} 05:00:00+00:00` });

let box: WalServer;
let home: CatalogHome;

async function open(options: string): Promise<void> {
  await box?.dispose();
  box = await openWalServer(`archiver = on\n${options}`);
  home = catalogHome(join(box.root, 'home'));
}

beforeEach(() => open('retention_policy = REDUNDANCY 1'));
afterEach(() => box.dispose());

/** Enforces the policy at noon of the 21st, and gives what was said without the lines of each delete. */
async function enforce(now = '2026-11-21T12:00:00Z'): Promise<string[]> {
  await enforceRetention({ ...box.scope, now: () => new Date(now) });
  return box.said().filter((line) => !/^(Deleting|Deleted|Delete assoc|\t)/.test(line));
}

const removing = (day: number) => `Enforcing retention policy: removing backup ${id(day)} for server pg`;

describe('enforceRetention', () => {
  it('deletes what is obsolete, oldest first, with the WAL before what stays', async () => {
    for (const day of [1, 2, 3]) await home.addBackup('pg', id(day), { ...span(day * 2, day * 2), ...ended(day) });
    await home.writeWals('pg', segments(1, 8));
    expect(await enforce()).toEqual([removing(1), removing(2)]);
    expect(await box.names('base')).toEqual([id(3)]);
    expect((await box.index()).map(([name]) => name)).toEqual([6, 7, 8].map((number) => segment(number)));
    expect(await enforce()).toEqual([]);
  });

  it('does nothing without a policy', async () => {
    await open('retention_policy = nonsense');
    for (const day of [1, 2]) await home.addBackup('pg', id(day), span(day, day));
    await writeFile(box.path('meta', `${id(1)}-delete_this`), 'delete');
    expect(await enforce()).toEqual([]);
    expect(await box.names('base')).toEqual([id(1), id(2)]);
  });

  it('spares what is kept, and clears the WAL between a standalone one and the next', async () => {
    for (const day of [1, 2, 3]) await home.addBackup('pg', id(day), { ...span(day * 3, day * 3 + 1), ...ended(day) });
    await home.addKeep('pg', id(1), 'standalone');
    await home.writeWals('pg', segments(1, 12));
    expect(await enforce()).toEqual([removing(2)]);
    expect((await box.index()).map(([name]) => name)).toEqual([3, 4, 9, 10, 11, 12].map((number) => segment(number)));
  });

  it('spares a backup whose keep annotation is empty', async () => {
    for (const day of [1, 2]) await home.addBackup('pg', id(day), span(day, day));
    await home.addKeep('pg', id(1), '');
    expect(await enforce()).toEqual([]);
  });

  it('deletes children before what they are built on', async () => {
    await home.addBackup('pg', id(1), { ...span(2, 2), children_backup_ids: `${id(2)},${id(3)}` });
    await home.addBackup('pg', id(2), { ...span(3, 3), parent_backup_id: id(1) });
    await home.addBackup('pg', id(3), { ...span(4, 4), parent_backup_id: id(1), status: 'FAILED' });
    await home.addBackup('pg', id(4), span(6, 6));
    await home.writeWals('pg', segments(1, 8));
    expect(await enforce()).toEqual([removing(2), removing(3), removing(1)]);
    expect((await box.index()).map(([name]) => name)).toEqual([6, 7, 8].map((number) => segment(number)));
  });

  it('completes an interrupted delete and does not count its backup', async () => {
    for (const day of [1, 2, 3]) await home.addBackup('pg', id(day), span(day, day));
    // What the reference leaves: the newest one still looks complete.
    await writeFile(box.path('meta', `${id(3)}-delete_this`), 'delete');
    await rm(box.path('base', id(3), 'data'), { recursive: true });
    expect(await enforce()).toEqual([removing(3), removing(1)]);
    expect(await box.names('base')).toEqual([id(2)]);
    expect(await box.names('meta')).toEqual([`${id(2)}-backup.info`]);
  });

  it('does not complete the delete of a root before that of its children, nor of a kept backup', async () => {
    await home.addBackup('pg', id(1), { ...span(1, 1), children_backup_ids: id(2) });
    await home.addBackup('pg', id(2), { ...span(2, 2), parent_backup_id: id(1) });
    await home.addBackup('pg', id(3), span(3, 3));
    await home.addKeep('pg', id(3), 'full');
    for (const day of [1, 3]) await writeFile(box.path('meta', `${id(day)}-delete_this`), 'delete');
    expect(await enforce()).toEqual([
      `WARNING: The backup ${id(3)} of server pg is not deleted: it has a current keep request`,
    ]);
    expect(await box.names('base')).toEqual([id(1), id(2), id(3)]);
  });

  it('reports a record without data, and lets it take no place of a good backup', async () => {
    await home.addBackup('pg', id(1), span(1, 1));
    await home.addBackup('pg', id(2), span(2, 2));
    await home.addRecord('pg', id(3), await readFile(box.path('meta', `${id(2)}-backup.info`), 'utf8'));
    await home.addBackup('pg', id(4), { ...UNSTARTED, status: 'EMPTY' });
    await rm(box.path('base', id(4)), { recursive: true });
    expect(await enforce()).toEqual([
      `WARNING: Backup '${id(3)}' is an orphan backup, this is possibly the result of an incomplete delete operation. Please manually delete the following files or directories if present:\n* ${box.path('base', id(3))} \n* ${box.path('meta', `${id(3)}-backup.info`)} \n`,
      removing(1),
    ]);
    expect(await box.names('base')).toEqual([id(2)]);
  });

  it('never lets a backup without its files stand in for a good one', async () => {
    for (const policy of ['REDUNDANCY 1', 'RECOVERY WINDOW OF 1 DAYS']) {
      await open(`retention_policy = ${policy}`);
      for (const day of [1, 2]) await home.addBackup('pg', id(day), { ...span(day, day), ...ended(day) });
      await rm(box.path('base', id(2), 'data', 'backup_manifest'));
      const said = await enforce();
      expect(said).toHaveLength(1);
      expect(said[0]).toContain(`'${box.path('base', id(2), 'data', 'backup_manifest')}' is missing`);
      expect(await box.names('base')).toEqual([id(1), id(2)]);
    }
  });

  it('deletes no backup that it may not look at, nor what is built on it, nor a good one for it', async () => {
    for (const day of [1, 2, 3, 4]) await home.addBackup('pg', id(day), { ...span(day, day), ...ended(day) });
    // Nobody may look through a circle of links, root neither.
    for (const day of [1, 4]) {
      await rm(box.path('base', id(day), 'data'), { recursive: true });
      await symlink('data', box.path('base', id(day), 'data'));
    }
    const said = await enforce();
    expect(said.slice(0, 2).map((line) => /cannot be read: .*/.exec(line)?.[0])).toEqual([
      'cannot be read: Too many symbolic links encountered.',
      'cannot be read: Too many symbolic links encountered.',
    ]);
    expect(said.slice(2)).toEqual([removing(2)]);
    expect(await box.names('base')).toEqual([id(1), id(3), id(4)]);
  });

  it('deletes nothing while no backup is where they are kept', async () => {
    for (const day of [1, 2]) await home.addBackup('pg', id(day), { ...span(day, day), ...ended(day) });
    await writeFile(box.path('meta', `${id(1)}-backup.info`), recordText({ ...span(1, 1), status: 'FAILED' }));
    await writeFile(box.path('meta', `${id(1)}-delete_this`), 'delete');
    await rename(box.path('base'), box.path('away'));
    const said = await enforce();
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`'${box.path('base')}' holds no backup: is its filesystem not mounted?`);
    expect(await box.names('meta')).toHaveLength(3);
  });

  it('leaves a damaged record alone, and all WAL while it is there', async () => {
    for (const day of [1, 2]) await home.addBackup('pg', id(day), span(day * 3, day * 3));
    await home.addRecord('pg', id(3), 'status=DONE\nversion');
    await home.writeWals('pg', segments(1, 8));
    const said = await enforce();
    expect(said.map((line) => line.split(': ')[0])).toEqual(['WARNING', 'Enforcing retention policy', 'WARNING']);
    expect(said[0]).toContain(box.path('meta', `${id(3)}-backup.info`));
    expect(await box.names('meta')).toEqual([`${id(2)}-backup.info`, `${id(3)}-backup.info`]);
    expect(await box.index()).toHaveLength(8);
  });

  it('skips a backup that is in use', async () => {
    for (const day of [1, 2]) await home.addBackup('pg', id(day), span(day, day));
    const lock = await acquireLock(backupLock(box.scope.catalog.layout, id(1)), { wait: false });
    expect(await enforce()).toEqual([
      `WARNING: Another action is in progress for the backup ${id(1)} of server pg, skipping retention policy application`,
    ]);
    await lock.release();
    expect(await enforce()).toEqual([removing(1)]);
  });

  it('does not delete the last backup', async () => {
    await open('retention_policy = REDUNDANCY 0');
    for (const day of [1, 2]) await home.addBackup('pg', id(day), span(day, day));
    expect(await enforce()).toEqual([
      'WARNING: The retention policy of server pg is not applied: it would delete every backup. Let it keep at least one, or delete the backups yourself with "barman delete"',
    ]);
    expect(await box.names('base')).toEqual([id(1), id(2)]);
  });

  it('does not believe a clock that is years ahead', async () => {
    await open('retention_policy = RECOVERY WINDOW OF 7 DAYS');
    for (const day of [5, 18, 19, 20]) await home.addBackup('pg', id(day), { ...span(day, day), ...ended(day) });
    expect(await enforce('2036-11-21T12:00:00Z')).toEqual([
      'WARNING: The retention policy of server pg is not applied: the newest backup ended 3654 days, 7 hours ago. Check the clock of this host, take a new backup, or delete the old ones yourself with "barman delete"',
    ]);
    // A clock that is behind makes the window reach further back.
    expect(await enforce('2026-11-01T12:00:00Z')).toEqual([]);
    expect(await box.names('base')).toHaveLength(4);
    expect(await enforce('2026-12-24T12:00:00Z')).toEqual([removing(5), removing(18), removing(19)]);
  });
});
