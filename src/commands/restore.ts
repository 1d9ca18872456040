/** `barman restore` (alias recover): a backup -> a directory on which PostgreSQL can be started. Spec cli.md 4.17. */
import { overrideConfig, type ServerConfig } from '../config/options.ts';
import type { BackupInfo } from '../domain/backup-info.ts';
import { selectBackup } from '../domain/backup-selector.ts';
import { RecoveryError } from '../domain/errors.ts';
import type { CommandContext } from '../operations/context.ts';
import { chooseBackup } from '../operations/recovery/choose-backup.ts';
import { givenTargets, type RestoreRequest } from '../operations/recovery/request.ts';
import { restoreBackup } from '../operations/recovery/run.ts';
import { selectServer } from '../operations/select-servers.ts';
import { type Server, withServer } from '../operations/server.ts';

export interface RestoreOptions extends Omit<
  RestoreRequest,
  'destination' | 'getWal' | 'deltaRestore' | 'stagingWalDirectory'
> {
  readonly serverName: string;
  readonly destinationDirectory: string;
  readonly stagingWalDirectory?: string;
  /** True or false as the last of --get-wal and --no-get-wal said. */
  readonly getWal?: boolean;
  readonly deltaRestore?: boolean;
  readonly retryTimes?: number;
  readonly retrySleep?: number;
  readonly noRetry?: boolean;
  readonly jobs?: number;
  readonly jobsStartBatchPeriod?: number;
  readonly jobsStartBatchSize?: number;
  /** Kilobytes a second. */
  readonly bwlimit?: number;
}

export async function run(ctx: CommandContext, options: RestoreOptions): Promise<void> {
  const config = await selectServer(ctx, options.serverName, { inactive: 'run', disabled: 'error', passive: 'run' });
  if (!config) return;
  const request = requestOf(config, options);
  if (givenTargets(request).length > 1) {
    throw new RecoveryError('You cannot specify multiple targets for the recovery operation');
  }
  await withServer(ctx, withOverrides(config, options), async (server) => {
    const info = await findBackup(ctx, server, request);
    if (info) await restoreBackup(ctx, server, request, info);
  });
}

function requestOf(config: ServerConfig, options: RestoreOptions): RestoreRequest {
  return {
    ...options,
    destination: options.destinationDirectory,
    getWal: options.getWal ?? config.recoveryOptions.has('get-wal'),
    deltaRestore: options.deltaRestore ?? config.recoveryOptions.has('delta-restore'),
  };
}

function withOverrides(config: ServerConfig, options: RestoreOptions): ServerConfig {
  return overrideConfig(config, {
    ...(options.bwlimit === undefined ? {} : { bandwidthLimit: options.bwlimit }),
    ...(options.jobs === undefined ? {} : { parallelJobs: options.jobs }),
    ...(options.jobsStartBatchPeriod === undefined ? {} : { parallelJobsStartBatchPeriod: options.jobsStartBatchPeriod }),
    ...(options.jobsStartBatchSize === undefined ? {} : { parallelJobsStartBatchSize: options.jobsStartBatchSize }),
    ...(options.retryTimes === undefined ? {} : { basebackupRetryTimes: options.retryTimes }),
    ...(options.retrySleep === undefined ? {} : { basebackupRetrySleep: options.retrySleep }),
    ...(options.noRetry === true ? { basebackupRetryTimes: 0 } : {}),
  });
}

/** The backup that was named; undefined when there is none (and that was said). */
async function findBackup(ctx: CommandContext, server: Server, request: RestoreRequest): Promise<BackupInfo | undefined> {
  const { backupId } = request;
  if (backupId === 'auto') return chooseBackup(ctx, server, request);
  const { backups, damaged } = await server.catalog.listBackups();
  // A damaged record is not unknown: reading it says what is wrong with it.
  if (damaged.some((record) => record.backupId === backupId)) return server.catalog.getBackup(backupId);
  const selection = selectBackup(backups, backupId);
  if (selection.kind === 'found') return selection.info;
  if (selection.kind === 'unknown') ctx.output.error(`Unknown backup '${backupId}' for server '${server.name}'`);
  else {
    ctx.output.error(
      `Multiple backups found matching name '${backupId}' (try using backup ID instead): ${selection.ids.join(' ')}`,
    );
  }
  return undefined;
}
