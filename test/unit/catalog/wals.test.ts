/** xlog.db: read, appended, repaired, rebuilt, under its lock. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WalError } from '../../../src/domain/errors.ts';
import { segmentName } from '../../../src/domain/wal/wal.ts';
import { formatWalLine, type WalRecord } from '../../../src/domain/wal/xlogdb.ts';
import { parseLocation } from '../../../src/domain/location.ts';
import { copyFixture, fixture, makeHome, type TestHome, WAL_TIME } from '../../support/server-home.ts';

const BUCKET = parseLocation('s3://bucket/wals');

const rebuildHintText = () => `Please run "barman rebuild-xlogdb pg" to solve this issue: '${index()}' is damaged`;
const names = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => segmentName(1, 0, from + index));

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.dispose());

async function readAll(catalog = home.catalog): Promise<WalRecord[]> {
  const records: WalRecord[] = [];
  await catalog.readWals((record) => {
    records.push(record);
  });
  return records;
}

const index = () => home.path('wals', 'pg-xlog.db');
const setIndex = (text: string) => home.write('wals/pg-xlog.db', text);

describe('readWals', () => {
  it('reads what the reference wrote', async () => {
    setIndex(readFileSync(fixture('xlogdb/rebuilt-with-history'), 'utf8'));
    const records = await readAll();
    expect(records[0]).toEqual({
      name: '00000001000000000000000E',
      size: 1257,
      time: 1795228542.2930186,
      compression: 'gzip',
      encryption: null,
    });
    expect(records.map(formatWalLine).join('')).toBe(readFileSync(index(), 'utf8'));
    expect(home.warnings).toEqual([]);
  });

  it('stops when it is told to', async () => {
    setIndex(
      names(1, 9)
        .map((name) => `${name}\t1\t1.0\tNone\tNone\n`)
        .join(''),
    );
    const seen: string[] = [];
    await home.catalog.readWals(({ name }) => {
      seen.push(name);
      return seen.length < 3;
    });
    expect(seen).toEqual(names(1, 3));
  });

  it('makes nothing of a server without an archive', async () => {
    expect(await readAll()).toEqual([]);
    expect(await home.catalog.hasWals()).toBe(false);
    expect(home.has()).toBe(false);
  });

  it.each([
    [
      'a line in the middle',
      '00000001000000000000000A\t1\t1.0\tNone\tNone\n00000001000000\n00000001000000000000000C\t1\t1.0\tNone\tNone\n',
      "cannot parse line: '00000001000000'",
    ],
    ['zero blocks', `${'\0'.repeat(100)}\n`, `cannot parse line: '${String.raw`\x00`.repeat(100)}'`],
  ])('names the cure for damage: %s', async (_, text, message) => {
    setIndex(text);
    await expect(readAll()).rejects.toThrow(new WalError(message, { hint: rebuildHintText() }));
    expect(readFileSync(index(), 'utf8')).toBe(text);
  });

  it('does not take a file without lines for an index, nor follow a link', async () => {
    setIndex('x'.repeat(600_000));
    await expect(readAll()).rejects.toThrow(
      new WalError(`'${index()}' is not an index of WAL files`, {
        hint: 'move it away, then run "barman rebuild-xlogdb pg"',
      }),
    );
    rmSync(index());
    symlinkSync(home.write('elsewhere', ''), index());
    const hint = 'set xlogdb_directory to the folder that holds the file';
    await expect(readAll()).rejects.toThrow(new WalError(`cannot open '${index()}': it is a symbolic link`, { hint }));
  });

  it('visits 300,000 lines in one pass, blocks cut anywhere', async () => {
    let text = '';
    for (let count = 0; count < 300_000; count += 1)
      text += `${segmentName(1, count >> 8, count & 255)}\t16777216\t${WAL_TIME}\tgzip\tNone\n`;
    setIndex(text);
    let [count, bytes, last] = [0, 0, ''];
    const started = performance.now();
    await home.catalog.readWals(({ name, size }) => {
      count += 1;
      bytes += size;
      last = name;
    });
    expect({ count, bytes, last }).toEqual({
      count: 300_000,
      bytes: 300_000 * 16_777_216,
      last: segmentName(1, 1171, 223),
    });
    // 100 ms on an idle machine; far more than on a busy one if a line were read again and again.
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});

describe('a torn last line', () => {
  const [first, second] = ['00000001000000000000000A', '00000001000000000000000B'];
  const line = (name: string) => `${name}\t3\t${WAL_TIME}\tNone\tNone\n`;

  it('that lost its newline only is whole', async () => {
    setIndex(line(first) + line(second).trimEnd());
    expect((await readAll()).map(({ name }) => name)).toEqual([first, second]);
    expect(readFileSync(index(), 'utf8')).toBe(line(first) + line(second));
    expect(home.warnings).toEqual([]);
  });

  it('whose name is whole is restored from the file it speaks of', async () => {
    const record = home.archive(second);
    setIndex(`${line(first)}${second}\t1`);
    expect((await readAll()).at(-1)).toEqual(record);
    expect(readFileSync(index(), 'utf8')).toBe(line(first) + line(second));
    expect(home.warnings).toEqual([
      `the last line of '${index()}' was cut short: it was restored from the WAL file itself`,
    ]);
  });

  it('that says too little is dropped with a warning, and the next append is whole', async () => {
    setIndex(`${line(first)}00000001000000`);
    await home.catalog.appendWals([home.archive(second)]);
    expect(readFileSync(index(), 'utf8')).toBe(line(first) + line(second));
    expect(home.warnings).toEqual([
      `the last line of '${index()}' was cut short and is dropped: run "barman rebuild-xlogdb pg" to list the WAL file that it spoke of`,
    ]);
  });

  it('is passed over by a reader who may not write', async () => {
    if (process.getuid?.() === 0) return;
    setIndex(`${line(first)}${second}\t1`);
    chmodSync(index(), 0o400);
    expect((await readAll()).map(({ name }) => name)).toEqual([first]);
    expect(home.log).toEqual([`cannot repair '${index()}': cannot open '${index()}': Permission denied`]);
  });
});

describe('appendWals', () => {
  it('adds lines in the order given and keeps the file', async () => {
    setIndex(readFileSync(fixture('xlogdb/gzip'), 'utf8'));
    const { ino } = statSync(index());
    const record = {
      name: '00000002.history',
      size: 85,
      time: 1795228745.0302005,
      compression: 'gzip',
      encryption: 'gpg',
    };
    await home.catalog.appendWals([record]);
    await home.catalog.appendWals([]);
    expect(readFileSync(index(), 'utf8')).toBe(
      `${readFileSync(fixture('xlogdb/gzip'), 'utf8')}00000002.history\t85\t1795228745.0302005\tgzip\tgpg\n`,
    );
    expect(statSync(index()).ino).toBe(ino);
  });

  it('lists once what a rebuild would have found: the file that is being archived', async () => {
    const [older, newer] = [home.archive('00000001000000000000000A'), home.archive('00000001000000000000000B')];
    await home.catalog.appendWals([{ ...newer, compression: 'pigz' }]);
    expect(await readAll()).toEqual([older, { ...newer, compression: 'pigz' }]);
  });

  it('writes none of the lines when one of them is no WAL file', async () => {
    const good = home.archive('00000001000000000000000A');
    setIndex('');
    await expect(home.catalog.appendWals([good, { ...good, name: '../x' }])).rejects.toThrow(
      "invalid WAL segment name '../x'",
    );
    expect(readFileSync(index(), 'utf8')).toBe('');
  });

  it('makes an index where there is no archive yet', async () => {
    const record = { name: '00000001000000000000000A', size: 1, time: 1, compression: null, encryption: null };
    await home.open({ xlogdbDirectory: parseLocation(home.path('other', 'place')) }).appendWals([record]);
    expect(home.read('other/place/pg-xlog.db')).toBe('00000001000000000000000A\t1\t1.0\tNone\tNone\n');
  });
});

describe('unlistWal', () => {
  it('takes every line of one name out and leaves the file', async () => {
    const [one = '', two = ''] = names(1, 2);
    home.write(`wals/${one.slice(0, 16)}/${one}`, 'x');
    const line = (name: string) => `${name}\t1\t1.0\tNone\tNone\n`;
    setIndex(line(one) + line(two) + line(one));
    await home.catalog.unlistWal(one);
    expect(readFileSync(index(), 'utf8')).toBe(line(two));
    expect(statSync(home.path('wals', one.slice(0, 16), one)).size).toBe(1);
  });
});

describe('the index of a release before 3.13', () => {
  it('is rebuilt from the files into its new place, and gone', async () => {
    copyFixture(home, 'legacy-3.4.0/rs');
    const records = names(0x1f, 0x21).map((name) => home.archive(name));
    expect(await home.catalog.hasWals()).toBe(true);
    expect(await readAll()).toEqual(records);
    expect(readdirSync(home.path('wals'))).toEqual(['0000000100000000', 'pg-xlog.db']);
  });
});

describe('rebuildXlogdb', () => {
  it('lists segments, labels and history files in name order, and nothing else', async () => {
    const gzip = gzipSync('wal');
    const records = [
      home.archive('0000000100000000000000FF'),
      { ...home.archive('0000000100000000000000FF.00000028.backup', gzip), size: gzip.length, compression: 'gzip' },
      home.archive('000000010000000100000000'),
      home.archive('00000002.history'),
      { ...home.archive('000000020000000100000001', Uint8Array.of(0x85, 1, 12, 3)), size: 4, encryption: 'gpg' },
    ];
    home.archive('000000010000000100000001.partial');
    home.write('wals/0000000100000001/000000010000000100000002.tmp', '');
    home.write('wals/0000000100000001/000000020000000100000009', 'in the wrong place');
    home.write('wals/00000001000000010000000A', 'in the wrong place');
    home.write('wals/0000000100000001/00000003.history', 'in the wrong place');
    home.write('wals/sync-wals.info', '');
    home.write('wals/pg-xlog.db.bak', '');
    mkdirSync(home.path('wals', '0000000100000001', 'sub'));
    setIndex('nonsense');
    expect(await home.catalog.rebuildXlogdb()).toEqual({ history: 1, labels: 1, segments: 3, unread: 0 });
    expect(await readAll()).toEqual(records);
    // What every archive may hold is for the log.
    expect(home.log.toSorted()).toEqual(
      [
        `temporary file found rebuilding the wal database: ${home.path('wals/0000000100000001/000000010000000100000002.tmp')}`,
        ...['0000000100000001/000000010000000100000001.partial', 'sync-wals.info'].map(
          (name) => `unexpected file found rebuilding the wal database: ${home.path('wals', name)}`,
        ),
      ].sort(),
    );
    const odd = ['000000020000000100000009', '00000003.history', 'sub'].map((name) => `0000000100000001/${name}`);
    expect(home.warnings.map((text) => text.split("'")[1])).toEqual(
      [...odd, '00000001000000010000000A'].map((name) => home.path('wals', name)),
    );
  });

  it('keeps the mode of the index and leaves no temporary file', async () => {
    setIndex('');
    chmodSync(index(), 0o640);
    home.write('wals/pg-xlog.db.tmp', 'of a killed run');
    await home.catalog.rebuildXlogdb();
    expect(statSync(index()).mode & 0o777).toBe(0o640);
    expect(readdirSync(home.path('wals'))).toEqual(['pg-xlog.db']);
  });

  it('does not follow links, and says so', async () => {
    home.archive('00000001000000000000000A');
    symlinkSync(home.path('wals', '0000000100000000'), home.path('wals', '0000000100000001'));
    symlinkSync('/etc/passwd', home.path('wals', '0000000100000000', '00000001000000000000000B'));
    expect(await home.catalog.rebuildXlogdb()).toEqual({ history: 0, labels: 0, segments: 1, unread: 0 });
    expect(home.warnings).toEqual(
      ['0000000100000000/00000001000000000000000B', '0000000100000001'].map(
        (name) => `'${home.path('wals', name)}' is a symbolic link: it is not listed in the WAL index`,
      ),
    );
  });

  it('knows the files of a custom filter', async () => {
    home.archive('00000001000000000000000A', Uint8Array.of(0xc0, 0xff, 0xee));
    home.archive('00000001000000000000000B');
    const compressions = async (customCompressionMagic: string | null) => {
      const catalog = home.open({ compression: 'custom', customCompressionMagic });
      await catalog.rebuildXlogdb();
      return (await readAll(catalog)).map(({ compression }) => compression);
    };
    expect(await compressions('0xc0ffee')).toEqual(['custom', null]);
    expect(await compressions(null)).toEqual(['custom', 'custom']);
  });

  it('is not for object storage', async () => {
    const cloud = home.open({ walsDirectory: BUCKET, xlogdbDirectory: BUCKET });
    await expect(cloud.rebuildXlogdb()).rejects.toThrow(
      new WalError('Rebuilding xlogdb is not supported for servers using cloud storage'),
    );
    expect(cloud.layout.xlogdb).toBe(home.path('meta', 'pg-xlog.db'));
  });

  it('keeps sub-second times as Python does', async () => {
    home.archive('00000001000000000000000A');
    utimesSync(home.path('wals/0000000100000000/00000001000000000000000A'), 1795228542.2930186, 1795228542.2930186);
    await home.catalog.rebuildXlogdb();
    expect(readFileSync(index(), 'utf8')).toMatch(/^00000001000000000000000A\t3\t1795228542\.29301\d+\tNone\tNone\n$/);
  });
});

describe('the last of each timeline', () => {
  it('is the highest plain segment of each timeline, whatever else lies there', async () => {
    for (const name of [
      '0000000100000000000000FE',
      '0000000100000000000000FF',
      '0000000200000001000000A0',
      '0000000300000000000000AA',
    ])
      home.archive(name);
    home.archive('000000010000000100000000.partial');
    home.archive('000000010000000100000000.00000028.backup');
    home.archive('00000004.history');
    mkdirSync(home.path('wals', '0000000100000002'));
    writeFileSync(home.path('wals', '0000000500000000'), 'a file');
    appendFileSync(home.path('wals', '0000000300000000', '0000000300000000000000FF.tmp'), '');
    expect([...(await home.catalog.walStore.lastOfTimelines())]).toEqual([
      [1, '0000000100000000000000FF'],
      [2, '0000000200000001000000A0'],
      [3, '0000000300000000000000AA'],
    ]);
  });

  it('is empty without an archive', async () => {
    expect([...(await home.catalog.walStore.lastOfTimelines())]).toEqual([]);
  });
});

it('the place of a WAL file is known for every kind of name, and refused for the rest', () => {
  expect(home.catalog.walStore.locate('00000001000000020000000A.partial')).toBe(
    home.path('wals', '0000000100000002', '00000001000000020000000A.partial'),
  );
  expect(home.catalog.walStore.locate('0000000A.history')).toBe(home.path('wals', '0000000A.history'));
  for (const name of ['', '..', '../../etc/passwd', '00000001000000020000000A/../x']) {
    expect(() => home.catalog.walStore.locate(name)).toThrow(new WalError(`invalid WAL segment name '${name}'`));
  }
});
