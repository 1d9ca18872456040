/**
 * What the fields of a backup record can hold: how each kind of value is read from backup.info, written to it, and told
 * as JSON.
 */
import { isBackupId } from './backup-id.ts';
import type { PostgresVersion } from '../postgres-version.ts';
import { BackupError } from '../errors.ts';
import { formatLsn, type Lsn, parseLsn } from '../wal/lsn.ts';
import { formatLiteral, type Literal, parseLiteral } from '../text/python-literal.ts';
import { ctime, formatTimestamp, parseTimestamp, type Timestamp } from '../time/timestamp.ts';
import { parseWalName } from '../wal/wal.ts';

export type BackupStatus = 'EMPTY' | 'STARTED' | 'WAITING_FOR_WALS' | 'DONE' | 'FAILED' | 'SYNCING';

export interface Tablespace {
  readonly name: string;
  readonly oid: number;
  readonly location: string;
}

/** One kind of value. */
export interface Codec<T> {
  /** undefined for a text that is no such value. */
  readonly read: (text: string) => T | undefined;
  readonly write: (value: T) => string;
  /** As the documents of Barman have it; unset for a value that is told as it is. */
  readonly json?: (value: T) => Literal;
  /** A dict whose numbers under these keys are floats to Python, however whole. */
  readonly isFloat?: (key: string) => boolean;
}

export const raw: Codec<string> = {
  read: (text) => text,
  write: (value) => {
    // One value, one line: a second line would be read as another field.
    if (/[\r\n\0]/.test(value))
      throw new BackupError(`a backup record cannot hold a line break (in '${value.slice(0, 60)}')`);
    return value;
  },
};

/** Folded into one line, because an error message may have several. */
export const message: Codec<string> = {
  read: (text) => text,
  write: (value) => value.replace(/[\r\n\0]+/g, ' ').trim(),
};

export const integer: Codec<number> = {
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

export const version: Codec<PostgresVersion> = {
  read: (text) => integer.read(text) as PostgresVersion | undefined,
  write: integer.write,
};

const MEBIBYTE = 1_048_576;
/** initdb --wal-segsize: a power of two from 1 MiB to 1 GiB. */
export const segmentSize: Codec<number> = {
  read: (text) => {
    const value = integer.read(text);
    const isPossible =
      value !== undefined && value >= MEBIBYTE && value <= 1024 * MEBIBYTE && (value & (value - 1)) === 0;
    return isPossible ? value : undefined;
  },
  write: integer.write,
};

export const timestamp: Codec<Timestamp> = { read: parseTimestamp, write: formatTimestamp, json: ctime };
export const lsn: Codec<Lsn> = { read: parseLsn, write: formatLsn, json: formatLsn };
export const segment: Codec<string> = {
  read: (text) => (parseWalName(text)?.kind === 'segment' ? text : undefined),
  write: raw.write,
};
export const backupId: Codec<string> = { read: (text) => (isBackupId(text) ? text : undefined), write: raw.write };

/** Ids become parts of paths: one that is no id makes the record damaged. */
export const idList: Codec<readonly string[]> = {
  read: (text) => {
    const ids = text.split(',').map((id) => id.trim());
    return ids.every(isBackupId) ? ids : undefined;
  },
  write: (ids) => orNone(ids.length === 0, ids.join(',')),
  json: (ids) => ids.join(','),
};

/** A synced record of a passive node holds the literal of a literal: it is kept as the text that it is. */
export const quoted: Codec<string> = {
  read: (text) => {
    const value = parseLiteral(text);
    return typeof value === 'string' ? value : undefined;
  },
  write: (value) => orNone(value === '', formatLiteral(value)),
  // compat 3.20.1: the text of the literal, not its value.
  json: (value) => value && formatLiteral(value),
};

export const texts: Codec<readonly string[]> = {
  read: (text) => {
    const value = parseLiteral(text);
    return isTextList(value) ? value : undefined;
  },
  write: (value) => orNone(value.length === 0, formatLiteral(value)),
};

export const tablespaces: Codec<readonly Tablespace[]> = {
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
  json: (value) => value.map(({ name, oid, location }) => [name, oid, location]),
};

export type LiteralDict = { readonly [key: string]: Literal };

export const dict: Codec<LiteralDict> = {
  read: (text) => {
    const value = parseLiteral(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as LiteralDict) : undefined;
  },
  write: (value) => orNone(Object.keys(value).length === 0, formatLiteral(value)),
};

/** All seconds, floats to Python; the number of workers is the only integer. */
const isSeconds = (key: string): boolean => key !== 'number_of_workers';

export const statistics: Codec<LiteralDict> = {
  read: dict.read,
  write: (value) => {
    const items = Object.entries(value).map(
      ([key, item]) => `${formatLiteral(key)}: ${formatLiteral(item, { wholeAsFloat: isSeconds(key) })}`,
    );
    return orNone(items.length === 0, `{${items.join(', ')}}`);
  },
  isFloat: isSeconds,
};

const STATUSES: readonly string[] = [
  'EMPTY',
  'STARTED',
  'WAITING_FOR_WALS',
  'DONE',
  'FAILED',
  'SYNCING',
] satisfies readonly BackupStatus[];
export const status: Codec<BackupStatus> = {
  read: (text) => (STATUSES.includes(text) ? (text as BackupStatus) : undefined),
  write: (value) => value,
};

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
