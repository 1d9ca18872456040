/** What the PostgreSQL adapter asks, against a real server and its standby. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sqlStateOf } from '../../src/postgres/libpq/failure.ts';
import { openPostgres } from '../../src/postgres/sql-connection.ts';
import { openStreaming } from '../../src/postgres/streaming-connection.ts';
import type { PostgresConnection, StreamingConnection } from '../../src/postgres/connections.ts';
import { messageOf } from '../../src/domain/errors.ts';
import { formatLsn } from '../../src/domain/wal/lsn.ts';
import { type Cluster, clusterAt, freePort, startCluster } from '../support/cluster.ts';

const exec = promisify(execFile);
let cluster: Cluster;
let warnings: string[] = [];
const opened: (PostgresConnection | StreamingConnection)[] = [];
const log = { debug: () => {}, warning: (text: string) => warnings.push(text) };

beforeAll(async () => {
  cluster = await startCluster({ settings: { archive_mode: 'on', archive_command: 'true' } });
  await cluster.sql('CREATE ROLE plain LOGIN; CREATE ROLE granted LOGIN');
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((connection) => connection.close()));
  warnings = [];
});

afterAll(async () => {
  await cluster.dispose();
});

const env = process.env;
function connect(conninfo = cluster.conninfo): PostgresConnection {
  const connection = openPostgres({ conninfo, env, log });
  opened.push(connection);
  return connection;
}
function stream(conninfo = cluster.streamingConninfo): StreamingConnection {
  const connection = openStreaming({ conninfo, env, log });
  opened.push(connection);
  return connection;
}

describe('questions', () => {
  it('gathers the status', async () => {
    await cluster.sql("SELECT pg_create_physical_replication_slot('barman', true)");
    const { currentLsn, clusterSize, ...status } = await connect().status('barman');
    const ask = async (sql: string) => cluster.sql(sql);
    expect(status).toEqual({
      reach: 'open',
      connectionError: null,
      versionText: (await ask('SELECT version()')).split(' ')[1],
      version: Number(await ask('SHOW server_version_num')),
      isInRecovery: false,
      isSuperuser: true,
      hasBackupPrivileges: true,
      hasMonitoringPrivileges: true,
      dataDirectory: cluster.dataDir,
      currentWal: await ask('SELECT pg_walfile_name(pg_current_wal_lsn())'),
      segmentSize: 16_777_216,
      archiveTimeout: 0,
      checkpointTimeout: 300,
      settings: {
        walLevel: 'replica',
        hotStandby: 'on',
        maxWalSenders: '10',
        dataChecksums: await ask('SHOW data_checksums'),
        maxReplicationSlots: '10',
        walCompression: 'off',
        walKeepSize: '0',
        walKeepSegments: null,
      },
      configFiles: {
        configFile: join(cluster.dataDir, 'postgresql.conf'),
        hbaFile: join(cluster.dataDir, 'pg_hba.conf'),
        identFile: join(cluster.dataDir, 'pg_ident.conf'),
        includedFiles: [],
      },
      slot: {
        slotName: 'barman',
        active: false,
        restartLsn: expect.any(BigInt) as bigint,
        isPhysical: true,
        lost: null,
      },
      synchronousStandbyNames: [''],
      systemId: await ask('SELECT system_identifier FROM pg_control_system()'),
    });
    expect(currentLsn).toBeTypeOf('bigint');
    expect(clusterSize).toBeGreaterThan(10_000_000n);
    await cluster.sql("SELECT pg_drop_replication_slot('barman')");
  });

  it('leaves out what an ordinary role may not see', async () => {
    const connection = connect(cluster.conninfo.replace('user=barman', 'user=plain'));
    const status = await connection.status(null);
    expect(status).toMatchObject({
      dataDirectory: null,
      clusterSize: null,
      isSuperuser: false,
      hasBackupPrivileges: false,
      hasMonitoringPrivileges: false,
      settings: { walLevel: 'replica' },
      configFiles: { configFile: null, hbaFile: null, identFile: null, includedFiles: [] },
    });
    expect(warnings).toEqual([]);
    const missing = `Postgres user 'plain' is missing required privileges (see "Pre-requisites" section in the Barman documentation)`;
    await expect(connection.switchWal()).rejects.toMatchObject({ message: missing, level: 'exception' });
    await expect(connection.replicationClients('all')).rejects.toMatchObject({ message: missing, level: 'exception' });
  });

  it('accepts a role with the documented grants', async () => {
    await cluster.sql(`GRANT pg_read_all_settings, pg_read_all_stats TO granted;
      GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean), pg_switch_wal(),
        pg_create_restore_point(text) TO granted;`);
    const connection = connect(cluster.conninfo.replace('user=barman', 'user=granted'));
    expect(
      await Promise.all([
        connection.hasBackupPrivileges(),
        connection.hasMonitoringPrivileges(),
        connection.isSuperuser(),
      ]),
    ).toEqual([true, true, false]);
    await cluster.sql('REVOKE pg_read_all_stats FROM granted');
    expect(await connection.hasBackupPrivileges()).toBe(false);
  });

  it('is null and one warning when nobody answers', async () => {
    const { reach, connectionError, ...answers } = await connect('host=127.0.0.1 port=1 user=barman').status('barman');
    expect(reach).toBe('silent');
    expect(new Set(Object.values(answers))).toEqual(new Set([null]));
    const refused = 'connection to server at "127.0.0.1", port 1 failed: Connection refused';
    expect(connectionError).toBe(refused);
    expect(warnings).toEqual([`Error retrieving PostgreSQL status: ${refused}`]);
    expect(await stream('host=127.0.0.1 port=1 user=barman').status()).toEqual({
      reach: 'silent',
      connectionError: refused,
      identity: null,
      version: null,
    });
  });

  it('switches the WAL once, and not again when nothing was written', async () => {
    const connection = connect();
    await cluster.sql('CREATE TABLE moved AS SELECT 1');
    const current = await cluster.sql('SELECT pg_walfile_name(pg_current_wal_insert_lsn())');
    expect([await connection.switchWal(), await connection.switchWal()]).toEqual([current, null]);
    const { fileOffset, fileName, lsn, timestamp } = await connection.walPosition();
    expect(fileName).toBe(await cluster.sql(`SELECT pg_walfile_name('${formatLsn(lsn)}')`));
    expect(fileOffset).toBe(
      Number(await cluster.sql(`SELECT file_offset FROM pg_walfile_name_offset('${formatLsn(lsn)}')`)),
    );
    expect(Math.abs(Number(timestamp.epochMicros / 1000n) - Date.now())).toBeLessThan(10_000);
  });

  it('reads the archiver, three-valued', async () => {
    const connection = connect();
    const statistics = async () => (await connection.archiverStatus()).statistics;
    await expect.poll(async () => (await statistics())?.archivedCount, { timeout: 20_000 }).toBeGreaterThan(0);
    expect(await connection.archiverStatus()).toMatchObject({
      mode: 'on',
      command: 'true',
      statistics: {
        isArchiving: true,
        failedCount: 0,
        lastFailedWal: null,
        lastFailedTime: null,
        lastArchivedTime: { epochMicros: expect.any(BigInt) as bigint, offsetMinutes: 0 },
      },
    });
    await cluster.sql("ALTER SYSTEM SET archive_command = 'false'");
    await cluster.sql("SELECT pg_reload_conf(), pg_stat_reset_shared('archiver')");
    await cluster.sql('CREATE TABLE unarchived AS SELECT 1; SELECT pg_switch_wal()');
    await expect.poll(async () => (await statistics())?.failedCount, { timeout: 20_000 }).toBeGreaterThan(0);
    expect((await statistics())?.isArchiving).toBeNull();
    await cluster.sql('ALTER SYSTEM RESET archive_command');
    await cluster.sql('SELECT pg_reload_conf()');
  });

  it('tells what a backup records', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'barman-ts-'));
    await cluster.sql(`CREATE TABLESPACE "my space" LOCATION '${folder}'`);
    const oid = Number(await cluster.sql("SELECT oid FROM pg_tablespace WHERE spcname = 'my space'"));
    const facts = await connect().clusterFacts();
    expect(facts).toEqual({
      pgdata: cluster.dataDir,
      version: Number(await cluster.sql('SHOW server_version_num')),
      segmentSize: 16_777_216,
      tablespaces: [{ name: 'my space', oid, location: folder }],
      configFile: join(cluster.dataDir, 'postgresql.conf'),
      hbaFile: join(cluster.dataDir, 'pg_hba.conf'),
      identFile: join(cluster.dataDir, 'pg_ident.conf'),
      includedFiles: expect.any(Array) as string[],
      dataChecksums: await cluster.sql('SHOW data_checksums'),
      summarizeWal: facts.version >= 170_000 ? 'off' : null,
      clusterSize: expect.any(Number) as number,
    });
    await cluster.sql('DROP TABLESPACE "my space"');
    await rm(folder, { recursive: true });
  });
});

describe('replication', () => {
  it('identifies the system, and makes and drops slots', async () => {
    const streaming = stream();
    const { systemid, timeline } = await streaming.identifySystem();
    expect({ systemid, timeline }).toEqual({
      systemid: await cluster.sql('SELECT system_identifier FROM pg_control_system()'),
      timeline: 1,
    });
    await streaming.createPhysicalSlot('mine');
    const connection = connect();
    expect(await connection.slot('mine')).toEqual({
      slotName: 'mine',
      active: false,
      restartLsn: null,
      isPhysical: true,
      lost: null,
    });
    const again: unknown = await streaming.createPhysicalSlot('mine').catch((error: unknown) => error);
    expect([messageOf(again), sqlStateOf(again)]).toEqual(['replication slot "mine" already exists', '42710']);
    await streaming.dropSlot('mine');
    expect(await connection.slot('mine')).toBeNull();
    const gone: unknown = await streaming.dropSlot('mine').catch((error: unknown) => error);
    expect([messageOf(gone), sqlStateOf(gone)]).toEqual(['replication slot "mine" does not exist', '42704']);
    await expect(streaming.dropSlot('x"; DROP')).rejects.toThrow(
      'replication slot name "x"; DROP" contains invalid character or is too long',
    );
  });

  it('sees a WAL receiver with its slot', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'barman-wal-'));
    // Closed at once: our own replication connection would be a client too.
    const maker = stream();
    await maker.createPhysicalSlot('busy');
    await maker.close();
    const receiver = spawn(
      join(cluster.binDir, 'pg_receivewal'),
      ['--dbname', `${stream().dsn} application_name=barman_receive_wal`, '--no-loop', '-D', folder, '-S', 'busy'],
      { stdio: 'ignore' },
    );
    const connection = connect();
    try {
      await expect.poll(async () => (await connection.slot('busy'))?.active, { timeout: 20_000 }).toBe(true);
      await expect.poll(async () => (await connection.replicationClients('all'))[0]?.state).toBe('streaming');
      const clients = await connection.replicationClients('wal-streamer');
      expect(clients).toEqual([
        expect.objectContaining({
          userName: 'streaming_barman',
          applicationName: 'barman_receive_wal',
          clientAddr: '127.0.0.1',
          slotName: 'busy',
          replayLsn: null,
          syncPriority: 0,
          syncState: 'async',
          isInRecovery: false,
        }),
      ]);
      expect(await connection.replicationClients('hot-standby')).toEqual([]);
      const busy: unknown = await stream()
        .dropSlot('busy')
        .catch((error: unknown) => error);
      expect(sqlStateOf(busy)).toBe('55006');
    } finally {
      receiver.kill('SIGKILL');
      await once(receiver, 'exit');
      await rm(folder, { recursive: true });
    }
  });

  it('watches a base backup', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'barman-base-'));
    const args = [
      '--dbname',
      `${stream().dsn} application_name=watched`,
      '-D',
      join(folder, 'x'),
      '-X',
      'none',
      '-c',
      'fast',
      '--max-rate',
      '2M',
    ];
    const copy = spawn(join(cluster.binDir, 'pg_basebackup'), args, { stdio: 'ignore' });
    const connection = connect();
    try {
      const phase = 'streaming database files';
      await expect
        .poll(async () => (await connection.baseBackupProgress('watched'))?.phase, { timeout: 20_000 })
        .toBe(phase);
      const progress = await connection.baseBackupProgress('watched');
      expect(progress?.bytesTotal).toBeGreaterThan(10_000_000);
      expect(progress?.bytesStreamed).toBeLessThan(progress?.bytesTotal ?? 0);
      expect(await connection.baseBackupProgress('somebody else')).toBeNull();
    } finally {
      copy.kill('SIGKILL');
      await once(copy, 'exit');
      await rm(folder, { recursive: true });
    }
  });
});

describe('a standby', () => {
  it('is known as one on both sides', async () => {
    const root = await mkdtemp(join(tmpdir(), 'barman-standby-'));
    const dataDir = join(root, 'data');
    const port = await freePort();
    await exec(join(cluster.binDir, 'pg_basebackup'), [
      '-d',
      `${cluster.streamingConninfo} application_name=second`,
      '-D',
      dataDir,
      '-R',
      '-c',
      'fast',
      '-X',
      'stream',
    ]);
    const standby = clusterAt(cluster.binDir, dataDir, port, root);
    await standby.start();
    try {
      const connection = connect(standby.conninfo);
      expect(await connection.isInRecovery()).toBe(true);
      await expect
        .poll(async () => (await connect().replicationClients('hot-standby'))[0]?.applicationName, { timeout: 20_000 })
        .toBe('second');
      const [client] = await connect().replicationClients('hot-standby');
      expect(client?.replayLsn).toEqual(expect.any(BigInt));
      expect(await connect().replicationClients('wal-streamer')).toEqual([]);
      const { fileName, fileOffset, lsn } = await connection.walPosition();
      expect([fileName, fileOffset, formatLsn(lsn)]).toEqual([
        null,
        null,
        await standby.sql('SELECT pg_last_wal_replay_lsn()'),
      ]);
      expect(await connection.status(null)).toMatchObject({
        isInRecovery: true,
        currentWal: null,
        currentLsn: expect.any(BigInt) as bigint,
        systemId: await cluster.sql('SELECT system_identifier FROM pg_control_system()'),
      });
      const first = `host=127.0.0.1,127.0.0.1 port=${cluster.port},${port} user=barman dbname=postgres`;
      const chosen = connect(`${first} target_session_attrs=standby`);
      expect(await chosen.show('port')).toBe(String(port));
      expect(await connect(`${first} target_session_attrs=prefer-standby`).isInRecovery()).toBe(true);
    } finally {
      await standby.dispose();
    }
  });
});
