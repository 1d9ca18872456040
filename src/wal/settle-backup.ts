/**
 * Is the WAL between the begin and the end of a backup archived? Sets WAITING_FOR_WALS, DONE or FAILED.
 * Source: docs/behaviour/catalog.md 4, backup.md 3.5.
 */
import type { Catalog } from '../catalog/catalog.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import type { BackupStatus } from '../domain/backup/backup-info-values.ts';
import { parseWalName, segmentRange, timelineName, type WalFile } from '../domain/wal/wal.ts';
import type { ServerScope } from '../server/scope.ts';
import { withLock } from '../server/locks.ts';

/** What the archive says about a backup; `error` only with FAILED. */
export interface Verdict {
  readonly status: BackupStatus;
  readonly error: string | null;
}

/**
 * Judges and saves one backup under its id lock; returns the record as it is now. A failure is reported as an error.
 * @param options.locked the caller holds the server's backup lock already and the record is its own
 */
export async function checkBackup(
  scope: ServerScope,
  info: BackupInfo,
  options: { locked?: boolean } = {},
): Promise<BackupInfo> {
  scope.output.debug(`Checking backup ${info.backupId} of server ${scope.name}`);
  if (info.status === 'FAILED') {
    scope.output.error('The validity of a failed backup cannot be checked');
    return info;
  }
  if (options.locked) return judgeAndSave(scope, info);
  const settle = async () => {
    // Somebody may have settled it while we came here.
    const current = await scope.catalog.getBackup(info.backupId);
    if (current === undefined) return info;
    return current.status === 'FAILED' ? current : judgeAndSave(scope, current);
  };
  return (await withLock(scope, 'check backup', settle, info.backupId)) ?? info;
}

async function judgeAndSave(scope: ServerScope, info: BackupInfo): Promise<BackupInfo> {
  const { output } = scope;
  const verdict = await judge(scope.catalog, info);
  const judged: BackupInfo = verdict === null ? info : { ...info, ...verdict };
  if (judged.status !== info.status || judged.error !== info.error) await scope.catalog.saveBackup(judged);
  if (judged.status === info.status) {
    output.debug(
      `Check finished: the status of backup ${info.backupId} of server ${scope.name} remains ${info.status}`,
    );
  } else {
    output.debug(
      `Check finished: the status of backup ${info.backupId} of server ${scope.name} changed from ${info.status} to ${judged.status}`,
    );
  }
  if (judged.status === 'FAILED') {
    output.error(`This backup has been marked as FAILED due to the following reason: ${judged.error}`);
  }
  return judged;
}

/** The rule itself; null when the backup has not ended, so there is nothing to judge. */
export async function judge({ walStore }: Pick<Catalog, 'walStore'>, info: BackupInfo): Promise<Verdict | null> {
  const begin = info.beginWal === null ? undefined : parseWalName(info.beginWal);
  const end = info.endWal === null ? undefined : parseWalName(info.endWal);
  if (begin === undefined || end === undefined) return null;
  if (begin.timeline !== end.timeline) {
    return failed(
      `Backups spanning multiple timelines are not supported. The backup starts in timeline ${timelineName(begin.timeline)} and ends in timeline ${timelineName(end.timeline)}.`,
    );
  }
  const last = parseWalName((await walStore.lastOfTimelines()).get(begin.timeline) ?? '');
  if (last === undefined || isBefore(last, begin)) return { status: 'WAITING_FOR_WALS', error: info.error };
  const until = isBefore(last, end) ? last : end;
  for (const name of segmentRange(begin, until, info.xlogSegmentSize)) {
    // An empty file holds no WAL: it counts as missing.
    if (!((await walStore.facts(name))?.size ?? 0)) {
      return failed(`At least one WAL file is missing. The first missing WAL file is ${name}`);
    }
  }
  return { status: isBefore(last, end) ? 'WAITING_FOR_WALS' : 'DONE', error: info.error };
}

function failed(error: string): Verdict {
  return { status: 'FAILED', error };
}

function isBefore(left: WalFile, right: WalFile): boolean {
  return left.log < right.log || (left.log === right.log && left.segment < right.segment);
}
