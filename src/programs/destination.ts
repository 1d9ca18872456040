/** The file that is being made: it appears under its name whole and flushed, or not at all. */
import {
  closeSync,
  constants as FS,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isAlive } from '../host/process/alive.ts';
import { RestoreFailure } from './restore-failure.ts';

export interface Destination {
  readonly path: string;
  readonly temporary: string;
  readonly descriptor: number;
}

/** @throws RestoreFailure when it cannot be written */
export function openDestination(path: string, temporary = `${path}.${process.pid}.tmp`): Destination {
  try {
    // What is there was left by a dead process that had our number.
    unlinkIfThere(temporary);
    const flags = FS.O_RDWR | FS.O_CREAT | FS.O_EXCL | FS.O_NOFOLLOW;
    return { path, temporary, descriptor: openSync(temporary, flags, 0o640) };
  } catch (error) {
    throw cannotOpen(path, error as NodeJS.ErrnoException);
  }
}

const ERRNO: Readonly<Record<string, string>> = {
  ENOENT: '[Errno 2] No such file or directory',
  EACCES: '[Errno 13] Permission denied',
  ENOTDIR: '[Errno 20] Not a directory',
  EROFS: '[Errno 30] Read-only file system',
};

function cannotOpen(path: string, error: NodeJS.ErrnoException): RestoreFailure {
  const known = ERRNO[error.code ?? ''];
  const reason = known === undefined ? error.message : `${known}: '${path}'`;
  return new RestoreFailure('destination', `Cannot open '${path}' (WAL_DEST) for writing: ${reason}`, 3);
}

/** The failure to report when `error` is the fault of the place that is written to. */
export function writeFailure(error: unknown, { path }: Destination): RestoreFailure | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EIO' && code !== 'EFBIG') return undefined;
  return new RestoreFailure('destination', `Cannot write '${path}' (WAL_DEST): ${message}`, 3);
}

/**
 * Of a file that is given up: a ssh that writes into it tells nobody that the disk is full, but more cannot be written then.
 * @throws RestoreFailure when that is so
 */
export function throwUnlessWritable(destination: Destination): void {
  try {
    writeSync(destination.descriptor, Buffer.alloc(65_536));
  } catch (error) {
    throw writeFailure(error, destination) ?? error;
  }
}

/** Flushes the content, gives it its name, flushes the name. */
export function publish({ path, temporary, descriptor }: Destination): void {
  fsyncSync(descriptor);
  renameSync(temporary, path);
  const directory = openSync(dirname(path), FS.O_RDONLY | FS.O_DIRECTORY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Temporary files of processes that were killed: `WAL_DEST.PID.tmp`. */
export function removeDeadLeftovers(path: string): void {
  const prefix = `${basename(path)}.`;
  for (const name of readdirSync(dirname(path))) {
    const pid = name.startsWith(prefix) ? /^(\d+)\.tmp$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) unlinkIfThere(join(dirname(path), name));
  }
}

export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
