/** `barman import-backup SERVER TARBALL`: a backup that export-backup wrote. Source: docs/behaviour/cli.md 4.14. */
import type { CommandContext } from '../server/context.ts';
import { importBackup } from '../exchange/import/run.ts';
import { selectServer } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';

export interface ImportBackupOptions {
  readonly serverName: string;
  readonly inputTarball: string;
}

export async function run(ctx: CommandContext, options: ImportBackupOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'receiving');
  if (server === undefined) return;
  await withServer(ctx, server, (scope) => importBackup(scope, options.inputTarball), { offline: true });
}
