/** Records written by Barman 3.20.1 and 3.4.0 (test/fixtures) are the measure. */
import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BackupInfo, emptyBackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import { formatBackupInfo, parseBackupInfo } from '../../../../src/domain/backup/backup-info-file.ts';
import { BackupError } from '../../../../src/domain/errors.ts';
import { lsn } from '../../../../src/domain/wal/lsn.ts';
import { postgresVersion } from '../../../../src/domain/postgres-version.ts';

const folder = new URL('../../../fixtures/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const records = readdirSync(new URL('backup-info/', folder));
const parse = (text: string) => parseBackupInfo(text, '20261121T023540', '/x/backup.info');
const sample = () => read('backup-info/rsync-reuse-link');

describe('records of 3.20.1', () => {
  it('are all here', () => expect(records.length).toBe(13));

  it.each(records)('%s is rewritten byte for byte', (name) => {
    const text = read(`backup-info/${name}`);
    expect(formatBackupInfo(parse(text))).toBe(text);
  });

  it('is read into typed values', () => {
    expect(parse(read('backup-info/postgres-full-with-child-and-name'))).toEqual({
      ...emptyBackupInfo('20261121T023540'),
      backupLabel:
        'START WAL LOCATION: 0/A00028 (file 00000001000000000000000A)\nCHECKPOINT LOCATION: 0/A000B8\nBACKUP METHOD: streamed\nBACKUP FROM: primary\nSTART TIME: 2026-11-21 02:35:35 UTC\nLABEL: pg_basebackup base backup\nSTART TIMELINE: 1\n',
      backupName: 'weekly',
      beginOffset: 40,
      beginTime: { epochMicros: 1_795_228_531_997_982n, offsetMinutes: 0 },
      beginWal: '00000001000000000000000A',
      beginXlog: lsn(0xa00028n),
      childrenBackupIds: ['20261121T023608'],
      clusterSize: 23_850_081,
      configFile: '/var/barman/pg/postgresql.conf',
      copyStats: { copy_time: 5.252141, total_time: 5.252141 },
      dataChecksums: 'on',
      deduplicatedSize: 23_848_325,
      endOffset: 0,
      endTime: { epochMicros: 1_795_228_537_255_713n, offsetMinutes: 0 },
      endWal: '00000001000000000000000A',
      endXlog: lsn(0xb00000n),
      hbaFile: '/var/barman/pg/pg_hba.conf',
      identFile: '/var/barman/pg/pg_ident.conf',
      mode: 'postgres',
      pgdata: '/var/barman/pg',
      serverName: 'cst',
      size: 23_848_325,
      status: 'DONE',
      summarizeWal: 'on',
      systemid: '7710447625285483435',
      tablespaces: [{ name: 'ts1', oid: 16386, location: '/var/barman/ts1' }],
      timeline: 1,
      version: 180006,
      xlogSegmentSize: 1_048_576,
    });
  });

  it('keeps the doubly quoted label of a synced record as the text it is', () => {
    const label = parse(read('backup-info/passive-synced')).backupLabel;
    expect(label?.startsWith("'START WAL LOCATION")).toBe(true);
    expect(label?.endsWith(String.raw`START TIMELINE: 1\n'`)).toBe(true);
  });
});

describe('records of 3.4.0', () => {
  it.each([
    ['legacy-3.4.0/gz/base/20261121T040511/backup.info', 'DONE'],
    ['legacy-3.4.0/rs/base/20261121T040514/backup.info', 'DONE'],
    ['legacy-3.4.0/rs/base/20261121T040538/backup.info', 'WAITING_FOR_WALS'],
  ])('%s is good and gains the newer fields', (name, status) => {
    const text = read(name);
    const info = parse(text);
    expect(info.status).toBe(status);
    expect(info.clusterSize).toBeNull();
    const rewritten = formatBackupInfo(info).split('\n');
    const added = rewritten.filter((line) => !text.split('\n').includes(line));
    expect(added).toEqual([
      'children_backup_ids=None',
      'cluster_size=None',
      'data_checksums=None',
      'encryption=None',
      'parent_backup_id=None',
      'summarize_wal=None',
    ]);
  });
});

describe('lenient reading', () => {
  it('takes any order, comments, blanks around both sides, CRLF', () => {
    const shuffled = sample().trimEnd().split('\n').toReversed();
    const text = ['# by hand', '', ...shuffled.map((line) => line.replace('=', ' = '))].join('\r\n');
    expect(parse(`${text}\r\n`)).toEqual(parse(sample()));
  });

  it('takes a record of a release before xlog_segment_size', () => {
    const old = 'begin_wal=00000001000000000000000A\nstatus=DONE\ntablespaces=None\ntimeline=1\nversion=90400\n';
    expect(parse(old)).toEqual({
      ...emptyBackupInfo('20261121T023540'),
      beginWal: '00000001000000000000000A',
      status: 'DONE',
      timeline: 1,
      version: 90400,
    });
  });
});

describe('damage', () => {
  const whole = sample();

  it('is seen wherever the text was cut', () => {
    for (const text of [
      whole,
      read('legacy-3.4.0/gz/base/20261121T040511/backup.info'),
      read('backup-info/EMPTY-just-created'),
    ]) {
      // Without its newline the last line is still whole: no segment size is the beginning of another.
      expect(parse(text.slice(0, -1))).toEqual(parse(text));
      for (let length = 0; length < text.length - 1; length += 1) {
        expect(() => parse(text.slice(0, length)), `cut at ${length}`).toThrow();
      }
    }
  });

  it.each([
    ['', 'it is empty'],
    ['\n\n# only this\n', 'it is empty'],
    ['\0'.repeat(4096), 'it holds binary data'],
    [whole.replace('size=', 's\0ze='), 'it holds binary data'],
    [
      `${whole}brandnew=1\n`,
      "Unsupported field 'brandnew' found in backup metadata. This indicates the backup was created with a newer version of Barman. Please upgrade to a compatible or newer version.",
    ],
    [whole.replace('mode=', 'mode '), "invalid line 'mode rsync-concurrent' in file /x/backup.info"],
    [whole.replace(/^status=.*\n/m, ''), "it is cut short: 'status' is missing"],
    [whole.replace(/^xlog_segment_size=.*\n/m, ''), "it is cut short: 'xlog_segment_size' is missing"],
    [whole.replace('status=DONE', 'status=FINE'), "the value 'FINE' of 'status' is not valid"],
    [whole.replace(/^size=.*/m, 'size=-5'), "the value '-5' of 'size' is not valid"],
    [
      whole.replace(/^size=.*/m, 'size=99999999999999999999'),
      "the value '99999999999999999999' of 'size' is not valid",
    ],
    [
      whole.replace(/^xlog_segment_size=.*/m, 'xlog_segment_size=12345678'),
      "the value '12345678' of 'xlog_segment_size' is not valid",
    ],
    [
      whole.replace(/^begin_wal=.*/m, 'begin_wal=../../etc/passwd'),
      "the value '../../etc/passwd' of 'begin_wal' is not valid",
    ],
    [
      whole.replace(/^parent_backup_id=.*/m, 'parent_backup_id=..'),
      "the value '..' of 'parent_backup_id' is not valid",
    ],
    [
      whole.replace(/^children_backup_ids=.*/m, 'children_backup_ids=20261121T023540,/'),
      "the value '20261121T023540,/' of 'children_backup_ids' is not valid",
    ],
    [whole.replace(/^begin_time=.*/m, 'begin_time=yesterday'), "the value 'yesterday' of 'begin_time' is not valid"],
    [whole.replace(/^end_xlog=.*/m, 'end_xlog=0-1'), "the value '0-1' of 'end_xlog' is not valid"],
    [
      whole.replace(/^tablespaces=.*/m, "tablespaces=[('a', '1', '/b')]"),
      `the value "[('a', '1', '/b')]" of 'tablespaces' is not valid`,
    ],
    [
      whole.replace(/^copy_stats=.*/m, 'copy_stats={'),
      "the value of 'copy_stats' is not a Python literal (no value at character 2)",
    ],
  ])('%#: %.20j', (text, reason) => {
    expect(() => parse(text)).toThrow(new BackupError(reason));
  });
});

describe('formatBackupInfo', () => {
  const base = emptyBackupInfo('20261121T023540');

  it('is what the reference writes first', () => {
    const info: BackupInfo = { ...base, mode: 'rsync-concurrent', serverName: 'crs', systemid: '7710447625285483435' };
    expect(formatBackupInfo(info)).toBe(read('backup-info/EMPTY-just-created'));
  });

  it('keeps floats floats: only number_of_workers is an integer', () => {
    const info: BackupInfo = {
      ...base,
      copyStats: { total_time: 5, number_of_workers: 2, copy_time_per_item: { ts: 0 } },
    };
    const line = "copy_stats={'total_time': 5.0, 'number_of_workers': 2, 'copy_time_per_item': {'ts': 0.0}}";
    expect(formatBackupInfo(info).split('\n')).toContain(line);
    expect(formatBackupInfo(parse(formatBackupInfo(info)))).toBe(formatBackupInfo(info));
  });

  it('writes what is empty as None and an error as one line', () => {
    const info = {
      ...base,
      tablespaces: [],
      includedFiles: [],
      copyStats: {},
      childrenBackupIds: [],
      backupLabel: '',
      error: 'a\nb\r\n',
    };
    expect(formatBackupInfo(info)).toBe(formatBackupInfo({ ...base, error: 'a b' }));
  });

  it('refuses a value that would become another field', () => {
    expect(() => formatBackupInfo({ ...base, pgdata: '/pg\nstatus=DONE' })).toThrow(
      "a backup record cannot hold a line break (in '/pg\nstatus=DONE')",
    );
    expect(() => formatBackupInfo({ ...base, size: 1.5 })).toThrow('a backup record cannot hold the number 1.5');
  });

  it('reads back whatever was written', () => {
    const line = fc
      .string({ unit: 'grapheme' })
      .map((text) => text.replace(/[\r\n\0]/g, '').trim())
      .filter((text) => text !== 'None');
    const count = fc.maxSafeInteger().map(Math.abs);
    const id = fc.constantFrom('20261121T023540', '20300101T000000');
    const wal = fc.constantFrom('00000001000000000000000A', '0000000F000000AB000000FF');
    const time = fc.record({
      epochMicros: fc.bigInt({ min: 0n, max: 4_000_000_000_000_000n }),
      offsetMinutes: fc.integer({ min: -720, max: 840 }),
    });
    const position = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(lsn);
    const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null });
    const info = fc.record<BackupInfo>({
      backupId: fc.constant('20261121T023540'),
      serverName: orNull(line),
      status: fc.constantFrom('EMPTY', 'STARTED', 'WAITING_FOR_WALS', 'DONE', 'FAILED', 'SYNCING'),
      mode: orNull(line),
      backupName: orNull(line),
      systemid: orNull(line),
      version: orNull(count.map(postgresVersion)),
      pgdata: orNull(line),
      timeline: orNull(count),
      beginTime: orNull(time),
      beginXlog: orNull(position),
      beginWal: orNull(wal),
      beginOffset: orNull(count),
      endTime: orNull(time),
      endXlog: orNull(position),
      endWal: orNull(wal),
      endOffset: orNull(count),
      size: orNull(count),
      deduplicatedSize: orNull(count),
      clusterSize: orNull(count),
      xlogSegmentSize: fc.integer({ min: 20, max: 30 }).map((power) => 2 ** power),
      tablespaces: orNull(
        fc.array(
          fc.record({ name: fc.string({ unit: 'binary' }), oid: fc.integer({ min: 1 }), location: fc.string() }),
          { minLength: 1 },
        ),
      ),
      configFile: orNull(line),
      hbaFile: orNull(line),
      identFile: orNull(line),
      includedFiles: orNull(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 })),
      backupLabel: orNull(fc.string({ unit: 'binary', minLength: 1 })),
      copyStats: orNull(fc.constant({ total_time: 1.5, number_of_workers: 1 })),
      compression: orNull(line),
      encryption: orNull(line),
      dataChecksums: orNull(line),
      summarizeWal: orNull(line),
      parentBackupId: orNull(id),
      childrenBackupIds: orNull(fc.array(id, { minLength: 1 })),
      snapshotsInfo: orNull(fc.constant({ provider: 'aws', snapshots: [{ size: 1 }] })),
      error: orNull(line),
    });
    fc.assert(
      fc.property(info, (value) => {
        expect(parse(formatBackupInfo(value))).toEqual(value);
      }),
    );
  });
});
