import { expect, it } from 'vitest';
import { isOlderThan } from '../../../src/backup/first-backup.ts';

const BEGIN = '000000020000000000000010';
const record = (name: string) => ({ name, size: 1, time: 1, compression: null, encryption: null });

it.each([
  ['00000002000000000000000F', true],
  ['00000002000000000000000F.00000028.backup', true],
  ['00000002000000000000000F.partial', true],
  ['0000000100000000000000FF', true],
  [BEGIN, false],
  [`${BEGIN}.00000028.backup`, false],
  ['000000020000000000000011', false],
  ['000000030000000000000001', false],
  // History files are always kept, and so is what we cannot read.
  ['00000001.history', false],
  ['0000', false],
])('%s is older: %s', (name, expected) => {
  expect(isOlderThan(BEGIN)(record(name))).toBe(expected);
});
