/**
 * The text form of a backup record, `meta/<id>-backup.info`: `key=value` lines in alphabetical order, byte for byte as
 * Barman writes them. Source: docs/behaviour/catalog.md 3.
 */
import {
  type BackupInfo,
  type BackupStatus,
  emptyBackupInfo,
  isBackupId,
  type Literal,
  type Tablespace,
} from './backup-info.ts';
import { BackupError } from '../errors.ts';
import { formatLsn, type Lsn, parseLsn } from '../wal/lsn.ts';
import { formatLiteral, parseLiteral } from '../text/python-literal.ts';
import { formatTimestamp, parseTimestamp } from '../time/timestamp.ts';
import { parseWalName } from '../wal/wal.ts';
import type { PostgresVersion } from '../postgres-version.ts';

/** How one value is read and written; `read` gives undefined for a text that is none. */
interface Codec<T> {
  readonly read: (text: string) => T | undefined;
  readonly write: (value: T) => string;
}

interface Field<T> extends Codec<T> {
  readonly key: string;
  /** The line is left out when the value is unset; all others say `None`. */
  readonly hidden: boolean;
}

type StoredName = Exclude<keyof BackupInfo, 'backupId'>;

const raw: Codec<string> = {
  read: (text) => text,
  write: (value) => {
    // One value, one line: a second line would be read as another field.
    if (/[\r\n\0]/.test(value))
      throw new BackupError(`a backup record cannot hold a line break (in '${value.slice(0, 60)}')`);
    return value;
  },
};

/** Folded into one line, because an error message may have several. */
const message: Codec<string> = { read: (text) => text, write: (value) => value.replace(/[\r\n\0]+/g, ' ').trim() };

const integer: Codec<number> = {
  read: (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return Number.isSafeInteger(value) ? value : undefined;
  },
  write: (value) => {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new BackupError(`a backup record cannot hold the number ${value}`);
    return String(value);
  },
};

const version: Codec<PostgresVersion> = {
  read: (text) => integer.read(text) as PostgresVersion | undefined,
  write: integer.write,
};

const MEBIBYTE = 1_048_576;
/** initdb --wal-segsize: a power of two from 1 MiB to 1 GiB. */
const segmentSize: Codec<number> = {
  read: (text) => {
    const value = integer.read(text);
    const isPossible =
      value !== undefined && value >= MEBIBYTE && value <= 1024 * MEBIBYTE && (value & (value - 1)) === 0;
    return isPossible ? value : undefined;
  },
  write: integer.write,
};

const timestamp = { read: parseTimestamp, write: formatTimestamp };
const lsn: Codec<Lsn> = { read: parseLsn, write: formatLsn };
const segment: Codec<string> = {
  read: (text) => (parseWalName(text)?.kind === 'segment' ? text : undefined),
  write: raw.write,
};
const backupId: Codec<string> = { read: (text) => (isBackupId(text) ? text : undefined), write: raw.write };

/** Ids become parts of paths: one that is no id makes the record damaged. */
const idList: Codec<readonly string[]> = {
  read: (text) => {
    const ids = text.split(',').map((id) => id.trim());
    return ids.every(isBackupId) ? ids : undefined;
  },
  write: (ids) => orNone(ids.length === 0, ids.join(',')),
};

/** A synced record of a passive node holds the literal of a literal: it is kept as the text that it is. */
const quoted: Codec<string> = {
  read: (text) => {
    const value = parseLiteral(text);
    return typeof value === 'string' ? value : undefined;
  },
  write: (value) => orNone(value === '', formatLiteral(value)),
};

const texts: Codec<readonly string[]> = {
  read: (text) => {
    const value = parseLiteral(text);
    return isTextList(value) ? value : undefined;
  },
  write: (value) => orNone(value.length === 0, formatLiteral(value)),
};

