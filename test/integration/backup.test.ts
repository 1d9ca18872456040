/** Good backups of a real cluster: output, record, tree; compression, tablespaces, names, refusals. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { which } from '../../src/host/process/search-path.ts';
import { type ArchivingServer, normalised, startArchivingServer } from '../support/archiving-server.ts';
import { temporaryFolder } from '../support/cluster.ts';

const exec = promisify(execFile);
let server: ArchivingServer;
let location: string;

beforeAll(async () => {
  server = await startArchivingServer();
  location = await temporaryFolder('tablespace');
  await server.cluster.sql(`CREATE TABLESPACE far LOCATION '${location}'`);
  await server.cluster.sql('CREATE TABLE away TABLESPACE far AS SELECT generate_series(1, 1000) AS n');
});
afterAll(async () => {
  await server?.dispose();
  await rm(location, { recursive: true, force: true });
});

async function ids(): Promise<string[]> {
  return (await readdir(server.path('base'))).sort();
}
async function lastId(): Promise<string> {
  return (await ids()).at(-1) ?? '';
}

const FIRST = `Starting backup using postgres method for server pg in ROOT/home/pg/base/ID
Backup start at LSN: LSN (WAL, OFFSET)
Starting backup copy via pg_basebackup for ID
Copy done (time: DURATION)
Finalising the backup.
This is the first backup for server pg
WAL segments preceding the current backup have been found:
`;
const REST = `Backup size: SIZE
Backup end at LSN: LSN (WAL, OFFSET)
Backup completed (start time: TIME, elapsed time: DURATION)
`;

describe('barman backup', () => {
  it('takes the first backup, drops the older WAL and waits for its own', async () => {
    const result = await server.box.barman(['backup', '--name', 'first-one', '--wait', 'pg']);
    const text = normalised(result.stdout, server.box.root);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(text.slice(0, FIRST.length)).toBe(FIRST);
    expect(text.slice(FIRST.length).replace(/^\tWAL from server pg has been removed\n/gm, '')).toMatch(
      new RegExp(
        `^${REST.replace(/[()]/g, '\\$&')}Waiting for the WAL file WAL from server 'pg'\n(Processing xlog segments from file archival for pg\n(\tWAL(\\.00000028\\.backup|\\.OFFSET\\.backup|\\.\\w{8}\\.backup)?\n)+)+$`,
      ),
    );
    const id = await lastId();
    const record = await server.record(id);
    expect(record).toMatchObject({
      status: 'DONE',
      mode: 'postgres',
      backup_name: 'first-one',
      server_name: 'pg',
      error: 'None',
      compression: 'None',
      parent_backup_id: 'None',
      timeline: '1',
      xlog_segment_size: '16777216',
    });
    expect(record.tablespaces).toMatch(new RegExp(`^\\[\\('far', \\d+, '${location}'\\)\\]$`));
    expect(record.copy_stats).toMatch(/^\{'copy_time': \d+\.\d+, 'total_time': \d+\.\d+\}$/);
    expect(record.backup_label).toMatch(/^'START WAL LOCATION: .*\\nSTART TIMELINE: 1\\n'$/);
    // PostgreSQL's own judgement of the copy.
    await exec(join(server.cluster.binDir, 'pg_verifybackup'), ['-n', server.path('base', id, 'data')]);
    const oid = /, (\d+), /.exec(record.tablespaces ?? '')?.[1] ?? '';
    expect((await readdir(server.path('base', id))).sort()).toEqual([oid, 'data']);
    expect(await readlink(server.path('base', id, 'data', 'pg_tblspc', oid))).toBe(server.path('base', id, oid));
    expect((await stat(server.path('base', id, 'data'))).mode & 0o777).toBe(0o700);
    expect((await stat(server.path('base', id, oid))).mode & 0o777).toBe(0o700);
    expect(JSON.parse(await readFile(server.path('identity.json'), 'utf8'))).toEqual({
      systemid: record.systemid,
      version: record.version?.slice(0, 2),
    });
    // Nothing older than this backup is left, and all it needs is there.
    const index = await readFile(server.path('wals', 'pg-xlog.db'), 'utf8');
    const names = index
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')[0] ?? '');
    expect(names.filter((name) => name < (record.begin_wal ?? ''))).toEqual([]);
    expect(names).toContain(record.begin_wal);
    expect(names).toContain(record.end_wal);
  });

  it('keeps the WAL of the first backup when it takes a second, and reports it as JSON', async () => {
    const before = await readFile(server.path('wals', 'pg-xlog.db'), 'utf8');
    const result = await server.box.barman(['-f', 'json', 'backup', '--wait', 'pg']);
    expect(result.code).toBe(0);
    const report = JSON.parse(result.stdout) as Record<string, unknown>;
    const record = await server.record(await lastId());
    expect(report).toMatchObject({
      backup_id: await lastId(),
      status: 'DONE',
      begin_wal: record.begin_wal,
      end_xlog: record.end_xlog,
      size: Number(record.size),
      error: null,
      children_backup_ids: null,
    });
    expect(result.stdout).toMatch(/"cluster_size": \d+\.0,/);
    expect((await readFile(server.path('wals', 'pg-xlog.db'), 'utf8')).startsWith(before)).toBe(true);
  });

  it('says that WAL is missing when it does not wait', async () => {
    await server.box.writeConfig(server.section('', 'quiet'));
    // This server's archive gets no WAL at all: the check finds that first.
    const refused = await server.box.barman(['backup', 'quiet']);
    expect(refused).toEqual({
      code: 1,
      stdout: '',
      stderr: "ERROR: Impossible to start the backup. Check the log for more details, or run 'barman check quiet'\n",
    });
    expect(await readdir(join(server.box.home, 'quiet', 'base')).catch(() => [])).toEqual([]);
    await server.box.writeConfig(server.section());
  });

  it.each([
    ['gzip', '.tar.gz', []],
    ['lz4', '.tar.lz4', []],
    ['zstd', '.tar.zst', ['backup_compression_level = 3']],
    ['none', '.tar', []],
  ])('backup_compression = %s', async (kind, suffix, extra) => {
    await server.box.writeConfig(server.section([`backup_compression = ${kind}`, ...extra].join('\n')));
    const result = await server.box.barman(['backup', '--wait', 'pg']);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    const id = await lastId();
    const record = await server.record(id);
    const oid = /, (\d+), /.exec(record.tablespaces ?? '')?.[1] ?? '';
    expect((await readdir(server.path('base', id, 'data'))).sort()).toEqual(
      [`${oid}${suffix}`, 'backup_manifest', `base${suffix}`].sort(),
    );
    expect(await readdir(server.path('base', id, oid))).toEqual([]);
    expect(record).toMatchObject({ status: 'DONE', compression: kind });
    expect(record.backup_label).toMatch(/^'START WAL LOCATION: .*\\nSTART TIMELINE: 1\\n'$/);
    await server.box.writeConfig(server.section());
  });

  it('plain output of a server-side compression is recorded as uncompressed', async () => {
    const extra = 'backup_compression = gzip\nbackup_compression_format = plain\nbackup_compression_location = server';
    await server.box.writeConfig(server.section(extra));
    const result = await server.box.barman(['backup', '--wait', 'pg']);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await server.record(await lastId())).toMatchObject({ status: 'DONE', compression: 'None' });
    await exec(join(server.cluster.binDir, 'pg_verifybackup'), ['-n', server.path('base', await lastId(), 'data')]);
    await server.box.writeConfig(server.section());
  });

  it('retries, then fails with what pg_basebackup said; the next backup works', async () => {
    const fake = join(server.box.root, 'fake');
    await mkdir(fake);
    const version = (await exec(join(server.cluster.binDir, 'pg_basebackup'), ['--version'])).stdout.trim();
    await writeFile(
      join(fake, 'pg_basebackup'),
      `#!/bin/sh\nif [ "$1" = --version ]; then echo "${version}"; exit 0; fi\necho "out line"; echo "no luck with password=secret1" >&2; exit 1\n`,
      { mode: 0o755 },
    );
    await server.box.writeConfig(
      server.section('basebackup_retry_times = 1\nbasebackup_retry_sleep = 0').replace(server.cluster.binDir, fake),
    );
    const result = await server.box.barman(['backup', 'pg']);
    const id = await lastId();
    const data = server.path('base', id, 'data');
    expect(result).toEqual({
      code: 1,
      stdout: `Starting backup using postgres method for server pg in ${server.path('base', id)}\n${/^Backup start at LSN: .*$/m.exec(result.stdout)?.[0]}\nStarting backup copy via pg_basebackup for ${id}\n`,
      stderr: [
        'WARNING: Failure executing a backup using pg_basebackup (attempt 0)',
        'WARNING: The files copied so far will be removed and the backup process will restart in 0 seconds',
        'ERROR: Backup failed copying files.',
        `DETAILS: data transfer failure on directory '${data}'`,
        'pg_basebackup error:',
        'out line',
        'no luck with password=*REDACTED*',
        '',
      ].join('\n'),
    });
    expect(await server.record(id)).toMatchObject({
      status: 'FAILED',
      error: `failure copying files (data transfer failure on directory '${data}')`,
    });
    await server.box.writeConfig(server.section());
    expect((await server.box.barman(['backup', '--wait', 'pg'])).code).toBe(0);
    expect((await server.record(await lastId())).status).toBe('DONE');
    expect(await readFile(server.box.logFile, 'utf8')).not.toContain('secret1');
  });

  it('refuses without a pg_basebackup', async () => {
    const programs = join(server.box.root, 'programs');
    await mkdir(programs);
    for (const name of ['flock', 'sh', 'env', 'setpriv', 'tar', 'true']) {
      await symlink(which(name, process.env.PATH ?? '') ?? '', join(programs, name));
    }
    await symlink(process.execPath, join(programs, 'node'));
    await server.box.writeConfig(server.section().replace(/^path_prefix.*$/m, ''));
    const before = await ids();
    const result = await server.box.barman(['backup', 'pg'], { env: { PATH: programs } });
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr: "ERROR: Impossible to start the backup. Check the log for more details, or run 'barman check pg'\n",
    });
    expect(await ids()).toEqual(before);
    await server.box.writeConfig(server.section());
  });

  it('gives two backups of one second two ids', async () => {
    await server.box.writeConfig(server.section('pre_backup_retry_script = exit 63'));
    const before = await ids();
    for (let run = 0; run < 4; run += 1) {
      const result = await server.box.barman(['backup', 'pg']);
      expect(result.stderr).toBe(
        "ERROR: Backup failed starting backup.\nDETAILS: Abort 'pre_backup_retry_script' retry hook script (exit 63, exit code: 63)\n",
      );
    }
    const added = (await ids()).filter((id) => !before.includes(id));
    expect(added).toHaveLength(4);
    for (const id of added) {
      expect(await server.record(id)).toMatchObject({
        status: 'FAILED',
        error: "failure starting backup (Abort 'pre_backup_retry_script' retry hook script (exit 63, exit code: 63))",
      });
    }
    await server.box.writeConfig(server.section());
  });

  it('runs the hooks around it with the states of the record', async () => {
    const trace = join(server.box.root, 'hooks');
    const script = `echo "$BARMAN_PHASE $BARMAN_STATUS $BARMAN_BACKUP_ID" >> ${trace}`;
    await server.box.writeConfig(server.section(`pre_backup_script = ${script}\npost_backup_script = ${script}`));
    await server.box.barman(['backup', '--wait', 'pg']);
    const id = await lastId();
    expect(await readFile(trace, 'utf8')).toBe(`pre EMPTY ${id}\npost DONE ${id}\n`);
    await server.box.writeConfig(server.section());
  });

  it.each([['local-to-cloud', 'backup_method = local-to-cloud']])(
    'says that %s is not available',
    async (method, extra) => {
      await server.box.writeConfig(server.section(extra).replace('backup_method = postgres\n', ''));
      expect(await server.box.barman(['backup', 'pg'])).toEqual({
        code: 1,
        stdout: '',
        stderr: `ERROR: failed to start backup: backup_method = ${method} is not available in this release; server 'pg' can use backup_method = postgres, rsync or local-rsync\n`,
      });
      await server.box.writeConfig(server.section());
    },
  );

  it('refuses an incremental backup as Barman does before 17, and an unknown parent', async () => {
    const version = Number((await server.cluster.sql('SHOW server_version_num')).slice(0, 2));
    if (version < 17) {
      expect(await server.box.barman(['backup', '--incremental', 'latest', 'pg'])).toEqual({
        code: 1,
        stdout: '',
        stderr:
          'ERROR: failed to start backup: Postgres version 17 or greater is required for incremental backups using the Postgres backup method\n',
      });
    }
    expect(await server.box.barman(['backup', '--incremental', 'nosuch', 'pg'])).toEqual({
      code: 1,
      stdout: '',
      stderr: "ERROR: Unknown backup 'nosuch' for server 'pg'\n",
    });
  });
});
