/** Fetches one WAL file with `barman get-wal`; it appears whole, checked and flushed, or not at all. Spec wal.md 8, 10. */
import {
  closeSync,
  constants as FS,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { once } from 'node:events';
import { endianness } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { parseTimelineHistory } from '../domain/timeline-history.ts';
import { parseWalName, type WalFile } from '../domain/wal.ts';
import { identifyWal, IDENTIFYING_BYTES } from '../domain/wal-content.ts';
import { parseWalHeader, walProblem } from '../domain/wal-header.ts';
import { connect, type Ended, SSH_FAILED } from './connection.ts';
import { getWalCommand, type GetWalRequest, type Remote } from './remote.ts';
import { RestoreFailure } from './restore-failure.ts';

export type FetchOptions = Pick<GetWalRequest, 'wal' | 'compression' | 'partial'>;

/** A file that is being made. */
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

/** @throws RestoreFailure, and then nothing is left of the destination */
export async function fetchWal(remote: Remote, destination: Destination, options: FetchOptions): Promise<void> {
  let isDone = false;
  try {
    const { ended, words } = await receive(remote, destination, options);
    judgeEnd(ended, words);
    const systemId = systemIdOf(destination.path);
    const problem = contentProblem(options.wal, destination.descriptor, systemId);
    if (problem !== null) {
      throw new RestoreFailure(
        'content',
        `WAL file '${options.wal}' of server '${remote.server}' ${problem}: refused\n` +
          `HINT: type "ssh ${remote.user}@${remote.host} true": it must print nothing; then look at the file on the Barman host`,
        2,
      );
    }
    publish(destination);
    isDone = true;
  } finally {
    closeSync(destination.descriptor);
    if (!isDone) unlinkIfThere(destination.temporary);
  }
  removeDeadLeftovers(destination.path);
}

/** Takes in what get-wal sends, decompressed. */
async function receive(
  remote: Remote,
  { descriptor, path }: Destination,
  options: FetchOptions,
): Promise<{ ended: Ended; words: string }> {
  const { child, end, moved } = connect(remote, getWalCommand(remote, options), ['ignore', 'pipe', 'pipe']);
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-4_000);
    process.stderr.write(chunk);
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  try {
    const write = (chunk: Buffer) => {
      for (let offset = 0; offset < chunk.length;) offset += writeSync(descriptor, chunk, offset);
    };
    await unpack(child.stdout as Readable, moved, write);
  } catch (error) {
    child.kill('SIGTERM');
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO') {
      throw new RestoreFailure('destination', `Cannot write '${path}' (WAL_DEST): ${(error as Error).message}`, 3);
    }
    const ended = await end;
    if (ended.code === 0)
      throw new RestoreFailure('content', `cannot decompress '${options.wal}': ${(error as Error).message}`, 2);
    return { ended, words };
  }
  const ended = await end;
  // The last words; a process that holds a shared connection may keep the pipe open.
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 200))]);
  return { ended, words };
}

/** compat 3.20.1: what comes compressed is known by its first bytes, whatever was asked for. */
async function unpack(source: Readable, moved: () => void, write: (chunk: Buffer) => void): Promise<void> {
  let head: Buffer | undefined = Buffer.alloc(0);
  let filter: NodeJS.ReadWriteStream | undefined;
  let unpacked: Promise<void> | undefined;
  for await (let chunk of source as AsyncIterable<Buffer>) {
    moved();
    if (head !== undefined) {
      head = Buffer.concat([head, chunk]);
      if (head.length < IDENTIFYING_BYTES) continue;
      chunk = head;
      head = undefined;
      const { compression } = identifyWal(chunk);
      if (compression !== null) {
        const { unpacker } = await import('./unpack-wal.ts');
        filter = unpacker(compression);
        unpacked = drain(filter, write);
        // Judged below.
        unpacked.catch(() => {});
      }
    }
    if (filter === undefined) write(chunk);
    else if (!filter.write(chunk)) await Promise.race([unpacked, once(filter, 'drain')]);
  }
  if (head !== undefined) write(head);
  filter?.end();
  await unpacked;
}

async function drain(filter: NodeJS.ReadWriteStream, write: (chunk: Buffer) => void): Promise<void> {
  for await (const chunk of filter) write(chunk as Buffer);
}

function judgeEnd({ code, failure, stalled }: Ended, words: string): void {
  if (failure !== undefined) throw new RestoreFailure('run', `Error executing ssh: ${failure.message}`, 2);
  if (stalled !== undefined) {
    throw new RestoreFailure('connection', `Connection problem with ssh: nothing moved for ${stalled} seconds`, 2);
  }
  if (code === SSH_FAILED) throw new RestoreFailure('connection', 'Connection problem with ssh', 2);
  if (code === null) throw new RestoreFailure('run', 'Error executing ssh: it was ended by a signal', 2);
  if (code === 0) return;
  const isMissing = code === 1 && / not found in server /.test(words);
  throw new RestoreFailure('remote', "Remote 'barman get-wal' command has failed!", code, isMissing);
}

/**
 * Why these bytes cannot be this file; null when nothing speaks against it. PostgreSQL takes a short file for a fatal error,
 * or for the end of the WAL. `systemId` of the cluster that recovers; null when it is not known.
 */
export function contentProblem(name: string, descriptor: number, systemId: string | null): string | null {
  const file = parseWalName(name);
  const { size } = fstatSync(descriptor);
  if (file === undefined) return size === 0 ? 'is empty' : null;
  if (file.kind === 'history') return historyProblem(file, descriptor);
  const head = Buffer.alloc(64);
  const length = readSync(descriptor, head, 0, head.length, 0);
  if (file.kind === 'segment' && size > 0 && parseWalHeader(head) === undefined)
    return `is no WAL segment (${size} bytes)`;
  return walProblem(file, { size, head: head.subarray(0, length) }, systemId)?.text ?? null;
}

function historyProblem({ name }: WalFile, descriptor: number): string | null {
  try {
    const bytes = Buffer.alloc(Math.min(fstatSync(descriptor).size, 1_048_576));
    readSync(descriptor, bytes, 0, bytes.length, 0);
    parseTimelineHistory(bytes.toString('utf8'), name);
    return null;
  } catch (error) {
    return `cannot be read (${(error as Error).message})`;
  }
}

/** The first eight bytes of global/pg_control of the cluster to whose pg_wal the destination belongs. */
export function systemIdOf(path: string): string | null {
  try {
    const control = readFileSync(join(dirname(path), '..', 'global', 'pg_control'));
    if (control.length < 8) return null;
    const id = endianness() === 'LE' ? control.readBigUInt64LE(0) : control.readBigUInt64BE(0);
    return id === 0n ? null : id.toString();
  } catch {
    return null;
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

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

export function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
