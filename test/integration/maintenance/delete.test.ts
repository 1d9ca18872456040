import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BackupInfo } from '../../../src/domain/backup/backup-info.ts';
import { deleteBackup } from '../../../src/maintenance/delete.ts';
import { openWalServer, type WalServer } from '../../support/wal-server.ts';
import { type CatalogHome, catalogHome, segment, segments, span } from '../../support/catalog-home.ts';

const [FIRST, SECOND] = ['20261101T040000', '20261102T040000', '20261103T040000'] as const;

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

const listed = async () => (await box.index()).map(([name]) => name);

describe('delete hooks', () => {
  it('run before and after, with the facts from before', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'barman-hooks-'));
    const script = `echo $BARMAN_PHASE $BARMAN_HOOK $BARMAN_BACKUP_ID $BARMAN_STATUS \${BARMAN_SEGMENT##*0} >> ${folder}/log`;
    const names = ['pre_delete_script', 'post_delete_retry_script', 'pre_wal_delete_script', 'post_wal_delete_script'];
    await open(names.map((name) => `${name} = ${script}`).join('\n'));
    await home.addBackup('pg', FIRST, span(2, 2));
    await home.addBackup('pg', SECOND, span(3, 3));
    await home.writeWals('pg', segments(2, 3));
    expect(await remove(FIRST)).toBe(true);
    expect((await readFile(join(folder, 'log'), 'utf8')).split('\n')).toEqual([
      `pre delete_script ${FIRST} DONE`,
      'pre wal_delete_script 2',
      'post wal_delete_script 2',
      `post delete_retry_script ${FIRST} DONE`,
      '',
    ]);
    await rm(folder, { recursive: true });
  });

  it('that veto leave the backup as it was, and no mark of the attempt', async () => {
    await open('pre_delete_retry_script = exit 63');
    await home.addBackup('pg', FIRST, span(2, 2));
    const before = await record(FIRST);
    // What a delete of the reference left behind.
    await writeFile(box.path('meta', `${FIRST}-delete_this`), 'delete');
    await expect(remove(FIRST)).rejects.toThrow(
      "Abort 'pre_delete_retry_script' retry hook script (exit 63, exit code: 63)",
    );
    expect(await record(FIRST)).toEqual(before);
    expect(await box.names('meta')).toEqual([`${FIRST}-backup.info`]);
    expect(await box.names('base', FIRST)).toEqual(['data']);
  });

  it('that veto the first WAL file leave the backup as it was', async () => {
    await open('pre_wal_delete_retry_script = exit 63');
    await home.addBackup('pg', FIRST, span(2, 2));
    await home.addBackup('pg', SECOND, span(3, 3));
    await home.writeWals('pg', segments(1, 3));
    const before = await record(FIRST);
    await expect(remove(FIRST)).rejects.toThrow('exit code: 63');
    expect(await record(FIRST)).toEqual(before);
    expect(await box.names('meta')).toEqual([`${FIRST}-backup.info`, `${SECOND}-backup.info`]);
    expect(await listed()).toHaveLength(3);
  });

  it('that veto a later WAL file leave a backup that nobody takes for good', async () => {
    await open(`pre_wal_delete_retry_script = test $BARMAN_SEGMENT = ${segment(1)} || exit 63`);
    await home.addBackup('pg', FIRST, span(2, 2));
    await home.addBackup('pg', SECOND, span(3, 3));
    await home.writeWals('pg', segments(1, 3));
    await expect(remove(FIRST)).rejects.toThrow('exit code: 63');
    expect((await record(FIRST)).status).toBe('FAILED');
    expect(await listed()).toEqual([segment(2), segment(3)]);
    expect(await box.names('meta')).toEqual([`${FIRST}-backup.info`, `${SECOND}-backup.info`]);
  });
});
