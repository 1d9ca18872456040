/**
 * Configuration changes queued by config-update. Applying them is not part of this release, so that nothing is lost they
 * stay in the queue and cron says so. Source: spec config.md 11, backup.md 7 step 1.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../adapters/lock.ts';
import { errnoOf, LockBusyError } from '../domain/errors.ts';
import type { CommandContext } from './context.ts';

export async function checkPendingChanges(ctx: CommandContext): Promise<void> {
  const { barmanLockDirectory, configChangesQueue } = ctx.config.global;
  const text = await readFile(configChangesQueue, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return '[]';
    throw error;
  });
  try {
    await withLock(join(barmanLockDirectory, '.config-update.lock'), { wait: false }, async () => {
      if (/^\s*(\[\s*\]\s*)?$/.test(text)) return;
      ctx.output.warning(
        `'${configChangesQueue}' holds configuration changes, and config-update is not available in this release: they are kept and not applied`,
      );
    });
  } catch (error) {
    if (!(error instanceof LockBusyError)) throw error;
    ctx.output.warning('another process is updating barman configuration files');
  }
}
