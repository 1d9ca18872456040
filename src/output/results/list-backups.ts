/** `barman list-backups`: one line for each backup, newest first. Source: docs/behaviour/cli.md 6.2. */
import { type BackupInfo, isCopyDone } from '../../domain/backup/backup-info.ts';
import { backupType } from '../../domain/backup/backup-layout.ts';
import { type BackupFlaw, flawText } from '../../domain/backup/backup-flaw.ts';
import type { RetentionVerdict } from '../../domain/backup/retention.ts';
import { prettySize } from '../../domain/text/size.ts';
import { ctime } from '../../domain/time/timestamp.ts';
import { type WalUsage } from '../../domain/wal/wal-usage.ts';
import type { JsonObject, Result } from '../output.ts';

export interface ListedBackup {
  readonly info: BackupInfo;
  readonly usage: WalUsage;
  /** '-' when no policy is enforced. */
  readonly verdict: RetentionVerdict;
  readonly flaw: BackupFlaw | null;
}

/** The whole list of one server, newest first. */
export function listBackupsResult(server: string, backups: readonly ListedBackup[]): Result {
  return {
    console: () => backups.map((backup) => consoleLine(server, backup)),
    json: () => ({ [server]: backups.map(jsonRecord) }),
  };
}

/** `--minimal`: ids only. */
export function minimalListResult(server: string, ids: readonly string[]): Result {
  return { console: () => ids, json: () => ({ [server]: ids }) };
}

/** How list-backups and show-backup spell a verdict. */
export function verdictText(verdict: RetentionVerdict): string {
  return verdict === 'POTENTIALLY_OBSOLETE' ? 'OBSOLETE*' : verdict;
}

function consoleLine(server: string, { info, usage, verdict, flaw }: ListedBackup): string {
  const name = info.backupName === null ? '' : ` '${info.backupName}'`;
  // compat 3.20.1: the name of the server comes from the record.
  const words = [`${info.serverName ?? server} ${info.backupId}${name}`, backupType(info).charAt(0).toUpperCase()];
  if (!isCopyDone(info)) return [...words, info.status].join(' - ');
  words.push(
    info.endTime === null ? 'None' : ctime(info.endTime),
    `Size: ${prettySize(sizeWithWals(info, usage))}`,
    `WAL Size: ${prettySize(usage.untilNext.bytes)}`,
  );
  if (info.status === 'WAITING_FOR_WALS') words.push(info.status);
  if (retentionStatus(verdict) !== '-') words.push(retentionStatus(verdict));
  if (flaw !== null) words.push(flawWord(flaw));
  return words.join(' - ');
}

function jsonRecord({ info, usage, verdict, flaw }: ListedBackup): JsonObject {
  const facts: JsonObject = {
    backup_id: info.backupId,
    ...(info.backupName === null ? {} : { backup_name: info.backupName }),
    backup_type: backupType(info),
    status: info.status,
  };
  if (!isCopyDone(info)) return facts;
  const size = sizeWithWals(info, usage);
  return {
    ...facts,
    end_time: info.endTime === null ? null : ctime(info.endTime),
    end_time_timestamp: info.endTime === null ? null : String(info.endTime.epochMicros / 1_000_000n),
    size: prettySize(size),
    size_bytes: size,
    wal_size: prettySize(usage.untilNext.bytes),
    wal_size_bytes: usage.untilNext.bytes,
    retention_status: retentionStatus(verdict),
    ...flawJson(flaw),
  };
}

/** How the list calls a backup that is not whole. */
function flawWord({ kind }: BackupFlaw): string {
  if (kind === 'unproved') return 'NO MANIFEST';
  return kind === 'unreadable' ? 'UNREADABLE' : 'MISSING FILES';
}

/** Two keys that only a backup that is not whole has. */
export function flawJson(flaw: BackupFlaw | null): JsonObject {
  return flaw === null ? {} : { data_status: flaw.kind, data_error: flawText(flaw) };
}

/** Here a VALID backup needs no word. */
function retentionStatus(verdict: RetentionVerdict): string {
  return verdict === 'VALID' ? '-' : verdictText(verdict);
}

/**
 * On disk and with the WAL that makes it consistent. compat 3.20.1: a record without a size counts as nothing at all.
 */
function sizeWithWals(info: BackupInfo, usage: WalUsage): number {
  return info.size === null ? 0 : info.size + usage.required.bytes;
}
