/** Creating and dropping the replication slot of a server. Source: docs/behaviour/wal.md 5. */
import type { StreamingConnection } from '../../postgres/connections.ts';
import { sqlStateOf } from '../../postgres/libpq/failure.ts';
import { PostgresError, withHint } from '../../domain/errors.ts';
import { obstacleLine, remedyFor, slotObstacle, type StreamObstacle } from '../../domain/wal/stream-obstacle.ts';
import type { ServerScope } from '../../server/scope.ts';

const EXISTS = '42710';
const UNKNOWN = '42704';
const ALL_IN_USE = '53400';
const IN_USE = '55006';

/** `receive-wal --create-slot`, also the automatic creation. True when the slot is there afterwards; reports failures. */
export async function createSlot(scope: ServerScope, options: { readonly ifNotExists: boolean }): Promise<boolean> {
  const target = await reachSlot(scope, 'create');
  if (target === undefined) return false;
  const { slot, streaming } = target;
  scope.output.info(`Creating physical replication slot '${slot}' on server '${scope.name}'`);
  try {
    await streaming.createPhysicalSlot(slot);
    scope.output.info(`Replication slot '${slot}' created`);
    return true;
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    return refused(scope, slot, error, options.ifNotExists);
  }
}

/** What is wrong with a slot that is there; null when nothing is, or PostgreSQL does not tell. */
async function obstacleOfSlot({ postgres }: ServerScope, name: string): Promise<StreamObstacle | null> {
  try {
    const slot = (await postgres?.slot(name)) ?? null;
    return slot && slotObstacle(name, slot);
  } catch (error) {
    if (error instanceof PostgresError) return null;
    throw error;
  }
}

async function refused(scope: ServerScope, slot: string, error: PostgresError, ifNotExists: boolean): Promise<boolean> {
  const state = sqlStateOf(error);
  const obstacle = state === EXISTS ? await obstacleOfSlot(scope, slot) : null;
  if (obstacle !== null) {
    scope.output.error(withHint(`Replication slot '${slot}' already exists`, obstacleLine(obstacle, scope.name)));
    return false;
  }
  if (state === EXISTS && ifNotExists) {
    scope.output.info(`Replication slot '${slot}' already exists and --if-not-exists was specified. Skipping creation`);
    return true;
  }
  if (state === EXISTS) {
    scope.output.error(`Replication slot '${slot}' already exists`);
  } else if (state === ALL_IN_USE) {
    scope.output.error(
      `All replication slots for server '${scope.name}' are in use\n` +
        'Free one or increase the max_replication_slots value on your PostgreSQL server.',
    );
  } else {
    scope.output.error(`Cannot create replication slot '${slot}' on server '${scope.name}': ${error.message}`);
  }
  return false;
}

/** `receive-wal --drop-slot`. */
export async function dropSlot(scope: ServerScope): Promise<void> {
  const target = await reachSlot(scope, 'drop');
  if (target === undefined) return;
  const { slot, streaming } = target;
  scope.output.info(`Dropping physical replication slot '${slot}' on server '${scope.name}'`);
  try {
    await streaming.dropSlot(slot);
    scope.output.info(`Replication slot '${slot}' dropped`);
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    const state = sqlStateOf(error);
    if (state === UNKNOWN) scope.output.error(`Replication slot '${slot}' does not exist`);
    else if (state === IN_USE) {
      const words = `Cannot drop replication slot '${slot}' on server '${scope.name}' because it is in use.`;
      const own = `run "barman terminate-process ${scope.name} receive-wal" when it is ours, else `;
      scope.output.error(withHint(words, own + remedyFor('slot in use', scope.name)));
    } else {
      scope.output.error(`Cannot drop replication slot '${slot}' on server '${scope.name}': ${error.message}`);
    }
  }
}

/** The slot's name and a connection that answers; undefined when that was reported as an error. */
async function reachSlot(
  scope: ServerScope,
  verb: 'create' | 'drop',
): Promise<{ readonly slot: string; readonly streaming: StreamingConnection } | undefined> {
  const { streaming, config } = scope;
  if (streaming === null) {
    scope.output.error(`Unable to ${verb} a physical replication slot: streaming connection not configured`);
    return undefined;
  }
  if (config.slotName === null) {
    scope.output.error(`Unable to ${verb} a physical replication slot: slot_name configuration option required`);
    return undefined;
  }
  try {
    await streaming.identifySystem();
    return { slot: config.slotName, streaming };
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    scope.log.named('barman.server').error(`Cannot connect to server '${scope.name}': ${error.message}`);
    scope.output.error(`Cannot connect to server '${scope.name}'`);
    return undefined;
  }
}
