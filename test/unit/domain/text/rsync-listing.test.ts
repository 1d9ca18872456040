import { describe, expect, it } from 'vitest';
import { parseListLine } from '../../../../src/domain/text/rsync-listing.ts';

describe('parseListLine', () => {
  it.each([
    ['drwx------          4,096'.replace(',', '') + ' 2026/11/21 02:36:22 .', ['d', 0o700, 4096, 1795228582, '.']],
    ['-rw-r-----              3 2026/11/21 02:26:23 PG_VERSION', ['-', 0o640, 3, 1795227983, 'PG_VERSION']],
    ['-rwsr-Sr-t              0 2000/01/01 00:00:00 a  b ', ['-', 0o7745, 0, 946684800, 'a  b ']],
    [
      '-rw-------              1 2000/01/01 00:00:00 base/\\#303\\#274\\#012x',
      ['-', 0o600, 1, 946684800, 'base/Ã¼\nx'],
    ],
    ['-rw------- 1073741824 2000/01/01 00:00:00 base/\\#134#012', ['-', 0o600, 1073741824, 946684800, 'base/\\#012']],
  ] as const)('%j', (line, [type, mode, size, mtime, path]) => {
    expect(parseListLine(line)).toEqual({ type, mode, size, mtime, path });
  });

  it.each([
    'Welcome to this host',
    '',
    '-rw-------              1 2000/01/01 00:00:00 ../../etc/passwd',
    '-rw-------              1 2000/01/01 00:00:00 /etc/passwd',
    '-rw-------              1 2000/01/01 00:00:00 a/../b',
    '-rw-------              1 2000/01/01 00:00:00 \\#056\\#056/x',
  ])('takes %j for no entry', (line) => {
    expect(parseListLine(line)).toBeUndefined();
  });
});
