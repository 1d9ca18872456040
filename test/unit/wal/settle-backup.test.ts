import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Catalog } from '../../../src/catalog/catalog.ts';
import { emptyBackupInfo, type BackupInfo } from '../../../src/domain/backup/backup-info.ts';
import { openWalDirectory } from '../../../src/storage/directory/wal-directory.ts';
import { judge } from '../../../src/wal/settle-backup.ts';

const MEBIBYTE = 1024 * 1024;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'barman-judge-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** An archive that holds these segments of timeline 1; `last` of each timeline as the directories would tell. */
function archive(names: readonly string[], empty: readonly string[] = []): Pick<Catalog, 'walStore'> {
  const walStore = openWalDirectory({ root: join(root, 'wals') });
  for (const name of names) {
    mkdirSync(dirname(walStore.locate(name)), { recursive: true });
    writeFileSync(walStore.locate(name), empty.includes(name) ? '' : name);
  }
  return { walStore };
}

function backup(begin: string | null, end: string | null, xlogSegmentSize = 16 * MEBIBYTE): BackupInfo {
  return {
    ...emptyBackupInfo('20260101T000000'),
    status: 'WAITING_FOR_WALS',
    beginWal: begin,
    endWal: end,
    xlogSegmentSize,
  };
}

const wal = (segment: number, timeline = 1, log = 0) =>
  [timeline, log, segment].map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('');

const WAITING = { status: 'WAITING_FOR_WALS', error: null };
const DONE = { status: 'DONE', error: null };
const missing = (name: string) => ({
  status: 'FAILED',
  error: `At least one WAL file is missing. The first missing WAL file is ${name}`,
});

it.each([
  ['nothing was archived yet', [], backup(wal(5), wal(7)), WAITING],
  ['only older segments are there', [wal(3), wal(4)], backup(wal(5), wal(7)), WAITING],
  ['the end is missing', [wal(5), wal(6)], backup(wal(5), wal(7)), WAITING],
  ['all are there', [wal(5), wal(6), wal(7)], backup(wal(5), wal(7)), DONE],
  ['one segment is all', [wal(9)], backup(wal(9), wal(9)), DONE],
  ['a hole in the middle', [wal(5), wal(7)], backup(wal(5), wal(7)), missing(wal(6))],
  ['a hole before the end arrived', [wal(5), wal(7)], backup(wal(5), wal(9)), missing(wal(6))],
  ['the begin is gone', [wal(6), wal(7)], backup(wal(5), wal(7)), missing(wal(5))],
  ['across a log, 16 MiB', [wal(0xff), wal(0, 1, 1)], backup(wal(0xff), wal(0, 1, 1)), DONE],
  ['across a log, 1 MiB', [wal(0xfff), wal(0, 1, 1)], backup(wal(0xfff), wal(0, 1, 1), MEBIBYTE), DONE],
  [
    '1 MiB segments go on after FF',
    [wal(0xff), wal(0, 1, 1)],
    backup(wal(0xff), wal(0, 1, 1), MEBIBYTE),
    missing(wal(0x100)),
  ],
] as const)('%s', async (_, names, info, verdict) => {
  expect(await judge(archive(names), info)).toEqual(verdict);
});

it('an empty file holds no WAL', async () => {
  const catalog = archive([wal(5), wal(6), wal(7)], [wal(6)]);
  expect(await judge(catalog, backup(wal(5), wal(7)))).toEqual(missing(wal(6)));
});

it('a backup must stay on one timeline', async () => {
  expect(await judge(archive([]), backup(wal(5), wal(7, 2)))).toEqual({
    status: 'FAILED',
    error:
      'Backups spanning multiple timelines are not supported. The backup starts in timeline 00000001 and ends in timeline 00000002.',
  });
});

it('says nothing of a backup that has not ended', async () => {
  expect(await judge(archive([]), backup(wal(5), null))).toBeNull();
});
