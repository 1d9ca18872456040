/** `barman terminate-process SERVER TASK`: ends what runs for a server. Source: docs/behaviour/cli.md 4.21. */
import type { CommandContext } from '../server/context.ts';
import { terminateProcess } from '../maintenance/processes.ts';
import { selectServer } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';

export interface TerminateProcessOptions {
  readonly serverName: string;
  /** As `list-processes` names it; any text. */
  readonly task: string;
}

export async function run(ctx: CommandContext, options: TerminateProcessOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  // A failure is reported where it is found.
  await withServer(ctx, server, async (scope) => void (await terminateProcess(scope, options.task)), {
    offline: true,
  });
}
