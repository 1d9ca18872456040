/**
 * `barman export-backup SERVER BACKUP_ID DIRECTORY`: a backup and its WAL in one tar file.
 * Source: docs/behaviour/cli.md 4.13.
 */
import type { ExportCompression } from '../domain/codecs.ts';
import type { CommandContext } from '../server/context.ts';
import { exportBackup } from '../exchange/export/run.ts';
import { requireBackup } from '../server/find-backup.ts';
import { selectServer } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';

export interface ExportBackupOptions {
  readonly serverName: string;
  readonly backupId: string;
  readonly outputDirectory: string;
  readonly compression?: ExportCompression;
  readonly compressionLevel?: number;
}

export async function run(ctx: CommandContext, options: ExportBackupOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  await withServer(
    ctx,
    server,
    async (scope) => {
      const info = await requireBackup(scope, options.backupId);
      if (info !== undefined) await exportBackup(scope, info, options);
    },
    { offline: true },
  );
}
