/**
 * `barman status`: what Barman knows about a server, live and from the catalog.
 * Source: docs/behaviour/check.md 3, cli.md 6.4.
 */
import { isSound } from '../domain/backup/backup-flaw.ts';
import { isFull } from '../domain/backup/backup-layout.ts';
import { formatRetentionPolicy } from '../domain/backup/retention-policy.ts';
import type { CommandContext } from '../server/context.ts';
import { eachServer } from '../server/each.ts';
import { selectServers } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { statusLines } from '../report/status-lines.ts';
import { statusHeader, type StatusItem, statusLine } from '../output/results/status.ts';

export interface StatusOptions {
  readonly serverNames: readonly string[];
}

export async function run(ctx: CommandContext, options: StatusOptions): Promise<void> {
  const servers = await selectServers(ctx, options.serverNames, 'every');
  await eachServer(ctx, servers, async (scope) => {
    const { output } = scope;
    output.result(statusHeader(scope.name));
    for (const item of configured(scope)) output.result(statusLine(scope.name, item));
    if (scope.role.asksPostgres) {
      for (const item of statusLines(await scope.status())) output.result(statusLine(scope.name, item));
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
  const flaws = await catalog.flaws();
  const sound = listing.backups.filter((info) => isSound(info, flaws));
  const done = sound.filter((backup) => backup.status === 'DONE');
  const full = done.filter(isFull).length;
  const minimum = config.minimumRedundancy;
  const first = sound[0]?.backupId ?? 'None';
  const last = sound.at(-1)?.backupId ?? 'None';
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

function item(key: string, description: string, message: string): StatusItem {
  return { key, description, message };
}

/** Python's spelling of a truth value. */
function truth(value: boolean): string {
  return value ? 'True' : 'False';
}
