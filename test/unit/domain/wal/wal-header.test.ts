import { assert, property, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseWalName, type WalFile } from '../../../../src/domain/wal/wal.ts';
import { isSegmentSize, parseWalHeader, walProblem } from '../../../../src/domain/wal/wal-header.ts';
import { walSegment } from '../../../support/wal-files.ts';

const named = (name: string): WalFile => {
  const file = parseWalName(name);
  if (!file) throw new Error(name);
  return file;
};
const NAME = '00000002000000A1000000FE';

describe('parseWalHeader', () => {
  it.each([[false], [true]])('reads every field, big-endian: %s', (bigEndian) => {
    expect(
      parseWalHeader(walSegment(NAME, { bigEndian, systemId: '7710444428578650661', segmentSize: 2_097_152 })),
    ).toEqual({
      timeline: 2,
      start: (0xa1n << 32n) + 0xfen * 2_097_152n,
      systemId: '7710444428578650661',
      segmentSize: 2_097_152,
    });
  });

  it('never takes random bytes of other beginnings for a header, and never throws', () => {
    assert(
      property(uint8Array({ maxLength: 64 }), (bytes) => {
        const header = parseWalHeader(bytes);
        if (header) expect(isSegmentSize(header.segmentSize)).toBe(true);
        if (bytes.length < 40) expect(header).toBeUndefined();
      }),
    );
    expect(parseWalHeader(Buffer.alloc(64))).toBeUndefined();
  });
});

describe('walProblem', () => {
  const judge = (name: string, bytes: Uint8Array, size = bytes.length, systemId: string | null = null) =>
    walProblem(named(name), { size, head: bytes.subarray(0, 64) }, systemId);

  it('finds nothing against a true segment, also one that begins with pages of the timeline before', () => {
    expect(judge(NAME, walSegment(NAME))).toBeNull();
    const first = walSegment(NAME);
    first.writeUInt32LE(1, 4);
    expect(judge(NAME, first)).toBeNull();
  });

  it('believes unknown content of a legal size', () => {
    expect(judge(NAME, new Uint8Array(64), 16_777_216)).toBeNull();
    expect(judge(NAME, new Uint8Array(64), 16_777_215)).toEqual({
      text: 'is no WAL segment (16777215 bytes)',
      kind: 'incomplete',
    });
  });

  it('finds cut, long, misnamed, later and foreign segments', () => {
    const bytes = walSegment(NAME);
    expect(judge(NAME, bytes, 0)).toEqual({ text: 'is empty', kind: 'incomplete' });
    expect(judge(NAME, bytes, 999)).toEqual({ text: 'has only 999 of 1048576 bytes', kind: 'incomplete' });
    expect(judge(NAME, bytes, 2_097_152)).toEqual({ text: 'has 2097152 bytes instead of 1048576', kind: 'damaged' });
    expect(judge('00000002000000A1000000FF', bytes)?.text).toBe('begins at LSN A1/FE00000 instead of A1/FF00000');
    expect(judge('00000001000000A1000000FE', bytes)?.text).toBe('belongs to timeline 2');
    expect(judge(NAME, bytes, bytes.length, '1')?.text).toBe(
      'comes from system 7710444428578650661, but this archive belongs to system 1',
    );
  });

  it('asks of history files only that they are not empty, of labels nothing, of partial files their system', () => {
    expect(judge('00000002.history', Buffer.from('1'))).toBeNull();
    expect(judge('00000002.history', Buffer.alloc(0))?.text).toBe('is empty');
    expect(judge(`${NAME}.00000028.backup`, Buffer.alloc(0))).toBeNull();
    const partial = (bytes: Uint8Array) => judge(`${NAME}.partial`, bytes, bytes.length, '1');
    expect([partial(Buffer.alloc(0)), partial(Buffer.alloc(64)), partial(Buffer.from('begun'))]).toEqual([
      null,
      null,
      null,
    ]);
    expect(partial(walSegment(NAME).subarray(0, 5_000))?.kind).toBe('foreign');
  });
});
