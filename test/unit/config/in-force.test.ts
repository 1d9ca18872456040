import { describe, expect, it } from 'vitest';
import { backupCompressionProblems, type CompressionVersions } from '../../../src/config/backup-compression.ts';
import type { ServerConfig } from '../../../src/config/options.ts';
import { draftServer, finishServer } from '../../../src/config/server-config.ts';
import { overrideServer, putInForce } from '../../../src/config/in-force.ts';
import { postgresVersion } from '../../../src/domain/postgres-version.ts';

function configOf(options: Record<string, string>, problems: readonly string[] = []): ServerConfig {
  const warn = (text: string) => {
    throw new Error(text);
  };
  const global = { home: '/home', texts: new Map<string, string>() };
  return finishServer(
    draftServer('a', new Map(Object.entries(options)), global, warn),
    null,
    problems,
    () => undefined,
  );
}

function judge(options: Record<string, string>) {
  const { config, problems, warnings } = putInForce(configOf(options));
  return {
    problems,
    warnings,
    archiver: config.archiver,
    options: [...config.backupOptions],
    disabled: config.disabled,
  };
}

const BROKEN =
  'is not a valid connection string: missing "=" after "port" in connection info string; ' +
  "put single quotes around a value that holds a blank: key='a b'";
const STREAMING = { conninfo: 'host=h', backup_method: 'postgres', streaming_archiver: 'on', slot_name: 's' };
const RSYNC = { conninfo: 'host=h', ssh_command: 'ssh h', archiver: 'on' };
const SNAPSHOT = { ...RSYNC, backup_method: 'snapshot', snapshot_disks: 'd', snapshot_instance: 'i' };
const AWS = { ...SNAPSHOT, snapshot_provider: 'aws', aws_region: 'eu' };

const NO_ARCHIVER = [
  "No archiver enabled for server 'a'. Please turn on 'archiver', 'streaming_archiver' or both",
  "Forcing 'archiver = on'",
];
const NO_STRATEGY = "No backup strategy set for server 'a' (using default 'concurrent_backup').";

