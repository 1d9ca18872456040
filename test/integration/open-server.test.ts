/** Opening a server, what it asks and what it leaves alone, and the remote status. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server as TcpServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig, readMainFile } from '../../src/config/load.ts';
import { putInForce } from '../../src/config/in-force.ts';
import type { CommandContext } from '../../src/server/context.ts';
import { AS_TEXT, statusDocument } from '../../src/report/status-document.ts';
import type { OpenOptions, ServerScope } from '../../src/server/scope.ts';
import { withServer } from '../../src/server/with-server.ts';
import { NO_PROGRESS } from '../../src/output/messages.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { makeSandbox, type Sandbox } from '../support/sandbox.ts';

let cluster: Cluster;
let box: Sandbox;
let silent: TcpServer;
let visits = 0;
let ctx: CommandContext;
let said: string[] = [];

/** Everything that is said, `level text` each. */
function record(level: string) {
  return (text: string) => {
    said.push(`${level} ${text}`);
  };
}

beforeAll(async () => {
  cluster = await startCluster({ settings: { archive_mode: 'on', archive_command: 'true' } });
  box = await makeSandbox();
  silent = createServer(() => {
    visits += 1;
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const section = (name: string, options: Record<string, string>) => {
    const all = { archiver: 'on', backup_method: 'postgres', path_prefix: cluster.binDir, ...options };
    return `[${name}]\n${Object.entries(all)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join('')}`;
  };
  const streaming = { conninfo: cluster.conninfo, streaming_conninfo: cluster.streamingConninfo };
  const down = 'host=127.0.0.1 port=1 user=barman dbname=postgres';
  const sections = [
    section('full', { ...streaming, streaming_archiver: 'on', slot_name: 'barman' }),
    section('down', { conninfo: down, streaming_archiver: 'on', slot_name: 'barman' }),
    section('rsync', {
      conninfo: cluster.conninfo,
      backup_method: 'rsync',
      ssh_command: 'ssh nowhere',
      backup_options: 'concurrent_backup',
    }),
    section('idle', { ...streaming, active: 'false' }),
    section('passive', { primary_ssh_command: 'ssh primary' }),
    section('silent', { conninfo: `host=127.0.0.1 port=${port} user=barman` }),
    section('slow', { conninfo: `host=127.0.0.1 port=${port} user=barman`, primary_conninfo: cluster.conninfo }),
    section('useless', { ...streaming, primary_conninfo: cluster.conninfo }),
    section('behind', { conninfo: down, primary_conninfo: cluster.conninfo }),
    section('squeezed', { ...streaming, backup_compression: 'gzip', backup_compression_level: '12' }),
    section('squeezed-down', { conninfo: down, backup_compression: 'gzip', backup_compression_level: '12' }),
    section('bad', { conninfo: 'host=a port' }),
    section('no-program', { ...streaming, path_prefix: '/nonexistent' }),
  ];
  await box.writeConfig(sections.join('\n'));
  const env = { ...process.env, PATH: '/nonexistent' };
  const log = { debug: () => {}, info: () => {}, warning: record('log'), error: record('log'), named: () => log };
  ctx = {
    configuration: loadConfig(readMainFile({ path: box.configFile, env })),
    env,
    log,
    now: () => new Date(),
    signal: new AbortController().signal,
    output: {
      format: 'console',
      progress: NO_PROGRESS,
      debug: () => {},
      info: record('info'),
      warning: record('warning'),
      error: record('error'),
      hint: () => {},
      exception: record('exception'),
      result: () => {},
      close: () => 0,
    },
  };
});

afterAll(async () => {
  silent.close();
  await box.dispose();
  await cluster.dispose();
});

async function opened<T>(
  name: string,
  body: (scope: ServerScope) => Promise<T> | T,
  options?: OpenOptions,
): Promise<T> {
  said = [];
  const config = ctx.configuration.servers.get(name);
  if (!config) throw new Error(`no server ${name}`);
  return withServer(ctx, putInForce(config), async (scope) => body(scope), options);
}

describe('opening a server', () => {
  it('connects to nothing', async () => {
    const before = visits;
    await opened('silent', (scope) => {
      expect([scope.postgres === null, scope.streaming === null, scope.primary]).toEqual([false, false, null]);
    });
    expect(visits).toBe(before);
    expect(said).toEqual([]);
  });

  it('makes only the connections that the configuration asks for', async () => {
    const made = (scope: ServerScope) =>
      (['postgres', 'primary', 'streaming'] as const).filter((name) => scope[name] !== null);
    expect(await opened('full', made)).toEqual(['postgres', 'streaming']);
    expect(await opened('rsync', made)).toEqual(['postgres']);
    expect(await opened('idle', made)).toEqual([]);
    expect(await opened('passive', made)).toEqual([]);
    expect(await opened('bad', made)).toEqual([]);
    expect(await opened('behind', made)).toEqual(['postgres', 'primary', 'streaming']);
  });

  it('ignores primary_conninfo beside a server that is no standby, and says so', async () => {
    expect(await opened('useless', (scope) => scope.primary)).toBeNull();
    expect(said).toEqual([
      "warning 'primary_conninfo' is set but 'conninfo' does not point to a standby server. Ignoring 'primary_conninfo'.",
    ]);
    expect(await opened('useless', (scope) => scope.primary !== null, { offline: true })).toBe(true);
    expect(said).toEqual([]);
  });

  it('does not wait long for a server that does not answer', async () => {
    const started = performance.now();
    expect(await opened('slow', (scope) => scope.primary !== null)).toBe(true);
    expect(performance.now() - started).toBeLessThan(8_000);
  });

  it('finds out what is wrong with a backup_compression once it knows the versions', async () => {
    expect(await opened('squeezed', (scope) => [scope.config.disabled, scope.problems])).toEqual([
      true,
      [
        'backup_compression_level 12 unsupported by compression algorithm. gzip expects a compression level between 1 and 9 (-1 will use default compression level).',
      ],
    ]);
    expect(await opened('squeezed-down', (scope) => [scope.config.disabled, scope.problems])).toEqual([false, []]);
    expect(said).toEqual([
      'log Could not validate compression due to a problem with the PostgreSQL connection: connection to server at "127.0.0.1", port 1 failed: Connection refused',
    ]);
  });

  it('leaves no connection behind', async () => {
    await opened('full', (scope) => scope.status());
    await expect
      .poll(() => cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE usename IN ('barman', 'streaming_barman')"))
      .toBe('0');
  });
});

describe('the status', () => {
  const SQL = [
    'data_directory',
    'wal_level',
    'hot_standby',
    'max_wal_senders',
    'data_checksums',
    'max_replication_slots',
    'wal_compression',
    'wal_keep_size',
    'is_superuser',
    'has_backup_privileges',
    'has_monitoring_privileges',
    'is_in_recovery',
    'server_txt_version',
    'version_supported',
    'current_lsn',
    'current_xlog',
    'current_size',
    'archive_timeout',
    'checkpoint_timeout',
    'xlog_segment_size',
    'config_file',
    'hba_file',
    'ident_file',
    'replication_slot_support',
    'replication_slot',
    'synchronous_standby_names',
    'postgres_systemid',
  ];
  const STREAMING = [
    'connection_error',
    'streaming_supported',
    'streaming',
    'streaming_systemid',
    'timeline',
    'xlogpos',
    'version_supported',
  ];
  const RECEIVER = ['compatible', 'installed', 'path', 'supports_slots', 'synchronous', 'version'].map(
    (key) => `pg_receivexlog_${key}`,
  );
  const ARCHIVER = [
    'archive_mode',
    'archive_command',
    'archived_count',
    'last_archived_wal',
    'last_archived_time',
    'failed_count',
    'last_failed_wal',
    'last_failed_time',
    'stats_reset',
    'is_archiving',
    'current_archived_wals_per_second',
  ];
  const METHOD = ['bwlimit', 'compatible', 'installed', 'path', 'tbls_mapping', 'version'].map(
    (key) => `pg_basebackup_${key}`,
  );
  const document = (name: string) => opened(name, async (scope) => statusDocument(await scope.status(), AS_TEXT));
  const keysOf = (...groups: string[][]) => [...new Set(groups.flat())].sort();

  it('has every part that applies, asked once', async () => {
    const [asked, again] = await opened('full', (scope) => Promise.all([scope.status(), scope.status()]));
    expect(again).toBe(asked);
    const status = statusDocument(asked, AS_TEXT);
    expect(Object.keys(status).sort()).toEqual(keysOf(SQL, STREAMING, RECEIVER, ARCHIVER, METHOD));
    const version = (await cluster.sql('SHOW server_version')).split(' ')[0];
    expect(status).toMatchObject({
      server_txt_version: version,
      connection_error: null,
      streaming: true,
      streaming_systemid: status.postgres_systemid,
      timeline: 1,
      pg_receivexlog_compatible: true,
      pg_receivexlog_installed: true,
      pg_receivexlog_path: `${cluster.binDir}/pg_receivewal`,
      pg_receivexlog_supports_slots: true,
      pg_receivexlog_synchronous: false,
      pg_receivexlog_version: version,
      pg_basebackup_bwlimit: true,
      pg_basebackup_compatible: true,
      pg_basebackup_path: `${cluster.binDir}/pg_basebackup`,
      pg_basebackup_tbls_mapping: true,
    });
    expect(said).toEqual([]);
  });

  it('has fewer keys for rsync and none for a passive or inactive server', async () => {
    const keys = async (name: string) => Object.keys(await document(name)).sort();
    expect(await keys('rsync')).toEqual(keysOf(SQL, ARCHIVER));
    expect(await keys('idle')).toEqual([]);
    expect(await keys('passive')).toEqual([]);
  });

  it('is mostly null while PostgreSQL is down', async () => {
    const status = await document('down');
    const refused = 'connection to server at "127.0.0.1", port 1 failed: Connection refused';
    const known = Object.entries(status)
      .filter(([, value]) => value !== null)
      .map(([key]) => key);
    expect(known.sort()).toEqual([
      'connection_error',
      'pg_basebackup_bwlimit',
      'pg_basebackup_installed',
      'pg_basebackup_path',
      'pg_basebackup_tbls_mapping',
      'pg_basebackup_version',
      'pg_receivexlog_installed',
      'pg_receivexlog_path',
      'pg_receivexlog_version',
    ]);
    expect(status.connection_error).toBe(refused);
    const absent = ['wal_level', 'current_lsn', 'archived_count', 'config_file'].filter((key) => key in status);
    expect(absent).toEqual([]);
    expect(said).toEqual([
      `log Error retrieving PostgreSQL status: ${refused}`,
      `log Error retrieving PostgreSQL status: ${refused}`,
    ]);
  });

  it('does without the programs', async () => {
    const status = await document('no-program');
    expect(METHOD.map((key) => status[key])).toEqual([null, null, false, null, null, null]);
  });

  it('sees that receive-wal is a synchronous standby', async () => {
    await cluster.sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (other, barman_receive_wal)'");
    await cluster.sql('SELECT pg_reload_conf()');
    await expect.poll(() => opened('full', async (scope) => (await scope.status()).receiver?.isSynchronous)).toBe(true);
    await cluster.sql('ALTER SYSTEM RESET synchronous_standby_names');
    await cluster.sql('SELECT pg_reload_conf()');
  });
});
