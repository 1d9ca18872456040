/**
 * `barman status`: what Barman knows about a server, live and from the catalog.
 * Source: docs/behaviour/check.md 3, cli.md 6.4.
 */
import { isCopyDone } from '../domain/backup/backup-info.ts';
import { fixedText } from '../domain/text/fixed-text.ts';
import { formatRetentionPolicy } from '../domain/backup/retention-policy.ts';
import { prettySize } from '../domain/text/size.ts';
import { ctime, parseTimestamp } from '../domain/time/timestamp.ts';
import type { CommandContext } from '../server/context.ts';
import { eachServer } from '../server/each.ts';
import { remoteStatus } from '../server/status.ts';
import { selectServers } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { pythonText } from '../output/python-text.ts';
import { statusHeader, type StatusItem, statusLine } from '../output/results/status.ts';

export interface StatusOptions {
  readonly serverNames: readonly string[];
}

type Values = Readonly<Record<string, unknown>>;

export async function run(ctx: CommandContext, options: StatusOptions): Promise<void> {
  const servers = await selectServers(ctx, options.serverNames, 'every');
  await eachServer(ctx, servers, async (scope) => {
    const { output } = scope;
    output.result(statusHeader(scope.name));
    for (const item of configured(scope)) output.result(statusLine(scope.name, item));
    if (scope.role.asksPostgres) {
      const values = await remoteStatus(scope);
      for (const item of [...live(values), ...archiving(scope, values)]) output.result(statusLine(scope.name, item));
    }
    output.result(statusLine(scope.name, item('passive_node', 'Passive node', truth(scope.role.isPassive))));
    output.result(statusLine(scope.name, item('retention_policies', 'Retention policies', retention(scope))));
    for (const item of await backups(scope)) output.result(statusLine(scope.name, item));
  });
}

function configured({ config, role, problems }: ServerScope): StatusItem[] {
  return [
    ...(config.description ? [item('description', 'Description', config.description)] : []),
    item('active', 'Active', truth(role.isActive)),
    item('disabled', 'Disabled', truth(problems.length > 0)),
    item('active_model', 'Active configuration model', config.activeModel ?? 'None'),
  ];
}

function live(values: Values): StatusItem[] {
  const version = values.server_txt_version;
  if (version == null) return [item('pg_version', 'PostgreSQL version', 'FAILED trying to get PostgreSQL version')];
  const { is_in_recovery: inRecovery, current_size: size, data_directory: pgdata, current_xlog: segment } = values;
  return [
    item('pg_version', 'PostgreSQL version', pythonText(version)),
    item('is_in_recovery', 'Cluster state', inRecovery === true ? 'in archive recovery' : 'in production'),
    ...(size == null ? [] : [item('current_size', 'Current data size', prettySize(Number(size)))]),
    ...(pgdata == null ? [] : [item('data_directory', 'PostgreSQL Data directory', pythonText(pgdata))]),
    ...(segment == null ? [] : [item('current_xlog', 'Current WAL segment', pythonText(segment))]),
  ];
}

/** The file archiver's lines; none when PostgreSQL does not answer. */
function archiving({ config }: ServerScope, values: Values): StatusItem[] {
  if (!config.archiver || values.server_txt_version == null || values.archive_mode == null) return [];
  const command = values.archive_command;
  const lastWal = values.last_archived_wal;
  const perHour = Number(values.current_archived_wals_per_second ?? 0) * 3600;
  return [
    item(
      'archive_command',
      "PostgreSQL 'archive_command' setting",
      command == null || command === '' ? 'FAILED (please set it accordingly to documentation)' : pythonText(command),
    ),
    item(
      'last_archived_wal',
      'Last archived WAL',
      lastWal == null
        ? 'No WAL segment shipped yet'
        : `${pythonText(lastWal)}, at ${ctimeOf(values.last_archived_time)}`,
    ),
    ...(values.failed_count == null ? [] : [item('failed_count', 'Failures of WAL archiver', failures(values))]),
    ...(perHour === 0
      ? []
      : [item('server_archived_wals_per_hour', 'Server WAL archiving rate', `${fixedText(perHour, 2)}/hour`)]),
  ];
}

function failures(values: Values): string {
  const count = pythonText(values.failed_count);
  if (values.last_failed_wal == null) return count;
  return `${count} (${pythonText(values.last_failed_wal)} at ${ctimeOf(values.last_failed_time)})`;
}

function retention({ config }: ServerScope): string {
  const policy = config.retentionPolicy?.policy;
  if (!policy) return 'not enforced';
  const wal = config.walRetentionPolicy ?? 'MAIN';
  return `enforced (mode: auto, retention: ${formatRetentionPolicy(policy)}, WAL retention: ${wal})`;
}

async function backups({ output, catalog, config, role }: ServerScope): Promise<StatusItem[]> {
  const listing = await catalog.listBackups();
  // The reference dies on such a record; nothing is hidden by going on, as it is named.
  for (const { path, reason } of listing.damaged) output.warning(`cannot read ${path}: ${reason}`);
  const done = listing.backups.filter((backup) => backup.status === 'DONE');
  const full = done.filter((backup) => backup.parentBackupId === null).length;
  const minimum = config.minimumRedundancy;
  const first = listing.backups.find(isCopyDone)?.backupId ?? 'None';
  const last = listing.backups.findLast(isCopyDone)?.backupId ?? 'None';
  return [
    item('backups_number', 'No. of available backups', String(done.length)),
    item('first_backup', 'First available backup', first),
    item('last_backup', 'Last available backup', last),
    item(
      'minimum_redundancy',
      'Minimum redundancy requirements',
      `${full >= minimum ? 'satisfied' : 'FAILED'} (${full}/${minimum})`,
    ),
    ...(role.isPassive
      ? [item('primary_ssh_command', 'SSH command to primary server', config.primarySshCommand ?? 'None')]
      : []),
  ];
}

/** A time of pg_stat_archiver, in the zone of the session that told it. */
function ctimeOf(text: unknown): string {
  const time = parseTimestamp(pythonText(text));
  return time === undefined ? pythonText(text) : ctime(time);
}

function item(key: string, description: string, message: string): StatusItem {
  return { key, description, message };
}

/** Python's spelling of a truth value. */
function truth(value: boolean): string {
  return value ? 'True' : 'False';
}
