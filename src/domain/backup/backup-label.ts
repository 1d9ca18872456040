/** The `backup_label` file that PostgreSQL puts into every base backup. Source: PostgreSQL documentation, "Backup". */
import { type Lsn, parseLsn } from '../wal/lsn.ts';
import { parseWalName } from '../wal/wal.ts';

export interface BackupLabel {
  readonly beginXlog: Lsn;
  readonly beginWal: string;
  readonly timeline: number;
}

const START_LINE = /^START WAL LOCATION: ([0-9A-Fa-f]+\/[0-9A-Fa-f]+) \(file ([0-9A-Fa-f]{24})\)$/m;

/** Where replay of this backup begins; undefined when the text is no backup label. */
export function parseBackupLabel(text: string): BackupLabel | undefined {
  const match = START_LINE.exec(text);
  const beginXlog = match?.[1] === undefined ? undefined : parseLsn(match[1]);
  const file = match?.[2] === undefined ? undefined : parseWalName(match[2]);
  if (beginXlog === undefined || file === undefined) return undefined;
  return { beginXlog, beginWal: file.name, timeline: file.timeline };
}
