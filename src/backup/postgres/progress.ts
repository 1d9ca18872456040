/** How far pg_basebackup is: PostgreSQL tells it, if it can; otherwise the bytes that are on our disk. */
import type { ClusterFacts, PostgresConnection } from '../../postgres/connections.ts';
import { parseConninfo } from '../../domain/conninfo.ts';
import { has } from '../../domain/postgres-version.ts';
import { bytesBelow } from '../copy-progress.ts';
import type { BackupJob } from '../method.ts';
import { type ProgressWatch, watchProgress } from '../../transfer/progress.ts';

/** Follows the copy of this job on the terminal; asks nobody when there is none. */
export function watchBaseBackup(job: BackupJob, postgres: PostgresConnection, facts: ClusterFacts): ProgressWatch {
  const { config } = job.scope;
  const label = `Copying ${job.scope.name}`;
  const total = facts.clusterSize;
  let tellsProgress = has(facts.version, 'backupProgress');
  return watchProgress(job.scope.output.progress, label, async () => {
    if (tellsProgress) {
      const applicationName =
        parseConninfo(config.streamingConninfo ?? '').application_name ?? config.streamingBackupName;
      const progress = await postgres.baseBackupProgress(applicationName).catch(() => null);
      if (progress?.phase.startsWith('waiting for checkpoint'))
        return { done: 0, total, note: 'waiting for a checkpoint' };
      if (progress !== null) return { done: progress.bytesStreamed, total: progress.bytesTotal ?? total };
    }
    const done = await bytesBelow(job.directory);
    // Without the right to see that view every answer is empty: once bytes arrive, the disk is asked alone.
    if (done > 0) tellsProgress = false;
    return { done, total };
  });
}
