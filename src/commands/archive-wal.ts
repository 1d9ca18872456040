/** `barman archive-wal SERVER`: one archival pass. Source: docs/behaviour/cli.md 4.1. */
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';
import { archiveWals } from '../wal/archive/archive.ts';

export interface ArchiveWalOptions {
  readonly serverName: string;
}

export async function run(ctx: CommandContext, options: ArchiveWalOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'working');
  if (server === undefined) return;
  await withServer(ctx, server, (scope) => archiveWals(scope, { verbose: true }), { offline: true });
}
