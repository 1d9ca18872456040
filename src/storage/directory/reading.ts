/** Looking at one archived file. Nothing here follows a link, or waits for a pipe. */
import { closeSync, fstatSync, lstatSync, readSync } from 'node:fs';
import { errnoOf } from '../../domain/errors.ts';
import { identifyWal, IDENTIFYING_BYTES } from '../../domain/wal/wal-content.ts';
import { type WalRecord, walTime } from '../../domain/wal/xlogdb.ts';
import { openToRead, openToReadSync } from '../../host/files.ts';
import type { OpenWal, WalFacts } from '../wal-store.ts';
import { unreadable } from './places.ts';

/** How files are recognised that Barman itself cannot: `compression = custom`. */
export type CustomForm = { readonly magic: Uint8Array | null } | undefined;

/** One after the other and without the thread pool: several times faster where there are many. */
export function factsOf(path: string): WalFacts | undefined {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return undefined;
  return { isFile: facts.isFile(), size: facts.size, mtimeMs: facts.mtimeMs, namedMs: facts.ctimeMs };
}

/** See WalStore.describe; without the thread pool for the same reason. */
export function describeFile(path: string, name: string, custom: CustomForm): WalRecord | undefined {
  const descriptor = descriptorOf(path);
  if (descriptor === undefined) return undefined;
  try {
    const facts = fstatSync(descriptor, { bigint: true });
    if (!facts.isFile()) return undefined;
    const head = Buffer.alloc(IDENTIFYING_BYTES);
    const length = readSync(descriptor, head, 0, IDENTIFYING_BYTES, 0);
    const form = identifyWal(head.subarray(0, length), custom);
    return { name, size: Number(facts.size), time: walTime(facts.mtimeNs), ...form };
  } finally {
    closeSync(descriptor);
  }
}

function descriptorOf(path: string): number | undefined {
  try {
    return openToReadSync(path);
  } catch (error) {
    if (isMissing(error) || isNoFile(error)) return undefined;
    throw unreadable(path, error);
  }
}

/** See WalStore.open. */
export async function openFile(path: string): Promise<OpenWal | 'no file' | undefined> {
  try {
    const handle = await openToRead(path);
    const stats = await handle.stat({ bigint: true });
    if (stats.isFile()) return { handle, stats };
    await handle.close();
    return 'no file';
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (isNoFile(error)) return 'no file';
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR';
}

/** A symbolic link; a socket cannot be opened at all. */
function isNoFile(error: unknown): boolean {
  return errnoOf(error) === 'ELOOP' || errnoOf(error) === 'ENXIO';
}
