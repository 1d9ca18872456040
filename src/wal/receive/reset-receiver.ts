/**
 * `receive-wal --reset`: makes receive-wal go on where PostgreSQL can send from, with as little WAL left out as there is left.
 * Source: docs/behaviour/wal.md 5.
 */
import { constants } from 'node:fs';
import { open, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { listNames, makeDirectory, syncDirectory } from '../../host/files.ts';
import { errnoOf, WalError, withHint } from '../../domain/errors.ts';
import { formatLsn } from '../../domain/wal/lsn.ts';
import { remedyFor, slotObstacle } from '../../domain/wal/stream-obstacle.ts';
import {
  continuation,
  newestReceived,
  outranks,
  segmentAt,
  type ServerHistory,
  startObstacle,
  type StreamStart,
} from '../../domain/wal/stream-start.ts';
import { parseWalName, segmentOfLsn, type WalFile } from '../../domain/wal/wal.ts';
import { askServerStatus } from '../../server/ask-status.ts';
import type { ServerScope } from '../../server/scope.ts';
import { withLock } from '../../server/locks.ts';
import { segmentSizeOf, type ServerStatus } from '../../server/server-status.ts';
import { archiveReceived } from '../archive/archive.ts';
import { firstKept, type KeptStart, nameOf, ownStart, serverHistory } from './start.ts';

/**
 * The caller has asked mayStream. Reports what it does and why it cannot. True when receive-wal is to be started, which goes
 * on somewhere else now.
 */
export async function resetReceiver(scope: ServerScope): Promise<boolean> {
  return (await withLock(scope, 'reset receiver', () => reset(scope))) === true;
}

async function reset(scope: ServerScope): Promise<boolean> {
  // Asked under the lock: until we had it, a receiver may have moved the slot.
  const status = await askServerStatus(scope);
  requireUsableSlot(scope, status);
  const server = await serverHistory(scope, status);
  if (server === null || status.sql.currentLsn === null) {
    throw new WalError(`the current WAL position of server '${scope.name}' is not known`, {
      hint: `run 'barman check ${scope.name}'`,
    });
  }
  const size = segmentSizeOf(status);
  const names = await listNames(scope.config.streamingWalsDirectory);
  const own = ownStart(names, status, server);
  const obstacle = startObstacle(own, server);
  if (obstacle?.cause === 'ahead of the server') {
    const current = segmentOfLsn(server.timeline, status.sql.currentLsn, size).name;
    scope.output.error(
      withHint(
        `The receive-wal position is ahead of PostgreSQL current WAL lsn (${newestReceived(names)?.name} > ${current})`,
        remedyFor(obstacle.cause, scope.name),
      ),
    );
    return false;
  }
  const held = continuation(await newestHeld(scope, names), server, size);
  const isOwnGood = obstacle === null && (held === null || own.lsn <= held.lsn);
  const kept = await firstKept(scope, status, server, isOwnGood ? own : (held ?? lastSegment(server, size)));
  if (isOwnGood && kept.removed.length === 0) {
    scope.output.info('Nothing to do. Position of receive-wal is aligned.');
    return false;
  }
  await moveStart(scope, names, `${nameOf(kept.start, size)}.partial`);
  await tell(scope, kept, size);
  return true;
}

function requireUsableSlot({ name, config }: ServerScope, { sql }: ServerStatus): void {
  const obstacle = config.slotName === null ? null : slotObstacle(config.slotName, sql.slot);
  // A missing one is made by receive-wal, or asked for there.
  if (obstacle === null || obstacle.cause === 'no slot') return;
  throw new WalError(obstacle.words, { hint: remedyFor(obstacle.cause, name) });
}

function lastSegment(server: ServerHistory, size: number): StreamStart {
  return segmentAt(server.flushed, server, size);
}

/** The newest file of each timeline, received or archived already. */
async function newestHeld(
  { catalog }: ServerScope,
  received: readonly string[],
): Promise<ReadonlyMap<number, WalFile>> {
  const newest = new Map<number, WalFile>();
  const archived = (await catalog.walStore.lastOfTimelines()).values();
  for (const name of [...received, ...archived]) {
    const file = newestReceived([name]);
    if (file === undefined) continue;
    const known = newest.get(file.timeline);
    if (known === undefined || outranks(name, known.name)) newest.set(file.timeline, file);
  }
  return newest;
}

/**
 * pg_receivewal goes on after the highest segment, whatever its timeline: the new place gets an empty file, then everything
 * above it leaves the directory. Killed between the two, receive-wal still refuses to start, and `--reset` does the rest.
 */
async function moveStart(scope: ServerScope, names: readonly string[], statusFile: string): Promise<void> {
  const directory = scope.config.streamingWalsDirectory;
  scope.output.info('Resetting receive-wal directory status');
  const above: string[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const isAbove = outranks(name, statusFile);
    const isPartial = parseWalName(name)?.kind === 'partial';
    if (!isAbove && !isPartial) continue;
    if (isPartial && (await stat(path)).size === 0) {
      if (name === statusFile) continue;
      scope.output.info(`Removing status file ${path}`);
      await unlink(path);
    } else if (isAbove) above.push(name);
    // compat 3.20.1: it is deleted there.
    else if (name !== statusFile) {
      scope.output.info(`Keeping status file ${path}: it holds WAL that cannot be streamed again`);
    }
  }
  const path = join(directory, statusFile);
  scope.output.info(`Creating status file ${path}`);
  await createEmpty(path);
  await syncDirectory(directory);
  if (above.length > 0) await archiveReceived(scope, above);
  const first = newestReceived(await listNames(directory))?.name;
  if (first === statusFile) return;
  throw new WalError(`'${join(directory, first ?? '')}' could not be archived, and receive-wal would go on after it`, {
    hint: `run "barman archive-wal ${scope.name}", which says why, and then "barman receive-wal --reset ${scope.name}" again`,
  });
}

async function createEmpty(path: string): Promise<void> {
  await makeDirectory(join(path, '..'));
  try {
    const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    await handle.sync();
    await handle.close();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

/** Where it goes on, and what is left out by that. */
async function tell(scope: ServerScope, { start, removed, isSeen }: KeptStart, size: number): Promise<void> {
  const { output, name: server, catalog } = scope;
  output.info(`receive-wal goes on at ${formatLsn(start.lsn)} (timeline ${start.timeline})`);
  const missing: string[] = [];
  for (const segment of removed) {
    const name = nameOf(segment, size);
    if (!(await catalog.walStore.has(name))) missing.push(name);
  }
  if (missing.length === 0) return;
  const [first, last] = [missing[0], missing.at(-1)];
  const what = missing.length === 1 ? `WAL file ${first}` : `${missing.length} WAL files, ${first} to ${last},`;
  const why = isSeen ? 'PostgreSQL no longer has this WAL' : 'PostgreSQL may no longer have this WAL';
  const advice = `run "barman backup ${server}" as soon as receive-wal streams: no recovery from an older backup goes beyond that`;
  const right = isSeen ? '' : '; to a member of pg_monitor PostgreSQL shows which WAL it has';
  output.warning(withHint(`${what} will be missing: ${why}`, advice + right));
}
