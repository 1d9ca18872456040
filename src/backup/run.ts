/**
 * One base backup of one server, from the silent check to the last message. Everything that changes the record happens
 * here; the copy itself is a method's work (method.ts). Source: docs/behaviour/backup.md 1.1 and 2.
 *
 * Durable order: record EMPTY -> record STARTED -> copy -> every file flushed -> record WAITING_FOR_WALS. A kill at any
 * instant leaves a record that the next cron marks FAILED (repair.ts) and touches nothing else.
 */
import { backupPath } from '../catalog/layout.ts';
import { type BackupInfo, emptyBackupInfo } from '../domain/backup/backup-info.ts';
import { BarmanError, messageOf } from '../domain/errors.ts';
import { formatLsn } from '../domain/wal/lsn.ts';
import { majorText } from '../domain/postgres-version.ts';
import { backupResult } from '../output/results/backup.ts';
import type { ServerScope } from '../server/scope.ts';
import { announce, finishUnderLock, finishAfterLock, settleOnDisk } from './complete.ts';
import { recordFailure } from './failure.ts';
import { runBackupHooks } from './hooks.ts';
import { refuseIncremental } from './incremental.ts';
import { type BackupAction, type BackupMethod, beginNow, stopIfInterrupted } from './method.ts';
import { type AdmittedMethod, admitMethod } from './methods.ts';
import { repairUnderLock } from './repair.ts';
import { withLock } from '../server/locks.ts';

export interface BackupRequest {
  readonly name?: string;
  /** Id of the parent of an incremental backup. */
  readonly incremental?: string;
  /** Wait until the WAL that makes the backup consistent is archived. */
  readonly wait: boolean;
  /** Seconds to wait; null or 0 for no limit. */
  readonly waitTimeout: number | null;
}

/**
 * Takes one backup. Failures are reported on the output, not thrown, so that the next server has its turn; what is thrown
 * is a bug or a lock that may not be opened.
 */
export async function backupServer(scope: ServerScope, request: BackupRequest): Promise<void> {
  if (request.incremental !== undefined && (await refuseIncremental(scope, request.incremental))) return;
  const admitted = admitMethod(scope);
  if (typeof admitted === 'string') return scope.output.error(`failed to start backup: ${admitted}`);
  const { isReadyForBackup } = await import('../checks/run.ts');
  if (!(await isReadyForBackup(scope, { checkTimeout: scope.config.checkTimeout }))) {
    scope.output.error(
      `Impossible to start the backup. Check the log for more details, or run 'barman check ${scope.name}'`,
    );
    return;
  }
  if (!(await prepareCatalog(scope))) return;
  const systemid = await identify(scope);
  const preparation = { ...admitted, method: await admitted.load(), systemid };
  const info = await withLock(scope, 'backup', () => takeBackup(scope, request, preparation));
  if (info === undefined) return;
  await finishAfterLock(tidyingUp(scope), info);
}

async function prepareCatalog(scope: ServerScope): Promise<boolean> {
  try {
    await scope.catalog.createDirectories();
    return true;
  } catch (error) {
    const text = messageOf(error);
    const separator = text.lastIndexOf(': ');
    scope.output.error(`failed to create ${text.slice(0, separator)} directory: ${text.slice(separator + 2)}`);
    return false;
  }
}

/** The system identifier for the record; identity.json is written once per server. */
async function identify(scope: ServerScope): Promise<string | null> {
  const log = scope.log.named('barman.server');
  let systemid: string | null = null;
  try {
    if (scope.streaming !== null) systemid = (await scope.streaming.identifySystem()).systemid;
    else systemid = (await scope.postgres?.systemId()) ?? null;
    if (systemid !== null && scope.postgres !== null) {
      const version = await scope.postgres.serverVersion();
      await scope.catalog.writeIdentity({ systemid, version: majorText(version) });
    }
  } catch (error) {
    log.warning(`cannot store the identity of server ${scope.name}: ${messageOf(error)}`);
  } finally {
    await scope.streaming?.close();
  }
  return systemid;
}

interface Preparation extends AdmittedMethod {
  readonly method: BackupMethod;
  readonly systemid: string | null;
}

