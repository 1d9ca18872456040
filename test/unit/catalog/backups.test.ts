/** Backup records on disk: both places, damage, claims. */
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BackupInfo, emptyBackupInfo } from '../../../src/domain/backup/backup-info.ts';
import { formatBackupInfo } from '../../../src/domain/backup/backup-info-file.ts';
import { BackupError } from '../../../src/domain/errors.ts';
import { parseLocation } from '../../../src/domain/location.ts';
import { copyFixture, fixture, makeHome, type TestHome } from '../../support/server-home.ts';

const BUCKET = parseLocation('s3://bucket/wals');

const ID = '20261121T023611';
const RECORD = readFileSync(fixture('backup-info/rsync-reuse-link'), 'utf8');
const HINT = 'put a good copy of the file in its place; the backup counts as needed until then';

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.dispose());

const info = (backupId: string, changes: Partial<BackupInfo> = {}): BackupInfo => ({
  ...emptyBackupInfo(backupId),
  mode: 'postgres',
  ...changes,
});

describe('listBackups', () => {
  it('lists nothing where there is nothing', async () => {
    expect(await home.catalog.listBackups()).toEqual({ backups: [], damaged: [] });
  });

  it('reads both places, the newer one winning, in id order, and passes over what is no record', async () => {
    home.write('base/20260101T000000/backup.info', formatBackupInfo(info('20260101T000000', { status: 'FAILED' })));
    home.write(`base/${ID}/backup.info`, formatBackupInfo(info(ID, { status: 'STARTED' })));
    home.write(`meta/${ID}-backup.info`, RECORD);
    home.write(`meta/${ID}-backup.info.tmp`, 'half');
    home.write('meta/20250101T000000-backup.info', formatBackupInfo(info('20250101T000000')));
    home.write('meta/other-backup.info', RECORD);
    home.write('base/lost+found/backup.info', RECORD);
    mkdirSync(home.path('base', '20261122T000000'));
    const { backups, damaged } = await home.catalog.listBackups();
    expect(backups.map(({ backupId, status }) => [backupId, status])).toEqual([
      ['20250101T000000', 'EMPTY'],
      ['20260101T000000', 'FAILED'],
      [ID, 'DONE'],
    ]);
    expect(damaged).toEqual([]);
  });

  it('reads a catalog of 3.4.0 as it is, and a save leaves the old record where it was', async () => {
    copyFixture(home, 'legacy-3.4.0/rs');
    const { backups } = await home.catalog.listBackups();
    expect(backups.map(({ backupId, status }) => [backupId, status])).toEqual([
      ['20261121T040514', 'DONE'],
      ['20261121T040538', 'WAITING_FOR_WALS'],
    ]);
    const old = home.read('base/20261121T040538/backup.info');
    await home.catalog.saveBackup({ ...(backups[1] as BackupInfo), status: 'DONE' });
    expect(home.read('base/20261121T040538/backup.info')).toBe(old);
    expect((await home.open().getBackup('20261121T040538'))?.status).toBe('DONE');
  });

  it('is asked of the disk once, and again after a change', async () => {
    await home.catalog.saveBackup(info(ID));
    expect((await home.catalog.listBackups()).backups).toHaveLength(1);
    await home.open().saveBackup(info('20261122T000000'));
    expect((await home.catalog.listBackups()).backups).toHaveLength(1);
    await home.catalog.saveBackup(info(ID, { status: 'STARTED' }));
    expect((await home.catalog.listBackups()).backups.map(({ status }) => status)).toEqual(['STARTED', 'EMPTY']);
    await home.catalog.removeRecord(ID);
    expect((await home.catalog.listBackups()).backups).toHaveLength(1);
  });
});

describe('a damaged record', () => {
  const cases: readonly (readonly [string, string | Uint8Array, string])[] = [
    ['zero bytes', '', 'it is empty'],
    ['cut', RECORD.slice(0, 700), 'it is cut short: its last line has no end'],
    [
      'unknown field',
      `${RECORD}colour=red\n`,
      "Unsupported field 'colour' found in backup metadata. This indicates the backup was created with a newer version of Barman. Please upgrade to a compatible or newer version.",
    ],
    ['zero blocks', new Uint8Array(4096), 'it holds binary data'],
    ['binary', Uint8Array.of(0x73, 0x3d, 0xff, 0xfe, 0x0a), 'it holds binary data'],
    ['absurd number', RECORD.replace(/^timeline=.*/m, 'timeline=1e99'), "the value '1e99' of 'timeline' is not valid"],
  ];

  it.each(cases)(
    '%s: is listed apart, never overwritten, and an error for whoever needs it',
    async (_, content, reason) => {
      const path = home.write(`meta/${ID}-backup.info`, content);
      expect(await home.catalog.listBackups()).toEqual({ backups: [], damaged: [{ backupId: ID, path, reason }] });
      const message = reason.startsWith('Unsupported')
        ? reason
        : `cannot read the record of backup ${ID}: ${path}: ${reason}`;
      const hint = reason.startsWith('Unsupported') ? {} : { hint: HINT };
      await expect(home.catalog.getBackup(ID)).rejects.toThrow(new BackupError(message, hint));
      await expect(home.catalog.saveBackup(info(ID))).rejects.toThrow(new BackupError(message, hint));
      expect(readFileSync(path)).toEqual(Buffer.from(content));
    },
  );

  it('does not fall back to the older record: that one says less', async () => {
    home.write(`base/${ID}/backup.info`, RECORD);
    home.write(`meta/${ID}-backup.info`, '');
    expect((await home.catalog.listBackups()).damaged.map(({ backupId }) => backupId)).toEqual([ID]);
  });

  it('is an old one behind a linked directory', async () => {
    home.write(`elsewhere/${ID}/backup.info`, RECORD);
    mkdirSync(home.path('base'));
    symlinkSync(home.path('elsewhere', ID), home.path('base', ID));
    expect((await home.catalog.listBackups()).damaged.map(({ reason }) => reason)).toEqual([
      'its directory is a symbolic link',
    ]);
    await home.catalog.removeRecord(ID);
    expect(home.has('elsewhere', ID, 'backup.info')).toBe(true);
  });
});

