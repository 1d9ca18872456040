import { describe, expect, it } from 'vitest';
import { parseTimestamp } from '../../../src/domain/time/timestamp.ts';
import { postgresVersion } from '../../../src/domain/postgres-version.ts';
import { readLsn } from '../../../src/postgres/sql/values.ts';
import { JsonFloat } from '../../../src/output/json-float.ts';
import { SILENT, type SqlStatus } from '../../../src/postgres/status.ts';
import { AS_JSON, AS_TEXT, statusDocument } from '../../../src/report/status-document.ts';
import { isSupported, NOT_ASKED, segmentSizeOf, type ServerStatus } from '../../../src/server/server-status.ts';

const lsn = (text: string) => readLsn(text);
const time = (text: string) => parseTimestamp(text) ?? null;

const SQL: SqlStatus = {
  ...SILENT,
  reach: 'open',
  versionText: '15.18',
  version: postgresVersion(150_018),
  currentLsn: lsn('0/F000060'),
  clusterSize: 24_076_561n,
  segmentSize: 1_048_576,
  settings: {
    walLevel: 'replica',
    hotStandby: 'on',
    maxWalSenders: '10',
    dataChecksums: 'off',
    maxReplicationSlots: '10',
    walCompression: 'off',
    walKeepSize: null,
    walKeepSegments: '7',
  },
  configFiles: { configFile: '/pg/postgresql.conf', hbaFile: null, identFile: null, includedFiles: [] },
  slot: { slotName: 'barman', active: true, restartLsn: lsn('0/F000000'), isPhysical: true, lost: null },
};
const ANSWERING: ServerStatus = {
  ...NOT_ASKED,
  sql: SQL,
  archiver: {
    mode: 'on',
    command: 'true',
    statistics: {
      archivedCount: 3,
      lastArchivedWal: '000000010000000000000003',
      lastArchivedTime: time('2026-11-21 07:11:49.8411+00'),
      failedCount: 0,
      lastFailedWal: null,
      lastFailedTime: null,
      statsReset: time('2026-11-21 07:11:49+05:30'),
      isArchiving: true,
      archivedPerSecond: '0.00120000',
    },
  },
};
const REFUSED = 'connection to server at "h", port 1 failed: Connection refused';

describe('statusDocument', () => {
  it('is empty where nobody was asked', () => {
    expect(statusDocument(NOT_ASKED, AS_TEXT)).toEqual({});
  });

  it('keeps ten keys of a SQL connection that is silent', () => {
    const document = statusDocument({ ...NOT_ASKED, sql: SILENT }, AS_TEXT);
    expect(new Set(Object.values(document))).toEqual(new Set([null]));
    expect(Object.keys(document).sort()).toEqual([
      'current_xlog',
      'data_directory',
      'is_in_recovery',
      'is_superuser',
      'postgres_systemid',
      'replication_slot',
      'replication_slot_support',
      'server_txt_version',
      'synchronous_standby_names',
      'version_supported',
    ]);
  });

  it('leaves out what the release or the role has not', () => {
    const document = statusDocument(ANSWERING, AS_TEXT);
    expect(document).toMatchObject({ wal_keep_segments: '7', config_file: '/pg/postgresql.conf', is_superuser: null });
    for (const key of [
      'wal_keep_size',
      'hba_file',
      'ident_file',
      'included_files',
      'streaming',
      'pg_basebackup_path',
    ]) {
      expect(document).not.toHaveProperty(key);
    }
    const settings = { ...SQL, settings: null, configFiles: null };
    expect(statusDocument({ ...ANSWERING, sql: settings }, AS_TEXT)).not.toHaveProperty('wal_level');
  });

  it('spells as str() of Python', () => {
    expect(statusDocument(ANSWERING, AS_TEXT)).toMatchObject({
      current_lsn: '0/F000060',
      current_size: '24076561',
      replication_slot: "Record(slot_name='barman', active=True, restart_lsn='0/F000000')",
      last_archived_time: '2026-11-21 07:11:49.841100+00:00',
      last_failed_time: null,
      stats_reset: '2026-11-21 07:11:49+05:30',
      current_archived_wals_per_second: '0.00120000',
    });
    const slot = { slotName: 'b', active: false, restartLsn: null, isPhysical: true, lost: null };
    expect(statusDocument({ ...NOT_ASKED, sql: { ...SQL, slot } }, AS_TEXT)).toMatchObject({
      replication_slot: "Record(slot_name='b', active=False, restart_lsn=None)",
    });
  });

  it("spells as Barman's JSON encoder", () => {
    expect(statusDocument(ANSWERING, AS_JSON)).toMatchObject({
      current_size: new JsonFloat(24_076_561),
      replication_slot: ['barman', true, '0/F000000'],
      last_archived_time: '2026-11-21T07:11:49.841100+00:00',
      current_archived_wals_per_second: new JsonFloat(0.0012),
    });
  });

  it('tells the archiver without its statistics', () => {
    const archiver = { mode: 'off', command: null, statistics: null };
    expect(statusDocument({ ...NOT_ASKED, archiver }, AS_TEXT)).toEqual({ archive_mode: 'off', archive_command: null });
  });

  it('tells which programs there are', () => {
    const program = { path: '/bin/pg_basebackup', versionText: '15.18', version: postgresVersion(150_018) };
    expect(
      statusDocument(
        {
          ...NOT_ASKED,
          receiver: { program: null, isCompatible: null, supportsSlots: null, isSynchronous: null },
          baseBackup: { program, isCompatible: true, limitsBandwidth: true, mapsTablespaces: true },
        },
        AS_TEXT,
      ),
    ).toEqual({
      pg_receivexlog_compatible: null,
      pg_receivexlog_installed: false,
      pg_receivexlog_path: null,
      pg_receivexlog_supports_slots: null,
      pg_receivexlog_synchronous: null,
      pg_receivexlog_version: null,
      pg_basebackup_bwlimit: true,
      pg_basebackup_compatible: true,
      pg_basebackup_installed: true,
      pg_basebackup_path: '/bin/pg_basebackup',
      pg_basebackup_tbls_mapping: true,
      pg_basebackup_version: '15.18',
    });
  });

  it('gives the replication connection the word about the version', () => {
    const silent = {
      reach: 'silent',
      connectionError: REFUSED,
      identity: null,
      version: null,
    } as const;
    const status = { ...ANSWERING, replication: silent };
    expect(isSupported(ANSWERING)).toBe(true);
    expect(isSupported(status)).toBeNull();
    expect(statusDocument(status, AS_TEXT)).toMatchObject({
      version_supported: null,
      connection_error: REFUSED,
      streaming: null,
      xlogpos: null,
    });
    const identity = { systemid: '7', timeline: 2, xlogpos: lsn('0/F000060') };
    const open = { reach: 'open', connectionError: null, identity, version: postgresVersion(90_500) } as const;
    expect(statusDocument({ ...NOT_ASKED, replication: open }, AS_TEXT)).toEqual({
      connection_error: null,
      streaming_supported: true,
      streaming: true,
      streaming_systemid: '7',
      timeline: 2,
      xlogpos: '0/F000060',
      version_supported: false,
    });
  });
});

it('takes the default size of a segment where PostgreSQL does not tell it', () => {
  expect([segmentSizeOf(NOT_ASKED), segmentSizeOf(ANSWERING)]).toEqual([16_777_216, 1_048_576]);
});
