/** The PostgreSQL adapter against a real server; psql is the judge of every message. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openPostgres } from '../../src/postgres/sql-connection.ts';
import { openStreaming } from '../../src/postgres/streaming-connection.ts';
import type { PostgresConnection, StreamingConnection } from '../../src/postgres/connections.ts';
import { messageOf } from '../../src/domain/errors.ts';
import { eventually } from '../support/eventually.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { startStandby } from '../support/standby.ts';

const exec = promisify(execFile);
let cluster: Cluster;
let home: string;
let socket: string;
const opened: (PostgresConnection | StreamingConnection)[] = [];
const log = { debug: () => {}, warning: () => {} };

const HBA = `
local all all trust
local replication all trust
hostnossl all scramuser 127.0.0.1/32 scram-sha-256
hostssl all scramuser 127.0.0.1/32 scram-sha-256
host all md5user 127.0.0.1/32 md5
host all clearuser 127.0.0.1/32 password
host all rejected 127.0.0.1/32 reject
host all norole,barman,postgres 127.0.0.1/32 trust
host replication streaming_barman 127.0.0.1/32 trust
host replication scramuser 127.0.0.1/32 scram-sha-256
`;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'barman-home-'));
  cluster = await startCluster();
  socket = dirname(cluster.dataDir);
  await cluster.sql(`
    CREATE ROLE scramuser SUPERUSER REPLICATION LOGIN PASSWORD 's3cr3t'; CREATE ROLE clearuser LOGIN PASSWORD 'clear';
    SET password_encryption = 'md5'; CREATE ROLE md5user LOGIN PASSWORD 'md5pw';`);
  await writeFile(join(cluster.dataDir, 'pg_hba.conf'), HBA);
  await cluster.sql('SELECT pg_reload_conf()');
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((connection) => connection.close()));
});

afterAll(async () => {
  await cluster.dispose();
  await rm(home, { recursive: true });
});

const env = () => ({ HOME: home, PATH: process.env.PATH });
function connect(conninfo = cluster.conninfo): PostgresConnection {
  const connection = openPostgres({ conninfo, env: env(), log });
  opened.push(connection);
  return connection;
}
function stream(conninfo = cluster.streamingConninfo): StreamingConnection {
  const connection = openStreaming({ conninfo, env: env(), log });
  opened.push(connection);
  return connection;
}

/** First line of what psql says on the same string; 'ok' when it gets in. */
async function psqlSays(conninfo: string): Promise<string> {
  return (await psqlLines(conninfo, "SELECT 'ok'"))[0] ?? '';
}

/** The answer, or what is wrong with each server, without the advice. */
async function psqlLines(conninfo: string, sql: string): Promise<string[]> {
  const result = exec(join(cluster.binDir, 'psql'), ['-X', '-w', conninfo, '-Atc', sql], { env: env() });
  const text = await result.then(
    ({ stdout }) => stdout,
    (error: unknown) => (error as { stderr: string }).stderr.replace(/^psql: error: /, ''),
  );
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('\t'));
}

