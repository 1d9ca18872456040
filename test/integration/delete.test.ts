/** `barman delete` killed with SIGKILL at its steps: nothing that is needed is ever gone, and the delete can be repeated. */
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startBarman } from '../support/archiving-server.ts';
import { type CatalogHome, catalogHome, segment, segments, span } from '../support/catalog-home.ts';
import { barmanProgram, makeSandbox, runProgram, type Sandbox } from '../support/sandbox.ts';

const OLD = '20261101T040000';
const CHILD = '20261102T040000';
const GOOD = '20261103T040000';

let box: Sandbox;
let home: CatalogHome;

beforeEach(async () => {
  box = await makeSandbox();
  home = catalogHome(box.home);
  await configure();
  await home.addBackup('pg', OLD, { ...span(2, 3), children_backup_ids: CHILD });
  await home.addBackup('pg', CHILD, { ...span(5, 5), parent_backup_id: OLD });
  await home.addBackup('pg', GOOD, span(10, 12));
  await home.writeWals('pg', segments(1, 14));
  for (const id of [OLD, CHILD]) {
    const folder = home.folder('pg', 'base', id, 'data', 'base');
    await mkdir(folder);
    await Promise.all(Array.from({ length: 500 }, (_, number) => writeFile(join(folder, String(number)), 'x')));
  }
});

afterEach(() => box.dispose());

async function configure(options = ''): Promise<void> {
  await box.writeConfig(
    `[pg]\nconninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\nstreaming_conninfo = host=127.0.0.1 port=1\n${options}`,
  );
}

/** The files of the good backup and all that a recovery from it can use, the record as it was. */
async function expectGoodBackup(before: string): Promise<void> {
  expect(await readFile(home.folder('pg', 'meta', `${GOOD}-backup.info`), 'utf8')).toBe(before);
  await access(home.folder('pg', 'base', GOOD, 'data', 'PG_VERSION'));
  const index = await readFile(home.folder('pg', 'wals', 'pg-xlog.db'), 'utf8');
  for (let number = 10; number <= 14; number += 1) {
    await access(home.folder('pg', 'wals', '0000000100000000', segment(number)));
    expect(index).toContain(`${segment(number)}\t`);
  }
}

/** A backup that is listed as restorable has all its files and its WAL. */
async function expectHonestList(): Promise<void> {
  const { code, stdout } = await box.barman(['list-backups', 'pg']);
  expect(code).toBe(0);
  const ranges = { [OLD]: [2, 3], [CHILD]: [5, 5], [GOOD]: [10, 12] } as const;
  for (const line of stdout.trimEnd().split('\n')) {
    const id = line.split(' ')[1] as keyof typeof ranges;
    if (line.endsWith('FAILED')) continue;
    const [begin, end] = ranges[id];
    for (let number = begin; number <= end; number += 1)
      await access(home.folder('pg', 'wals', '0000000100000000', segment(number)));
    const files = await readdir(home.folder('pg', 'base', id, 'data'), { recursive: true });
    expect(files).toHaveLength(id === GOOD ? 4 : 505);
  }
}

async function expectComplete(): Promise<void> {
  await configure();
  const again = await box.barman(['delete', 'pg', OLD]);
  expect(again).toMatchObject({ code: 0 });
  expect(await readdir(home.folder('pg', 'base'))).toEqual([GOOD]);
  expect(await readdir(home.folder('pg', 'meta'))).toEqual([`${GOOD}-backup.info`]);
  const index = await readFile(home.folder('pg', 'wals', 'pg-xlog.db'), 'utf8');
  expect(index.split('\n').map((line) => line.slice(0, 24))).toEqual([
    ...[10, 11, 12, 13, 14].map((number) => segment(number)),
    '',
  ]);
  expect((await readdir(home.folder('pg', 'wals', '0000000100000000'))).sort()).toEqual(
    [10, 11, 12, 13, 14].map((number) => segment(number)),
  );
}

