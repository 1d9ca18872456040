/** A compressed copy of a WAL file that has no name: nothing is left of it when we are killed. */
import { randomBytes } from 'node:crypto';
import { closeSync, constants as FS, createReadStream, fstatSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { compressor } from '../codec/compression.ts';
import type { Compression, CompressionLevel } from '../domain/codecs.ts';
import { codecsHere } from './codecs-here.ts';
import type { WalSource } from './wal-source.ts';

/** The same file, compressed; the same bytes every time, so that a file that is sent again is known. @throws WalError */
export async function compressWal(
  source: WalSource,
  compression: Compression,
  level: CompressionLevel | undefined,
): Promise<WalSource> {
  const filter = compressor(compression, codecsHere(level));
  const descriptor = openNameless();
  try {
    const reader = createReadStream(source.path, { fd: source.descriptor, start: 0, autoClose: false });
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        for (let offset = 0; offset < chunk.length;) offset += writeSync(descriptor, chunk, offset);
        done();
      },
    });
    await pipeline(reader, filter, sink);
    return { ...source, descriptor, size: fstatSync(descriptor).size };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function openNameless(): number {
  const path = join(tmpdir(), `barman-wal-archive-${randomBytes(8).toString('hex')}`);
  const descriptor = openSync(path, FS.O_RDWR | FS.O_CREAT | FS.O_EXCL | FS.O_NOFOLLOW, 0o600);
  unlinkSync(path);
  return descriptor;
}
