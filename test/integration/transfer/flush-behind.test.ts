/** What a running copy has written is flushed before the copy ends. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'barman-flush-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe.skipIf(spawnSync('strace', ['-V']).error !== undefined)('flushBehind', () => {
  it('flushes each file once while nothing changes, follows no link, and stops at once', () => {
    mkdirSync(join(root, 'copy', 'data', 'base'), { recursive: true });
    writeFileSync(join(root, 'copy', 'data', 'base', '1'), 'x');
    writeFileSync(join(root, 'outside'), 'x');
    symlinkSync(join(root, 'outside'), join(root, 'copy', 'data', 'link'));
    const module = new URL('../../../src/transfer/flush-behind.ts', import.meta.url).href;
    const program = `
      import { flushBehind } from ${JSON.stringify(module)};
      const flushing = flushBehind(${JSON.stringify(join(root, 'copy'))});
      await new Promise((resolve) => setTimeout(resolve, 2000));
      await flushing.stop();`;
    const trace = join(root, 'trace');
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
    const run = spawnSync('strace', ['-f', '-y', '-e', 'trace=fsync', '-o', trace, ...node], { encoding: 'utf8' });
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: '' });
    const flushed = [...readFileSync(trace, 'utf8').matchAll(/fsync\(\d+<([^>]*)>/g)].map((match) => match[1]);
    expect(flushed.filter((path) => path?.startsWith(root))).toEqual([join(root, 'copy', 'data', 'base', '1')]);
  });
});
