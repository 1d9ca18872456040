/** Restores of backups that this program took, each started with PostgreSQL and its rows looked at. */
import { execFile } from 'node:child_process';
import { access, lstat, mkdir, readdir, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, nextSecond } from '../support/eventually.ts';
import { type ArchivingServer, startArchivingServer, startBarman } from '../support/archiving-server.ts';
import { type Cluster, clusterAt, freePort, temporaryFolder } from '../support/cluster.ts';
import { barmanProgram, type ProgramResult } from '../support/sandbox.ts';

const exec = promisify(execFile);

/** The rows of table t, by when they were written. */
interface Moments {
  /** After 'one'. */
  readonly time: string;
  /** The transaction that wrote 'two'. */
  readonly xid: string;
  /** After 'three'. */
  readonly lsn: string;
}

let server: ArchivingServer;
let farAway: string;
let moments: Moments;
/** Id of the plain and of the compressed backup. */
let plain: string;
let packed: string;
/** Where this test restores: nothing exists there yet. */
let place: string;

beforeAll(async () => {
  server = await startArchivingServer();
  farAway = await temporaryFolder('far');
  const { cluster } = server;
  await cluster.sql(`CREATE TABLESPACE far LOCATION '${farAway}'`);
  await cluster.sql('CREATE TABLE t (note text)');
  await cluster.sql('CREATE TABLE away TABLESPACE far AS SELECT generate_series(1, 1000) AS n');
  plain = await takeBackup();
  await server.box.writeConfig(server.section('backup_compression = gzip\ncompression = gzip'));
  packed = await takeBackup();
  moments = await writeHistory(cluster);
  expect(await server.box.barman(['archive-wal', 'pg'])).toMatchObject({ code: 0 });
  await server.box.writeConfig(server.section());
});

afterAll(async () => {
  await server?.dispose();
  if (farAway) await rm(farAway, { recursive: true, force: true });
});

beforeEach(async () => {
  place = await temporaryFolder('restore');
});

afterEach(() => rm(place, { recursive: true, force: true }));

async function takeBackup(): Promise<string> {
  await nextSecond();
  const result = await server.box.barman(['backup', 'pg', '--wait']);
  expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
  return (await readdir(server.path('base'))).sort().at(-1) ?? '';
}

async function writeHistory(cluster: Cluster): Promise<Moments> {
  await cluster.sql("INSERT INTO t VALUES ('one')");
  const time = await cluster.sql('SELECT clock_timestamp()');
  await sleep(50);
  const xid = (await cluster.sql("INSERT INTO t VALUES ('two') RETURNING xmin")).split('\n')[0] ?? '';
  await cluster.sql("SELECT pg_create_restore_point('after two')");
  await cluster.sql("INSERT INTO t VALUES ('three')");
  const lsn = await cluster.sql('SELECT pg_current_wal_lsn()');
  await cluster.sql("INSERT INTO t VALUES ('four')");
  await cluster.sql('SELECT pg_switch_wal()');
  await cluster.sql('CREATE TABLE later AS SELECT 1');
  const last = await cluster.sql('SELECT pg_walfile_name(pg_switch_wal())');
  await eventually(
    'everything is archived',
    async () => (await cluster.sql('SELECT last_archived_wal FROM pg_stat_archiver')) >= last,
  );
  return { time, xid, lsn };
}

const restore = (...args: string[]) =>
  server.box.barman(['restore', 'pg', ...args, '--tablespace', `far:${place}/far`]);

/** Starts PostgreSQL on a restored directory for as long as `body` runs. */
async function started<T>(directory: string, body: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = clusterAt(server.cluster.binDir, directory, await freePort(), place);
  await cluster.start();
  try {
    return await body(cluster);
  } finally {
    await cluster.stop('immediate');
  }
}

const notes = (cluster: Cluster) => cluster.sql("SELECT coalesce(string_agg(note, ' ' ORDER BY note), '') FROM t");
const awayCount = (cluster: Cluster) => cluster.sql('SELECT count(*) FROM away');

const isPromoted = (cluster: Cluster) =>
  eventually('it leaves recovery', async () => (await cluster.sql('SELECT pg_is_in_recovery()')) === 'f');

