/**
 * backup_method = postgres: pg_basebackup writes PGDATA to `base/<id>/data` and each tablespace to `base/<id>/<oid>`.
 * No backup function is called in SQL, so nothing is left behind in PostgreSQL when we die.
 * Source: docs/behaviour/backup.md 4.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { howItEnded } from '../../host/process/failure.ts';
import { type ClientProgram, findClientProgram } from '../../postgres/client-programs.ts';
import { baseBackupArgs, runPgBasebackup } from '../../postgres/pg-basebackup.ts';
import type { ClusterFacts, PostgresConnection, WalPosition } from '../../postgres/connections.ts';
import { toolConnection } from '../../domain/conninfo.ts';
import { humanDuration } from '../../domain/time/duration.ts';
import { BackupError, messageOf } from '../../domain/errors.ts';
import { segmentOfLsn } from '../../domain/wal/wal.ts';
import type { CommandContext } from '../../server/context.ts';
import type { ServerScope } from '../../server/scope.ts';
import { flushBehind } from '../../transfer/flush-behind.ts';
import { type BackupJob, type BackupMethod, beginNow, interruption, stopIfInterrupted } from '../method.ts';
import { connectionOf, recordedFacts, refuseOldServer } from '../cluster-facts.ts';
import { watchBaseBackup } from './progress.ts';
import { readLabel, refuseStrayTablespaces } from './result.ts';

export const postgresBackup: BackupMethod = async (job) => {
  const { scope } = job;
  const postgres = connectionOf(scope);
  const facts = await postgres.clusterFacts();
  refuseOldServer(facts);
  const begin = await postgres.walPosition();
  await job.recordStart({ ...recordedFacts(facts), ...beginFields(begin) });

  job.enter('copying files');
  const began = beginNow(scope);
  scope.output.info(`Starting backup copy via pg_basebackup for ${job.backupId}`);
  await copyWithRetries(job, postgres, facts);
  const seconds = began.seconds();
  scope.output.info(`Copy done (time: ${humanDuration(seconds)})`);
  warnAboutExternalFiles(scope, facts);

  const { compression, label, labelText } = await readLabel(job, facts.tablespaces);
  await refuseStrayTablespaces(job, facts.tablespaces);
  scope.output.info('Finalising the backup.');
  const end = await postgres.walPosition();
  await switchWal(scope, end);
  const took = Math.round(seconds * 1_000_000) / 1_000_000;
  return {
    began,
    changes: {
      compression,
      backupLabel: labelText,
      timeline: label.timeline,
      beginXlog: label.beginXlog,
      beginWal: label.beginWal,
      beginOffset: Number(label.beginXlog % BigInt(facts.segmentSize)),
      copyStats: { copy_time: took, total_time: took },
      ...(await endFields(scope, end, label.timeline, facts.segmentSize)),
    },
  };
};

function beginFields(begin: WalPosition) {
  return {
    beginTime: begin.timestamp,
    beginXlog: begin.lsn,
    beginWal: begin.fileName,
    beginOffset: begin.fileOffset,
    timeline: begin.fileName === null ? null : Number.parseInt(begin.fileName.slice(0, 8), 16),
  };
}

/** On a standby the file name is computed from the timeline it follows now. */
async function endFields(scope: ServerScope, end: WalPosition, timeline: number, segmentSize: number) {
  if (end.fileName !== null) {
    return { endTime: end.timestamp, endXlog: end.lsn, endWal: end.fileName, endOffset: end.fileOffset };
  }
  const current = scope.streaming === null ? timeline : (await scope.streaming.identifySystem()).timeline;
  const segment = segmentOfLsn(current, end.lsn, segmentSize);
  return { endTime: end.timestamp, endXlog: end.lsn, endWal: segment.name, endOffset: segment.offset };
}

async function copyWithRetries(job: BackupJob, postgres: PostgresConnection, facts: ClusterFacts): Promise<void> {
  const { scope } = job;
  const retries = Math.max(0, scope.config.basebackupRetryTimes);
  const pause = Math.max(0, scope.config.basebackupRetrySleep);
  const program = await findClientProgram(['pg_basebackup'], scope.searchPath, scope.env);
  if (program === undefined) throw new BackupError('pg_basebackup not present in $PATH');
  for (let attempt = 0; ; attempt += 1) {
    stopIfInterrupted(scope.signal);
    await prepareDestinations(job, facts);
    try {
      await copyOnce(job, postgres, program, facts);
      return;
    } catch (error) {
      if (scope.signal.aborted || attempt >= retries) throw error;
      scope.log.named('barman.backup_executor').error(messageOf(error));
      scope.output.warning(`Failure executing a backup using pg_basebackup (attempt ${attempt})`);
      scope.output.warning(
        `The files copied so far will be removed and the backup process will restart in ${pause} seconds`,
      );
      await sleep(pause * 1000, undefined, { signal: scope.signal }).catch(() => stopIfInterrupted(scope.signal));
    }
  }
}

