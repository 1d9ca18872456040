/**
 * The one table of server and model options, and the types that follow from it. Snake case lives here and in the codecs
 * only: `slot_name` is `config.slotName`. Source: docs/behaviour/config.md 5 and 6.
 */
import { BACKUP_COMPRESSIONS, COMPRESSIONS } from '../domain/codecs.ts';
import type { RetentionSetting } from '../domain/backup/retention-policy.ts';
import type { Location } from '../domain/location.ts';
import type { Origin } from './origin.ts';
import {
  absolutePath,
  bool,
  compressionLevel,
  directoryOrUrl,
  encryption,
  exactlyOneOf,
  integer,
  interval,
  list,
  oneOf,
  orEmpty,
  type Parser,
  setOf,
  size,
  slotName,
  text,
} from './parsers.ts';

/** G: inherited from [barman]; S: read from a server section; M: allowed in a model. */
export type Scopes = 'GSM' | 'SM' | 'GS' | 'S' | 'M';

export interface Option<T> {
  readonly scopes: Scopes;
  /** The first reading. Late options are read again, to their final type, by late-options.ts. */
  readonly parse: Parser<unknown>;
  /** A template (`%(name)s`) where it is a text; null for none. */
  readonly fallback: unknown;
  /** An empty text falls back to the default instead of becoming null: the program cannot do without. */
  readonly required: boolean;
  /** Never set: carries the type. */
  readonly type?: T;
}

function optional<T>(scopes: Scopes, parse: Parser<T>, fallback: T | null = null): Option<T | null> {
  return { scopes, parse, fallback, required: false };
}

function required<T>(scopes: Scopes, parse: Parser<T>, fallback: T): Option<T> {
  return { scopes, parse, fallback, required: true };
}

/** A text until finishServer makes a Location of it: defaults of later options are made of the text. */
function place(scopes: Scopes, parse: Parser<string>, fallback: string): Option<Location> {
  return { scopes, parse, fallback, required: true };
}

function late<T>(scopes: Scopes, fallback: string | null): Option<T> {
  return { scopes, parse: text, fallback, required: false };
}

