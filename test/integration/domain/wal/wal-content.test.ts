import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { identifyWal } from '../../../../src/domain/wal/wal-content.ts';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const PLAIN = bytes('10d10700010000000000000100000000');

describe('identifyWal', () => {
  it.each([['gzip'], ['bzip2'], ['xz'], ['zstd'], ['lz4']])('knows what %s(1) writes', (program) => {
    const { stdout, error } = spawnSync(program, ['-c'], { input: PLAIN });
    if (error) return;
    expect(identifyWal(stdout.subarray(0, 16))).toEqual({ compression: program, encryption: null });
  });
});
