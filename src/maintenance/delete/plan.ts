/** What a delete would do: the backups in the order in which they go, and the WAL that each of them frees. */
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { descendants, type PlannedRemoval } from '../../domain/backup/retention.ts';
import { parseWalName } from '../../domain/wal/wal.ts';
import type { WalJudge } from '../../domain/wal/wal-horizon.ts';
import { mayGo, readAfresh, reportRefusal } from '../delete.ts';
import { plannedRemovals } from '../retention.ts';
import type { ServerScope } from '../../server/scope.ts';
import { judgeFreedWals } from './freed-wals.ts';

/** For `delete SERVER ID`; undefined when it is refused, which is reported as the real one reports it. */
export async function planDelete(scope: ServerScope, info: BackupInfo): Promise<readonly PlannedRemoval[] | undefined> {
  if (!(await mayGo(scope, info))) {
    reportRefusal(scope, info);
    return undefined;
  }
  const children = descendants(info.backupId, await readAfresh(scope));
  return measure(scope, [...children.toReversed(), info], false);
}

/** For what the retention policy deletes at the next run of cron. */
export async function planRetention(scope: ServerScope): Promise<readonly PlannedRemoval[]> {
  return measure(scope, await plannedRemovals(scope), true);
}

/** One pass over the index; a file belongs to the first backup that frees it. */
async function measure(
  scope: ServerScope,
  removals: readonly BackupInfo[],
  passStandalone: boolean,
): Promise<readonly PlannedRemoval[]> {
  let { backups } = await scope.catalog.listBackups();
  const planned: { info: BackupInfo; isFree: WalJudge | null; wals: string[]; walBytes: number }[] = [];
  for (const info of removals) {
    const isFree = await judgeFreedWals(scope, info, backups, passStandalone);
    planned.push({ info, isFree, wals: [], walBytes: 0 });
    backups = backups.filter(({ backupId }) => backupId !== info.backupId);
  }
  if (planned.some(({ isFree }) => isFree !== null)) {
    await scope.catalog.readWals(({ name, size }) => {
      const file = parseWalName(name);
      const owner = file && planned.find(({ isFree }) => isFree?.(file));
      if (!owner) return;
      owner.wals.push(name);
      owner.walBytes += size;
    });
  }
  return planned;
}