function succeeded(result: ProgramResult): void {
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(result.stdout).toContain('Your PostgreSQL server has been successfully prepared for recovery!\n');
}

describe.each([
  ['a plain backup', () => plain],
  ['a compressed backup', () => packed],
])('%s', (_, id) => {
  it('is restored to the end of the WAL, its tablespace elsewhere', async () => {
    succeeded(await restore(id(), `${place}/d`));
    await started(`${place}/d`, async (cluster) => {
      expect(await notes(cluster)).toBe('four one three two');
      expect(await awayCount(cluster)).toBe('1000');
      expect(await cluster.sql('SHOW archive_command')).toBe('false');
      const oid = await cluster.sql("SELECT oid FROM pg_tablespace WHERE spcname = 'far'");
      expect(await readlink(`${place}/d/pg_tblspc/${oid}`)).toBe(`${place}/far`);
      expect(await cluster.sql(`SELECT pg_tablespace_location(${oid})`)).toBe(`${place}/far`);
      // The original must not notice.
      await cluster.sql('INSERT INTO away SELECT 0');
    });
    expect(await awayCount(server.cluster)).toBe('1000');
  });

  it.each([
    ['a time', () => ['--target-time', moments.time], 'one'],
    ['a transaction', () => ['--target-xid', moments.xid], 'one two'],
    ['just before a transaction', () => ['--target-xid', moments.xid, '--exclusive'], 'one'],
    ['a restore point', () => ['--target-name', 'after two'], 'one two'],
    ['an LSN', () => ['--target-lsn', moments.lsn], 'one three two'],
    ['the end of the backup', () => ['--target-immediate'], ''],
  ])('is recovered to %s', async (__, target, expected) => {
    succeeded(await restore(id(), `${place}/d`, ...target(), '--target-action', 'promote'));
    await started(`${place}/d`, async (cluster) => {
      await isPromoted(cluster);
      expect(await notes(cluster)).toBe(expected);
      expect(await awayCount(cluster)).toBe('1000');
    });
    // recovery_end_command has taken the staged WAL away.
    await expect(access(`${place}/d/barman_wal`)).rejects.toThrow('ENOENT');
  });
});

describe('barman restore --delta-restore', () => {
  it('makes an earlier restore equal to the backup and leaves what is not of PostgreSQL', async () => {
    const d = `${place}/d`;
    succeeded(await restore(plain, d, '--target-immediate', '--target-action', 'promote'));
    await started(d, async (cluster) => {
      await isPromoted(cluster);
      await cluster.sql(
        "CREATE TABLE junk TABLESPACE far AS SELECT generate_series(1, 1000); INSERT INTO t VALUES ('wrong'); CHECKPOINT",
      );
    });
    await rm(`${d}/postmaster.pid`, { force: true });
    await writeFile(`${d}/notes.txt`, 'mine');
    await mkdir(`${d}/conf.d`);
    await writeFile(`${d}/conf.d/mine.conf`, '# mine');
    await writeFile(`${d}/base/999999`, 'unknown');
    await symlink(farAway, `${d}/base/link`);
    const before = await exec('find', [farAway, '-printf', '%p %s %T@\n']);
    const result = await restore(
      plain,
      d,
      '--delta-restore',
      '--target-name',
      'after two',
      '--target-action',
      'promote',
    );
    succeeded(result);
    expect(result.stdout).toMatch(/^Using safe horizon time for smart rsync copy: \d{4}-/m);
    expect(await exec('find', [farAway, '-printf', '%p %s %T@\n'])).toEqual(before);
    expect(await readFile(`${d}/notes.txt`, 'utf8')).toBe('mine');
    expect(await readFile(`${d}/conf.d/mine.conf`, 'utf8')).toBe('# mine');
    await expect(lstat(`${d}/base/999999`)).rejects.toThrow('ENOENT');
    await expect(lstat(`${d}/base/link`)).rejects.toThrow('ENOENT');
    await started(d, async (cluster) => {
      await isPromoted(cluster);
      expect(await notes(cluster)).toBe('one two');
      expect(await cluster.sql("SELECT to_regclass('junk') IS NULL")).toBe('t');
      expect(await awayCount(cluster)).toBe('1000');
    });
  });

  it('copies again what has another content under the same size and time', async () => {
    const d = `${place}/d`;
    succeeded(await restore(plain, d));
    const file = `${d}/global/pg_filenode.map`;
    const { mtime } = await lstat(file);
    const good = await readFile(file);
    await writeFile(file, Buffer.alloc(good.length, 1));
    await utimes(file, mtime, mtime);
    await rm(`${d}/.barman-recover.info`);
    succeeded(await restore(plain, d, '--delta-restore'));
    expect(await readFile(file)).toEqual(good);
  });

  it('refuses a folder that holds no cluster, and one on which a server runs', async () => {
    await mkdir(`${place}/d`);
    await writeFile(`${place}/d/thesis.txt`, 'mine');
    expect(await restore(plain, `${place}/d`, '--delta-restore')).toMatchObject({
      code: 1,
      stderr: `ERROR: Cannot restore into '${place}/d' with delta mode: it is neither empty nor a PostgreSQL data directory\nHINT: choose an empty folder, or the one of an earlier restore\n`,
    });
    expect(await readFile(`${place}/d/thesis.txt`, 'utf8')).toBe('mine');
    succeeded(await restore(plain, `${place}/e`));
    await started(`${place}/e`, async (cluster) => {
      const result = await restore(plain, `${place}/e`, '--delta-restore');
      expect(result.stderr).toMatch(
        /^ERROR: Cannot restore into '.*': a PostgreSQL server with pid \d+ may be running on it\n/,
      );
      expect(await notes(cluster)).toBe('four one three two');
    });
  });
});