async function takeBackup(
  scope: ServerScope,
  request: BackupRequest,
  { mode, makesManifest, method, systemid }: Preparation,
): Promise<BackupInfo> {
  const { catalog } = scope;
  // Whatever is still unfinished under our lock has no process any more.
  await repairUnderLock(scope);
  let info = await catalog.createBackup(scope.now(), (backupId) => ({
    ...emptyBackupInfo(backupId),
    serverName: scope.name,
    mode,
    systemid,
    backupName: request.name ?? null,
  }));
  const directory = backupPath(catalog.layout, info.backupId);
  let action: BackupAction = 'starting backup';
  let began = beginNow(scope);
  try {
    stopIfInterrupted(scope.signal);
    scope.output.info(`Starting backup using ${mode} method for server ${scope.name} in ${directory}`);
    await runBackupHooks(scope, info, 'pre');
    stopIfInterrupted(scope.signal);
    const outcome = await method({
      scope,
      backupId: info.backupId,
      directory,
      systemid,
      enter: (next) => {
        action = next;
      },
      recordStart: async (changes) => {
        info = { ...info, ...changes, status: 'STARTED' };
        await catalog.saveBackup(info);
        scope.output.info(`Backup start at LSN: ${position(info.beginXlog, info.beginWal, info.beginOffset)}`);
      },
      note: (changes) => {
        info = { ...info, ...changes };
      },
    });
    stopIfInterrupted(scope.signal);
    began = outcome.began;
    info = { ...info, ...outcome.changes };
    await createRestorePoint(scope, info);
    action = 'calculating backup size';
    info = await settleOnDisk(scope, info, directory);
  } catch (error) {
    info = await recordFailure(scope, info, directory, action, error);
  } finally {
    await scope.postgres?.close();
  }
  if (info.status !== 'FAILED') {
    await announce(scope, info, { began, end: position(info.endXlog, info.endWal, info.endOffset) });
    info = await finishUnderLock(scope, info, request);
  }
  await runBackupHooks(tidyingUp(scope), info, 'post');
  if (!makesManifest) await writeManifest(scope, info);
  // compat 3.20.1: the status as it is under the lock; the archiving that follows may still settle the backup.
  scope.output.result(backupResult(info));
  return info;
}

/** `autogenerate_manifest`, where the method makes none. The backup is good without one. */
async function writeManifest(scope: ServerScope, info: BackupInfo): Promise<void> {
  const wanted = scope.config.autogenerateManifest && info.status !== 'FAILED';
  if (!wanted || scope.signal.aborted) return;
  const { generateManifest } = await import('../exchange/manifest/generate.ts');
  try {
    await generateManifest(scope, info);
    scope.output.info(`Backup manifest for backup '${info.backupId}' successfully generated for server ${scope.name}`);
  } catch (error) {
    scope.output.error(`cannot write the manifest of backup ${info.backupId}: ${messageOf(error)}`);
  }
}

/** How long an interrupted run may still take for its hooks and for archiving. */
const GRACE_MS = 60_000;

/** After an interruption the rest of the work gets a signal of its own: the first one is spent. */
function tidyingUp(scope: ServerScope): ServerScope {
  return scope.signal.aborted ? { ...scope, signal: AbortSignal.timeout(GRACE_MS) } : scope;
}

/** `0/3000060 (000000010000000000000003, 00000060)`; a standby knows no file name. */
function position(lsn: BackupInfo['beginXlog'], wal: string | null, offset: number | null): string {
  const text = lsn === null ? 'None' : formatLsn(lsn);
  if (wal === null) return text;
  return `${text} (${wal}, ${(offset ?? 0).toString(16).toUpperCase().padStart(8, '0')})`;
}

/** A name to restore to; a standby cannot make one, and no backup fails for want of it. */
async function createRestorePoint(scope: ServerScope, info: BackupInfo): Promise<void> {
  const log = scope.log.named('barman.postgres');
  const { postgres } = scope;
  if (postgres === null) return;
  const name = `barman_${info.backupId}`;
  try {
    if (await postgres.isInRecovery()) return;
    await postgres.createRestorePoint(name);
    log.info(`Restore point '${name}' successfully created`);
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    log.debug(`Restore point '${name}' was not created: ${error.message}`);
  }
}
