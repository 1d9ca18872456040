/**
 * Can the chosen timeline be reached from the backup? PostgreSQL finds out when it starts ("is not a child of this
 * server's history"), which is after hours of copying; the history files in the archive tell it before.
 */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { BackupInfo } from '../../domain/backup-info.ts';
import { RecoveryError } from '../../domain/errors.ts';
import { formatLsn } from '../../domain/lsn.ts';
import { isPointInTime, type RecoveryGoal } from '../../domain/recovery-target.ts';
import { parseTimelineHistory } from '../../domain/timeline-history.ts';
import { timelineName } from '../../domain/wal.ts';
import type { NeededWal, WalPlan } from './wal-plan.ts';

/** @throws RecoveryError when the timeline left that of the backup before the backup was taken */
export async function refuseDeadBranch(
  info: BackupInfo,
  goal: RecoveryGoal,
  latestTimeline: number,
  wals: WalPlan,
): Promise<void> {
  const own = info.timeline;
  const wanted = goal.timeline?.number ?? latestTimeline;
  // Without a target PostgreSQL only replays pg_wal, on the timeline of the backup.
  if (own === null || info.beginXlog === null || wanted === own || !isPointInTime(goal)) return;
  const file = wals.files.find(({ name }) => name === `${timelineName(wanted)}.history`);
  const text = file === undefined ? null : await historyText(file);
  if (text === null || file === undefined) return;
  const branch = parseTimelineHistory(text, file.name).find(({ parentTimeline }) => parentTimeline === own);
  if (branch !== undefined && branch.switchLsn >= info.beginXlog) return;
  const reason = branch
    ? `timeline ${wanted} left timeline ${own} at ${formatLsn(branch.switchLsn)}, before the backup began at ${formatLsn(info.beginXlog)}`
    : `timeline ${wanted} does not descend from timeline ${own} of the backup`;
  throw new RecoveryError(`Cannot recover backup '${info.backupId}' along timeline ${wanted}: ${reason}`, {
    hint: `choose a backup of that timeline, or stay on the one of the backup with --target-tli ${own}`,
  });
}

/** null for a compression that is not read in process: the question stays open then. */
async function historyText({ path, compression }: NeededWal): Promise<string | null> {
  if (compression === null) return readFile(path, 'utf8');
  if (!['gzip', 'pygzip', 'pigz'].includes(compression)) return null;
  return (await promisify(gunzip)(await readFile(path))).toString('utf8');
}