/** Rows are in the order in which the reference computes them, which is the order of its warnings. */
export const OPTIONS = {
  active: required('SM', bool, true),
  archiver: required('GSM', bool, false),
  archiver_batch_size: required('GSM', integer, 0),
  autogenerate_manifest: required('GSM', bool, false),
  aws_check_object_lock: required('GSM', bool, false),
  aws_encryption: optional(
    'GSM',
    exactlyOneOf(['AES256', 'aws:kms'], (raw) => `Invalid value '${raw}' (must be one in: ['AES256', 'aws:kms'])`),
  ),
  aws_profile: optional('GSM', text),
  aws_read_timeout: optional('GSM', integer),
  aws_region: optional('GSM', text),
  aws_sse_customer_key: optional('GSM', text),
  aws_sse_kms_key_id: optional('GSM', text),
  aws_await_snapshots_timeout: required('GSM', integer, 3600),
  aws_snapshot_lock_mode: optional('GSM', text),
  aws_snapshot_lock_duration: optional('GSM', integer),
  aws_snapshot_lock_cool_off_period: optional('GSM', integer),
  aws_snapshot_lock_expiration_date: optional('GSM', text),
  azure_credential: optional('GSM', text),
  azure_resource_group: optional('GSM', text),
  azure_subscription_id: optional('GSM', text),
  backup_compression: optional(
    'GSM',
    oneOf(
      BACKUP_COMPRESSIONS,
      (raw) => `Invalid value '${raw}'(must be one in: ['${BACKUP_COMPRESSIONS.join("', '")}'])`,
    ),
  ),
  backup_compression_format: optional(
    'GSM',
    oneOf(['plain', 'tar'], () => 'Invalid value (must be either `plain` or `tar`)'),
  ),
  backup_compression_level: optional('GSM', integer),
  backup_compression_location: optional(
    'GSM',
    oneOf(['client', 'server'], () => 'Invalid value (must be either `client` or `server`)'),
  ),
  backup_compression_workers: optional('GSM', integer),
  backup_directory: required('S', text, '%(barman_home)s/%(name)s'),
  backup_method: required(
    'GSM',
    oneOf(
      ['rsync', 'postgres', 'local-rsync', 'snapshot', 'local-to-cloud'],
      () => "Invalid value (must be one in: 'rsync', 'postgres', 'local-rsync', 'snapshot', 'local-to-cloud')",
    ),
    'rsync',
  ),
  /** Ours, not Barman's: a cron expression for the backups of `cron --daemon`. */
  backup_schedule: optional('GS', text),
  backup_options: required(
    'GSM',
    setOf(
      ['concurrent_backup', 'exclusive_backup', 'external_configuration'],
      ['exclusive_backup', 'concurrent_backup'],
    ),
    new Set<never>(),
  ),
  /** kB/s */
  bandwidth_limit: late<number | null>('GSM', null),
  basebackup_retry_sleep: required('GSM', integer, 30),
  basebackup_retry_times: required('GSM', integer, 0),
  basebackups_directory: place('S', directoryOrUrl, '%(backup_directory)s/base'),
  check_timeout: required('GSM', integer, 30),
  cloud_delete_batch_size: optional('GSM', integer),
  cloud_staging_directory: required('GSM', absolutePath, '/tmp/barman/cloud-staging'),
  cloud_staging_max_size: required('GSM', size, 30 * 1024 ** 3),
  cloud_upload_max_archive_size: required('SM', size, 100 * 1024 ** 3),
  cloud_upload_min_chunk_size: optional('SM', size),
  cloud_wal_archive_parallel: required('GSM', integer, 0),
  cloud_wal_restore_parallel: required('GSM', integer, 0),
  cluster: optional('SM', text, '%(name)s'),
  compression: optional(
    'GSM',
    orEmpty(
      oneOf(
        COMPRESSIONS,
        (raw) => `Invalid value: '${raw.toLowerCase()}' (must be one in: ${COMPRESSIONS.join(', ')})`,
      ),
    ),
  ),
  compression_level: optional('GSM', orEmpty(compressionLevel), 'medium'),
  conninfo: optional('SM', text),
  custom_compression_filter: optional('GSM', text),
  custom_compression_magic: optional('GSM', text),
  custom_decompression_filter: optional('GSM', text),
  description: optional('SM', text),
  /** Never read from a server section: true after a configuration error. */
  disabled: required('M', bool, false),
  encryption: optional('GSM', encryption),
  encryption_key_id: optional('GSM', text),
  encryption_passphrase_command: optional('GSM', text),
  errors_directory: required('S', text, '%(backup_directory)s/errors'),
  forward_config_path: required('GSM', bool, false),
  gcp_project: optional('GSM', text),
  gcp_zone: optional('SM', text),
  immediate_checkpoint: required('GSM', bool, false),
  incoming_wals_directory: required('S', text, '%(backup_directory)s/incoming'),
  keepalive_interval: required('SM', integer, 60),
  last_backup_maximum_age: optional('GSM', interval),
  last_backup_minimum_size: optional('GSM', size),
  last_wal_maximum_age: optional('GSM', interval),
  combine_mode: required(
    'GSM',
    oneOf(
      ['copy', 'link', 'clone', 'copy-file-range'],
      (raw) => `Invalid value: ${raw.toLowerCase()} (options are: copy, link, clone, copy-file-range)`,
    ),
    'copy',
  ),
  local_staging_path: optional('GSM', absolutePath),
  max_incoming_wals_queue: optional('GSM', integer),
  minimum_redundancy: late<number>('GSM', '0'),
  network_compression: required('GSM', bool, false),
  parallel_jobs: required('GSM', integer, 1),
  parallel_jobs_start_batch_period: required('GSM', integer, 1),
  parallel_jobs_start_batch_size: required('GSM', integer, 10),
  path_prefix: optional('GSM', text),
  post_archive_retry_script: optional('GS', text),
  post_archive_script: optional('GS', text),
  post_backup_retry_script: optional('GS', text),
  post_backup_script: optional('GS', text),
  post_delete_retry_script: optional('GS', text),
  post_delete_script: optional('GS', text),
  post_recovery_retry_script: optional('GS', text),
  post_recovery_script: optional('GS', text),
  post_wal_delete_retry_script: optional('GS', text),
  post_wal_delete_script: optional('GS', text),
  pre_archive_retry_script: optional('GS', text),
  pre_archive_script: optional('GS', text),
  pre_backup_retry_script: optional('GS', text),
  pre_backup_script: optional('GS', text),
  pre_delete_retry_script: optional('GS', text),
  pre_delete_script: optional('GS', text),
  pre_recovery_retry_script: optional('GS', text),
  pre_recovery_script: optional('GS', text),
  pre_wal_delete_retry_script: optional('GS', text),
  pre_wal_delete_script: optional('GS', text),
  primary_checkpoint_timeout: required('SM', integer, 0),
  primary_conninfo: optional('SM', text),
  primary_ssh_command: optional('GSM', text),
  recovery_options: required('GSM', setOf(['get-wal', 'delta-restore']), new Set<never>()),
  recovery_staging_path: optional('GSM', absolutePath),
  create_slot: required(
    'GSM',
    oneOf(['manual', 'auto'], () => "Invalid value (use 'manual' or 'auto')"),
    'manual',
  ),
  retention_policy: late<RetentionSetting | null>('GSM', null),
  /** Always `auto` when used. */
  retention_policy_mode: late<'auto'>('GSM', 'auto'),
  reuse_backup: optional(
    'GSM',
    oneOf(['copy', 'link', 'off'], () => "Invalid value (use 'copy', 'link' or 'off')"),
  ),
  slot_name: optional('GSM', slotName),
  snapshot_disks: optional('SM', list),
  snapshot_gcp_project: optional('GSM', text),
  snapshot_instance: optional('SM', text),
  snapshot_provider: optional('GSM', text),
  snapshot_zone: optional('SM', text),
  ssh_command: optional('SM', text),
  /** Ours, not Barman's: who carries the commands for a remote host; null is OpenSSH. */
  ssh_transport: optional(
    'GSM',
    oneOf(['openssh', 'ssh2'], () => "Invalid value (use 'openssh' or 'ssh2')"),
  ),
  staging_path: optional('GSM', absolutePath),
  staging_location: required(
    'GSM',
    exactlyOneOf(['local', 'remote'], (raw) => `Invalid value: ${raw} (options are: local, remote)`),
    'local',
  ),
  streaming_archiver: required('GSM', bool, false),
  streaming_archiver_batch_size: required('GSM', integer, 0),
  streaming_archiver_name: required('GSM', text, 'barman_receive_wal'),
  streaming_backup_name: required('GSM', text, 'barman_streaming_backup'),
  streaming_conninfo: optional('SM', text, '%(conninfo)s'),
  streaming_wals_directory: required('S', text, '%(backup_directory)s/streaming'),
  /** kB/s by tablespace name. */
  tablespace_bandwidth_limit: late<ReadonlyMap<string, number> | null>('GSM', null),
  wal_conninfo: optional('SM', text),
  /** `MAIN` when a retention policy is in force, else the text as configured; the reference knows no other policy. */
  wal_retention_policy: late<string | null>('GSM', 'main'),
  wal_streaming_conninfo: optional('SM', text),
  wals_directory: place('S', directoryOrUrl, '%(backup_directory)s/wals'),
  warehousepg_dbid: optional('GSM', integer),
  worm_mode: required('GSM', bool, false),
  xlogdb_directory: place('GS', text, '%(wals_directory)s'),
} as const satisfies Readonly<Record<string, Option<unknown>>>;

