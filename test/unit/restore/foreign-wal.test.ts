import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyBackupInfo } from '../../../src/domain/backup/backup-info.ts';
import { isForeignTo, ownWals } from '../../../src/restore/foreign-wal.ts';
import { segmentName, SYSTEM_ID, walSegment } from '../../support/wal-files.ts';
import { openWalServer, type WalServer } from '../../support/wal-server.ts';

let box: WalServer;
beforeEach(async () => {
  box = await openWalServer();
  await mkdir(box.path('wals', segmentName(1).slice(0, 16)));
});
afterEach(() => box.dispose());

const INFO = {
  ...emptyBackupInfo('20261101T040000'),
  systemid: SYSTEM_ID,
  beginWal: segmentName(2),
  endWal: segmentName(3),
};

async function place(number: number, systemId: string) {
  const name = segmentName(number);
  const path = box.scope.catalog.walStore.locate(name);
  await writeFile(path, walSegment(name, { systemId }));
  return { name, path, compression: null, encryption: null };
}

describe('ownWals', () => {
  it('leaves out what is of another system, as after pg_upgrade', async () => {
    const files = [await place(2, SYSTEM_ID), await place(3, SYSTEM_ID), await place(4, '42'), await place(5, '42')];
    expect(await ownWals(box.scope, INFO, files)).toEqual({
      files: files.slice(0, 2),
      foreign: [segmentName(4), segmentName(5)],
    });
    expect((await ownWals(box.scope, { ...INFO, systemid: null }, files)).foreign).toEqual([]);
  });

  it('refuses a backup whose own WAL is of another system, and names the file', async () => {
    const files = [await place(3, '42')];
    await expect(ownWals(box.scope, INFO, files)).rejects.toThrow(
      `Cannot restore backup '20261101T040000' of server 'pg': WAL file '${files[0]?.path}', which it needs to be consistent, is of another PostgreSQL system than ${SYSTEM_ID}`,
    );
  });

  it('does not look at labels, nor for what vanished', async () => {
    const { path } = await place(2, '42');
    expect(await isForeignTo(INFO, `${segmentName(2)}.00000028.backup`, path)).toBe(false);
    expect(await isForeignTo(INFO, segmentName(2), `${path}x`)).toBe(false);
  });
});
