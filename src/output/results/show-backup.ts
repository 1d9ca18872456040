/**
 * `barman show-backup`: everything about one backup. Rows and keys appear under Barman's conditions.
 * Source: docs/behaviour/cli.md 6.3. The JSON face is in show-backup-json.ts.
 */
import { copyFigures, ownBytes, savings } from '../../domain/backup/backup-figures.ts';
import { humanDuration } from '../../domain/time/duration.ts';
import { formatLsn, type Lsn } from '../../domain/wal/lsn.ts';
import { prettySize } from '../../domain/text/size.ts';
import { walCompressionRatio, walRate } from '../../domain/wal/wal-usage.ts';
import { type BackupInfo, isCopyDone } from '../../domain/backup/backup-info.ts';
import { backupType, originOf } from '../../domain/backup/backup-layout.ts';
import { flawText } from '../../domain/backup/backup-flaw.ts';
import type { Literal } from '../../domain/text/python-literal.ts';
import { formatTimestamp, type Timestamp } from '../../domain/time/timestamp.ts';
import type { Result } from '../output.ts';
import { shownBackupJson } from './show-backup-json.ts';
import { LATEST, OLDEST, percentText, policyText, rateText, type ShownBackup } from './shown-backup.ts';

type Row = readonly [label: string, value: string];

export function showBackupResult(backup: ShownBackup): Result {
  return { console: () => consoleLines(backup), json: () => shownBackupJson(backup) };
}

function consoleLines(backup: ShownBackup): string[] {
  const { info } = backup;
  const lines = [`Backup ${info.backupId}:`, ...rows(headRows(backup), 2, 23), ''];
  const add = (title: string, content: readonly string[]) => {
    if (content.length > 0) lines.push(`  ${title}:`, ...content, '');
  };
  add(
    'Server information',
    nested([...row('Checksums', info.dataChecksums), ...row('WAL summarizer', info.summarizeWal)]),
  );
  if (!isCopyDone(info)) {
    lines.push(...rows(row('Error', info.error), 2, 23));
    return lines;
  }
  add('Snapshot information', snapshotLines(info));
  add('Tablespaces', nested((info.tablespaces ?? []).map((ts) => [ts.name, `${ts.location} (oid: ${ts.oid})`])));
  add('Base backup information', nested(baseRows(backup)));
  add('WAL information', nested(walRows(backup)));
  lines.push('  Catalog information:', ...nested(neighbourRows(backup)));
  if (backup.timelines.length > 0) {
    lines.push('', 'WARNING: WAL information is inaccurate due to multiple timelines interacting with this backup');
  }
  lines.push(...nested(familyRows(backup)));
  return lines;
}

function headRows({ server, info, flaw }: ShownBackup): Row[] {
  const head: Row[] = [
    ...row('Backup Name', info.backupName),
    ['Server Name', info.serverName ?? server],
    ...row('System Id', info.systemid),
    ['Status', info.status],
    ...row('Not whole', flaw && flawText(flaw)),
  ];
  if (!isCopyDone(info)) return head;
  head.push(['PostgreSQL Version', text(info.version)], ['PGDATA directory', text(info.pgdata)]);
  if (info.clusterSize) head.push(['Estimated Cluster Size', prettySize(info.clusterSize)]);
  return head;
}

function baseRows({ info, usage }: ShownBackup): Row[] {
  const size = ownBytes(info);
  const { count, bytes } = usage.required;
  const withWals = bytes > 0 ? ` (${prettySize(size + bytes)} with WALs)` : '';
  const saved = savings(info);
  const ratio = walCompressionRatio(usage.required, usage, info.xlogSegmentSize);
  return [
    ['Backup Method', text(info.mode)],
    ...row('Encryption', info.encryption),
    ...row('Backup Type', originOf(info) === 'postgres' ? backupType(info) : null),
    ...row('Backup Size', size > 0 ? `${prettySize(size)}${withWals}` : null),
    ...row('Backup Compression', info.compression),
    ...row('WAL Size', bytes > 0 ? prettySize(bytes) : null),
    ...row('Resources saved', saved && `${prettySize(saved.bytes)} (${percentText(saved.ratio)})`),
    ['Timeline', text(info.timeline)],
    ['Begin WAL', text(info.beginWal)],
    ['End WAL', text(info.endWal)],
    ...row('Number of WALs', count > 0 ? String(count) : null),
    ...row('WAL compression ratio', ratio > 0 ? percentText(ratio) : null),
    ['Begin time', time(info.beginTime)],
    ['End time', time(info.endTime)],
    ...copyRows(info),
    ['Begin Offset', text(info.beginOffset)],
    ['End Offset', text(info.endOffset)],
    ['Begin LSN', position(info.beginXlog)],
    ['End LSN', position(info.endXlog)],
  ];
}

