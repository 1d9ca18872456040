/** Making PostgreSQL close its current WAL segment, with Barman's messages. Source: docs/behaviour/wal.md 7. */
import type { PostgresConnection } from '../postgres/connections.ts';
import { sqlStateOf } from '../postgres/libpq/failure.ts';
import { BarmanError, PostgresError } from '../domain/errors.ts';
import type { CommandContext } from '../server/context.ts';
import type { ServerScope } from '../server/scope.ts';

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
export async function switchWal(scope: ServerScope, options: SwitchOptions): Promise<string | null | undefined> {
  const outcome = await trySwitch(scope, options);
  switch (outcome?.kind) {
    case 'closed':
      scope.output.info(`The WAL file ${outcome.name} has been closed on server '${scope.name}'`);
      return outcome.name;
    case 'not-required':
      scope.output.info(`No switch required for server '${scope.name}'`);
      return null;
    case 'standby':
      scope.output.info(`No switch performed because server '${scope.name}' is a standby.`);
      return null;
    default:
      return undefined;
  }
}

async function trySwitch(scope: ServerScope, { force }: SwitchOptions): Promise<SwitchOutcome | undefined> {
  const postgres = scope.primary ?? scope.postgres;
  if (postgres === null) {
    scope.output.error(noConnection(scope));
    return undefined;
  }
  // A statement that waits (CHECKPOINT on a busy server) must not keep Ctrl-C waiting.
  const stop = () => void postgres.close();
  scope.signal.addEventListener('abort', stop, { once: true });
  try {
    if (await postgres.isInRecovery()) return { kind: 'standby' };
    if (force) await checkpoint(scope, postgres);
    const name = await postgres.switchWal();
    return name === null ? { kind: 'not-required' } : { kind: 'closed', name };
  } catch (error) {
    scope.signal.throwIfAborted();
    if (!(error instanceof BarmanError)) throw error;
    report(scope, error);
    return undefined;
  } finally {
    scope.signal.removeEventListener('abort', stop);
  }
}

function noConnection(scope: ServerScope): string {
  if (scope.role.isPassive) return `WAL cannot be switched on server '${scope.name}': it is a passive node`;
  return scope.problems[0] ?? `server '${scope.name}' has no PostgreSQL connection`;
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
function report(scope: ServerScope, error: BarmanError): void {
  if (error.level === 'exception') {
    scope.output.exception(`${error.message}\nSee log file for more details.`, error.stack);
  } else if (error instanceof PostgresError) {
    scope.log.named('barman.postgres').error(`Error issuing pg_switch_wal() command: ${error.message}`);
    scope.output.error(`Unable to perform pg_switch_wal for server '${scope.name}'.`);
  } else {
    scope.output.error(error.message);
  }
}
