/** `barman backup SERVER...`: one base backup of each server, one after the other. */
import { overrideServer, type ServerInForce } from '../config/in-force.ts';
import { backupServer } from '../backup/run.ts';
import { warnOfHostZone } from '../host/host-zone.ts';
import type { CommandContext } from '../server/context.ts';
import { selectServers } from '../server/select.ts';
import { withServer } from '../server/with-server.ts';

export interface BackupOptions {
  readonly serverNames: readonly string[];
  readonly immediateCheckpoint?: boolean;
  readonly incremental?: string;
  readonly reuseBackup?: 'copy' | 'link' | 'off';
  readonly retryTimes?: number;
  readonly retrySleep?: number;
  readonly noRetry?: boolean;
  readonly jobs?: number;
  readonly jobsStartBatchPeriod?: number;
  readonly jobsStartBatchSize?: number;
  readonly bwlimit?: number;
  readonly wait?: boolean;
  readonly waitTimeout?: number;
  readonly keepaliveInterval?: number;
  readonly name?: string;
  readonly manifest?: boolean;
  readonly checkTimeout?: number;
}

export async function run(ctx: CommandContext, options: BackupOptions): Promise<void> {
  const servers = await selectServers(ctx, options.serverNames, 'connected');
  warnOfHostZone(ctx.output);
  for (const server of servers) {
    // Told to stop: the servers that are left are not begun.
    ctx.signal.throwIfAborted();
    const known = await withServer(ctx, withOverrides(server, options), async (scope) => {
      const [problem] = scope.problems;
      if (problem !== undefined) {
        ctx.output.error(problem);
        return true;
      }
      let parent: string | undefined;
      if (options.incremental !== undefined) {
        const { requireBackup } = await import('../server/find-backup.ts');
        parent = (await requireBackup(scope, options.incremental))?.backupId;
        if (parent === undefined) return false;
      }
      await backupServer(scope, {
        wait: options.wait === true,
        waitTimeout: options.waitTimeout ?? null,
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(parent === undefined ? {} : { incremental: parent }),
      });
      return true;
    });
    // compat 3.20.1: an unknown parent ends the whole command.
    if (!known) return;
  }
}

/** What the command line replaces for this run. */
function withOverrides(server: ServerInForce, options: BackupOptions): ServerInForce {
  const changes: Record<string, unknown> = {
    immediateCheckpoint: options.immediateCheckpoint,
    reuseBackup: options.reuseBackup,
    basebackupRetryTimes: options.noRetry ? 0 : options.retryTimes,
    basebackupRetrySleep: options.retrySleep,
    parallelJobs: options.jobs,
    parallelJobsStartBatchPeriod: options.jobsStartBatchPeriod,
    parallelJobsStartBatchSize: options.jobsStartBatchSize,
    bandwidthLimit: options.bwlimit,
    keepaliveInterval: options.keepaliveInterval,
    autogenerateManifest: options.manifest,
    checkTimeout: options.checkTimeout,
  };
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return overrideServer(server, Object.fromEntries(given));
}
