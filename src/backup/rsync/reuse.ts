/**
 * `reuse_backup`: which earlier backup an rsync backup builds on, and by which means.
 * Source: docs/behaviour/backup.md 5.5.
 */
import { link, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../../host/files.ts';
import { backupPath } from '../../catalog/layout.ts';
import { isSound } from '../../domain/backup/backup-flaw.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { layoutOf, obstacleTo } from '../../domain/backup/backup-layout.ts';
import { errnoOf, messageOf } from '../../domain/errors.ts';
import type { BackupJob } from '../method.ts';

export interface Reuse {
  readonly kind: 'link' | 'copy';
  readonly previous: BackupInfo;
  /** `base/<id>` of the earlier backup. */
  readonly directory: string;
  /** Seconds since 1970: a file changed before it is as the earlier backup has it, if size and time are the same. */
  readonly safeHorizon: number;
}

/** File times are those of a coarser clock than now(), and whole seconds. */
const CLOCK_MARGIN = 2;

/** What to build on; null for a copy of everything. `workDirectory` is on the filesystem of the new backup. */
export async function chooseReuse(job: BackupJob, workDirectory: string): Promise<Reuse | null> {
  const { scope } = job;
  const kind = scope.config.reuseBackup;
  if (kind === null || kind === 'off') return null;
  const { backups } = await scope.catalog.listBackups();
  const flaws = await scope.catalog.flaws();
  const previous = backups.findLast((info) => info.backupId !== job.backupId && isSound(info, flaws));
  if (previous === undefined) return null;
  const log = scope.log.named('barman.backup_executor');
  const directory = backupPath(scope.catalog.layout, previous.backupId);
  if (previous.systemid !== null && job.systemid !== null && previous.systemid !== job.systemid) {
    scope.output.warning(`Backup ${previous.backupId} is of another cluster: nothing of it is used for this backup`);
    return null;
  }
  const subject = { backup: previous.backupId, server: scope.name };
  const obstacle = obstacleTo('link', layoutOf(previous, scope.catalog.layout), subject);
  if (obstacle !== null || !(await exists(join(directory, 'data')))) {
    log.info(`Backup ${previous.backupId} has no plain files: nothing of it is used for this backup`);
    return null;
  }
  const begin = previous.beginTime?.epochMicros ?? 0n;
  const found = { previous, directory, safeHorizon: Number(begin / 1_000_000n) - CLOCK_MARGIN };
  if (kind === 'copy') return { ...found, kind };
  const problem = await linkProblem(join(directory, 'data', 'PG_VERSION'), join(workDirectory, 'link'));
  if (problem === null) return { ...found, kind };
  scope.output.warning(
    `reuse_backup = link: no hard link to backup ${previous.backupId} can be made (${problem}); unchanged files are copied`,
  );
  return { ...found, kind: 'copy' };
}

/** Why no hard link can be made here; null when one can. */
async function linkProblem(from: string, to: string): Promise<string | null> {
  try {
    await link(from, to);
  } catch (error) {
    return errnoOf(error) === 'ENOENT' ? null : messageOf(error);
  }
  await rm(to, { force: true });
  return null;
}
