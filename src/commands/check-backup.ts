/** `barman check-backup SERVER BACKUP_ID`: is all the WAL of this backup archived? Sets its status. Spec cli.md 4.5. */
import { checkBackup } from '../operations/check-backup.ts';
import type { CommandContext } from '../operations/context.ts';
import { selectServer } from '../operations/select-servers.ts';
import { withServer } from '../operations/server.ts';

export interface CheckBackupOptions {
  readonly serverName: string;
  readonly backupId: string;
}

export async function run(ctx: CommandContext, options: CheckBackupOptions): Promise<void> {
  const config = await selectServer(ctx, options.serverName, { inactive: 'run', disabled: 'run', passive: 'run' });
  if (config === undefined) return;
  await withServer(ctx, config, async (server) => {
    const { requireBackup } = await import('../operations/find-backup.ts');
    const info = await requireBackup(ctx, server, options.backupId);
    if (info !== undefined) await checkBackup(ctx, server, info);
  });
}
