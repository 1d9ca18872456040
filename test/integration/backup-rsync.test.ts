/** Backups by rsync through a real sshd: output, record, tree, hard links, restores that start, and what can go wrong. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { normalised, type Running, startBarman } from '../support/archiving-server.ts';
import { eventually } from '../support/eventually.ts';
import { type Cluster, clusterAt, folderElsewhere, freePort, temporaryFolder } from '../support/cluster.ts';
import { type RsyncServer, startRsyncServer } from '../support/rsync-server.ts';

const exec = promisify(execFile);
/** Makes the copy last some ten seconds. */
const SLOWLY = ['--bwlimit', '2048'];
let server: RsyncServer;

beforeAll(async () => {
  server = await startRsyncServer();
});
afterEach(() => server.configure());
afterAll(() => server?.dispose());

async function lastId(): Promise<string> {
  return (await readdir(server.path('base'))).sort().at(-1) ?? '';
}
const lastRecord = async () => server.record(await lastId());
async function oidOf(name: string): Promise<string> {
  return server.cluster.sql(`SELECT oid FROM pg_tablespace WHERE spcname = '${name}'`);
}
async function handshakes(): Promise<number> {
  return (await server.sshd.log()).split('\n').filter((line) => line.startsWith('Accepted publickey')).length;
}
/** `path -> inode` of every file of a backup. */
async function inodes(id: string): Promise<Map<string, { ino: number; nlink: number }>> {
  const root = server.path('base', id);
  const files = new Map<string, { ino: number; nlink: number }>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { ino, nlink } = await stat(path);
    files.set(path.slice(root.length + 1), { ino, nlink });
  }
  return files;
}
async function digest(id: string): Promise<string> {
  return (
    await exec('sh', [
      '-c',
      'cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum',
      'sh',
      server.path('base', id),
    ])
  ).stdout;
}

/** Every process that is no zombie. */
async function processes(): Promise<{ pid: number; ppid: number }[]> {
  const lines = (await exec('ps', ['-A', '-o', 'pid=,ppid=,stat='])).stdout.trim().split('\n');
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => !state?.startsWith('Z'))
    .map(([pid, ppid]) => ({ pid: Number(pid), ppid: Number(ppid) }));
}
async function below(parent: number): Promise<number[]> {
  const all = await processes();
  const children = (pid: number): number[] =>
    all.filter(({ ppid }) => ppid === pid).flatMap((child) => [child.pid, ...children(child.pid)]);
  return children(parent);
}

/** rsync with its two halves and its ssh, and the ssh that holds the connection: their pids, once all are there. */
async function rsyncRuns(running: Running): Promise<readonly number[]> {
  let children: readonly number[] = [];
  await eventually('rsync is at work', async () => {
    children = await below(running.child.pid ?? 0);
    return children.length > 3;
  });
  return children;
}

const COUNTS = 'SELECT (SELECT count(*) FROM here), (SELECT count(*) FROM nearby), (SELECT count(*) FROM away)';

