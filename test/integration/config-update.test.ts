/** Changes of the configuration: kills, queues that others wrote, files that cannot be written, processes that are restarted. */
import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../src/host/lock.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { makeSandbox, type Sandbox, streamingSection } from '../support/sandbox.ts';

let box: Sandbox;
beforeEach(async () => {
  box = await makeSandbox();
});
afterEach(() => box.dispose());

const queueFile = () => join(box.home, 'cfg_changes.queue');
const automatic = () => join(box.home, '.barman.auto.conf');
const update = (options: Record<string, unknown>) =>
  box.barman(['config-update', JSON.stringify([{ scope: 'server', server_name: 'pg', ...options }])]);
const waiting = (key: string, value: unknown, file = automatic(), section = 'pg') => ({
  section,
  changes_set: [{ key, value, config_file: file }],
});

describe('the queue', () => {
  beforeEach(() => box.writeConfig('[pg]\nactive = off\nslot_name = s'));

  it('loses nothing to an entry that cannot be applied, and applies what Barman queued as a number', async () => {
    const outside = join(box.root, 'outside.conf');
    const bad = [
      waiting('slot_name', 'x', outside),
      waiting('nosuch', 'x'),
      waiting('slot_name', 'a\n[barman]\nlog_level = DEBUG'),
      waiting('log_file', 'x', automatic(), 'barman'),
      { section: 'pg' },
      'junk',
    ];
    await writeFile(queueFile(), JSON.stringify([...bad, waiting('parallel_jobs', 3), waiting('archiver', true)]));
    const { code, stdout, stderr } = await update({ description: 'new' });
    expect(code).toBe(1);
    expect(stdout.split('\n').slice(0, -1)).toEqual([
      "Changing value of option 'parallel_jobs' for section 'pg' from 'None' to '3' through config-update.",
      "Changing value of option 'archiver' for section 'pg' from 'None' to 'on' through config-update.",
      "Changing value of option 'description' for section 'pg' from 'None' to 'new' through config-update.",
      "Skipping inactive server 'pg'",
    ]);
    expect(stderr.match(/^ERROR: Unable to process a set of changes. Exiting.$/gm)).toHaveLength(bad.length);
    expect(stderr).toContain(`ERROR: '${outside}' is no configuration file of this Barman`);
    expect(JSON.parse(await readFile(queueFile(), 'utf8'))).toEqual(bad);
    expect(await readFile(automatic(), 'utf8')).toBe('[pg]\nparallel_jobs = 3\narchiver = on\ndescription = new\n');
    await expect(stat(outside)).rejects.toThrow('ENOENT');
  });

  it('does not bring back an old value when what failed can be applied later', async () => {
    const later = join(box.root, 'later.conf');
    const old = waiting('description', 'old', later);
    const both = {
      section: 'pg',
      changes_set: [...old.changes_set, ...waiting('parallel_jobs', '7', later).changes_set],
    };
    await writeFile(queueFile(), JSON.stringify([old, both]));
    expect((await update({ description: 'new' })).code).toBe(1);
    expect(JSON.parse(await readFile(queueFile(), 'utf8'))).toEqual([waiting('parallel_jobs', '7', later)]);
    expect(await readFile(automatic(), 'utf8')).toBe('[pg]\ndescription = new\n');
  });

  it('keeps a file that is no queue', async () => {
    await writeFile(queueFile(), 'junk');
    const { code, stderr } = await box.barman(['cron']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr:
        `WARNING: Malformed or empty configuration change queue: ${queueFile()}\n` +
        `WARNING: its content is kept in ${queueFile()}.malformed\n`,
    });
    expect(await readFile(`${queueFile()}.malformed`, 'utf8')).toBe('junk');
    expect((await box.barman(['cron'])).stderr).toBe('');
  });

  it('changes nothing while somebody else does', async () => {
    const lock = await acquireLock(join(box.home, '.config-update.lock'), { wait: false });
    try {
      expect(await update({ description: 'new' })).toEqual({
        code: 1,
        stdout: '',
        stderr: 'ERROR: another process is updating barman configuration files\n',
      });
      await expect(stat(automatic())).rejects.toThrow('ENOENT');
      await expect(stat(queueFile())).rejects.toThrow('ENOENT');
    } finally {
      await lock.release();
    }
  });

  it('goes through a symlink and leaves the mode of the file', async () => {
    const real = join(box.root, 'elsewhere.conf');
    await writeFile(real, '[pg]\nslot_name = old\n');
    await chmod(real, 0o640);
    await symlink(real, automatic());
    expect((await update({ slot_name: 'new' })).code).toBe(0);
    expect(await readFile(real, 'utf8')).toBe('[pg]\nslot_name = new\n');
    expect((await stat(real)).mode & 0o777).toBe(0o640);
  });

  it('keeps changes for a file that may not be written, for the next cron', async () => {
    await writeFile(automatic(), '[pg]\nslot_name = old\n');
    await chmod(automatic(), 0o400);
    const { code, stderr } = await update({ slot_name: 'new' });
    expect(code).toBe(1);
    expect(stderr).toContain('EACCES');
    await chmod(automatic(), 0o600);
    expect((await box.barman(['cron'])).stdout).toContain("from 'old' to 'new' through config-update.");
    expect(await readFile(automatic(), 'utf8')).toBe('[pg]\nslot_name = new\n');
    expect(await readFile(queueFile(), 'utf8')).toBe('[]');
  });
});

describe('config-switch', () => {
  it('says what is missing for a server without a directory', async () => {
    await box.writeConfig('[pg]\nactive = off\n[m]\nmodel = on\ncluster = pg');
    expect(await box.barman(['config-switch', 'pg', 'm'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `ERROR: the directory '${box.home}/pg' of server 'pg' does not exist\nHINT: "barman check pg" creates it\n`,
    });
  });
});

describe('receive-wal', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.dispose());

  it('is listed, restarted by both commands, and ended by terminate-process', async () => {
    await box.writeConfig(`${streamingSection('pg', cluster)}[m]\nmodel = on\ncluster = pg\nparallel_jobs = 2`);
    await mkdir(join(box.home, 'pg'));
    expect((await box.barman(['receive-wal', '--create-slot', 'pg'])).code).toBe(0);
    await box.barman(['cron']);
    try {
      let pid = await receiver();
      for (const args of [
        ['config-switch', 'pg', 'm'],
        ['config-update', '[{"scope":"server","server_name":"pg","description":"x"}]'],
        ['config-switch', 'pg', '--reset'],
      ]) {
        const { code, stdout, stderr } = await box.barman(args);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        expect(stdout).toContain(`Stopped process receive-wal(${pid})\nStarting streaming archiver for server pg\n`);
        pid = await receiver(pid);
      }
    } finally {
      const pid = await receiver();
      expect(await box.barman(['terminate-process', 'pg', 'receive-wal'])).toEqual({
        code: 0,
        stdout: `Stopped process receive-wal(${pid})\n`,
        stderr: '',
      });
    }
    expect((await box.barman(['list-processes', 'pg'])).stdout).toBe('No active subprocesses found for server pg.\n');
  });

  /**
   * The pid that list-processes shows, once there is one other than `former`: whoever has just taken the lock has not
   * written its own yet.
   */
  async function receiver(former?: number): Promise<number> {
    for (;;) {
      const { stdout } = await box.barman(['-f', 'json', 'list-processes', 'pg']);
      const { pg } = JSON.parse(stdout) as { pg: { name: string; pid: number }[] };
      const found = pg.find(({ name }) => name === 'receive-wal');
      if (found && found.pid !== former) return found.pid;
      await sleep(200);
    }
  }
});
