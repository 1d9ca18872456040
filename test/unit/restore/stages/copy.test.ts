import { lstatSync, mkdtempSync, readdirSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createThrottle } from '../../../../src/host/copy-file.ts';
import { copyTree, type CopyRun, listTree } from '../../../../src/restore/stages/copy.ts';

let root: string;
let source: string;
let destination: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'barman-copy-'));
  source = join(root, 'base', 'id', 'data');
  destination = join(root, 'destination');
  await mkdir(join(source, 'base', '1'), { recursive: true });
  await mkdir(join(source, 'empty'));
  await mkdir(join(source, 'pg_wal', 'archive_status'), { recursive: true });
  await mkdir(destination);
  await writeFile(join(source, 'base', '1', '16384'), 'x'.repeat(20_000));
  await writeFile(join(source, 'PG_VERSION'), '15\n');
  await writeFile(join(source, 'pg_wal', '000000010000000000000001'), 'wal');
});

afterEach(() => rm(root, { recursive: true, force: true }));

const rules = () => ({ boundary: join(root, 'base', 'id'), isExcluded: (path: string) => path.startsWith('pg_wal/') });

function job(changes: Partial<CopyRun> = {}): CopyRun {
  return { throttle: null, workers: 4, signal: new AbortController().signal, onBytes: () => {}, ...changes };
}

/** Type, mode, size, time in nanoseconds and name of everything in a tree; sizes of directories depend on the filesystem. */
function listing(directory: string): string {
  return ['', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })]
    .map((name) => {
      const { mode, size, mtimeNs } = lstatSync(join(directory, name), { bigint: true });
      const isDirectory = (mode & 0o170_000n) === 0o40_000n;
      return `${mode.toString(8)} ${isDirectory ? '' : size} ${mtimeNs} ${name}`;
    })
    .sort()
    .join('\n');
}

describe('copyTree', () => {
  it('keeps contents, modes and times, and leaves out what is excluded', async () => {
    await chmod(join(source, 'PG_VERSION'), 0o440);
    await chmod(join(source, 'base'), 0o750);
    const old = new Date('2020-01-02T03:04:05.678Z');
    for (const path of ['PG_VERSION', 'base/1/16384', 'base/1', 'base', 'empty', 'pg_wal', '.'])
      await utimes(join(source, path), old, old);
    let bytes = 0;
    const tree = await listTree(source, rules());
    await copyTree(tree, destination, job({ onBytes: (count) => (bytes += count) }));
    await rm(join(source, 'pg_wal'), { recursive: true });
    await mkdir(join(source, 'pg_wal'));
    for (const path of ['pg_wal', '.']) await utimes(join(source, path), old, old);
    expect(listing(destination)).toBe(listing(source));
    expect(await readFile(join(destination, 'base/1/16384'), 'utf8')).toBe('x'.repeat(20_000));
    expect([tree.size, bytes]).toEqual([20_003, 20_003]);
  });

  it('copies names that are no UTF-8', async () => {
    const odd = Buffer.concat([Buffer.from(`${source}/base/`), Buffer.from([0x66, 0xfc, 0xff])]);
    await writeFile(odd, 'odd');
    await copyTree(await listTree(source, rules()), destination, job());
    const copy = Buffer.concat([Buffer.from(`${destination}/base/`), Buffer.from([0x66, 0xfc, 0xff])]);
    expect(await readFile(copy, 'utf8')).toBe('odd');
  });

  it('gives a file another name', async () => {
    await copyTree(
      await listTree(source, rules()),
      destination,
      job({ rename: (path) => (path === 'PG_VERSION' ? 'HELD' : path) }),
    );
    expect(await readFile(join(destination, 'HELD'), 'utf8')).toBe('15\n');
    await expect(stat(join(destination, 'PG_VERSION'))).rejects.toThrow('ENOENT');
  });

  it('never overwrites', async () => {
    await writeFile(join(destination, 'PG_VERSION'), 'mine');
    await expect(copyTree(await listTree(source, rules()), destination, job())).rejects.toThrow(
      "Failure copying base backup: 'PG_VERSION': ",
    );
    expect(await readFile(join(destination, 'PG_VERSION'), 'utf8')).toBe('mine');
  });

  it('does not write through a link at the destination', async () => {
    await writeFile(join(root, 'victim'), 'mine');
    await symlink(join(root, 'victim'), join(destination, 'PG_VERSION'));
    await expect(copyTree(await listTree(source, rules()), destination, job())).rejects.toThrow(
      'Failure copying base backup',
    );
    expect(await readFile(join(root, 'victim'), 'utf8')).toBe('mine');
  });

  it('holds a bandwidth limit', async () => {
    const started = performance.now();
    // 20,003 bytes at 100 KiB/s: whichever file is first goes at once, the other waits for it.
    await writeFile(join(source, 'second'), 'x'.repeat(20_000));
    await copyTree(await listTree(source, rules()), destination, job({ throttle: createThrottle(100) }));
    expect(performance.now() - started).toBeGreaterThan(100);
    expect(await readFile(join(destination, 'base/1/16384'), 'utf8')).toBe('x'.repeat(20_000));
  });

  it('stops when it is told to', async () => {
    const abort = new AbortController();
    abort.abort('SIGINT');
    await expect(copyTree(await listTree(source, rules()), destination, job({ signal: abort.signal }))).rejects.toBe(
      'SIGINT',
    );
  });
});

describe('listTree', () => {
  it('follows a link to a file of the same backup', async () => {
    await symlink('base/1/16384', join(source, 'alias'));
    await copyTree(await listTree(source, rules()), destination, job());
    expect(await readFile(join(destination, 'alias'), 'utf8')).toBe('x'.repeat(20_000));
  });

  it.each([
    ['a file outside', '/etc/passwd'],
    ['a directory', 'base'],
    ['nothing', 'nowhere'],
    ['another backup', '../../other/file'],
  ])('refuses a link to %s', async (_, target) => {
    await mkdir(join(root, 'base', 'other'), { recursive: true });
    await writeFile(join(root, 'base', 'other', 'file'), 'secret');
    await symlink(target, join(source, 'alias'));
    await expect(listTree(source, rules())).rejects.toThrow(
      `'${join(source, 'alias')}' is a symbolic link that does not lead to a file of this backup: it is not followed`,
    );
  });
});
