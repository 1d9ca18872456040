/** `barman replication-status`: who streams WAL from a server. Source: docs/behaviour/check.md 4, cli.md 4.26, 6.5. */
import type { ServerInForce } from '../config/in-force.ts';
import { PostgresError } from '../domain/errors.ts';
import type { CommandContext } from '../server/context.ts';
import { eachServer } from '../server/each.ts';
import { selectServers } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { useWalConninfo } from '../server/wal-conninfo.ts';
import {
  minimalReplicationStatusResult,
  replicationHeader,
  replicationStatusResult,
  type ReplicationTarget,
} from '../output/results/replication-status.ts';

export interface ReplicationStatusOptions {
  readonly serverNames: readonly string[];
  readonly minimal?: boolean;
  readonly target?: ReplicationTarget;
  readonly source?: 'backup-host' | 'wal-host';
}

export async function run(ctx: CommandContext, options: ReplicationStatusOptions): Promise<void> {
  const selected = await selectServers(ctx, options.serverNames, 'connected');
  const configs = options.source === 'wal-host' ? selected.map((server) => onWalHost(ctx, server)) : selected;
  await eachServer(ctx, configs, (scope) => report(scope, options));
}

function onWalHost({ output }: CommandContext, server: ServerInForce): ServerInForce {
  const walHost = useWalConninfo(server);
  if (walHost.note !== null) output.info(walHost.note);
  return walHost.server;
}

async function report({ output, name, postgres }: ServerScope, options: ReplicationStatusOptions): Promise<void> {
  output.result(replicationHeader(name));
  const target = options.target ?? 'all';
  if (postgres === null || !(await isReachable(postgres))) {
    output.error(`Unable to connect to server ${name}`);
    return;
  }
  const { lsn: serverLsn } = await postgres.walPosition();
  const clients = await postgres.replicationClients(target);
  const view = { server: name, target, serverLsn, clients };
  output.result(options.minimal === true ? minimalReplicationStatusResult(view) : replicationStatusResult(view));
}

async function isReachable(postgres: NonNullable<ServerScope['postgres']>): Promise<boolean> {
  try {
    await postgres.serverVersion();
    return true;
  } catch (error) {
    if (error instanceof PostgresError) return false;
    throw error;
  }
}
