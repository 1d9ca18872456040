/**
 * Removes lock files that nobody holds. Each is locked while it goes, never unlinked under a holder.
 * Source: docs/behaviour/catalog.md 7.
 */
import { join } from 'node:path';
import { inParallel } from '../domain/in-parallel.ts';
import { listNames, unlinkIfPresent } from '../host/files.ts';
import { acquireLock } from '../host/lock.ts';
import { LockBusyError, LockDeniedError } from '../domain/errors.ts';
import { heldLockFiles } from '../host/held-locks.ts';
import type { CommandContext } from '../server/context.ts';

/** Lock helpers at work at once. */
const AT_ONCE = 4;

export async function cleanLockDirectory(ctx: CommandContext): Promise<void> {
  ctx.log.named('barman.utils').info('Cleaning up lockfiles directory.');
  const directory = ctx.configuration.global.barmanLockDirectory;
  const names = (await listNames(directory)).filter((name) => /^\..+\.lock$/.test(name));
  const held = await heldLockFiles(names.map((name) => join(directory, name)));
  const idle = names.map((name) => join(directory, name)).filter((path) => !held.has(path));
  await inParallel(idle, AT_ONCE, (path) => removeIdle(ctx, path));
}

async function removeIdle(ctx: CommandContext, path: string): Promise<void> {
  try {
    const lock = await acquireLock(path, { wait: false });
    try {
      await unlinkIfPresent(path);
    } finally {
      await lock.release();
    }
  } catch (error) {
    if (error instanceof LockBusyError) return;
    if (!(error instanceof LockDeniedError)) throw error;
    ctx.log.named('barman.utils').warning(error.message);
  }
}
