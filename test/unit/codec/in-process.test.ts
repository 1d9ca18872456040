/** The codecs of the table that need no program: what this process writes it reads again. Programs: test/integration. */
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { compressor, decompressor, missingFor } from '../../../src/codec/compression.ts';
import { codecSettings } from '../../../src/codec/settings.ts';
import { type Codec, CODEC_NAMES, CODECS } from '../../../src/domain/codecs.ts';
import { identifyWal } from '../../../src/domain/wal/wal-content.ts';
import { segmentName, walSegment } from '../../support/wal-files.ts';

const settings = codecSettings({}, '/nowhere', {});
const WAL = walSegment(segmentName(1));

async function through(stage: ReturnType<typeof compressor>, input: Buffer): Promise<Buffer> {
  const sink = new PassThrough();
  const [result] = await Promise.all([
    buffer(sink),
    pipeline(Readable.from([input.subarray(0, 10), input.subarray(10)]), stage, sink),
  ]);
  return result;
}

const rows = CODEC_NAMES.map((name): readonly [typeof name, Codec] => [name, CODECS[name]]);

describe.each(rows.filter(([, { library }]) => library !== null))('%s', (name) => {
  it('comes back as it was, and is known by its magic', async () => {
    expect(missingFor(name, settings)).toBeNull();
    const packed = await through(compressor(name, settings, WAL.length), WAL);
    expect(packed.length).toBeLessThan(WAL.length);
    expect(identifyWal(packed).compression).toBe(name);
    expect((await through(decompressor(name, settings), packed)).equals(WAL)).toBe(true);
  });

  it('is an error when it is cut', async () => {
    const packed = await through(compressor(name, settings, WAL.length), WAL);
    await expect(through(decompressor(name, settings), packed.subarray(0, packed.length - 10))).rejects.toThrow();
  });
});

it.each(rows.filter(([, { library }]) => library === null))(
  '%s asks for its program, and how to get it',
  (name, row) => {
    expect(missingFor(name, settings)).toMatchObject({
      message: `the program '${row.program?.name}' is not in the search path`,
      hint: `install it, e.g. "apt-get install ${row.program?.package}", or set path_prefix`,
    });
    expect(() => compressor(name, settings)).toThrow(`the program '${row.program?.name}' is not in the search path`);
  },
);
