/** A backup that lost its files, under the commands that list, judge, choose and delete. Needs no PostgreSQL. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type CatalogHome, catalogHome, segments, span } from '../support/catalog-home.ts';
import { makeSandbox, type Sandbox } from '../support/sandbox.ts';
import { SMALL_SEGMENT, walSegment } from '../support/wal-files.ts';

const [FIRST, SECOND] = ['20261101T040000', '20261102T040000'] as const;

let box: Sandbox;
let home: CatalogHome;

beforeEach(async () => {
  box = await makeSandbox();
  home = catalogHome(box.home);
  await box.writeConfig(
    '[pg]\nactive = false\nconninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\nminimum_redundancy = 2\nretention_policy = REDUNDANCY 1\nlast_backup_maximum_age = 400000 DAYS\n',
  );
  await home.addBackup('pg', FIRST, span(2, 2));
  await home.addBackup('pg', SECOND, span(4, 4));
  await home.writeWals('pg', segments(1, 5));
});
afterEach(() => box.dispose());

const data = (id: string) => home.folder('pg', 'base', id, 'data');

it('says nothing of it while all is there', async () => {
  const list = await box.barman(['list-backups', 'pg']);
  expect(list.stderr).toBe('');
  expect(list.stdout).not.toMatch(/MISSING|UNREADABLE/);
  expect((await box.barman(['check', 'pg'])).stdout).not.toContain('backup data');
});

it('counts and chooses only what is there, and says why and what to type', async () => {
  await rm(data(SECOND), { recursive: true });
  const list = await box.barman(['list-backups', 'pg']);
  expect(list.code).toBe(0);
  expect(list.stderr).toContain(`Backup ${SECOND} of server pg is not whole: '${data(SECOND)}' is missing.`);
  expect(list.stderr).toContain(`barman delete pg ${SECOND}`);
  const [newest, oldest] = list.stdout.trim().split('\n');
  expect(newest).toMatch(/ - MISSING FILES$/);
  expect(oldest).not.toMatch(/OBSOLETE|MISSING/);

  const shown = JSON.parse((await box.barman(['-f', 'json', 'show-backup', 'pg', SECOND])).stdout) as {
    pg: Record<string, unknown>;
  };
  expect(shown.pg).toMatchObject({ status: 'DONE', data_status: 'missing' });
  expect((await box.barman(['show-backup', 'pg', 'latest'])).stdout).toContain(`Backup ${FIRST}:`);

  const check = await box.barman(['check', 'pg']);
  expect(check.stdout).toContain(`backup data: FAILED (backup ${SECOND} is not whole: '${data(SECOND)}' is missing)`);
  expect(check.stdout).toContain('FAILED (have 1 non-incremental backups, expected at least 2)');
  expect((await box.barman(['status', 'pg'])).stdout).toContain(`Last available backup: ${FIRST}`);

  const refused = await box.barman(['delete', 'pg', 'oldest']);
  expect(refused.stdout + refused.stderr).toContain('current redundancy = 1');
  const gone = await box.barman(['delete', 'pg', SECOND]);
  expect(gone.stdout).toContain(`Deleted backup ${SECOND}`);
});

it('takes no age of a backup that is not there', async () => {
  for (const id of [FIRST, SECOND]) {
    for (const name of ['backup_manifest', 'global']) await rm(join(data(id), name), { recursive: true });
  }
  const check = await box.barman(['check', 'pg']);
  expect(check.stdout).toContain('backup maximum age: FAILED');
  expect(check.stdout).toContain('No available backups');
  expect(check.stdout).toContain('1 more)');
});

it('deletes nothing of a filesystem that is not mounted', async () => {
  await rename(home.folder('pg', 'base'), join(box.root, 'away'));
  const words = `'${home.folder('pg', 'base')}' holds no backup: is its filesystem not mounted?`;
  const deleted = await box.barman(['delete', 'pg', FIRST]);
  expect(deleted.code).toBe(1);
  expect(deleted.stderr).toContain(words);
  expect((await box.barman(['check', 'pg'])).stdout).toContain(`backup data: FAILED (${words})`);
  expect((await box.barman(['delete', 'pg', '--dry-run'])).stderr).toContain(words);
  expect((await box.barman(['restore', 'pg', 'latest', join(box.root, 'to')])).stderr).toContain(words);
  await rename(join(box.root, 'away'), home.folder('pg', 'base'));
  expect((await box.barman(['list-backups', 'pg'])).stderr).toBe('');
});

it('says that WAL is missing when it is, not while the status of the backup lags', async () => {
  const archive = async (last: number) => {
    const lines = segments(6, last).map((line) => ({ ...line, size: SMALL_SEGMENT }));
    await home.writeWals('pg', lines);
    for (const { name } of lines) await writeFile(home.folder('pg', 'wals', name.slice(0, 16), name), walSegment(name));
  };
  const texts = { ...span(6, 7), xlog_segment_size: String(SMALL_SEGMENT), status: 'WAITING_FOR_WALS' };
  await home.addBackup('pg', SECOND, texts);
  await archive(7);
  const whole = await box.barman(['restore', 'pg', SECOND, join(box.root, 'whole')]);
  expect(whole.stderr).toBe('');
  expect(whole.code).toBe(0);
  await rm(home.folder('pg', 'wals'), { recursive: true });
  await archive(6);
  const short = await box.barman(['restore', 'pg', SECOND, join(box.root, 'short')]);
  expect(short.stderr).toContain('does not have yet all the WAL files');
  expect(short.stderr).toContain('IS NOT VALID');
});
