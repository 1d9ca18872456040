/**
 * `barman verify-backup SERVER BACKUP_ID`: is the backup still what its manifest says?
 * Source: docs/behaviour/cli.md 4.30.
 */
import type { CommandContext } from '../server/context.ts';
import { requireBackup } from '../server/find-backup.ts';
import { verifyBackup } from '../exchange/manifest/verify.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';

export interface VerifyBackupOptions {
  readonly serverName: string;
  readonly backupId: string;
}

export async function run(ctx: CommandContext, options: VerifyBackupOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  const verify = async (scope: ServerScope) => {
    const info = await requireBackup(scope, options.backupId);
    if (info === undefined) return;
    // compat 3.20.1: the brackets and quotes are its own.
    ctx.output.info(`Verifying backup '${options.backupId}' on server ['${scope.name}']`);
    await verifyBackup(scope, info);
  };
  await withServer(ctx, server, verify, { offline: true });
}
