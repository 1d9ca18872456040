import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compressByProgram, compressor, decompressor, missingFor } from '../../../src/codec/compression.ts';
import { detectFileForm } from '../../../src/codec/file-form.ts';
import { type CodecSettings, codecSettings } from '../../../src/codec/settings.ts';
import { type Compression, formatOf } from '../../../src/domain/codecs.ts';
import { detectForm } from '../../../src/domain/wal/wal-content.ts';
import { which } from '../../../src/host/process/search-path.ts';
import { walSegment } from '../../support/wal-files.ts';

const settings = codecSettings({}, process.env.PATH ?? '', process.env);
const WAL = walSegment('000000010000000000000001', { segmentSize: 4_194_304 });

async function through(stage: ReturnType<typeof compressor>, input: Buffer): Promise<Buffer> {
  const sink = new PassThrough();
  const [result] = await Promise.all([
    buffer(sink),
    pipeline(Readable.from([input.subarray(0, 70_000), input.subarray(70_000)]), stage, sink),
  ]);
  return result;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'barman-compression-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NAMES: readonly Compression[] = ['gzip', 'pygzip', 'pigz', 'bzip2', 'pybzip2', 'xz', 'zstd', 'lz4'];
const programOf = (name: Compression) => (name === 'pigz' ? 'pigz' : formatOf(name));

describe.each(NAMES)('%s', (name) => {
  const isMissing = which(programOf(name), settings.searchPath) === undefined;

  it.skipIf(isMissing)('comes back as it was, through the standard program too', async () => {
    const packed = await through(compressor(name, settings), WAL);
    expect(packed.length).toBeLessThan(WAL.length);
    expect((await through(decompressor(name, settings), packed)).equals(WAL)).toBe(true);
    const { stdout } = spawnSync(programOf(name), ['-d', '-c'], { input: packed, maxBuffer: 2 * WAL.length });
    expect(stdout.equals(WAL)).toBe(true);
    const path = join(folder, name);
    writeFileSync(path, packed);
    expect((await detectFileForm(path)).compression).toBe(formatOf(name));
  });

  it.skipIf(isMissing)('is an error when it is cut', async () => {
    const packed = await through(compressor(name, settings), WAL);
    await expect(through(decompressor(name, settings), packed.subarray(0, packed.length - 10))).rejects.toThrow();
  });
});

it('compresses harder at a higher level', async () => {
  const low = await through(compressor('gzip', { ...settings, level: 'low' }), WAL);
  const high = await through(compressor('gzip', { ...settings, level: 'high' }), WAL);
  expect(high.length).toBeLessThan(low.length);
});

describe('custom', () => {
  const custom = {
    ...settings,
    customCompressionFilter: 'tr a-z b-za',
    customDecompressionFilter: 'tr b-za a-z',
    customCompressionMagic: '0x626364',
  };

  it('runs the command lines of the administrator', async () => {
    const packed = await through(compressor('custom', custom), Buffer.from('abc'.repeat(50_000)));
    expect(detectForm(packed, custom.customCompressionMagic).compression).toBe('custom');
    expect((await through(decompressor('custom', custom), packed)).toString()).toBe('abc'.repeat(50_000));
  });

  it('fails with the words of the command', async () => {
    const broken = { ...custom, customCompressionFilter: 'cat >/dev/null; echo no luck >&2; exit 7' };
    await expect(through(compressor('custom', broken), WAL)).rejects.toThrow(
      "/bin/sh -c 'cat >/dev/null; echo no luck >&2; exit 7' failed with exit code 7: no luck",
    );
    expect(() => compressor('custom', settings)).toThrow(
      "compression is 'custom' but 'custom_compression_filter' is not set",
    );
  });

  it('survives a command that does not read its input', async () => {
    const deaf = { ...custom, customCompressionFilter: 'exec <&-; echo done' };
    expect((await through(compressor('custom', deaf), WAL)).toString()).toBe('done\n');
  });
});

it('says which program is missing', () => {
  const bare = { ...settings, searchPath: folder };
  expect(() => compressor('lz4', bare)).toThrow("the program 'lz4' is not in the search path");
  expect(missingFor('lz4', bare)?.hint).toBe('install it, e.g. "apt-get install lz4", or set path_prefix');
  expect(['gzip', 'zstd', 'snappy', 'custom'].map((name) => missingFor(name, bare)?.message ?? null)).toEqual([
    null,
    null,
    null,
    "compression 'custom' is not supported by this program",
  ]);
});

describe('zstd in this process', () => {
  const bare = { ...settings, searchPath: '/nowhere' };

  it('needs no program in either direction', async () => {
    const packed = await through(compressor('zstd', bare, WAL.length), WAL);
    expect((await through(decompressor('zstd', bare), packed)).equals(WAL)).toBe(true);
    await expect(through(decompressor('zstd', bare), packed.subarray(0, packed.length - 10))).rejects.toThrow();
  });

  it('reads what the program wrote', async () => {
    const { stdout } = spawnSync('zstd', ['-q', '-c', '-4'], { input: WAL, maxBuffer: 2 * WAL.length });
    expect((await through(decompressor('zstd', bare), stdout)).equals(WAL)).toBe(true);
  });

  it('leaves very large files to the program, unless it needs no memory for them', async () => {
    const paths = [join(folder, 'plain'), join(folder, 'packed')] as const;
    writeFileSync(paths[0], WAL);
    const [input, output] = [openSync(paths[0], 'r'), openSync(paths[1], 'w')];
    const files = { input, output, size: 1_073_741_824 };
    expect(await compressByProgram('zstd', settings, files)).toBe(!('createZstdCompress' in zlib));
    expect(await compressByProgram('zstd', settings, { ...files, size: WAL.length })).toBe(false);
    expect(await compressByProgram('zstd', bare, files)).toBe(false);
    closeSync(input);
    closeSync(output);
  });

  it('does as the level says', async () => {
    const text = Buffer.from(Array.from({ length: 50_000 }, (_, row) => `row ${row} ${(row * 7919) % 997}`).join('\n'));
    const at = async (level: CodecSettings['level']) => through(compressor('zstd', { ...bare, level }), text);
    expect((await at(-22)).length).toBeGreaterThan((await at('high')).length);
  });

  it('refuses a file that grows without end', async () => {
    const block = Buffer.alloc(4);
    block.writeUIntLE((131_072 << 3) | 2, 0, 3);
    const bomb = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38]), ...Array<Buffer>(8_193).fill(block)]);
    bomb.writeUInt8((bomb[bomb.length - 4] ?? 0) | 1, bomb.length - 4);
    await expect(through(decompressor('zstd', bare), bomb)).rejects.toThrow('larger than any WAL file');
  });
});

describe('snappy', () => {
  it('writes the framing format, and reads it back', async () => {
    const packed = await through(compressor('snappy', settings), WAL);
    expect(packed.length).toBeLessThan(WAL.length);
    expect(detectForm(packed).compression).toBe('snappy');
    expect((await through(decompressor('snappy', settings), packed)).equals(WAL)).toBe(true);
  });

  it('is an error when it is cut or damaged', async () => {
    const packed = await through(compressor('snappy', settings), WAL);
    await expect(through(decompressor('snappy', settings), packed.subarray(0, packed.length - 10))).rejects.toThrow();
    packed.writeUInt8((packed[packed.length >> 1] ?? 0) ^ 1, packed.length >> 1);
    await expect(through(decompressor('snappy', settings), packed)).rejects.toThrow();
  });

  it('may be given up half way', async () => {
    const stage = decompressor('snappy', settings);
    stage.on('error', () => {});
    stage.destroy();
    const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no more')) });
    await expect(pipeline(Readable.from([WAL]), compressor('snappy', settings), full)).rejects.toThrow('no more');
  });
});
