/** The lines of check about files that the next run would stumble over. Needs no PostgreSQL. */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type CatalogHome, catalogHome, segment, segments, span } from '../support/catalog-home.ts';
import { makeSandbox, type Sandbox } from '../support/sandbox.ts';

const FIRST = '20261101T040000';

let box: Sandbox;
let home: CatalogHome;

beforeEach(async () => {
  box = await makeSandbox();
  home = catalogHome(box.home);
  await box.writeConfig('[pg]\nconninfo = host=127.0.0.1 port=1\nbackup_method = local-rsync\narchiver = on\n');
  await home.addBackup('pg', FIRST, { ...span(2, 2), mode: 'rsync-concurrent' });
  await home.writeWals('pg', segments(1, 5));
});
afterEach(() => box.dispose());

/** The line of check with this name, without it; undefined when there is none. */
async function line(name: string, ...options: string[]): Promise<string | undefined> {
  const { stdout } = await box.barman(['check', ...options, 'pg']);
  return stdout.split('\n').find((text) => text.includes(name));
}

it('says nothing where all can be used', async () => {
  await writeFile(join(box.home, '.pg-archive-wal.lock'), '');
  await writeFile(home.folder('pg', 'incoming', segment(6)), 'wal');
  await writeFile(home.folder('pg', 'wals', '00000002.history'), '');
  expect(await line('file permissions')).toBeUndefined();
  expect(await line('WAL directory')).toBeUndefined();
});

it.each([
  ['a lock', () => join(box.home, '.pg-archive-wal.lock'), 'written'],
  ['the lock of a backup', () => join(box.home, `.pg-${FIRST}.lock`), 'written'],
  ['the index', () => home.folder('pg', 'wals', 'pg-xlog.db'), 'written'],
  ['a file that waits', () => home.folder('pg', 'incoming', segment(6)), 'read'],
])('names %s that this user may not use', async (_what, path, use) => {
  await writeFile(path(), '', { flag: 'a' });
  await chmod(path(), use === 'read' ? 0o200 : 0o400);
  expect(await line('file permissions')).toBe(
    `\tfile permissions: FAILED ('${path()}' cannot be ${use} (Permission denied). Please execute chmod u+rwX ${path()})`,
  );
  expect(await line('file permissions', '--nagios')).toContain('file permissions');
});

it.each(['meta', 'base', 'incoming', 'errors', 'wals/0000000100000000'])(
  'names the directory %s when nothing can be made in it',
  async (name) => {
    const path = home.folder('pg', name);
    await chmod(path, 0o500);
    expect(await line('file permissions')).toContain(`'${path}' cannot be written (Permission denied)`);
    await chmod(path, 0o700);
  },
);

it('gives the remedy with the error of a lock', async () => {
  const path = join(box.home, '.pg-archive-wal.lock');
  await writeFile(path, '');
  await chmod(path, 0o400);
  const { code, stderr } = await box.barman(['archive-wal', 'pg']);
  expect(code).not.toBe(0);
  expect(stderr).toContain(`Permission denied, unable to access '${path}'\nHINT: chmod u+rwX ${path}`);
});

it('finds WAL that was put beside the archive', async () => {
  for (const number of [7, 8]) await writeFile(home.folder('pg', 'wals', segment(number)), 'wal');
  expect(await line('WAL directory')).toBe(
    `\tWAL directory: FAILED (2 WAL files lie directly in '${home.folder('pg', 'wals')}' (first: ${segment(7)}), where nothing archives or finds it. Please let archive_command deliver to '${home.folder('pg', 'incoming')}' and move it there)`,
  );
  await rm(home.folder('pg', 'wals', segment(7)));
  await mkdir(home.folder('pg', 'wals', '0000000200000000'));
  expect(await line('WAL directory')).toContain('(1 WAL file lies directly in');
});