describe('barman restore', () => {
  it('keeps paused at the target when asked to', async () => {
    succeeded(await restore(plain, `${place}/d`, '--target-name', 'after two', '--target-action', 'pause'));
    await started(`${place}/d`, async (cluster) => {
      expect(await notes(cluster)).toBe('one two');
      expect(await cluster.sql('SELECT pg_is_in_recovery()')).toBe('t');
    });
  });

  it('chooses a backup by itself', async () => {
    const result = await restore('auto', `${place}/d`, '--target-time', moments.time);
    succeeded(result);
    expect(result.stdout.split('\n')[0]).toBe(`Starting local restore for server pg using backup ${packed}`);
    await started(`${place}/d`, async (cluster) => expect(await notes(cluster)).toBe('one'));
  });

  it('takes a path that the shell and PostgreSQL would stumble over', async () => {
    // pg_ctl itself cannot start a directory with $ or " in its name: the staged WAL has those.
    const odd = `${place}/it's 100%p odd; x`;
    const staged = `${place}/"staged" $HOME \\n %f's`;
    succeeded(
      await restore(
        plain,
        odd,
        '--target-name',
        'after two',
        '--target-action',
        'promote',
        '--staging-wal-directory',
        staged,
      ),
    );
    await started(odd, async (cluster) => {
      await isPromoted(cluster);
      expect(await notes(cluster)).toBe('one two');
    });
    await expect(access(staged)).rejects.toThrow('ENOENT');
  });

  it('stages the WAL in a directory of the administrator', async () => {
    const staged = `${place}/staged wal`;
    succeeded(
      await restore(
        plain,
        `${place}/d`,
        '--target-name',
        'after two',
        '--target-action',
        'promote',
        '--staging-wal-directory',
        staged,
      ),
    );
    expect((await readdir(staged)).length).toBeGreaterThan(2);
    await started(`${place}/d`, async (cluster) => {
      await isPromoted(cluster);
      expect(await notes(cluster)).toBe('one two');
    });
    await expect(access(staged)).rejects.toThrow('ENOENT');
  });

  it('makes a standby that follows the archive', async () => {
    const command = `${process.execPath} ${barmanProgram} -c ${server.box.configFile} get-wal -P pg %f > %p`;
    succeeded(await restore(plain, `${place}/d`, '--standby-mode', '--get-wal', '--restore-command', command));
    expect(await readFile(`${place}/d/postgresql.auto.conf`, 'utf8')).toMatch(
      new RegExp(`\n\nrestore_command = '.* get-wal -P pg %f > %p'\n$`),
    );
    await started(`${place}/d`, async (cluster) => {
      expect(await cluster.sql('SELECT pg_is_in_recovery()')).toBe('t');
      await eventually('it has everything', async () => (await notes(cluster)) === 'four one three two');
    });
  });

  it('leaves fetching the WAL to get-wal', async () => {
    const result = await restore(plain, `${place}/d`, '--get-wal');
    succeeded(result);
    expect(result.stdout).toContain("WARNING: 'get-wal' is in the specified 'recovery_options'.\n");
    expect((await readFile(`${place}/d/postgresql.auto.conf`, 'utf8')).split('\n').slice(-4)).toEqual([
      '',
      `# The 'barman get-wal' command must run as '${userInfo().username}' user`,
      "restore_command = 'barman get-wal -P pg %f > %p'",
      '',
    ]);
    expect(await readdir(`${place}/d/pg_wal`)).toEqual(['archive_status']);
    await access(`${place}/d/recovery.signal`);
  });

  it('starts from the partial segment of the stream when asked to', async () => {
    const last =
      (await readdir(server.path('wals', '0000000100000000')))
        .filter((name) => name.length === 24)
        .sort()
        .at(-1) ?? '';
    const next =
      last.slice(0, 16) + (Number.parseInt(last.slice(16), 16) + 1).toString(16).toUpperCase().padStart(8, '0');
    await mkdir(server.path('streaming'), { recursive: true });
    await writeFile(server.path('streaming', `${next}.partial`), Buffer.alloc(16_777_216));
    try {
      const result = await restore(plain, `${place}/d`, '--partial-wal');
      succeeded(result);
      expect(result.stdout).toContain(
        'Copying required WAL segments.\nCopying .partial WAL files.\nGenerating archive status files\n',
      );
      expect((await lstat(`${place}/d/pg_wal/${next}`)).size).toBe(16_777_216);
      expect(await readdir(`${place}/d/pg_wal/archive_status`)).not.toContain(`${next}.done`);
      await started(`${place}/d`, async (cluster) => expect(await notes(cluster)).toBe('four one three two'));
    } finally {
      await rm(server.path('streaming', `${next}.partial`));
    }
  });

  it('refuses a destination that is in use, hidden files included', async () => {
    await mkdir(`${place}/d`);
    await writeFile(`${place}/d/.hidden`, 'mine');
    const result = await restore(plain, `${place}/d`);
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr: `ERROR: The restore operation cannot proceed because the destination folder '${place}/d' is not empty. To prevent accidental data loss, the destination must be empty. Please choose a different location or manually empty the folder.\n`,
    });
    expect(await readdir(`${place}/d`)).toEqual(['.hidden']);
  });

  it('refuses to overwrite the tablespace of the running original', async () => {
    const result = await server.box.barman(['restore', 'pg', plain, `${place}/d`]);
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr: `ERROR: The restore operation cannot proceed. The destination path '${farAway}' for the tablespace 'far' is not empty. To prevent accidental data loss, the tablespace destination must be empty. Please choose a different location or manually empty the folder.\n`,
    });
    await expect(access(`${place}/d`)).rejects.toThrow('ENOENT');
  });

  it('refuses a place inside the catalog', async () => {
    const inside = server.path('base', 'new');
    expect(await restore(plain, inside)).toEqual({
      code: 1,
      stdout: '',
      stderr: `ERROR: Cannot restore into '${inside}': it is part of the catalog of server 'pg'\nHINT: choose a destination outside of the directories of Barman\n`,
    });
  });

  it.each([
    ['--target-lsn', 'zzz', "Invalid LSN: 'zzz'", 'an LSN looks like 0/3000060'],
    ['--target-xid', 'abc', "Invalid target transaction 'abc'", 'a transaction id is a number, e.g. --target-xid 1234'],
  ])('refuses %s %s before it copies', async (option, value, message, hint) => {
    const result = await restore(plain, `${place}/d`, option, value);
    expect(result).toEqual({
      code: 1,
      stdout: `Starting local restore for server pg using backup ${plain}\nDestination directory: ${place}/d\n`,
      stderr: `ERROR: ${message}\nHINT: ${hint}\n`,
    });
    await expect(access(`${place}/d`)).rejects.toThrow('ENOENT');
  });

  it('names the WAL file that a backup misses, before it copies', async () => {
    const record = await server.record(plain);
    const begin = record.begin_wal ?? '';
    const path = server.path('wals', begin.slice(0, 16), begin);
    const content = await readFile(path);
    await rm(path);
    try {
      const result = await restore(plain, `${place}/d`);
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(`ERROR: Cannot restore backup '${plain}' of server 'pg': WAL file '${begin}'`);
      await expect(access(`${place}/d`)).rejects.toThrow('ENOENT');
    } finally {
      await writeFile(path, content);
    }
  });

  it('says at which file of the archive a recovery will end', async () => {
    const record = await server.record(packed);
    const names = (await readdir(server.path('wals', '0000000100000000'))).filter((name) => name.length === 24).sort();
    const after = names.filter((name) => name > (record.end_wal ?? ''));
    const [lost] = after;
    expect(after.length).toBeGreaterThan(1);
    const path = server.path('wals', '0000000100000000', lost ?? '');
    const content = await readFile(path);
    await rm(path);
    try {
      const result = await restore(packed, `${place}/d`);
      expect(result).toMatchObject({
        code: 0,
        stderr: `WARNING: WAL file '${lost}' of the archive is missing or damaged and is not copied.\nWARNING: WAL file '${lost}' is not in the archive: recovery cannot go beyond it on this timeline.\n`,
      });
    } finally {
      await writeFile(path, content);
    }
  });

  it.each(['plain', 'gzip'])('never delivers WAL of another system (%s), and says where its own ends', async (form) => {
    const record = await server.record(plain);
    const names = (await readdir(server.path('wals', '0000000100000000'))).filter((name) => name.length === 24).sort();
    const [foreign = ''] = names.filter((name) => name > (record.end_wal ?? '')).slice(-1);
    const path = server.path('wals', '0000000100000000', foreign);
    const content = await readFile(path);
    const index = server.path('wals', 'pg-xlog.db');
    const original = await readFile(index);
    const bytes = content[0] === 0x1f ? gunzipSync(content) : Buffer.from(content);
    bytes.writeBigUInt64LE(42n, 24);
    await writeFile(path, form === 'gzip' ? gzipSync(bytes) : bytes);
    expect(await server.box.barman(['rebuild-xlogdb', 'pg'])).toMatchObject({ code: 0 });
    try {
      const result = await restore(plain, `${place}/d`);
      expect(result.code).toBe(0);
      expect(result.stderr).toContain(
        `WARNING: WAL file '${foreign}' of the archive is of another PostgreSQL system than the backup (${record.systemid}) and is not copied.\n`,
      );
      const delivered = await readdir(`${place}/d/pg_wal`);
      expect([delivered.includes(foreign), delivered.includes(record.end_wal ?? '')]).toEqual([false, true]);
      expect(await readdir(`${place}/d/pg_wal/archive_status`)).not.toContain(`${foreign}.done`);
      await started(`${place}/d`, isPromoted);
    } finally {
      await writeFile(path, content);
      await writeFile(index, original);
    }
  });

  it('refuses a timeline that left before the backup began, and warns of one that is not there', async () => {
    const index = server.path('wals', 'pg-xlog.db');
    const original = await readFile(index, 'utf8');
    const history = server.path('wals', '00000002.history');
    await writeFile(history, '1\t0/100\tno recovery target specified\n');
    await writeFile(index, `${original}00000002.history\t38\t1795228707.0\tNone\tNone\n`);
    try {
      const dead = await restore(plain, `${place}/d`, '--target-tli', '2');
      expect(dead.code).toBe(1);
      expect(dead.stderr).toMatch(
        /^ERROR: Cannot recover backup '.*' along timeline 2: timeline 2 left timeline 1 at 0\/100, before the backup began at .*\nHINT: choose a backup of that timeline, or stay on the one of the backup with --target-tli 1\n$/,
      );
      await expect(access(`${place}/d`)).rejects.toThrow('ENOENT');
    } finally {
      await writeFile(index, original);
      await rm(history);
    }
    expect(await restore(plain, `${place}/d`, '--target-tli', '7')).toMatchObject({
      code: 0,
      stderr: "WARNING: '00000007.history' is not in the archive: PostgreSQL will not find timeline 7.\n",
    });
  });

  it('says what it cannot restore before anything is touched', async () => {
    const refused = (what: string, id = plain) => ({
      code: 1,
      stdout: '',
      stderr: `ERROR: Cannot restore from backup '${id}' of server 'pg': ${what} is not supported by this release\nHINT: nothing was changed: Barman 3.20.1 can restore this backup from the same catalog\n`,
    });
    const remote = await restore(packed, `${place}/d`, '--remote-ssh-command', 'ssh nowhere');
    expect(remote).toEqual(refused('restoring a compressed backup to another host', packed));
    const path = server.path('meta', `${plain}-backup.info`);
    const record = await readFile(path, 'utf8');
    try {
      await writeFile(path, record.replace('encryption=None', 'encryption=gpg'));
      expect(await restore(plain, `${place}/d`)).toEqual(refused('restoring a backup encrypted with gpg'));
      await writeFile(path, record.replace('parent_backup_id=None', `parent_backup_id=${packed}`));
      expect(await restore(plain, `${place}/d`)).toEqual(refused('restoring an incremental backup'));
    } finally {
      await writeFile(path, record);
    }
  });

  it('notices a compressed WAL file that is damaged', async () => {
    const record = await server.record(packed);
    const end = record.end_wal ?? '';
    const path = server.path('wals', end.slice(0, 16), end);
    const content = await readFile(path);
    const damaged = Buffer.from(content);
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 6) ^ 0xff, damaged.length - 6);
    await writeFile(path, damaged);
    try {
      const result = await restore(packed, `${place}/d`, '--target-immediate');
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(`ERROR: Failure copying WAL files: '${path}' is damaged: `);
      await expect(access(`${place}/d/global/pg_control`)).rejects.toThrow('ENOENT');
    } finally {
      await writeFile(path, content);
    }
  });

  it('leaves nothing that PostgreSQL would start after kill -9, and restores once more', async () => {
    for (const delay of [30, 80, 150, 250, 400]) {
      const target = `${place}/killed-${delay}`;
      const running = startBarman(server.box, [
        'restore',
        'pg',
        plain,
        target,
        '--tablespace',
        `far:${target}-far`,
        '--target-immediate',
      ]);
      await sleep(delay + 120);
      running.child.kill('SIGKILL');
      const { signal } = await running.end;
      if (signal === null) break;
      await expect(access(`${target}/global/pg_control`)).rejects.toThrow('ENOENT');
    }
    succeeded(await restore(plain, `${place}/d`, '--target-immediate', '--target-action', 'promote'));
    await started(`${place}/d`, async (cluster) => {
      await isPromoted(cluster);
      expect(await awayCount(cluster)).toBe('1000');
    });
  });

  it('ends at Ctrl-C', async () => {
    const running = startBarman(server.box, [
      'restore',
      'pg',
      plain,
      `${place}/d`,
      '--tablespace',
      `far:${place}/far`,
      '--bwlimit',
      '1000',
    ]);
    await eventually('the copy begins', () => running.stdout().includes('Copying the base backup.'));
    running.child.kill('SIGINT');
    expect(await running.end).toEqual({ code: 1, signal: null });
    expect(running.stderr()).toBe('ERROR: Process interrupted by user (KeyboardInterrupt)\n');
    await expect(access(`${place}/d/global/pg_control`)).rejects.toThrow('ENOENT');
  });

  it('is not disturbed by delete, which steps back from a backup that is being restored', async () => {
    const running = startBarman(server.box, [
      'restore',
      'pg',
      plain,
      `${place}/d`,
      '--tablespace',
      `far:${place}/far`,
      '--bwlimit',
      '1000',
    ]);
    await eventually('the copy begins', () => running.stdout().includes('Copying the base backup.'));
    const lock = join(server.box.home, `.pg-${plain}.lock`);
    expect((await readFile(lock, 'utf8')).trim()).toBe(String(running.child.pid));
    await expect(exec('flock', ['-n', lock, 'true'])).rejects.toThrow();
    running.child.kill('SIGKILL');
    await running.end;
    await exec('flock', ['-n', lock, 'true']);
  });
});
