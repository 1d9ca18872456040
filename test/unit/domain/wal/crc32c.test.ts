import { describe, expect, it } from 'vitest';
import { CRC_START, crc32c, finishCrc } from '../../../../src/domain/wal/crc32c.ts';

describe('crc32c', () => {
  it('is that of the standard, in one piece or several', () => {
    const bytes = Buffer.from('x123456789x');
    expect(finishCrc(crc32c(CRC_START, bytes, 1, 10))).toBe(0xe3069283);
    expect(finishCrc(crc32c(crc32c(CRC_START, bytes, 1, 4), bytes, 4, 10))).toBe(0xe3069283);
    expect(finishCrc(CRC_START)).toBe(0);
  });
});