const tablespaces: Codec<readonly Tablespace[]> = {
  read: (text) => {
    const value = parseLiteral(text);
    if (!Array.isArray(value)) return undefined;
    const result = (value as readonly Literal[]).map(readTablespace);
    return result.every((one) => one !== undefined) ? result : undefined;
  },
  write: (value) => {
    const tuples = value.map(
      ({ name, oid, location }) => `(${formatLiteral(name)}, ${formatLiteral(oid)}, ${formatLiteral(location)})`,
    );
    return orNone(value.length === 0, `[${tuples.join(', ')}]`);
  },
};

type LiteralDict = { readonly [key: string]: Literal };

function dict(format: (value: LiteralDict) => string): Codec<LiteralDict> {
  return {
    read: (text) => {
      const value = parseLiteral(text);
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as LiteralDict) : undefined;
    },
    write: (value) => orNone(Object.keys(value).length === 0, format(value)),
  };
}

/** All seconds, floats to Python; the number of workers is the only integer. */
function formatCopyStats(stats: LiteralDict): string {
  const items = Object.entries(stats).map(
    ([key, value]) => `${formatLiteral(key)}: ${formatLiteral(value, { wholeAsFloat: key !== 'number_of_workers' })}`,
  );
  return `{${items.join(', ')}}`;
}

const STATUSES: readonly string[] = [
  'EMPTY',
  'STARTED',
  'WAITING_FOR_WALS',
  'DONE',
  'FAILED',
  'SYNCING',
] satisfies readonly BackupStatus[];
const status: Codec<BackupStatus> = {
  read: (text) => (STATUSES.includes(text) ? (text as BackupStatus) : undefined),
  write: (value) => value,
};

function field<T>(key: string, codec: Codec<T>, hidden = false): Field<T> {
  return { key, hidden, ...codec };
}

/** In the order of the file. */
const FIELDS: { readonly [Name in StoredName]: Field<NonNullable<BackupInfo[Name]>> } = {
  backupLabel: field('backup_label', quoted),
  backupName: field('backup_name', raw, true),
  beginOffset: field('begin_offset', integer),
  beginTime: field('begin_time', timestamp),
  beginWal: field('begin_wal', segment),
  beginXlog: field('begin_xlog', lsn),
  childrenBackupIds: field('children_backup_ids', idList),
  clusterSize: field('cluster_size', integer),
  compression: field('compression', raw),
  configFile: field('config_file', raw),
  copyStats: field('copy_stats', dict(formatCopyStats)),
  dataChecksums: field('data_checksums', raw),
  deduplicatedSize: field('deduplicated_size', integer),
  encryption: field('encryption', raw),
  endOffset: field('end_offset', integer),
  endTime: field('end_time', timestamp),
  endWal: field('end_wal', segment),
  endXlog: field('end_xlog', lsn),
  error: field('error', message),
  hbaFile: field('hba_file', raw),
  identFile: field('ident_file', raw),
  includedFiles: field('included_files', texts),
  mode: field('mode', raw),
  parentBackupId: field('parent_backup_id', backupId),
  pgdata: field('pgdata', raw),
  serverName: field('server_name', raw),
  size: field('size', integer),
  snapshotsInfo: field('snapshots_info', dict(formatLiteral), true),
  status: field('status', status),
  summarizeWal: field('summarize_wal', raw),
  systemid: field('systemid', raw),
  tablespaces: field('tablespaces', tablespaces),
  timeline: field('timeline', integer),
  version: field('version', version),
  xlogSegmentSize: field('xlog_segment_size', segmentSize),
};

const NAMES = Object.keys(FIELDS) as readonly StoredName[];
const NAME_OF_KEY = new Map(NAMES.map((name) => [FIELDS[name].key, name]));

/** The record as text, every line ended. @throws BackupError for a value that the form cannot hold */
export function formatBackupInfo(info: BackupInfo): string {
  return NAMES.map((name) => formatLine(FIELDS[name] as Field<unknown>, info[name])).join('');
}

function formatLine({ key, hidden, write }: Field<unknown>, value: unknown): string {
  if (value === null && hidden) return '';
  return `${key}=${value === null ? 'None' : write(value)}\n`;
}

/**
 * Reads a record; keys that are missing are unset, as in records of older releases. `path` is only for messages.
 * @throws BackupError with the reason when the text is empty, cut, binary, or has a field or value we do not know
 */