export type OptionName = keyof typeof OPTIONS;

/** Options that Barman does not know: shown only where they are set, so that outputs stay the same without them. */
export const OWN_OPTIONS: ReadonlySet<OptionName> = new Set(['backup_schedule', 'ssh_transport']);

type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;
type TypeOf<O> = O extends Option<infer T> ? T : never;

/** Every option under its camelCase name, with its final type. */
export type OptionValues = { readonly [Name in OptionName as Camel<Name>]: TypeOf<(typeof OPTIONS)[Name]> };

export type BackupMethod = OptionValues['backupMethod'];
export type BackupOption = OptionValues['backupOptions'] extends ReadonlySet<infer Word> ? Word : never;

/** A record for the log that is not printed. */
export interface LogMessage {
  readonly level: 'debug' | 'info' | 'warning' | 'error';
  /** Barman's logger name, e.g. `barman.config`. */
  readonly logger: string;
  readonly text: string;
}

/** One server with every value in force: section, [barman], defaults, active model. Intervals in seconds, sizes in bytes. */
export interface ServerConfig extends OptionValues {
  readonly name: string;
  /** The model applied by config-switch, if any. */
  readonly activeModel: string | null;
  /** Configuration errors found while loading (path conflicts, unknown model); putInForce adds its own. */
  readonly problems: readonly string[];
  /** Where the value of an option was written; undefined for a default and for what the command line says. */
  readonly originOf: (option: OptionName) => Origin | undefined;
  /** What late reading had to say; it goes to the log when the server is opened. */
  readonly logMessages: readonly LogMessage[];
}

/** The `[barman]` section. */
export interface GlobalConfig {
  readonly barmanHome: string;
  readonly barmanUser: string;
  readonly barmanLockDirectory: string;
  /** cron removes stale lock files. */
  readonly lockDirectoryCleanup: boolean;
  readonly configChangesQueue: string;
  readonly configurationFilesDirectory: string | null;
  /** null: standard error. */
  readonly logFile: string | null;
  /** As written: a name in any case or a number. */
  readonly logLevel: string;
  /** Python logging format, or `json`; null for Barman's own. */
  readonly logFormat: string | null;
}

/** Names accepted in [barman] besides the server options. compat 3.20.1: there log_format works and draws a warning all the same. */
export const GLOBAL_NAMES: readonly string[] = [
  'barman_home',
  'barman_lock_directory',
  'barman_user',
  'lock_directory_cleanup',
  'config_changes_queue',
  'log_file',
  'log_level',
  'log_format',
  'configuration_files_directory',
];

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** `slot_name` -> `slotName`. */
export function camelName<Name extends string>(name: Name): Camel<Name> {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) as Camel<Name>;
}

const KEYS = new Map<OptionName, keyof OptionValues>(OPTION_NAMES.map((name) => [name, camelName(name)]));

/** The value of an option by its configuration name. */
export function optionValue(config: OptionValues, name: OptionName): unknown {
  return config[KEYS.get(name) as keyof OptionValues];
}

/** The key of an option in ServerConfig. */
export function optionKey(name: OptionName): keyof OptionValues {
  return KEYS.get(name) as keyof OptionValues;
}

/** A configuration with some values replaced (command-line options); the given one stays as it is. */
export function overrideConfig(config: ServerConfig, changes: Partial<ServerConfig>): ServerConfig {
  const originOf = (option: OptionName) => (optionKey(option) in changes ? undefined : config.originOf(option));
  return { ...config, ...changes, originOf };
}
