/** The plain content of WAL files, whatever they are compressed or encrypted with: examined and compared as streams. */
import { type FileHandle } from 'node:fs/promises';
import { pipeline, Readable, Writable } from 'node:stream';
import { constants as Z, gunzipSync } from 'node:zlib';
import { decompressor } from '../../codec/compression.ts';
import type { CodecSettings } from '../../codec/settings.ts';
import { decryptor } from '../../codec/gpg.ts';
import { detectForm, HEAD_LENGTH, isPlain, PLAIN, type StoredForm } from '../../domain/wal/wal-content.ts';
import type { WalStore } from '../../storage/wal-store.ts';
import { LARGEST_SEGMENT, parseWalHeader, WAL_HEADER_LENGTH, type WalContent } from '../../domain/wal/wal-header.ts';
import { openToRead } from '../../host/files.ts';

const BLOCK = 1_048_576;
/** Enough compressed bytes to yield the header of a segment. */
const GZIP_HEAD = 4_096;

/** Opens a file that is not in the archive: in a queue, or refused. A symbolic link is no WAL (ELOOP). */
export function openWal(path: string): Promise<FileHandle> {
  return openToRead(path);
}

/** How an archived file is stored, by its first bytes; plain where there is none to look at. */
export async function archivedForm(store: WalStore, name: string, customMagic: string | null): Promise<StoredForm> {
  const found = await store.open(name);
  if (found === undefined || found === 'no file') return PLAIN;
  try {
    return detectForm(await readHead(found.handle), customMagic);
  } finally {
    await found.handle.close();
  }
}

/** The first bytes of an open file. */
export async function readHead(handle: FileHandle, length: number = HEAD_LENGTH): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
  return buffer.subarray(0, bytesRead);
}

/**
 * The file from its beginning as a stream of large blocks. Unlike a stream made by the handle itself, destroying this one
 * leaves the handle open.
 */
export function streamOf(handle: FileHandle): Readable {
  return Readable.from(blocksOf(handle), { objectMode: false, highWaterMark: BLOCK });
}

/** Memory of segments that are done with: fresh memory must be cleared by the system, page by page. */
const spare: Buffer[] = [];
const MOST_SPARE = 4;

/** Hands over the bytes of a file, fewer than `size` when it is shorter; they are valid until `work` ends. */
export async function withContent<T>(
  handle: FileHandle,
  size: number,
  work: (content: Buffer) => Promise<T>,
): Promise<T> {
  const at = spare.findIndex(({ length }) => length >= size);
  const memory = at < 0 ? Buffer.allocUnsafeSlow(size) : (spare.splice(at, 1)[0] as Buffer);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await handle.read(memory, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  const result = await work(memory.subarray(0, length));
  if (spare.length < MOST_SPARE) spare.push(memory);
  return result;
}

async function* blocksOf(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ;) {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, position);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
}

/** A stream that writes into the file from its beginning; ending or destroying it leaves the handle open. */
export function sinkOf(handle: FileHandle): Writable {
  let position = 0;
  const writeAll = async (chunk: Buffer) => {
    for (let offset = 0; offset < chunk.length;) {
      const { bytesWritten } = await handle.write(chunk, offset, chunk.length - offset, position);
      offset += bytesWritten;
      position += bytesWritten;
    }
  };
  return new Writable({
    highWaterMark: BLOCK,
    write: (chunk: Buffer, _encoding, done) => {
      writeAll(chunk).then(() => done(), done);
    },
  });
}

/** The plain content of an open file. What is inside an encrypted one is told by its first bytes. */
export function plainStream(handle: FileHandle, form: StoredForm, settings: CodecSettings): Readable {
  if (form.encryption !== null) return Readable.from(decryptedPlain(handle, settings), { objectMode: false });
  return unpacked(streamOf(handle), form.compression, settings);
}

async function* decryptedPlain(handle: FileHandle, settings: CodecSettings): AsyncGenerator<Buffer> {
  const { compression, stream } = await decrypted(handle, settings);
  yield* unpacked(stream, compression, settings);
}

/**
 * An encrypted file, decrypted: its bytes, and what they are compressed with.
 * @throws WalError, CommandError when gpg refuses before the first byte; later the stream fails
 */
export async function decrypted(
  handle: FileHandle,
  settings: CodecSettings,
): Promise<{ readonly compression: string | null; readonly stream: Readable }> {
  const source = await decryptor(handle.fd, settings);
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEAD_LENGTH) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const rest = async function* () {
    try {
      yield head;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      source.destroy();
    }
  };
  const stream = Readable.from(rest(), { objectMode: false, highWaterMark: BLOCK });
  // One that is given up before it began does not get to the end of the above.
  stream.once('close', () => source.destroy());
  return { compression: recogniseHead(head, settings).compression, stream };
}

/** True when an encrypted file can be decrypted here and now; any other file is open to everybody. */
export async function canDecrypt(handle: FileHandle, form: StoredForm, settings: CodecSettings): Promise<boolean> {
  if (form.encryption === null) return true;
  try {
    (await decrypted(handle, settings)).stream.destroy();
    return true;
  } catch {
    return false;
  }
}

