/** `barman delete SERVER BACKUP_ID`: a backup and the WAL that only it needs. Source: spec cli.md 4.11. */
import type { CommandContext } from '../operations/context.ts';
import { deleteBackup } from '../operations/delete.ts';
import { endFinishedDelete } from '../operations/delete/stray-marks.ts';
import { requireBackup } from '../operations/find-backup.ts';
import { selectServer } from '../operations/select-servers.ts';
import { withServer } from '../operations/server.ts';

export interface DeleteOptions {
  readonly serverName: string;
  readonly backupId: string;
}

export async function run(ctx: CommandContext, options: DeleteOptions): Promise<void> {
  const config = await selectServer(ctx, options.serverName, { inactive: 'run', disabled: 'error', passive: 'run' });
  if (config === undefined) return;
  await withServer(
    ctx,
    config,
    async (server) => {
      // A delete that was killed at its very end is repeated like any other.
      if (await endFinishedDelete(server, options.backupId)) {
        ctx.output.info(`Deleted backup ${options.backupId}: an earlier delete had removed all of it`);
        return;
      }
      const info = await requireBackup(ctx, server, options.backupId);
      if (info !== undefined) await deleteBackup(ctx, server, info);
    },
    { offline: true },
  );
}
