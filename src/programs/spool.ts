/**
 * `--parallel N`: WAL files that were fetched ahead wait in the spool directory under their names, as the reference lays
 * them out, and are moved to WAL_DEST. A process of its own keeps the row filled. Nothing is served that is not whole.
 */
import { spawn } from 'node:child_process';
import { closeSync, constants as FS, fstatSync, openSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { copyDescriptor } from './copy-descriptor.ts';
import { isPrivateFolder } from './connection.ts';
import { isAlive } from '../host/process/alive.ts';
import { openDestination, publish, unlinkIfThere } from './destination.ts';
import { contentProblem, systemIdOf } from './fetch-wal.ts';
import { fetchPatiently } from './patience.ts';
import { PERSIST, PREFETCH_FLAG } from './prefetch-order.ts';
import { isPrefetching, notePosition, prefetchKey } from './prefetch-state.ts';
import type { FetchOptions } from './receive.ts';
import type { Remote } from './remote.ts';
import { RestoreFailure } from './restore-failure.ts';
import { parseWalName } from '../domain/wal/wal.ts';
import { tellStandardError } from '../host/standard-error.ts';

const DEFAULT_SPOOL = '/var/tmp/walrestore';
/** An unusable file in the spool may be on its way there, by the reference; after this time it is a leftover, ms. */
const STALE = 600_000;
/** A file under way that does not grow for so long is fetched by ourselves, ms. */
const STANDSTILL = 2_000;
const POLL = 5;

/**
 * Serves from the spool or fetches, then sees to it that the row behind is being filled. The spool is a cache: what is wrong with it
 * is said once, and the file is fetched all the same. @throws RestoreFailure
 */
export async function restoreThroughSpool(
  remote: Remote,
  path: string,
  options: FetchOptions,
  parallel: number,
  given: string | undefined,
): Promise<void> {
  const spool = resolve(given ?? DEFAULT_SPOOL);
  // The process that fetches ahead goes on with this connection.
  const shared = { ...remote, controlPersist: remote.controlPersist ?? PERSIST };
  const file = parseWalName(options.wal);
  if (file === undefined || !(await isUsable(() => openSpool(spool), spool)))
    return fetchPatiently(remote, path, options);
  let isServed = false;
  const isGood = await isUsable(async () => {
    isServed =
      serve(spool, options.wal, path) || ((await comesSoon(spool, options.wal)) && serve(spool, options.wal, path));
    return true;
  }, spool);
  if (!isServed) await fetchPatiently(isGood ? shared : remote, path, options);
  if (!isGood || file.kind !== 'segment' || parallel < 2) return;
  await isUsable(() => {
    const key = prefetchKey(remote, resolve(path, '..'));
    notePosition(spool, key, options.wal);
    if (!isPrefetching(spool, key)) startPrefetching(spool, path);
    return true;
  }, spool);
}

/** What `work` says; false, with a warning, when it fails. @throws RestoreFailure, which is not about the spool */
async function isUsable(work: () => boolean | Promise<boolean>, spool: string): Promise<boolean> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RestoreFailure) throw error;
    tellStandardError(`WARNING: cannot use '${spool}': ${(error as Error).message}: nothing is fetched ahead\n`);
    return false;
  }
}

/** compat 3.20.1: parents are not made. False, with a warning, for a folder that somebody else can write into. */
function openSpool(spool: string): boolean {
  if (isPrivateFolder(spool)) return true;
  tellStandardError(`WARNING: '${spool}' is not a folder of our own: nothing is fetched ahead\n`);
  return false;
}

/** False when the spool has no such file, or no whole one. */
function serve(spool: string, wal: string, path: string): boolean {
  const entry = join(spool, wal);
  let descriptor: number;
  try {
    descriptor = openSync(entry, FS.O_RDONLY | FS.O_NOFOLLOW | FS.O_NONBLOCK);
  } catch {
    return false;
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return false;
    const problem = contentProblem(wal, descriptor, systemIdOf(path));
    if (problem === null) return move(descriptor, entry, path);
    tellStandardError(`WARNING: '${entry}' ${problem}: not used\n`);
    if (Date.now() - stats.mtimeMs > STALE) unlinkIfThere(entry);
    return false;
  } finally {
    closeSync(descriptor);
  }
}

/** Waits for a file that is being fetched ahead at this moment, as long as it grows. False when none is. */
async function comesSoon(spool: string, wal: string): Promise<boolean> {
  let known = -1;
  for (let last = Date.now(); ;) {
    const size = sizeUnderWay(spool, wal);
    if (size === undefined) return known >= 0;
    if (size !== known) last = Date.now();
    known = size;
    if (Date.now() - last > STANDSTILL) return false;
    await sleep(POLL);
  }
}

/** Bytes of it that are there; undefined when nobody is fetching it. */
function sizeUnderWay(spool: string, wal: string): number | undefined {
  for (const name of readdirSync(spool)) {
    const pid = name.startsWith(`.${wal}.`) ? /^(\d+)\.tmp$/.exec(name.slice(wal.length + 2))?.[1] : undefined;
    if (pid !== undefined && isAlive(Number(pid))) return statSync(join(spool, name), { throwIfNoEntry: false })?.size;
  }
  return undefined;
}

function move(descriptor: number, entry: string, path: string): boolean {
  const destination = openDestination(path);
  try {
    if (fstatSync(destination.descriptor).dev === fstatSync(descriptor).dev) {
      // What the reference fetched was never flushed; `publish` flushes the file that has the name now.
      renameSync(entry, destination.temporary);
      publish({ ...destination, descriptor });
      return true;
    }
    copyDescriptor(descriptor, destination.descriptor);
    publish(destination);
    unlinkIfThere(entry);
    return true;
  } catch (error) {
    unlinkIfThere(destination.temporary);
    // Another restore was faster.
    if (
      (error as NodeJS.ErrnoException).code === 'ENOENT' &&
      statSync(entry, { throwIfNoEntry: false }) === undefined
    ) {
      return false;
    }
    throw error;
  } finally {
    closeSync(destination.descriptor);
  }
}

/** The same command line in a process of its own, which lives on when we end. */
function startPrefetching(spool: string, path: string): void {
  const [, script = '', ...args] = process.argv;
  const env = { ...process.env, [PREFETCH_FLAG]: JSON.stringify({ spool, folder: resolve(path, '..') }) };
  const child = spawn(process.execPath, [script, ...args], { detached: true, stdio: 'ignore', cwd: '/', env });
  child.on('error', (error) => tellStandardError(`WARNING: nothing is fetched ahead: ${error.message}\n`));
  child.unref();
}
