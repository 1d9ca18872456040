/** How files are dealt out to lists, on a real tree. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ListedEntry } from '../../../../src/domain/text/rsync-listing.ts';
import { namesOf } from '../../../../src/backup/rsync/copy-list.ts';
import { survey, type SurveyOptions } from '../../../../src/backup/rsync/survey.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'barman-survey-'));
  mkdirSync(join(root, 'new'));
  mkdirSync(join(root, 'old'));
  mkdirSync(join(root, 'lists'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const options = (changes: Partial<SurveyOptions> = {}): SurveyOptions => ({
  destination: join(root, 'new'),
  reference: join(root, 'old'),
  safeHorizon: 1000,
  listDirectory: join(root, 'lists'),
  label: 'data',
  lanes: 1,
  ...changes,
});
async function* entries(...list: readonly Partial<ListedEntry>[]): AsyncGenerator<ListedEntry> {
  for (const entry of list) yield { type: '-', mode: 0o600, size: 4, mtime: 1000, path: 'x', ...entry };
}
function old(path: string, text: string, mtime: number): void {
  writeFileSync(join(root, 'old', path), text);
  utimesSync(join(root, 'old', path), mtime, mtime);
}
async function names(path: string): Promise<string[]> {
  const all: string[] = [];
  for await (const name of namesOf(path)) all.push(name);
  return all;
}

describe('survey', () => {
  it('compares the content of a file that may have changed while the earlier backup was made', async () => {
    old('before', 'text', 999);
    old('same', 'text', 1000.5);
    old('longer', 'texts', 1000);
    old('later', 'text', 1001);
    const lists = await survey(
      entries(
        { path: 'before', mtime: 999 },
        { path: 'same' },
        { path: 'longer' },
        { path: 'later' },
        { path: 'unknown' },
      ),
      options(),
    );
    const found = await Promise.all(lists.map(async ({ path, checksum }) => ({ checksum, names: await names(path) })));
    expect(found).toEqual([
      { checksum: false, names: ['before', 'longer', 'later', 'unknown'] },
      { checksum: true, names: ['same'] },
    ]);
  });

  it('has nothing to compare without an earlier backup', async () => {
    const lists = await survey(entries({ path: 'a' }), options({ reference: null }));
    expect(lists).toMatchObject([{ files: 1, bytes: 4, checksum: false }]);
  });

  it('makes directories with their modes, always open to us, and leaves out what is no file', async () => {
    await survey(
      entries(
        { type: 'd', path: '.', mode: 0o750 },
        { type: 'd', path: 'base', mode: 0o2700 },
        { type: 'd', path: 'base/1', mode: 0o500 },
        { type: 's', path: 'socket' },
        { type: 'l', path: 'link' },
      ),
      options(),
    );
    const mode = (path: string) => statSync(join(root, 'new', path)).mode & 0o7777;
    expect([mode('.'), mode('base'), mode('base/1')]).toEqual([0o750, 0o2700, 0o700]);
  });

  it('deals out by size, and holds no list in memory', async () => {
    const many = async function* () {
      yield* entries({ path: 'big', size: 100_000_000 });
      for (let n = 0; n < 20_000; n += 1)
        yield* entries({ path: `dir/ü\n${n}`.replace('ü', '\u00c3\u00bc'), size: 100 });
    };
    const before = process.memoryUsage().heapUsed;
    const lists = await survey(many(), options({ lanes: 2, reference: null }));
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000);
    expect(lists.map(({ files }) => files).reduce((sum, files) => sum + files)).toBe(20_001);
    expect(Math.min(...lists.map(({ files }) => files))).toBeGreaterThan(1000);
    expect(
      readFileSync(lists[0]?.path ?? '')
        .subarray(0, 6)
        .toString(),
    ).toBe('./big\0');
    expect((await names(lists[1]?.path ?? ''))[0]).toBe('dir/\u00c3\u00bc\n0');
  });
});
