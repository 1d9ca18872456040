/** `barman list-processes SERVER`: what runs for a server. Source: docs/behaviour/cli.md 4.21, 6.7. */
import type { CommandContext } from '../server/context.ts';
import { serverProcesses } from '../maintenance/processes.ts';
import { selectServer } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';
import { listProcessesResult } from '../output/results/list-processes.ts';

export interface ListProcessesOptions {
  readonly serverName: string;
}

export async function run(ctx: CommandContext, options: ListProcessesOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  const list = async (processes: ReturnType<typeof serverProcesses>) =>
    ctx.output.result(listProcessesResult(server.name, await processes));
  await withServer(ctx, server, (scope) => list(serverProcesses(scope)), { offline: true });
}
