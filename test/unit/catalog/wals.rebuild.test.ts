/** The index made from the files: what is listed, what is left out, and who may write at the same time. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeHome, type TestHome, WAL_TIME } from '../../support/server-home.ts';

const SEGMENT = '000000010000000000000001';
const line = (name: string, size: number) => `${name}\t${size}\t${WAL_TIME}\tNone\tNone\n`;

describe('rebuildXlogdb', () => {
  let home: TestHome;
  beforeEach(() => {
    home = makeHome();
  });
  afterEach(() => home.dispose());

  it('lists the archived files and names everything else', async () => {
    home.archive(SEGMENT);
    home.archive(`${SEGMENT}.00000028.backup`);
    home.archive('00000002.history');
    home.archive('000000010000000000000002', '');
    home.archive('000000010000000000000003.partial');
    home.write('wals/0000000100000000/junk', 'x');
    home.write('wals/0000000100000000/half.tmp', 'x');
    home.write('wals/0000000200000000/000000010000000000000004', 'x');
    home.write('wals/sync-wals.info', 'x');
    mkdirSync(home.path('wals/0000000100000000/000000010000000000000005'));
    symlinkSync(SEGMENT, home.path('wals/0000000100000000/000000010000000000000006'));
    const before = readdirSync(home.path('wals'), { recursive: true });
    expect(await home.catalog.rebuildXlogdb()).toEqual({ history: 1, labels: 1, segments: 1, unread: 0 });
    expect(home.read('wals/pg-xlog.db')).toBe(
      line(SEGMENT, 3) + line(`${SEGMENT}.00000028.backup`, 3) + line('00000002.history', 3),
    );
    const path = (name: string) => home.path('wals', name);
    const left = ': it is not listed in the WAL index';
    expect(home.warnings).toEqual([
      `'${path('0000000100000000/000000010000000000000002')}' is empty${left}`,
      `'${path('0000000100000000/000000010000000000000005')}' is a directory, not a WAL file${left}`,
      `'${path('0000000100000000/000000010000000000000006')}' is a symbolic link${left}`,
      `'${path('0000000100000000/junk')}' is no WAL file${left}`,
      `'${path('0000000200000000/000000010000000000000004')}' lies in the wrong directory (it belongs into '0000000100000000')${left}`,
    ]);
    expect(readdirSync(home.path('wals'), { recursive: true }).filter((name) => name !== 'pg-xlog.db')).toEqual(before);
  });

  it.skipIf(process.getuid?.() === 0)('passes over what it may not read', async () => {
    home.archive(SEGMENT);
    home.archive('000000010000000000000002');
    home.archive('000000010000000100000001');
    chmodSync(home.path('wals/0000000100000000/000000010000000000000002'), 0);
    chmodSync(home.path('wals/0000000100000001'), 0);
    try {
      expect(await home.catalog.rebuildXlogdb()).toEqual({ history: 0, labels: 0, segments: 1, unread: 2 });
    } finally {
      chmodSync(home.path('wals/0000000100000001'), 0o755);
    }
    expect(home.warnings).toEqual([
      `cannot read '${home.path('wals/0000000100000000/000000010000000000000002')}': Permission denied: it is not listed in the WAL index`,
      `cannot read '${home.path('wals/0000000100000001')}': Permission denied: nothing in it is listed in the WAL index`,
    ]);
  });

  it('replaces a damaged index whatever it is made of', async () => {
    home.archive(SEGMENT);
    for (const content of ['junk\n', Buffer.from([0xff, 0, 0x0a, 0x80]), line(SEGMENT, 3).slice(0, 30), '']) {
      home.write('wals/pg-xlog.db', content);
      await home.catalog.rebuildXlogdb();
      expect(home.read('wals/pg-xlog.db')).toBe(line(SEGMENT, 3));
    }
  });

  it('lists a file once that is being archived meanwhile', async () => {
    home.archive(SEGMENT);
    await home.catalog.rebuildXlogdb();
    await sleep(50);
    const next = home.archive('000000010000000000000002');
    // The archiver has published the file and waits for the lock that the rebuild holds.
    await home.open().rebuildXlogdb();
    const last = home.archive('000000010000000000000003');
    await home.catalog.appendWals([next, last]);
    const names = readFileSync(home.path('wals/pg-xlog.db'), 'latin1').match(/^\w+/gm);
    expect(names).toEqual([SEGMENT, next.name, last.name]);
  });
});
