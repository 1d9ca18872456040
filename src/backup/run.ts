/**
 * One base backup of one server, from the silent check to the last message. Everything that changes the record happens
 * here; the copy itself is a method's work (method.ts). Source: spec backup.md 1.1 and 2.
 *
 * Durable order: record EMPTY -> record STARTED -> copy -> every file flushed -> record WAITING_FOR_WALS. A kill at any
 * instant leaves a record that the next cron marks FAILED (repair.ts) and touches nothing else.
 */
import { acquireLock, type HeldLock } from '../host/lock.ts';
import type { BackupMethod as MethodName } from '../config/options.ts';
import { backupPath, serverLock } from '../catalog/layout.ts';
import { type BackupInfo, emptyBackupInfo } from '../domain/backup/backup-info.ts';
import { BarmanError, LockBusyError, messageOf } from '../domain/errors.ts';
import { formatLsn } from '../domain/wal/lsn.ts';
import { backupResult } from '../output/results/backup.ts';
import type { CommandContext } from '../server/context.ts';
import type { Server } from '../server/server.ts';
import { announce, finishUnderLock, finishAfterLock, settleOnDisk } from './complete.ts';
import { recordFailure } from './failure.ts';
import { runBackupHooks } from './hooks.ts';
import { refuseIncremental } from './incremental.ts';
import { type BackupAction, type BackupMethod, stopIfInterrupted } from './method.ts';
import { repairUnderLock } from './repair.ts';

export interface BackupRequest {
  readonly name?: string;
  /** Id of the parent of an incremental backup. */
  readonly incremental?: string;
  /** Wait until the WAL that makes the backup consistent is archived. */
  readonly wait: boolean;
  /** Seconds to wait; null or 0 for no limit. */
  readonly waitTimeout: number | null;
}

interface MethodEntry {
  /** As recorded in backup.info. */
  readonly mode: string;
  readonly load: () => Promise<BackupMethod>;
}

/** null: the method is part of Barman and not of this release. */
const METHODS: Record<MethodName, MethodEntry | null> = {
  postgres: { mode: 'postgres', load: async () => (await import('./postgres/postgres.ts')).postgresBackup },
  rsync: { mode: 'rsync-concurrent', load: loadRsync },
  'local-rsync': { mode: 'rsync-concurrent', load: loadRsync },
  snapshot: null,
  'local-to-cloud': null,
};

async function loadRsync(): Promise<BackupMethod> {
  return (await import('./rsync/rsync.ts')).rsyncBackup;
}

/**
 * Takes one backup. Failures are reported on the output, not thrown, so that the next server has its turn; what is thrown
 * is a bug or a lock that may not be opened.
 */
export async function backupServer(ctx: CommandContext, server: Server, request: BackupRequest): Promise<void> {
  if (request.incremental !== undefined && (await refuseIncremental(ctx, server, request.incremental))) return;
  const entry = admittedMethod(ctx, server);
  if (entry === null) return;
  const { isReadyForBackup } = await import('../checks/run.ts');
  if (!(await isReadyForBackup(ctx, server, { checkTimeout: server.config.checkTimeout }))) {
    ctx.output.error(
      `Impossible to start the backup. Check the log for more details, or run 'barman check ${server.name}'`,
    );
    return;
  }
  if (!(await prepareCatalog(ctx, server))) return;
  const systemid = await identify(ctx, server);
  const method = await entry.load();
  const lock = await lockServer(ctx, server);
  if (lock === null) return;
  let info: BackupInfo;
  try {
    info = await takeBackup(ctx, server, request, { mode: entry.mode, method, systemid });
  } finally {
    await lock.release();
  }
  await finishAfterLock(tidyingUp(ctx), server, info);
}

/** Refuses what this release cannot do, before anything is touched. */
function admittedMethod(ctx: CommandContext, server: Server): MethodEntry | null {
  const { config } = server;
  const entry = METHODS[config.backupMethod];
  if (entry === null) {
    ctx.output.error(
      `failed to start backup: backup_method = ${config.backupMethod} is not available in this release; server '${server.name}' can use backup_method = postgres, rsync or local-rsync`,
    );
    return null;
  }
  if (config.encryption !== null) {
    ctx.output.error(
      `failed to start backup: encryption = ${config.encryption} is not available in this release, and server '${server.name}' asks for it`,
    );
    return null;
  }
  if (config.basebackupsDirectory.includes('://')) {
    ctx.output.error(
      `failed to start backup: basebackups_directory = ${config.basebackupsDirectory} is not available in this release; use a local directory`,
    );
    return null;
  }
  return entry;
}

async function prepareCatalog(ctx: CommandContext, server: Server): Promise<boolean> {
  try {
    await server.catalog.createDirectories();
    return true;
  } catch (error) {
    const text = messageOf(error);
    const separator = text.lastIndexOf(': ');
    ctx.output.error(`failed to create ${text.slice(0, separator)} directory: ${text.slice(separator + 2)}`);
    return false;
  }
}

/** The system identifier for the record; identity.json is written once per server. */
async function identify(ctx: CommandContext, server: Server): Promise<string | null> {
  const log = ctx.log.named('barman.server');
  let systemid: string | null = null;
  try {
    if (server.streaming !== null) systemid = (await server.streaming.identifySystem()).systemid;
    else systemid = (await server.postgres?.systemId()) ?? null;
    if (systemid !== null && server.postgres !== null) {
      const version = await server.postgres.serverVersion();
      await server.catalog.writeIdentity({ systemid, version: majorVersion(version) });
    }
  } catch (error) {
    log.warning(`cannot store the identity of server ${server.name}: ${messageOf(error)}`);
  } finally {
    await server.streaming?.close();
  }
  return systemid;
}

