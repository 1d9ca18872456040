/** The checksum of a file, read in pieces: memory does not grow with the file. */
import { createHash } from 'node:crypto';
import { type FileHandle } from 'node:fs/promises';
import type { ChecksumAlgorithm } from '../domain/backup/backup-manifest.ts';
import { crc32c, crc32cHex } from '../domain/crc32c.ts';
import { BackupError } from '../domain/errors.ts';
import { openToRead } from './files.ts';

/** Bytes read at a time: large enough that the hash, not the call, is what takes the time. */
const BLOCK = 512 * 1024;

export interface DigestOptions {
  /** Told after each piece: bytes since the last call. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface Digest {
  readonly hex: string;
  /** Bytes that were read. */
  readonly size: number;
  readonly mtimeMs: number;
}

/** Reads a regular file to its end; a link is refused (ELOOP), a pipe is not waited for. */
export async function digestFile(
  path: string | Buffer,
  algorithm: ChecksumAlgorithm,
  options: DigestOptions = {},
): Promise<Digest> {
  const handle = await openToRead(path);
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new BackupError(`'${path.toString()}' is not a file`);
    const sum = startSum(algorithm);
    const size = await readThrough(handle, Math.min(Math.max(facts.size, 1), BLOCK), sum.update, options);
    return { hex: sum.end(), size, mtimeMs: facts.mtimeMs };
  } finally {
    await handle.close();
  }
}

async function readThrough(
  handle: FileHandle,
  blockSize: number,
  update: (bytes: Uint8Array) => void,
  { onBytes, signal }: DigestOptions,
): Promise<number> {
  const block = Buffer.allocUnsafe(blockSize);
  for (let size = 0; ;) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(block, 0, block.length, size);
    if (bytesRead === 0) return size;
    update(block.subarray(0, bytesRead));
    size += bytesRead;
    onBytes?.(bytesRead);
  }
}

function startSum(algorithm: ChecksumAlgorithm): { update: (bytes: Uint8Array) => void; end: () => string } {
  if (algorithm === 'CRC32C') {
    let value = 0;
    return {
      update: (bytes) => {
        value = crc32c(bytes, value);
      },
      end: () => crc32cHex(value),
    };
  }
  const hash = createHash(algorithm.toLowerCase());
  return { update: (bytes) => void hash.update(bytes), end: () => hash.digest('hex') };
}