describe('getting in, and being refused in the words of libpq', () => {
  const at = 'host=127.0.0.1 port=PORT dbname=postgres';
  it.each([
    `${at} user=barman`,
    `${at} user=scramuser password=s3cr3t`,
    `${at} user=md5user password=md5pw`,
    `${at} user=clearuser password=clear`,
    'host=SOCKET port=PORT dbname=postgres user=postgres',
    'postgresql://scramuser:s3cr3t@127.0.0.1:PORT/postgres?connect_timeout=5',
    'host=127.0.0.1,127.0.0.1 port=1,PORT dbname=postgres user=barman',
    `${at} user=barman target_session_attrs=read-write`,
    `${at} user=scramuser password=wrong`,
    `${at} user=scramuser`,
    `${at} user=md5user password=wrong`,
    `${at} user=norole`,
    `${at} user=nobody_allowed`,
    `${at} user=rejected`,
    `${at} user=barman target_session_attrs=standby`,
    `${at} user=barman sslmode=require`,
    `${at} user=barman options=-cnosuch=1`,
    'host=127.0.0.1 port=PORT dbname=nodb user=barman',
    'host=127.0.0.1 port=1 user=barman',
    'host=SOCKET port=1 user=barman',
    'host=/nonexistent user=barman',
    'host=nosuch.invalid user=barman',
    'host=127.0.0.1 port=PORT foo=bar',
    'host=127.0.0.1 port=x',
  ])('%s', async (template) => {
    const conninfo = template.replaceAll('PORT', String(cluster.port)).replaceAll('SOCKET', socket);
    const ours = await connect(conninfo)
      .isInRecovery()
      .then(() => 'ok', messageOf);
    expect(ours).toBe(await psqlSays(conninfo));
  });

  it('finds the password in ~/.pgpass', async () => {
    await writeFile(join(home, '.pgpass'), `127.0.0.1:${cluster.port}:replication:scramuser:s3cr3t\n`, { mode: 0o600 });
    const conninfo = `host=127.0.0.1 port=${cluster.port} user=scramuser`;
    expect((await stream(conninfo).identifySystem()).timeline).toBe(1);
    await expect(connect(`${conninfo} dbname=postgres`).isInRecovery()).rejects.toMatchObject({
      message: `connection to server at "127.0.0.1", port ${cluster.port} failed: fe_sendauth: no password supplied`,
      hint: "put the password of 'scramuser' into ~/.pgpass (mode 0600)",
    });
    await rm(join(home, '.pgpass'));
  });

  it('keeps the password out of the error and everything that hangs on it', async () => {
    const error: unknown = await connect(`host=127.0.0.1 port=${cluster.port} user=scramuser password=topsecret`)
      .isInRecovery()
      .catch((caught: unknown) => caught);
    const { inspect } = await import('node:util');
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('topsecret');
  });

  it('refuses to send a password where require_auth forbids it', async () => {
    const conninfo = `host=127.0.0.1 port=${cluster.port} dbname=postgres user=clearuser password=clear require_auth=scram-sha-256`;
    await expect(connect(conninfo).isInRecovery()).rejects.toThrow(
      'authentication method requirement "scram-sha-256" failed: server requested a cleartext password',
    );
  });

  it('is called barman unless the string says otherwise', async () => {
    expect(await connect().show('application_name')).toBe('barman');
    expect(await connect(`${cluster.conninfo} application_name=mine`).show('application_name')).toBe('mine');
  });
});

describe('target_session_attrs', () => {
  let standby: Cluster;
  beforeAll(async () => {
    standby = await startStandby(cluster);
  });
  afterAll(() => standby?.dispose());

  const VALUES = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'];
  // A: the primary, B: its standby, 1: nobody.
  const PLACES = ['A', 'B', 'A,B', 'B,A', '1,A', '1,B', 'A,1'];
  it.each(VALUES)('%s finds the server that psql finds, by SQL and in a replication connection', async (value) => {
    for (const place of PLACES) {
      const ports = place.replace('A', String(cluster.port)).replace('B', String(standby.port));
      const host = place.replaceAll(/[^,]+/g, '127.0.0.1');
      const conninfo = `host=${host} port=${ports} user=barman dbname=postgres target_session_attrs=${value}`;
      const isStandby = (connection: PostgresConnection) =>
        connection.isInRecovery().then((answer) => (answer ? 't' : 'f'), messageOf);
      const streams = await stream(conninfo.replace('user=barman', 'user=streaming_barman'))
        .identifySystem()
        .then(() => 'ok', messageOf);
      const ours = await isStandby(connect(conninfo));
      const psql = await psqlLines(conninfo, 'SELECT pg_is_in_recovery()');
      expect(ours, place).toBe(psql.join('; '));
      expect(streams, place).toBe(/^[tf]$/.test(ours) ? 'ok' : ours);
    }
  });
});

