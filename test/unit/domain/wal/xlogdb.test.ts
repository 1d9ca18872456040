import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WalError } from '../../../../src/domain/errors.ts';
import { formatWalLine, isWholeLine, parseWalLine, walTime } from '../../../../src/domain/wal/xlogdb.ts';

const SEGMENT = '00000001000000000000000E';
const record = { name: SEGMENT, size: 1257, time: 1795228542.2930186, compression: 'gzip', encryption: null };

describe('lines of the reference', () => {
  it.each(['gzip', 'plain', 'rebuilt-with-history'])('%s is rewritten byte for byte', (name) => {
    const text = readFileSync(new URL(`../../../fixtures/xlogdb/${name}`, import.meta.url), 'utf8');
    const records = text
      .trimEnd()
      .split('\n')
      .map((line) => parseWalLine(line));
    expect(records.map((line) => line && formatWalLine(line)).join('')).toBe(text);
  });
});

describe('parseWalLine', () => {
  it.each([
    [`${SEGMENT}\t1257\t1795228542.2930186\tgzip\tNone`, record],
    [`${SEGMENT}\t1257\t1795228542.2930186\tgzip`, record],
    [`${SEGMENT}\t1257\t1795228542.2930186`, { ...record, compression: null }],
    [`  ${SEGMENT} 1257   1795228542.2930186 gzip gpg \r`, { ...record, encryption: 'gpg' }],
    [`${SEGMENT}\t1257\t1795228542\tNone\tNone`, { ...record, time: 1795228542, compression: null }],
  ])('%j', (line, expected) => expect(parseWalLine(line)).toEqual(expected));

  it.each([
    '',
    SEGMENT,
    `${SEGMENT}\t1257`,
    `${SEGMENT}\t12x7\t1795228542.2\tgzip\tNone`,
    `${SEGMENT}\t1257\tlater\tgzip\tNone`,
    `${SEGMENT}\t1257\t1.0\tgzip\tNone\tmore`,
    `${SEGMENT}\t1257\t1.0\tgz\0ip\tNone`,
    '\0'.repeat(80),
  ])('%j is damaged', (line) => expect(parseWalLine(line)).toBeUndefined());

  it('reads back whatever was written', () => {
    const value = fc.record({
      name: fc.constantFrom(SEGMENT, '00000002.history', `${SEGMENT}.partial`, `${SEGMENT}.00000028.backup`),
      size: fc.integer({ min: 0, max: 2 ** 40 }),
      time: fc.double({ min: 0, max: 1e11, noNaN: true }),
      compression: fc.constantFrom(null, 'gzip', 'custom', 'zstd'),
      encryption: fc.constantFrom(null, 'gpg'),
    });
    fc.assert(
      fc.property(value, (expected) => {
        const line = formatWalLine(expected);
        expect(parseWalLine(line.slice(0, -1))).toEqual(expected);
        expect(isWholeLine(line.slice(0, -1))).toBe(true);
      }),
    );
  });
});

it('tells a cut line from one that lost its newline only', () => {
  const line = formatWalLine(record).trimEnd();
  for (let length = 0; length < line.length; length += 1) expect(isWholeLine(line.slice(0, length))).toBe(false);
  expect(isWholeLine(line)).toBe(true);
});

it.each([
  [{ ...record, name: '../../etc/passwd' }, "invalid WAL segment name '../../etc/passwd'"],
  [{ ...record, size: -1 }, `WAL file ${SEGMENT} cannot have a size of -1 bytes`],
  [{ ...record, compression: 'a\tb' }, `WAL file ${SEGMENT} has an invalid compression or encryption name`],
])('refuses to write %j', (bad, reason) => expect(() => formatWalLine(bad)).toThrow(new WalError(reason)));

it('makes of a modification time the double that Python makes', () => {
  expect(walTime(1_795_228_542_293_018_500n)).toBe(1795228542.2930186);
  expect(walTime(1_795_228_707_000_000_000n)).toBe(1795228707);
  expect(walTime(-500_000_000n)).toBe(-0.5);
});
