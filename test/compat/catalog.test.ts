/** The catalog written by each program and rewritten by the other, byte for byte. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { type BackupInfo, emptyBackupInfo } from '../../src/domain/backup/backup-info.ts';
import { formatBackupInfo } from '../../src/domain/backup/backup-info-file.ts';
import { lsn } from '../../src/domain/wal/lsn.ts';
import { postgresVersion } from '../../src/domain/postgres-version.ts';
import { makeSandbox, referenceFolder, type Sandbox } from '../support/sandbox.ts';
import { makeHome } from '../support/server-home.ts';

const ID = '20261121T023611';
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

describe.skipIf(referenceFolder === undefined)('a catalog of both programs', () => {
  let box: Sandbox;
  let catalog: Catalog;

  beforeEach(async () => {
    box = await makeSandbox();
    await box.writeConfig(
      '[pg]\nconninfo = host=/nowhere\nstreaming_conninfo = host=/nowhere\nbackup_method = postgres\nstreaming_archiver = on\nslot_name = barman\n',
    );
    ({ catalog } = makeHome(box.home));
    await catalog.createDirectories();
  });
  afterEach(() => box.dispose());

  async function put(name: string, content: string | Uint8Array): Promise<void> {
    const path = join(box.home, 'pg', name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await utimes(path, 1795228542.2930186, 1795228542.2930186);
  }

  const index = () => readFile(join(box.home, 'pg/wals/pg-xlog.db'), 'utf8');

  it('has the same index after a rebuild', async () => {
    const wal = Buffer.alloc(4096, 'x');
    const directory = 'wals/0000000100000000/00000001000000000000';
    await put(`${directory}0001`, wal);
    for (const [number, program] of ['gzip', 'bzip2', 'xz', 'zstd', 'lz4'].entries()) {
      const { stdout, error } = spawnSync(program, ['-c'], { input: wal });
      if (!error) await put(`${directory}001${number}`, stdout);
    }
    await put(`${directory}0020`, '');
    await put(`${directory}0020.00000028.backup`, 'START WAL LOCATION');
    await put(`${directory}0021.partial`, wal);
    await put(`${directory}0022.tmp`, wal);
    await put('wals/00000002.history', '1\t0/A0\tno reason\n');
    await put('wals/sync-wals.info', '{}');
    await put('wals/0000000200000000/000000020000000000000021', wal);
    await put('wals/0000000200000000/notes', 'x');

    expect((await box.reference(['rebuild-xlogdb', 'pg'])).code).toBe(0);
    const theirs = await index();
    await rm(join(box.home, 'pg/wals/pg-xlog.db'));
    await catalog.rebuildXlogdb();
    // An empty file is no WAL: it is told, and not listed.
    const withoutEmpty = theirs.replace(/^\S+\t0\t.*\n/gm, '');
    expect(await index()).toBe(withoutEmpty);
    expect(theirs.split('\n').length).toBeGreaterThan(5);
  });

  it('has records that the reference saves as we do', async () => {
    const info: BackupInfo = {
      ...emptyBackupInfo(ID),
      serverName: 'pg',
      status: 'DONE',
      mode: 'postgres',
      backupName: 'wéekly = 1',
      systemid: '7710447625285483435',
      version: postgresVersion(150_018),
      pgdata: '/srv/pg data',
      timeline: 1,
      beginTime: { epochMicros: 1_795_228_542_299_178n, offsetMinutes: 330 },
      beginXlog: lsn(0x1000028n),
      beginWal: '000000010000000000000001',
      beginOffset: 40,
      endTime: { epochMicros: 1_795_228_543_000_000n, offsetMinutes: -210 },
      endXlog: lsn(0x1000120n),
      endWal: '000000010000000000000001',
      endOffset: 288,
      size: 23_710_521,
      deduplicatedSize: 0,
      clusterSize: 23_854_177,
      tablespaces: [{ name: `it's "ö"\\ \u00a0`, oid: 16_386, location: '/srv/ts 1' }],
      includedFiles: ['/etc/pg/a.conf', "b'"],
      backupLabel: `START 'x' "y" \\ \t \u0001 \u200b 😀\n`,
      copyStats: {
        copy_time: 5,
        total_time: 1e-7,
        number_of_workers: 2,
        copy_time_per_item: { ts: 0, pgdata: 1234567.5 },
      },
      childrenBackupIds: ['20261121T023612', '20261121T023613'],
      dataChecksums: 'on',
      error: 'a = b',
    };
    await catalog.appendWals([
      { name: '000000010000000000000001', size: 4, time: 1.5, compression: null, encryption: null },
    ]);
    await put('wals/0000000100000000/000000010000000000000001', 'wal!');
    await catalog.saveBackup(info);
    const path = join(box.home, `pg/meta/${ID}-backup.info`);
    const [ours, { ino }] = [readFileSync(path, 'utf8'), statSync(path)];
    // It saves the record also when nothing changed.
    await box.reference(['check-backup', 'pg', ID]);
    expect(statSync(path).ino).not.toBe(ino);
    expect(readFileSync(path, 'utf8')).toBe(ours);
    expect(ours).toBe(formatBackupInfo(info));
  });

  it.each(readdirSync(fixture('backup-info')))('%s is saved alike by both', async (name) => {
    const path = join(box.home, `pg/meta/${ID}-backup.info`);
    await copyFile(fixture(`backup-info/${name}`), path);
    const info = await catalog.getBackup(ID);
    await catalog.saveBackup(info as BackupInfo);
    expect(await readFile(path, 'utf8')).toBe(await readFile(fixture(`backup-info/${name}`), 'utf8'));
    const { stdout, code } = await box.reference(['list-backups', '--minimal', 'pg']);
    expect({ stdout, code }).toEqual({ stdout: `${ID}\n`, code: 0 });
  });

  it('keeps the same notes', async () => {
    await copyFile(fixture('backup-info/rsync-first'), join(box.home, `pg/meta/${ID}-backup.info`));
    await catalog.setKeep(ID, 'standalone');
    expect((await box.reference(['keep', '--status', 'pg', ID])).stdout).toBe('Server pg:\n\tKeep: standalone\n');
    expect((await box.reference(['keep', '--target', 'full', 'pg', ID])).code).toBe(0);
    expect(await catalog.keepOf(ID)).toBe('full');
    expect((await box.reference(['keep', '--release', 'pg', ID])).code).toBe(0);
    expect(await catalog.keepOf(ID)).toBeNull();
  });
});
