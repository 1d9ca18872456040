/** The files of one backup, `base/<id>`: removed or measured without ever following a symbolic link. */
import { lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError, errnoOf } from '../domain/errors.ts';
import { inParallel } from '../domain/in-parallel.ts';
import type { TreeSize } from './backup/measure.ts';

const WORKERS = 8;

/**
 * Removes a directory and everything in it. What is gone already is no failure: a removal that was cut short can be
 * repeated. @throws BackupError when `root` is no directory but e.g. a link to one
 */
export async function removeTree(root: string): Promise<void> {
  try {
    if (!(await lstat(root)).isDirectory()) {
      throw new BackupError(`'${root}' is not a directory: nothing behind it is removed`);
    }
  } catch (error) {
    if (isGone(error)) return;
    throw error;
  }
  await removeDirectory(root);
}

async function removeDirectory(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if (isGone(error)) return [];
    throw error;
  });
  const paths = (wanted: boolean) =>
    entries.filter((entry) => entry.isDirectory() === wanted).map(({ name }) => join(directory, name));
  // A link is not a directory here: it is unlinked itself.
  await inParallel(paths(false), WORKERS, (path) => unlink(path).catch(unlessGone));
  for (const path of paths(true)) await removeDirectory(path);
  await rmdir(directory).catch(unlessGone);
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
