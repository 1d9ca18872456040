/** PostgreSQL's texts as values: nothing loses precision on the way (pg's own types would cut microseconds). */
import { civilTime, epochMicrosOf, microsOf } from '../../domain/time/civil-time.ts';
import type { Timestamp } from '../../domain/time/timestamp.ts';
import { PostgresError } from '../../domain/errors.ts';
import { type Lsn, parseLsn } from '../../domain/wal/lsn.ts';
import { parsePostgresVersion, type PostgresVersion } from '../../domain/postgres-version.ts';

const BOOLEAN = 16;
const INTEGERS: ReadonlySet<number> = new Set([20, 21, 23, 26]);

/** For pg: booleans and integers (number, or bigint beyond 2^53) are converted, everything else stays text. */
export const valueTypes = {
  getTypeParser: (oid: number): ((text: string) => unknown) => {
    if (oid === BOOLEAN) return (text) => text === 't';
    if (INTEGERS.has(oid)) return readInteger;
    return (text) => text;
  },
};

function readInteger(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

const TIMESTAMP = /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?(?::\d\d)?$/;

/** Reads a timestamptz in ISO date style. @throws PostgresError for anything else */
export function readTimestamp(text: string): Timestamp {
  const match = TIMESTAMP.exec(text);
  if (!match) throw new PostgresError(`cannot read the time '${text}' that PostgreSQL reported`);
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHours, zoneMinutes = '0'] = match;
  const offset = (sign === '-' ? -1 : 1) * (Number(zoneHours) * 60 + Number(zoneMinutes));
  const time = civilTime(year, month, day, hour, minute, second);
  return { epochMicros: epochMicrosOf(time, microsOf(fraction), offset * 60), offsetMinutes: offset };
}

/** A nullable timestamptz. */
export function readOptionalTimestamp(text: string | null): Timestamp | null {
  return text === null ? null : readTimestamp(text);
}

/** Reads a pg_lsn. @throws PostgresError for anything else */
export function readLsn(text: string): Lsn {
  const position = parseLsn(text);
  if (position === undefined) throw new PostgresError(`cannot read the LSN '${text}' that PostgreSQL reported`);
  return position;
}

/** A nullable pg_lsn. */
export function readOptionalLsn(text: string | null | undefined): Lsn | null {
  return text === null || text === undefined ? null : readLsn(text);
}

/** Reads the parameter server_version. @throws PostgresError */
export function readVersion(text: string): PostgresVersion {
  const version = parsePostgresVersion(text);
  if (version === undefined) throw new PostgresError(`cannot read the version '${text}' that PostgreSQL reported`);
  return version;
}