function copyRows(info: BackupInfo): Row[] {
  const copy = copyFigures(info);
  if (copy === null) return [];
  const startup = copy.analysisTime === null ? '' : ` + ${humanDuration(copy.analysisTime)} startup`;
  const jobs = copy.workers > 1 ? ` (${copy.workers} jobs)` : '';
  return [
    ['Copy time', `${humanDuration(copy.copyTime)}${startup}`],
    ...row('Estimated throughput', copy.throughput > 0 ? `${prettySize(copy.throughput)}/s${jobs}` : null),
  ];
}

function walRows({ info, usage, timelines }: ShownBackup): Row[] {
  const { count, bytes } = usage.untilNext;
  const rate = walRate(usage);
  const ratio = walCompressionRatio(usage.untilNext, usage, info.xlogSegmentSize);
  return [
    ['Number of files', String(count)],
    ['Disk usage', prettySize(bytes)],
    ...row('WAL rate', rate > 0 ? rateText(rate) : null),
    ...row('Compression ratio', ratio > 0 ? percentText(ratio) : null),
    ['Last available', text(usage.last?.name ?? null)],
    ...row('Reachable timelines', timelines.length > 0 ? timelines.join(', ') : null),
  ];
}

function neighbourRows({ verdict, previous, next }: ShownBackup): Row[] {
  return [
    ['Retention Policy', policyText(verdict)],
    ['Previous Backup', previous ?? OLDEST],
    ['Next Backup', next ?? LATEST],
  ];
}

function familyRows({ info, chain }: ShownBackup): Row[] {
  const children = info.childrenBackupIds ?? [];
  return [
    ...(backupType(info) === 'incremental'
      ? ([
          ['Root Backup', chain.at(-1) ?? info.backupId],
          ['Parent Backup', text(info.parentBackupId)],
          ['Backup chain size', String(chain.length)],
        ] satisfies Row[])
      : []),
    ...row('Children Backup(s)', originOf(info) === 'postgres' && children.length > 0 ? children.join(',') : null),
  ];
}

/** One block for each snapshot; the shape of the record is the provider's. */
function snapshotLines({ snapshotsInfo }: BackupInfo): string[] {
  const snapshots = (snapshotsInfo?.snapshots ?? []) as readonly Record<string, Literal>[];
  return snapshots.flatMap((snapshot, index) => {
    const provider = (snapshot.provider ?? {}) as Record<string, Literal>;
    const mount = (snapshot.mount ?? {}) as Record<string, Literal>;
    const keys = Object.keys(provider).sort();
    return [
      ...(index > 0 ? [''] : []),
      ...nested([
        ...keys.map((key): Row => [labelOf(key), literalText(provider[key])]),
        ['Mount point', literalText(mount.mount_point)],
        ['Mount options', literalText(mount.mount_options)],
      ]),
    ];
  });
}

/** `snapshot_name` -> `Snapshot name`. */
function labelOf(key: string): string {
  const words = key.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function literalText(value: Literal | undefined): string {
  return value === null || value === undefined
    ? 'None'
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);
}

/** No row for a value that is unset. */
function row(label: string, value: string | null): Row[] {
  return value === null ? [] : [[label, value]];
}

function nested(content: readonly Row[]): string[] {
  return rows(content, 4, 21);
}

function rows(content: readonly Row[], margin: number, width: number): string[] {
  return content.map(([label, value]) => `${' '.repeat(margin)}${label.padEnd(width)}: ${value}`);
}

function text(value: string | number | null): string {
  return value === null ? 'None' : String(value);
}

function time(value: Timestamp | null): string {
  return value === null ? 'None' : formatTimestamp(value);
}

function position(value: Lsn | null): string {
  return value === null ? 'None' : formatLsn(value);
}
