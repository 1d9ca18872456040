/**
 * A directory tree of the catalog -> a destination: modes and times kept, everything flushed, links never followed out of
 * the backup. Source: docs/behaviour/recovery.md 6.2 (what Barman leaves to rsync).
 *
 * Paths are "binary" strings, one character per byte: file names may hold bytes that are no UTF-8.
 */
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, realpath } from 'node:fs/promises';
import { copyFileDurably, type Throttle } from '../../host/copy-file.ts';
import { systemReason } from '../../host/system-reason.ts';
import { errnoOf, RecoveryError } from '../../domain/errors.ts';
import { inParallel } from '../../domain/in-parallel.ts';
import { syncFile } from '../../host/files.ts';

export interface TreeFile {
  /** Below the root, binary. */
  readonly path: string;
  /** Where the bytes are, binary; differs from root/path for a link that points elsewhere inside the backup. */
  readonly source: string;
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly mtimeMs: number;
}

export interface TreeDirectory {
  /** Below the root, binary; '' for the root itself. */
  readonly path: string;
  readonly mode: number;
  readonly mtimeMs: number;
}

export interface Tree {
  /** Parents before children. */
  readonly directories: readonly TreeDirectory[];
  readonly files: readonly TreeFile[];
  /** Bytes of all files. */
  readonly size: number;
}

export interface TreeRules {
  /** True for a path (below the root) that stays behind, with everything below it. */
  readonly isExcluded: (path: string) => boolean;
  /** Links may point below this directory and nowhere else: `base/<id>`. */
  readonly boundary: string;
}

export function toBinary(path: string): string {
  return Buffer.from(path).toString('latin1');
}

/** A binary path as the file system calls take it. */
export function native(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

function display(path: string): string {
  return native(path).toString('utf8');
}

/**
 * Lists a tree. Sockets, pipes and devices are left out, as rsync does.
 * @throws RecoveryError for a link that is not to be followed
 */
export async function listTree(root: string, rules: TreeRules): Promise<Tree> {
  const directories: TreeDirectory[] = [];
  const files: TreeFile[] = [];
  const boundary = toBinary(await realpath(rules.boundary));
  const pending = [{ path: '', source: toBinary(root) }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const facts = await lstat(native(next.source));
    directories.push({ path: next.path, mode: facts.mode & 0o7777, mtimeMs: facts.mtimeMs });
    const names = await readdir(native(next.source), { encoding: 'latin1' });
    const { path: parent, source: parentSource } = next;
    await inParallel(names, 8, async (name) => {
      const path = parent === '' ? name : `${parent}/${name}`;
      if (rules.isExcluded(path)) return;
      const entry = await resolveEntry(`${parentSource}/${name}`, boundary);
      if (entry.kind === 'directory') pending.push({ path, source: entry.source });
      else if (entry.kind === 'file') files.push({ path, ...entry.file });
    });
  }
  directories.sort((left, right) => (left.path < right.path ? -1 : 1));
  return { directories, files, size: files.reduce((sum, file) => sum + file.size, 0) };
}

type Entry = { kind: 'directory'; source: string } | { kind: 'file'; file: Omit<TreeFile, 'path'> } | { kind: 'other' };

async function resolveEntry(source: string, boundary: string): Promise<Entry> {
  let facts = await lstat(native(source));
  let real = source;
  if (facts.isSymbolicLink()) {
    real = await realpath(native(source), { encoding: 'latin1' }).catch(() => '');
    if (real.startsWith(`${boundary}/`)) facts = await lstat(native(real));
    // A link to a directory could lead in a circle; Barman puts none into a backup except those of tablespaces.
    if (!facts.isFile()) {
      throw new RecoveryError(
        `'${display(source)}' is a symbolic link that does not lead to a file of this backup: it is not followed`,
        { hint: 'replace it by what it should be, or remove it' },
      );
    }
  }
  if (facts.isDirectory()) return { kind: 'directory', source: real };
  if (!facts.isFile()) return { kind: 'other' };
  const file = { source: real, size: facts.size, mode: facts.mode & 0o7777, mtimeMs: facts.mtimeMs };
  return { kind: 'file', file };
}

export interface CopyRun {
  readonly throttle: Throttle | null;
  readonly workers: number;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  /** The name a file gets in the destination (binary); unset for its own. */
  readonly rename?: (path: string) => string;
  /** Delta restore: true for a file that is there already; false once the way is free. Unset for an empty destination. */
  readonly isUpToDate?: (file: TreeFile, target: Buffer) => Promise<boolean>;
}

/**
 * Copies a listed tree into a directory that exists. Everything below it, and its own entry, is on disk
 * when the promise resolves.
 * @throws RecoveryError naming the file that could not be copied
 */
export async function copyTree(tree: Tree, destination: string, run: CopyRun): Promise<void> {
  const root = toBinary(destination);
  const at = (path: string) => native(path === '' ? root : `${root}/${path}`);
  for (const directory of tree.directories) {
    if (directory.path !== '') await attempt(directory.path, () => makeDirectoryAt(at(directory.path)));
  }
  await inParallel(tree.files, run.workers, async (file) => {
    run.signal.throwIfAborted();
    const name = run.rename?.(file.path) ?? file.path;
    await attempt(file.path, async () => {
      if (await run.isUpToDate?.(file, at(name))) {
        await syncFile(at(name));
        run.onBytes(file.size);
        return;
      }
      await copyFileDurably(native(file.source), at(name), file.size, {
        mode: file.mode,
        mtimeMs: file.mtimeMs,
        throttle: run.throttle,
        onBytes: run.onBytes,
        signal: run.signal,
      });
    });
  });
  // Children first: setting the time of a directory must be the last change in it.
  for (const directory of tree.directories.toReversed()) await settleDirectory(at(directory.path), directory);
}

/** A tablespace inside the destination may have made it already, or an earlier restore. */
async function makeDirectoryAt(path: Buffer): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || !(await lstat(path)).isDirectory()) throw error;
  }
}

/** Gives a directory its mode and time and flushes it. */
async function settleDirectory(path: Buffer, { mode, mtimeMs }: TreeDirectory): Promise<void> {
  await chmod(path, mode);
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.utimes(Date.now() / 1000, mtimeMs / 1000);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function attempt(path: string, body: () => Promise<unknown>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (
      !(error instanceof Error) ||
      error instanceof RecoveryError ||
      !('code' in error) ||
      error.name === 'AbortError'
    )
      throw error;
    throw new RecoveryError(`Failure copying base backup: '${display(path)}': ${systemReason(error)}`, {
      cause: error,
    });
  }
}
