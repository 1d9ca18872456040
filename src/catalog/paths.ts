/** Questions about paths, and removal that lasts. A missing parent is like a missing file. */
import { lstat, stat } from 'node:fs/promises';
import { syncDirectory, unlinkIfPresent } from '../host/files.ts';
import { errnoOf } from '../domain/errors.ts';

/** True for a directory, also through a symbolic link: the roots of a server are the administrator's own. */
export async function isDirectory(path: string): Promise<boolean> {
  return (await unlessMissing(stat(path)))?.isDirectory() ?? false;
}

/** Permission bits of the file at this name; undefined when there is none. */
export async function modeOf(path: string): Promise<number | undefined> {
  const facts = await unlessMissing(lstat(path));
  return facts === undefined ? undefined : facts.mode & 0o7777;
}

/** Bytes of the file at this name; undefined when there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return (await unlessMissing(lstat(path)))?.size;
}

/** Removes a file and flushes its directory; false when there was none. */
export async function unlinkDurably(path: string, directory: string): Promise<boolean> {
  const removed = await unlinkIfPresent(path);
  if (removed) await syncDirectory(directory);
  return removed;
}

async function unlessMissing<T>(facts: Promise<T>): Promise<T | undefined> {
  try {
    return await facts;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
