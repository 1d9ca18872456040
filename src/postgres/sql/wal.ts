/** Where the WAL stands, and moving it on. Source: docs/behaviour/backup.md 3.4, 3.7 and 4.1. */
import type { WalPosition } from '../connections.ts';
import { has, type PostgresVersion } from '../../domain/postgres-version.ts';
import { dialectOf } from './dialect.ts';
import { missingPrivileges } from './privileges.ts';
import type { Session } from './session.ts';
import { readLsn, readTimestamp } from './values.ts';

export async function askInRecovery(session: Session): Promise<boolean> {
  const [row] = await session.query<{ answer: boolean }>('SELECT pg_is_in_recovery() AS answer');
  return row?.answer === true;
}

interface PositionRow {
  readonly location: string;
  readonly file_name: string | null;
  readonly file_offset: number | null;
  readonly timestamp: string;
}

/** The current position; on a standby the last replayed one, without a file. */
export async function askWalPosition(session: Session): Promise<WalPosition> {
  const version = await session.serverVersion();
  const { currentLsn, replayLsn } = dialectOf(version);
  const [row] = (await askInRecovery(session))
    ? await session.query<PositionRow>(
        `SELECT location, NULL AS file_name, NULL AS file_offset, CURRENT_TIMESTAMP AS timestamp FROM ${replayLsn}() AS location`,
      )
    : await session.query<PositionRow>(
        `SELECT location, ${fileColumns(version)}, CURRENT_TIMESTAMP AS timestamp FROM ${currentLsn}() AS location`,
      );
  return {
    lsn: readLsn(row?.location ?? ''),
    fileName: row?.file_name ?? null,
    fileOffset: row?.file_offset ?? null,
    timestamp: readTimestamp(row?.timestamp ?? ''),
  };
}

/**
 * file_name and file_offset of `location`. Up to 16 a position between two segments belongs to the one before; 17 counts
 * it to the next, so there the name is taken from the byte before.
 */
function fileColumns(version: PostgresVersion): string {
  const { walFileName, walFileNameOffset } = dialectOf(version);
  if (!has(version, 'boundaryInNextSegment')) return `(${walFileNameOffset}(location)).*`;
  const offset = `(${walFileNameOffset}(location)).file_offset`;
  return `CASE WHEN ${offset} = 0 THEN ${walFileName}(location - 1) ELSE ${walFileName}(location) END AS file_name, ${offset} AS file_offset`;
}

/** The name of the segment being written. */
async function insertSegment(session: Session): Promise<string> {
  const version = await session.serverVersion();
  const sql = `SELECT ${fileColumns(version)} FROM ${dialectOf(version).insertLsn}() AS location`;
  const [row] = await session.query<{ file_name: string }>(sql);
  return row?.file_name ?? '';
}

/** Closes the current segment; null when nothing was written since the last switch. */
export async function switchSegment(session: Session, mayBackup: boolean | null): Promise<string | null> {
  if (mayBackup === false) throw await missingPrivileges(session);
  const { walFileName, switchWal } = dialectOf(await session.serverVersion());
  const before = await insertSegment(session);
  await session.query(`SELECT ${walFileName}(${switchWal}())`);
  const after = await insertSegment(session);
  return after > before ? before : null;
}
