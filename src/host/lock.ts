/**
 * Barman's lock files: BSD flock(2) on an open file, pid inside. Node has no flock call: the small addon fd-lock makes it
 * (0.05 ms). Where it has no binary, and to wait for a holder, the open descriptor is handed to flock(1) as its fd 3: the
 * lock belongs to the shared open file description, outlives that process and ends when we close the file (or die).
 * Source: docs/behaviour/catalog.md 7.
 */
import { constants } from 'node:fs';
import { type FileHandle, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { CommandError, errnoOf, LockBusyError, LockDeniedError, messageOf } from '../domain/errors.ts';
import { quoteForShell } from '../domain/text/shell-words.ts';
import { remedyFor } from './access.ts';
import { makeDirectory, openNoFollow } from './files.ts';

export interface HeldLock {
  readonly path: string;
  /** Frees the lock; the file stays. Safe to call twice. */
  release(): Promise<void>;
}

/**
 * Takes the lock file at `path`, creating it (0600) when missing.
 * @throws LockBusyError when `wait` is false and another process holds it; the message is the path
 * @throws LockDeniedError when the file may not be opened, or is none
 */
export async function acquireLock(path: string, options: { wait: boolean }): Promise<HeldLock> {
  for (;;) {
    const handle = await openLockFile(path);
    try {
      if (!(await flock(handle, options.wait))) throw new LockBusyError(path);
      // The cleanup of another cron may have unlinked the file while we waited: a lock on a dead inode guards nothing.
      if (await isStale(handle, path)) {
        await handle.close();
        continue;
      }
      const text = `${process.pid}\n`;
      await handle.write(text, 0);
      await handle.truncate(text.length);
    } catch (error) {
      await handle.close();
      throw error;
    }
    let open = true;
    return {
      path,
      release: async () => {
        if (!open) return;
        open = false;
        await handle.close();
      },
    };
  }
}

/** Runs `body` while holding the lock; see acquireLock for the errors. */
export async function withLock<T>(path: string, options: { wait: boolean }, body: () => Promise<T>): Promise<T> {
  const lock = await acquireLock(path, options);
  try {
    return await body();
  } finally {
    await lock.release();
  }
}

/**
 * Who holds the lock now: undefined when nobody does. The pid is null when the file holds no readable number.
 * Never creates the file.
 */
export async function lockHolder(path: string): Promise<{ readonly pid: number | null } | undefined> {
  let handle: FileHandle;
  try {
    handle = await openNoFollow(path, constants.O_RDWR);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw denied(path, error);
  }
  try {
    if (await flock(handle, false)) return undefined;
  } finally {
    await handle.close();
  }
  const text = (await readFile(path, 'utf8')).trim();
  return { pid: /^\d+$/.test(text) ? Number(text) : null };
}

async function openLockFile(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT;
  try {
    return await openNoFollow(path, flags, 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw denied(path, error);
    await makeDirectory(dirname(path));
    return openNoFollow(path, flags, 0o600);
  }
}

function denied(path: string, cause: unknown): unknown {
  const code = errnoOf(cause);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new LockDeniedError(`Permission denied, unable to access '${path}'`, { cause, hint: remedyFor(path) });
  }
  const what = NO_FILE[code ?? ''];
  if (what === undefined) return cause;
  return new LockDeniedError(`cannot use the lock file '${path}': it is a ${what}`, {
    cause,
    hint: `move it away, e.g. mv ${quoteForShell(path)} /tmp/`,
  });
}

/** What lies where a lock file belongs, by the error of opening it. */
const NO_FILE: Readonly<Record<string, string>> = { EISDIR: 'directory', ELOOP: 'symbolic link' };

/** True when the lock was taken, false when it is busy. */
async function flock(handle: FileHandle, wait: boolean): Promise<boolean> {
  const tryLock = loadAddon();
  if (tryLock === null) return flockByProgram(handle, wait);
  return tryLock(handle.fd) || (wait && flockByProgram(handle, true));
}

type TryLock = (fd: number) => boolean;
let addon: TryLock | null | undefined;

/** flock(fd, LOCK_EX | LOCK_NB); null on a platform that the addon has no binary for. */
function loadAddon(): TryLock | null {
  if (addon !== undefined) return addon;
  try {
    addon = createRequire(import.meta.url)('fd-lock') as TryLock;
  } catch {
    addon = null;
  }
  return addon;
}

/** The same by flock(1), which can also wait. Exported for its test. */
export async function flockByProgram(handle: FileHandle, wait: boolean): Promise<boolean> {
  const { startChild } = await import('./process/child.ts');
  const child = startChild('flock', wait ? ['3'] : ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', handle.fd] });
  const end = await child.done.catch((cause: unknown) => {
    throw new CommandError(messageOf(cause), { cause, hint: 'install util-linux, e.g. "apt-get install util-linux"' });
  });
  if (end.code === 0 || end.code === 1) return end.code === 0;
  throw (await import('./process/failure.ts')).commandFailure(end);
}

async function isStale(handle: FileHandle, path: string): Promise<boolean> {
  const ours = await handle.stat();
  try {
    const named = await stat(path);
    return named.ino !== ours.ino || named.dev !== ours.dev;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true;
    throw error;
  }
}
