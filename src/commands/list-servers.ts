/** `barman list-servers`: the configured servers and their state. Source: docs/behaviour/cli.md 4.22. */
import type { ServerInForce } from '../config/in-force.ts';
import type { CommandContext } from '../server/context.ts';
import { selectServers } from '../server/select.ts';
import { type ListedServer, listServersResult } from '../output/results/list-servers.ts';
import { stateOf } from '../domain/server-role.ts';

export interface ListServersOptions {
  readonly minimal?: boolean;
}

/** No server is asked anything: the list is there while every PostgreSQL is down. */
export async function run(ctx: CommandContext, options: ListServersOptions): Promise<void> {
  const servers = await selectServers(ctx, ['all'], 'every');
  const listed = servers.map(describeServer);
  if (listed.length > 0) ctx.output.result(listServersResult(listed, options.minimal === true));
}

function describeServer({ name, config, role, problems }: ServerInForce): ListedServer {
  return { name, description: config.description, state: stateOf(role, problems), isPassive: role.isPassive };
}
