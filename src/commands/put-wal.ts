/**
 * `barman put-wal SERVER`: what barman-wal-archive calls, a tar stream on standard input.
 * Source: docs/behaviour/wal.md 8, cli.md 4.23.
 */
import { openStandardInput } from '../host/standard-input.ts';
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';
import { originOf } from '../server/origin.ts';
import { putWals } from '../wal/put/put.ts';

export interface PutWalOptions {
  readonly serverName: string;
  readonly test?: boolean;
}

export async function run(ctx: CommandContext, options: PutWalOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'receiving');
  if (server === undefined) return;
  if (options.test) {
    ctx.output.info(`Ready to accept WAL files for the server ${server.name}`);
    return;
  }
  const origin = originOf(ctx.env);
  await withServer(ctx, server, (scope) => putWals(scope, openStandardInput(), origin), { offline: true });
}
