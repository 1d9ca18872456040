/**
 * What the archive says about backups: their WAL, and the timelines that branch off.
 * Source: docs/behaviour/catalog.md 10.
 */
import { rebuildHint } from '../catalog/wals.ts';
import { type BackupInfo, isCopyDone } from '../domain/backup/backup-info.ts';
import { messageOf, WalError } from '../domain/errors.ts';
import { NO_WAL, type WalUsage, walUsageMeter } from '../domain/wal/wal-usage.ts';
import { parseWalName, timelineName } from '../domain/wal/wal.ts';
import type { ServerScope } from '../server/scope.ts';
import { readHistory } from '../wal/timeline-histories.ts';

const SEGMENT = /^[0-9A-Fa-f]{24}$/;

/**
 * The WAL of every backup with a finished copy, or only of `wanted`, in one pass over the index. `backups` is the whole
 * list of the server in order. @throws WalError for a damaged index
 */
export async function measureWals(
  scope: ServerScope,
  backups: readonly BackupInfo[],
  wanted?: BackupInfo,
): Promise<(backupId: string) => WalUsage> {
  const isAsked = wanted === undefined ? backups.some(isCopyDone) : isCopyDone(wanted);
  if (!isAsked) return () => NO_WAL;
  const meter = walUsageMeter(backups, wanted && new Set([wanted.backupId]));
  const measured = wanted === undefined ? backups.filter(isCopyDone) : [wanted];
  await scope.catalog.readWals(
    (record) => {
      if (!SEGMENT.test(record.name) && !parseWalName(record.name)) throw badWalName(scope, record.name);
      return meter.visit(record);
    },
    { from: firstWalOf(measured) },
  );
  const usages = meter.finish();
  return (backupId) => usages.get(backupId) ?? NO_WAL;
}

/** WAL before the first segment of all these backups belongs to none of them; '' when one does not say where it begins. */
function firstWalOf(backups: readonly BackupInfo[]): string {
  const begins = backups.map(({ beginWal }) => beginWal ?? '');
  return begins.reduce((first, begin) => (begin < first ? begin : first));
}

/** The error for a name in the index that is no WAL name. */
export function badWalName({ catalog }: ServerScope, walName: string): WalError {
  return new WalError(`invalid WAL segment name '${walName}'`, { hint: rebuildHint(catalog.layout) });
}

/**
 * The timelines that a recovery from this backup can reach besides its own: they left it after its end. A history file
 * that cannot be read ends the search with a warning.
 */
export async function reachableTimelines(scope: ServerScope, info: BackupInfo): Promise<readonly number[]> {
  const { timeline, endXlog } = info;
  if (timeline === null || endXlog === null) return [];
  const reachable: number[] = [];
  for (let child = timeline + 1; child <= 0xffffffff; child += 1) {
    const name = `${timelineName(child)}.history`;
    try {
      const history = await readHistory(scope, child);
      if (history === undefined) break;
      const leaves = history.some(
        ({ parentTimeline, switchLsn }) => parentTimeline === timeline && switchLsn >= endXlog,
      );
      if (leaves) reachable.push(child);
    } catch (error) {
      scope.output.warning(`cannot read the timeline history '${name}' of server ${scope.name}: ${messageOf(error)}`);
      break;
    }
  }
  return reachable;
}
