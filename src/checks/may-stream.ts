/** What has to hold before receive-wal does anything. Source: spec wal.md 5. */
import { walStreamingChecks } from './run.ts';
import type { CommandContext } from '../server/context.ts';
import type { Server } from '../server/server.ts';

/** The preconditions of receive-wal and of its --reset; says which one does not hold. */
export async function mayStream(ctx: CommandContext, server: Server): Promise<boolean> {
  if (!server.config.streamingArchiver || server.isPassive) {
    ctx.output.error(
      "Unable to start receive-wal process: streaming_archiver option set to 'off' in barman configuration file",
    );
    return false;
  }
  if (server.isActive && (await walStreamingChecks(ctx, server))) return true;
  ctx.output.error(
    `Impossible to start WAL streaming. Check the log for more details, or run 'barman check ${server.name}'`,
  );
  return false;
}
