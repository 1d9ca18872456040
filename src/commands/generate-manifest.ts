/**
 * `barman generate-manifest SERVER BACKUP_ID`: the backup_manifest of a backup that has none.
 * Source: docs/behaviour/cli.md 4.15.
 */
import type { CommandContext } from '../server/context.ts';
import { requireBackup } from '../server/find-backup.ts';
import { generateManifest } from '../exchange/manifest/generate.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';

export interface GenerateManifestOptions {
  readonly serverName: string;
  readonly backupId: string;
}

export async function run(ctx: CommandContext, options: GenerateManifestOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'working');
  if (server === undefined) return;
  const generate = async (scope: ServerScope) => {
    const info = await requireBackup(scope, options.backupId);
    if (info === undefined) return;
    await generateManifest(scope, info);
    // compat 3.20.1: the brackets and quotes are its own.
    ctx.output.info(
      `Backup manifest for backup '${options.backupId}' successfully generated for server ['${scope.name}']`,
    );
  };
  await withServer(ctx, server, generate, { offline: true });
}
