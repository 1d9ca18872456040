/**
 * The document that a passive node reads of its primary: backups, WAL, configuration, in the reference's order and spelling.
 * Source: docs/behaviour/wal.md 11, cli.md 6.10.
 */
import { optionValue, type OptionName } from '../config/options.ts';
import { isCopyDone } from '../domain/backup/backup-info.ts';
import { WalError } from '../domain/errors.ts';
import { formatFloat } from '../domain/text/python-literal.ts';
import { COMPATIBLE_VERSION } from '../domain/version.ts';
import { parseWalName } from '../domain/wal/wal.ts';
import type { WalRecord } from '../domain/wal/xlogdb.ts';
import { jsonTextAsIs } from '../output/json-text.ts';
import type { Json, JsonObject } from '../output/output.ts';
import { backupDocument } from '../output/results/sync-info.ts';
import { badWalName } from '../report/backup-statistics.ts';
import { optionJson } from '../config/option-json.ts';
import type { ServerScope } from '../server/scope.ts';

export interface SyncRequest {
  /** The last WAL that the passive node has. */
  readonly lastWal: string | undefined;
  /** Where it found that in the index, bytes. */
  readonly lastPosition: number | undefined;
}

/**
 * The text in pieces, without a final newline.
 * @throws WalError when the index does not reach from before the last WAL to behind it, or is damaged
 */
export async function syncDocument(scope: ServerScope, request: SyncRequest): Promise<readonly string[]> {
  const { backups } = await scope.catalog.listBackups();
  const byId = new Map(backups.filter(isCopyDone).map((info) => [info.backupId, info]));
  const [oldest] = byId.values();
  const wals = await listWals(scope, request, oldest?.beginWal ?? '');
  const ordered = scope.catalog.recordOrder().flatMap((id) => byId.get(id) ?? []);
  const documents = Object.fromEntries(ordered.map((info) => [info.backupId, backupDocument(info)]));
  const part = (value: Json) => jsonTextAsIs(value, 4, '    ');
  return [
    `{\n    "last_position": ${wals.lastPosition},\n    "last_name": ${part(wals.lastName)},\n    "backups": ${part(documents)},\n`,
    ...(wals.texts.length === 0 ? ['    "wals": [],\n'] : ['    "wals": [\n', ...wals.texts, '\n    ],\n']),
    `    "version": ${part(COMPATIBLE_VERSION)},\n    "config": ${part(configDocument(scope))}\n}`,
  ];
}

interface ListedWals {
  readonly lastName: string;
  /** Where its line begins, bytes. */
  readonly lastPosition: number;
  /** The objects of the array as they are printed, many in each piece. */
  readonly texts: readonly string[];
}

const PER_PIECE = 2_000;

async function listWals(
  { catalog, ...server }: ServerScope,
  request: SyncRequest,
  firstWal: string,
): Promise<ListedWals> {
  const { lastWal, lastPosition } = request;
  const texts: string[] = [];
  let piece: string[] = [];
  let last = { name: '', position: 0 };
  let isFirst = true;
  const cut = () => {
    if (piece.length > 0) texts.push((texts.length > 0 ? ',\n' : '') + piece.join(',\n'));
    piece = [];
  };
  // compat 3.20.1: only the 24 characters of a segment are looked for at the position.
  const at =
    lastPosition !== undefined && parseWalName(lastWal ?? '')?.kind === 'segment'
      ? { name: lastWal ?? '', position: lastPosition }
      : undefined;
  await catalog.readWals(
    (record, position) => {
      const { name } = record;
      if (!parseWalName(name)) throw badWalName({ catalog, ...server }, name);
      if (isFirst && lastWal !== undefined && lastWal < name && position !== lastPosition) {
        throw new WalError(`last_wal '${lastWal}' is older than the first available wal '${name}'`);
      }
      isFirst = false;
      last = { name, position };
      if (lastWal === undefined ? name < firstWal : name <= lastWal) return;
      piece.push(walText(record));
      if (piece.length >= PER_PIECE) cut();
    },
    at === undefined ? {} : { at },
  );
  if (lastWal !== undefined && last.name !== '' && lastWal > last.name) {
    // compat 3.20.1: two blanks.
    throw new WalError(`last_wal '${lastWal}' is newer than the last available wal  '${last.name}'`);
  }
  cut();
  return { lastName: last.name, lastPosition: last.position, texts };
}

