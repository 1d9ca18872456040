/**
 * The WAL store that shares `wals_directory` with Barman: files in hash directories, history files in the root. Nothing
 * outside this room knows how they are called there.
 */
import { syncDirectory } from '../../host/files.ts';
import type { WalStore } from '../wal-store.ts';
import { lastOfTimelines, listFiles, stampedGroups } from './listing.ts';
import { placeOf } from './places.ts';
import { type CustomForm, describeFile, factsOf, openFile } from './reading.ts';
import { openRemoval } from './removal.ts';
import { adoptInto, openWriter } from './writing.ts';

export interface WalDirectory {
  readonly root: string;
  readonly custom?: CustomForm;
  /** Names in the root that belong to somebody else: they are not listed as misplaced. */
  readonly isForeign?: (name: string) => boolean;
}

/** Nothing is read before it is asked for; a root that is not there is an empty store. */
export function openWalDirectory({ root, custom, isForeign = () => false }: WalDirectory): WalStore {
  const pathOf = (name: string) => placeOf(root, name).path;
  return {
    locate: pathOf,
    localPath: pathOf,
    has: async (name) => factsOf(pathOf(name)) !== undefined,
    facts: async (name) => factsOf(pathOf(name)),
    describe: async (name) => describeFile(pathOf(name), name, custom),
    open: async (name) => openFile(pathOf(name)),
    list: (options = {}) => listFiles(root, isForeign, options),
    groups: () => stampedGroups(root),
    lastOfTimelines: () => lastOfTimelines(root),
    writer: () => openWriter(root),
    adopt: async (name, source) => adoptInto(placeOf(root, name), source),
    flush: async (names) => {
      const directories = new Set(Array.from(names, (name) => placeOf(root, name).directory));
      for (const directory of directories) await syncDirectory(directory);
    },
    removal: () => openRemoval(root),
  };
}
