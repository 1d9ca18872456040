/** Settings of the server, one by one and those a backup records. Source: docs/behaviour/check.md 2, backup.md 2.2. */
import { PostgresError } from '../../domain/errors.ts';
import type { ClusterFacts } from '../connections.ts';
import { has } from '../../domain/postgres-version.ts';
import type { ConfigFiles } from '../status.ts';
import type { Tablespace } from '../../domain/backup/backup-info-values.ts';
import type { Session } from './session.ts';

/** `SHOW name`. */
export async function showSetting(session: Session, name: string): Promise<string> {
  const [row] = await session.query<Record<string, string>>(`SHOW "${name.replaceAll('"', '""')}"`);
  return Object.values(row ?? {})[0] ?? '';
}

/** The raw number of a setting: seconds, bytes, blocks; null when the server has no such setting. */
export async function numericSetting(session: Session, name: string): Promise<number | null> {
  const [row] = await session.query<{ setting: string }>('SELECT setting FROM pg_settings WHERE name = $1', [name]);
  return row === undefined ? null : Number(row.setting);
}

/** Bytes of a WAL segment; the setting of old releases counts blocks. */
export async function askSegmentSize(session: Session): Promise<number | null> {
  const size = await numericSetting(session, 'wal_segment_size');
  if (size === null || has(await session.serverVersion(), 'segmentSizeInBytes')) return size;
  const block = await numericSetting(session, 'wal_block_size');
  return block === null ? null : size * block;
}

export async function askConfigFiles(session: Session): Promise<ConfigFiles> {
  const rows = await session.query<{ name: string; setting: string }>(
    "SELECT name, setting FROM pg_settings WHERE name IN ('config_file', 'hba_file', 'ident_file')",
  );
  const included = await session.query<{ included_file: string }>(
    `SELECT DISTINCT sourcefile AS included_file FROM pg_settings WHERE sourcefile IS NOT NULL
      AND sourcefile NOT IN (SELECT setting FROM pg_settings WHERE name = 'config_file') ORDER BY 1`,
  );
  const setting = (file: string) => rows.find(({ name }) => name === file)?.setting ?? null;
  return {
    configFile: setting('config_file'),
    hbaFile: setting('hba_file'),
    identFile: setting('ident_file'),
    includedFiles: included.map((row) => row.included_file),
  };
}

/** Bytes of all tablespaces. */
export async function askClusterSize(session: Session): Promise<bigint> {
  const [row] = await session.query<{ total: string }>(
    'SELECT sum(pg_tablespace_size(oid)) AS total FROM pg_tablespace',
  );
  return BigInt(row?.total ?? 0);
}

async function askTablespaces(session: Session): Promise<readonly Tablespace[]> {
  const rows = await session.query<{ name: string; oid: number; location: string }>(
    `SELECT spcname AS name, oid, pg_tablespace_location(oid) AS location FROM pg_tablespace
      WHERE pg_tablespace_location(oid) != ''`,
  );
  return rows.map(({ name, oid, location }) => ({ name, oid, location }));
}

/** The names in synchronous_standby_names without the method and the quotes; `['']` when it is empty. */
export function readStandbyNames(setting: string): readonly string[] {
  const inside = /\(([^)]*)\)/.exec(setting)?.[1] ?? setting;
  return inside.split(',').map((name) => name.trim().replaceAll('"', ''));
}

/** Everything a backup records of the cluster before it starts. */
export async function askClusterFacts(session: Session, mayBackup: boolean | null): Promise<ClusterFacts> {
  const pgdata = await showSetting(session, 'data_directory');
  const version = await session.serverVersion();
  const segmentSize = await askSegmentSize(session);
  if (segmentSize === null) throw new PostgresError('PostgreSQL does not tell its wal_segment_size');
  const files = await askConfigFiles(session);
  return {
    pgdata,
    version,
    segmentSize,
    tablespaces: await askTablespaces(session),
    configFile: files.configFile,
    hbaFile: files.hbaFile,
    identFile: files.identFile,
    includedFiles: files.includedFiles,
    dataChecksums: await showSetting(session, 'data_checksums'),
    summarizeWal: has(version, 'walSummaries') ? await showSetting(session, 'summarize_wal') : null,
    clusterSize: mayBackup ? Number(await askClusterSize(session)) : null,
  };
}
