/** `barman show-backup SERVER BACKUP_ID`: everything about one backup. Source: docs/behaviour/cli.md 6.3. */
import { type BackupInfo, isCopyDone } from '../domain/backup/backup-info.ts';
import { neighbours } from '../domain/backup/backup-order.ts';
import { chainOf } from '../domain/backup/backup-selector.ts';
import { measureWals, reachableTimelines } from '../report/backup-statistics.ts';
import { retentionVerdicts } from '../server/backup-verdicts.ts';
import type { CommandContext } from '../server/context.ts';
import { reportFlaws, requireBackup } from '../server/find-backup.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';
import { showBackupResult } from '../output/results/show-backup.ts';
import type { ShownBackup } from '../output/results/shown-backup.ts';

export interface ShowBackupOptions {
  readonly serverName: string;
  readonly backupId: string;
}

export async function run(ctx: CommandContext, options: ShowBackupOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  const show = async (scope: ServerScope) => {
    const info = await requireBackup(scope, options.backupId);
    if (info === undefined) return;
    reportFlaws(scope, await scope.catalog.flaws(), info.backupId);
    ctx.output.result(showBackupResult(await describe(scope, info)));
  };
  await withServer(ctx, server, show, { offline: true });
}

async function describe(scope: ServerScope, info: BackupInfo): Promise<ShownBackup> {
  const { backups } = await scope.catalog.listBackups();
  const usageOf = await measureWals(scope, backups, info);
  const { previous, next } = neighbours(info.backupId, backups);
  const verdicts = await retentionVerdicts(scope, backups);
  return {
    server: scope.name,
    info,
    flaw: (await scope.catalog.flaws()).get(info.backupId) ?? null,
    usage: usageOf(info.backupId),
    timelines: isCopyDone(info) ? await reachableTimelines(scope, info) : [],
    verdict: verdicts && (verdicts.get(info.backupId) ?? '-'),
    previous: previous?.backupId ?? null,
    next: next?.backupId ?? null,
    chain: chainOf(info, backups).map(({ backupId }) => backupId),
  };
}
