import { expect, it } from 'vitest';
import { isBackupId } from '../../../../src/domain/backup/backup-id.ts';

it.each([
  ['20261121T023540', true],
  ['20261121T02354', false],
  ['20261121T0235400', false],
  ['20261121t023540', false],
  ['20261121T023540\n', false],
  ['../20261121T023540', false],
  ['', false],
])('%j: %s', (text, isId) => expect(isBackupId(text)).toBe(isId));
