/** The rows are measured by the records that Barman 3.20.1 and 3.4.0 wrote (test/fixtures). */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { emptyBackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import { type Age, FIELD_NAMES, fieldOf } from '../../../../src/domain/backup/backup-info-fields.ts';

const folder = new URL('../../../fixtures/', import.meta.url);
const keysOf = (name: string) =>
  readFileSync(new URL(name, folder), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(0, line.indexOf('=')));

const rows = FIELD_NAMES.map(fieldOf);
const hidden = rows.filter(({ isHidden }) => isHidden).map(({ key }) => key);
const keysBefore = (...ages: Age[]) =>
  rows.filter(({ since, isHidden }) => ages.includes(since) && !isHidden).map(({ key }) => key);

describe('the fields of a record', () => {
  it.each(readdirSync(new URL('backup-info/', folder)))('are those of %s, in its order', (name) => {
    const keys = keysOf(`backup-info/${name}`);
    expect(rows.map(({ key }) => key).filter((key) => !hidden.includes(key) || keys.includes(key))).toEqual(keys);
  });

  it('of an age that 3.4.0 knows are those of its records', () => {
    const keys = keysOf('legacy-3.4.0/gz/base/20261121T040511/backup.info');
    expect(keysBefore('first', 'segment size')).toEqual(keys);
  });

  it('are named as their keys are', () => {
    const camel = (key: string) => key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    expect(rows.map(({ key }) => camel(key))).toEqual(FIELD_NAMES);
  });

  it('are unset in a record that was only begun', () => {
    const { backupId, status, xlogSegmentSize, ...others } = emptyBackupInfo('20261121T023540');
    expect({ backupId, status, xlogSegmentSize }).toEqual({
      backupId: '20261121T023540',
      status: 'EMPTY',
      xlogSegmentSize: 16_777_216,
    });
    expect(new Set(Object.values(others))).toEqual(new Set([null]));
  });
});