/** The directories of this backup alone, empty and 0700. What is removed is what an earlier attempt left. */
async function prepareDestinations(job: BackupJob, facts: ClusterFacts): Promise<void> {
  for (const name of ['data', ...facts.tablespaces.map(({ oid }) => String(oid))]) {
    const path = join(job.directory, name);
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { mode: 0o700 });
    await chmod(path, 0o700);
  }
}

async function copyOnce(
  job: BackupJob,
  postgres: PostgresConnection,
  program: ClientProgram,
  facts: ClusterFacts,
): Promise<void> {
  const { scope } = job;
  const { config } = scope;
  const conninfo = config.streamingConninfo;
  if (conninfo === null) throw new BackupError(`Missing 'streaming_conninfo' parameter for server '${scope.name}'`);
  const connection = toolConnection(conninfo, config.streamingBackupName);
  const destination = join(job.directory, 'data');
  const args = baseBackupArgs(program.version, {
    dsn: connection.dsn,
    destination,
    tablespaces: facts.tablespaces.map(({ oid, location }) => ({
      location,
      destination: join(job.directory, String(oid)),
    })),
    maxRate: config.bandwidthLimit,
    fastCheckpoint: config.immediateCheckpoint,
    compression: {
      type: config.backupCompression,
      format: config.backupCompressionFormat,
      location: config.backupCompressionLocation,
      level: config.backupCompressionLevel,
      workers: config.backupCompressionWorkers,
    },
    warehousepgDbid: config.warehousepgDbid,
  });
  // Nothing is asked in SQL while the copy runs, unless somebody watches it.
  await postgres.close();
  const log = scope.log.named('barman.backup_executor');
  const progress = watchBaseBackup(job, postgres, facts);
  const flushing = flushBehind(job.directory);
  try {
    const result = await runPgBasebackup(program.path, args, {
      env: { ...scope.programEnv, ...connection.env },
      signal: scope.signal,
      onLine: (line) => {
        log.info(line);
        if (!line.includes('waiting for required WAL segments to be archived')) return;
        void switchOnPrimary(scope);
        void tellWaiting(job, postgres);
      },
    });
    if (scope.signal.aborted || (await stoppedTogether(scope, result.signal))) throw interruption(scope.signal);
    if (result.code === 0) return;
    const why = result.signal === null ? [] : [`pg_basebackup ${howItEnded(result)}`];
    const output = [...why, result.stdout.trimEnd(), result.stderr.trimEnd()].filter((text) => text !== '');
    throw new BackupError(
      [`data transfer failure on directory '${destination}'`, 'pg_basebackup error:', ...output].join('\n'),
    );
  } finally {
    await Promise.all([progress.stop(), flushing.stop()]);
  }
}

/** PostgreSQL says this once, after five seconds: everything is copied, and only its own archiver keeps the backup from ending. */
async function tellWaiting({ scope, backupId }: BackupJob, postgres: PostgresConnection): Promise<void> {
  const { statistics } = await postgres.archiverStatus();
  const isFailing = statistics !== null && statistics.failedCount > 0 && statistics.isArchiving !== true;
  scope.output.warning(
    [
      `Backup ${backupId} is copied and waits until PostgreSQL has archived its last WAL file (archive_mode = on).`,
      isFailing
        ? `archive_command fails, the last time for ${statistics.lastFailedWal}: see PostgreSQL's log and repair it. The backup then goes on by itself.`
        : `When this does not end, look at archive_command and PostgreSQL's log: psql -c 'SELECT * FROM pg_stat_archiver'`,
    ].join('\n'),
  );
}

/** Ctrl-C reaches the whole terminal: pg_basebackup may be gone before our own signal has been seen. */
async function stoppedTogether(ctx: CommandContext, signal: NodeJS.Signals | null): Promise<boolean> {
  if (signal !== 'SIGINT' && signal !== 'SIGTERM') return false;
  await sleep(200);
  return ctx.signal.aborted;
}

/** A standby cannot switch: its primary does. The backup is good without the switch, it only has to wait for more WAL. */
async function switchWal(scope: ServerScope, end: WalPosition): Promise<void> {
  if (end.fileName === null) {
    await switchOnPrimary(scope);
    return;
  }
  await scope.postgres?.switchWal().catch((error: unknown) => {
    scope.log.named('barman.postgres').warning(`Error issuing pg_switch_wal() command: ${messageOf(error)}`);
  });
}

async function switchOnPrimary(scope: ServerScope): Promise<void> {
  await scope.primary?.switchWal().catch((error: unknown) => {
    scope.log
      .named('barman.postgres')
      .warning(`Error issuing pg_switch_wal() command on the primary: ${messageOf(error)}`);
  });
}

function warnAboutExternalFiles(scope: ServerScope, facts: ClusterFacts): void {
  const files = [facts.configFile, facts.hbaFile, facts.identFile, ...facts.includedFiles].filter(
    (path): path is string => path !== null && !path.startsWith(facts.pgdata),
  );
  if (files.length === 0) return;
  const text = `pg_basebackup does not copy the PostgreSQL configuration files that reside outside PGDATA. Please manually backup the following files:\n${files.map((path) => `\t${path}\n`).join('')}`;
  if (scope.config.backupOptions.has('external_configuration')) scope.log.named('barman.backup_executor').debug(text);
  else scope.output.warning(text);
}
