/**
 * `receive-wal --reset`: lines the streaming directory up with the replication slot. Source: docs/behaviour/wal.md 5.
 */
import { constants } from 'node:fs';
import { open, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { compareBytes, listNames, makeDirectory, syncDirectory } from '../../host/files.ts';
import { errnoOf, WalError } from '../../domain/errors.ts';
import { parseWalName, segmentOfLsn } from '../../domain/wal/wal.ts';
import type { CommandContext } from '../../server/context.ts';
import { askServerStatus } from '../../server/ask-status.ts';
import type { ServerScope } from '../../server/scope.ts';
import { withLock } from '../../server/locks.ts';
import { segmentSizeOf, type ServerStatus } from '../../server/server-status.ts';

/** Makes the next receive-wal start at the slot's position; the caller has asked mayStream. Reports what it does and why it cannot. */
export async function resetReceiver(scope: ServerScope): Promise<void> {
  await withLock(scope, 'reset receiver', () => reset(scope));
}

async function reset(scope: ServerScope): Promise<void> {
  // Asked under the lock: until we had it, a receiver may have moved the slot.
  const { current, restart } = positions(scope, await askServerStatus(scope));
  const directory = scope.config.streamingWalsDirectory;
  const newest = await newestReceived(directory);
  const partial = `${restart}.partial`;
  if (newest === undefined || newest === restart || newest === partial) {
    scope.output.info('Nothing to do. Position of receive-wal is aligned.');
    return;
  }
  if (compareBytes(newest, current) > 0 && newest !== `${current}.partial`) {
    scope.output.error(`The receive-wal position is ahead of PostgreSQL current WAL lsn (${newest} > ${current})`);
    return;
  }
  scope.output.info('Resetting receive-wal directory status');
  if (newest.endsWith('.partial')) await removePartial(scope, join(directory, newest), newest < restart);
  const path = join(directory, partial);
  scope.output.info(`Creating status file ${path}`);
  await createEmpty(path);
  await syncDirectory(directory);
}

function positions(scope: ServerScope, status: ServerStatus): { readonly current: string; readonly restart: string } {
  const { currentLsn, slot } = status.sql;
  const timeline = status.replication.identity?.timeline;
  if (currentLsn === null || timeline === undefined) {
    throw new WalError(`the current WAL position of server '${scope.name}' is not known`, {
      hint: `run 'barman check ${scope.name}'`,
    });
  }
  const segmentSize = segmentSizeOf(status);
  return {
    current: segmentOfLsn(timeline, currentLsn, segmentSize).name,
    restart: segmentOfLsn(timeline, slot?.restartLsn ?? currentLsn, segmentSize).name,
  };
}

async function newestReceived(directory: string): Promise<string | undefined> {
  return (await listNames(directory)).findLast((name) => {
    const kind = parseWalName(name)?.kind;
    return kind === 'segment' || kind === 'partial';
  });
}

/**
 * A partial file from before the slot's position holds WAL that PostgreSQL will not send again: it stays, and archive-wal
 * archives it. compat 3.20.1: it is deleted there.
 */
async function removePartial(ctx: CommandContext, path: string, isIrretrievable: boolean): Promise<void> {
  if (isIrretrievable && (await stat(path)).size > 0) {
    ctx.output.info(`Keeping status file ${path}: it holds WAL that cannot be streamed again`);
    return;
  }
  ctx.output.info(`Removing status file ${path}`);
  await unlink(path);
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
