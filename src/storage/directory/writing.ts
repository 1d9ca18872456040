/**
 * Files on their way into their hash directory. Until a file is complete and flushed it is called `NAME.tmp`, which
 * nothing lists; the source stays where it is, so that a kill at any instant leaves it to start again from.
 */
import { lstat, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, WalError } from '../../domain/errors.ts';
import { parseWalName } from '../../domain/wal/wal.ts';
import { walTime } from '../../domain/wal/xlogdb.ts';
import { linkOrCopy } from '../../host/copy-file.ts';
import {
  chmodIfPossible,
  createNew,
  exists,
  linkIfPossible,
  makeDirectory,
  unlinkIfPresent,
} from '../../host/files.ts';
import type { NewWal, PreparedWal, PublishedWal, WalWriter } from '../wal-store.ts';
import { type Place, placeOf } from './places.ts';

/** Ours and the reference's names of unfinished work, after the name of a WAL file. */
const LEFTOVER = /^(.+?)\.(?:tmp|compressed|uncompressed|(?:compressed\.)?gpg)$/;

const temporaryOf = ({ path }: Place) => `${path}.tmp`;

/** See WalStore.writer. */
export function openWriter(root: string): WalWriter {
  const listings = new Map<string, Promise<Set<string>>>();
  const namesIn = ({ directory }: Place) => {
    let names = listings.get(directory);
    if (names === undefined) {
      names = openDirectory(directory);
      listings.set(directory, names);
    }
    return names;
  };
  return {
    has: async (name) => (await namesIn(placeOf(root, name))).has(name),
    prepare: async (wal) => {
      const place = placeOf(root, wal.name);
      const names = await namesIn(place);
      const prepared = await prepareInto(place, wal);
      const publish = async () => {
        if (names.has(wal.name)) throw taken(place);
        const published = await prepared.publish();
        names.add(wal.name);
        return published;
      };
      return { publish, discard: () => prepared.discard() };
    },
    takeOut: async (name, move) => {
      const place = placeOf(root, name);
      const result = await move(place.path);
      (await namesIn(place)).delete(name);
      return result;
    },
  };
}

function taken({ path }: Place): Error {
  return Object.assign(new WalError(`'${path}' exists`), { code: 'EEXIST' });
}

async function openDirectory(path: string): Promise<Set<string>> {
  await makeDirectory(path);
  const names = new Set<string>();
  for (const name of await readdir(path)) {
    // The lock is the caller's: nobody is at work on these.
    const base = LEFTOVER.exec(name)?.[1];
    if (base !== undefined && parseWalName(base) !== undefined) await unlinkIfPresent(join(path, name));
    else names.add(name);
  }
  return names;
}

/** A removal of other WAL may have taken the empty directory away meanwhile. */
async function prepareInto(place: Place, wal: NewWal): Promise<PreparedWal> {
  const again = async (error: unknown) => {
    if (errnoOf(error) !== 'ENOENT' || !(await makeDirectory(place.directory))) throw error;
    return prepare(place, wal);
  };
  const prepared = await prepare(place, wal).catch(again);
  return {
    publish: () => prepared.publish().catch(async (error: unknown) => (await again(error)).publish()),
    discard: () => prepared.discard(),
  };
}

async function prepare(place: Place, wal: NewWal): Promise<PreparedWal> {
  if (wal.isSource && (await isOneFilesystem(place, wal))) {
    await wal.source.handle.sync();
    return { publish: () => publishLink(place, wal), discard: async () => {} };
  }
  await writeCopy(place, wal);
  return {
    publish: () => publishCopy(place),
    discard: async () => {
      await unlinkIfPresent(temporaryOf(place));
    },
  };
}

async function isOneFilesystem({ directory }: Place, { source }: NewWal): Promise<boolean> {
  return (await stat(directory, { bigint: true })).dev === source.stats.dev;
}

/** A second name where the filesystem makes one, else a copy. */
async function publishLink(place: Place, wal: NewWal): Promise<PublishedWal> {
  if (await linkInto(place, wal)) {
    const { size, mtimeNs } = wal.source.stats;
    return { size: Number(size), mtimeNs, isLinked: true };
  }
  await writeCopy(place, wal);
  return publishCopy(place);
}

/** False when the filesystem does not link it. */
async function linkInto({ path }: Place, { name, source }: NewWal): Promise<boolean> {
  if (!(await linkIfPossible(source.path, path))) return false;
  const linked = await lstat(path, { bigint: true });
  if (linked.ino === source.stats.ino && linked.size === source.stats.size) return true;
  // Somebody put another file there meanwhile: it was not looked at.
  await unlinkIfPresent(path);
  throw new WalError(`WAL file '${name}' changed while it was archived`);
}

async function writeCopy(place: Place, wal: NewWal): Promise<void> {
  const temporary = temporaryOf(place);
  await unlinkIfPresent(temporary);
  try {
    await writeTemporary(temporary, wal);
  } catch (error) {
    await unlinkIfPresent(temporary).catch(() => {});
    throw error;
  }
}

async function writeTemporary(temporary: string, { source: { stats }, write }: NewWal): Promise<void> {
  const handle = await createNew(temporary, 0o600);
  try {
    await write(handle);
    await chmodIfPossible(handle, Number(stats.mode & 0o7777n));
    await handle.utimes(Number(stats.atimeMs) / 1000, walTime(stats.mtimeNs));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function publishCopy(place: Place): Promise<PublishedWal> {
  const { size, mtimeNs } = await stat(temporaryOf(place), { bigint: true });
  await rename(temporaryOf(place), place.path);
  return { size: Number(size), mtimeNs, isLinked: false };
}

/** See WalStore.adopt: a second name for the file, or a copy where the archive is on another file system. */
export async function adoptInto(place: Place, source: string): Promise<boolean> {
  await makeDirectory(place.directory);
  if (await exists(place.path)) return false;
  try {
    await linkOrCopy(source, place.path);
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    return false;
  }
}
