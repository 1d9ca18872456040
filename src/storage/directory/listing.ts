/** What lies in `wals_directory`, told from the directories. Source: docs/behaviour/wal.md 1, 10. */
import { type Dirent, lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, WalError } from '../../domain/errors.ts';
import { hashDir, parseWalName, type WalFile } from '../../domain/wal/wal.ts';
import { compareBytes } from '../../host/files.ts';
import type { ListOptions, Misplaced } from '../wal-store.ts';
import { unreadable } from './places.ts';

/** See WalStore.list. `isForeign`: names in the root that belong to somebody else. */
export async function* listFiles(
  root: string,
  isForeign: (name: string) => boolean,
  { between, onMisplaced = refuseUnreadable }: ListOptions,
): AsyncGenerator<WalFile> {
  const [first, last] = between === undefined ? ['', ''] : [hashDir(between.begin), hashDir(between.end)];
  const isWanted = (file: WalFile | undefined): file is WalFile =>
    file !== undefined && (between === undefined || (file.name >= between.begin.name && file.name <= between.end.name));
  for (const entry of await sortedEntries(root)) {
    if (isForeign(entry.name)) continue;
    if (entry.kind === 'directory') {
      if (between !== undefined && (entry.name < first || entry.name > last)) continue;
      const inside = await sortedEntries(join(root, entry.name)).catch((error: unknown) => {
        if (!(error instanceof WalError)) throw error;
        onMisplaced({ name: entry.name, location: join(root, entry.name), reason: 'directory', error });
        return [];
      });
      for (const inner of inside) {
        const found = classify(root, entry.name, inner, onMisplaced);
        if (isWanted(found)) yield found;
      }
    } else {
      const found = classify(root, '', entry, onMisplaced);
      if (isWanted(found)) yield found;
    }
  }
}

function refuseUnreadable({ error }: Misplaced): void {
  if (error !== undefined) throw error;
}

function classify(
  root: string,
  directory: string,
  { name, kind }: Entry,
  onMisplaced: (thing: Misplaced) => void,
): WalFile | undefined {
  const file = parseWalName(name);
  if (kind === 'file' && file && file.kind !== 'partial' && hashDir(file) === directory) return file;
  onMisplaced({
    name,
    location: join(root, directory, name),
    reason: kind === 'file' && name.endsWith('.tmp') ? 'temporary' : kind,
    ...(kind === 'file' && file && file.kind !== 'partial' ? { belongs: hashDir(file) || '.' } : {}),
  });
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

/** The time of a directory moves in steps: within them a second change leaves no trace, ms. */
const SETTLED = 1_000;

/** See WalStore.groups. */
export async function stampedGroups(root: string): Promise<ReadonlyMap<string, string>> {
  const groups = new Map<string, string>();
  for (const { name, kind } of await sortedEntries(root)) {
    if (kind !== 'directory' || !HASH_DIRECTORY.test(name)) continue;
    const facts = lstatSync(join(root, name), { bigint: true, throwIfNoEntry: false });
    if (facts === undefined) continue;
    const isSettled = Math.abs(Date.now() - Number(facts.mtimeMs)) > SETTLED;
    groups.set(name, isSettled ? `${facts.ino} ${facts.mtimeNs}` : '');
  }
  return groups;
}

const HASH_DIRECTORY = /^[0-9A-Fa-f]{16}$/;

/** See WalStore.lastOfTimelines: of each timeline that of its highest directory which holds any. */
export async function lastOfTimelines(root: string): Promise<ReadonlyMap<number, string>> {
  const result = new Map<number, string>();
  const names = (await sortedEntries(root)).map(({ name }) => name);
  const directories = names.filter((name) => HASH_DIRECTORY.test(name));
  for (const directory of directories.toReversed()) {
    const timeline = Number.parseInt(directory.slice(0, 8), 16);
    if (result.has(timeline)) continue;
    const segments = (await namesIn(join(root, directory))).filter((name) => {
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
