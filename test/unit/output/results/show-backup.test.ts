import { describe, expect, it } from 'vitest';
import type { BackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import { parseLsn } from '../../../../src/domain/wal/lsn.ts';
import { parseTimestamp } from '../../../../src/domain/time/timestamp.ts';
import { NO_WAL, type WalUsage } from '../../../../src/domain/wal/wal-usage.ts';
import { postgresVersion } from '../../../../src/domain/postgres-version.ts';
import { jsonText } from '../../../../src/output/json-text.ts';
import { showBackupResult } from '../../../../src/output/results/show-backup.ts';
import type { ShownBackup } from '../../../../src/output/results/shown-backup.ts';
import { backupOfDay } from '../../../support/backup-infos.ts';

const paint = { red: String, green: String, yellow: String };
const time = (text: string) => parseTimestamp(text) ?? null;
const lsn = (text: string) => parseLsn(text) ?? null;

/** The recorded backup of the synced sample: compressed WAL, two timelines. */
const RSYNC: BackupInfo = backupOfDay(1, {
  backupId: '20261121T024115',
  serverName: 'crs',
  systemid: '7710447625285483435',
  mode: 'rsync-concurrent',
  version: postgresVersion(180_006),
  pgdata: '/var/barman/pg',
  clusterSize: 24_088_849,
  size: 23_800_000,
  deduplicatedSize: 8433,
  dataChecksums: 'on',
  summarizeWal: 'on',
  tablespaces: [{ name: 'ts1', oid: 16_386, location: '/var/barman/ts1' }],
  beginWal: '00000001000000000000001B',
  endWal: '00000001000000000000001B',
  beginTime: time('2026-11-21 02:41:15.258447+00:00'),
  endTime: time('2026-11-21 02:41:17.008852+00:00'),
  copyStats: { copy_time: 0.902047, number_of_workers: 1, analysis_time: 0.5 },
  beginOffset: 40,
  endOffset: 288,
  beginXlog: lsn('0/1B00028'),
  endXlog: lsn('0/1B00120'),
  xlogSegmentSize: 1_048_576,
});
const WALS: WalUsage = {
  required: { count: 1, bytes: 1258 },
  untilNext: { count: 4, bytes: 80_191 },
  firstTime: 1_795_228_800,
  last: { name: '00000001000000000000001C', time: 1_795_228_840 },
};

function shown(info: BackupInfo, changes: Partial<ShownBackup> = {}): ShownBackup {
  return {
    server: info.serverName ?? 'pg',
    info,
    flaw: null,
    usage: NO_WAL,
    timelines: [],
    verdict: null,
    previous: null,
    next: null,
    chain: [info.backupId],
    ...changes,
  };
}

function text(backup: ShownBackup): string {
  return showBackupResult(backup).console(paint).join('\n');
}

describe('showBackupResult on the console', () => {
  it('prints the recorded page of an rsync backup with two timelines', () => {
    expect(text(shown(RSYNC, { usage: WALS, timelines: [2], previous: '20261121T024041' })))
      .toBe(`Backup 20261121T024115:
  Server Name            : crs
  System Id              : 7710447625285483435
  Status                 : DONE
  PostgreSQL Version     : 180006
  PGDATA directory       : /var/barman/pg
  Estimated Cluster Size : 23.0 MiB

  Server information:
    Checksums            : on
    WAL summarizer       : on

  Tablespaces:
    ts1                  : /var/barman/ts1 (oid: 16386)

  Base backup information:
    Backup Method        : rsync-concurrent
    Backup Size          : 8.2 KiB (9.5 KiB with WALs)
    WAL Size             : 1.2 KiB
    Resources saved      : 23.0 MiB (99.96%)
    Timeline             : 1
    Begin WAL            : 00000001000000000000001B
    End WAL              : 00000001000000000000001B
    Number of WALs       : 1
    WAL compression ratio: 99.88%
    Begin time           : 2026-11-21 02:41:15.258447+00:00
    End time             : 2026-11-21 02:41:17.008852+00:00
    Copy time            : less than one second
    Estimated throughput : 9.1 KiB/s
    Begin Offset         : 40
    End Offset           : 288
    Begin LSN            : 0/1B00028
    End LSN              : 0/1B00120

  WAL information:
    Number of files      : 4
    Disk usage           : 78.3 KiB
    WAL rate             : 450.00/hour
    Compression ratio    : 98.09%
    Last available       : 00000001000000000000001C
    Reachable timelines  : 2

  Catalog information:
    Retention Policy     : not enforced
    Previous Backup      : 20261121T024041
    Next Backup          : - (this is the latest base backup)

WARNING: WAL information is inaccurate due to multiple timelines interacting with this backup`);
  });

  it('prints what is known of a failed backup', () => {
    const failed = backupOfDay(1, {
      status: 'FAILED',
      systemid: '77',
      backupName: 'x',
      error: 'failure copying files (no space)',
    });
    expect(text(shown(failed))).toBe(`Backup 20261101T040000:
  Backup Name            : x
  Server Name            : pg
  System Id              : 77
  Status                 : FAILED

  Error                  : failure copying files (no space)`);
    expect(text(shown({ ...failed, error: null, backupName: null, dataChecksums: 'off' })))
      .toBe(`Backup 20261101T040000:
  Server Name            : pg
  System Id              : 77
  Status                 : FAILED

  Server information:
    Checksums            : off
`);
  });

  it('prints the family of a postgres backup', () => {
    const info = backupOfDay(3, {
      parentBackupId: '20261102T040000',
      childrenBackupIds: ['20261104T040000', '20261105T040000'],
    });
    const lines = text(
      shown(info, {
        verdict: 'POTENTIALLY_OBSOLETE',
        next: '20261104T040000',
        chain: ['20261103T040000', '20261102T040000', '20261101T040000'],
      }),
    ).split('\n');
    expect(lines.slice(lines.indexOf('  Catalog information:'))).toEqual([
      '  Catalog information:',
      '    Retention Policy     : OBSOLETE*',
      '    Previous Backup      : - (this is the oldest base backup)',
      '    Next Backup          : 20261104T040000',
      '    Root Backup          : 20261101T040000',
      '    Parent Backup        : 20261102T040000',
      '    Backup chain size    : 3',
      '    Children Backup(s)   : 20261104T040000,20261105T040000',
    ]);
  });

  it('leaves out rows that have nothing to say', () => {
    const bare = backupOfDay(1, { timeline: null, endTime: null });
    const lines = text(shown(bare)).split('\n');
    expect(lines.slice(lines.indexOf('  Base backup information:'), lines.indexOf('  Catalog information:'))).toEqual([
      '  Base backup information:',
      '    Backup Method        : postgres',
      '    Backup Type          : full',
      '    Timeline             : None',
      '    Begin WAL            : None',
      '    End WAL              : None',
      '    Begin time           : None',
      '    End time             : None',
      '    Begin Offset         : None',
      '    End Offset           : None',
      '    Begin LSN            : None',
      '    End LSN              : None',
      '',
      '  WAL information:',
      '    Number of files      : 0',
      '    Disk usage           : 0 B',
      '    Last available       : None',
      '',
    ]);
  });

  it('adds jobs, startup, compression and encryption', () => {
    const lines = text(
      shown({
        ...RSYNC,
        encryption: 'gpg',
        compression: 'gzip',
        copyStats: { copy_time: 90, analysis_time: 61, number_of_workers: 2 },
      }),
    ).split('\n');
    expect(lines).toContain('    Encryption           : gpg');
    expect(lines).toContain('    Backup Compression   : gzip');
    expect(lines).toContain('    Copy time            : 1 minute, 30 seconds + 1 minute, 1 second startup');
    expect(lines).toContain('    Estimated throughput : 93 B/s (2 jobs)');
  });
});

describe('showBackupResult as JSON', () => {
  it('writes the recorded document', () => {
    const backup = shown(RSYNC, { usage: WALS, timelines: [2], previous: '20261121T024041' });
    expect(jsonText(showBackupResult(backup).json())).toBe(
      '{"crs": {"backup_id": "20261121T024115", "backup_type": "rsync", "base_backup_information": {"backup_method": "rsync-concurrent", "backup_size": "8.2 KiB", "backup_size_bytes": 8433, "backup_size_with_wals": "9.5 KiB", "backup_size_with_wals_bytes": 9691, "begin_lsn": "0/1B00028", "begin_offset": 40, "begin_time": "2026-11-21 02:41:15.258447+00:00", "begin_time_timestamp": "1795228875", "begin_wal": "00000001000000000000001B", "compression": null, "copy_time": "less than one second", "copy_time_seconds": 0.902047, "encryption": null, "end_lsn": "0/1B00120", "end_offset": 288, "end_time": "2026-11-21 02:41:17.008852+00:00", "end_time_timestamp": "1795228877", "end_wal": "00000001000000000000001B", "number_of_workers": 1, "resources_saved": "23.0 MiB", "resources_saved_bytes": 24080313, "resources_saved_percentage": "99.96%", "throughput": "9.1 KiB/s", "throughput_bytes": 9348, "timeline": 1, "wal_compression_ratio": "99.88%", "wal_num": 1, "wal_size": "1.2 KiB", "wal_size_bytes": 1258}, "catalog_information": {"next_backup": "- (this is the latest base backup)", "previous_backup": "20261121T024041", "retention_policy": "not enforced"}, "cluster_size": "23.0 MiB", "cluster_size_bytes": 24088849, "pgdata_directory": "/var/barman/pg", "postgresql_version": 180006, "server_information": {"data_checksums": "on", "summarize_wal": "on"}, "status": "DONE", "system_id": "7710447625285483435", "tablespaces": [{"location": "/var/barman/ts1", "name": "ts1", "oid": 16386}], "wal_information": {"_WARNING": "WAL information is inaccurate                     due to multiple timelines interacting with                     this backup", "compression_ratio": "98.09%", "disk_usage": "78.3 KiB", "disk_usage_bytes": 80191, "last_available": "00000001000000000000001C", "no_of_files": 4, "timelines": ["2"], "wal_rate": "450.00/hour", "wal_rate_per_second": 0.125}}}',
    );
  });

  it('writes the recorded document of a failed backup', () => {
    const failed = backupOfDay(1, { status: 'FAILED', systemid: '77', error: 'failure copying files (oh é)' });
    expect(jsonText(showBackupResult(shown(failed)).json())).toBe(
      '{"pg": {"backup_id": "20261101T040000", "error": "failure copying files (oh \\u00e9)", "server_information": {"data_checksums": null, "summarize_wal": null}, "status": "FAILED", "system_id": "77"}}',
    );
  });

  it('has no WAL figures where there is no WAL', () => {
    const document = showBackupResult(shown(backupOfDay(1, { size: 10 }))).json();
    expect(jsonText((document.pg as { wal_information: object }).wal_information as never)).toBe(
      '{"compression_ratio": 0, "disk_usage": "0 B", "disk_usage_bytes": 0, "last_available": null, "no_of_files": 0, "timelines": [], "wal_rate": 0, "wal_rate_per_second": 0}',
    );
  });
});
