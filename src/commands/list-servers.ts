/** `barman list-servers`: the configured servers and their state. Source: docs/behaviour/cli.md 4.22. */
import type { ServerInForce } from '../config/in-force.ts';
import type { CommandContext } from '../server/context.ts';
import { selectServers } from '../server/select.ts';
import { type ListedServer, listServersResult } from '../output/results/list-servers.ts';

export interface ListServersOptions {
  readonly minimal?: boolean;
}

/** No server is asked anything: the list is there while every PostgreSQL is down. */
export async function run(ctx: CommandContext, options: ListServersOptions): Promise<void> {
  const servers = await selectServers(ctx, ['all'], { inactive: 'run', disabled: 'run', passive: 'run' });
  const listed = servers.map(describeServer);
  if (listed.length > 0) ctx.output.result(listServersResult(listed, options.minimal === true));
}

function describeServer({ config, problems }: ServerInForce): ListedServer {
  const state = !config.active ? 'inactive' : problems.length > 0 ? 'disabled' : 'ok';
  return { name: config.name, description: config.description, state, isPassive: config.primarySshCommand !== null };
}
