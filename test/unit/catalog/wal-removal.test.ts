/** Removal of obsolete WAL: exactly the named files go, at any kill, whatever the size of the segments. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HookAbortError } from '../../../src/domain/errors.ts';
import { segmentName } from '../../../src/domain/wal/wal.ts';
import type { WalRecord } from '../../../src/domain/wal/xlogdb.ts';
import { makeHome, type TestHome } from '../../support/server-home.ts';

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.dispose());

const segments = (from: number, to: number, log = 0) =>
  Array.from({ length: to - from + 1 }, (_, index) => segmentName(1, log, from + index));
const olderThan = (horizon: string) => (record: WalRecord) => record.name < horizon;

async function archiveAll(names: readonly string[]): Promise<void> {
  await home.catalog.appendWals(names.map((name) => home.archive(name)));
}

async function listed(): Promise<string[]> {
  const names: string[] = [];
  await home.open().readWals(({ name }) => {
    names.push(name);
  });
  return names;
}

/** Every WAL file on disk. */
function present(): string[] {
  const wals = home.path('wals');
  return readdirSync(wals, { recursive: true, encoding: 'utf8' })
    .filter((name) => /[0-9A-F]{24}|history$/.test(name))
    .map((name) => name.split('/').at(-1) ?? '')
    .sort();
}