describe('single records', () => {
  it('are written whole, read back, and removed in both places', async () => {
    await home.catalog.saveBackup(info(ID));
    expect(home.read('meta', `${ID}-backup.info`)).toBe(formatBackupInfo(info(ID)));
    expect(readdirSync(home.path('meta'))).toEqual([`${ID}-backup.info`]);
    expect(await home.catalog.getBackup(ID)).toEqual(info(ID));
    home.write(`base/${ID}/backup.info`, RECORD);
    await home.catalog.removeRecord(ID);
    await home.catalog.removeRecord(ID);
    expect(await home.catalog.getBackup(ID)).toBeUndefined();
    expect(home.has('base', ID)).toBe(true);
  });

  it.each(['..', '../x', '', 'latest', `${ID}/..`])('%j is no id and never becomes a path', async (name) => {
    const refusal = new BackupError(`'${name}' is not a backup id (YYYYMMDDThhmmss)`);
    await expect(home.catalog.getBackup(name)).rejects.toThrow(refusal);
    await expect(home.catalog.removeRecord(name)).rejects.toThrow(refusal);
    await expect(home.catalog.saveBackup(info(name))).rejects.toThrow(refusal);
    await expect(home.catalog.keepOf(name)).rejects.toThrow(refusal);
  });
});

describe('createBackup', () => {
  const now = new Date(2026, 10, 21, 2, 36, 11);

  it('takes local time as the id, and a later second when that one is taken in any form', async () => {
    const create = () => home.catalog.createBackup(now, (backupId) => info(backupId));
    expect((await create()).backupId).toBe(ID);
    expect((await create()).backupId).toBe('20261121T023612');
    home.write('meta/20261121T023613-backup.info', '');
    mkdirSync(home.path('base', '20261121T023614'));
    expect((await create()).backupId).toBe('20261121T023615');
    expect(readdirSync(home.path('base'))).toEqual([ID, '20261121T023612', '20261121T023614', '20261121T023615']);
    expect(home.read('meta', '20261121T023615-backup.info')).toBe(formatBackupInfo(info(ID)));
  });

  it('gives the id back when the record cannot be made', async () => {
    const broken = home.catalog.createBackup(now, () => {
      throw new BackupError('no');
    });
    await expect(broken).rejects.toThrow('no');
    expect(readdirSync(home.path('base'))).toEqual([]);
  });
});

describe('identity.json', () => {
  const identity = { systemid: '7710447625285483435', version: '18' };

  it('is written once, byte for byte as the reference does', async () => {
    expect(await home.catalog.readIdentity()).toBeNull();
    await home.catalog.writeIdentity(identity);
    expect(home.read('identity.json')).toBe('{\n    "systemid": "7710447625285483435",\n    "version": "18"\n}\n');
    await home.catalog.writeIdentity({ systemid: '1', version: '9' });
    expect(await home.catalog.readIdentity()).toEqual(identity);
  });

  it('is read from an older release, and taken for missing when a power cut emptied it', async () => {
    copyFixture(home, 'legacy-3.4.0/rs');
    expect(await home.catalog.readIdentity()).toEqual({ systemid: '7710468407808175426', version: '15' });
    home.write('identity.json', '\0\0\0');
    expect(await home.catalog.readIdentity()).toBeNull();
    await home.catalog.writeIdentity(identity);
    expect(await home.catalog.readIdentity()).toEqual(identity);
  });

  it.each(['{', '[]', '{"systemid": 7710447625285483435}', '{"systemid": "../.."}'])(
    '%s is no identity',
    async (text) => {
      const path = home.write('identity.json', text);
      await expect(home.catalog.readIdentity()).rejects.toThrow(
        `cannot read '${path}': it is not the identity of a PostgreSQL system`,
      );
      await home.catalog.writeIdentity(identity);
      expect(home.read('identity.json')).toBe(text);
    },
  );
});

describe('createDirectories', () => {
  it('makes the whole tree and is content with what is there', async () => {
    await home.catalog.createDirectories();
    await home.catalog.createDirectories();
    expect(readdirSync(home.path())).toEqual(['base', 'errors', 'incoming', 'meta', 'streaming', 'wals']);
  });

  it('follows a root that the administrator linked, makes nothing of a URL, and says what it cannot make', async () => {
    home.write('big/x', '');
    symlinkSync(home.path('big'), home.path('base'));
    await home.open({ walsDirectory: BUCKET, xlogdbDirectory: BUCKET }).createDirectories();
    expect(readdirSync(home.path())).toEqual(['base', 'big', 'errors', 'incoming', 'meta', 'streaming']);
    renameSync(home.path('errors'), home.path('gone'));
    writeFileSync(home.path('errors'), '');
    await expect(home.catalog.createDirectories()).rejects.toThrow(
      new BackupError(`${home.path('errors')}: File exists`),
    );
  });
});
