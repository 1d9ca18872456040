/** What counts as archived, and what the index says of it. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseWalName, type WalFile } from '../../../src/domain/wal/wal.ts';
import type { ServerScope } from '../../../src/server/scope.ts';
import { examineRange } from '../../../src/wal/archived-range.ts';
import { makeHome, type TestHome } from '../../support/server-home.ts';

const wal = (number: number) => `0000000100000000000000${number.toString(16).toUpperCase().padStart(2, '0')}`;
const MIB = 1_048_576;

describe('examineRange', () => {
  let home: TestHome;
  beforeEach(() => {
    home = makeHome();
  });
  afterEach(() => home.dispose());

  const examine = (begin: string, end: string, size = 16 * MIB) =>
    examineRange(
      { name: 'pg', catalog: home.catalog } as ServerScope,
      parseWalName(begin) as WalFile,
      parseWalName(end) as WalFile,
      size,
    );

  it('counts regular files under their own names only', async () => {
    home.archive(wal(1));
    home.archive(wal(0x0b).toLowerCase());
    mkdirSync(home.path('wals/0000000100000000', wal(2)));
    symlinkSync(wal(1), home.path('wals/0000000100000000', wal(3)));
    await home.catalog.rebuildXlogdb();
    const { missing, unlisted, listedOnly } = await examine(wal(1), wal(0x1f));
    expect(missing).toEqual([{ first: wal(2), last: wal(0x1f), count: 30 }]);
    expect(unlisted).toEqual([]);
    // The name in small letters is listed as it is, and nobody can fetch it.
    expect(listedOnly).toEqual([wal(0x0b)]);
  });

  it('tells what only the files or only the index have', async () => {
    const [first, second] = [home.archive(wal(1)), home.archive(wal(2))];
    home.write('wals/pg-xlog.db', '');
    await home.catalog.appendWals([{ ...first, name: wal(4) }, { ...first, name: wal(9) }, second]);
    const found = await examine(wal(1), wal(4));
    expect(found.missing).toEqual([{ first: wal(3), last: wal(4), count: 2 }]);
    expect(found.unlisted).toEqual([home.path('wals/0000000100000000', wal(1))]);
    expect(found.listedOnly).toEqual([wal(4)]);
  });

  it('makes no index, and goes by the files when it is damaged', async () => {
    home.archive(wal(1));
    expect((await examine(wal(1), wal(1))).missing).toEqual([]);
    expect(home.has('wals/pg-xlog.db')).toBe(false);
    home.write('wals/pg-xlog.db', 'junk\n');
    const found = await examine(wal(1), wal(1));
    expect(found.missing).toEqual([]);
    expect(found.indexProblem?.message).toBe("cannot parse line: 'junk'");
  });

  it('refuses a segment that cannot exist', async () => {
    await expect(examine('000000010000000000000100', '000000010000000000000101')).rejects.toThrow(
      'WAL segment 000000010000000000000100 does not exist where segments have 16777216 bytes',
    );
    expect((await examine('000000010000000000000100', '000000010000000000000101', MIB)).missing).toHaveLength(1);
  });
});