describe('a delete that is killed', () => {
  const killAt = (name: string) => `test "$BARMAN_SEGMENT$BARMAN_BACKUP_ID" != "${name}" || kill -9 $PPID`;

  it.each([
    ['before it began with the child', 'pre_delete_script', CHILD],
    ['before it began with the parent', 'pre_delete_script', OLD],
    ['before the first WAL file', 'pre_wal_delete_script', segment(1)],
    ['after the first WAL file', 'post_wal_delete_script', segment(1)],
    ['in the middle of the WAL', 'pre_wal_delete_script', segment(5)],
    ['after the last WAL file', 'post_wal_delete_script', segment(9)],
    ['when the child was gone', 'post_delete_script', CHILD],
  ])('%s', async (_, option, name) => {
    const before = await readFile(home.folder('pg', 'meta', `${GOOD}-backup.info`), 'utf8');
    await configure(`${option} = ${killAt(name)}`);
    const { end } = startBarman(box, ['delete', 'pg', OLD]);
    expect((await end).signal).toBe('SIGKILL');
    await expectGoodBackup(before);
    await expectHonestList();
    await expectComplete();
  });

  it('between its last two steps', async () => {
    expect(await box.barman(['delete', 'pg', OLD])).toMatchObject({ code: 0 });
    await writeFile(home.folder('pg', 'meta', `${OLD}-delete_this`), 'delete');
    expect(await box.barman(['delete', 'pg', OLD])).toEqual({
      code: 0,
      stdout: `Deleted backup ${OLD}: an earlier delete had removed all of it\n`,
      stderr: '',
    });
    expect(await readdir(home.folder('pg', 'meta'))).toEqual([`${GOOD}-backup.info`]);
    expect(await box.barman(['delete', 'pg', OLD])).toMatchObject({ code: 1 });
  });

  it('at any moment', async () => {
    const before = await readFile(home.folder('pg', 'meta', `${GOOD}-backup.info`), 'utf8');
    let killed = 0;
    for (let round = 0; round < 60; round += 1) {
      const { child, end, stdout } = startBarman(box, ['delete', 'pg', OLD]);
      while (stdout() === '' && child.exitCode === null && child.signalCode === null) await sleep(1);
      // A little longer each time, until one is quick enough.
      await sleep(round * 2);
      child.kill('SIGKILL');
      const { signal } = await end;
      await expectGoodBackup(before);
      await expectHonestList();
      if (signal === null) break;
      killed += 1;
    }
    expect(killed).toBeGreaterThan(0);
    // The last round may have ended it.
    if ((await readdir(home.folder('pg', 'meta'))).length > 1) await expectComplete();
  });
});

it('that cannot write the index when the WAL is gone leaves no backup that looks whole, and is completed by cron', async () => {
  // The index is larger than what may be written, in blocks of 512 bytes; records and log are not.
  await home.writeWals('pg', segments(1, 1_000));
  const before = await readFile(home.folder('pg', 'meta', `${GOOD}-backup.info`), 'utf8');
  const failed = await runProgram('sh', [
    '-c',
    'ulimit -f 64; exec "$@"',
    'sh',
    barmanProgram,
    '-c',
    box.configFile,
    'delete',
    'pg',
    OLD,
  ]);
  expect([failed.code, failed.stderr]).toEqual([
    1,
    `WARNING: Backup ${OLD} has incremental backups which depend on it. Deleting all backups in the tree\n` +
      `ERROR: cannot write '${home.folder('pg', 'wals', 'pg-xlog.db')}': File too large\n`,
  ]);
  await expectHonestList();
  expect(await readFile(home.folder('pg', 'meta', `${OLD}-backup.info`), 'utf8')).toContain('\nstatus=FAILED\n');
  expect(await box.barman(['cron'])).toMatchObject({ code: 0 });
  await expectGoodBackup(before);
  expect(await readdir(home.folder('pg', 'meta'))).toEqual([`${GOOD}-backup.info`]);
  const index = await readFile(home.folder('pg', 'wals', 'pg-xlog.db'), 'utf8');
  expect(index.split('\n', 1)[0]?.slice(0, 24)).toBe(segment(10));
});
