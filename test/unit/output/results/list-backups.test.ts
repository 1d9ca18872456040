import { describe, expect, it } from 'vitest';
import { parseTimestamp } from '../../../../src/domain/time/timestamp.ts';
import { NO_WAL, type WalUsage } from '../../../../src/domain/wal/wal-usage.ts';
import { jsonText } from '../../../../src/output/json-text.ts';
import { listBackupsResult, minimalListResult } from '../../../../src/output/results/list-backups.ts';
import { backupOfDay } from '../../../support/backup-infos.ts';

const paint = { red: String, green: String, yellow: String };
const time = (text: string) => parseTimestamp(text) ?? null;
const wals = (required: number, untilNext: number): WalUsage => ({
  ...NO_WAL,
  required: { count: 1, bytes: required },
  untilNext: { count: 1, bytes: untilNext },
});

/** Figures of the recorded lists (console and JSON of one catalog). */
const RECORDED = listBackupsResult('main', [
  {
    info: backupOfDay(1, {
      backupId: '20261121T022904',
      serverName: 'main',
      parentBackupId: '20261121T022844',
      size: 3_079_355,
      endTime: time('2026-11-21 02:29:09.319362+00:00'),
    }),
    usage: wals(16_777_216, 50_331_648),
    verdict: '-',
    flaw: null,
  },
  {
    info: backupOfDay(1, {
      backupId: '20261121T022844',
      serverName: 'main',
      backupName: 'base-one',
      size: 23_913_625,
      endTime: time('2026-11-21 02:28:50.082737+00:00'),
    }),
    usage: wals(16_777_216, 100_663_296),
    verdict: 'VALID',
    flaw: null,
  },
]);

describe('listBackupsResult', () => {
  it('prints the recorded lines', () => {
    expect(RECORDED.console(paint)).toEqual([
      'main 20261121T022904 - I - Sat Nov 21 02:29:09 2026 - Size: 18.9 MiB - WAL Size: 48.0 MiB',
      "main 20261121T022844 'base-one' - F - Sat Nov 21 02:28:50 2026 - Size: 38.8 MiB - WAL Size: 96.0 MiB",
    ]);
  });

  it('writes the recorded document', () => {
    expect(jsonText(RECORDED.json())).toBe(
      '{"main": [{"backup_id": "20261121T022904", "backup_type": "incremental", "end_time": "Sat Nov 21 02:29:09 2026", "end_time_timestamp": "1795228149", "retention_status": "-", "size": "18.9 MiB", "size_bytes": 19856571, "status": "DONE", "wal_size": "48.0 MiB", "wal_size_bytes": 50331648}, {"backup_id": "20261121T022844", "backup_name": "base-one", "backup_type": "full", "end_time": "Sat Nov 21 02:28:50 2026", "end_time_timestamp": "1795228130", "retention_status": "-", "size": "38.8 MiB", "size_bytes": 40690841, "status": "DONE", "wal_size": "96.0 MiB", "wal_size_bytes": 100663296}]}',
    );
  });

  it('adds status and verdict, and leaves sizes away where there is no copy', () => {
    const info = backupOfDay(7, { size: 0, mode: 'rsync-concurrent' });
    const result = listBackupsResult('pg', [
      { info: { ...info, status: 'WAITING_FOR_WALS' }, usage: NO_WAL, verdict: 'OBSOLETE', flaw: null },
      { info, usage: NO_WAL, verdict: 'POTENTIALLY_OBSOLETE', flaw: null },
      {
        info: { ...info, mode: 'snapshot-concurrent', endTime: time('2026-11-07 05:00:00+05:30') },
        usage: NO_WAL,
        verdict: 'KEEP:STANDALONE',
        flaw: null,
      },
      { info: { ...info, status: 'FAILED', mode: null }, usage: NO_WAL, verdict: '-', flaw: null },
    ]);
    expect(result.console(paint)).toEqual([
      'pg 20261107T040000 - R - Sat Nov  7 05:00:00 2026 - Size: 0 B - WAL Size: 0 B - WAITING_FOR_WALS - OBSOLETE',
      'pg 20261107T040000 - R - Sat Nov  7 05:00:00 2026 - Size: 0 B - WAL Size: 0 B - OBSOLETE*',
      'pg 20261107T040000 - S - Sat Nov  7 05:00:00 2026 - Size: 0 B - WAL Size: 0 B - KEEP:STANDALONE',
      'pg 20261107T040000 - F - FAILED',
    ]);
    expect((result.json() as { pg: object[] }).pg.map((entry) => Object.keys(entry).length)).toEqual([10, 10, 10, 3]);
  });

  it('shows an empty list as nothing, and as [] in JSON', () => {
    const empty = listBackupsResult('pg', []);
    expect([empty.console(paint), jsonText(empty.json())]).toEqual([[], '{"pg": []}']);
  });
});

describe('minimalListResult', () => {
  it('is ids only', () => {
    const result = minimalListResult('pg', ['20261121T022910', '20261121T022904']);
    expect(result.console(paint)).toEqual(['20261121T022910', '20261121T022904']);
    expect(jsonText(result.json())).toBe('{"pg": ["20261121T022910", "20261121T022904"]}');
  });

  it('names a backup that is not whole', () => {
    const flawed = (kind: 'missing' | 'unreadable') => ({
      info: backupOfDay(7, { size: 0 }),
      usage: NO_WAL,
      verdict: '-' as const,
      flaw: { kind, path: '/base/x', reason: 'Permission denied' },
    });
    const result = listBackupsResult('pg', [flawed('missing'), flawed('unreadable')]);
    expect(result.console(paint).map((line) => line.split(' - ').at(-1))).toEqual(['MISSING FILES', 'UNREADABLE']);
    expect(result.json()).toMatchObject({
      pg: [
        { status: 'DONE', data_status: 'missing', data_error: "'/base/x' is missing" },
        { data_status: 'unreadable', data_error: "'/base/x' cannot be read: Permission denied" },
      ],
    });
  });
});
