/**
 * What each option of options.ts is for, by subject: the text of docs/configuration.md (`npm run docs`). No command loads it.
 * `since` is the first release of Barman that knows the name, or `ours`.
 */
import { BACKUP_COMPRESSIONS, COMPRESSIONS } from '../domain/codecs.ts';
import type { OptionName } from './options.ts';

/** `allowed`: every word that may be written, or a few of words on it where the parser's name does not say enough. */
type Row = readonly [name: OptionName, since: string, meaning: string, allowed?: readonly string[] | string];

export interface Subject {
  readonly title: string;
  readonly text?: string;
  readonly options: readonly Row[];
}

const RETRY = 'run again until it ends with 0, 62 or 63; 63 from a `pre_` script stops the operation';

/** The two scripts on either side of one activity. */
function hooks(activity: string, words: string, since: string, retrySince: string): Row[] {
  return (['pre', 'post'] as const).flatMap((phase): Row[] => {
    const when = `${phase === 'pre' ? 'before' : 'after'} ${words}`;
    return [
      [
        `${phase}_${activity}_script` as OptionName,
        since,
        `run once ${when}; its exit code is only logged`,
        'command line',
      ],
      [`${phase}_${activity}_retry_script` as OptionName, retrySince, `run ${when}; ${RETRY}`, 'command line'],
    ];
  });
}

