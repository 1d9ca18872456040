/**
 * `barman restore` (alias recover): a backup -> a directory on which PostgreSQL can be started.
 * Source: docs/behaviour/cli.md 4.17.
 */
import { overrideServer, type ServerInForce } from '../config/in-force.ts';
import type { ServerConfig } from '../config/options.ts';
import { RecoveryError } from '../domain/errors.ts';
import type { CommandContext } from '../server/context.ts';
import { requireBackup } from '../server/find-backup.ts';
import { chooseBackup } from '../restore/choose-backup.ts';
import { givenTargets, type RestoreRequest } from '../restore/request.ts';
import { restoreBackup } from '../restore/run.ts';
import { selectServer } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';

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
  const server = await selectServer(ctx, options.serverName, 'sound');
  if (!server) return;
  const request = requestOf(server.config, options);
  if (givenTargets(request).length > 1) {
    throw new RecoveryError('You cannot specify multiple targets for the recovery operation');
  }
  await withServer(ctx, withOverrides(server, options), async (scope) => {
    const { backupId } = request;
    const info = backupId === 'auto' ? await chooseBackup(scope, request) : await requireBackup(scope, backupId);
    if (info) await restoreBackup(scope, request, info);
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

function withOverrides(server: ServerInForce, options: RestoreOptions): ServerInForce {
  return overrideServer(server, {
    ...(options.bwlimit === undefined ? {} : { bandwidthLimit: options.bwlimit }),
    ...(options.jobs === undefined ? {} : { parallelJobs: options.jobs }),
    ...(options.jobsStartBatchPeriod === undefined
      ? {}
      : { parallelJobsStartBatchPeriod: options.jobsStartBatchPeriod }),
    ...(options.jobsStartBatchSize === undefined ? {} : { parallelJobsStartBatchSize: options.jobsStartBatchSize }),
    ...(options.retryTimes === undefined ? {} : { basebackupRetryTimes: options.retryTimes }),
    ...(options.retrySleep === undefined ? {} : { basebackupRetrySleep: options.retrySleep }),
    ...(options.noRetry === true ? { basebackupRetryTimes: 0 } : {}),
  });
}
