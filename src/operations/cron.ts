/**
 * One run of the maintenance. Cron decides and starts; the WAL work is in children, each an ordinary command with its own
 * lock. Source: spec backup.md 7, wal.md 6.
 *
 * Servers are handled a few at a time and reported in name order. Nothing here opens a PostgreSQL connection.
 */
import { unlinkIfPresent } from '../adapters/files.ts';
import { acquireLock, type HeldLock, lockHolder } from '../adapters/lock.ts';
import { startInBackground } from '../adapters/self.ts';
import { backupLock, serverLock } from '../catalog/layout.ts';
import type { ServerConfig } from '../config/options.ts';
import { BarmanError, LockBusyError, LockDeniedError, messageOf } from '../domain/errors.ts';
import type { Output } from '../output/output.ts';
import { takeTurns } from '../output/ordered.ts';
import { repairInterruptedBackups } from './backup/repair.ts';
import { checkPendingChanges } from './config-queue.ts';
import type { CommandContext } from './context.ts';
import { cleanLockDirectory } from './lock-cleanup.ts';
import { reportConflicts } from './select-servers.ts';
import { keepReceiverAlive, stopReceiver } from './receiver.ts';
import { type Server, withServer } from './server.ts';
import { useWalConninfo } from './wal-host.ts';

export interface CronOptions {
  /** Children write to our standard output and error. */
  readonly keepDescriptors: boolean;
}

/** Servers at work at once: enough to hide the waits for lock helpers and child starts. */
const AT_ONCE = 8;

export async function runCron(ctx: CommandContext, options: CronOptions): Promise<void> {
  if (reportConflicts(ctx)) return;
  await checkPendingChanges(ctx);
  const configs = [...ctx.config.servers.values()].map((config) => useWalConninfo(config));
  for (const { note } of configs) if (note !== null) ctx.output.info(note);
  const turns = takeTurns(ctx.output, configs.length);
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < configs.length; index = next++) {
      const config = configs[index]?.config;
      const turn = turns[index];
      if (config === undefined || turn === undefined) return;
      try {
        if (!ctx.signal.aborted) await maintainServer({ ...ctx, output: turn.output }, config, options);
      } catch (error) {
        reportFailure(turn.output, config.name, error);
      } finally {
        turn.done();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, configs.length) }, worker));
  ctx.signal.throwIfAborted();
  if (ctx.config.global.lockDirectoryCleanup) await cleanLockDirectory(ctx);
}

/** One server's trouble never keeps the others from their maintenance. */
function reportFailure(output: Output, name: string, error: unknown): void {
  if (error instanceof LockDeniedError) {
    output.error(error.message);
    return;
  }
  if (error instanceof BarmanError) output.error(`server '${name}': ${error.message}${error.hint ? `\nHINT: ${error.hint}` : ''}`);
  output.exception(
    `Unable to run cron on server '${name}', please look in the barman log file for more details.`,
    error instanceof Error ? error.stack : messageOf(error),
  );
}

async function maintainServer(ctx: CommandContext, config: ServerConfig, options: CronOptions): Promise<void> {
  const work = async (server: Server) => {
    if (server.problems.length > 0 && server.isActive) {
      ctx.output.info(`Skipping temporarily disabled server '${server.name}'`);
      return;
    }
    const path = serverLock(server.catalog.layout, 'cron');
    let lock: HeldLock;
    try {
      lock = await acquireLock(path, { wait: false });
    } catch (error) {
      if (!(error instanceof LockBusyError)) throw error;
      ctx.output.info(`Another cron process is already running on server ${server.name}. Skipping to the next server`);
      return;
    }
    try {
      await maintainUnderLock(ctx, server, options);
    } finally {
      // Part of the clean-up, done while the lock is ours: it saves taking it once more.
      if (ctx.config.global.lockDirectoryCleanup) await unlinkIfPresent(path);
      await lock.release();
    }
  };
  await withServer(ctx, config, work, { offline: true });
}

async function maintainUnderLock(ctx: CommandContext, server: Server, options: CronOptions): Promise<void> {
  if (!server.isActive) {
    await stopReceiver(ctx, server, `Server '${server.name}' is inactive: stopping receive-wal subprocess`);
    return;
  }
  if (server.isPassive) {
    ctx.output.warning(
      `Server '${server.name}' is a passive node: its synchronisation with the primary is not available in this release`,
    );
  } else {
    await repairInterruptedBackups(ctx, server);
    await startArchiving(ctx, server, options);
    if (server.config.streamingArchiver) await keepReceiverAlive(ctx, server, options);
    else await stopReceiver(ctx, server);
  }
  await startBackupCheck(ctx, server, options);
  await enforcePolicy(ctx, server);
}

async function startArchiving(ctx: CommandContext, server: Server, options: CronOptions): Promise<void> {
  if ((await lockHolder(serverLock(server.catalog.layout, 'archive-wal'))) !== undefined) {
    ctx.output.info(
      `Another archive-wal process is already running on server ${server.name}. Skipping to the next server`,
    );
    return;
  }
  ctx.output.info(`Starting WAL archiving for server ${server.name}`);
  await startInBackground(ctx, ['archive-wal', server.name], options);
}

/** The oldest backup that waits for WAL, one for each run. */
async function startBackupCheck(ctx: CommandContext, server: Server, options: CronOptions): Promise<void> {
  const { backups } = await server.catalog.listBackups();
  const waiting = backups.find(({ status }) => status === 'WAITING_FOR_WALS');
  if (waiting === undefined) return;
  const { backupId } = waiting;
  if ((await lockHolder(backupLock(server.catalog.layout, backupId))) !== undefined) {
    ctx.output.info(`Another process is holding the lock for backup ${backupId} of server ${server.name}.`);
    return;
  }
  ctx.output.info(`Starting check-backup for backup ${backupId} of server ${server.name}`);
  await startInBackground(ctx, ['check-backup', server.name, backupId], options);
}

async function enforcePolicy(ctx: CommandContext, server: Server): Promise<void> {
  if (server.config.retentionPolicy === null) return;
  const { enforceRetention } = await import('./retention.ts');
  await enforceRetention(ctx, server);
}
