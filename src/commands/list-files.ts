/**
 * `barman list-files SERVER BACKUP_ID`: the paths of everything that a backup consists of.
 * Source: docs/behaviour/cli.md 4.20.
 */
import { BarmanError, withHint } from '../domain/errors.ts';
import { eachArchivedWal, eachDataFile, eachRequiredWal } from '../report/backup-files.ts';
import type { CommandContext } from '../server/context.ts';
import { reportFailure } from '../server/each.ts';
import { requireBackup } from '../server/find-backup.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';
import { PathList } from '../output/results/list-files.ts';

export interface ListFilesOptions {
  readonly serverName: string;
  readonly backupId: string;
  /** `standalone` (the default): the data and the WAL that makes it consistent. */
  readonly target?: 'standalone' | 'data' | 'wal' | 'full';
  readonly listEmptyDirectories?: boolean;
}

export async function run(ctx: CommandContext, options: ListFilesOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  await withServer(ctx, server, (scope) => listFiles(scope, options), { offline: true });
}

async function listFiles(scope: ServerScope, options: ListFilesOptions): Promise<void> {
  const info = await requireBackup(scope, options.backupId);
  if (info === undefined) return;
  const { target = 'standalone', listEmptyDirectories: emptyDirectories = false } = options;
  // Gathered, because a reader of our output may be slow and the index is locked while it is read.
  const paths = new PathList();
  const onPath = (path: string) => paths.add(path);
  const onUnreadable = (path: string, reason: string) =>
    scope.output.error(
      withHint(
        `cannot read '${path}': ${reason}`,
        'the list lacks what is in it; run barman as the owner of the catalog',
      ),
    );
  try {
    if (target !== 'wal') await eachDataFile(scope, info, { emptyDirectories, onUnreadable }, onPath);
    if (target === 'standalone') eachRequiredWal(scope, info, onPath);
    if (target === 'wal' || target === 'full') await eachArchivedWal(scope, info, onPath);
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    // What was found is worth having.
    reportFailure(scope.output, error);
  }
  scope.output.result(paths.result());
}
