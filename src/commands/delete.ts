/**
 * `barman delete SERVER BACKUP_ID`: a backup and the WAL that only it needs.
 * Source: docs/behaviour/cli.md 4.11; --dry-run is ours.
 */
import type { CommandContext } from '../server/context.ts';
import { deleteBackup } from '../maintenance/delete.ts';
import { endFinishedDelete, isFinishedDelete } from '../server/stray-marks.ts';
import { requireBackup } from '../server/find-backup.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';
import { deletePlanResult } from '../output/results/delete-plan.ts';

export interface DeleteOptions {
  readonly serverName: string;
  /** Only with `dryRun` it may be left out: then it is about the retention policy. */
  readonly backupId?: string;
  readonly dryRun?: boolean;
}

export async function run(ctx: CommandContext, options: DeleteOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'sound');
  if (server === undefined) return;
  const { backupId, dryRun = false } = options;
  await withServer(ctx, server, (scope) => (dryRun ? tell(scope, backupId) : remove(scope, backupId)), {
    offline: true,
    readOnly: dryRun,
  });
}

async function remove(scope: ServerScope, backupId = ''): Promise<void> {
  // A delete that was killed at its very end is repeated like any other.
  if (await endFinishedDelete(scope, backupId)) {
    scope.output.info(`Deleted backup ${backupId}: an earlier delete had removed all of it`);
    return;
  }
  const info = await requireBackup(scope, backupId);
  if (info !== undefined) await deleteBackup(scope, info);
}

async function tell(scope: ServerScope, backupId: string | undefined): Promise<void> {
  if (backupId !== undefined && (await isFinishedDelete(scope, backupId))) {
    scope.output.info(`An earlier delete has removed all of backup ${backupId}`);
    scope.output.result(deletePlanResult(scope.name, []));
    return;
  }
  const { planDelete, planRetention } = await import('../maintenance/delete/plan.ts');
  const info = backupId === undefined ? undefined : await requireBackup(scope, backupId);
  if (backupId !== undefined && info === undefined) return;
  const removals = info === undefined ? await planRetention(scope) : await planDelete(scope, info);
  if (removals !== undefined) scope.output.result(deletePlanResult(scope.name, removals));
}
