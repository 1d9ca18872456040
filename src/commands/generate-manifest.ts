/** `barman generate-manifest SERVER BACKUP_ID`: the backup_manifest of a backup that has none. Source: spec cli.md 4.15. */
import type { CommandContext } from '../server/context.ts';
import { requireBackup } from '../server/find-backup.ts';
import { generateManifest } from '../exchange/manifest/generate.ts';
import { selectServer } from '../server/select.ts';
import { type Server, withServer } from '../server/server.ts';

export interface GenerateManifestOptions {
  readonly serverName: string;
  readonly backupId: string;
}

export async function run(ctx: CommandContext, options: GenerateManifestOptions): Promise<void> {
  const config = await selectServer(ctx, options.serverName, { inactive: 'skip', disabled: 'error', passive: 'run' });
  if (config === undefined) return;
  const generate = async (server: Server) => {
    const info = await requireBackup(ctx, server, options.backupId);
    if (info === undefined) return;
    await generateManifest(ctx, server, info);
    // compat 3.20.1: the brackets and quotes are its own.
    ctx.output.info(
      `Backup manifest for backup '${options.backupId}' successfully generated for server ['${server.name}']`,
    );
  };
  await withServer(ctx, config, generate, { offline: true });
}
