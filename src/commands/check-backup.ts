/**
 * `barman check-backup SERVER BACKUP_ID`: is all the WAL of this backup archived? Sets its status.
 * Source: docs/behaviour/cli.md 4.5.
 */
import { checkBackup } from '../wal/settle-backup.ts';
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';

export interface CheckBackupOptions {
  readonly serverName: string;
  readonly backupId: string;
}

export async function run(ctx: CommandContext, options: CheckBackupOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  await withServer(ctx, server, async (scope) => {
    const { requireBackup } = await import('../server/find-backup.ts');
    const info = await requireBackup(scope, options.backupId);
    if (info !== undefined) await checkBackup(scope, info);
  });
}
