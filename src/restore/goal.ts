/**
 * The target options of a request -> a RecoveryGoal, checked against the backup. Source: docs/behaviour/recovery.md 5.
 */
import { RecoveryError } from '../domain/errors.ts';
import { formatLsn, parseLsn } from '../domain/wal/lsn.ts';
import {
  isPointInTime,
  type RecoveryGoal,
  type RecoveryTarget,
  versionProblem,
} from '../domain/recovery/recovery-target.ts';
import { parseTargetTime, type ReadTime } from '../domain/time/target-time.ts';
import { warnOfHostZone } from '../host/host-zone.ts';
import type { CommandContext } from '../server/context.ts';
import type { PostgresVersion } from '../domain/postgres-version.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { formatTimestamp, type Timestamp } from '../domain/time/timestamp.ts';
import { localClock } from './local-clock.ts';
import type { RestoreRequest } from './request.ts';

/** The PostgreSQL that the backup is of. @throws RecoveryError when it was not recorded */
export function backupVersion(info: BackupInfo): PostgresVersion {
  if (info.version !== null) return info.version;
  throw new RecoveryError(
    `Cannot restore backup '${info.backupId}': its record does not say which PostgreSQL it is from`,
    {
      hint: `add "version=150000" (its server_version_num) to the backup.info file of ${info.backupId}`,
    },
  );
}

/**
 * Reads and checks the target. `latestTimeline` is the highest one in the archive. Prints the time zone warning.
 * @throws RecoveryError for a target that cannot be read, that this PostgreSQL does not know or that the backup cannot reach
 */
export function readGoal(
  ctx: CommandContext,
  request: RestoreRequest,
  info: BackupInfo,
  latestTimeline: number,
): RecoveryGoal {
  const target = readTarget(ctx, request, info);
  const goal: RecoveryGoal = {
    target,
    timeline: readTimeline(request, info, latestTimeline),
    exclusive: request.exclusive === true,
    action: request.targetAction ?? null,
    standby: request.standbyMode === true,
  };
  if (goal.action !== null && !isPointInTime(goal)) {
    throw new RecoveryError("Can't enable recovery target action when PITR is not required");
  }
  const problem = versionProblem(goal, backupVersion(info));
  if (problem !== null) throw new RecoveryError(problem);
  return goal;
}

function readTarget(ctx: CommandContext, request: RestoreRequest, info: BackupInfo): RecoveryTarget | null {
  const { targetTime, targetXid, targetLsn, targetName } = request;
  if (targetTime !== undefined) {
    const { time, showings } = readTime(ctx, targetTime);
    if (showings !== null) {
      ctx.output.warning(
        "No time zone has been specified through '--target-time' command-line option. Barman assumed the same time zone from the Barman host.",
      );
      warnOfHostZone(ctx.output);
      if (showings !== 1) ctx.output.warning(doubtOf(time, showings));
    }
    refuseTooEarly(time, info);
    return { kind: 'time', time };
  }
  if (targetXid !== undefined) return { kind: 'xid', xid: readXid(targetXid) };
  if (targetLsn !== undefined) return readLsn(ctx, targetLsn, info);
  if (targetName !== undefined) return { kind: 'name', name: readName(targetName) };
  return request.targetImmediate === true ? { kind: 'immediate' } : null;
}

/** Around a change of the clock the time alone does not say which moment is meant. */
function doubtOf(time: Timestamp, showings: number): string {
  const why = showings === 0 ? 'is left out by the change of the clock' : 'comes twice at the change of the clock';
  return `The target time ${why} of this host: it is taken for ${formatTimestamp(time)}. Write it with its offset from UTC, e.g. +01:00.`;
}

/** @throws RecoveryError in Barman's words */
export function readTime(ctx: CommandContext, text: string): ReadTime {
  const parsed = parseTargetTime(text, localClock(ctx.now()));
  if (parsed.time !== undefined) return parsed;
  throw new RecoveryError(`Unable to parse the target time parameter '${text}': ${parsed.reason}: ${text}`);
}

function refuseTooEarly(time: Timestamp, info: BackupInfo): void {
  if (info.endTime === null || time.epochMicros >= info.endTime.epochMicros) return;
  const shown = formatTimestamp(time);
  throw new RecoveryError(
    `The requested target time ${shown} is before the backup end time ${formatTimestamp(info.endTime)}`,
  );
}

/** PostgreSQL reads decimal, 0x hexadecimal and 0 octal numbers up to 64 bits. */
function readXid(text: string): string {
  if (/^(?:\d{1,20}|0[xX][0-9a-fA-F]{1,16})$/.test(text.trim())) return text.trim();
  throw new RecoveryError(`Invalid target transaction '${text}'`, {
    hint: 'a transaction id is a number, e.g. --target-xid 1234',
  });
}

function readLsn(ctx: CommandContext, text: string, info: BackupInfo): RecoveryTarget {
  const lsn = parseLsn(text);
  if (lsn === undefined) throw new RecoveryError(`Invalid LSN: '${text}'`, { hint: 'an LSN looks like 0/3000060' });
  if (info.beginXlog !== null && lsn < info.beginXlog) {
    throw new RecoveryError(
      `The requested target LSN ${text} is before the backup begin LSN ${formatLsn(info.beginXlog)}`,
      { hint: 'restore an older backup, or let "auto" choose one' },
    );
  }
  // Between begin and end only PostgreSQL knows where the backup becomes consistent.
  if (info.endXlog !== null && lsn < info.endXlog) {
    ctx.output.warning(
      `The requested target LSN ${text} is before the backup end LSN ${formatLsn(info.endXlog)}: PostgreSQL may refuse to stop there.`,
    );
  }
  return { kind: 'lsn', lsn, text: text.trim() };
}

/** MAXFNAMELEN - 1 of PostgreSQL. */
const NAME_BYTES = 63;

function readName(text: string): string {
  if (text === '') throw new RecoveryError('The name of the restore point cannot be empty');
  if (Buffer.byteLength(text) > NAME_BYTES) {
    throw new RecoveryError(`The name of the restore point is too long (maximum ${NAME_BYTES} bytes)`);
  }
  if (/\p{Cc}/u.test(text)) throw new RecoveryError('The name of the restore point cannot hold control characters');
  return text;
}

function readTimeline(request: RestoreRequest, info: BackupInfo, latest: number): RecoveryGoal['timeline'] {
  const typed = request.targetTli;
  if (typed === undefined) return null;
  if (typed === 'latest') return { typed, number: Math.max(latest, info.timeline ?? 1) };
  return { typed, number: typed === 'current' ? (info.timeline ?? 1) : typed };
}
