/** A backup's files are removed; whatever is put into the tree meanwhile, nothing outside of it is. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BackupError } from '../../../src/domain/errors.ts';
import { removeTree } from '../../../src/transfer/backup-tree.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'barman-tree-'));
  mkdirSync(join(root, 'outside'));
  for (let number = 0; number < 20; number += 1) writeFileSync(join(root, 'outside', `precious-${number}`), '');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const precious = () => readdirSync(join(root, 'outside')).length;

describe('removeTree', () => {
  it('removes directories and files at any depth, and links without what they lead to', async () => {
    const tree = join(root, 'tree');
    mkdirSync(join(tree, 'a', 'b', 'c'), { recursive: true });
    writeFileSync(join(tree, 'a', 'b', 'c', 'file'), '');
    symlinkSync(join(root, 'outside'), join(tree, 'a', 'link'));
    await removeTree(tree);
    expect(readdirSync(root)).toEqual(['outside']);
    expect(precious()).toBe(20);
    await removeTree(tree);
  });

  it.each([
    ['a link', (path: string) => symlinkSync('outside', path)],
    ['a file', (path: string) => writeFileSync(path, '')],
  ])('refuses %s', async (_what, make) => {
    make(join(root, 'tree'));
    await expect(removeTree(join(root, 'tree'))).rejects.toThrow(
      new BackupError(`'${join(root, 'tree')}' is not a directory: nothing behind it is removed`),
    );
    expect(existsSync(join(root, 'tree'))).toBe(true);
    expect(precious()).toBe(20);
  });

  it('follows no link that takes the place of a directory on the way', async () => {
    for (let round = 0; round < 40; round += 1) {
      const tree = join(root, `tree-${round}`);
      // Files in the first directory take the time in which the others are swapped.
      mkdirSync(join(tree, 'first'), { recursive: true });
      for (let number = 0; number < 30; number += 1) writeFileSync(join(tree, 'first', String(number)), '');
      for (const name of ['x', 'y', 'z']) mkdirSync(join(tree, name, 'sub'), { recursive: true });
      let ended = false;
      const removal = removeTree(tree).then(
        () => (ended = true),
        () => (ended = true),
      );
      for (let turn = 0; turn < round; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      for (const name of ['x', 'y', 'z', '.']) {
        try {
          renameSync(join(tree, name), join(root, `away-${round}-${name}`));
          symlinkSync(join(root, 'outside'), join(tree, name));
        } catch {
          // Removed already, or the tree itself, which cannot be swapped from within.
        }
      }
      await removal;
      expect(ended).toBe(true);
      expect(precious()).toBe(20);
    }
  });
});
