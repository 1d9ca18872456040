import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c, crc32cHex } from '../../../src/domain/crc32c.ts';

const range = (from: number, step: number) => Uint8Array.from({ length: 32 }, (_, index) => from + step * index);

describe('crc32c', () => {
  // RFC 3720 appendix B.4, and the check value of the catalogue of parametrised CRC algorithms.
  it.each<[string, Uint8Array, number]>([
    ['nothing', new Uint8Array(), 0],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['32 zero bytes', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 rising bytes', range(0, 1), 0x46dd794e],
    ['32 falling bytes', range(31, -1), 0x113fdb5c],
  ])('of %s', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('is the same in pieces, and that of the definition', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
        expect(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at)))).toBe(crc32c(bytes));
        expect(crc32c(bytes)).toBe(bitByBit(bytes));
      }),
    );
  });

  it('is written lowest byte first', () => {
    expect(crc32cHex(0xe3069283)).toBe('839206e3');
  });
});

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
