/** The verdicts of a server's retention policy, with the keep annotations read from the catalog. */
import type { KeepTarget } from '../catalog/catalog.ts';
import { isWhole } from '../domain/backup/backup-flaw.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { backupVerdicts, effectiveRedundancy, type RetentionVerdict } from '../domain/backup/retention.ts';
import type { ServerScope } from './scope.ts';

/** What the policy says of each backup that is whole, whatever it says of the others; null when no policy is enforced. */
export async function retentionVerdicts(
  scope: ServerScope,
  backups: readonly BackupInfo[],
): Promise<ReadonlyMap<string, RetentionVerdict> | null> {
  const policy = scope.config.retentionPolicy?.policy;
  if (!policy) return null;
  const { minimumRedundancy } = scope.config;
  if (policy.kind === 'redundancy' && effectiveRedundancy(policy.count, minimumRedundancy) !== policy.count) {
    scope.log
      .named('barman.retention_policies')
      .warning(
        `Retention policy redundancy (${policy.count}) is lower than the required minimum redundancy (${minimumRedundancy}). Enforce ${minimumRedundancy}.`,
      );
  }
  const keeps = await readKeeps(scope, backups);
  const flaws = await scope.catalog.flaws();
  const whole = backups.filter((info) => isWhole(info, flaws));
  return backupVerdicts(whole, policy, { keeps, minimumRedundancy, now: scope.now() });
}

/** The keep annotations of these backups, by id. */
export async function readKeeps(
  { catalog }: ServerScope,
  backups: readonly BackupInfo[],
): Promise<ReadonlyMap<string, KeepTarget>> {
  const keeps = new Map<string, KeepTarget>();
  for (const { backupId } of backups) {
    const keep = await catalog.keepOf(backupId);
    if (keep !== null) keeps.set(backupId, keep);
  }
  return keeps;
}