describe('putInForce', () => {
  it('forces what a server cannot do without', () => {
    expect(judge({ conninfo: 'host=h', ssh_command: 'ssh h' })).toEqual({
      problems: [],
      warnings: [NO_STRATEGY, ...NO_ARCHIVER],
      archiver: true,
      options: ['concurrent_backup'],
      disabled: false,
    });
    expect(judge({ ...STREAMING, backup_options: 'exclusive_backup,external_configuration' })).toEqual({
      problems: [],
      warnings: [
        "'exclusive_backup' is not a valid backup_option using postgres backup_method. Overriding with 'concurrent_backup'.",
      ],
      archiver: false,
      options: ['external_configuration', 'concurrent_backup'],
      disabled: false,
    });
    expect(judge({ ...RSYNC, backup_options: 'exclusive_backup' })).toMatchObject({
      warnings: [],
      options: ['exclusive_backup'],
    });
    expect(judge({ conninfo: 'host=h', archiver: 'on', backup_method: 'local-to-cloud' })).toEqual({
      problems: [],
      warnings: [],
      archiver: true,
      options: [],
      disabled: false,
    });
  });

  it('leaves inactive and passive servers alone', () => {
    const untouched = { problems: [], warnings: [], archiver: false, options: [], disabled: false };
    expect(judge({ active: 'off', backup_method: 'postgres', reuse_backup: 'link' })).toEqual(untouched);
    expect(judge({ primary_ssh_command: 'ssh barman@other' })).toEqual(untouched);
  });

  it.each<[string, Record<string, string>, readonly string[]]>([
    [
      'nothing configured',
      {},
      [
        "PostgreSQL connection: Missing 'conninfo' parameter for server 'a'",
        'Missing or invalid ssh_command in barman configuration for server a',
      ],
    ],
    [
      'bad connection strings',
      { ...STREAMING, conninfo: 'host=a port' },
      [
        `PostgreSQL connection: Cannot connect to postgres: 'conninfo' ${BROKEN}`,
        `Streaming connection: Cannot connect to postgres: 'streaming_conninfo' ${BROKEN}`,
      ],
    ],
    [
      'streaming without streaming_conninfo and slot',
      { ...RSYNC, archiver: 'off', streaming_archiver: 'on', streaming_conninfo: '' },
      [
        "Streaming connection: Missing 'streaming_conninfo' parameter for server 'a'",
        "Streaming-only archiver requires 'streaming_conninfo' and 'slot_name' options to be properly configured",
      ],
    ],
    [
      'options of another method',
      { ...STREAMING, tablespace_bandwidth_limit: 'a:1', reuse_backup: 'copy', network_compression: 'on' },
      [
        'tablespace_bandwidth_limit option is not supported by postgres backup_method',
        'reuse_backup option is not supported by postgres backup_method',
        'network_compression option is not supported by postgres backup_method',
      ],
    ],
    ['reuse_backup = off is no option', { ...STREAMING, reuse_backup: 'off' }, []],
    [
      'rsync with backup_compression',
      { ...RSYNC, backup_compression: 'gzip' },
      ['backup_compression option is not supported by rsync backup_method'],
    ],
    [
      'local-rsync with ssh_command',
      { ...RSYNC, backup_method: 'local-rsync', backup_compression: 'gzip' },
      ['Local copy requires ssh_command in barman configuration to be empty for server a'],
    ],
    [
      'blank ssh_command',
      { ...RSYNC, ssh_command: ' ' },
      ['Missing or invalid ssh_command in barman configuration for server a'],
    ],
    [
      'blank primary_ssh_command',
      { primary_ssh_command: ' ' },
      ['Invalid primary_ssh_command in barman configuration for server a'],
    ],
    [
      'snapshot with everything wrong',
      {
        ...RSYNC,
        backup_method: 'snapshot',
        backup_compression: 'gzip',
        bandwidth_limit: '1',
        network_compression: 'on',
        tablespace_bandwidth_limit: 'a:2',
        reuse_backup: 'copy',
      },
      [
        'backup_compression option is not supported by snapshot backup_method',
        'bandwidth_limit option is not supported by snapshot backup_method',
        'network_compression option is not supported by snapshot backup_method',
        'tablespace_bandwidth_limit option is not supported by snapshot backup_method',
        'reuse_backup option is not supported by snapshot backup_method',
        'snapshot_disks option is required by snapshot backup_method',
        'snapshot_instance option is required by snapshot backup_method',
        'snapshot_provider option is required by snapshot backup_method',
        'Error initialising snapshot provider None: Unsupported snapshot provider: None',
      ],
    ],
    [
      'gcp without project',
      { ...SNAPSHOT, snapshot_provider: 'gcp' },
      ['Error initialising snapshot provider gcp: gcp_project option must be set when snapshot_provider is gcp'],
    ],
    [
      'azure without subscription',
      { ...SNAPSHOT, snapshot_provider: 'azure' },
      [
        'Error initialising snapshot provider azure: azure_subscription_id option must be set when snapshot_provider is azure',
      ],
    ],
    [
      'aws lock without a length',
      { ...AWS, aws_snapshot_lock_mode: 'Governance', aws_snapshot_lock_cool_off_period: '2' },
      [
        "'aws_snapshot_lock_mode' is set, you must specify 'aws_snapshot_lock_duration' or 'aws_snapshot_lock_expiration_date'.",
      ],
    ],
    [
      'aws lock with two lengths',
      {
        ...AWS,
        aws_snapshot_lock_mode: 'compliance',
        aws_snapshot_lock_duration: '99999',
        aws_snapshot_lock_expiration_date: '2026-01-01T00:00:00.000Z',
      },
      [
        "You must specify either 'aws_snapshot_lock_duration' or 'aws_snapshot_lock_expiration_date' in the configuration, but not both.",
        'aws_snapshot_lock_duration must be between 1 and 36,500 days.',
      ],
    ],
    [
      'aws lock with bad values',
      {
        ...AWS,
        aws_snapshot_lock_mode: 'x',
        aws_snapshot_lock_duration: '0',
        aws_snapshot_lock_expiration_date: '2026-02-30T00:00:00.0Z',
        aws_snapshot_lock_cool_off_period: '99',
      },
      [
        'aws_snapshot_lock_cool_off_period must be between 1 and 72 hours.',
        "Invalid AWS snapshot lock mode. Please specify either 'governance' or 'compliance'. Ensure that the mode you choose aligns with your snapshot locking requirements.",
        "Invalid date: '2026-02-30T00:00:00.0Z'. Expected format is '%Y-%m-%dT%H:%M:%S.%fZ'.",
      ],
    ],
  ])('%s', (_, options, problems) => {
    const verdict = judge(options);
    expect(verdict.problems).toEqual(problems);
    expect(verdict.disabled).toBe(problems.length > 0);
  });

  it('puts what loading found first', () => {
    expect(putInForce(configOf({ ...RSYNC, backup_compression: 'gzip' }, ['Conflicting path'])).problems).toEqual([
      'Conflicting path',
      'backup_compression option is not supported by rsync backup_method',
    ]);
  });
});

