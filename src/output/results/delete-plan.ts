/** `barman delete --dry-run`. */
import type { PlannedRemoval } from '../../domain/backup/retention.ts';
import { prettySize } from '../../domain/text/size.ts';
import { ctime } from '../../domain/time/timestamp.ts';
import type { Result } from '../output.ts';

export function deletePlanResult(server: string, removals: readonly PlannedRemoval[]): Result {
  const sum = (amountOf: (removal: PlannedRemoval) => number) =>
    removals.reduce((total, removal) => total + amountOf(removal), 0);
  const [backupBytes, walCount, walBytes] = [
    // Files that a later backup shares by hard links stay.
    sum(({ info }) => info.deduplicatedSize ?? info.size ?? 0),
    sum(({ wals }) => wals.length),
    sum((removal) => removal.walBytes),
  ];
  return {
    console: () => [
      removals.length === 0
        ? `Server ${server}: no backup would be deleted`
        : `Server ${server}: ${plural(removals.length, 'backup')} would be deleted`,
      ...removals.map((removal) => `\t${lineOf(removal)}`),
      ...(removals.length === 0
        ? []
        : [`Space that becomes free: ${prettySize(backupBytes)} of backups, ${walText(walCount, walBytes)}`]),
      'Nothing was deleted (--dry-run)',
    ],
    json: () => ({
      [server]: {
        dry_run: true,
        backups: removals.map(({ info, wals, walBytes: bytes }) => ({
          backup_id: info.backupId,
          backup_name: info.backupName,
          status: info.status,
          size_bytes: info.deduplicatedSize ?? info.size,
          wals,
          wal_bytes: bytes,
        })),
        size_bytes: backupBytes,
        wal_files: walCount,
        wal_bytes: walBytes,
      },
    }),
  };
}

function lineOf({ info, wals, walBytes }: PlannedRemoval): string {
  const size = info.deduplicatedSize ?? info.size;
  return [
    info.backupName === null ? info.backupId : `${info.backupId} '${info.backupName}'`,
    info.status,
    ...(info.endTime === null ? [] : [ctime(info.endTime)]),
    ...(size === null ? [] : [`Size: ${prettySize(size)}`]),
    `frees ${walText(wals.length, walBytes)}${wals.length === 0 ? '' : `: ${wals[0]} to ${wals.at(-1)}`}`,
  ].join(' - ');
}

function walText(count: number, bytes: number): string {
  return count === 0 ? 'no WAL' : `${plural(count, 'WAL file')} (${prettySize(bytes)})`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
