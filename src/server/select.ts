/**
 * Server names as typed -> configurations, with Barman's words for the unknown, inactive, disabled and passive ones.
 * Source: docs/behaviour/cli.md 2.
 */
import { putInForce, type ServerInForce } from '../config/in-force.ts';
import { closest } from '../domain/text/closest.ts';
import { type Admission, rejection } from '../domain/server-role.ts';
import type { CommandContext } from './context.ts';

/**
 * The servers of a command that takes several names, in name order, each once. Unknown and refused ones are reported; the
 * others are returned.
 */
export async function selectServers(
  ctx: CommandContext,
  names: readonly string[],
  admission: Admission,
): Promise<readonly ServerInForce[]> {
  if (reportConflicts(ctx)) return [];
  const all = names.includes('all');
  if (all && new Set(names).size > 1) ctx.output.error("You cannot use 'all' with other server names");
  const wanted = all ? [...ctx.configuration.servers.keys()] : [...new Set(names)].sort(compare);
  const found = wanted.map((name) => ({ name, server: findServer(ctx, name) }));
  return found.flatMap(({ name, server }) => {
    if (server === undefined) reportUnknown(ctx, name);
    return server !== undefined && admit(ctx, server, admission) ? [server] : [];
  });
}

/** The server of a command that takes one name; undefined when it was refused (and that was said). */
export async function selectServer(
  ctx: CommandContext,
  name: string,
  admission: Admission,
): Promise<ServerInForce | undefined> {
  if (reportConflicts(ctx)) return undefined;
  if (name === 'all') {
    ctx.output.error("You cannot use 'all' in a single server context");
    return undefined;
  }
  const server = findServer(ctx, name);
  if (server === undefined) {
    reportUnknown(ctx, name);
    return undefined;
  }
  return admit(ctx, server, admission) ? server : undefined;
}

/** Every configured server in force, introduced, whatever its state. */
export function allServers(ctx: CommandContext): readonly ServerInForce[] {
  return [...ctx.configuration.servers.keys()].flatMap((name) => findServer(ctx, name) ?? []);
}

function findServer(ctx: CommandContext, name: string): ServerInForce | undefined {
  const config = ctx.configuration.servers.get(name);
  return config === undefined ? undefined : introduce(ctx, putInForce(config));
}

function reportUnknown({ configuration: config, output }: CommandContext, name: string): void {
  output.error(`Unknown server '${name}'`);
  const [near] = closest(name, [...config.servers.keys()]);
  output.hint(`${near === undefined ? '' : `did you mean '${near}'? `}"barman list-servers" shows the names`);
}

/** Two servers that share a directory stop every command before it does anything. */
export function reportConflicts(ctx: CommandContext): boolean {
  for (const conflict of ctx.configuration.conflicts) ctx.output.error(conflict);
  return ctx.configuration.conflicts.length > 0;
}

/** What is said about a server's configuration: once, and before anything else about any server. */
function introduce(ctx: CommandContext, server: ServerInForce): ServerInForce {
  for (const warning of server.warnings) ctx.output.warning(warning);
  for (const text of server.debugMessages) ctx.output.debug(text);
  for (const { level, logger, text } of server.logMessages) ctx.log.named(logger)[level](text);
  return server;
}

function admit(ctx: CommandContext, { name, role, problems }: ServerInForce, admission: Admission): boolean {
  const refused = rejection(name, role, problems, admission);
  if (refused?.kind === 'skip') ctx.output.info(refused.text);
  else if (refused !== null) ctx.output.error(refused.text);
  return refused === null;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