/** Restores a backup, starts it and counts the rows of the three tables. */
async function rowsOf(id: string, more: (cluster: Cluster) => Promise<void> = async () => {}): Promise<string> {
  const place = await temporaryFolder('restored');
  try {
    const spaces = ['near', 'far'].flatMap((name) => ['--tablespace', `${name}:${place}/${name}`]);
    const result = await server.box.barman(['restore', 'pg', id, `${place}/d`, ...spaces]);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    const cluster = clusterAt(server.cluster.binDir, `${place}/d`, await freePort(), place);
    await cluster.start();
    try {
      await eventually('recovery ends', async () => (await cluster.sql('SELECT pg_is_in_recovery()')) === 'f');
      await more(cluster);
      return await cluster.sql(COUNTS);
    } finally {
      await cluster.stop('immediate');
    }
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

const head = (way: string) => `Starting backup using rsync-concurrent method for server pg in ROOT/home/pg/base/ID
Backup start at LSN: LSN (WAL, OFFSET)
FIRSTStarting backup copy via ${way} for ID
Copy done (time: DURATION)
FIRSTAsking PostgreSQL server to finalize the backup.
`;
const tail = (size: string) => `${size}
Backup end at LSN: LSN (WAL, OFFSET)
Backup completed (start time: TIME, elapsed time: DURATION)
Waiting for the WAL file WAL from server 'pg'
`;
/** The output without the WAL files, whose number depends on the moment. */
function words(text: string): string {
  return normalised(text, server.box.root)
    .replace(/^\tWAL.*\n/gm, '')
    .replace(/^(Processing xlog segments from .*|WAL segments preceding .*)\n/gm, '')
    .replace(/-\d+\.\d\d%/, 'RATIO')
    .replace(/\d+ B\./, 'SIZE.');
}

describe('barman backup of an rsync server', () => {
  let first: string;

  it('copies PGDATA and the tablespaces over two connections', async () => {
    await server.configure('parallel_jobs = 2\nreuse_backup = link');
    expect((await server.box.barman(['check', 'pg'])).stdout).toMatch(/\tssh: OK \(PostgreSQL server\)\n/);
    const before = await handshakes();
    const result = await server.box.barman(['backup', '--wait', 'pg']);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    const announced = 'This is the first backup for server pg\n';
    expect(words(result.stdout)).toBe(
      head('rsync/SSH').replaceAll('FIRST', announced).replace(' for ID\n', ' for ID (2 jobs)\n') +
        tail('Backup size: SIZE. Actual size on disk: SIZE (RATIO deduplication ratio).'),
    );
    // One for each job; the first serves the check, too.
    expect((await handshakes()) - before).toBe(2);
    first = await lastId();
    const record = await server.record(first);
    expect(record).toMatchObject({ status: 'DONE', mode: 'rsync-concurrent', error: 'None', compression: 'None' });
    expect(record.size).toBe(record.deduplicated_size);
    const [near, far] = await Promise.all([oidOf('near'), oidOf('far')]);
    expect(record.copy_stats).toMatch(
      /^\{'total_time': [\d.]+, 'number_of_workers': 2, 'analysis_time_per_item': \{'near': [\d.]+, 'far': [\d.]+, 'pgdata': [\d.]+\}, 'copy_time_per_item': \{('\w+': [\d.]+, ){3}'pg_control': [\d.]+\}, 'serialized_copy_time_per_item': \{.*\}, 'analysis_time': [\d.]+, 'copy_time': [\d.]+, 'serialized_copy_time': [\d.]+\}$/,
    );
    const data = server.path('base', first, 'data');
    expect((await readdir(server.path('base', first))).sort()).toEqual([near, far, 'data'].sort());
    for (const empty of ['pg_tblspc', 'pg_wal', 'pg_replslot', 'pg_stat_tmp', 'pg_notify']) {
      expect([empty, await readdir(join(data, empty))]).toEqual([empty, []]);
    }
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(data, 'backup_label'), 'utf8')).toContain(`LABEL: Barman backup pg ${first}\n`);
    const names = await readdir(data);
    expect(names).not.toContain('postmaster.pid');
    expect(names).toContain('PG_VERSION');
    // Everything that did not change meanwhile is there, byte by byte.
    const compared = await exec('rsync', [
      '-rnc',
      '--itemize-changes',
      '--exclude=/pg_wal',
      '--exclude=/pg_stat*',
      '--exclude=/global',
      '--exclude=/pg_xact',
      '--exclude=/pg_subtrans',
      '--exclude=/base',
      '--exclude=/pg_tblspc',
      '--exclude=/pg_logical',
      '--exclude=/log',
      '--exclude=postmaster.*',
      '--exclude=/pg_multixact',
      `${server.cluster.dataDir}/`,
      `${data}/`,
    ]);
    expect(compared.stdout.replace(/^\.d.*\n/gm, '')).toBe('');
  });

  it('links what is unchanged, copies what changed, leaves the earlier backup as it was', async () => {
    await server.configure('parallel_jobs = 2\nreuse_backup = link');
    const before = await digest(first);
    await server.cluster.sql('INSERT INTO nearby SELECT generate_series(2001, 2100)');
    const path = await server.cluster.sql("SELECT pg_relation_filepath('nearby')");
    const changed = path.replace(/^pg_tblspc\//, '');
    const result = await server.box.barman(['backup', '--wait', 'pg']);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(words(result.stdout)).toBe(
      head('rsync/SSH').replaceAll('FIRST', '').replace(' for ID\n', ' for ID (2 jobs)\n') +
        tail('Backup size: SIZE. Actual size on disk: SIZE (RATIO deduplication ratio).'),
    );
    const second = await lastId();
    const [old, now] = [await inodes(first), await inodes(second)];
    const shared = [...now].filter(([name, { ino }]) => old.get(name)?.ino === ino);
    expect(shared.length).toBeGreaterThan(now.size * 0.9);
    for (const [, { nlink }] of shared) expect(nlink).toBe(2);
    for (const name of [changed, 'data/global/pg_control', 'data/backup_label']) {
      expect([name, now.get(name)?.ino === old.get(name)?.ino, now.get(name)?.nlink]).toEqual([name, false, 1]);
    }
    const record = await server.record(second);
    expect(Number(record.deduplicated_size)).toBeLessThan(Number(record.size) / 2);
    expect(await digest(first)).toBe(before);
    expect((await server.box.barman(['show-backup', 'pg', second])).stdout).toContain('Resources saved');
  });

  it('both start from a restore, with their rows', async () => {
    expect(await rowsOf(first)).toBe('1000|2100|3000');
    expect(await rowsOf('latest')).toBe('1000|2100|3000');
  });

  it('finds the change that neither size nor time shows', async () => {
    await server.configure('reuse_backup = link');
    const extra = join(server.cluster.dataDir, 'changed-under-the-clock');
    const now = new Date();
    await writeFile(extra, 'old text');
    await exec('touch', ['-d', now.toISOString(), extra]);
    await server.box.barman(['backup', 'pg']);
    const id = await lastId();
    await writeFile(extra, 'new text');
    await exec('touch', ['-d', now.toISOString(), extra]);
    await sleep(1100);
    const result = await server.box.barman(['backup', 'pg']);
    expect(result.code).toBe(0);
    expect(await readFile(server.path('base', await lastId(), 'data', 'changed-under-the-clock'), 'utf8')).toBe(
      'new text',
    );
    expect(await readFile(server.path('base', id, 'data', 'changed-under-the-clock'), 'utf8')).toBe('old text');
    await rm(extra);
  });

  it.each([
    ['reuse_backup = copy', 'reuse_backup = copy\nnetwork_compression = on\nparallel_jobs = 2', []],
    ['local-rsync with links and a manifest', 'reuse_backup = link\nautogenerate_manifest = on', []],
  ])('%s', async (what, extra) => {
    const local = what.startsWith('local');
    await server.configure(extra, local ? 'local-rsync' : 'rsync');
    // rsync reads such names in a list as comments.
    const odd = join(server.cluster.dataDir, '#odd; name');
    await writeFile(odd, 'mine');
    const result = await server.box.barman(['backup', '--wait', 'pg']);
    await rm(odd);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await readFile(server.path('base', await lastId(), 'data', '#odd; name'), 'utf8')).toBe('mine');
    expect(words(result.stdout)).toContain(local ? 'via local rsync for ID\n' : 'via rsync/SSH for ID (2 jobs)\n');
    const links = [...(await inodes(await lastId())).values()].filter(({ nlink }) => nlink > 1);
    if (local) expect(links.length).toBeGreaterThan(500);
    else expect(links).toEqual([]);
    expect((await lastRecord()).status).toBe('DONE');
    if (!local) return;
    const id = await lastId();
    expect(result.stdout).toMatch(
      new RegExp(`\nBackup manifest for backup '${id}' successfully generated for server pg\n`),
    );
    await exec(join(server.cluster.binDir, 'pg_verifybackup'), ['-n', server.path('base', id, 'data')]);
  });

  it('copies where hard links are impossible, and says so', async () => {
    const previous = await lastId();
    const elsewhere = await temporaryFolder('elsewhere');
    const far = await folderElsewhere('elsewhere');
    try {
      await exec('cp', ['-a', server.path('base', previous), `${far}/backup`]);
      await rename(server.path('base', previous), `${elsewhere}/aside`);
      await symlink(`${far}/backup`, server.path('base', previous));
      await server.configure('reuse_backup = link');
      const result = await server.box.barman(['backup', 'pg']);
      expect(result.code).toBe(0);
      expect(result.stderr).toMatch(
        new RegExp(
          `^WARNING: reuse_backup = link: no hard link to backup ${previous} can be made \\(EXDEV.*\\); unchanged files are copied\n`,
        ),
      );
      expect([...(await inodes(await lastId())).values()].every(({ nlink }) => nlink === 1)).toBe(true);
    } finally {
      await rm(server.path('base', previous), { force: true });
      await rename(`${elsewhere}/aside`, server.path('base', previous));
      await rm(far, { recursive: true, force: true });
      await rm(elsewhere, { recursive: true, force: true });
    }
  });
});

