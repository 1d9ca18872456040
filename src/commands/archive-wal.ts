/** `barman archive-wal SERVER`: one archival pass. Spec cli.md 4.1. */
import type { CommandContext } from '../operations/context.ts';
import { selectServer } from '../operations/select-servers.ts';
import { withServer } from '../operations/server.ts';
import { archiveWals } from '../operations/wal/archive.ts';

export interface ArchiveWalOptions {
  readonly serverName: string;
}

export async function run(ctx: CommandContext, options: ArchiveWalOptions): Promise<void> {
  const config = await selectServer(ctx, options.serverName, { inactive: 'skip', disabled: 'error', passive: 'run' });
  if (config === undefined) return;
  await withServer(ctx, config, (server) => archiveWals(ctx, server, { verbose: true }), { offline: true });
}
