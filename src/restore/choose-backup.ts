/** `auto`: the newest backup from which the target can be reached. Source: docs/behaviour/recovery.md 3. */
import { type BackupInfo, isCopyDone } from '../domain/backup/backup-info.ts';
import { isSound } from '../domain/backup/backup-flaw.ts';
import { reportFlaws } from '../server/find-backup.ts';
import { BarmanError, RecoveryError } from '../domain/errors.ts';
import { parseLsn } from '../domain/wal/lsn.ts';
import type { CommandContext } from '../server/context.ts';
import type { ServerScope } from '../server/scope.ts';
import { readTime } from './goal.ts';
import { givenTargets, type RestoreRequest } from './request.ts';

/** The highest timeline of which the archive holds a segment; 0 for an empty archive. */
export async function latestTimeline(scope: ServerScope): Promise<number> {
  const timelines = [...(await scope.catalog.walStore.lastOfTimelines()).keys()];
  return timelines.reduce((highest, timeline) => Math.max(highest, timeline), 0);
}

/** @throws RecoveryError when the target is of another kind, cannot be read, or no backup fits */
export async function chooseBackup(scope: ServerScope, request: RestoreRequest): Promise<BackupInfo> {
  const timeline = await wantedTimeline(scope, request);
  const target = givenTargets(request)[0];
  if (target !== undefined && target !== 'target_time' && target !== 'target_lsn') {
    throw new RecoveryError(
      `For PITR without a backup_id, the only possible recovery targets are target_time and target_lsn. '${target}' recovery target is not allowed without a backup_id.`,
    );
  }
  const reaches = reachTest(scope, request);
  const { backups } = await scope.catalog.listBackups();
  const candidates = backups.filter(
    (info) => isCopyDone(info) && (timeline === null || info.timeline === timeline) && reaches(info),
  );
  const flaws = await scope.catalog.flaws();
  const chosen = candidates.findLast((info) => isSound(info, flaws));
  if (chosen !== candidates.at(-1)) reportFlaws(scope, flaws);
  if (chosen) return chosen;
  throw new RecoveryError('Cannot find any candidate backup for recovery.');
}

async function wantedTimeline(scope: ServerScope, { targetTli }: RestoreRequest): Promise<number | null> {
  if (targetTli === undefined || typeof targetTli === 'number') return targetTli ?? null;
  if (targetTli === 'latest') return latestTimeline(scope);
  throw new RecoveryError("'current' is not a valid timeline keyword when recovering without a backup_id", {
    level: 'exception',
  });
}

/** True for a backup that had ended when the target was reached. */
function reachTest(ctx: CommandContext, request: RestoreRequest): (info: BackupInfo) => boolean {
  if (request.targetTime !== undefined) {
    const { time } = readTimeLoudly(ctx, request.targetTime);
    return ({ endTime }) => endTime !== null && endTime.epochMicros <= time.epochMicros;
  }
  if (request.targetLsn !== undefined) {
    const lsn = parseLsn(request.targetLsn);
    if (lsn === undefined) {
      throw new RecoveryError(`Invalid LSN: '${request.targetLsn}'`, { hint: 'an LSN looks like 0/3000060' });
    }
    return ({ endXlog }) => endXlog !== null && endXlog <= lsn;
  }
  return () => true;
}

/** compat 3.20.1: here an unreadable time is an EXCEPTION, with a backup id it is an ERROR. */
function readTimeLoudly(ctx: CommandContext, text: string): ReturnType<typeof readTime> {
  try {
    return readTime(ctx, text);
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    throw new RecoveryError(error.message, { level: 'exception', cause: error });
  }
}
