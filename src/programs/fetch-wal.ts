/**
 * Fetches one WAL file with `barman get-wal`; it appears whole, checked and flushed, or not at all.
 * Source: docs/behaviour/wal.md 8, 10.
 */
import { closeSync, fstatSync, lstatSync, readFileSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import { dirname, join } from 'node:path';
import { parseTimelineHistory } from '../domain/wal/timeline-history.ts';
import { parseWalName, type WalFile } from '../domain/wal/wal.ts';
import { parseWalHeader, walProblem } from '../domain/wal/wal-header.ts';
import { type Ended, SSH_FAILED } from './connection.ts';
import { type Destination, publish, removeDeadLeftovers, throwUnlessWritable, unlinkIfThere } from './destination.ts';
import { type FetchOptions, receive } from './receive.ts';
import type { Remote } from './remote.ts';
import { RestoreFailure } from './restore-failure.ts';

/** @throws RestoreFailure, and then nothing is left of the destination */
export async function fetchWal(remote: Remote, opened: Destination, options: FetchOptions): Promise<void> {
  let destination = opened;
  let isDone = false;
  try {
    const received = await receive(remote, opened, options);
    destination = received.destination;
    const failure = failureOf(received.ended, received.words) ?? contentFailure(remote, options.wal, destination);
    if (failure !== undefined) {
      if (!failure.isMissing) throwUnlessWritable(destination);
      throw failure;
    }
    publish(destination);
    isDone = true;
  } finally {
    closeSync(destination.descriptor);
    if (!isDone) unlinkIfThere(destination.temporary);
  }
  removeDeadLeftovers(destination.path);
}

function failureOf({ code, failure, stalled }: Ended, words: string): RestoreFailure | undefined {
  if (failure !== undefined) return new RestoreFailure('run', `Error executing ssh: ${failure.message}`, 2);
  if (stalled !== undefined) {
    return new RestoreFailure('connection', `Connection problem with ssh: nothing moved for ${stalled} seconds`, 2);
  }
  if (code === SSH_FAILED) return new RestoreFailure('connection', 'Connection problem with ssh', 2);
  if (code === null) return new RestoreFailure('run', 'Error executing ssh: it was ended by a signal', 2);
  if (code === 0) return undefined;
  const isMissing = code === 1 && / not found in server /.test(words);
  return new RestoreFailure('remote', "Remote 'barman get-wal' command has failed!", code, isMissing);
}

function contentFailure(
  { server, user, host }: Remote,
  wal: string,
  { descriptor, path }: Destination,
): RestoreFailure | undefined {
  const problem = contentProblem(wal, descriptor, systemIdOf(path));
  if (problem === null) return undefined;
  return new RestoreFailure(
    'content',
    `WAL file '${wal}' of server '${server}' ${problem}: refused\n` +
      `HINT: type "ssh ${user}@${host} true": it must print nothing; then look at the file on the Barman host`,
    2,
  );
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

export function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
