/** Backups that do not reach their end: kill -9, signals, a second backup, PostgreSQL gone, a full disk. */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acquireLock } from '../../src/host/lock.ts';
import { type ArchivingServer, type Running, startArchivingServer, startBarman } from '../support/archiving-server.ts';
import { eventually } from '../support/eventually.ts';
import { barmanProgram } from '../support/sandbox.ts';

const exec = promisify(execFile);
/** Makes the copy of a fresh cluster last about ten seconds. */
const SLOWLY = ['--bwlimit', '2048'];
let server: ArchivingServer;
let good: string;
let goodDigest: string;

beforeAll(async () => {
  server = await startArchivingServer();
  const first = await server.box.barman(['backup', '--wait', 'pg']);
  expect(first.stderr).toBe('');
  good = await lastId();
  goodDigest = digest(server.path('base', good));
});
afterAll(async () => {
  await server?.dispose();
});

async function lastId(): Promise<string> {
  return (await readdir(server.path('base'))).sort().at(-1) ?? '';
}

/** The id of the backup that `running` has announced. */
async function started(running: Running): Promise<string> {
  let ended = false;
  void running.end.then(() => {
    ended = true;
  });
  await eventually('the backup starts', () => ended || /for server pg in /.test(running.stdout()));
  if (ended) throw new Error(`the backup ended at once:\n${running.stderr()}`);
  return /base\/(\d{8}T\d{6})/.exec(running.stdout())?.[1] ?? '';
}

function digest(folder: string): string {
  const hash = createHash('sha256');
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )) {
    const path = join(entry.parentPath, entry.name);
    hash.update(path);
    if (entry.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

/** Waits until pg_basebackup has written the first files of this backup. */
const filesArrive = (id: string) =>
  eventually('files arrive', async () => {
    const names = await readdir(server.path('base', id, 'data')).catch((): string[] => []);
    return names.length > 0;
  });

/** pids of the pg_basebackup processes of this server. */
function copiers(): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return words.includes('pg_basebackup') && words.includes(server.path('base')) && !words.includes('node');
    } catch {
      return false;
    }
  });
}

async function expectGoodBackupUntouched(): Promise<void> {
  expect(digest(server.path('base', good))).toBe(goodDigest);
  const record = await server.record(good);
  expect(record.status).toBe('DONE');
  const index = await readFile(server.path('wals', 'pg-xlog.db'), 'utf8');
  expect(index).toContain(`${record.begin_wal}\t`);
  expect(index).toContain(`${record.end_wal}\t`);
}

async function expectNextBackupWorks(): Promise<void> {
  const next = await server.box.barman(['backup', '--wait', 'pg']);
  expect({ code: next.code, stderr: next.stderr }).toEqual({ code: 0, stderr: '' });
  expect((await server.record(await lastId())).status).toBe('DONE');
}

