/** The links in pg_tblspc that tell PostgreSQL where its tablespaces are. Source: docs/behaviour/recovery.md 6.2. */
import { lstat, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, syncDirectory } from '../../host/files.ts';
import { systemReason } from '../../host/system-reason.ts';
import { RecoveryError } from '../../domain/errors.ts';
import type { PlannedTablespace } from '../plan.ts';

/** Makes every link, replacing one that an archive brought along. */
export async function linkTablespaces(destination: string, tablespaces: readonly PlannedTablespace[]): Promise<void> {
  const directory = join(destination, 'pg_tblspc');
  await makeDirectory(directory, 0o700);
  for (const { oid, name, location, path } of tablespaces) {
    const link = join(directory, String(oid));
    try {
      const present = await lstat(link).catch(() => null);
      if (present?.isSymbolicLink()) await unlink(link);
      await symlink(path, link);
    } catch (error) {
      throw new RecoveryError(
        `unable to prepare '${name}' tablespace (destination '${location}'): ${systemReason(error)}`,
        {
          cause: error,
        },
      );
    }
  }
  await syncDirectory(directory);
}
