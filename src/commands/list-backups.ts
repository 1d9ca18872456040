/** `barman list-backups SERVER...`: the backups of a server, newest first. Source: docs/behaviour/cli.md 4.19. */
import { BarmanError, withHint } from '../domain/errors.ts';
import { NO_WAL, type WalUsage } from '../domain/wal/wal-usage.ts';
import { measureWals } from '../report/backup-statistics.ts';
import { retentionVerdicts } from '../server/backup-verdicts.ts';
import type { CommandContext } from '../server/context.ts';
import { eachServer } from '../server/each.ts';
import { reportDamaged, reportFlaws } from '../server/find-backup.ts';
import { selectServers } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { listBackupsResult, minimalListResult } from '../output/results/list-backups.ts';

export interface ListBackupsOptions {
  readonly serverNames: readonly string[];
  readonly minimal?: boolean;
}

export async function run(ctx: CommandContext, options: ListBackupsOptions): Promise<void> {
  const servers = await selectServers(ctx, options.serverNames, 'every');
  await eachServer(ctx, servers, (scope) => listServer(scope, options), { offline: true });
}

async function listServer(scope: ServerScope, { minimal }: ListBackupsOptions): Promise<void> {
  const { backups, damaged } = await scope.catalog.listBackups();
  reportDamaged(scope, damaged);
  const flaws = await scope.catalog.flaws();
  reportFlaws(scope, flaws);
  const newestFirst = backups.toReversed();
  if (minimal) {
    const ids = newestFirst.map(({ backupId }) => backupId);
    scope.output.result(minimalListResult(scope.name, ids));
    return;
  }
  let usageOf: (backupId: string) => WalUsage = () => NO_WAL;
  try {
    usageOf = await measureWals(scope, backups);
  } catch (error) {
    // compat 3.20.1: a damaged index costs the sizes, not the list.
    if (!(error instanceof BarmanError)) throw error;
    reportError(scope, error);
  }
  const verdicts = await retentionVerdicts(scope, backups);
  const listed = newestFirst.map((info) => ({
    info,
    usage: usageOf(info.backupId),
    verdict: verdicts?.get(info.backupId) ?? '-',
    flaw: flaws.get(info.backupId) ?? null,
  }));
  scope.output.result(listBackupsResult(scope.name, listed));
}

function reportError({ output }: CommandContext, error: BarmanError): void {
  output.error(withHint(error.message, error.hint), { exitCode: error.exitCode });
}
