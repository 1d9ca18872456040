/** `barman verify-backup SERVER BACKUP_ID`: is the backup still what its manifest says? Source: spec cli.md 4.30. */
import type { CommandContext } from '../server/context.ts';
import { requireBackup } from '../server/find-backup.ts';
import { verifyBackup } from '../exchange/manifest/verify.ts';
import { selectServer } from '../server/select.ts';
import { type Server, withServer } from '../server/server.ts';

export interface VerifyBackupOptions {
  readonly serverName: string;
  readonly backupId: string;
}

export async function run(ctx: CommandContext, options: VerifyBackupOptions): Promise<void> {
  const config = await selectServer(ctx, options.serverName, { inactive: 'run', disabled: 'run', passive: 'run' });
  if (config === undefined) return;
  const verify = async (server: Server) => {
    const info = await requireBackup(ctx, server, options.backupId);
    if (info === undefined) return;
    // compat 3.20.1: the brackets and quotes are its own.
    ctx.output.info(`Verifying backup '${options.backupId}' on server ['${server.name}']`);
    await verifyBackup(ctx, server, info);
  };
  await withServer(ctx, config, verify, { offline: true });
}
