/** `barman delete SERVER BACKUP_ID`: a backup and the WAL that only it needs. Source: spec cli.md 4.11; --dry-run is ours. */
import type { CommandContext } from '../server/context.ts';
import { deleteBackup } from '../maintenance/delete.ts';
import { endFinishedDelete, isFinishedDelete } from '../server/stray-marks.ts';
import { requireBackup } from '../server/find-backup.ts';
import { selectServer } from '../server/select.ts';
import { type Server, withServer } from '../server/server.ts';
import { deletePlanResult } from '../output/results/delete-plan.ts';

export interface DeleteOptions {
  readonly serverName: string;
  /** Only with `dryRun` it may be left out: then it is about the retention policy. */
  readonly backupId?: string;
  readonly dryRun?: boolean;
}

export async function run(ctx: CommandContext, options: DeleteOptions): Promise<void> {
  const config = await selectServer(ctx, options.serverName, { inactive: 'run', disabled: 'error', passive: 'run' });
  if (config === undefined) return;
  const { backupId, dryRun = false } = options;
  await withServer(ctx, config, (server) => (dryRun ? tell(ctx, server, backupId) : remove(ctx, server, backupId)), {
    offline: true,
    readOnly: dryRun,
  });
}

async function remove(ctx: CommandContext, server: Server, backupId = ''): Promise<void> {
  // A delete that was killed at its very end is repeated like any other.
  if (await endFinishedDelete(server, backupId)) {
    ctx.output.info(`Deleted backup ${backupId}: an earlier delete had removed all of it`);
    return;
  }
  const info = await requireBackup(ctx, server, backupId);
  if (info !== undefined) await deleteBackup(ctx, server, info);
}

async function tell(ctx: CommandContext, server: Server, backupId: string | undefined): Promise<void> {
  if (backupId !== undefined && (await isFinishedDelete(server, backupId))) {
    ctx.output.info(`An earlier delete has removed all of backup ${backupId}`);
    ctx.output.result(deletePlanResult(server.name, []));
    return;
  }
  const { planDelete, planRetention } = await import('../maintenance/delete/plan.ts');
  const info = backupId === undefined ? undefined : await requireBackup(ctx, server, backupId);
  if (backupId !== undefined && info === undefined) return;
  const removals = info === undefined ? await planRetention(ctx, server) : await planDelete(ctx, server, info);
  if (removals !== undefined) ctx.output.result(deletePlanResult(server.name, removals));
}
