/** A WAL store of hash directories in a temporary folder. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openWalDirectory } from '../../src/storage/directory/wal-directory.ts';
import type { TestStore } from './wal-store-conformance.ts';

/** `makeSpecial` makes a special file at a path; without it there are none. */
export function makeDirectoryStore(makeSpecial?: (path: string) => void): TestStore {
  const root = mkdtempSync(join(tmpdir(), 'barman-wals-'));
  const store = openWalDirectory({ root });
  const pathOf = (name: string) => {
    const path = store.locate(name);
    mkdirSync(dirname(path), { recursive: true });
    return path;
  };
  return {
    store,
    again: () => openWalDirectory({ root }),
    plant: async (name, what) => {
      if (what === 'link') symlinkSync('/etc/hostname', pathOf(name));
      else if (what === 'directory') mkdirSync(pathOf(name));
      else if (makeSpecial === undefined) return false;
      else makeSpecial(pathOf(name));
      return true;
    },
    litter: async (name) => {
      const path = pathOf(name);
      for (const suffix of ['.tmp', '.compressed', '.compressed.gpg']) writeFileSync(path + suffix, 'half');
      writeFileSync(join(dirname(path), 'notes'), 'not ours');
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}
