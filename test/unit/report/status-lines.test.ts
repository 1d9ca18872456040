import { describe, expect, it } from 'vitest';
import { parseTimestamp } from '../../../src/domain/time/timestamp.ts';
import { type ArchiverStatus, SILENT, type SqlStatus } from '../../../src/postgres/status.ts';
import { statusLines } from '../../../src/report/status-lines.ts';
import { NOT_ASKED, type ServerStatus } from '../../../src/server/server-status.ts';

const SQL: SqlStatus = { ...SILENT, reach: 'open', versionText: '15.18', isInRecovery: false };
const STATISTICS = {
  archivedCount: 3,
  lastArchivedWal: '000000010000000000000003',
  lastArchivedTime: parseTimestamp('2026-11-21 07:11:49.8411+05:30') ?? null,
  failedCount: 2,
  lastFailedWal: '000000010000000000000002',
  lastFailedTime: parseTimestamp('2026-11-21 07:01:49+00') ?? null,
  statsReset: null,
  isArchiving: true,
  archivedPerSecond: '0.0125',
};

const lines = (status: Partial<ServerStatus>) =>
  statusLines({ ...NOT_ASKED, ...status }).map(({ key, message }) => `${key}: ${message}`);

describe('statusLines', () => {
  it('is one line while PostgreSQL does not answer, whatever else is known', () => {
    const archiver: ArchiverStatus = { mode: 'on', command: 'true', statistics: null };
    expect(lines({ sql: SILENT, archiver })).toEqual(['pg_version: FAILED trying to get PostgreSQL version']);
  });

  it('leaves out what the role may not see', () => {
    expect(lines({ sql: SQL })).toEqual(['pg_version: 15.18', 'is_in_recovery: in production']);
    expect(
      lines({ sql: { ...SQL, isInRecovery: true, clusterSize: 2_097_152n, dataDirectory: '/pg', currentWal: 'W' } }),
    ).toEqual([
      'pg_version: 15.18',
      'is_in_recovery: in archive recovery',
      'current_size: 2.0 MiB',
      'data_directory: /pg',
      'current_xlog: W',
    ]);
  });

  it('tells the archiver of PostgreSQL, with times in its own zone', () => {
    const archiver: ArchiverStatus = { mode: 'on', command: 'cp %p /x', statistics: STATISTICS };
    expect(lines({ sql: SQL, archiver }).slice(2)).toEqual([
      'archive_command: cp %p /x',
      'last_archived_wal: 000000010000000000000003, at Sat Nov 21 07:11:49 2026',
      'failed_count: 2 (000000010000000000000002 at Sat Nov 21 07:01:49 2026)',
      'server_archived_wals_per_hour: 45.00/hour',
    ]);
  });

  it('tells what the archiver lacks', () => {
    expect(lines({ sql: SQL, archiver: { mode: 'on', command: '', statistics: null } }).slice(2)).toEqual([
      'archive_command: FAILED (please set it accordingly to documentation)',
      'last_archived_wal: No WAL segment shipped yet',
    ]);
    const fresh = {
      ...STATISTICS,
      lastArchivedWal: null,
      failedCount: 0,
      lastFailedWal: null,
      archivedPerSecond: null,
    };
    expect(lines({ sql: SQL, archiver: { mode: 'off', command: 'x', statistics: fresh } }).slice(2)).toEqual([
      'archive_command: x',
      'last_archived_wal: No WAL segment shipped yet',
      'failed_count: 0',
    ]);
    expect(lines({ sql: SQL, archiver: { mode: null, command: null, statistics: null } })).toHaveLength(2);
  });
});
