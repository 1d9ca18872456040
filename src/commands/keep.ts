/**
 * `barman keep SERVER BACKUP_ID`: protects a backup from retention and deletion. Source: docs/behaviour/cli.md 4.18.
 */
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { layoutOf, obstacleTo } from '../domain/backup/backup-layout.ts';
import { BackupError } from '../domain/errors.ts';
import type { CommandContext } from '../server/context.ts';
import { requireBackup } from '../server/find-backup.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';
import { keepStatusResult } from '../output/results/keep.ts';
import { withLock } from '../server/locks.ts';

export interface KeepOptions {
  readonly serverName: string;
  readonly backupId: string;
  readonly release?: boolean;
  readonly status?: boolean;
  readonly target?: 'full' | 'standalone';
}

export async function run(ctx: CommandContext, options: KeepOptions): Promise<void> {
  if (!options.status && !options.release && options.target === undefined) {
    throw new BackupError('one of the arguments -r/--release -s/--status --target is required');
  }
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  await withServer(ctx, server, (scope) => keep(scope, options), { offline: true });
}

/** Of several words the harmless one wins: status, then release, then target. */
async function keep(scope: ServerScope, options: KeepOptions): Promise<void> {
  const { catalog } = scope;
  const info = await requireBackup(scope, options.backupId);
  if (info === undefined) return;
  const { backupId } = info;
  if (options.status) {
    scope.output.result(keepStatusResult(scope.name, await catalog.keepOf(backupId)));
  } else if (options.release) {
    await catalog.releaseKeep(backupId);
  } else if (options.target !== undefined) {
    const { target } = options;
    // A delete that is at work is waited for: there must be no promise to keep what is half gone.
    const promise = async () => {
      const current = await catalog.getBackup(backupId);
      if (current === undefined) {
        throw new BackupError(`Unknown backup '${options.backupId}' for server '${scope.name}'`);
      }
      refuseUnkeepable(scope, current);
      await catalog.setKeep(backupId, target);
    };
    await withLock(scope, 'keep', promise, backupId);
  }
}

function refuseUnkeepable({ catalog, name }: ServerScope, info: BackupInfo): void {
  const { backupId, status } = info;
  if (status !== 'DONE') {
    throw new BackupError(
      `Cannot add keep to backup ${backupId} because it has status ${status}. Only backups with status DONE can be kept.`,
    );
  }
  const obstacle = obstacleTo('keep', layoutOf(info, catalog.layout), { backup: backupId, server: name });
  if (obstacle !== null) throw new BackupError(obstacle.words);
}
