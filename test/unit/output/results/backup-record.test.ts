/** The documents of a record, as Barman 3.20.1 prints them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseBackupInfo } from '../../../../src/domain/backup/backup-info-file.ts';
import { jsonTextAsIs } from '../../../../src/output/json-text.ts';
import { recordJson } from '../../../../src/output/results/backup-record.ts';

const read = (name: string) => {
  const text = readFileSync(new URL(`../../../fixtures/backup-info/${name}`, import.meta.url), 'utf8');
  return parseBackupInfo(text, '20261121T023540', name);
};
const lines = (name: string) => jsonTextAsIs(recordJson(read(name)), 2).split('\n');

describe('a record as JSON', () => {
  it('tells each kind of value as Barman does', () => {
    const text = lines('postgres-full-with-child-and-name');
    for (const line of [
      String.raw`  "backup_label": "'START WAL LOCATION: 0/A00028 (file 00000001000000000000000A)\\nCHECKPOINT LOCATION: 0/A000B8\\nBACKUP METHOD: streamed\\nBACKUP FROM: primary\\nSTART TIME: 2026-11-21 02:35:35 UTC\\nLABEL: pg_basebackup base backup\\nSTART TIMELINE: 1\\n'",`,
      '  "backup_name": "weekly",',
      '  "begin_time": "Sat Nov 21 02:35:31 2026",',
      '  "begin_xlog": "0/A00028",',
      '  "children_backup_ids": "20261121T023608",',
      '  "cluster_size": 23850081,',
      '  "included_files": null,',
      '  "status": "DONE",',
      '  "xlog_segment_size": 1048576',
    ]) {
      expect(text).toContain(line);
    }
    const tablespaces = text.slice(text.indexOf('  "tablespaces": ['));
    expect(tablespaces.slice(1, 5).map((line) => line.trim())).toEqual(['[', '"ts1",', '16386,', '"/var/barman/ts1"']);
  });

  it('leaves out a name that was not given', () => {
    expect(Object.keys(recordJson(read('rsync-first')))).not.toContain('backup_name');
  });

  it('keeps seconds floats, the number of workers whole', () => {
    const info = { ...read('rsync-first'), copyStats: { total_time: 5, number_of_workers: 2, per_item: { ts: 0 } } };
    expect(jsonTextAsIs(recordJson(info).copy_stats ?? null, 0)).toBe(
      '{"total_time": 5.0, "number_of_workers": 2, "per_item": {"ts": 0.0}}',
    );
  });
});
