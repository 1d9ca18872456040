/** Durable writes: what is visible is whole, and the order of system calls is write, fsync, rename, fsync of the directory. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'barman-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('writeDurably', () => {
  it.skipIf(spawnSync('strace', ['-V']).error !== undefined)(
    'flushes the file before and the directory after the rename',
    () => {
      const module = new URL('../../../src/host/files.ts', import.meta.url).href;
      const program = `import { writeDurably } from ${JSON.stringify(module)}; await writeDurably(${JSON.stringify(join(folder, 'a'))}, 'text');`;
      const trace = join(folder, 'trace');
      const args = [
        '-f',
        '-y',
        '-e',
        'trace=fsync,rename',
        '-o',
        trace,
        process.execPath,
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        program,
      ];
      const run = spawnSync('strace', args, { encoding: 'utf8' });
      expect(run.stderr).toBe('');
      const calls = [...readFileSync(trace, 'utf8').matchAll(/(fsync\(\d+<[^>]*>|rename\("[^"]*", "[^"]*")/g)].map(
        (match) => match[0],
      );
      const ours = calls
        .filter((call) => call.includes(folder))
        .map((call) => call.replace(/\d+</, '<').replaceAll(folder, ''));
      expect(ours).toEqual(['fsync(</a.tmp>', 'rename("/a.tmp", "/a"', 'fsync(<>']);
    },
  );
});
