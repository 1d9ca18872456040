/** The files of one backup, `base/<id>`: removed or measured without ever following a symbolic link. */
import { constants, existsSync } from 'node:fs';
import { type FileHandle, lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, openNoFollow } from '../host/files.ts';
import { BackupError, errnoOf } from '../domain/errors.ts';
import { inParallel } from '../domain/in-parallel.ts';
import type { TreeSize } from './measure.ts';

const WORKERS = 8;
const DESCRIPTORS = '/proc/self/fd';

/**
 * Removes a directory and everything in it. What is gone already is no failure: a removal that was cut short can be
 * repeated. Each directory is held open and its entries are named below that descriptor: whoever may write into the tree
 * can put a link in the place of a directory at any moment, and it would be the link that is removed. On a system without
 * /proc the names are paths. @throws BackupError when `root` is no directory but e.g. a link to one
 */
export async function removeTree(root: string): Promise<void> {
  const isEmptied = await emptyDirectory(root);
  if (!isEmptied && (await exists(root)))
    throw new BackupError(`'${root}' is not a directory: nothing behind it is removed`);
  await rmdir(root).catch(unlessGone);
}

/** False when there is no directory of this name. */
async function emptyDirectory(path: string): Promise<boolean> {
  const handle = await openDirectory(path);
  if (handle === undefined) return false;
  const held = existsSync(DESCRIPTORS) ? join(DESCRIPTORS, String(handle.fd)) : path;
  try {
    const entries = await readdir(held, { withFileTypes: true });
    const paths = (wanted: boolean) =>
      entries.filter((entry) => entry.isDirectory() === wanted).map(({ name }) => join(held, name));
    // A link is not a directory here: it is unlinked itself.
    await inParallel(paths(false), WORKERS, (file) => unlink(file).catch(unlessGone));
    for (const directory of paths(true)) {
      const remove = (await emptyDirectory(directory)) ? rmdir : unlink;
      await remove(directory).catch(unlessGone);
    }
    return true;
  } catch (error) {
    // The administrator knows the path, not the descriptor.
    if (error instanceof Error) error.message = error.message.replace(new RegExp(`${held}(?=['/])`), () => path);
    throw error;
  } finally {
    await handle.close();
  }
}

async function openDirectory(path: string): Promise<FileHandle | undefined> {
  try {
    return await openNoFollow(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (isGone(error) || errnoOf(error) === 'ELOOP') return undefined;
    throw error;
  }
}

/** The bytes of all regular files, and of those with one link only. */
export async function measureTree(root: string): Promise<TreeSize> {
  let size = 0;
  let deduplicatedSize = 0;
  const pending = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const files: string[] = [];
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) pending.push(join(directory, entry.name));
      else if (entry.isFile()) files.push(join(directory, entry.name));
    }
    await inParallel(files, WORKERS, async (file) => {
      const facts = await lstat(file);
      size += facts.size;
      if (facts.nlink === 1) deduplicatedSize += facts.size;
    });
  }
  return { size, deduplicatedSize };
}

function isGone(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR';
}

function unlessGone(error: unknown): void {
  if (!isGone(error)) throw error;
}
