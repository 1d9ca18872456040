/**
 * The archived WAL files themselves: what lies in `wals_directory`, told from the directories.
 * Source: docs/behaviour/wal.md 1, 2, 10.
 */
import { closeSync, type Dirent, fstatSync, lstatSync, readSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compareBytes, openToReadSync } from '../host/files.ts';
import type { ServerConfig } from '../config/options.ts';
import { errnoOf, WalError } from '../domain/errors.ts';
import { hashDir, parseWalName, type WalFile } from '../domain/wal/wal.ts';
import { identifyWal, IDENTIFYING_BYTES, parseMagic } from '../domain/wal/wal-content.ts';
import { type WalRecord, walTime } from '../domain/wal/xlogdb.ts';
import type { CatalogLayout } from './layout.ts';
import { systemReason } from '../host/system-reason.ts';

/** How files are recognised that Barman itself cannot: `compression = custom`. */
export type CustomForm = { readonly magic: Uint8Array | null } | undefined;

export function customForm(config: ServerConfig): CustomForm {
  return config.compression === 'custom' ? { magic: parseMagic(config.customCompressionMagic) } : undefined;
}

/** The index record of an archived file, from its first bytes and its inode; undefined when it is no regular file. */
export function describeWal(path: string, name: string, custom: CustomForm): WalRecord | undefined {
  // One after the other and without the thread pool: several times faster for files this small.
  const descriptor = openWal(path);
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

function openWal(path: string): number {
  try {
    return openToReadSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Something in the archive that a rebuild does not list. */
export interface Unlisted {
  readonly path: string;
  readonly reason: 'file' | 'temporary' | 'directory' | 'link' | 'special';
  /** A directory that cannot be read. */
  readonly error?: WalError;
}

export interface ArchivedFile {
  readonly file: WalFile;
  readonly path: string;
}

/**
 * Every archived segment, label and history file in the order of a rebuild: sorted names, a directory's content in its
 * place. What lies elsewhere than where it is looked for is reported, not listed. `isWanted` leaves out directories.
 */
export async function* archivedFiles(
  layout: CatalogLayout,
  onUnlisted: (thing: Unlisted) => void,
  isWanted: (directory: string) => boolean = () => true,
): AsyncGenerator<ArchivedFile> {
  const indexName = `${layout.server}-xlog.db`;
  for (const entry of await sortedEntries(layout.walsDirectory)) {
    if (entry.name.startsWith(indexName) || entry.name === 'xlog.db') continue;
    if (entry.kind === 'directory') {
      if (!isWanted(entry.name)) continue;
      const path = join(layout.walsDirectory, entry.name);
      const inside = await sortedEntries(path).catch((error: unknown) => {
        if (!(error instanceof WalError)) throw error;
        onUnlisted({ path, reason: 'directory', error });
        return [];
      });
      for (const inner of inside) {
        const found = classify(layout, entry.name, inner, onUnlisted);
        if (found) yield found;
      }
    } else {
      const found = classify(layout, '', entry, onUnlisted);
      if (found) yield found;
    }
  }
}

/** Every archived segment with the bytes it has on disk, in the order of a rebuild; what vanishes meanwhile is passed over. */
export async function eachSegment(layout: CatalogLayout, visit: (file: WalFile, bytes: number) => void): Promise<void> {
  for await (const { file, path } of archivedFiles(layout, refuseUnreadable)) {
    if (file.kind !== 'segment') continue;
    const facts = lstatSync(path, { throwIfNoEntry: false });
    if (facts !== undefined) visit(file, facts.size);
  }
}

/** See Catalog.eachSegmentBetween. */
export async function eachSegmentBetween(
  layout: CatalogLayout,
  begin: WalFile,
  end: WalFile,
  visit: (file: WalFile) => void,
): Promise<void> {
  const [first, last] = [hashDir(begin), hashDir(end)];
  const isWanted = (directory: string) => directory >= first && directory <= last;
  for await (const { file } of archivedFiles(layout, refuseUnreadable, isWanted)) {
    if (file.kind === 'segment' && file.name >= begin.name && file.name <= end.name) visit(file);
  }
}

function refuseUnreadable({ error }: Unlisted): void {
  if (error !== undefined) throw error;
}

function classify(
  layout: CatalogLayout,
  directory: string,
  { name, kind }: Entry,
  onUnlisted: (thing: Unlisted) => void,
): ArchivedFile | undefined {
  const path = join(layout.walsDirectory, directory, name);
  const file = kind === 'file' ? parseWalName(name) : undefined;
  if (file && file.kind !== 'partial' && hashDir(file) === directory) return { file, path };
  const reason = kind === 'file' && name.endsWith('.tmp') ? 'temporary' : kind;
  onUnlisted({ path, reason });
  return undefined;
}

interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'link' | 'special';
}

async function sortedEntries(directory: string): Promise<readonly Entry[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .map((entry): Entry => {
        return { name: entry.name, kind: kindOf(entry) };
      })
      .sort((left, right) => compareBytes(left.name, right.name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw unreadable(directory, error);
  }
}

function kindOf(entry: Dirent): Entry['kind'] {
  if (entry.isSymbolicLink()) return 'link';
  if (entry.isDirectory()) return 'directory';
  return entry.isFile() ? 'file' : 'special';
}

/** The highest plain segment of each timeline, in timeline order: that of its highest directory which holds any. */
export async function lastArchivedWals(layout: CatalogLayout): Promise<ReadonlyMap<number, string>> {
  const result = new Map<number, string>();
  const names = (await sortedEntries(layout.walsDirectory)).map(({ name }) => name);
  const directories = names.filter((name) => /^[0-9A-Fa-f]{16}$/.test(name));
  for (const directory of directories.toReversed()) {
    const timeline = Number.parseInt(directory.slice(0, 8), 16);
    if (result.has(timeline)) continue;
    const segments = (await namesIn(join(layout.walsDirectory, directory))).filter((name) => {
      const file = parseWalName(name);
      return file?.kind === 'segment' && hashDir(file) === directory;
    });
    const last = segments.sort(compareBytes).at(-1);
    if (last !== undefined) result.set(timeline, last);
  }
  return new Map([...result].sort(([left], [right]) => left - right));
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw unreadable(directory, error);
  }
}

function unreadable(path: string, cause: unknown): WalError {
  return new WalError(`cannot read '${path}': ${systemReason(cause)}`, { cause });
}