// One row on each line, whatever its length.
// prettier-ignore
export const SUBJECTS: readonly Subject[] = [
  { title: 'The server', options: [
    ['active', '0.1.0', 'off: nothing new is taken in and no connection is made; what is there can still be listed and restored'],
    ['description', '0.1.0', 'a line about the server, for people'],
    ['disabled', '1.5.0', 'not for a server section: it becomes true when the configuration of a server is in error'],
    ['cluster', '3.10.0', 'which models may be applied to the server: those with the same word'],
    ['path_prefix', '1.6.0', 'folders in which programs are looked for before those of `PATH`', 'folders, with `:` between them'],
    ['worm_mode', '3.13.2', 'the catalog lies on storage that can be written only once: nothing that was archived is cleaned up by `backup`'],
  ] },
  { title: 'Where its files are', options: [
    ['backup_directory', '0.1.0', 'the folder of everything that belongs to the server'],
    ['basebackups_directory', '0.1.0', 'its base backups (a URL since 3.18.0, not in this release)'],
    ['wals_directory', '0.1.0', 'its WAL archive (a URL since 3.18.0, not in this release)'],
    ['xlogdb_directory', '3.13.0', 'the index of the WAL archive'],
    ['incoming_wals_directory', '0.1.0', 'where `archive_command` leaves WAL'],
    ['streaming_wals_directory', '1.6.0', 'where `receive-wal` leaves WAL'],
    ['errors_directory', '1.6.0', 'WAL that was refused; `barman errors` lists it'],
  ] },
  { title: 'Connections', options: [
    ['conninfo', '0.1.0', 'how PostgreSQL is reached with SQL; the password belongs into `~/.pgpass`', 'connection string of libpq'],
    ['streaming_conninfo', '1.6.0', 'how it is reached for replication: pg_basebackup and pg_receivewal', 'connection string of libpq'],
    ['primary_conninfo', '3.1.0', 'the primary, where `conninfo` is a standby; it closes the WAL segments that a backup from the standby needs', 'connection string of libpq'],
    ['wal_conninfo', '3.10.0', 'SQL on the host that WAL is streamed from, where that is another one', 'connection string of libpq'],
    ['wal_streaming_conninfo', '3.10.0', 'replication on that host', 'connection string of libpq'],
    ['ssh_command', '0.1.0', 'how the host of PostgreSQL is reached: for rsync backups', 'command line'],
    ['ssh_transport', 'ours', 'who speaks ssh: the program of `ssh_command`, or the library ssh2 in this process', ['openssh', 'ssh2']],
    ['keepalive_interval', '3.11.0', 'seconds between two signs of life on the connection that holds a backup open; 0 for none'],
    ['slot_name', '2.0', 'the replication slot that keeps WAL for `receive-wal`'],
    ['create_slot', '2.10', 'who makes the slot: you, with `receive-wal --create-slot`, or whoever needs it', ['manual', 'auto']],
    ['streaming_archiver_name', '1.6.1', 'application name of the WAL stream, for `synchronous_standby_names`'],
    ['streaming_backup_name', '2.0', 'application name of pg_basebackup'],
  ] },
  { title: 'Base backups', options: [
    ['backup_method', '1.6.0', 'how a backup is taken: `postgres` with pg_basebackup, `rsync` over ssh, `local-rsync` on the same host; `snapshot` and `local-to-cloud` are not in this release', ['postgres', 'rsync', 'local-rsync', 'snapshot', 'local-to-cloud']],
    ['backup_options', '1.3.1', 'which interface of PostgreSQL announces the backup (exclusive: before version 15 only), and `external_configuration` for no warning about configuration files outside of the data directory', 'a list of `concurrent_backup` or `exclusive_backup`, `external_configuration`'],
    ['backup_schedule', 'ours', 'when `barman cron --daemon` takes backups, in local time; a time that the change of the clock leaves out is made up for right behind it, one that comes twice counts once', 'cron expression'],
    ['immediate_checkpoint', '1.3.0', 'begin with a fast checkpoint instead of waiting for a spread one'],
    ['reuse_backup', '1.4.0', 'files that did not change since the last rsync backup: linked to it, copied from it, or fetched again', ['link', 'copy', 'off']],
    ['parallel_jobs', '2.2', 'how many copies run side by side, in rsync backups and in restores'],
    ['parallel_jobs_start_batch_size', '3.5.0', 'at most so many of them start in one period'],
    ['parallel_jobs_start_batch_period', '3.5.0', 'how long a period is, in seconds'],
    ['bandwidth_limit', '1.2.1', 'kB per second that a copy may take', 'whole number'],
    ['tablespace_bandwidth_limit', '1.2.1', 'the same for single tablespaces, in rsync backups', '`NAME:LIMIT`, with blanks between them'],
    ['network_compression', '1.3.0', 'let rsync compress on the way'],
    ['basebackup_retry_times', '1.3.3', 'how often a copy that failed is tried again'],
    ['basebackup_retry_sleep', '1.3.3', 'seconds in front of each new try'],
    ['backup_compression', '3.0.0', 'what pg_basebackup compresses with', BACKUP_COMPRESSIONS],
    ['backup_compression_level', '3.0.0', 'its level; which ones there are depends on the algorithm'],
    ['backup_compression_workers', '3.1.0', 'its threads, with zstd'],
    ['backup_compression_location', '3.0.0', 'who compresses: pg_basebackup, or PostgreSQL (15 and newer)', ['client', 'server']],
    ['backup_compression_format', '3.0.0', 'kept as tar files, or unpacked again (only when PostgreSQL compressed)', ['tar', 'plain']],
    ['autogenerate_manifest', '3.7.0', 'write a manifest after each rsync backup, as `generate-manifest` does'],
    ['primary_checkpoint_timeout', '3.8.0', 'seconds after which a backup from a standby that still waits forces a checkpoint on the primary; 0 for never'],
    ['warehousepg_dbid', '3.18.0', 'the number of a WarehousePG instance, for its pg_basebackup'],
  ] },
  { title: 'WAL', options: [
    ['archiver', '1.6.0', 'archive what `archive_command` brings; turned on when the other way in is off as well'],
    ['archiver_batch_size', '2.0', 'at most so many of these files in one run; 0 for all'],
    ['streaming_archiver', '1.6.0', 'receive WAL with pg_receivewal and archive it'],
    ['streaming_archiver_batch_size', '2.0', 'at most so many of these files in one run; 0 for all'],
    ['compression', '1.0.0', 'what archived WAL is compressed with ([wal-storage.md](wal-storage.md): which program or library does it)', COMPRESSIONS],
    ['compression_level', '3.14.0', 'how hard; a number outside of what the algorithm has is moved to its nearest', '`low`, `medium`, `high` or a number'],
    ['custom_compression_filter', '1.0.0', 'with `compression = custom`: plain WAL in, compressed WAL out', 'command line'],
    ['custom_decompression_filter', '1.0.0', 'the way back', 'command line'],
    ['custom_compression_magic', '2.16', 'the bytes by which such a file is known', 'hexadecimal, after `0x`'],
    ['encryption', '3.14.0', 'what WAL is encrypted with (backups: not in this release)', ['none', 'gpg']],
    ['encryption_key_id', '3.14.0', 'the key it is encrypted for', 'key of gpg'],
    ['encryption_passphrase_command', '3.14.0', 'prints the passphrase of that key when something has to be read', 'command line'],
  ] },
  { title: 'Retention', options: [
    ['retention_policy', '0.1.0', 'which backups `barman cron` deletes: those that this does not ask for', '`REDUNDANCY n` or `RECOVERY WINDOW OF n DAYS`, `WEEKS`, `MONTHS`'],
    ['minimum_redundancy', '1.2.0', 'never fewer full backups than this, whoever deletes', 'whole number'],
    ['retention_policy_mode', '1.2.0', 'who enforces the policy', ['auto']],
    ['wal_retention_policy', '0.1.0', 'WAL is kept as the backups need it', ['main']],
  ] },
  { title: 'What `barman check` asks for', options: [
    ['check_timeout', '2.0', 'seconds that the checks of one server may take; 0 for no limit'],
    ['last_backup_maximum_age', '1.3.3', 'the newest backup is not older'],
    ['last_backup_minimum_size', '2.16', 'the newest backup is not smaller'],
    ['last_wal_maximum_age', '2.16', 'the newest WAL file is not older'],
    ['max_incoming_wals_queue', '2.2', 'no more files than this wait to be archived'],
  ] },
  { title: 'Restores', options: [
    ['recovery_options', '1.5.0', 'what `restore` does unasked: let PostgreSQL fetch its WAL from here, copy only what differs', 'a list of `get-wal`, `delta-restore`'],
    ['staging_path', '3.15.0', 'where a backup that is not plain is unpacked; `/tmp` where nothing is set'],
    ['staging_location', '3.15.0', 'on which host that is', ['local', 'remote']],
    ['local_staging_path', '3.11.0', 'the old name for a path on this host'],
    ['recovery_staging_path', '3.0.0', 'the old name for a path on the other one'],
    ['combine_mode', '3.16.0', 'how pg_combinebackup brings files together (incremental backups: not in this release)', ['copy', 'link', 'clone', 'copy-file-range']],
  ] },
  { title: 'Hook scripts', text: 'Their environment tells what happens: [behaviour/backup.md](behaviour/backup.md) 6.', options: [
    ...hooks('backup', 'a backup', '1.1.0', '1.5.0'),
    ...hooks('archive', 'each WAL file that is archived', '1.3.3', '1.5.0'),
    ...hooks('recovery', 'a restore', '2.4', '2.4'),
    ...hooks('delete', 'a backup is deleted', '2.4', '2.4'),
    ...hooks('wal_delete', 'each WAL file that is deleted', '2.4', '2.4'),
  ] },
  { title: 'Passive nodes', text: 'Only `sync-info` is in this release.', options: [
    ['primary_ssh_command', '2.6', 'makes the server the copy of one on another Barman host, reached so', 'command line'],
    ['forward_config_path', '2.14', 'name our own configuration file to the Barman over there'],
  ] },
  { title: 'Object storage', text: 'Read and checked, not used in this release.', options: [
    ['cloud_staging_directory', '3.18.0', 'where pg_basebackup writes what is then sent'],
    ['cloud_staging_max_size', '3.18.0', 'pg_basebackup waits while so much lies there'],
    ['cloud_upload_max_archive_size', '3.18.0', 'a larger tar file is cut'],
    ['cloud_upload_min_chunk_size', '3.18.0', 'no part of an upload is smaller'],
    ['cloud_delete_batch_size', '3.18.0', 'objects in one request to delete; what the provider allows where nothing is set'],
    ['cloud_wal_archive_parallel', '3.19.0', 'how many WAL files `cloud-wal-archive` sends side by side'],
    ['cloud_wal_restore_parallel', '3.19.0', 'how many WAL files `cloud-wal-restore` fetches side by side'],
    ['aws_region', '3.7.0', 'region of the bucket or the instance'],
    ['aws_profile', '3.7.0', 'section of the AWS credentials file'],
    ['aws_read_timeout', '3.18.0', 'seconds that S3 may take to answer'],
    ['aws_encryption', '3.18.0', 'encryption by S3 (small and capital letters differ)', ['AES256', 'aws:kms']],
    ['aws_sse_kms_key_id', '3.18.0', 'its key, with `aws:kms`'],
    ['aws_sse_customer_key', '3.20.0', 'a key of your own instead', '`file://` and a path'],
    ['aws_check_object_lock', '3.19.0', 'do not try to delete what is locked'],
    ['azure_credential', '3.6.0', 'how to log in to Azure', '`azure-cli`, `managed-identity` or `default`'],
  ] },
  { title: 'Snapshots', text: 'Read and checked, not used in this release.', options: [
    ['snapshot_provider', '3.4.0', 'whose disks they are', '`gcp`, `azure` or `aws`'],
    ['snapshot_instance', '3.4.0', 'the machine of PostgreSQL'],
    ['snapshot_disks', '3.4.0', 'its disks'],
    ['gcp_project', '3.6.0', 'project on Google Cloud'],
    ['gcp_zone', '3.6.0', 'zone on Google Cloud'],
    ['snapshot_gcp_project', '3.4.0', 'the old name of `gcp_project`'],
    ['snapshot_zone', '3.4.0', 'the old name of `gcp_zone`'],
    ['azure_subscription_id', '3.6.0', 'subscription on Azure'],
    ['azure_resource_group', '3.6.0', 'resource group of machine and disks'],
    ['aws_await_snapshots_timeout', '3.11.0', 'seconds to wait until the snapshots are complete'],
    ['aws_snapshot_lock_mode', '3.12.0', 'lock the snapshots against deletion', '`governance` or `compliance`'],
    ['aws_snapshot_lock_duration', '3.12.0', 'for so many days (1 to 36500)'],
    ['aws_snapshot_lock_cool_off_period', '3.12.0', 'hours in which a `compliance` lock can still be taken back (1 to 72)'],
    ['aws_snapshot_lock_expiration_date', '3.12.0', 'locked until then, instead of for so many days', 'UTC, as `2026-12-31T23:59:59.000Z`'],
  ] },
];

