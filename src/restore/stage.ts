/**
 * The private directory of a restore onto another host: what the restore makes itself waits there until it goes over, WAL
 * included. It holds a lock file for as long as the restore lives; one that nobody holds was left by a restore that was
 * killed, and goes with the next restore or cron.
 */
import { lstat, mkdtemp, readdir, rmdir, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDirectory } from '../host/files.ts';
import { acquireLock, lockHolder } from '../host/lock.ts';
import type { ServerConfig } from '../config/options.ts';
import { LockBusyError, LockDeniedError, messageOf } from '../domain/errors.ts';
import type { CommandContext } from '../server/context.ts';
import type { RestoreRequest } from './request.ts';

/** No other program uses this name. */
const PREFIX = 'barman-restore-';
const LOCK_FILE = 'lock';
/** A directory that has no lock file yet may be in the making, ms. */
const ABANDONED = 60_000;

type StagingConfig = Pick<ServerConfig, 'localStagingPath' | 'stagingPath'>;

/** WAL waits there until it goes over: the staging path for this host, where one is configured. */
export function stagingFolder(config: StagingConfig, request: Partial<RestoreRequest> = {}): string {
  const chosen = request.localStagingPath ?? request.stagingPath ?? config.localStagingPath ?? config.stagingPath;
  return chosen !== null && request.stagingLocation !== 'remote' ? chosen : tmpdir();
}

/** Makes one in `folder`, runs `body`, removes it. */
export async function withStage<T>(
  ctx: CommandContext,
  folder: string,
  body: (stage: string) => Promise<T>,
): Promise<T> {
  await makeDirectory(folder, 0o700);
  await removeStaleStages(ctx, [folder]);
  const stage = await mkdtemp(join(folder, PREFIX));
  const lock = await acquireLock(join(stage, LOCK_FILE), { wait: false });
  try {
    return await body(stage);
  } finally {
    await removeStage(stage).catch((error: unknown) => notRemoved(ctx, stage, error));
    await lock.release();
  }
}

function notRemoved(ctx: CommandContext, stage: string, error: unknown): void {
  ctx.log.named('barman.recovery_executor').warning(`cannot remove '${stage}': ${messageOf(error)}`);
}

/** True when there is one in these folders, in use or stale. */
export async function hasStages(folders: Iterable<string>): Promise<boolean> {
  return (await stages(folders)).length > 0;
}

/** Removes what killed restores of this user left in these folders. What cannot be looked at or removed stays. */
export async function removeStaleStages(ctx: CommandContext, folders: Iterable<string>): Promise<void> {
  for (const stage of await stages(folders)) {
    await removeIfStale(ctx, stage).catch((error: unknown) => notRemoved(ctx, stage, error));
  }
}

async function stages(folders: Iterable<string>): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of new Set(folders)) {
    const names = await readdir(folder).catch((): string[] => []);
    found.push(...names.filter((name) => name.startsWith(PREFIX)).map((name) => join(folder, name)));
  }
  return found;
}

async function removeIfStale(ctx: CommandContext, stage: string): Promise<void> {
  const facts = await lstat(stage);
  if (!facts.isDirectory() || facts.uid !== process.getuid?.()) return;
  const lockFile = join(stage, LOCK_FILE);
  if ((await lstat(lockFile).catch(() => null)) === null) {
    if (ctx.now().getTime() - facts.mtimeMs > ABANDONED) await rmdir(stage);
    return;
  }
  if ((await lockHolder(lockFile)) !== undefined) return;
  try {
    const lock = await acquireLock(lockFile, { wait: false });
    await removeStage(stage);
    await lock.release();
    ctx.log.named('barman.recovery_executor').info(`removed '${stage}': the restore that used it was killed`);
  } catch (error) {
    if (!(error instanceof LockBusyError || error instanceof LockDeniedError)) throw error;
  }
}

/** Files and directories only; the lock file last, so that a removal that is cut short is taken up again. */
async function removeStage(stage: string): Promise<void> {
  const clear = async (directory: string, kept: string | null) => {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        await clear(path, null);
        await rmdir(path);
      } else if (entry.isFile() && path !== kept) await unlink(path);
    }
  };
  const lockFile = join(stage, LOCK_FILE);
  await clear(stage, lockFile);
  await unlink(lockFile);
  await rmdir(stage);
}
