/** Finished backups whose files are not there. */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog } from '../../../src/catalog/catalog.ts';
import { isSound } from '../../../src/domain/backup/backup-flaw.ts';
import { type CatalogHome, catalogHome, recordText, type RecordTexts, span } from '../../support/catalog-home.ts';
import { makeHome, type TestHome } from '../../support/server-home.ts';

const [FIRST, SECOND, THIRD] = ['20261101T040000', '20261102T040000', '20261103T040000'] as const;
const SPACES = { tablespaces: "[('near', 16386, '/srv/near')]" };

let home: TestHome;
let tree: CatalogHome;
beforeEach(async () => {
  home = makeHome();
  tree = catalogHome(home.root);
  await add(FIRST);
});
afterEach(() => home.dispose());

const add = (id: string, texts: RecordTexts = {}) => tree.addBackup('pg', id, { ...span(2, 2), ...texts });
/** Of a catalog that is opened now: `ID: kind path`. */
const flaws = async (catalog: Catalog = home.open()) =>
  [...(await catalog.flaws())].map(([id, { kind, path }]) => `${id}: ${kind} ${path.slice(home.path().length)}`);

describe('flaws', () => {
  it('finds none in backups of every form that have their files', async () => {
    await add(SECOND, { ...SPACES, mode: 'rsync-concurrent' });
    await add(THIRD, { ...SPACES, compression: 'gzip' });
    expect(await flaws()).toEqual([]);
  });

  it.each([
    ['its directory', {}, '.', '/base/ID'],
    ['its data', {}, 'data', '/base/ID/data'],
    ['its manifest', {}, 'data/backup_manifest', '/base/ID/data/backup_manifest'],
    ['its control file', { mode: 'rsync' }, 'data/global/pg_control', '/base/ID/data/global/pg_control'],
    ['a tablespace', SPACES, '16386', '/base/ID/16386'],
    ['its archive', { compression: 'zstd' }, 'data/base.tar.zst', '/base/ID/data/base.tar.zst'],
    ['the archive of a tablespace', { ...SPACES, compression: 'none' }, 'data/16386.tar', '/base/ID/data/16386.tar'],
    [
      'its encrypted archive',
      { compression: 'gzip', encryption: 'gpg' },
      'data/base.tar.gz.gpg',
      '/base/ID/data/base.tar.gz.gpg',
    ],
  ])('finds a backup without %s', async (_what, texts, gone, path) => {
    await add(SECOND, texts);
    await rm(home.path('base', SECOND, gone), { recursive: true });
    expect(await flaws()).toEqual([`${SECOND}: missing ${path.replace('ID', SECOND)}`]);
  });

  it('lets one without its manifest count where no backup has one, and only there', async () => {
    await add(SECOND);
    await rm(home.path('base', FIRST, 'data', 'backup_manifest'));
    expect(await flaws()).toEqual([`${FIRST}: missing /base/${FIRST}/data/backup_manifest`]);
    await rm(home.path('base', SECOND, 'data', 'backup_manifest'));
    await mkdir(home.path('base', FIRST, 'data', 'global'), { recursive: true });
    await writeFile(home.path('base', FIRST, 'data', 'global', 'pg_control'), '');
    await rm(home.path('base', SECOND, 'data', 'global'), { recursive: true, force: true });
    expect(await flaws()).toEqual([
      `${FIRST}: unproved /base/${FIRST}/data/backup_manifest`,
      `${SECOND}: missing /base/${SECOND}/data/backup_manifest`,
    ]);
    const catalog = home.open();
    const { backups } = await catalog.listBackups();
    const sound = await catalog.flaws();
    expect(backups.filter((info) => isSound(info, sound)).map(({ backupId }) => backupId)).toEqual([FIRST]);
  });

  it('asks an rsync backup and an old release for no manifest', async () => {
    for (const [id, texts] of [
      [SECOND, { mode: 'rsync-concurrent' }],
      [THIRD, { version: '120022' }],
    ] as const) {
      await add(id, texts);
      await rm(home.path('base', id, 'data', 'backup_manifest'), { force: true });
    }
    expect(await flaws()).toEqual([]);
  });

  it('judges nothing that is not finished, is a snapshot or has the oldest layout', async () => {
    for (const [day, texts] of [
      ['05', { status: 'EMPTY' }],
      ['06', { status: 'STARTED' }],
      ['07', { status: 'FAILED' }],
      ['08', { status: 'SYNCING' }],
      ['09', { mode: 'snapshot-concurrent' }],
    ] as const) {
      await tree.addRecord('pg', `202611${day}T040000`, recordText(texts));
    }
    await tree.addRecord('pg', '20261110T040000', recordText());
    await mkdir(home.path('base', '20261110T040000', 'pgdata'), { recursive: true });
    expect(await flaws()).toEqual([]);
  });

  it('finds one that waits for its WAL', async () => {
    await tree.addRecord('pg', SECOND, recordText({ status: 'WAITING_FOR_WALS' }));
    expect(await flaws()).toEqual([`${SECOND}: missing /base/${SECOND}`]);
  });

  it('gives an incremental backup the flaw of what it is built on', async () => {
    await add(SECOND, { parent_backup_id: FIRST });
    await add(THIRD, { parent_backup_id: SECOND });
    await add('20261104T040000', { parent_backup_id: '20261001T040000' });
    await rm(home.path('base', FIRST, 'data'), { recursive: true });
    expect(await flaws()).toEqual([
      `${FIRST}: missing /base/${FIRST}/data`,
      `${SECOND}: missing /base/${FIRST}/data`,
      `${THIRD}: missing /base/${FIRST}/data`,
      '20261104T040000: missing /base/20261001T040000',
    ]);
  });

  it('tells what cannot be looked at from what is gone', async () => {
    await add(SECOND);
    await rename(home.path('base', SECOND, 'data'), home.path('data'));
    await symlink('data', home.path('base', SECOND, 'data'));
    await add(THIRD, { parent_backup_id: '20261001T040000' });
    await writeFile(home.path('meta', '20261001T040000-backup.info'), 'cut');
    const found = await home.open().flaws();
    expect([...found.values()].map(({ kind }) => kind)).toEqual(['unreadable', 'unreadable']);
  });

  it('takes it for a filesystem that is not mounted when no backup is there', async () => {
    await add(SECOND);
    await rename(home.path('base'), join(home.root, 'away'));
    expect(await flaws()).toEqual([`${FIRST}: unmounted /base`, `${SECOND}: unmounted /base`]);
    await mkdir(home.path('base', 'lost+found'), { recursive: true });
    expect(await flaws()).toEqual([`${FIRST}: unmounted /base`, `${SECOND}: unmounted /base`]);
  });

  it('does not when the last one is being deleted', async () => {
    await rm(home.path('base', FIRST), { recursive: true });
    await writeFile(home.path('meta', `${FIRST}-delete_this`), 'delete');
    expect(await flaws()).toEqual([`${FIRST}: missing /base/${FIRST}`]);
  });

  it('is asked again when the catalog has changed', async () => {
    const catalog = home.open();
    expect(await flaws(catalog)).toEqual([]);
    await rm(home.path('base', FIRST, 'data'), { recursive: true });
    await catalog.removeRecord(SECOND);
    expect(await flaws(catalog)).toEqual([`${FIRST}: missing /base/${FIRST}/data`]);
  });
});
