/** check, status and replication-status of our program against a real PostgreSQL. */
import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server as TcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { catalogHome } from '../support/catalog-home.ts';
import { eventually } from '../support/eventually.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { makeSandbox, type Sandbox, streamingSection } from '../support/sandbox.ts';

const FIXTURE = new URL('../fixtures/check/done.backup.info', import.meta.url);

describe('check and status', () => {
  let cluster: Cluster;
  let box: Sandbox;

  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.dispose());
  beforeEach(async () => {
    box = await makeSandbox();
  });
  afterEach(() => box.dispose());

  const withWal = async (server: string) => {
    const wals = join(box.home, server, 'wals');
    await mkdir(wals, { recursive: true });
    await writeFile(join(wals, `${server}-xlog.db`), '000000010000000000000009\t16777216\t1795228535.19\tNone\tNone\n');
  };

  it('passes with a running receiver, and fails on what is missing without it', async () => {
    await box.writeConfig(streamingSection('pg', cluster));
    await cluster.sql("SELECT pg_create_physical_replication_slot('barman', true)");
    await withWal('pg');
    const folder = join(box.root, 'received');
    await mkdir(folder);
    const args = [
      '-d',
      `${cluster.streamingConninfo} application_name=barman_receive_wal`,
      '-D',
      folder,
      '-S',
      'barman',
    ];
    const lock = join(box.home, '.pg-receive-wal.lock');
    const receiver = spawn('flock', ['-n', '--no-fork', lock, join(cluster.binDir, 'pg_receivewal'), ...args], {
      stdio: 'ignore',
    });
    try {
      const streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
      await eventually('it streams', async () => (await cluster.sql(streaming)) === '1');
      expect(await box.barman(['check', 'pg'])).toEqual({
        code: 0,
        stderr: '',
        stdout: [
          'Server pg:',
          '\tPostgreSQL: OK',
          '\tsuperuser or standard user with backup privileges: OK',
          '\tPostgreSQL streaming: OK',
          '\twal_level: OK',
          '\treplication slot: OK',
          '\tdirectories: OK',
          '\tretention policy settings: OK',
          '\tbackup maximum age: OK (no last_backup_maximum_age provided)',
          '\tbackup minimum size: OK (0 B)',
          '\twal maximum age: OK (no last_wal_maximum_age provided)',
          '\twal size: OK (0 B)',
          '\tcompression settings: OK',
          '\tfailed backups: OK (there are 0 failed backups)',
          '\tminimum redundancy requirements: OK (have 0 non-incremental backups, expected at least 0)',
          '\tpg_basebackup: OK',
          '\tpg_basebackup compatible: OK',
          '\tpg_basebackup supports tablespaces mapping: OK',
          '\tsystemid coherence: OK (no system Id stored on disk)',
          '\tpg_receivexlog: OK',
          '\tpg_receivexlog compatible: OK',
          '\treceive-wal running: OK',
          '\tarchiver errors: OK',
          '',
        ].join('\n'),
      });
      expect(await box.barman(['check', '--nagios', 'pg'])).toEqual({
        code: 0,
        stderr: '',
        stdout: 'BARMAN OK - Ready to serve the Espresso backup for pg|pg=0B pg_wals=0B\n',
      });
      const { stdout } = await box.barman(['replication-status', '--minimal', 'pg']);
      expect(stdout.replaceAll(/[0-9A-F]+\/[0-9A-F]+/g, 'L')).toBe(
        "Streaming clients for master 'pg' (LSN @ L):\n  1. W) streaming_barman@127.0.0.1 S:L W:L P:0 AN:barman_receive_wal\n",
      );
    } finally {
      await new Promise((resolve) => {
        receiver.once('exit', resolve);
        receiver.kill('SIGTERM');
      });
    }
    const stopped = await box.barman(['check', '--nagios', 'pg']);
    expect(stopped).toEqual({
      code: 2,
      stderr: '',
      stdout: [
        'BARMAN CRITICAL - server pg has issues * pg FAILED: replication slot, receive-wal running|pg=0B pg_wals=0B',
        "pg.replication slot: FAILED (slot 'barman' not active: is 'receive-wal' running?)",
        'pg.receive-wal running: FAILED (See the Barman log file for more details)',
        '',
      ].join('\n'),
    });
    await cluster.sql("SELECT pg_drop_replication_slot('barman')");
  });

  it('names a damaged record and goes on', async () => {
    await box.writeConfig('[idle]\nactive = false\n[up]\nactive = false\nminimum_redundancy = 1');
    for (const server of ['idle', 'up']) {
      await withWal(server);
      const meta = join(box.home, server, 'meta');
      await mkdir(meta);
      const info = await readFile(FIXTURE, 'utf8');
      await writeFile(
        join(meta, '20261121T023531-backup.info'),
        info.replace(/^server_name=.*/m, `server_name=${server}`),
      );
      await catalogHome(box.home).addProofs(server, '20261121T023531', info);
    }
    const damaged = join(box.home, 'idle', 'meta', '20261122T010101-backup.info');
    await writeFile(damaged, '');
    const { code, stdout, stderr } = await box.barman(['check', 'idle', 'up']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const failures = stdout.split('\n').filter((line) => line.includes('FAILED'));
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(/^\tbackup catalog: FAILED \(cannot read .*20261122T010101-backup.info: .+\)$/);
    expect(stdout).toContain(
      '\tminimum redundancy requirements: OK (have 1 non-incremental backups, expected at least 1)',
    );
    const status = await box.barman(['status', 'idle']);
    expect(status.code).toBe(0);
    expect(status.stderr).toMatch(/^WARNING: cannot read .*20261122T010101-backup.info: .+\n$/);
    expect(status.stdout).toContain('\tLast available backup: 20261121T023531\n');
  });

  it('says which index is damaged instead of dying on it', async () => {
    await box.writeConfig('[idle]\nactive = false\nlast_wal_maximum_age = 1 HOUR');
    await withWal('idle');
    await mkdir(join(box.home, 'idle', 'meta'));
    const info = await readFile(FIXTURE, 'utf8');
    await writeFile(join(box.home, 'idle', 'meta', '20261121T023531-backup.info'), info);
    await catalogHome(box.home).addProofs('idle', '20261121T023531', info);
    await writeFile(
      join(box.home, 'idle', 'wals', 'idle-xlog.db'),
      'garbage\n000000010000000000000009\t1\t1.0\tNone\tNone\n',
    );
    const { stdout } = await box.barman(['check', 'idle']);
    const failed = stdout.split('\n').filter((line) => line.includes('FAILED'));
    expect(failed.map((line) => line.slice(0, line.indexOf(':')))).toEqual(['\twal maximum age', '\twal size']);
    expect(stdout).toContain('\tarchiver errors: OK');
  });

  it('reports a directory that cannot be made', async () => {
    await box.writeConfig('[idle]\nactive = false');
    await withWal('idle');
    await chmod(join(box.home, 'idle'), 0o500);
    const { stdout } = await box.barman(['check', 'idle']);
    expect(stdout.split('\n').find((line) => line.startsWith('\tdirectories'))).toMatch(
      /^\tdirectories: FAILED \(.*Permission denied\)$/,
    );
    await chmod(join(box.home, 'idle'), 0o700);
  });

  it('creates the directories of a new server', async () => {
    await box.writeConfig('[idle]\nactive = false');
    expect((await box.barman(['check', 'idle'])).code).toBe(0);
    expect((await readdir(join(box.home, 'idle'))).sort()).toEqual([
      'base',
      'errors',
      'incoming',
      'meta',
      'streaming',
      'wals',
    ]);
  });

  it('says of every setting what this program cannot do', async () => {
    const idle = (name: string, extra: string) => `[${name}]\nactive = false\n${extra}\n`;
    const servers = {
      custom: 'compression = custom\ncustom_compression_filter = gzip -c',
      lz4: 'compression = lz4',
      nogpg: 'encryption = gpg',
      gpg: 'encryption = gpg\nencryption_key_id = a\nbackup_method = postgres\nbackup_compression = gzip\nbackup_compression_format = tar',
      cloud: 'basebackups_directory = s3://bucket/base\nwals_directory = s3://bucket/wals\nbackup_method = postgres',
      cloudrsync: 'basebackups_directory = s3://bucket/base',
      plain: 'compression = gzip\nretention_policy = NEVER',
    };
    await box.writeConfig(
      Object.entries(servers)
        .map(([name, extra]) => idle(name, extra))
        .join(''),
    );
    // Nothing but what starts this program.
    const bare = join(box.root, 'bin');
    await mkdir(bare, { recursive: true });
    await symlink(process.execPath, join(bare, 'node'));
    const failures: Record<string, string[]> = {};
    for (const name of Object.keys(servers)) {
      await withWal(name);
      const env = name === 'lz4' ? { PATH: bare } : {};
      const { stdout } = await box.barman(['check', name], { env });
      failures[name] = stdout.split('\n').filter((line) => line.includes('FAILED') && !line.includes('WAL archive'));
    }
    expect(failures).toEqual({
      custom: ['\tcompression settings: FAILED (compression = custom requires custom_decompression_filter)'],
      lz4: ["\tcompression settings: FAILED (the program 'lz4' is not in the search path)"],
      nogpg: ['\tencryption: FAILED (Encryption is set as gpg, but encryption_key_id is unset)'],
      gpg: ['\tencryption: FAILED (encryption test failed. Check the log file for more details)'],
      cloud: ['\tcloud storage configuration: FAILED (cloud storage is not supported yet: use local directories)'],
      cloudrsync: [
        "\tcloud storage configuration: FAILED (cloud backup destination is only supported with 'backup_method = postgres' or 'backup_method = local-to-cloud')",
      ],
      plain: ['\tretention policy settings: FAILED (see log)'],
    });
  });

  it('does not archive or switch when WAL is there, and closes a segment when none ever came', async () => {
    await box.writeConfig(streamingSection('pg', cluster, 'check_timeout = 3'));
    await withWal('pg');
    const segment = () => cluster.sql('SELECT pg_walfile_name(pg_current_wal_lsn())');
    await cluster.sql('CREATE TABLE IF NOT EXISTS t (i int); INSERT INTO t VALUES (1)');
    const before = await segment();
    await box.barman(['check', 'pg']);
    expect(await segment()).toBe(before);
    await writeFile(join(box.home, 'pg', 'wals', 'pg-xlog.db'), '');
    const { stdout } = await box.barman(['check', 'pg']);
    expect(stdout).toContain('\tWAL archive: FAILED (please make sure WAL shipping is setup)\n\tPostgreSQL: OK\n');
    await cluster.sql('INSERT INTO t VALUES (1)');
    expect(await segment()).not.toBe(before);
  });
});

