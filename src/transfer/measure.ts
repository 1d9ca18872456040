/**
 * One walk over a finished copy: every file and directory is flushed to disk and measured. Only after it may a record
 * say that the backup exists. Source: docs/behaviour/backup.md 2 step 8, catalog.md 3.
 */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openToRead, syncDirectory } from '../host/files.ts';
import { inParallel } from '../domain/in-parallel.ts';

export interface TreeSize {
  /** Bytes of all regular files. */
  readonly size: number;
  /** Bytes of those with one link only. */
  readonly deduplicatedSize: number;
}

/**
 * Flushes everything below `root`, the root and its entry in the parent directory. Symlinks are neither followed nor
 * counted. Memory is bounded by the largest directory.
 */
export async function syncTree(
  root: string,
  options: { workers?: number; onStep?: () => void } = {},
): Promise<TreeSize> {
  const pending = [root];
  let size = 0;
  let deduplicatedSize = 0;
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const entries = await readdir(directory, { withFileTypes: true });
    const files: string[] = [];
    for (const entry of entries) {
      if (entry.isDirectory()) pending.push(join(directory, entry.name));
      else if (entry.isFile()) files.push(join(directory, entry.name));
    }
    await inParallel(files, options.workers ?? 8, async (file) => {
      options.onStep?.();
      const facts = await syncAndStat(file);
      size += facts.size;
      if (facts.nlink === 1) deduplicatedSize += facts.size;
    });
    await syncDirectory(directory);
  }
  await syncDirectory(dirname(root));
  return { size, deduplicatedSize };
}

async function syncAndStat(path: string): Promise<{ size: number; nlink: number }> {
  const handle = await openToRead(path);
  try {
    await handle.sync();
    return await handle.stat();
  } finally {
    await handle.close();
  }
}
