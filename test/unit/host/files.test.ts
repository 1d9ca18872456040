/** Durable writes: what is visible is whole, and the order of system calls is write, fsync, rename, fsync of the directory. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  insidePath,
  listNames,
  makeDirectory,
  rmdirIfEmpty,
  unlinkIfPresent,
  writeDurably,
} from '../../../src/host/files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'barman-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('writeDurably', () => {
  it('replaces the whole text and leaves no temporary file', async () => {
    const path = join(folder, 'a');
    await writeDurably(path, 'one');
    await writeDurably(path, 'two');
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('does not follow a symlink planted at its temporary name', async () => {
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, join(folder, 'a.tmp'));
    await writeDurably(join(folder, 'a'), 'new');
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it('keeps the old text when the new one cannot be written', async () => {
    mkdirSync(join(folder, 'd'));
    writeFileSync(join(folder, 'd', 'x'), '');
    await expect(writeDurably(join(folder, 'd'), 'text')).rejects.toThrow();
    expect(existsSync(join(folder, 'd', 'x'))).toBe(true);
  });

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

describe('names', () => {
  it('cannot leave their root', () => {
    expect(insidePath('/root', 'a', 'b')).toBe('/root/a/b');
    for (const part of ['..', '../x', 'a/../../x', '.', '']) expect(insidePath('/root', part)).toBeUndefined();
  });

  it('are listed in byte order; a missing directory is empty', async () => {
    for (const name of ['b', 'B', 'a']) writeFileSync(join(folder, name), '');
    expect(await listNames(folder)).toEqual(['B', 'a', 'b']);
    expect(await listNames(join(folder, 'nosuch'))).toEqual([]);
  });
});

describe('removal', () => {
  it('takes a directory only when it is empty, and what is gone as done', async () => {
    const path = join(folder, 'x', 'y');
    expect(await makeDirectory(path)).toBe(true);
    expect(await makeDirectory(path)).toBe(false);
    expect(await rmdirIfEmpty(join(folder, 'x'))).toBe(false);
    expect(await rmdirIfEmpty(path)).toBe(true);
    expect(await rmdirIfEmpty(path)).toBe(false);
    expect(await unlinkIfPresent(join(folder, 'nosuch'))).toBe(false);
  });
});