describe('backupCompressionProblems', () => {
  const OLD: CompressionVersions = { client: postgresVersion(140_020), server: postgresVersion(140_020) };
  const NEW: CompressionVersions = { client: postgresVersion(150_000), server: postgresVersion(150_000) };
  const level = (value: string, algorithm: string, expected: string) =>
    `backup_compression_level ${value} unsupported by compression algorithm. ${algorithm} expects a compression level between ${expected}`;

  it.each<[Record<string, string>, CompressionVersions, readonly string[]]>([
    [{ backup_compression: 'gzip' }, NEW, []],
    [{ backup_method: 'rsync', backup_compression: 'gzip', backup_compression_level: '99' }, NEW, []],
    [
      { backup_compression: 'gzip', backup_compression_location: 'server' },
      OLD,
      [
        'backup_compression_location = server requires pg_basebackup 15 or greater',
        'backup_compression_location = server requires PostgreSQL 15 or greater',
      ],
    ],
    [
      { backup_compression: 'gzip', backup_compression_format: 'plain' },
      NEW,
      ['backup_compression_format plain is not compatible with backup_compression_location None'],
    ],
    [
      { backup_compression: 'gzip', backup_compression_format: 'plain', backup_compression_location: 'server' },
      NEW,
      [],
    ],
    [
      { backup_compression: 'gzip', backup_compression_level: '12', backup_compression_workers: '2' },
      NEW,
      [
        level('12', 'gzip', '1 and 9 (-1 will use default compression level).'),
        'backup_compression_workers is not compatible with compression gzip',
      ],
    ],
    [
      { backup_compression: 'gzip', backup_compression_level: '0' },
      NEW,
      [
        `${level('0', 'gzip', '1 and 9 (-1 will use default compression level).')}\nIf you need to create an archive not compressed, you should set \`backup_compression = none\`.`,
      ],
    ],
    [{ backup_compression: 'gzip', backup_compression_level: '0' }, OLD, []],
    [
      { backup_compression: 'gzip', backup_compression_level: '10' },
      OLD,
      [level('10', 'gzip', '-1 and 9 (-1 will use default compression level).')],
    ],
    [
      { backup_compression: 'lz4', backup_compression_level: '13', backup_compression_workers: '1' },
      OLD,
      [
        'backup_compression = lz4 requires pg_basebackup 15 or greater',
        level('13', 'lz4', '1 and 12 (0 will use default compression level).'),
        'backup_compression_workers is not compatible with compression lz4.',
      ],
    ],
    [
      { backup_compression: 'zstd', backup_compression_level: '23', backup_compression_workers: '-1' },
      NEW,
      [
        level('23', "'zstd'", '-131072 and 22 (3 will use default compression level).'),
        "backup_compression_workers should be a positive integer: '-1' is invalid.",
      ],
    ],
    [
      { backup_compression: 'none', backup_compression_level: '1', backup_compression_workers: '1' },
      NEW,
      [
        'backup_compression none only supports backup_compression_level 0.',
        "backup_compression_workers is not compatible with compression 'none'.",
      ],
    ],
  ])('%j with %j', (options, versions, problems) => {
    expect(backupCompressionProblems(configOf({ backup_method: 'postgres', ...options }), versions)).toEqual(problems);
  });
});

it('names the line to remove, unless the command line said it', async () => {
  const origin = { file: '/etc/barman.d/a.conf', line: 7 };
  const config = { ...configOf({ ...STREAMING, reuse_backup: 'link' }), originOf: () => origin };
  const words = 'reuse_backup option is not supported by postgres backup_method';
  expect(putInForce(config).problems).toEqual([`${words} (remove it: /etc/barman.d/a.conf, line 7)`]);
  expect(overrideServer(putInForce(config), { reuseBackup: 'copy' }).problems).toEqual([words]);
});
