/** Creating and dropping the replication slot of a server. Source: spec wal.md 5. */
import type { StreamingConnection } from '../../postgres/connections.ts';
import { sqlStateOf } from '../../postgres/libpq/failure.ts';
import { PostgresError } from '../../domain/errors.ts';
import type { CommandContext } from '../../server/context.ts';
import type { Server } from '../../server/server.ts';

const EXISTS = '42710';
const UNKNOWN = '42704';
const ALL_IN_USE = '53400';
const IN_USE = '55006';

/** `receive-wal --create-slot`, also the automatic creation. True when the slot is there afterwards; reports failures. */
export async function createSlot(
  ctx: CommandContext,
  server: Server,
  options: { readonly ifNotExists: boolean },
): Promise<boolean> {
  const target = await reachSlot(ctx, server, 'create');
  if (target === undefined) return false;
  const { slot, streaming } = target;
  ctx.output.info(`Creating physical replication slot '${slot}' on server '${server.name}'`);
  try {
    await streaming.createPhysicalSlot(slot);
    ctx.output.info(`Replication slot '${slot}' created`);
    return true;
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    return refused(ctx, server, slot, error, options.ifNotExists);
  }
}

function refused(
  ctx: CommandContext,
  server: Server,
  slot: string,
  error: PostgresError,
  ifNotExists: boolean,
): boolean {
  const state = sqlStateOf(error);
  if (state === EXISTS && ifNotExists) {
    ctx.output.info(`Replication slot '${slot}' already exists and --if-not-exists was specified. Skipping creation`);
    return true;
  }
  if (state === EXISTS) {
    ctx.output.error(`Replication slot '${slot}' already exists`);
  } else if (state === ALL_IN_USE) {
    ctx.output.error(
      `All replication slots for server '${server.name}' are in use\n` +
        'Free one or increase the max_replication_slots value on your PostgreSQL server.',
    );
  } else {
    ctx.output.error(`Cannot create replication slot '${slot}' on server '${server.name}': ${error.message}`);
  }
  return false;
}

/** `receive-wal --drop-slot`. */
export async function dropSlot(ctx: CommandContext, server: Server): Promise<void> {
  const target = await reachSlot(ctx, server, 'drop');
  if (target === undefined) return;
  const { slot, streaming } = target;
  ctx.output.info(`Dropping physical replication slot '${slot}' on server '${server.name}'`);
  try {
    await streaming.dropSlot(slot);
    ctx.output.info(`Replication slot '${slot}' dropped`);
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    const state = sqlStateOf(error);
    if (state === UNKNOWN) ctx.output.error(`Replication slot '${slot}' does not exist`);
    else if (state === IN_USE) {
      ctx.output.error(`Cannot drop replication slot '${slot}' on server '${server.name}' because it is in use.`);
    } else {
      ctx.output.error(`Cannot drop replication slot '${slot}' on server '${server.name}': ${error.message}`);
    }
  }
}

/** The slot's name and a connection that answers; undefined when that was reported as an error. */
async function reachSlot(
  ctx: CommandContext,
  server: Server,
  verb: 'create' | 'drop',
): Promise<{ readonly slot: string; readonly streaming: StreamingConnection } | undefined> {
  const { streaming, config } = server;
  if (streaming === null) {
    ctx.output.error(`Unable to ${verb} a physical replication slot: streaming connection not configured`);
    return undefined;
  }
  if (config.slotName === null) {
    ctx.output.error(`Unable to ${verb} a physical replication slot: slot_name configuration option required`);
    return undefined;
  }
  try {
    await streaming.identifySystem();
    return { slot: config.slotName, streaming };
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    ctx.log.named('barman.server').error(`Cannot connect to server '${server.name}': ${error.message}`);
    ctx.output.error(`Cannot connect to server '${server.name}'`);
    return undefined;
  }
}
