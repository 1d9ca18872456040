/**
 * Files that must survive a power cut. The order is always: write a temporary file beside the target, fsync it, rename,
 * fsync the directory. Nothing here follows a symlink at the final name.
 */
import { constants, openSync } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { errnoOf } from '../domain/errors.ts';

/** What a filesystem without flushing of directories says; PostgreSQL passes over the first two as well (fd.c). */
const NO_DIRECTORY_SYNC: ReadonlySet<string> = new Set(['EINVAL', 'EBADF', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Flushes a directory entry, where the filesystem can. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    if (!NO_DIRECTORY_SYNC.has(errnoOf(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

const TO_READ = constants.O_RDONLY | constants.O_NONBLOCK;

/** Opens what is at that very name: a symbolic link is refused (ELOOP). */
export function openNoFollow(path: string | Buffer, flags: number, mode?: number): Promise<FileHandle> {
  return open(path, flags | constants.O_NOFOLLOW, mode);
}

/** Opens for reading; a symbolic link is refused (ELOOP), a pipe is not waited for. */
export function openToRead(path: string | Buffer): Promise<FileHandle> {
  return openNoFollow(path, TO_READ);
}

/** The same where many small files are read one by one: the descriptor. */
export function openToReadSync(path: string): number {
  return openSync(path, TO_READ | constants.O_NOFOLLOW);
}

/** Makes a file that must not be there yet (EEXIST, for a symbolic link too), to be written and read again. */
export function createNew(path: string | Buffer, mode: number): Promise<FileHandle> {
  return openNoFollow(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, mode);
}

/** Flushes a file's content and metadata; a symlink is refused (ELOOP), a pipe is not waited for. */
export async function syncFile(path: string | Buffer): Promise<void> {
  const handle = await openToRead(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces `path` by `content` so that after any crash either the old or the new text is there, whole.
 * `temporary` defaults to `<path>.tmp`, Barman's own name for it; `mode` is the mode of a new file (umask applies).
 */
export async function writeDurably(
  path: string,
  content: string | Uint8Array,
  options: { temporary?: string; mode?: number } = {},
): Promise<void> {
  const temporary = options.temporary ?? `${path}.tmp`;
  await unlinkIfPresent(temporary);
  const handle = await createNew(temporary, options.mode ?? 0o666);
  try {
    await writeAndSync(handle, content);
  } catch (error) {
    await handle.close();
    await unlinkIfPresent(temporary);
    throw error;
  }
  await handle.close();
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

async function writeAndSync(handle: FileHandle, content: string | Uint8Array): Promise<void> {
  await handle.writeFile(content);
  await handle.sync();
}

/** Renames within one filesystem and flushes both directories. The file itself must have been flushed before. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
  if (dirname(from) !== dirname(to)) await syncDirectory(dirname(from));
}

/**
 * Errors of a filesystem that does not link: another device, a file of another user (protected_hardlinks), no links at all,
 * which CIFS, vfat, FUSE and some appliances say in words of their own (EIO among them).
 */
const NO_LINK: ReadonlySet<string> = new Set([
  'EXDEV',
  'EPERM',
  'EACCES',
  'EMLINK',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EINVAL',
  'EIO',
]);

/**
 * Gives a flushed file a second name: no copy, and it appears whole or not at all. False when it cannot be linked there;
 * a name that is taken is EEXIST.
 */
export async function linkIfPossible(path: string, name: string): Promise<boolean> {
  try {
    await link(path, name);
    return true;
  } catch (error) {
    if (NO_LINK.has(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

const NO_MODE: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Gives an open file its mode; where files have none of their own (CIFS, vfat) it is as the mount says, and that is enough. */
export async function chmodIfPossible(handle: FileHandle, mode: number): Promise<void> {
  try {
    await handle.chmod(mode);
  } catch (error) {
    if (!NO_MODE.has(errnoOf(error) ?? '')) throw error;
  }
}

/** Creates a directory and its missing parents, each flushed into its parent. Returns true when it was created. */
export async function makeDirectory(path: string, mode?: number): Promise<boolean> {
  const first = await mkdir(path, { recursive: true, ...(mode === undefined ? {} : { mode }) });
  if (first === undefined) return false;
  for (let current = resolve(path); ; current = dirname(current)) {
    await syncDirectory(dirname(current));
    if (current === resolve(first)) return true;
  }
}

/** Removes a file; false when it was not there. */
export async function unlinkIfPresent(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Removes a directory only when it is empty; false when it is missing or holds something. */
export async function rmdirIfEmpty(path: string): Promise<boolean> {
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') return false;
    throw error;
  }
}

/** True when the name exists, whatever it is; links are not followed. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}

/** True for a symbolic link, wherever it leads; a missing parent is like a missing file. */
export async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}

/** The names in a directory in byte order; [] when it does not exist. */
export async function listNames(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort(compareBytes);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Byte order of two names: the order Python's sorted() and Barman use for ASCII. */
export function compareBytes(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Joins and proves that the result stays below `root`; undefined when it does not. */
export function insidePath(root: string, ...parts: readonly string[]): string | undefined {
  const path = join(root, ...parts);
  const below = relative(root, path);
  if (below === '' || below.startsWith('..') || isAbsolute(below)) return undefined;
  return path;
}
