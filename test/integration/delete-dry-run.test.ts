/** `barman delete --dry-run` as it is typed: what it says, that it leaves everything as it was, and that the delete agrees. */
import { lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CatalogHome, catalogHome, segment, segments, span } from '../support/catalog-home.ts';
import { nothingRunsOn } from '../support/processes.ts';
import { makeSandbox, type Sandbox } from '../support/sandbox.ts';

const OLD = '20261101T040000';
const CHILD = '20261102T040000';
const GOOD = '20261103T040000';

let box: Sandbox;
let home: CatalogHome;

beforeEach(async () => {
  box = await makeSandbox();
  home = catalogHome(box.home);
  await configure('retention_policy = REDUNDANCY 1');
  await home.addBackup('pg', OLD, { ...span(2, 3), backup_name: 'weekly', children_backup_ids: CHILD });
  await home.addBackup('pg', CHILD, { ...span(5, 5), parent_backup_id: OLD });
  await home.addBackup('pg', GOOD, span(10, 12));
  await home.writeWals('pg', segments(1, 14));
});

afterEach(() => box.dispose());

const configure = (options: string) =>
  box.writeConfig(
    `[pg]\nconninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\nstreaming_conninfo = host=127.0.0.1 port=1\n${options}`,
  );

/** Everything below the home but the lock under which the index is read: type, size, inode, times, content of files. */
async function everything(): Promise<string[]> {
  const names = (await readdir(box.home, { recursive: true })).filter((name) => name !== '.pg-xlogdb.lock').sort();
  return Promise.all(
    names.map(async (name) => {
      const path = join(box.home, name);
      const { mode, size, ino, mtimeMs, ctimeMs } = await lstat(path);
      const content = (await lstat(path)).isFile() ? await readFile(path, 'latin1') : '';
      return [name, mode, size, ino, mtimeMs, ctimeMs, content].join(' ');
    }),
  );
}

/** Runs ours with `--dry-run`; a change on disk is a failure. */
async function tell(...args: string[]) {
  const before = await everything();
  const result = await box.barman(args);
  expect(await everything()).toEqual(before);
  return result;
}

/** The old place of a keep annotation, as releases before 3.13.3 left it. */
async function keepAtOldPlace(id: string, target: string): Promise<void> {
  const directory = home.folder('pg', 'base', id, 'annotations');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'keep'), target);
}

const OF_OLD = `\t${CHILD} - DONE - Sun Nov  1 04:00:05 2026 - Size: 22.8 MiB - frees no WAL
\t${OLD} 'weekly' - DONE - Sun Nov  1 04:00:05 2026 - Size: 22.8 MiB - frees 9 WAL files (144.0 MiB): ${segment(1)} to ${segment(9)}
Space that becomes free: 45.6 MiB of backups, 9 WAL files (144.0 MiB)
Nothing was deleted (--dry-run)
`;

describe('delete --dry-run', () => {
  it('tells what goes with a backup, and the delete does that', async () => {
    const told = await tell('delete', '--dry-run', 'pg', 'weekly');
    expect(told).toEqual({ code: 0, stdout: `Server pg: 2 backups would be deleted\n${OF_OLD}`, stderr: '' });
    // The option may stand anywhere; the backup may be named in any way.
    expect(await tell('delete', 'pg', 'oldest', '--dry-run')).toEqual(told);
    const { code, stdout } = await box.barman(['delete', 'pg', OLD]);
    expect(code).toBe(0);
    const gone = stdout.split('\n').filter((line) => line.startsWith('\t0000'));
    expect(gone).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) => `\t${segment(number)}`));
    expect(await readdir(home.folder('pg', 'base'))).toEqual([GOOD]);
  });

  it('tells what retention deletes, and cron does that', async () => {
    expect(await tell('delete', '--dry-run', 'pg')).toEqual({
      code: 0,
      stdout: `Server pg: 2 backups would be deleted\n${OF_OLD}`,
      stderr: '',
    });
    expect((await box.barman(['cron'])).code).toBe(0);
    // What cron has started must not write while we look.
    await nothingRunsOn(box.root);
    expect(await readdir(home.folder('pg', 'base'))).toEqual([GOOD]);
    expect((await tell('delete', '--dry-run', 'pg')).stdout).toBe(
      'Server pg: no backup would be deleted\nNothing was deleted (--dry-run)\n',
    );
  });

  it('speaks JSON', async () => {
    const { code, stdout, stderr } = await tell('-f', 'json', 'delete', '--dry-run', 'pg', OLD);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const bytes = { size_bytes: 23_913_625, status: 'DONE' };
    expect(JSON.parse(stdout)).toEqual({
      pg: {
        dry_run: true,
        backups: [
          { backup_id: CHILD, backup_name: null, ...bytes, wals: [], wal_bytes: 0 },
          {
            backup_id: OLD,
            backup_name: 'weekly',
            ...bytes,
            wals: [1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) => segment(number)),
            wal_bytes: 9 * 16_777_216,
          },
        ],
        size_bytes: 2 * 23_913_625,
        wal_files: 9,
        wal_bytes: 9 * 16_777_216,
      },
    });
  });

  it('refuses as the delete does', async () => {
    await configure('minimum_redundancy = 2');
    const refused = await tell('delete', '--dry-run', 'pg', GOOD);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('due to minimum redundancy requirements');
    expect(await box.barman(['delete', 'pg', GOOD])).toEqual(refused);
    const unknown = await tell('delete', '--dry-run', 'pg', 'nosuch');
    expect(unknown).toEqual({ code: 1, stdout: '', stderr: "ERROR: Unknown backup 'nosuch' for server 'pg'\n" });
  });

  it('obeys a keep annotation at its old place, and leaves it there', async () => {
    await keepAtOldPlace(OLD, 'full');
    const refused = await tell('delete', '--dry-run', 'pg', OLD);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('as it has a current keep request');
    expect((await tell('delete', '--dry-run', 'pg')).stdout).toBe(
      'Server pg: no backup would be deleted\nNothing was deleted (--dry-run)\n',
    );
    expect(await box.barman(['delete', 'pg', OLD])).toEqual(refused);
  });

  it('leaves the mark of a finished delete', async () => {
    await rm(home.folder('pg', 'base', GOOD), { recursive: true });
    await rm(home.folder('pg', 'meta', `${GOOD}-backup.info`));
    await writeFile(home.folder('pg', 'meta', `${GOOD}-delete_this`), 'delete');
    expect(await tell('delete', '--dry-run', 'pg', GOOD)).toEqual({
      code: 0,
      stdout: `An earlier delete has removed all of backup ${GOOD}\nServer pg: no backup would be deleted\nNothing was deleted (--dry-run)\n`,
      stderr: '',
    });
    expect((await box.barman(['delete', 'pg', GOOD])).code).toBe(0);
    expect(await readdir(home.folder('pg', 'meta'))).not.toContain(`${GOOD}-delete_this`);
  });

  it('may be without a backup only when it is dry', async () => {
    const { code, stdout, stderr } = await tell('delete', 'pg');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/\nbarman delete: error: the following arguments are required: backup_id\n$/);
  });
});
