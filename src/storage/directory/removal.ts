/**
 * Unlinks named files; a hash directory goes by rmdir when it is empty, so nothing that was not named can go with it.
 * Source: docs/behaviour/wal.md 9, faults.md REF1, REF5.
 */
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../domain/errors.ts';
import { isLink, rmdirIfEmpty, syncDirectory } from '../../host/files.ts';
import type { WalRemoval } from '../wal-store.ts';
import { placeOf } from './places.ts';

export function openRemoval(root: string): WalRemoval {
  const directories = new Map<string, Promise<boolean>>();
  return {
    remove: async (name) => {
      const { directory, path } = placeOf(root, name);
      // The root may be a link, as it is the administrator's own, and it stays; what lies below it is ours.
      if (directory !== join(root)) {
        const isOutside = directories.get(directory) ?? isLink(directory);
        directories.set(directory, isOutside);
        if (await isOutside) throw new Error(`'${directory}' is a symbolic link`);
      }
      try {
        await unlink(path);
        return true;
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
        return false;
      }
    },
    settle: async () => {
      for (const [directory, isOutside] of directories) {
        if (await isOutside) continue;
        if (!(await rmdirIfEmpty(directory))) await flushIfThere(directory);
      }
      await flushIfThere(root);
    },
  };
}

/** A directory that is gone needs no flush. */
async function flushIfThere(directory: string): Promise<void> {
  try {
    await syncDirectory(directory);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
