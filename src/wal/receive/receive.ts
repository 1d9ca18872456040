/**
 * receive-wal: everything that has to hold before pg_receivewal starts, and its run. Source: docs/behaviour/wal.md 5.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { listNames, makeDirectory } from '../../host/files.ts';
import { endText, receiveWalArgs, runPgReceivewal } from '../../postgres/pg-receivewal.ts';
import { toolConnection } from '../../domain/conninfo.ts';
import { PostgresError, WalError, withHint } from '../../domain/errors.ts';
import {
  causeIn,
  obstacleLine,
  remedyFor,
  slotObstacle,
  type StreamCause,
  type StreamObstacle,
  usedSlot,
} from '../../domain/wal/stream-obstacle.ts';
import { parseWalName } from '../../domain/wal/wal.ts';
import type { CommandContext } from '../../server/context.ts';
import type { ServerScope } from '../../server/scope.ts';
import { segmentSizeOf, type ServerStatus } from '../../server/server-status.ts';
import { createSlot } from './slot.ts';
import { withLock } from '../../server/locks.ts';

/**
 * Streams until it is stopped; the caller has asked mayStream. SIGINT is the normal end; SIGTERM is passed on and rethrown
 * for the exit code. What keeps it from streaming is a reported error.
 */
export async function receiveWal(scope: ServerScope): Promise<void> {
  scope.output.info(`Starting receive-wal for server ${scope.name}`);
  try {
    await withLock(scope, 'receive', () => stream(scope));
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    scope.output.error(withHint(`ArchiverFailure:${error.message}`, error.hint));
  }
}

async function stream(scope: ServerScope): Promise<void> {
  const { config } = scope;
  const status = await scope.status();
  const { path, supportsSlots, isSynchronous } = requireProgram(scope, status);
  if (supportsSlots && !(await requireSlot(scope, status))) return;
  const directory = config.streamingWalsDirectory;
  await makeDirectory(directory);
  await truncateTornPartial(scope, directory, segmentSizeOf(status));
  const connection = toolConnection(config.streamingConninfo ?? '', config.streamingArchiverName);
  // This may run for months: the connections that asked the questions are not kept for it.
  await scope.close();
  const args = receiveWalArgs({
    dsn: connection.dsn,
    directory,
    slotName: supportsSlots ? config.slotName : null,
    synchronous: isSynchronous,
  });
  let cause: StreamCause | undefined;
  const end = await runPgReceivewal(path, args, {
    env: { ...scope.programEnv, ...connection.env },
    signal: scope.signal,
    onLine: (line) => {
      // compat 3.20.1: what it says after we told it to stop goes unseen.
      if (scope.signal.aborted) scope.log.named('barman.server').info(`${scope.name}: ${line}`);
      else scope.output.info(`${scope.name}: ${line}`);
      cause ??= causeIn(line);
    },
  });
  if (scope.signal.reason === 'SIGINT') {
    scope.output.info('SIGINT received. Terminate gracefully.');
    return;
  }
  scope.signal.throwIfAborted();
  if (cause === 'removed WAL' && status.sql.slot?.lost != null) cause = 'lost slot';
  const text = endText(end);
  if (text !== null) throw new WalError(text, cause === undefined ? {} : { hint: remedyFor(cause, scope.name) });
}

interface Receiver {
  readonly path: string;
  readonly supportsSlots: boolean;
  readonly isSynchronous: boolean;
}

function requireProgram(scope: ServerScope, { replication, receiver }: ServerStatus): Receiver {
  if (replication.reach !== 'open') {
    throw new WalError(`failed opening the PostgreSQL streaming connection for server ${scope.name}`);
  }
  if (receiver === null || receiver.program === null) {
    throw new WalError('pg_receivewal not present in $PATH', {
      hint: `install the PostgreSQL client programs, or set path_prefix for server '${scope.name}'`,
    });
  }
  if (receiver.isCompatible !== true) {
    throw new WalError('pg_receivewal version not compatible with PostgreSQL server version', {
      hint: `set path_prefix for server '${scope.name}' to the programs of the server's release or a newer one`,
    });
  }
  const { program, supportsSlots, isSynchronous } = receiver;
  return { path: program.path, supportsSlots: supportsSlots === true, isSynchronous: isSynchronous === true };
}

/** False when the slot could not be created and that was reported. */
async function requireSlot(scope: ServerScope, { sql }: ServerStatus): Promise<boolean> {
  const { slotName, createSlot: creation } = scope.config;
  if (slotName === null) return true;
  const obstacle = slotObstacle(slotName, sql.slot);
  if (obstacle?.cause === 'no slot' && creation === 'auto') {
    scope.output.info(`Creating replication slot '${slotName}'`);
    return createSlot(scope, { ifNotExists: true });
  }
  if (obstacle?.cause === 'no slot') throw new WalError(obstacleLine(obstacle, scope.name));
  // A lost slot may still do: pg_receivewal tries.
  if (obstacle?.cause === 'logical slot') throw inTheWay(scope, obstacle);
  if (sql.slot?.active === true && (await isStillActive(scope, slotName))) throw inTheWay(scope, usedSlot(slotName));
  return true;
}

function inTheWay({ name }: ServerScope, { cause, words }: StreamObstacle): WalError {
  return new WalError(words, { hint: remedyFor(cause, name) });
}

/** The status is from before we had the lock: the receiver that held it may have ended meanwhile. */
async function isStillActive({ postgres }: ServerScope, slotName: string): Promise<boolean> {
  try {
    return (await postgres?.slot(slotName))?.active === true;
  } catch (error) {
    if (error instanceof PostgresError) return true;
    throw error;
  }
}

/**
 * pg_receivewal fills a new `.partial` with zeros before it writes WAL into it, and refuses one of another size: the size
 * is wrong only when that filling was cut short, so there is nothing to lose in it.
 */
async function truncateTornPartial(ctx: CommandContext, directory: string, segmentSize: number): Promise<void> {
  const partials = (await listNames(directory)).filter((name) => parseWalName(name)?.kind === 'partial');
  const last = partials.at(-1);
  if (last === undefined) return;
  const path = join(directory, last);
  const handle = await open(path, 'r+');
  try {
    const { size } = await handle.stat();
    if (size === 0 || size === segmentSize) return;
    ctx.output.info(`Truncating partial file ${path} that has wrong size ${size} while ${segmentSize} was expected.`);
    await handle.truncate(0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
