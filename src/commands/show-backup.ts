/** `barman show-backup SERVER BACKUP_ID`: everything about one backup. Source: spec cli.md 6.3. */
import { type BackupInfo, isCopyDone } from '../domain/backup/backup-info.ts';
import { chainOf, neighbours } from '../domain/backup/backup-selector.ts';
import { measureWals, reachableTimelines } from '../report/backup-statistics.ts';
import { retentionVerdicts } from '../server/backup-verdicts.ts';
import type { CommandContext } from '../server/context.ts';
import { requireBackup } from '../server/find-backup.ts';
import { selectServer } from '../server/select.ts';
import { type Server, withServer } from '../server/server.ts';
import { showBackupResult } from '../output/results/show-backup.ts';
import type { ShownBackup } from '../output/results/shown-backup.ts';

export interface ShowBackupOptions {
  readonly serverName: string;
  readonly backupId: string;
}

export async function run(ctx: CommandContext, options: ShowBackupOptions): Promise<void> {
  const config = await selectServer(ctx, options.serverName, { inactive: 'run', disabled: 'run', passive: 'run' });
  if (config === undefined) return;
  const show = async (server: Server) => {
    const info = await requireBackup(ctx, server, options.backupId);
    if (info !== undefined) ctx.output.result(showBackupResult(await describe(ctx, server, info)));
  };
  await withServer(ctx, config, show, { offline: true });
}

async function describe(ctx: CommandContext, server: Server, info: BackupInfo): Promise<ShownBackup> {
  const { backups } = await server.catalog.listBackups();
  const usageOf = await measureWals(server, backups, info);
  const { previous, next } = neighbours(info.backupId, backups);
  return {
    server: server.name,
    info,
    usage: usageOf(info.backupId),
    timelines: isCopyDone(info) ? await reachableTimelines(ctx, server, info) : [],
    verdict: (await retentionVerdicts(ctx, server, backups))?.get(info.backupId) ?? null,
    previous: previous?.backupId ?? null,
    next: next?.backupId ?? null,
    chain: chainOf(info, backups).map(({ backupId }) => backupId),
  };
}