describe('a session', () => {
  it('is opened again after it was ended, but not when pinned', async () => {
    const connection = connect();
    const pid = async () => (await connection.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]?.pid;
    const first = await pid();
    await cluster.sql(`SELECT pg_terminate_backend(${first})`);
    const second = await pid();
    expect(second).not.toBe(first);
    connection.pin();
    await cluster.sql(`SELECT pg_terminate_backend(${second})`);
    await sleep(100);
    await expect(pid()).rejects.toThrow('Connection lost, reconnection not allowed');
    connection.unpin();
    expect(await pid()).toEqual(expect.any(Number));
  });

  it('survives a restart of the server', async () => {
    const connection = connect();
    await connection.isInRecovery();
    await cluster.stop();
    await expect(connection.isInRecovery()).rejects.toThrow(
      `connection to server at "127.0.0.1", port ${cluster.port} failed: Connection refused`,
    );
    await cluster.start();
    expect(await connection.isInRecovery()).toBe(false);
  });

  it('answers questions that are asked at once', async () => {
    const connection = connect();
    const answers = await Promise.all([1, 2, 3, 4].map((n) => connection.query(`SELECT ${n} AS n`)));
    expect(answers).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }], [{ n: 4 }]]);
  });

  it('gives up a statement and an attempt when it is closed', async () => {
    const connection = connect();
    await connection.isInRecovery();
    const started = performance.now();
    const statement = connection.query('SELECT pg_sleep(60)').then(() => 'done', messageOf);
    const sleepers = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    await eventually('the statement runs', async () => (await cluster.sql(sleepers)) === '1');
    await connection.close();
    expect(await statement).toBe('server closed the connection unexpectedly');

    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const hanging = connect(`host=127.0.0.1 port=${port} user=barman`);
    const accepted = once(silent, 'connection');
    const attempt = hanging.isInRecovery().then(() => 'done', messageOf);
    await accepted;
    await hanging.close();
    expect(await attempt).toBe('connection attempt was interrupted');
    silent.close();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('honours connect_timeout, and does not ask a silent server twice', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const connection = connect(`host=127.0.0.1 port=${port} user=barman connect_timeout=1`);
    const started = performance.now();
    const message = `connection to server at "127.0.0.1", port ${port} failed: timeout expired`;
    await expect(connection.isInRecovery()).rejects.toThrow(message);
    await expect(connection.isInRecovery()).rejects.toThrow(message);
    expect(performance.now() - started).toBeLessThan(3_500);
    silent.close();
  });
});

describe('TLS', () => {
  const open = (extra: string) =>
    connect(`host=localhost hostaddr=127.0.0.1 port=${cluster.port} dbname=postgres user=barman ${extra}`);
  const isEncrypted = async (connection: PostgresConnection) =>
    (await connection.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'))[0]?.ssl;

  beforeAll(async () => {
    const { dataDir } = cluster;
    const request = ['req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-days', '2'];
    await exec('openssl', [
      ...request,
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
      '-keyout',
      join(dataDir, 'server.key'),
      '-out',
      join(dataDir, 'server.crt'),
    ]);
    await exec('openssl', [
      ...request,
      '-subj',
      '/CN=other',
      '-keyout',
      join(home, 'other.key'),
      '-out',
      join(home, 'other.crt'),
    ]);
    await exec('chmod', ['600', join(dataDir, 'server.key')]);
    await cluster.sql("ALTER SYSTEM SET ssl = 'on'");
    await cluster.sql('SELECT pg_reload_conf()');
    // The postmaster takes the change up in its own time.
    await eventually('connections are encrypted', async () => (await isEncrypted(open('sslmode=prefer'))) === true);
  });

  it('is used by default and left out when disabled or on a socket', async () => {
    expect(await isEncrypted(open(''))).toBe(true);
    expect(await isEncrypted(open('sslmode=allow'))).toBe(false);
    expect(await isEncrypted(open('sslmode=disable'))).toBe(false);
    expect(await isEncrypted(open('sslmode=require'))).toBe(true);
    expect(await isEncrypted(connect(`host=${socket} port=${cluster.port} dbname=postgres user=postgres`))).toBe(false);
  });

  it('checks the certificate and the name', async () => {
    const root = `sslrootcert=${join(cluster.dataDir, 'server.crt')}`;
    expect(await isEncrypted(open(`sslmode=verify-full ${root}`))).toBe(true);
    const byAddress = connect(
      `host=127.0.0.1 port=${cluster.port} dbname=postgres user=barman sslmode=verify-full ${root}`,
    );
    await expect(byAddress.isInRecovery()).rejects.toThrow(/certificate verify failed \(.*127\.0\.0\.1.*\)$/s);
    const caOnly = connect(`host=127.0.0.1 port=${cluster.port} dbname=postgres user=barman sslmode=verify-ca ${root}`);
    expect(await isEncrypted(caOnly)).toBe(true);
    await expect(open(`sslmode=verify-ca sslrootcert=${join(home, 'other.crt')}`).isInRecovery()).rejects.toThrow(
      /certificate verify failed/,
    );
    await expect(open('sslmode=verify-full').isInRecovery()).rejects.toThrow(
      `root certificate file "${home}/.postgresql/root.crt" does not exist`,
    );
  });

  it('binds SCRAM to the channel when that is required', async () => {
    const scram = 'user=scramuser password=s3cr3t channel_binding=require';
    expect(await isEncrypted(open(scram))).toBe(true);
    await expect(open(`${scram} sslmode=disable`).isInRecovery()).rejects.toThrow('channel binding is required');
  });
});