export function parseBackupInfo(text: string, backupId: string, path: string): BackupInfo {
  if (text.includes('\0')) throw new BackupError('it holds binary data');
  const lines = text.split(/\r\n|\n|\r/);
  if (!isLastLineWhole(lines)) throw new BackupError('it is cut short: its last line has no end');
  const values: Partial<Record<StoredName, unknown>> = {};
  for (const line of lines) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    if (equals < 0) throw new BackupError(`invalid line ${formatLiteral(line)} in file ${path}`);
    const key = line.slice(0, equals).trim();
    const name = NAME_OF_KEY.get(key);
    if (name === undefined) throw new BackupError(unsupportedField(key));
    values[name] = readValue(FIELDS[name] as Field<unknown>, line.slice(equals + 1).trim());
  }
  const reason = cutReason(values);
  if (reason !== undefined) throw new BackupError(reason);
  const info = { ...emptyBackupInfo(backupId), ...(values as Partial<BackupInfo>) };
  return { ...info, xlogSegmentSize: info.xlogSegmentSize ?? emptyBackupInfo(backupId).xlogSegmentSize };
}

function unsupportedField(key: string): string {
  return `Unsupported field '${key}' found in backup metadata. This indicates the backup was created with a newer version of Barman. Please upgrade to a compatible or newer version.`;
}

function readValue({ key, read }: Field<unknown>, text: string): unknown {
  if (text === 'None') return null;
  const value = readOrExplain(key, text, read);
  if (value !== undefined) return value;
  throw new BackupError(`the value ${formatLiteral(text.slice(0, 60))} of '${key}' is not valid`);
}

function readOrExplain(key: string, text: string, read: (text: string) => unknown): unknown {
  try {
    return read(text);
  } catch (cause) {
    if (cause instanceof BackupError) throw new BackupError(`the value of '${key}' is ${cause.message}`, { cause });
    throw cause;
  }
}

/** Fields that came with or after xlog_segment_size: a record that has one of them has that one too. */
const AFTER_SEGMENT_SIZE: readonly StoredName[] = [
  'childrenBackupIds',
  'clusterSize',
  'compression',
  'dataChecksums',
  'encryption',
  'parentBackupId',
  'summarizeWal',
  'systemid',
];

/**
 * Was the end of the text lost (power cut, full disk)? Every release writes all the fields it knows, in alphabetical
 * order, so what is lost is lost from the end. The last field is xlog_segment_size; in the releases before that field it
 * is `version`. Which release wrote the text shows in the fields that are left. A cut within a line shows in its missing
 * newline: see isLastLineWhole.
 */
function cutReason(values: Partial<Record<StoredName, unknown>>): string | undefined {
  if (Object.keys(values).length === 0) return 'it is empty';
  if (values.status === undefined || values.status === null) return "it is cut short: 'status' is missing";
  const lastField = AFTER_SEGMENT_SIZE.some((name) => name in values) ? 'xlogSegmentSize' : 'version';
  return lastField in values ? undefined : `it is cut short: '${FIELDS[lastField].key}' is missing`;
}

/**
 * A newline ends it, or it is xlog_segment_size: no possible segment size is the beginning of another one, so that a
 * record which an editor left without its last newline is whole all the same.
 */
function isLastLineWhole(lines: readonly string[]): boolean {
  const last = lines.at(-1) ?? '';
  return last.trim() === '' || last.startsWith('#') || last.startsWith(`${FIELDS.xlogSegmentSize.key}=`);
}

function orNone(isEmpty: boolean, text: string): string {
  return isEmpty ? 'None' : text;
}

function isTextList(value: Literal): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function readTablespace(value: Literal): Tablespace | undefined {
  if (!Array.isArray(value)) return undefined;
  const [name, oid, location, ...others] = value as readonly Literal[];
  if (typeof name !== 'string' || typeof location !== 'string' || others.length > 0) return undefined;
  const isOid = typeof oid === 'number' && Number.isInteger(oid) && oid > 0 && oid <= 0xffffffff;
  return isOid ? { name, oid, location } : undefined;
}
