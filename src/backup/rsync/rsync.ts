/**
 * backup_method = rsync and local-rsync: PGDATA goes to `base/<id>/data`, each tablespace to `base/<id>/<oid>`, between the
 * start and the stop of a concurrent backup. Source: docs/behaviour/backup.md 5.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterFacts } from '../../postgres/connections.ts';
import { humanDuration } from '../../domain/time/duration.ts';
import { BackupError } from '../../domain/errors.ts';
import { type ConcurrentBackup, startConcurrentBackup } from './concurrent.ts';
import { isFirstBackup } from '../first-backup.ts';
import { flushBehind } from '../../transfer/flush-behind.ts';
import { type BackupJob, type BackupMethod, beginNow, interruption, stopIfInterrupted } from '../method.ts';
import { connectionOf, recordedFacts, refuseOldServer } from '../cluster-facts.ts';
import { watchCopy } from '../copy-progress.ts';
import { copyCluster } from './copy.ts';
import { outsideIncludes, ownTablespaces } from './items.ts';

/** Lists and unfinished files: below the backup, so that they share its filesystem and its end. */
const WORK_DIRECTORY = '.copy';

export const rsyncBackup: BackupMethod = async (job) => {
  const { scope } = job;
  const postgres = connectionOf(scope);
  const facts = await postgres.clusterFacts();
  refuseOldServer(facts);
  if (scope.config.backupOptions.has('exclusive_backup')) {
    scope.output.warning(
      `backup_options = exclusive_backup: a concurrent backup of server ${scope.name} is taken instead, it cannot leave PostgreSQL in backup mode`,
    );
  }
  job.note(recordedFacts(facts));
  const backup = await startConcurrentBackup(job, postgres, facts);
  const isFirst = await isFirstBackup(scope, job.backupId);
  const announceFirst = () => {
    if (isFirst) scope.output.info(`This is the first backup for server ${scope.name}`);
  };
  announceFirst();

  job.enter('copying files');
  const began = beginNow(scope);
  const jobs = Math.max(1, scope.config.parallelJobs);
  const way = scope.config.sshCommand === null ? 'local rsync' : 'rsync/SSH';
  scope.output.info(`Starting backup copy via ${way} for ${job.backupId}${jobs > 1 ? ` (${jobs} jobs)` : ''}`);
  try {
    const copyStats = await copyWhileStarted(job, facts, backup);
    job.note({ copyStats });
  } catch (error) {
    scope.output.error('The backup has failed copying files');
    await backup.abandon();
    job.enter('copying files');
    throw error;
  }
  const seconds = began.seconds();
  scope.output.info(`Copy done (time: ${humanDuration(seconds)})`);
  warnAboutIncludes(job, facts);
  announceFirst();
  await backup.stop();
  await refuseNewTablespaces(job, facts);
  return { began, changes: {} };
};

async function copyWhileStarted(job: BackupJob, facts: ClusterFacts, backup: ConcurrentBackup) {
  const { scope } = job;
  const work = join(job.directory, WORK_DIRECTORY);
  await mkdir(work, { mode: 0o700 });
  const progress = watchCopy(job, facts);
  const flushing = flushBehind(job.directory);
  try {
    return await copyCluster(job, facts, { workDirectory: work, signal: backup.signal });
  } catch (error) {
    // Every other trouble is a consequence of these two.
    if (scope.signal.aborted) throw interruption(scope.signal);
    if (backup.signal.aborted) throw backup.signal.reason;
    throw error;
  } finally {
    await Promise.all([progress.stop(), flushing.stop()]);
    await rm(work, { recursive: true, force: true });
  }
}

function warnAboutIncludes(job: BackupJob, facts: ClusterFacts): void {
  const { scope } = job;
  const files = outsideIncludes(facts);
  if (files.length === 0) return;
  const text = `The usage of include directives is not supported for files that reside outside PGDATA.\nPlease manually backup the following files:\n${files.map((path) => `\t${path}\n`).join('')}`;
  if (scope.config.backupOptions.has('external_configuration')) scope.log.named('barman.backup_executor').debug(text);
  else scope.output.warning(text);
}

/** A tablespace made during the copy is in no record, and replaying its creation needs a directory that nobody prepared. */
async function refuseNewTablespaces(job: BackupJob, facts: ClusterFacts): Promise<void> {
  stopIfInterrupted(job.scope.signal);
  job.enter('detecting tablespaces');
  const known = new Set(facts.tablespaces.map(({ oid }) => oid));
  const now = ownTablespaces(await connectionOf(job.scope).clusterFacts());
  const created = now.find(({ oid }) => !known.has(oid));
  if (created === undefined) return;
  throw new BackupError(`tablespace ${created.name} was created while the backup was running: run it again`);
}
