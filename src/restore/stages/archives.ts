/** A base backup that is kept as tar archives. Source: docs/behaviour/recovery.md 6.3. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { RecoveryError } from '../../domain/errors.ts';
import type { ServerScope } from '../../server/scope.ts';
import { CONTROL_FILE, HELD_CONTROL_FILE } from '../control-file.ts';
import type { RecoveryPlan } from '../plan.ts';
import type { BaseBackup } from './base.ts';
import type { CopyRun } from './copy.ts';
import { findArchives, unpackArchive } from './unpack.ts';

/** @throws RecoveryError when an archive is missing or the program that reads it is */
export async function inspectArchives(scope: ServerScope, plan: RecoveryPlan, source: string): Promise<BaseBackup> {
  const { info, destination } = plan;
  const archives = await findArchives(scope, info);
  const stored = [...archives.values()].reduce((sum, archive) => sum + archive.size, 0);
  const size = Math.max(stored, info.clusterSize ?? 0);
  const unpacking = ({ onBytes }: CopyRun) => ({
    env: scope.programEnv,
    signal: scope.signal,
    ...(scope.output.progress.enabled ? { onBytes } : {}),
  });
  return {
    size,
    demands: [{ directory: destination, source, bytes: size }],
    trees: null,
    copyTablespace: async ({ oid, path }, run) => {
      const archive = archives.get(oid);
      if (archive) await unpackArchive(archive, path, { ...unpacking(run), excludes: [] });
    },
    copyData: async (run) => {
      const archive = archives.get('base');
      if (!archive) return;
      await unpackArchive(archive, destination, {
        ...unpacking(run),
        excludes: ['recovery.conf', 'tablespace_map'],
        rename: { from: CONTROL_FILE, to: HELD_CONTROL_FILE },
      });
      if (!(await lstat(join(destination, HELD_CONTROL_FILE)).catch(() => null))?.isFile()) {
        throw new RecoveryError(`Failure copying base backup: '${archive.path}' holds no '${CONTROL_FILE}'`);
      }
    },
    isFlushed: false,
  };
}