describe('what goes wrong', () => {
  async function failing(stderr: string | RegExp, error: string): Promise<void> {
    const result = await server.box.barman(['backup', 'pg']);
    expect(result.code).toBe(1);
    if (typeof stderr === 'string') expect(result.stderr).toBe(stderr);
    else expect(result.stderr).toMatch(stderr);
    const record = await lastRecord();
    expect({ status: record.status, error: record.error }).toEqual({ status: 'FAILED', error });
    // PostgreSQL has ended the backup, and its end is on record.
    expect(record.end_wal).toMatch(/^[0-9A-F]{24}$/);
    expect(await server.cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'barman'")).toBe(
      '0',
    );
  }

  it('ssh that is refused stops the backup before it begins', async () => {
    await server.sshd.stop();
    const count = (await readdir(server.path('base'))).length;
    expect(await server.box.barman(['backup', 'pg'])).toEqual({
      code: 1,
      stdout: '',
      stderr: "ERROR: Impossible to start the backup. Check the log for more details, or run 'barman check pg'\n",
    });
    expect((await readdir(server.path('base'))).length).toBe(count);
    const check = await server.box.barman(['check', 'pg']);
    expect(check.stdout).toContain(
      `\tssh: FAILED (Connection failed using '${server.sshd.sshCommand} pghost -o BatchMode=yes -o StrictHostKeyChecking=no' return code 255)\n`,
    );
    await server.sshd.start();
  });

  it('no rsync over there', async () => {
    await server.sshd.addRemote('rsync', '#!/bin/sh\necho "sh: rsync: not found" >&2\nexit 127\n');
    await failing(
      /^ERROR: The backup has failed copying files\nERROR: Backup failed copying files\.\nDETAILS: data transfer failure\nrsync error:\nsh: rsync: not found\nrsync: connection unexpectedly closed/,
      'failure copying files (data transfer failure)',
    );
    await rm(join(server.sshd.remoteBin, 'rsync'));
  });

  it('an rsync that is too old over there', async () => {
    const script = [
      '#!/bin/sh',
      '[ "$1" = --version ] && { echo "rsync  version 3.0.9  protocol version 30"; exit; }',
      // Its options come by standard input; a list of files means -R.
      'case "$3" in *R*e.*) echo "rsync: --ignore-missing-args: unknown option" >&2; exit 1 ;; esac',
      'PATH=${PATH#*:} exec rsync "$@"',
      '',
    ];
    await server.sshd.addRemote('rsync', script.join('\n'));
    await failing(
      /^ERROR: The backup has failed copying files\nERROR: Backup failed copying files\.\nDETAILS: data transfer failure\nrsync error:\nrsync: --ignore-missing-args: unknown option\n[^]*\nrsync 3\.0\.9 on the PostgreSQL host is too old: 3\.1 or later is needed\n$/,
      'failure copying files (data transfer failure)',
    );
    await rm(join(server.sshd.remoteBin, 'rsync'));
  });

  it('a login that prints something', async () => {
    const noisy = join(server.box.root, 'noisy-ssh');
    await writeFile(noisy, `#!/bin/sh\necho "Welcome to the database host"\nexec ${server.sshd.sshCommand} "$@"\n`, {
      mode: 0o755,
    });
    await server.box.writeConfig(
      (await readFile(server.box.configFile, 'utf8'))
        .replace(/^[^]*(?=\[pg\])/, '')
        .replace(/ssh_command = .*/, `ssh_command = ${noisy} pghost`),
    );
    const check = await server.box.barman(['check', 'pg']);
    expect(check.stdout).toContain(
      '\tssh output clean: FAILED (the configured ssh_command must not add anything to the remote command output)\n',
    );
    expect((await server.box.barman(['backup', 'pg'])).stderr).toMatch(/^ERROR: Impossible to start the backup\./);
  });

  it('a file and a directory that cannot be read are named', async () => {
    const closed = join(server.cluster.dataDir, 'base', 'closed file');
    await writeFile(closed, 'x', { mode: 0 });
    await failing(
      /DETAILS: data transfer failure\nthese files could not be copied:\n\t\S*\/base\/closed file\nrsync error:\nrsync: [^\n]*Permission denied \(13\)\n/,
      'failure copying files (data transfer failure)',
    );
    await rm(closed);
    await mkdir(closed);
    await chmod(closed, 0);
    await failing(
      /rsync error:\n[^\n]*opendir "[^"]*closed file" failed: Permission denied/,
      'failure copying files (data transfer failure)',
    );
    await chmod(closed, 0o700);
    await rm(closed, { recursive: true });
  });

  it('a cut control connection ends the copy at once', async () => {
    const running = startBarman(server.box, ['backup', ...SLOWLY, 'pg']);
    await eventually('the copy begins', () => running.stdout().includes('Starting backup copy'));
    await rsyncRuns(running);
    await server.cluster.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'barman'",
    );
    const cut = performance.now();
    expect((await running.end).code).toBe(1);
    expect(performance.now() - cut).toBeLessThan(8_000);
    expect(running.stderr()).toBe(
      'ERROR: The backup has failed copying files\nERROR: Backup failed copying files.\nDETAILS: Connection to the Postgres server was lost during the backup.\n',
    );
    expect(await lastRecord()).toMatchObject({
      status: 'FAILED',
      error: 'failure copying files (Connection to the Postgres server was lost during the backup.)',
      end_wal: 'None',
    });
  });

  it('ssh that is cut during the copy', async () => {
    const running = startBarman(server.box, ['backup', ...SLOWLY, 'pg']);
    await eventually('the copy begins', () => running.stdout().includes('Starting backup copy'));
    await rsyncRuns(running);
    await server.sshd.stop();
    expect((await running.end).code).toBe(1);
    await server.sshd.start();
    expect(running.stderr()).toMatch(
      /^ERROR: The backup has failed copying files\nERROR: Backup failed copying files\.\nDETAILS: data transfer failure\nrsync error:\n[^]*connection unexpectedly closed/,
    );
    expect(await lastRecord()).toMatchObject({
      status: 'FAILED',
      error: 'failure copying files (data transfer failure)',
    });
  });

  it('Ctrl-C', async () => {
    const running = startBarman(server.box, ['backup', ...SLOWLY, 'pg']);
    await eventually('the copy begins', () => running.stdout().includes('Starting backup copy'));
    await rsyncRuns(running);
    running.child.kill('SIGINT');
    expect((await running.end).code).toBe(1);
    expect(running.stderr()).toBe(
      'ERROR: The backup has failed copying files\nERROR: Backup failed copying files.\nDETAILS: KeyboardInterrupt\n',
    );
    expect(running.stdout()).toContain('Asking PostgreSQL server to finalize the backup.\n');
    expect((await lastRecord()).error).toBe('failure copying files (KeyboardInterrupt)');
  });

  it('kill -9 leaves no process and no backup in PostgreSQL; cron says what happened', async () => {
    const running = startBarman(server.box, ['backup', ...SLOWLY, 'pg']);
    await eventually('the copy begins', () => running.stdout().includes('Starting backup copy'));
    const children = await rsyncRuns(running);
    running.child.kill('SIGKILL');
    await running.end;
    const id = await lastId();
    await eventually('its processes are gone', async () => {
      const left = new Set((await processes()).map(({ pid }) => pid));
      return children.every((pid) => !left.has(pid));
    });
    await eventually(
      'the session is gone',
      async () =>
        (await server.cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'barman'")) === '0',
    );
    expect((await server.box.barman(['cron'])).stderr).toContain(`Backup ${id} of server pg was interrupted`);
    expect((await server.record(id)).status).toBe('FAILED');
    expect((await server.box.barman(['backup', '--wait', 'pg'])).code).toBe(0);
  });

  it('a tablespace that is created, and one that is dropped, during the copy', async () => {
    const location = await temporaryFolder('new');
    const before = await server.cluster.sql(COUNTS);
    const during = async (sql: string) => {
      const running = startBarman(server.box, ['backup', '--wait', '--bwlimit', '6000', 'pg']);
      await eventually('the copy begins', () => running.stdout().includes('Starting backup copy'));
      await sleep(300);
      await server.cluster.sql(sql);
      const { code } = await running.end;
      return { code, stderr: running.stderr() };
    };
    expect(await during(`CREATE TABLESPACE late LOCATION '${location}'`)).toEqual({
      code: 1,
      stderr:
        'ERROR: Backup failed detecting tablespaces.\nDETAILS: tablespace late was created while the backup was running: run it again\n',
    });
    expect(await during('DROP TABLESPACE late')).toEqual({ code: 0, stderr: '' });
    expect(await rowsOf('latest')).toBe(before);
    await rm(location, { recursive: true, force: true });
  });

  it('a storm of created, dropped and truncated tables: the restored cluster is sound', async () => {
    const { cluster } = server;
    await cluster.sql('CREATE EXTENSION IF NOT EXISTS amcheck');
    await cluster.sql('CREATE TABLE kept (n int PRIMARY KEY, t text)');
    let over = false;
    const storm = async (lane: number) => {
      for (let n = 0; !over; n += 1) {
        const name = `s${lane}_${n}`;
        await cluster.sql(
          `CREATE TABLE ${name} ${n % 2 ? 'TABLESPACE far' : ''} AS SELECT generate_series(1, 5000) AS n; CREATE INDEX ON ${name} (n); INSERT INTO kept SELECT coalesce(max(n), 0) + 1, repeat('x', 500) FROM kept;`,
        );
        await cluster.sql(n % 3 ? `DROP TABLE ${name}` : `TRUNCATE ${name}`);
        if (n % 5 === 0) await cluster.sql('CHECKPOINT');
      }
    };
    await server.configure('reuse_backup = link\nparallel_jobs = 2');
    const lanes = [storm(0)];
    const result = await server.box.barman(['backup', '--wait', '--bwlimit', '8192', 'pg']);
    over = true;
    await Promise.all(lanes);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    await rowsOf('latest', async (restored) => {
      const args = [
        '-h',
        '127.0.0.1',
        '-p',
        String(restored.port),
        '-U',
        'postgres',
        '-d',
        'postgres',
        '--heapallindexed',
        '--no-strict-names',
      ];
      await exec(join(server.cluster.binDir, 'pg_amcheck'), args);
    });
  });
});
