/**
 * `barman backup --incremental`: Barman's own refusals; the backup itself is not part of this release.
 * Source: docs/behaviour/backup.md 1.1.
 */
import { methodOf } from '../config/methods.ts';
import { messageOf } from '../domain/errors.ts';
import { has } from '../domain/postgres-version.ts';
import type { ServerScope } from '../server/scope.ts';

/** Says why no incremental backup can be taken on this parent; true when it said something (always, for now). */
export async function refuseIncremental(scope: ServerScope, parentId: string): Promise<boolean> {
  const reason = await refusal(scope, parentId).catch(messageOf);
  scope.output.error(
    `failed to start backup: ${reason ?? 'incremental backups are not available in this release; run "barman backup" without --incremental for a full one'}`,
  );
  return true;
}

async function refusal(scope: ServerScope, parentId: string): Promise<string | null> {
  const version = await scope.postgres?.serverVersion();
  if (version !== undefined && !has(version, 'incrementalBackup')) {
    return 'Postgres version 17 or greater is required for incremental backups using the Postgres backup method';
  }
  if (!methodOf(scope.config).can.incremental) {
    return "Backup using the `--incremental` flag is available only for 'backup_method = postgres'. Check Barman's documentation for more help on this topic.";
  }
  if ((await scope.postgres?.show('summarize_wal')) !== 'on') {
    return "'summarize_wal' option has to be enabled in the Postgres server to perform an incremental backup using the Postgres backup method";
  }
  const parent = await scope.catalog.getBackup(parentId);
  if (parent?.summarizeWal !== 'on') {
    return `Backup ID ${parentId} is not eligible as a parent for an incremental backup because WAL summaries were not enabled when that backup was taken.`;
  }
  return null;
}
