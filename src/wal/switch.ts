/** Making PostgreSQL close its current WAL segment, with Barman's messages. Source: spec wal.md section 7. */
import type { PostgresConnection } from '../postgres/connections.ts';
import { sqlStateOf } from '../postgres/libpq/failure.ts';
import { BarmanError, PostgresError } from '../domain/errors.ts';
import type { CommandContext } from '../server/context.ts';
import type { Server } from '../server/server.ts';

export interface SwitchOptions {
  /** CHECKPOINT first, so that there is something to close. */
  readonly force: boolean;
}

/** What became of the current segment. */
export type SwitchOutcome =
  | { readonly kind: 'closed'; readonly name: string }
  | { readonly kind: 'not-required' }
  | { readonly kind: 'standby' };

const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Switches on primary_conninfo when conninfo is a standby, else on conninfo, and reports it. The name of the closed
 * segment; null when nothing was closed; undefined when it failed (that was reported too).
 */
export async function switchWal(
  ctx: CommandContext,
  server: Server,
  options: SwitchOptions,
): Promise<string | null | undefined> {
  const outcome = await trySwitch(ctx, server, options);
  switch (outcome?.kind) {
    case 'closed':
      ctx.output.info(`The WAL file ${outcome.name} has been closed on server '${server.name}'`);
      return outcome.name;
    case 'not-required':
      ctx.output.info(`No switch required for server '${server.name}'`);
      return null;
    case 'standby':
      ctx.output.info(`No switch performed because server '${server.name}' is a standby.`);
      return null;
    default:
      return undefined;
  }
}

async function trySwitch(
  ctx: CommandContext,
  server: Server,
  { force }: SwitchOptions,
): Promise<SwitchOutcome | undefined> {
  const postgres = server.primary ?? server.postgres;
  if (postgres === null) {
    ctx.output.error(noConnection(server));
    return undefined;
  }
  // A statement that waits (CHECKPOINT on a busy server) must not keep Ctrl-C waiting.
  const stop = () => void postgres.close();
  ctx.signal.addEventListener('abort', stop, { once: true });
  try {
    if (await postgres.isInRecovery()) return { kind: 'standby' };
    if (force) await checkpoint(ctx, postgres);
    const name = await postgres.switchWal();
    return name === null ? { kind: 'not-required' } : { kind: 'closed', name };
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (!(error instanceof BarmanError)) throw error;
    report(ctx, server, error);
    return undefined;
  } finally {
    ctx.signal.removeEventListener('abort', stop);
  }
}

function noConnection(server: Server): string {
  if (server.isPassive) return `WAL cannot be switched on server '${server.name}': it is a passive node`;
  return server.problems[0] ?? `server '${server.name}' has no PostgreSQL connection`;
}

async function checkpoint(ctx: CommandContext, postgres: PostgresConnection): Promise<void> {
  ctx.log.named('barman.server').info('Force a CHECKPOINT before pg_switch_wal()');
  try {
    await postgres.checkpoint();
  } catch (error) {
    if (sqlStateOf(error) !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new BarmanError("Barman switch-wal --force requires superuser rights or the 'pg_checkpoint' role", {
      cause: error,
    });
  }
}

/** The other servers of the command still get their turn. */
function report(ctx: CommandContext, server: Server, error: BarmanError): void {
  if (error.level === 'exception') {
    ctx.output.exception(`${error.message}\nSee log file for more details.`, error.stack);
  } else if (error instanceof PostgresError) {
    ctx.log.named('barman.postgres').error(`Error issuing pg_switch_wal() command: ${error.message}`);
    ctx.output.error(`Unable to perform pg_switch_wal for server '${server.name}'.`);
  } else {
    ctx.output.error(error.message);
  }
}
