/** What is told beside the work (log, news on stdout, stderr) cannot be written: the work is done all the same. */
import { execFile } from 'node:child_process';
import { mkdir, open, readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Running, startBarman } from '../support/archiving-server.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { barmanProgram, makeSandbox, type ProgramResult, type Sandbox, streamingSection } from '../support/sandbox.ts';

const exec = promisify(execFile);
let cluster: Cluster;
let box: Sandbox;
let log: string;
let receiver: Running | undefined;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.dispose());
beforeEach(async () => {
  box = await makeSandbox();
  log = join(box.root, 'log', 'barman.log');
  await configure(log);
  await startReceiver();
  await closeSegment();
  await box.barman(['archive-wal', 'pg']);
});
afterEach(async () => {
  receiver?.child.kill('SIGTERM');
  await receiver?.end;
  receiver = undefined;
  const isFree = async () => (await cluster.sql('SELECT count(*) FROM pg_replication_slots WHERE active')) === '0';
  await eventually('the slot is free', isFree);
  await cluster.sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
  await box.dispose();
});

const configure = (file: string) =>
  box.writeConfig(streamingSection('pg', cluster, 'immediate_checkpoint = true'), `log_file = ${file}\n`);
const notices = (text: string) => text.split('\n').filter((line) => line.startsWith('WARNING: cannot write the log'));

/** The disk of the log is full from now on. */
async function fillDisk(): Promise<void> {
  await rm(log, { force: true });
  await symlink('/dev/full', log);
}

async function startReceiver(): Promise<void> {
  const started = startBarman(box, ['receive-wal', 'pg']);
  receiver = started;
  await eventually('it streams', () => started.stdout().includes('starting log streaming'));
}

async function closeSegment(): Promise<string> {
  const name = await cluster.sql('SELECT pg_walfile_name(pg_current_wal_lsn())');
  await cluster.sql('CREATE TABLE IF NOT EXISTS t (a int); INSERT INTO t VALUES (1); SELECT pg_switch_wal()');
  await eventually(`${name} is there`, async () => (await readdir(join(box.home, 'pg', 'streaming'))).includes(name));
  return name;
}

describe('a log that cannot be written', () => {
  it('stops no command, is told once by each of them, and goes on when there is room', async () => {
    await fillDisk();
    const wellDone = async (...args: string[]): Promise<ProgramResult> => {
      const result = await box.barman(args);
      expect(result, `${args.join(' ')}: ${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
      expect(notices(result.stderr)).toEqual([
        `WARNING: cannot write the log file '${log}': No space left on device. The work goes on, and the log as soon as it can.`,
      ]);
      return result;
    };
    await wellDone('backup', 'pg');
    const wal = await closeSegment();
    await wellDone('archive-wal', 'pg');
    await wellDone('cron');
    await wellDone('check', 'pg');
    await wellDone('get-wal', '-o', box.root, 'pg', wal);
    expect((await stat(join(box.root, wal))).size).toBe(16 * 1024 * 1024);
    await wellDone('restore', 'pg', 'latest', join(box.root, 'restored'));
    await stat(join(box.root, 'restored', 'PG_VERSION'));

    await rm(log);
    await eventually('receive-wal writes its log again', async () => {
      await closeSegment();
      return (await readFile(log, 'utf8').catch(() => '')).includes('Lines missing here');
    });
    expect(await readFile(log, 'utf8')).toMatch(
      /WARNING: Lines missing here, as they could not be written: \d+ \(No space left on device\)\n/,
    );
    expect(receiver?.child.exitCode).toBeNull();
    expect(notices(receiver?.stderr() ?? '')).toHaveLength(1);
  });

  it('goes to standard error when it cannot be opened, in the words of Barman', async () => {
    await rm(log);
    await mkdir(log);
    const result = await box.barman(['archive-wal', 'pg']);
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(/WARNING: Failed opening the requested log file\. Using standard error instead\.\n/);
  });

  it.each(['nobody reads', 'somebody holds without reading'])('may be a pipe that %s', async (who) => {
    const pipe = join(box.root, 'pipe');
    await exec('mkfifo', [pipe]);
    const handle = who === 'nobody reads' ? undefined : await open(pipe, 'r+');
    try {
      // More than a pipe holds.
      await configure(`${pipe}\nlog_format = %%%%(message)s${'x'.repeat(70_000)}`);
      const result = await box.barman(['archive-wal', 'pg'], { limitMs: 60_000 });
      expect(result.code).toBe(0);
    } finally {
      await handle?.close();
    }
  });
});

describe('an output that cannot be written', () => {
  const into = (file: string, args: readonly string[]) =>
    exec('sh', ['-c', `exec "$0" "$@" >${file}`, process.execPath, barmanProgram, '-c', box.configFile, ...args]).then(
      ({ stderr }) => ({ code: 0, stderr }),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
    );

  it('is a warning of what works, and an error of what tells', async () => {
    const backup = await into('/dev/full', ['backup', 'pg']);
    expect(backup).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^WARNING: cannot write the output: ENOSPC[^\n]+\n$/) as string,
    });
    expect((await box.barman(['list-backups', 'pg'])).stdout).toMatch(/^pg \d{8}T\d{6} /);
    const wal = await closeSegment();
    await box.barman(['archive-wal', 'pg']);
    expect(await into('/dev/full', ['list-backups', 'pg'])).toMatchObject({ code: 120 });
    expect(await into('/dev/full', ['-f', 'json', 'list-backups', 'pg'])).toMatchObject({ code: 120 });
    expect((await into('/dev/full', ['get-wal', 'pg', wal])).code).not.toBe(0);
  });

  it('is nothing to a command whose standard error is full', async () => {
    expect(await into('/dev/null 2>/dev/full', ['archive-wal', 'pg'])).toMatchObject({ code: 0 });
    expect(await into('/dev/null 2>/dev/full', ['archive-wal', 'unknown'])).toMatchObject({ code: 1 });
  });

  it('lets a backup go on when its reader goes away', async () => {
    await exec('sh', [
      '-c',
      `{ "$0" "$@"; echo $? >${box.root}/code; } 2>/dev/null | head -1`,
      process.execPath,
      barmanProgram,
      '-c',
      box.configFile,
      'backup',
      'pg',
    ]);
    expect(await readFile(join(box.root, 'code'), 'utf8')).toBe('0\n');
    expect((await box.barman(['list-backups', 'pg'])).stdout).toMatch(/^pg \d{8}T\d{6} /);
  });
});
