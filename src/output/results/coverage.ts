/** `barman coverage`: windows of recovery, gaps and the present risk, as text, as a drawing on a terminal, as JSON. */
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import type {
  Exposure,
  RecoveryWindow,
  ServerCoverage,
  TimelineCoverage,
  WalGap,
} from '../../domain/recovery/coverage.ts';
import { humanDuration } from '../../domain/time/duration.ts';
import { formatLsn } from '../../domain/wal/lsn.ts';
import { prettySize } from '../../domain/text/size.ts';
import { epochSeconds, formatTimestamp, timestampOf } from '../../domain/time/timestamp.ts';
import type { Json, JsonObject, Result } from '../output.ts';

/** `columns` is the width of the terminal; null elsewhere: then nothing is drawn. */
export function coverageResult(shown: ServerCoverage, columns: number | null): Result {
  return { console: () => consoleLines(shown, columns), json: () => ({ [shown.server]: jsonOf(shown) }) };
}

interface Period {
  /** Seconds since 1970. */
  readonly from: number;
  readonly to: number;
}

/** From the end of the first backup; a window that ends with its backup's own WAL is a moment. */
function periodOf({ backups, lastWal }: RecoveryWindow, times: ReadonlyMap<string, number>): Period {
  // Whole seconds inside the window: both ends can be typed as a target.
  const from = backups[0]?.endTime ? Math.ceil(epochSeconds(backups[0].endTime)) : 0;
  return { from, to: Math.max(Math.floor(times.get(lastWal) ?? from), from) };
}

/** A text that --target-time takes. */
function momentText(seconds: number): string {
  return formatTimestamp(timestampOf(new Date(seconds * 1000)));
}

function consoleLines(shown: ServerCoverage, columns: number | null): readonly string[] {
  const { server, timelines, incomplete, times, exposure } = shown;
  const periods = timelines.flatMap(({ windows }) => windows.map((window) => periodOf(window, times)));
  return [
    `Server ${server}:`,
    ...(periods.length === 0 ? ['\tno backup can be recovered'] : []),
    ...timelines.flatMap((coverage) => timelineLines(coverage, times, drawing(columns, periods))),
    ...incomplete.map(
      ({ backupId, missingWal }) => `\tbackup ${backupId} is not consistent: ${missingWal} is not archived`,
    ),
    ...(exposure === null ? [] : [`\tIf the primary died now: ${exposureText(server, exposure)}`]),
  ];
}

function timelineLines(
  { timeline, windows, gaps }: TimelineCoverage,
  times: ReadonlyMap<string, number>,
  draw: (periods: readonly Period[]) => string,
): readonly string[] {
  if (windows.length === 0 && gaps.length === 0) return [];
  const drawn = draw(windows.map((window) => periodOf(window, times)));
  return [
    `\tTimeline ${timeline}:${drawn === '' ? '' : ` ${drawn}`}`,
    ...windows.map((window) => `\t\t${windowText(window, periodOf(window, times))}`),
    ...gaps.map((gap) => `\t\t${gapText(gap)}`),
  ];
}

function windowText({ backups, lastWal }: RecoveryWindow, { from, to }: Period): string {
  const whose = backups.length === 1 ? 'backup' : `${backups.length} backups from`;
  return `any moment from ${momentText(from)} to ${momentText(to)} (${whose} ${backups[0]?.backupId}, WAL to ${lastWal})`;
}

function gapText({ firstWal, lastWal, count }: WalGap): string {
  if (count === 1) return `gap: 1 segment is missing: ${firstWal}`;
  return `gap: ${count} segments are missing: ${firstWal} to ${lastWal}`;
}

function exposureText(server: string, exposure: Exposure): string {
  const { bytes, seconds, recoverableLsn, receivedLsn, currentLsn, receivedBy } = exposure;
  if (recoverableLsn === null) {
    return `everything would be lost: no backup can be recovered. Take one: barman backup ${server}`;
  }
  if (bytes === 0n) return `nothing would be lost (all is here by ${receivedBy}, up to ${formatLsn(receivedLsn)})`;
  const age = seconds === null ? 'of unknown age' : `of the last ${humanDuration(seconds)}`;
  if (receivedLsn > recoverableLsn) {
    return `${prettySize(bytes)} ${age} would be lost: nothing behind ${formatLsn(recoverableLsn)} can be recovered, though WAL is here up to ${formatLsn(receivedLsn)}, because there is a hole between them (the primary is at ${formatLsn(currentLsn)}). Take a backup: barman backup ${server}`;
  }
  return `${prettySize(bytes)} ${age} would be lost (here up to ${formatLsn(receivedLsn)} by ${receivedBy}, the primary is at ${formatLsn(currentLsn)})`;
}

/** Room for `<TAB>Timeline N: ` and the frame. */
const MARGIN = 26;

/** A line that shows each period in its place between the first and the last moment of all; '' where there is no room. */
function drawing(columns: number | null, all: readonly Period[]): (periods: readonly Period[]) => string {
  const width = Math.min((columns ?? 0) - MARGIN, 100);
  const start = Math.min(...all.map(({ from }) => from));
  const span = Math.max(...all.map(({ to }) => to)) - start;
  if (width < 10 || all.length === 0) return () => '';
  const cell = (seconds: number) => (span === 0 ? 0 : Math.floor(((seconds - start) / span) * (width - 1)));
  return (periods) => {
    const cells = Array.from({ length: width }, (_, index) =>
      periods.some(({ from, to }) => index >= cell(from) && index <= cell(to)) ? '█' : '·',
    );
    return `▕${cells.join('')}▏`;
  };
}

function jsonOf({ timelines, incomplete, times, exposure }: ServerCoverage): JsonObject {
  return {
    timelines: timelines.map((coverage): Json => ({
      timeline: coverage.timeline,
      windows: coverage.windows.map((window) => windowJson(window, periodOf(window, times))),
      gaps: coverage.gaps.map(({ firstWal, lastWal, count }) => ({
        first_wal: firstWal,
        last_wal: lastWal,
        segments: count,
      })),
    })),
    incomplete_backups: incomplete.map(({ backupId, missingWal }) => ({
      backup_id: backupId,
      missing_wal: missingWal,
    })),
    exposure: exposure && {
      bytes: Number(exposure.bytes),
      seconds: exposure.seconds === null ? null : Math.round(exposure.seconds),
      recoverable_lsn: exposure.recoverableLsn === null ? null : formatLsn(exposure.recoverableLsn),
      received_lsn: formatLsn(exposure.receivedLsn),
      received_by: exposure.receivedBy,
      current_lsn: formatLsn(exposure.currentLsn),
    },
  };
}

function windowJson({ backups, lastWal }: RecoveryWindow, { from, to }: Period): JsonObject {
  return {
    from: momentText(from),
    from_timestamp: from,
    to: momentText(to),
    to_timestamp: to,
    backup_ids: backups.map(({ backupId }: BackupInfo) => backupId),
    last_wal: lastWal,
  };
}
