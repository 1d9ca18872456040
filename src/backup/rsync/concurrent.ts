/**
 * A backup in PostgreSQL's concurrent mode around a copy that somebody else makes: started, watched, stopped. The session
 * stays open all the while; when it breaks, PostgreSQL has given the backup up, so the copy is ended at once.
 * Source: docs/behaviour/backup.md 3.1, 3.2, 3.7, 3.8.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackupPosition, ClusterFacts, PostgresConnection } from '../../postgres/connections.ts';
import { BackupError, messageOf } from '../../domain/errors.ts';
import { segmentOfLsn } from '../../domain/wal/wal.ts';
import { type BackupJob, stopIfInterrupted } from '../method.ts';
import { has } from '../../domain/postgres-version.ts';

/** How long the heartbeat may wait for its answer when its interval is shorter, ms. */
const HEARTBEAT_PATIENCE = 60_000;
/** How long the stop of a failed backup may take, ms. */
const ABANDON_PATIENCE = 30_000;
const LOST = 'Connection to the Postgres server was lost during the backup.';

export interface ConcurrentBackup {
  /** Aborted when the backup is over before its time: told to stop, or the session is lost (`reason` is the error). */
  readonly signal: AbortSignal;
  /** Stops the backup, notes its end in the record and writes the label into the copy. @throws BackupError */
  stop(): Promise<void>;
  /** The same after a failed copy: nothing that goes wrong here matters any more. */
  abandon(): Promise<void>;
}

/** @throws BackupError when PostgreSQL does not start a backup */
export async function startConcurrentBackup(
  job: BackupJob,
  postgres: PostgresConnection,
  facts: ClusterFacts,
): Promise<ConcurrentBackup> {
  const { scope } = job;
  job.enter('issuing start backup command');
  const label = `Barman backup ${scope.name} ${job.backupId}`;
  const begin = await unlessInterrupted(
    scope.signal,
    postgres.startBackup(label, scope.config.immediateCheckpoint),
    () => postgres.close(),
  ).catch((cause: unknown) => {
    stopIfInterrupted(scope.signal);
    const name = has(facts.version, 'backupStart') ? 'pg_backup_start' : 'pg_start_backup';
    throw new BackupError(`${name} command: ${messageOf(cause)}`, { cause });
  });
  const lost = new AbortController();
  const lose = () => lost.abort(new BackupError(LOST));
  postgres.pin(lose);
  const heartbeat = beat(postgres, scope.config.keepaliveInterval, lose);
  const place = segmentOfLsn(begin.timeline, begin.lsn, facts.segmentSize);
  await job.recordStart({
    beginTime: begin.timestamp,
    beginXlog: begin.lsn,
    beginWal: place.name,
    beginOffset: place.offset,
    timeline: begin.timeline,
  });
  const stop = async () => {
    await heartbeat.stop();
    if (lost.signal.aborted) throw lost.signal.reason;
    scope.output.info('Asking PostgreSQL server to finalize the backup.');
    await finalize(job, postgres, facts, begin);
  };
  return {
    signal: AbortSignal.any([scope.signal, lost.signal]),
    stop,
    abandon: async () => {
      await heartbeat.stop();
      if (lost.signal.aborted) return;
      const stopped = stop().catch((error: unknown) => {
        scope.log.named('barman.backup_executor').warning(`cannot stop the failed backup: ${messageOf(error)}`);
      });
      // PostgreSQL ends the backup with the session, if it does not answer any more.
      await Promise.race([stopped, sleep(ABANDON_PATIENCE, undefined, { ref: false })]);
    },
  };
}

async function finalize(job: BackupJob, postgres: PostgresConnection, facts: ClusterFacts, begin: BackupPosition) {
  job.enter('issuing stop backup command (native concurrent)');
  postgres.unpin();
  const name = has(facts.version, 'backupStart') ? 'pg_backup_stop' : 'pg_stop_backup';
  const end = await postgres.stopBackup().catch((cause: unknown) => {
    throw new BackupError(`Error issuing ${name} command: ${messageOf(cause)}`, { cause });
  });
  const place = segmentOfLsn(end.timeline, end.lsn, facts.segmentSize);
  job.note({
    endTime: end.timestamp,
    endXlog: end.lsn,
    endWal: place.name,
    endOffset: place.offset,
    backupLabel: end.label,
  });
  if (end.label === '') throw new BackupError(`${name} returned no backup label`);
  await moveWalOn(job, postgres);
  job.enter('writing backup label');
  await writeFile(join(job.directory, 'data', 'backup_label'), end.label, { mode: 0o600 });
  if (end.timeline !== begin.timeline) {
    const texts = `The backup starts in timeline ${begin.timeline} and ends in timeline ${end.timeline}.`;
    throw new BackupError(`Backups spanning multiple timelines are not supported. ${texts}`);
  }
}

/**
 * The segment in which the backup ends has to be archived. A standby cannot switch: its primary does, and where nothing
 * was written since the last switch a checkpoint gives it something to switch for (primary_checkpoint_timeout).
 */
async function moveWalOn(job: BackupJob, postgres: PostgresConnection): Promise<void> {
  const { scope } = job;
  try {
    if (!(await postgres.isInRecovery())) await postgres.switchWal();
    else if (scope.primary !== null) {
      const closed = await scope.primary.switchWal();
      if (closed !== null || scope.config.primaryCheckpointTimeout <= 0) return;
      await scope.primary.checkpoint();
      await scope.primary.switchWal();
    }
  } catch (error) {
    scope.log.named('barman.postgres').warning(`Error issuing pg_switch_wal() command: ${messageOf(error)}`);
  }
}

/** `SELECT 1` now and then: nobody between us may take the session for dead, and a dead one is noticed. */
function beat(postgres: PostgresConnection, seconds: number, lose: () => void): { stop(): Promise<void> } {
  const over = new AbortController();
  const work = async () => {
    while (!over.signal.aborted) {
      const patience = new AbortController();
      const answered = postgres.query('SELECT 1').then(
        () => true,
        () => false,
      );
      const limit = sleep(Math.max(seconds * 1000, HEARTBEAT_PATIENCE), false, { signal: patience.signal });
      const alive = await Promise.race([answered, limit.catch(() => true)]);
      patience.abort();
      if (!alive) {
        if (!over.signal.aborted) lose();
        return;
      }
      await sleep(seconds * 1000, undefined, { signal: over.signal }).catch(() => {});
    }
  };
  const running = seconds > 0 ? work() : Promise.resolve();
  return {
    stop: async () => {
      over.abort();
      await running;
    },
  };
}

/** Waits for `work`; an interruption ends it by `giveUp`. */
async function unlessInterrupted<T>(signal: AbortSignal, work: Promise<T>, giveUp: () => Promise<void>): Promise<T> {
  const end = () => void giveUp();
  signal.addEventListener('abort', end, { once: true });
  try {
    return await work;
  } finally {
    signal.removeEventListener('abort', end);
  }
}
