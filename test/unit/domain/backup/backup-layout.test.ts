/** Layouts of records that Barman 3.20.1 wrote (test/fixtures), and what this release does with each. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type BackupInfo, emptyBackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import { parseBackupInfo } from '../../../../src/domain/backup/backup-info-file.ts';
import {
  type Action,
  backupType,
  isFull,
  layoutOf,
  obstacleTo,
  originOf,
  type Places,
  stagesOf,
} from '../../../../src/domain/backup/backup-layout.ts';
import { parseLocation } from '../../../../src/domain/location.ts';

const HERE: Places = { base: parseLocation('/b/base'), wals: parseLocation('/b/wals') };
const BUCKET = { base: parseLocation('s3://bucket/pg'), wals: parseLocation('/b/wals') };
const WALS_IN_BUCKET = { base: parseLocation('/b/base'), wals: parseLocation('s3://bucket/pg') };
const SUBJECT = { backup: 'latest', server: 'pg' };
const ACTIONS: readonly Action[] = [
  'restore here',
  'restore there',
  'verify',
  'export',
  'import',
  'link',
  'delete',
  'keep',
];

function record(name: string): BackupInfo {
  const text = readFileSync(new URL(`../../../fixtures/backup-info/${name}`, import.meta.url), 'utf8');
  return parseBackupInfo(text, '20261121T023540', name);
}
const snapshot = (): BackupInfo => ({ ...record('rsync-first'), mode: 'snapshot-concurrent' });

describe('a layout', () => {
  it('is that of an incremental backup, an encrypted one, one of rsync', () => {
    expect(layoutOf(record('postgres-incremental'), HERE)).toEqual({
      origin: 'postgres',
      format: 'plain',
      codec: null,
      cipher: null,
      chain: { kind: 'incremental', parent: record('postgres-incremental').parentBackupId },
      place: HERE.base,
      walPlace: HERE.wals,
    });
    expect(layoutOf(record('15-postgres-gzip-gpg'), BUCKET)).toEqual({
      origin: 'postgres',
      format: 'tar',
      codec: 'gzip',
      cipher: 'gpg',
      chain: { kind: 'full' },
      place: BUCKET.base,
      walPlace: BUCKET.wals,
    });
    expect(layoutOf(record('rsync-reuse-link'), WALS_IN_BUCKET)).toMatchObject({
      origin: 'rsync',
      format: 'plain',
      place: WALS_IN_BUCKET.base,
      walPlace: WALS_IN_BUCKET.wals,
    });
  });

  it.each([
    ['postgres', 'postgres', 'full'],
    ['rsync-concurrent', 'rsync', 'rsync'],
    ['rsync-exclusive', 'rsync', 'rsync'],
    ['snapshot-concurrent', 'snapshot', 'snapshot'],
    ['local-to-cloud', 'other', 'full'],
    [null, 'other', 'full'],
  ])('of mode %s is from %s and called %s', (mode, origin, type) => {
    const info = { ...emptyBackupInfo('20261121T023540'), mode };
    expect([originOf(info), backupType(info)]).toEqual([origin, type]);
  });

  it('says what is built on nothing', () => {
    const [full, child] = [record('postgres-full-with-child-and-name'), record('postgres-incremental')];
    expect([isFull(full), isFull(child)]).toEqual([true, false]);
    expect([backupType(full), backupType(child)]).toEqual(['full', 'incremental']);
  });

  it.each([
    ['rsync-first', HERE, []],
    ['rsync-first', BUCKET, ['fetch']],
    ['postgres-compressed-gzip', HERE, ['unpack']],
    ['15-postgres-gzip-gpg', BUCKET, ['fetch', 'decrypt', 'unpack']],
    ['postgres-incremental', HERE, ['combine']],
  ])('%s in %o wants %o', (name, place, stages) => expect(stagesOf(layoutOf(record(name), place))).toEqual(stages));
});

/** Which trait is in the way of what; what is not named can be done. */
function obstacles(info: BackupInfo, place: Places = HERE): Partial<Record<Action, string>> {
  const layout = layoutOf(info, place);
  return Object.fromEntries(
    ACTIONS.flatMap((action) => {
      const obstacle = obstacleTo(action, layout, SUBJECT);
      return obstacle === null ? [] : [[action, obstacle.trait]];
    }),
  );
}

describe('what can be done with a backup', () => {
  it('is everything where it is plain, full and here', () => {
    expect(obstacles(record('rsync-first'))).toEqual({});
    expect(obstacles(record('15-postgres-full'))).toEqual({});
  });

  it('follows from how its files are kept', () => {
    expect(obstacles(record('postgres-compressed-gzip'))).toEqual({ 'restore there': 'archives', link: 'archives' });
    expect(obstacles(record('15-postgres-gzip-gpg'))).toEqual({
      'restore here': 'encrypted',
      'restore there': 'archives',
      verify: 'encrypted',
      link: 'archives',
    });
  });

  it('follows from what it is built on', () => {
    expect(obstacles(record('postgres-incremental'))).toEqual({
      'restore here': 'incremental',
      'restore there': 'incremental',
      export: 'incremental',
      import: 'incremental',
      keep: 'incremental',
    });
  });

  it('follows from who has the data and where', () => {
    expect(obstacles(snapshot())).toEqual({
      'restore here': 'snapshot',
      'restore there': 'snapshot',
      export: 'snapshot',
      import: 'snapshot',
      link: 'snapshot',
      delete: 'snapshot',
    });
    expect(obstacles(record('rsync-first'), BUCKET)).toEqual({
      'restore here': 'objects',
      'restore there': 'objects',
      export: 'objects',
      delete: 'objects',
    });
    expect(obstacles(record('rsync-first'), WALS_IN_BUCKET)).toEqual({
      'restore here': 'WAL in objects',
      'restore there': 'WAL in objects',
      export: 'WAL in objects',
    });
  });

  it.each([
    [
      'restore here',
      'postgres-incremental',
      "Cannot restore from backup 'latest' of server 'pg': restoring an incremental backup is not supported by this release",
    ],
    [
      'restore here',
      '15-postgres-gzip-gpg',
      "Cannot restore from backup 'latest' of server 'pg': restoring a backup encrypted with gpg is not supported by this release",
    ],
    [
      'restore there',
      'postgres-compressed-gzip',
      "Cannot restore from backup 'latest' of server 'pg': restoring a compressed backup to another host is not supported by this release",
    ],
    ['verify', '15-postgres-gzip-gpg', 'Backup verification is not supported for encrypted backups'],
    [
      'export',
      'postgres-incremental',
      'Cannot export backup latest from server pg: it is an incremental backup.\nOnly full backups are eligible for exporting.',
    ],
    ['import', 'postgres-incremental', "Cannot import backup 'latest': it is an incremental backup"],
    [
      'keep',
      'postgres-incremental',
      'Unable to execute the keep command on backup latest: is an incremental backup.\nOnly full backups are eligible for the use of the keep command.',
    ],
  ] as const)('is refused in these words: %s %s', (action, name, words) => {
    expect(obstacleTo(action, layoutOf(record(name), HERE), SUBJECT)?.words).toBe(words);
  });
});
