import { expect, it } from 'vitest';
import {
  judgeRsync,
  OLDEST_SOURCE,
  OLDEST_TARGET,
  parseRsyncVersion,
} from '../../../../src/domain/text/rsync-version.ts';

it.each([
  ['rsync  version 3.5.1  protocol version 33\nCopyright', [3, 5, 1]],
  ['rsync  version v3.1.0pre1  protocol version 31', [3, 1, 0]],
  ['rsync  version 3.0.9  protocol version 30', [3, 0, 9]],
  ['openrsync: protocol version 29\nrsync version 2.6.9 compatible', [2, 6, 9]],
  ['rsync version 4.0', [4, 0, 0]],
  ['protocol version 31.0.1', undefined],
  ['sh: rsync: not found', undefined],
])('%j', (text, version) => {
  expect(parseRsyncVersion(text)).toEqual(version);
});

it.each([
  ['rsync  version 3.1.0  protocol version 31', null],
  ['rsync  version 4.0.0  protocol version 40', null],
  ['rsync  version 3.0.9  protocol version 30', 'rsync 3.0.9 over there is too old: 3.1 or later is needed'],
  ['rsync  version 2.9.12  protocol version 29', 'rsync 2.9.12 over there is too old: 3.1 or later is needed'],
  ['nonsense', null],
])('%j as a source', (text, complaint) => {
  expect(judgeRsync(text, OLDEST_SOURCE, 'over there')).toBe(complaint);
});

it('writes to an older one than it reads from', () => {
  expect(judgeRsync('rsync  version 3.0.0  protocol version 30', OLDEST_TARGET, '')).toBeNull();
});