describe('kill -9', () => {
  const moments: [string, (running: Running) => Promise<void>, string][] = [
    ['right after the announcement', async () => {}, 'EMPTY|STARTED'],
    [
      'when the copy begins',
      (running) => eventually('STARTED', () => running.stdout().includes('Starting backup copy')),
      'STARTED',
    ],
    [
      'in the middle of the copy',
      async (running) => {
        await eventually('STARTED', () => running.stdout().includes('Starting backup copy'));
        await filesArrive(await started(running));
      },
      'STARTED',
    ],
  ];
  it.each(moments)('%s', async (_, moment, statuses) => {
    const running = startBarman(server.box, ['backup', ...SLOWLY, 'pg']);
    const id = await started(running);
    await moment(running);
    running.child.kill('SIGKILL');
    await running.end;
    expect((await server.record(id)).status).toMatch(new RegExp(`^(${statuses})$`));
    // The copy dies with its parent, and PostgreSQL ends the backup with the connection.
    await eventually('pg_basebackup is gone', () => copiers().length === 0, 5);
    await eventually(
      'no walsender is left',
      async () =>
        (await server.cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'")) === '0',
      10,
    );
    const cron = await server.box.barman(['cron']);
    expect(cron).toEqual({
      code: 0,
      stdout: 'Starting WAL archiving for server pg\n',
      stderr: `WARNING: Backup ${id} of server pg was interrupted: its process is gone. It is now marked as FAILED\n`,
    });
    const record = await server.record(id);
    expect(record.status).toBe('FAILED');
    expect(record.error).toMatch(
      /^failure (starting backup|copying files) \(the backup process ended before its time: killed, or the host went down\)$/,
    );
    // Said once.
    expect((await server.box.barman(['cron'])).stderr).toBe('');
    await expectGoodBackupUntouched();
    await expectNextBackupWorks();
  });

  it('at many random moments: cron settles it, nothing good is lost', async () => {
    for (let round = 0; round < 6; round += 1) {
      const running = startBarman(server.box, ['backup', 'pg']);
      await sleep(100 + Math.random() * 1200);
      running.child.kill('SIGKILL');
      await running.end;
      await eventually('pg_basebackup is gone', () => copiers().length === 0, 5);
    }
    await server.box.barman(['cron']);
    await eventually(
      'the archiver of cron is done',
      async () => (await server.box.barman(['archive-wal', 'pg'])).code === 0,
    );
    const names = (await readdir(server.path('meta'))).filter((name) => name.endsWith('-backup.info'));
    for (const name of names) {
      const { status } = await server.record(name.replace('-backup.info', ''));
      expect(status).toMatch(/^(DONE|FAILED|WAITING_FOR_WALS)$/);
    }
    const bases = (await readdir(server.path('base'))).sort();
    expect(names.map((name) => name.replace('-backup.info', '')).sort()).toEqual(bases);
    await expectGoodBackupUntouched();
    await expectNextBackupWorks();
  });

  it('leaves a running backup alone, and the next backup repairs as well', async () => {
    const running = startBarman(server.box, ['backup', ...SLOWLY, 'pg']);
    const id = await started(running);
    await eventually('STARTED', () => running.stdout().includes('Starting backup copy'));
    expect((await server.box.barman(['cron'])).stderr).toBe('');
    expect((await server.record(id)).status).toBe('STARTED');
    running.child.kill('SIGKILL');
    await running.end;
    const next = await server.box.barman(['backup', '--wait', 'pg']);
    expect(next.code).toBe(0);
    expect(next.stderr).toBe(
      `WARNING: Backup ${id} of server pg was interrupted: its process is gone. It is now marked as FAILED\n`,
    );
    expect((await server.record(id)).status).toBe('FAILED');
  });
});

describe('signals', () => {
  it.each([
    ['SIGINT', 'KeyboardInterrupt'],
    ['SIGTERM', '143'],
  ] as const)('%s in the copy', async (signal, word) => {
    const running = startBarman(server.box, ['backup', ...SLOWLY, 'pg']);
    const id = await started(running);
    await filesArrive(id);
    running.child.kill(signal);
    expect(await running.end).toEqual({ code: 1, signal: null });
    expect(running.stderr()).toBe(`ERROR: Backup failed copying files.\nDETAILS: ${word}\n`);
    expect(await server.record(id)).toMatchObject({ status: 'FAILED', error: `failure copying files (${word})` });
    expect(copiers()).toEqual([]);
    await expectGoodBackupUntouched();
  });

  it('a Ctrl-C in --wait leaves the backup as it is', async () => {
    // Somebody else archives, and is not done.
    const archiving = await acquireLock(join(server.box.home, '.pg-archive-wal.lock'), { wait: true });
    const running = startBarman(server.box, ['backup', '--wait', 'pg']);
    const id = await started(running);
    await eventually('it waits', () => running.stdout().includes('Waiting for the WAL file'), 60);
    running.child.kill('SIGINT');
    await running.end;
    const { end_wal: wal, status } = await server.record(id);
    expect(status).toBe('WAITING_FOR_WALS');
    expect(running.stdout()).toContain(`Got CTRL-C. Continuing without waiting for '${wal}' to be archived\n`);
    await archiving.release();
    await eventually(
      'check-backup settles it',
      async () => {
        await server.box.barman(['archive-wal', 'pg']);
        await server.box.barman(['check-backup', 'pg', id]);
        return (await server.record(id)).status === 'DONE';
      },
      60,
    );
    await expectNextBackupWorks();
  });
});

it('refuses a second backup of the same server', async () => {
  const running = startBarman(server.box, ['backup', ...SLOWLY, 'pg']);
  await started(running);
  expect(await server.box.barman(['backup', 'pg'])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'ERROR: Another backup process is running\n',
  });
  running.child.kill('SIGTERM');
  await running.end;
});

it('PostgreSQL goes down in the copy: FAILED with its words, the next backup works', async () => {
  const running = startBarman(server.box, ['backup', ...SLOWLY, 'pg']);
  const id = await started(running);
  await filesArrive(id);
  await server.cluster.stop('immediate');
  expect((await running.end).code).toBe(1);
  const data = server.path('base', id, 'data');
  expect(running.stderr()).toMatch(
    new RegExp(
      `^ERROR: Backup failed copying files\\.\nDETAILS: data transfer failure on directory '${data}'\npg_basebackup error:\n`,
    ),
  );
  expect((await server.record(id)).error).toBe(`failure copying files (data transfer failure on directory '${data}')`);
  await server.cluster.start();
  await expectGoodBackupUntouched();
  await expectNextBackupWorks();
});

const namespaces = spawnSync('unshare', ['-rm', 'true']).status === 0;

it.skipIf(!namespaces)(
  'a full disk: FAILED with the reason, the space is given back, the next run is clean',
  async () => {
    // A file system of 12 MB on base/, in a mount namespace of its own.
    const base = server.path('base');
    const uid = String(process.getuid?.());
    const gid = String(process.getgid?.());
    const run = `"$1" "$2" -c "$3" backup pg; df --output=used "$4" | tail -1; ls "$4"/*/data | wc -l`;
    const script = `mount -t tmpfs -o size=12m,mode=700 tmpfs "$4" && exec unshare --map-user=${uid} --map-group=${gid} sh -c '${run}' sh "$@"`;
    const args = ['-rm', 'sh', '-c', script, 'sh', process.execPath, barmanProgram, server.box.configFile, base];
    const result = await exec('unshare', args);
    expect(result.stderr).toMatch(/^ERROR: Backup failed copying files\.\nDETAILS: data transfer failure on directory/);
    expect(result.stderr).toContain('No space left on device');
    const [used, files] = result.stdout.trim().split('\n').slice(-2).map(Number);
    expect(used).toBeLessThan(100);
    expect(files).toBe(0);
    const records = (await readdir(server.path('meta'))).sort();
    const failed = await server.record((records.at(-1) ?? '').replace('-backup.info', ''));
    expect(failed.status).toBe('FAILED');
    await rm(server.path('meta', records.at(-1) ?? ''));
    await mkdir(base, { recursive: true });
    await expectGoodBackupUntouched();
    await expectNextBackupWorks();
  },
);