/** 150018 -> `15`, 90624 -> `9.6`. */
function majorVersion(version: number): string {
  const major = Math.floor(version / 10_000);
  return major >= 10 ? String(major) : `${major}.${Math.floor(version / 100) % 100}`;
}

/** Every Barman command probes the locks of its server at its start, so one refusal proves nothing. */
const LOCK_ATTEMPTS = 3;

async function lockServer(ctx: CommandContext, server: Server): Promise<HeldLock | null> {
  const path = serverLock(server.catalog.layout, 'backup');
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await acquireLock(path, { wait: false });
    } catch (error) {
      if (!(error instanceof LockBusyError)) throw error;
      if (attempt === LOCK_ATTEMPTS) {
        ctx.output.error('Another backup process is running');
        return null;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

interface Preparation {
  readonly mode: string;
  readonly method: BackupMethod;
  readonly systemid: string | null;
}

async function takeBackup(
  ctx: CommandContext,
  server: Server,
  request: BackupRequest,
  { mode, method, systemid }: Preparation,
): Promise<BackupInfo> {
  const { catalog } = server;
  // Whatever is still unfinished under our lock has no process any more.
  await repairUnderLock(ctx, server);
  let info = await catalog.createBackup(ctx.now(), (backupId) => ({
    ...emptyBackupInfo(backupId),
    serverName: server.name,
    mode,
    systemid,
    backupName: request.name ?? null,
  }));
  const directory = backupPath(catalog.layout, info.backupId);
  let action: BackupAction = 'starting backup';
  let copyStart = (performance.timeOrigin + performance.now()) * 1000;
  try {
    stopIfInterrupted(ctx.signal);
    ctx.output.info(`Starting backup using ${mode} method for server ${server.name} in ${directory}`);
    await runBackupHooks(ctx, server, info, 'pre');
    stopIfInterrupted(ctx.signal);
    const outcome = await method({
      ctx,
      server,
      backupId: info.backupId,
      directory,
      systemid,
      enter: (next) => {
        action = next;
      },
      recordStart: async (changes) => {
        info = { ...info, ...changes, status: 'STARTED' };
        await catalog.saveBackup(info);
        ctx.output.info(`Backup start at LSN: ${position(info.beginXlog, info.beginWal, info.beginOffset)}`);
      },
      note: (changes) => {
        info = { ...info, ...changes };
      },
    });
    stopIfInterrupted(ctx.signal);
    copyStart = outcome.copyStart;
    info = { ...info, ...outcome.changes };
    await createRestorePoint(ctx, server, info);
    action = 'calculating backup size';
    info = await settleOnDisk(ctx, server, info, directory);
  } catch (error) {
    info = await recordFailure(ctx, server, info, directory, action, error);
  } finally {
    await server.postgres?.close();
  }
  if (info.status !== 'FAILED') {
    await announce(ctx, server, info, { copyStart, end: position(info.endXlog, info.endWal, info.endOffset) });
    info = await finishUnderLock(ctx, server, info, request);
  }
  await runBackupHooks(tidyingUp(ctx), server, info, 'post');
  await writeManifest(ctx, server, info);
  // compat 3.20.1: the status as it is under the lock; the archiving that follows may still settle the backup.
  ctx.output.result(backupResult(info));
  return info;
}

/** `autogenerate_manifest`: pg_basebackup makes its own. The backup is good without one. */
async function writeManifest(ctx: CommandContext, server: Server, info: BackupInfo): Promise<void> {
  const wanted = server.config.autogenerateManifest && info.mode?.startsWith('rsync') && info.status !== 'FAILED';
  if (!wanted || ctx.signal.aborted) return;
  const { generateManifest } = await import('../exchange/manifest/generate.ts');
  try {
    await generateManifest(ctx, server, info);
    ctx.output.info(`Backup manifest for backup '${info.backupId}' successfully generated for server ${server.name}`);
  } catch (error) {
    ctx.output.error(`cannot write the manifest of backup ${info.backupId}: ${messageOf(error)}`);
  }
}

/** How long an interrupted run may still take for its hooks and for archiving. */
const GRACE_MS = 60_000;

/** After an interruption the rest of the work gets a signal of its own: the first one is spent. */
function tidyingUp(ctx: CommandContext): CommandContext {
  return ctx.signal.aborted ? { ...ctx, signal: AbortSignal.timeout(GRACE_MS) } : ctx;
}

/** `0/3000060 (000000010000000000000003, 00000060)`; a standby knows no file name. */
function position(lsn: BackupInfo['beginXlog'], wal: string | null, offset: number | null): string {
  const text = lsn === null ? 'None' : formatLsn(lsn);
  if (wal === null) return text;
  return `${text} (${wal}, ${(offset ?? 0).toString(16).toUpperCase().padStart(8, '0')})`;
}

/** A name to restore to; a standby cannot make one, and no backup fails for want of it. */
async function createRestorePoint(ctx: CommandContext, server: Server, info: BackupInfo): Promise<void> {
  const log = ctx.log.named('barman.postgres');
  const { postgres } = server;
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
