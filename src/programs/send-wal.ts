/** Sends one WAL file as the tar stream that `barman put-wal` reads. Source: docs/behaviour/wal.md 8 and 10. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import type { Compression, CompressionLevel } from '../domain/codecs.ts';
import { connect, type Connection } from './connection.ts';
import { putWalCommand, type Remote } from './remote.ts';
import type { WalSource } from './wal-source.ts';

const BLOCK = 1_048_576;
/** A whole segment of the usual size. */
export const BLOCKS_AHEAD = 20;

export interface SendOptions {
  readonly algorithm: 'sha256' | 'md5';
  readonly compression: Compression | undefined;
  readonly level: CompressionLevel | undefined;
}

/** path: WAL_PATH is of no use; run: ssh could not do its work; connection: it stalled; remote: put-wal (or ssh, 255) said no. */
export type FailureKind = 'path' | 'run' | 'connection' | 'remote';

export class ArchiveFailure extends Error {
  readonly kind: FailureKind;
  readonly code: number;
  constructor(kind: FailureKind, message: string, code = 0) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

/** @throws ArchiveFailure when there is no such file */
export function openWalFile(path: string): WalSource {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw new ArchiveFailure('path', pythonText(error as NodeJS.ErrnoException, path));
  }
  const stats = fstatSync(descriptor, { bigint: true });
  if (stats.isDirectory()) throw new ArchiveFailure('path', `WAL_PATH cannot be a directory: ${path}`);
  if (!stats.isFile()) throw new ArchiveFailure('path', `WAL_PATH is no regular file: ${path}`);
  return {
    path,
    name: basename(path),
    descriptor,
    size: Number(stats.size),
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeNs: stats.mtimeNs,
    identity: `${stats.dev}:${stats.ino}`,
  };
}

const ERRNO: Readonly<Record<string, string>> = {
  ENOENT: '[Errno 2] No such file or directory',
  EACCES: '[Errno 13] Permission denied',
  ENOTDIR: '[Errno 20] Not a directory',
};

/** compat 3.20.1: a file that cannot be opened is told as a failure of ssh. */
function pythonText(error: NodeJS.ErrnoException, path: string): string {
  const known = ERRNO[error.code ?? ''];
  return `Error executing ssh: ${known === undefined ? error.message : `${known}: '${path}'`}`;
}

/**
 * Resolves when the other end has said that it has the file. `blocksAhead`: MiB that are read before ssh takes them.
 * @throws ArchiveFailure
 */
export async function sendWal(
  remote: Remote,
  source: WalSource,
  options: SendOptions,
  blocksAhead = BLOCKS_AHEAD,
): Promise<void> {
  // Compressing may take longer than ssh is given to log in: it comes first. Otherwise ssh starts before all else.
  const { compression, level } = options;
  const packed = compression === undefined ? source : await compressed(source, compression, level);
  const connection = connect(remote, putWalCommand(remote, false), ['pipe', 'inherit', 'inherit']);
  try {
    const isSent = await transmit(connection, packed, options.algorithm, blocksAhead);
    await answer(connection, isSent);
  } finally {
    closeSync(packed.descriptor);
    // Whatever went wrong, it must not go on without us.
    connection.child.kill('SIGTERM');
  }
}

async function compressed(
  source: WalSource,
  compression: Compression,
  level: CompressionLevel | undefined,
): Promise<WalSource> {
  const { compressWal } = await import('./compress-wal.ts');
  try {
    return await compressWal(source, compression, level);
  } catch (error) {
    throw new ArchiveFailure('run', (error as Error).message);
  } finally {
    closeSync(source.descriptor);
  }
}

/** False when the other end stopped reading. */
async function transmit(
  { child, moved }: Connection,
  source: WalSource,
  algorithm: SendOptions['algorithm'],
  blocksAhead: number,
): Promise<boolean> {
  const { walTar } = await import('./wal-tar.ts');
  const stdin = child.stdin as Writable;
  let isBroken = false;
  stdin.on('error', () => {
    isBroken = true;
  });
  // It is read, and its checksum made, while ssh logs in.
  const tar = Readable.from(
    walTar(source, algorithm, () => readBlocks(source)),
    { highWaterMark: blocksAhead },
  );
  for await (const chunk of tar) {
    if (isBroken) return false;
    if (!stdin.write(chunk)) await room(stdin);
    moved();
  }
  await new Promise<void>((resolve) => {
    stdin.once('close', resolve);
    stdin.end(resolve);
  });
  moved();
  return !isBroken;
}

/** Until the stream takes more, or nothing any more. */
function room(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      stream.off('drain', go).off('close', go);
      resolve();
    };
    stream.on('drain', go).on('close', go);
  });
}

/** Exactly as many bytes as the file had when it was opened. */
function* readBlocks({ descriptor, size, path }: WalSource): Generator<Buffer> {
  for (let position = 0; position < size;) {
    const block = Buffer.allocUnsafe(Math.min(BLOCK, size - position));
    const length = readSync(descriptor, block, 0, block.length, position);
    if (length === 0) throw new ArchiveFailure('path', `'${path}' became shorter while it was read`);
    position += length;
    yield block.subarray(0, length);
  }
}

async function answer({ end }: Connection, isSent: boolean): Promise<void> {
  const { code, failure, stalled } = await end;
  if (failure !== undefined) throw new ArchiveFailure('run', failure.message);
  if (stalled !== undefined) throw new ArchiveFailure('connection', `nothing moved for ${stalled} seconds`);
  if (code === null) throw new ArchiveFailure('run', 'ssh was ended by a signal');
  if (code !== 0) {
    throw new ArchiveFailure('remote', `Remote 'barman put-wal' command has failed! (exit code ${code})`, code);
  }
  // A login shell that ends with 0 without running anything is no "done".
  if (!isSent) throw new ArchiveFailure('run', '[Errno 32] Broken pipe');
}
