/**
 * Copying one file so that it survives a power cut: blocks are shared where the filesystem can, moved inside the kernel
 * otherwise, and flushed before the promise resolves. Never overwrites, never follows a link at the destination.
 */
import { constants } from 'node:fs';
import { copyFile, type FileHandle, lstat, rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../domain/errors.ts';
import { chmodIfPossible, createNew, exists, linkIfPossible, openToRead, unlinkIfPresent } from './files.ts';

/** File names may hold any bytes: a Buffer carries those that are no UTF-8. */
export type Path = string | Buffer;

/** Shares a bandwidth between copies that run at once. */
export interface Throttle {
  /** Resolves when `bytes` more may be written. */
  take(bytes: number): Promise<void>;
}

/** Kilobytes (1024 bytes) a second, as rsync counts its --bwlimit; null or 0 for no limit. */
export function createThrottle(kilobytesPerSecond: number | null): Throttle | null {
  if (!kilobytesPerSecond) return null;
  const bytesPerMs = (kilobytesPerSecond * 1024) / 1000;
  let freeAt = performance.now();
  return {
    take: async (bytes) => {
      const now = performance.now();
      const start = Math.max(now, freeAt);
      freeAt = start + bytes / bytesPerMs;
      if (start > now) await sleep(start - now);
    },
  };
}

export interface CopyOptions {
  /** Permission bits; unset for those of the source. */
  readonly mode?: number;
  /** Milliseconds since 1970; unset for the time of the copy. */
  readonly mtimeMs?: number;
  readonly throttle?: Throttle | null;
  /** Told after each piece: bytes since the last call. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Copies a regular file to a name that does not exist yet. Resolves when its content and metadata are on disk. */
export async function copyFileDurably(
  source: Path,
  destination: Path,
  size: number,
  options: CopyOptions,
): Promise<void> {
  const isTold = options.throttle ? true : !(await copyAtOnce(source, destination));
  if (isTold) await copyByPieces(source, destination, options);
  const handle = await openToRead(destination);
  try {
    if (options.mode !== undefined) await chmodIfPossible(handle, options.mode);
    if (options.mtimeMs !== undefined) await handle.utimes(Date.now() / 1000, options.mtimeMs / 1000);
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (!isTold) options.onBytes?.(size);
}

/** False where the copy cannot have the mode of its source, on which Node insists. */
async function copyAtOnce(source: Path, destination: Path): Promise<boolean> {
  try {
    await copyFile(source, destination, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error;
    return false;
  }
}

/** A second name for the flushed file, or a copy where it cannot be linked. Never over another file (EEXIST). */
export async function linkOrCopy(path: string, name: string): Promise<void> {
  if (await linkIfPossible(path, name)) return;
  // Nobody takes this name for a file of the archive or of a queue.
  const temporary = `${name}.tmp`;
  await unlinkIfPresent(temporary);
  const facts = await lstat(path);
  await copyFileDurably(path, temporary, facts.size, { mode: facts.mode & 0o777, mtimeMs: facts.mtimeMs });
  if (await linkIfPossible(temporary, name)) {
    await unlinkIfPresent(temporary);
    return;
  }
  // A filesystem without links: whoever else writes such names holds the lock that our caller holds.
  if (await exists(name)) throw Object.assign(new Error(`'${name}' exists`), { code: 'EEXIST' });
  await rename(temporary, name);
}

const PIECE = 64 * 1024;

async function copyByPieces(source: Path, destination: Path, options: CopyOptions): Promise<void> {
  const reader = await openToRead(source);
  let writer: FileHandle | undefined;
  try {
    writer = await createNew(destination, 0o600);
    const buffer = Buffer.allocUnsafe(PIECE);
    for (;;) {
      options.signal?.throwIfAborted();
      const { bytesRead } = await reader.read(buffer, 0, PIECE);
      if (bytesRead === 0) break;
      await options.throttle?.take(bytesRead);
      await writer.writeFile(buffer.subarray(0, bytesRead));
      options.onBytes?.(bytesRead);
    }
    await chmodIfPossible(writer, (await reader.stat()).mode & 0o7777);
  } finally {
    await reader.close();
    await writer?.close();
  }
}