/** By hand: an archive has hundreds of thousands, and every field is a checked word or number. */
function walText({ name, size, time, compression, encryption }: WalRecord): string {
  const word = (text: string | null) => (text === null ? 'null' : `"${text.replace(/["\\]/g, String.raw`\$&`)}"`);
  return `        {
            "compression": ${word(compression)},
            "encryption": ${word(encryption)},
            "name": "${name}",
            "size": ${size},
            "time": ${formatFloat(time)}
        }`;
}

/** Every option of the reference, in its order. */
const KEYS =
  `active archiver archiver_batch_size autogenerate_manifest aws_check_object_lock aws_encryption aws_read_timeout
  aws_await_snapshots_timeout aws_snapshot_lock_mode aws_snapshot_lock_duration aws_snapshot_lock_cool_off_period
  aws_snapshot_lock_expiration_date aws_profile aws_region aws_sse_kms_key_id aws_sse_customer_key azure_credential
  azure_resource_group azure_subscription_id backup_compression backup_compression_format backup_compression_level
  backup_compression_location backup_compression_workers backup_directory backup_method backup_options bandwidth_limit
  basebackup_retry_sleep basebackup_retry_times basebackups_directory check_timeout cloud_delete_batch_size
  cloud_staging_directory cloud_staging_max_size cloud_upload_max_archive_size cloud_upload_min_chunk_size
  cloud_wal_archive_parallel cloud_wal_restore_parallel cluster compression compression_level conninfo
  custom_compression_filter custom_decompression_filter custom_compression_magic description disabled encryption
  encryption_key_id encryption_passphrase_command errors_directory forward_config_path gcp_project gcp_zone
  immediate_checkpoint incoming_wals_directory keepalive_interval last_backup_maximum_age last_backup_minimum_size
  last_wal_maximum_age combine_mode local_staging_path max_incoming_wals_queue minimum_redundancy network_compression
  parallel_jobs parallel_jobs_start_batch_period parallel_jobs_start_batch_size path_prefix post_archive_retry_script
  post_archive_script post_backup_retry_script post_backup_script post_delete_script post_delete_retry_script
  post_recovery_retry_script post_recovery_script post_wal_delete_script post_wal_delete_retry_script
  pre_archive_retry_script pre_archive_script pre_backup_retry_script pre_backup_script pre_delete_script
  pre_delete_retry_script pre_recovery_retry_script pre_recovery_script pre_wal_delete_script pre_wal_delete_retry_script
  primary_checkpoint_timeout primary_conninfo primary_ssh_command recovery_options recovery_staging_path create_slot
  retention_policy retention_policy_mode reuse_backup slot_name snapshot_disks snapshot_gcp_project snapshot_instance
  snapshot_provider snapshot_zone ssh_command staging_path staging_location streaming_archiver
  streaming_archiver_batch_size streaming_archiver_name streaming_backup_name streaming_conninfo
  streaming_wals_directory tablespace_bandwidth_limit wal_conninfo wal_retention_policy wal_streaming_conninfo
  wals_directory warehousepg_dbid worm_mode xlogdb_directory`.split(/\s+/) as readonly OptionName[];

function configDocument({ config, name, problems }: ServerScope): JsonObject {
  const values = Object.fromEntries(KEYS.map((key) => [key, optionJson(key, optionValue(config, key))]));
  return { ...values, disabled: problems.length > 0, name };
}