/** Options of `[barman]` that no server has: type, default, since, meaning. */
// prettier-ignore
export const GLOBAL_MEANINGS: Readonly<Record<string, readonly [type: string, fallback: string, since: string, meaning: string]>> = {
  barman_home: ['path', 'must be set', 'before 2.0', 'the folder of all servers'],
  barman_user: ['text', '`barman`', 'before 2.0', 'who runs Barman: root becomes this user, anybody else is refused'],
  barman_lock_directory: ['path', '`barman_home`', 'before 2.0', 'lock files'],
  lock_directory_cleanup: ['on or off', '`on`', '3.10.0', '`barman cron` removes lock files that nobody holds'],
  config_changes_queue: ['path', '`cfg_changes.queue` in `barman_home`', '3.10.0', 'what `config-update` has still to do'],
  configuration_files_directory: ['path', 'none', 'before 2.0', 'a folder of `*.conf` files that are read as well; `~` stands for the home'],
  log_file: ['path', 'standard error', 'before 2.0', 'where the log goes'],
  log_level: ['`DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL` or a number', '`INFO`', 'before 2.0', 'what it holds at least'],
  log_format: ['text', '`date [pid] logger LEVEL: message`', 'before 2.0', 'the shape of a line, with the words of Python\'s `logging`, each percent sign four times; `json` (ours): one JSON object on each line'],
};