function unpacked(source: Readable, compression: string | null, settings: CodecSettings): Readable {
  if (compression === null) return source;
  // The error of either stream reaches the reader of the second one; one that nobody waits for any more is no crash.
  const plain = pipeline(source, decompressor(compression, settings), () => {});
  plain.on('error', () => {});
  return plain;
}

/**
 * What a compressed file holds, at the price of a few reads where it is gzip (whose last four bytes are the size of the
 * content). Undefined when that is no answer: then measurePlain decides.
 */
export async function glanceAtGzip(handle: FileHandle, fileSize: number): Promise<WalContent | undefined> {
  const trailer = Buffer.alloc(4);
  if (fileSize < 18 || (await handle.read(trailer, 0, 4, fileSize - 4)).bytesRead !== 4) return undefined;
  try {
    const plain = gunzipSync(await readHead(handle, GZIP_HEAD), { finishFlush: Z.Z_SYNC_FLUSH });
    if (plain.length < WAL_HEADER_LENGTH) return undefined;
    return { size: trailer.readUInt32LE(0), head: plain.subarray(0, WAL_HEADER_LENGTH) };
  } catch {
    return undefined;
  }
}

/** Decompresses the whole file. Undefined when that fails: it is cut or damaged, or cannot be decrypted here. */
export async function measurePlain(
  handle: FileHandle,
  form: StoredForm,
  settings: CodecSettings,
): Promise<WalContent | undefined> {
  let size = 0;
  let head = Buffer.alloc(0);
  try {
    for await (const chunk of plainStream(handle, form, settings) as AsyncIterable<Buffer>) {
      if (head.length < WAL_HEADER_LENGTH) head = Buffer.concat([head, chunk]).subarray(0, HEAD_LENGTH);
      size += chunk.length;
      // No segment is larger: whatever this is, it may be made to fill a disk.
      if (size > LARGEST_SEGMENT) break;
    }
  } catch {
    return undefined;
  }
  return { size, head };
}

/** True when both files hold the same plain content; false also when one of them cannot be decompressed. */
export async function haveSameContent(left: FileHandle, right: FileHandle, settings: CodecSettings): Promise<boolean> {
  return (await contrast(left, right, settings)) === null;
}

/** Where the plain content of two files differs. */
export interface Difference {
  /** The first byte that is not the same: the length of the shorter one where that is the beginning of the other. */
  readonly at: number;
  readonly shorter: 'left' | 'right' | null;
}

/** Compares the plain content of two files; null: the same. `unreadable` when one of them cannot be decompressed. */
export async function contrast(
  left: FileHandle,
  right: FileHandle,
  settings: CodecSettings,
): Promise<Difference | 'unreadable' | null> {
  const [a, b] = await Promise.all([left.stat(), right.stat()]);
  if (a.ino === b.ino && a.dev === b.dev) return null;
  if (a.size === b.size) {
    const difference = await contrastStreams(streamOf(left), streamOf(right));
    if (difference === null) return null;
    if (isPlain(await recognise(left, settings)) && isPlain(await recognise(right, settings))) return difference;
  }
  const [first, second] = [await recognise(left, settings), await recognise(right, settings)];
  try {
    return await contrastStreams(plainStream(left, first, settings), plainStream(right, second, settings));
  } catch {
    return 'unreadable';
  }
}

/**
 * How an open file is stored. Where the custom filter has no magic number, what is neither known nor a WAL segment counts as
 * its work; so does what is encrypted where only a custom filter can be meant to decrypt it.
 */
export async function recognise(handle: FileHandle, settings: CodecSettings): Promise<StoredForm> {
  return recogniseHead(await readHead(handle), settings);
}

/** The same for the first bytes of a file. */
export function recogniseHead(head: Buffer, settings: CodecSettings): StoredForm {
  const known = detectForm(head, settings.customCompressionMagic);
  const mayBeCustom = known.encryption === null || settings.encryptionPassphraseCommand === null;
  if (known.compression !== null || settings.customCompressionMagic !== null || !mayBeCustom) return known;
  const isCustom = settings.customDecompressionFilter !== null && head.length > 0 && parseWalHeader(head) === undefined;
  return isCustom ? { compression: 'custom', encryption: null } : known;
}

/** Compares two streams of different chunk sizes. */
async function contrastStreams(left: Readable, right: Readable): Promise<Difference | null> {
  const chunks = right[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  let at = 0;
  try {
    for await (const chunk of left as AsyncIterable<Buffer>) {
      let offset = 0;
      while (offset < chunk.length) {
        if (rest.length === 0) {
          const next = await chunks.next();
          if (next.done === true) return { at, shorter: 'right' };
          rest = next.value;
        }
        const length = Math.min(rest.length, chunk.length - offset);
        if (rest.compare(chunk, offset, offset + length, 0, length) !== 0) {
          return { at: at + sameLength(rest, chunk.subarray(offset)), shorter: null };
        }
        rest = rest.subarray(length);
        offset += length;
        at += length;
      }
    }
    return rest.length === 0 && (await chunks.next()).done === true ? null : { at, shorter: 'left' };
  } finally {
    left.destroy();
    right.destroy();
  }
}

/** How many first bytes are the same. */
function sameLength(left: Uint8Array, right: Uint8Array): number {
  let length = 0;
  while (length < left.length && left[length] === right[length]) length += 1;
  return length;
}
