import { describe, expect, it } from 'vitest';
import { parseBackupLabel } from '../../../../src/domain/backup/backup-label.ts';

const LABEL = `START WAL LOCATION: 1A/5000028 (file 000000030000001A00000005)
CHECKPOINT LOCATION: 1A/5000060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-21 07:20:22 UTC
LABEL: pg_basebackup base backup
START TIMELINE: 3
`;

describe('parseBackupLabel', () => {
  it('reads where replay begins', () => {
    expect(parseBackupLabel(LABEL)).toEqual({
      beginXlog: 0x1a05000028n,
      beginWal: '000000030000001A00000005',
      timeline: 3,
    });
  });

  it.each([
    '',
    'LABEL: x',
    'START WAL LOCATION: 0/1 (file 0001)',
    'START WAL LOCATION: x/1 (file 000000030000001A00000005)',
  ])('refuses %j', (text) => {
    expect(parseBackupLabel(text)).toBeUndefined();
  });
});
