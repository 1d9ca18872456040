/** The files below a data directory in the order in which Barman lists them: that of the directories themselves. */
import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';

export interface Found {
  /** Byte string relative to the root, see domain/backup/backup-manifest.ts. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
}

/** The path of a byte string below `root`, for the system. */
export function below(root: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);
}

/**
 * A directory's files, then its directories one after the other with what they hold. Links are told and not followed.
 * Directories themselves are not told. `prefix` is a directory below `root`, '' for all.
 */
export async function* walkFiles(root: string, prefix = ''): AsyncGenerator<Found> {
  const directories: string[] = [];
  // opendir, because readdir sorts. The names come as bytes: the type declaration knows only texts.
  const directory = await opendir(prefix === '' ? root : below(root, prefix), {
    encoding: 'latin1',
    bufferSize: 256,
  });
  for await (const entry of directory) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    const kind = kindOf(entry);
    if (kind === 'directory') directories.push(path);
    else yield { path, kind };
  }
  for (const path of directories) yield* walkFiles(root, path);
}

function kindOf(entry: Dirent): Found['kind'] {
  if (entry.isDirectory()) return 'directory';
  if (entry.isFile()) return 'file';
  return entry.isSymbolicLink() ? 'link' : 'other';
}
