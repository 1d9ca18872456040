import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { syncTree } from '../../../src/transfer/measure.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'barman-measure-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('syncTree', () => {
  it('counts regular files, linked ones once for each name and not as deduplicated', async () => {
    const tree = join(root, 'backup');
    mkdirSync(join(tree, 'data', 'empty'), { recursive: true });
    writeFileSync(join(tree, 'data', 'one'), 'x'.repeat(1000));
    writeFileSync(join(root, 'outside'), 'y'.repeat(500));
    linkSync(join(root, 'outside'), join(tree, 'data', 'linked'));
    symlinkSync(join(root, 'outside'), join(tree, 'data', 'symlink'));
    symlinkSync(root, join(tree, 'data', 'loop'));
    expect(await syncTree(tree)).toEqual({ size: 1500, deduplicatedSize: 1000 });
  });

  it('stops at the first error', async () => {
    const steps: number[] = [];
    mkdirSync(join(root, 'backup'));
    for (let index = 0; index < 40; index += 1) writeFileSync(join(root, 'backup', String(index)), 'x');
    const stopped = syncTree(join(root, 'backup'), {
      workers: 2,
      onStep: () => {
        steps.push(1);
        if (steps.length === 5) throw new Error('stop');
      },
    });
    await expect(stopped).rejects.toThrow('stop');
    expect(steps.length).toBeLessThan(10);
  });
});
