import { describe, expect, it } from 'vitest';
import { exportName, exportStem, parseExportName } from '../../../../src/domain/backup/export-name.ts';

const ID = '20261127T170511';
const SHA256 = '39676e43aabbccdd';

describe('names of exports', () => {
  it.each([
    [null, '.tar'],
    ['gzip', '.tar.gz'],
    ['bzip2', '.tar.bz2'],
    ['xz', '.tar.xz'],
  ] as const)('are read back as they were made: %s', (compression, suffix) => {
    const name = exportName(exportStem('a-b', ID, new Date('2026-11-27T17:05:51.9Z')), SHA256, compression);
    expect(name).toBe(`backup-export-a-b-${ID}-20261127T170551-39676e43${suffix}`);
    expect(parseExportName(name, 'a-b')).toEqual({ backupId: ID, checksum: '39676e43' });
  });

  const parts = 'Expected filename to contain the backup ID, timestamp, and checksum after the server name.';
  const suffix = 'Expected a .tar, .tar.gz, .tar.bz2, or .tar.xz file extension.';
  const moment = (what: string, got: string) => `Expected ${what} to be in the format 'YYYYMMDDTHHMMSS', got '${got}'.`;
  it.each([
    ['other.tar', "Expected filename to start with 'backup-export-pg-'."],
    [`backup-export-pg-${ID}-20261127T170551-x.zip`, suffix],
    ['backup-export-pg-.tar', parts],
    [`backup-export-pg-${ID}-20261127T170551-x-y.tar`, parts],
    ['backup-export-pg-20269927T170511-20261127T170551-x.tar', moment('BACKUP_ID', '20269927T170511')],
    ['backup-export-pg-20260230T170511-20261127T170551-x.tar', moment('BACKUP_ID', '20260230T170511')],
    ['backup-export-pg-2026112T170511-20261127T170551-x.tar', moment('BACKUP_ID', '2026112T170511')],
    [`backup-export-pg-../../..-20261127T170551-x.tar`, moment('BACKUP_ID', '../../..')],
    [`backup-export-pg-${ID}-20261127T1705-x.tar`, moment('TIMESTAMP', '20261127T1705')],
  ])('%s is refused', (name, reason) => {
    expect(() => parseExportName(name, 'pg')).toThrow(
      `Tarball filename does not match the expected export format 'backup-export-SERVER_NAME-BACKUP_ID-TIMESTAMP-CHECKSUM.tar': '${name}'. ${reason}`,
    );
  });
});
