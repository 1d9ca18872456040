/**
 * Takes in what get-wal sends. A plain segment goes from ssh straight into the file, as the shell would do it: its size is
 * known from its content, so that a short one cannot pass. What has no such proof, or is to be decompressed on the way, comes
 * through a pipe whose end is waited for.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createReadStream, fstatSync, readSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { parseWalName } from '../domain/wal/wal.ts';
import { identifyWal, IDENTIFYING_BYTES } from '../domain/wal/wal-content.ts';
import { connect, type Connection, type Ended } from './connection.ts';
import { type Destination, openDestination, writeFailure } from './destination.ts';
import { getWalCommand, type GetWalRequest, type Remote } from './remote.ts';
import { RestoreFailure } from './restore-failure.ts';
import { tellStandardError } from '../host/standard-error.ts';

export type FetchOptions = Pick<GetWalRequest, 'wal' | 'compression' | 'partial'>;

/** How it ended, the last words of the other end, and where the content is now. */
export interface Received {
  readonly ended: Ended;
  readonly words: string;
  readonly destination: Destination;
}

/** @throws RestoreFailure when the destination cannot be written, or what came cannot be decompressed; `destination` stays open */
export function receive(remote: Remote, destination: Destination, options: FetchOptions): Promise<Received> {
  const isPlainSegment = options.compression === undefined && parseWalName(options.wal)?.kind === 'segment';
  return isPlainSegment ? receiveIntoFile(remote, destination, options) : receiveStream(remote, destination, options);
}

async function receiveIntoFile(remote: Remote, destination: Destination, options: FetchOptions): Promise<Received> {
  const { descriptor } = destination;
  const connection = connect(remote, getWalCommand(remote, options), ['ignore', descriptor, 'pipe']);
  const listener = listen(connection.child);
  const stop = watchGrowth(connection, descriptor, remote.timeout);
  const ended = await connection.end;
  stop();
  const words = await listener.lastWords(ended);
  const head = Buffer.alloc(IDENTIFYING_BYTES);
  const length = readSync(descriptor, head, 0, head.length, 0);
  if (ended.code !== 0 || length < head.length || identifyWal(head).compression === null) {
    return { ended, words, destination };
  }
  // compat 3.20.1: what comes compressed is known by its first bytes, whatever was asked for.
  const unpacked = openDestination(destination.path, destination.temporary);
  try {
    const source = createReadStream('', { fd: descriptor, start: 0, autoClose: false });
    await unpack(source, () => {}, writerTo(unpacked));
  } catch (error) {
    closeSync(unpacked.descriptor);
    throw writeFailure(error, destination) ?? cannotDecompress(options, error);
  }
  closeSync(descriptor);
  return { ended, words, destination: unpacked };
}

async function receiveStream(remote: Remote, destination: Destination, options: FetchOptions): Promise<Received> {
  const { child, end, moved } = connect(remote, getWalCommand(remote, options), ['ignore', 'pipe', 'pipe']);
  const listener = listen(child);
  try {
    await unpack(child.stdout as Readable, moved, writerTo(destination));
  } catch (error) {
    child.kill('SIGTERM');
    const failure = writeFailure(error, destination);
    if (failure !== undefined) throw failure;
    const ended = await end;
    if (ended.code === 0) throw cannotDecompress(options, error);
    return { ended, words: await listener.lastWords(ended), destination };
  }
  const ended = await end;
  return { ended, words: await listener.lastWords(ended), destination };
}

/** What the other end says is passed on as it comes. */
function listen(child: ChildProcess): { lastWords: (ended: Ended) => Promise<string> } {
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-4_000);
    tellStandardError(chunk);
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  // A process that holds a shared connection may keep the pipe open; what was said before the end is in it. That of a failure decides.
  const lastWords = async ({ code }: Ended) => {
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, code === 0 ? 20 : 200))]);
    return words;
  };
  return { lastWords };
}

/** Counts as progress that the file grows; `timeout` in seconds. */
function watchGrowth({ moved }: Connection, descriptor: number, timeout: number): () => void {
  let known = 0;
  const look = setInterval(
    () => {
      const { size } = fstatSync(descriptor);
      if (size !== known) moved();
      known = size;
    },
    Math.min(timeout * 250, 5_000),
  );
  return () => clearInterval(look);
}

function writerTo({ descriptor }: Destination): (chunk: Buffer) => void {
  return (chunk) => {
    for (let offset = 0; offset < chunk.length;) offset += writeSync(descriptor, chunk, offset);
  };
}

function cannotDecompress({ wal }: FetchOptions, error: unknown): RestoreFailure {
  return new RestoreFailure('content', `cannot decompress '${wal}': ${(error as Error).message}`, 2);
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
