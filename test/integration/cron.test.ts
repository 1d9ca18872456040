/** One run of cron: what it says, what it starts, what it leaves in the lock directory. */
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { acquireLock, lockHolder } from '../../src/host/lock.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { makeSandbox, type Sandbox, streamingSection } from '../support/sandbox.ts';

let cluster: Cluster;
let box: Sandbox;

beforeAll(async () => {
  cluster = await startCluster();
  box = await makeSandbox();
});
afterEach(async () => {
  await stopReceiver();
});
afterAll(async () => {
  await cluster?.dispose();
  await box?.dispose();
});

async function receiverPid(): Promise<number | null | undefined> {
  return (await lockHolder(join(box.home, '.pg-receive-wal.lock')))?.pid;
}

async function stopReceiver(): Promise<void> {
  const pid = await receiverPid();
  if (typeof pid === 'number') process.kill(pid, 'SIGINT');
  await eventually('receive-wal has stopped', async () => (await receiverPid()) === undefined);
}

async function locks(): Promise<string[]> {
  return (await readdir(box.home)).filter((name) => name.endsWith('.lock')).sort();
}

describe('barman cron', () => {
  it('starts archiving and the receiver once, and removes idle lock files', async () => {
    await box.writeConfig(streamingSection('pg', cluster));
    await writeFile(join(box.home, '.gone-cron.lock'), '1\n');
    expect(await box.barman(['cron'])).toEqual({
      code: 0,
      stdout: 'Starting WAL archiving for server pg\nStarting streaming archiver for server pg\n',
      stderr: '',
    });
    expect(await locks()).not.toContain('.gone-cron.lock');
    expect(await locks()).not.toContain('.pg-cron.lock');
    await eventually('receive-wal holds its lock', async () => typeof (await receiverPid()) === 'number');
    await eventually(
      'archive-wal is over',
      async () => (await lockHolder(join(box.home, '.pg-archive-wal.lock'))) === undefined,
    );
    const second = await box.barman(['cron']);
    expect(second).toEqual({ code: 0, stdout: 'Starting WAL archiving for server pg\n', stderr: '' });
    expect(await locks()).toContain('.pg-receive-wal.lock');
  });

  it('archives what the receiver got', async () => {
    await box.writeConfig(streamingSection('pg', cluster));
    await box.barman(['cron']);
    const senders = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
    await eventually('the receiver streams', async () => (await cluster.sql(senders)).trim() === '1');
    await cluster.sql('CREATE TABLE IF NOT EXISTS t (n int)');
    await cluster.sql('INSERT INTO t VALUES (1)');
    const wal = (await cluster.sql('SELECT pg_walfile_name(pg_switch_wal())')).trim();
    await eventually('the segment is in the archive', async () => {
      await box.barman(['cron']);
      return (await readdir(join(box.home, 'pg', 'wals', wal.slice(0, 16))).catch((): string[] => [])).includes(wal);
    });
  });

  it('removes the directory of a backup that was killed before it had a record', async () => {
    await box.writeConfig('[pg]\nconninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n');
    const base = join(box.home, 'pg', 'base');
    await mkdir(join(base, '20261105T040000'), { recursive: true });
    await mkdir(join(base, '20261106T040000', 'data'), { recursive: true });
    expect((await box.barman(['cron'])).code).toBe(0);
    expect(await readdir(base)).toEqual(['20261106T040000']);
  });

  it('stops the receiver of a server that was made inactive', async () => {
    await box.writeConfig(streamingSection('pg', cluster));
    await box.barman(['cron']);
    await eventually('receive-wal holds its lock', async () => typeof (await receiverPid()) === 'number');
    const pid = await receiverPid();
    await box.writeConfig(streamingSection('pg', cluster, 'active = false'));
    expect(await box.barman(['cron'])).toEqual({
      code: 0,
      stdout: `Server 'pg' is inactive: stopping receive-wal subprocess\nStopped process receive-wal(${pid})\n`,
      stderr: '',
    });
    expect(await box.barman(['cron'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('skips a server whose cron still runs, and keeps locks that are held', async () => {
    await box.writeConfig(`${streamingSection('pg', cluster, 'active = false')}${streamingSection('other', cluster)}`);
    const lock = await acquireLock(join(box.home, '.other-cron.lock'), { wait: false });
    try {
      expect(await box.barman(['cron'])).toEqual({
        code: 0,
        stdout: 'Another cron process is already running on server other. Skipping to the next server\n',
        stderr: '',
      });
      expect(await locks()).toContain('.other-cron.lock');
    } finally {
      await lock.release();
    }
  });

  it('keeps lock files when lock_directory_cleanup is off', async () => {
    await box.writeConfig(streamingSection('pg', cluster, 'active = false'), 'lock_directory_cleanup = false');
    await writeFile(join(box.home, '.gone-cron.lock'), '1\n');
    await box.barman(['cron']);
    expect(await locks()).toEqual(expect.arrayContaining(['.gone-cron.lock', '.pg-cron.lock']));
  });

  it('goes through the servers in name order, whatever state they are in', async () => {
    const passive = '[c]\nprimary_ssh_command = ssh nowhere\n';
    const disabled =
      '[a]\nstreaming_archiver = on\nconninfo = host=/nowhere\nstreaming_conninfo = host=/nowhere\nbackup_method = postgres\n';
    const inactive = '[b]\nactive = false\nconninfo = host=/nowhere\narchiver = on\nbackup_method = postgres\n';
    const fine =
      '[d]\nconninfo = host=/nowhere\nstreaming_conninfo = host=/nowhere\narchiver = on\nbackup_method = postgres\n';
    await box.writeConfig(`${fine}${passive}${inactive}${disabled}`);
    expect(await box.barman(['cron'])).toEqual({
      code: 0,
      stdout: "Skipping temporarily disabled server 'a'\nStarting WAL archiving for server d\n",
      stderr:
        "WARNING: Server 'c' is a passive node: its synchronisation with the primary is not available in this release\n",
    });
  });

  it('reports a broken server and serves the others', async () => {
    const section = (name: string) =>
      `[${name}]\nconninfo = host=/nowhere\nstreaming_conninfo = host=/nowhere\narchiver = on\nbackup_method = postgres\n`;
    await box.writeConfig(`${section('x1')}${section('x2')}`);
    // A file where the folder of records should be.
    await mkdir(join(box.home, 'x1'), { recursive: true });
    await writeFile(join(box.home, 'x1', 'meta'), '');
    await utimes(join(box.home, 'x1', 'meta'), 0, 0);
    const result = await box.barman(['cron']);
    expect(result.code).toBe(1);
    expect(result.stdout).toContain('Starting WAL archiving for server x2\n');
    expect(result.stderr).toContain(
      "EXCEPTION: Unable to run cron on server 'x1', please look in the barman log file for more details.",
    );
  });

  it('serves many servers through a queue that outlives it', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `many${String(index).padStart(2, '0')}`);
    const section = (name: string) =>
      `[${name}]\nconninfo = host=/nowhere\nstreaming_conninfo = host=/nowhere\narchiver = on\nbackup_method = postgres\n`;
    await box.writeConfig(names.map(section).join(''));
    for (const name of names) {
      await mkdir(join(box.home, name, 'incoming'), { recursive: true });
      // What is no WAL goes to the errors directory: the archiver was here.
      await writeFile(join(box.home, name, 'incoming', 'junk'), name);
    }
    expect(await box.barman(['cron'])).toEqual({
      code: 0,
      stdout: names.map((name) => `Starting WAL archiving for server ${name}\n`).join(''),
      stderr: '',
    });
    for (const name of names) {
      await eventually(`${name} was archived`, async () => {
        const rejected = await readdir(join(box.home, name, 'errors')).catch((): string[] => []);
        return rejected.length === 1 && rejected[0]?.endsWith('.unknown') === true;
      });
    }
  });

  it('says that the configuration is being updated', async () => {
    await box.writeConfig(streamingSection('pg', cluster, 'active = false'));
    const lock = await acquireLock(join(box.home, '.config-update.lock'), { wait: false });
    try {
      expect(await box.barman(['cron'])).toEqual({
        code: 0,
        stdout: '',
        stderr: 'WARNING: another process is updating barman configuration files\n',
      });
    } finally {
      await lock.release();
    }
  });
});
