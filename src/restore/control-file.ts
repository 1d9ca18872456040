/**
 * global/pg_control comes under another name and takes its own only at the very end: PostgreSQL refuses to start without
 * it, so a restore that was cut short is never taken for a cluster.
 */
import { constants } from 'node:fs';
import { lstat, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../host/files.ts';
import type { ServerScope } from '../server/scope.ts';
import { type RecoveryPlan, sourceOfData } from './plan.ts';

/** Without it PostgreSQL does not start. */
export const CONTROL_FILE = 'global/pg_control';
export const HELD_CONTROL_FILE = 'global/pg_control.barman-restore';

/** Gives the control file its name: from now on PostgreSQL starts here. */
export async function releaseControlFile(scope: ServerScope, plan: RecoveryPlan): Promise<void> {
  const directory = join(plan.destination, 'global');
  await rename(join(plan.destination, HELD_CONTROL_FILE), join(plan.destination, CONTROL_FILE));
  // The rename was the last change in there: the directory keeps the time that it has in the backup.
  const original = await lstat(join(sourceOfData(scope, plan.info), 'global')).catch(() => null);
  if (original !== null) {
    const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.utimes(Date.now() / 1000, original.mtimeMs / 1000);
    } finally {
      await handle.close();
    }
  }
  await syncDirectory(directory);
}
