/**
 * Codecs that run in this process, off its main thread: zstd and snappy, by Node itself where it has them, else by optional
 * libraries, which are loaded when a file wants them first. A library that is not installed, or has no binary for this
 * platform, is no error here: the caller has a program to fall back on, or says what is missing.
 */
import { createRequire } from 'node:module';
import { type Duplex, Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { CODECS } from '../domain/codecs.ts';
import { CommandError } from '../domain/errors.ts';
import { LARGEST_SEGMENT } from '../domain/wal/wal-header.ts';
import { mostContentOf } from './zstd-frame.ts';

export interface InProcessCodec {
  /** Null when it cannot, or not well enough. */
  readonly compression: {
    /** A stream that compresses. `size`: bytes that will come, where that is known. */
    open(level: number, size?: number): Duplex;
    /** More bytes than these are better left to a program: the codec holds them in memory. */
    readonly comfortable: number;
    /** The same at once, where the codec takes whole buffers anyway. */
    whole?(data: Buffer, level: number): Promise<Buffer>;
  } | null;
  readonly decompression: {
    open(): Duplex;
    /** True when it holds the file in memory: how much that will be is not known before. */
    readonly isGreedy: boolean;
  } | null;
}

/** What Node 22.15 adds to zlib and is used here; the type definitions are those of Node 20. */
interface ZlibWithZstd {
  readonly constants: Readonly<Record<string, number>>;
  createZstdCompress?(options: { params: Record<number, number>; pledgedSrcSize?: number; chunkSize: number }): Duplex;
}

/** `@mongodb-js/zstd`: whole buffers, in the thread pool. */
interface ZstdLibrary {
  compress(data: Buffer, level: number): Promise<Buffer>;
  decompress(data: Buffer): Promise<Buffer>;
}

/** `snappy`: streams of the framing format, in threads of its own. */
interface SnappyLibrary {
  createCompressStream(): Duplex;
  createUncompressStream(): Duplex;
}

const CHUNK = 65_536;
const IN_MEMORY = 64 * 1_048_576;

const loaded = new Map<string, InProcessCodec>();

/** `format` is the name of the file format. */
export function inProcessCodec(format: string): InProcessCodec {
  let codec = loaded.get(format);
  if (codec === undefined) {
    codec = open(format);
    loaded.set(format, codec);
  }
  return codec;
}

function open(format: string): InProcessCodec {
  if (format === 'snappy') return snappy();
  if (format !== 'zstd') return { compression: null, decompression: null };
  const library = libraryZstd();
  return { ...library, compression: nodeZstd() ?? library.compression };
}

/**
 * Frames with the size and a checksum of their content. Only this way round: what Node 22 decompresses may be cut, and it
 * ends without an error.
 */
function nodeZstd(): InProcessCodec['compression'] {
  const { createZstdCompress, constants } = zlib as unknown as ZlibWithZstd;
  const { ZSTD_c_compressionLevel: levelKey, ZSTD_c_checksumFlag: checksumKey } = constants;
  if (!createZstdCompress || levelKey === undefined || checksumKey === undefined) return null;
  return {
    open: (level, size) =>
      createZstdCompress({
        params: { [levelKey]: level, [checksumKey]: 1 },
        chunkSize: CHUNK,
        ...(size === undefined ? {} : { pledgedSrcSize: size }),
      }),
    comfortable: Number.POSITIVE_INFINITY,
  };
}

function libraryZstd(): InProcessCodec {
  // Its front door, in the release that has binaries, drops the level.
  const library = load(`${CODECS.zstd.library}/bindings.js`) as ZstdLibrary | null;
  if (library === null) return { compression: null, decompression: null };
  const decompress = async (data: Buffer) => {
    // The library takes as much memory as the content wants: ask the frame first.
    if (mostContentOf(data) > LARGEST_SEGMENT) throw new CommandError('zstd: it would be larger than any WAL file');
    return library.decompress(data);
  };
  return {
    compression: {
      open: (level) => wholeBuffer((data) => library.compress(data, level)),
      comfortable: IN_MEMORY,
      whole: (data, level) => library.compress(data, level),
    },
    decompression: { open: () => wholeBuffer(decompress), isGreedy: true },
  };
}

function snappy(): InProcessCodec {
  const library = load(CODECS.snappy.library) as SnappyLibrary | null;
  if (library === null) return { compression: null, decompression: null };
  return {
    compression: { open: () => library.createCompressStream(), comfortable: Number.POSITIVE_INFINITY },
    decompression: { open: () => library.createUncompressStream(), isGreedy: false },
  };
}

function load(name: string): unknown {
  try {
    return createRequire(import.meta.url)(name);
  } catch {
    return null;
  }
}

/** A stream whose output is made of all of its input at once. */
function wholeBuffer(work: (input: Buffer) => Promise<Buffer>): Duplex {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      size += chunk.length;
      done(size > LARGEST_SEGMENT ? new CommandError('zstd: it is larger than any WAL file') : null);
    },
    flush(done) {
      work(Buffer.concat(chunks, size)).then((output) => done(null, output), done);
    },
  });
}