describe('removeWals', () => {
  it('leaves the begin segment in a directory of 255 obsolete segments and a label', async () => {
    const label = '0000000100000000000000FE.00000028.backup';
    await archiveAll([...segments(0, 0xfe), label, segmentName(1, 0, 0xff), ...segments(0, 1, 1)]);
    const removed = await home.catalog.removeWals(olderThan(segmentName(1, 0, 0xff)));
    expect(removed.map(({ name }) => name)).toEqual([...segments(0, 0xfe), label]);
    expect(present()).toEqual([segmentName(1, 0, 0xff), ...segments(0, 1, 1)]);
    expect(await listed()).toEqual(present());
    expect(home.warnings).toEqual([]);
  });

  it('removes 300 of 4096 segments of 1 MiB from one directory', async () => {
    await archiveAll(segments(0, 4095));
    await home.catalog.removeWals(olderThan(segmentName(1, 0, 300)));
    expect(present()).toEqual(segments(300, 4095));
    expect(await listed()).toEqual(segments(300, 4095));
  });

  it('takes an emptied directory away, but not one that still holds anything', async () => {
    await archiveAll([...segments(0, 3), ...segments(0, 3, 1), ...segments(0, 3, 2)]);
    home.write('wals/0000000100000001/somebody.elses', 'x');
    await home.catalog.removeWals(olderThan(segmentName(1, 2, 2)));
    expect(readdirSync(home.path('wals'))).toEqual(['0000000100000001', '0000000100000002', 'pg-xlog.db']);
    expect(readdirSync(home.path('wals', '0000000100000001'))).toEqual(['somebody.elses']);
    expect(await listed()).toEqual(segments(2, 3, 2));
  });

  it('never asks about history files nor about names that are none', async () => {
    await archiveAll(['00000002.history', segmentName(1, 0, 1)]);
    home.write('wals/pg-xlog.db', `${home.read('wals/pg-xlog.db')}../../x\t1\t1.0\tNone\tNone\n`);
    const asked: string[] = [];
    const removed = await home.catalog.removeWals(({ name }) => {
      asked.push(name);
      return true;
    });
    expect(removed.map(({ name }) => name)).toEqual([segmentName(1, 0, 1)]);
    expect(asked).not.toContain('00000002.history');
    expect(await listed()).toEqual(['00000002.history', '../../x']);
  });

  it('does nothing when nothing is obsolete or there is no archive', async () => {
    expect(await home.catalog.removeWals(() => true)).toEqual([]);
    await archiveAll(segments(1, 3));
    const before = home.read('wals/pg-xlog.db');
    expect(await home.catalog.removeWals(() => false)).toEqual([]);
    expect(home.read('wals/pg-xlog.db')).toBe(before);
  });

  it('succeeds when the directory of the files is gone, and says so once', async () => {
    await archiveAll([...segments(0, 9), ...segments(0, 1, 1)]);
    rmSync(home.path('wals', '0000000100000000'), { recursive: true });
    const removed = await home.catalog.removeWals(olderThan(segmentName(1, 1, 0)));
    expect(removed.map(({ name }) => name)).toEqual(segments(0, 9));
    expect(await listed()).toEqual(segments(0, 1, 1));
    expect(home.warnings).toEqual([
      `Ignoring deletion of 10 WAL files for server pg that are already gone: ${segmentName(1, 0, 0)} to ${segmentName(1, 0, 9)}`,
    ]);
  });

  it('says in the words of the reference that one file is gone', async () => {
    await archiveAll(segments(0, 2));
    rmSync(home.catalog.walStore.locate(segmentName(1, 0, 1)));
    await home.catalog.removeWals(olderThan(segmentName(1, 0, 2)));
    expect(home.warnings).toEqual([
      `Ignoring deletion of WAL file ${segmentName(1, 0, 1)} for server pg: No such file or directory`,
    ]);
    expect(await listed()).toEqual([segmentName(1, 0, 2)]);
  });

  it('keeps the line of a file that it cannot remove', async () => {
    await archiveAll(segments(0, 2));
    const stuck = home.catalog.walStore.locate(segmentName(1, 0, 1));
    rmSync(stuck);
    mkdirSync(join(stuck, 'in the way'), { recursive: true });
    const removed = await home.catalog.removeWals(olderThan(segmentName(1, 0, 2)));
    expect(removed.map(({ name }) => name)).toEqual([segmentName(1, 0, 0)]);
    expect(await listed()).toEqual(segments(1, 2));
    expect(existsSync(join(stuck, 'in the way'))).toBe(true);
    expect(home.warnings).toHaveLength(1);
  });

  it('does not reach through a linked directory', async () => {
    await archiveAll(segments(0, 2));
    renameSync(home.path('wals', '0000000100000000'), home.path('elsewhere'));
    symlinkSync(home.path('elsewhere'), home.path('wals', '0000000100000000'));
    expect(await home.catalog.removeWals(() => true)).toEqual([]);
    expect(readdirSync(home.path('elsewhere'))).toEqual(segments(0, 2));
    expect(await listed()).toEqual(segments(0, 2));
  });

  it('removes a file listed twice once, and both of its lines', async () => {
    await archiveAll(segments(0, 2));
    home.write('wals/pg-xlog.db', home.read('wals/pg-xlog.db').repeat(2));
    const removed = await home.catalog.removeWals(olderThan(segmentName(1, 0, 2)));
    expect(removed.map(({ name }) => name)).toEqual(segments(0, 1));
    expect(await listed()).toEqual([segmentName(1, 0, 2), segmentName(1, 0, 2)]);
    expect(home.warnings).toEqual([]);
  });

  it('keeps a damaged line and goes on', async () => {
    await archiveAll(segments(0, 2));
    const [first = '', ...others] = home.read('wals/pg-xlog.db').split('\n');
    home.write('wals/pg-xlog.db', [first, 'broken', ...others].join('\n'));
    await home.catalog.removeWals(olderThan(segmentName(1, 0, 2)));
    expect(
      home
        .read('wals/pg-xlog.db')
        .split('\n')
        .map((line) => line.split('\t')[0]),
    ).toEqual(['broken', segmentName(1, 0, 2), '']);
    expect(home.warnings).toEqual([
      `'${home.path('wals/pg-xlog.db')}' has 1 damaged line(s): run "barman rebuild-xlogdb pg"`,
    ]);
  });

  it('runs the hooks around each file; a veto stops it with the index true to the disk', async () => {
    await archiveAll(segments(0, 4));
    const calls: string[] = [];
    const see =
      (when: string) =>
      async ({ name }: WalRecord) => {
        calls.push(`${when} ${name.slice(-1)} ${existsSync(home.catalog.walStore.locate(name))}`);
        if (when === 'before' && name === segmentName(1, 0, 2)) throw new HookAbortError('veto');
      };
    const removal = home.catalog.removeWals(() => true, { before: see('before'), after: see('after') });
    await expect(removal).rejects.toThrow('veto');
    expect(calls).toEqual(['before 0 true', 'after 0 false', 'before 1 true', 'after 1 false', 'before 2 true']);
    expect(present()).toEqual(segments(2, 4));
    expect(await listed()).toEqual(segments(2, 4));
  });
});