describe('a PostgreSQL that never answers', () => {
  let silent: TcpServer;
  let port: number;
  let box: Sandbox;
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    silent = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    port = (silent.address() as AddressInfo).port;
    box = await makeSandbox();
    const conninfo = `host=127.0.0.1 port=${port} user=a dbname=b`;
    const section = (name: string) =>
      `[${name}]\nconninfo = ${conninfo}\nstreaming_conninfo = ${conninfo}\nbackup_method = postgres\nstreaming_archiver = on\nslot_name = s\n`;
    await box.writeConfig(['f', 'e', 'd', 'c', 'b', 'a'].map(section).join(''));
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    silent.close();
    await box.dispose();
  });

  it('is given up after the time limit, several servers at once and in order', async () => {
    const started = Date.now();
    const { code, stdout } = await box.barman(['check', '--check-timeout', '1', 'all']);
    const elapsed = Date.now() - started;
    expect(code).toBe(1);
    expect(stdout).toBe(
      ['a', 'b', 'c', 'd', 'e', 'f']
        .map((name) => `Server ${name}:\n\tcheck timeout: FAILED (barman check command timed out)\n`)
        .join(''),
    );
    // Six limits of one second, four servers at a time.
    expect(elapsed).toBeLessThan(5000);
    const log = await readFile(box.logFile, 'utf8');
    expect(log).toContain("Check command timed out executing 'WAL archive' check");
  });
});
