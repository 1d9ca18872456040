/**
 * Can the chosen timeline be reached from the backup? PostgreSQL finds out when it starts ("is not a child of this
 * server's history"), which is after hours of copying; the history files in the archive tell it before.
 */
import { text } from 'node:stream/consumers';
import type { CodecSettings } from '../codec/settings.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { RecoveryError } from '../domain/errors.ts';
import { formatLsn } from '../domain/wal/lsn.ts';
import { isPointInTime, type RecoveryGoal } from '../domain/recovery/recovery-target.ts';
import { parseTimelineHistory } from '../domain/wal/timeline-history.ts';
import { timelineName } from '../domain/wal/wal.ts';
import { openWal, plainStream } from '../wal/content/content.ts';
import type { NeededWal, WalPlan } from './wal-plan.ts';

/** @throws RecoveryError when the timeline left that of the backup before the backup was taken */
export async function refuseDeadBranch(
  info: BackupInfo,
  goal: RecoveryGoal,
  latestTimeline: number,
  wals: WalPlan,
  settings: CodecSettings,
): Promise<void> {
  const own = info.timeline;
  const wanted = goal.timeline?.number ?? latestTimeline;
  // Without a target PostgreSQL only replays pg_wal, on the timeline of the backup.
  if (own === null || info.beginXlog === null || wanted === own || !isPointInTime(goal)) return;
  const file = wals.files.find(({ name }) => name === `${timelineName(wanted)}.history`);
  if (file === undefined) return;
  const history = parseTimelineHistory(await historyText(file, settings), file.name);
  const branch = history.find(({ parentTimeline }) => parentTimeline === own);
  if (branch !== undefined && branch.switchLsn >= info.beginXlog) return;
  const reason = branch
    ? `timeline ${wanted} left timeline ${own} at ${formatLsn(branch.switchLsn)}, before the backup began at ${formatLsn(info.beginXlog)}`
    : `timeline ${wanted} does not descend from timeline ${own} of the backup`;
  throw new RecoveryError(`Cannot recover backup '${info.backupId}' along timeline ${wanted}: ${reason}`, {
    hint: `choose a backup of that timeline, or stay on the one of the backup with --target-tli ${own}`,
  });
}

async function historyText(file: NeededWal, settings: CodecSettings): Promise<string> {
  const handle = await openWal(file.path);
  try {
    return await text(plainStream(handle, file, settings));
  } finally {
    await handle.close();
  }
}
