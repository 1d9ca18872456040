/**
 * Names of exported backups: `backup-export-SERVER-ID-TIMESTAMP-CHECKSUM.tar[.gz|.bz2|.xz]`.
 * Source: docs/behaviour/catalog.md 13.
 */
import { CODECS, EXPORT_COMPRESSIONS, type ExportCompression } from '../codecs.ts';
import { BackupError } from '../errors.ts';
import { civilTime, compactText, isRealTime, utcReading } from '../time/civil-time.ts';

const suffixOf = (compression: ExportCompression | null) =>
  compression === null ? '.tar' : `.tar${CODECS[compression].suffix}`;

/** Digits of the checksum in the name. */
export const CHECKSUM_DIGITS = 8;

/** What stands before the checksum; `made` is the moment of the export, told in UTC. */
export function exportStem(server: string, backupId: string, made: Date): string {
  return `backup-export-${server}-${backupId}-${compactText(utcReading(made))}`;
}

/** The name of the finished file; `sha256` is that of its bytes, in hexadecimal digits. */
export function exportName(stem: string, sha256: string, compression: ExportCompression | null): string {
  return `${stem}-${sha256.slice(0, CHECKSUM_DIGITS)}${suffixOf(compression)}`;
}

export interface ExportName {
  readonly backupId: string;
  /** As it stands in the name, whatever it is. */
  readonly checksum: string;
}

/** Reads the name of a file (without its directory). @throws BackupError with Barman's words for another form */
export function parseExportName(name: string, server: string): ExportName {
  const refuse = (reason: string) =>
    new BackupError(
      `Tarball filename does not match the expected export format 'backup-export-SERVER_NAME-BACKUP_ID-TIMESTAMP-CHECKSUM.tar': '${name}'. ${reason}`,
    );
  const prefix = `backup-export-${server}-`;
  if (!name.startsWith(prefix)) throw refuse(`Expected filename to start with '${prefix}'.`);
  const suffix = [null, ...EXPORT_COMPRESSIONS].map(suffixOf).find((ending) => name.endsWith(ending));
  if (suffix === undefined) throw refuse('Expected a .tar, .tar.gz, .tar.bz2, or .tar.xz file extension.');
  const [backupId, timestamp, checksum, ...others] = name.slice(prefix.length, -suffix.length).split('-');
  if (backupId === undefined || timestamp === undefined || checksum === undefined || others.length > 0) {
    throw refuse('Expected filename to contain the backup ID, timestamp, and checksum after the server name.');
  }
  for (const [what, text] of [
    ['BACKUP_ID', backupId],
    ['TIMESTAMP', timestamp],
  ] as const) {
    if (!isMoment(text)) throw refuse(`Expected ${what} to be in the format 'YYYYMMDDTHHMMSS', got '${text}'.`);
  }
  return { backupId, checksum };
}

/** `YYYYMMDDTHHMMSS` of a moment that the calendar has. */
function isMoment(text: string): boolean {
  const form = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)$/.exec(text);
  return form !== null && isRealTime(civilTime(...form.slice(1)));
}
