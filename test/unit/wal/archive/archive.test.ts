/** The archiver on real folders: what it stores, drops, rejects and leaves, and that it repairs what a kill left. */
import { chmod, copyFile, link, mkdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../../../src/host/lock.ts';
import { archiveWals } from '../../../../src/wal/archive/archive.ts';
import { waitForWal } from '../../../../src/wal/wait.ts';
import { recordedSegment, segmentName, SMALL_SEGMENT, SYSTEM_ID, walSegment } from '../../../support/wal-files.ts';
import { openWalServer, type WalServer } from '../../../support/wal-server.ts';

let box: WalServer;
const HASH = '0000000100000000';
const ONE = segmentName(1);
const TWO = segmentName(2);
const FILE_HEADING = 'Processing xlog segments from file archival for pg';

async function open(options?: string): Promise<void> {
  await box?.dispose();
  box = await openWalServer(options);
}
beforeEach(() => open());
afterEach(() => box.dispose());

const archive = (verbose = false) => archiveWals(box.scope, { verbose });
const names = async () => (await box.index()).map(([name]) => name);
/** Old enough not to be taken for a file that is still growing. */
const later = () => {
  box = { ...box, scope: { ...box.scope, now: () => new Date(Date.now() + 120_000) } };
};

describe('what arrives', () => {
  it('is stored with its bytes, mode and time, listed once, and its source goes', async () => {
    await box.put('incoming', TWO, walSegment(TWO));
    await box.put('incoming', ONE, walSegment(ONE));
    await chmod(box.path('incoming', ONE), 0o640);
    await utimes(box.path('incoming', ONE), 1_700_000_000, 1_700_000_000.25);
    const outcome = await archive();
    expect(outcome).toEqual({ archived: [ONE, TWO], isBusy: false });
    expect(box.said()).toEqual([FILE_HEADING, `\t${ONE}`, `\t${TWO}`]);
    expect((await readFile(box.path('wals', HASH, ONE))).equals(walSegment(ONE))).toBe(true);
    const stored = await stat(box.path('wals', HASH, ONE));
    expect([stored.mode & 0o777, stored.mtimeMs, stored.nlink]).toEqual([0o640, 1_700_000_000_250, 1]);
    expect((await box.index())[0]).toEqual([ONE, String(SMALL_SEGMENT), '1700000000.25', 'None', 'None']);
    expect(await names()).toEqual([ONE, TWO]);
    expect(await box.names('incoming')).toEqual([]);
  });

  it('may be history, label and partial files, in name order', async () => {
    const label = `${ONE}.00000028.backup`;
    for (const [name, content] of [
      ['00000002.history', '1\t0/100000\tno recovery target specified\n'],
      [label, 'START WAL LOCATION: 0/100028\n'],
      [`${TWO}.partial`, 'begun'],
    ] as const) {
      await box.put('incoming', name, content);
    }
    await archive();
    expect(await names()).toEqual([label, `${TWO}.partial`, '00000002.history']);
    expect(await box.names('wals')).toEqual([HASH, '00000002.history', 'pg-xlog.db']);
  });

  it('says "no file found" only when it is asked to', async () => {
    await archive();
    expect(box.said()).toEqual([]);
    await archive(true);
    expect(box.said()).toEqual([FILE_HEADING, '\tno file found']);
  });

  it('is compressed on the way when the server says so', async () => {
    await open('archiver = on\ncompression = gzip\ncompression_level = high');
    await box.put('incoming', ONE, walSegment(ONE));
    await box.put('incoming', TWO, gzipSync(walSegment(TWO)));
    await archive();
    const stored = await readFile(box.path('wals', HASH, ONE));
    expect(gunzipSync(stored).equals(walSegment(ONE))).toBe(true);
    expect((await readFile(box.path('wals', HASH, TWO))).equals(gzipSync(walSegment(TWO)))).toBe(true);
    const rows = await box.index();
    expect(rows.map(([name, size, , compression]) => [name, size, compression])).toEqual([
      [ONE, String(stored.length), 'gzip'],
      [TWO, String(gzipSync(walSegment(TWO)).length), 'gzip'],
    ]);
  });

  it('is listed as a rebuild of the index lists it, to the last digit of its time', async () => {
    await open('archiver = on\ncompression = gzip');
    // Times of now: in nanoseconds, which a double cannot hold.
    for (let number = 1; number <= 9; number += 1) {
      await box.put('incoming', segmentName(number), walSegment(segmentName(number)));
    }
    await box.put('incoming', `${ONE}.00000028.backup`, 'START WAL LOCATION: 0/100028\n');
    await archive();
    const listed = await box.index();
    await box.scope.catalog.rebuildXlogdb();
    expect(await box.index()).toEqual(listed);
  });

  it('keeps the recognised name of a compression that is not the configured one', async () => {
    await open('archiver = on\ncompression = xz');
    await box.put('incoming', ONE, gzipSync(walSegment(ONE)));
    await archive();
    expect((await box.index())[0]?.[3]).toBe('gzip');
  });
});

describe('what has no business here', () => {
  it('goes to the errors directory, never over another one', async () => {
    await box.put('incoming', 'junk', 'first');
    await mkdir(box.path('incoming', 'adir'));
    await symlink('/etc/passwd', box.path('incoming', ONE));
    await box.put('incoming', '.hidden', '');
    await box.put('incoming', 'half.tmp', '');
    box = { ...box, scope: { ...box.scope, now: () => new Date('2026-11-21T01:02:03.999Z') } };
    await archive();
    expect(box.said()).toEqual([
      'Some unknown objects have been found while processing xlog segments for pg. Objects moved to errors directory:',
      `\t${ONE}`,
      '\tadir',
      '\tjunk',
    ]);
    await box.put('incoming', 'junk', 'second');
    await archive();
    expect(await box.names('errors')).toEqual([
      `${ONE}.20261121T010203Z.unknown`,
      'adir.20261121T010203Z.unknown',
      'junk.20261121T010203Z.unknown',
      'junk.20261121T010204Z.unknown',
    ]);
    expect(await readFile(box.path('errors', 'junk.20261121T010203Z.unknown'), 'utf8')).toBe('first');
    expect(await box.names('incoming')).toEqual(['.hidden', 'half.tmp']);
    expect(await box.index()).toEqual([]);
  });

  it('is a segment that is empty, cut, misnamed or of another cluster', async () => {
    await box.scope.catalog.writeIdentity({ systemid: SYSTEM_ID, version: '15' });
    const cut = segmentName(3);
    const foreign = segmentName(4);
    const compressed = segmentName(5);
    await box.put('incoming', ONE, '');
    await box.put('incoming', TWO, walSegment(ONE));
    await box.put('incoming', cut, walSegment(cut).subarray(0, 5000));
    await box.put('incoming', foreign, walSegment(foreign, { systemId: '42' }));
    await box.put('incoming', compressed, gzipSync(walSegment(compressed)).subarray(0, 900));
    later();
    await archive();
    const why = box.said().filter((line) => line.startsWith('WARNING'));
    expect(
      why.map((line) =>
        line.replace(/^WARNING: WAL file '(\S+)' of server 'pg' /, '$1 ').replace(/: it is not .*/, ''),
      ),
    ).toEqual([
      `${ONE} is empty`,
      `${TWO} begins at LSN 0/100000 instead of 0/200000`,
      `${cut} has only 5000 of ${SMALL_SEGMENT} bytes`,
      `${foreign} comes from system 42, but this archive belongs to system ${SYSTEM_ID}`,
      `${compressed} cannot be decompressed`,
    ]);
    expect((await box.names('errors')).map((name) => name.slice(0, 24))).toEqual([ONE, TWO, cut, foreign, compressed]);
    expect(await box.index()).toEqual([]);
    expect(await box.names('incoming')).toEqual([]);
  });

  it.each(['none', 'gzip'])(
    'is not an empty label: archived with a warning, listed, also by a rebuild (%s)',
    async (codec) => {
      await open(codec === 'none' ? 'archiver = on' : `archiver = on\ncompression = ${codec}`);
      const label = `${ONE}.00000028.backup`;
      await box.put('incoming', label, '');
      await box.put('incoming', TWO, walSegment(TWO));
      await archive();
      expect(box.said().filter((line) => line.startsWith('WARNING'))).toEqual([
        `WARNING: WAL file '${label}' of server 'pg' is empty: archived all the same, no recovery reads it`,
      ]);
      const before = (await box.index()).map(([name, size]) => [name, size]);
      expect(before.map(([name]) => name)).toEqual([label, TWO]);
      await box.scope.catalog.rebuildXlogdb();
      expect((await box.index()).map(([name, size]) => [name, size])).toEqual(before);
      expect([await box.names('errors'), box.said()]).toEqual([[], []]);
    },
  );

  it('is an empty history file', async () => {
    await box.put('incoming', '00000002.history', '');
    await box.put('incoming', '00000003.history', '2\t0/100000\tno recovery target specified\n');
    later();
    await archive();
    expect(await names()).toEqual(['00000003.history']);
    expect(await box.names('errors')).toEqual([expect.stringMatching(/^00000002\.history\..*\.unknown$/)]);
  });

  it('is left alone while somebody may still be writing it', async () => {
    await box.put('incoming', ONE, walSegment(ONE).subarray(0, 5000));
    await box.put('incoming', TWO, walSegment(TWO));
    await archive();
    expect(await box.names('incoming')).toEqual([ONE]);
    expect(await names()).toEqual([TWO]);
    await box.put('incoming', ONE, walSegment(ONE));
    await archive();
    expect(await names()).toEqual([TWO, ONE]);
    expect(await box.names('errors')).toEqual([]);
  });
});

describe('a second file of the same name', () => {
  it('is dropped when it holds the same, however it is compressed', async () => {
    await open('archiver = on\ncompression = gzip');
    await box.put('incoming', ONE, walSegment(ONE));
    await archive();
    const before = await box.index();
    for (const twin of [walSegment(ONE), gzipSync(walSegment(ONE), { level: 1 })]) {
      await box.put('incoming', ONE, twin);
      await archive();
      expect(await box.names('incoming')).toEqual([]);
    }
    expect(await box.names('errors')).toEqual([]);
    expect(await box.index()).toEqual(before);
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['cut', walSegment(ONE).subarray(0, 4096)],
    ['a cut gzip file', gzipSync(walSegment(ONE)).subarray(0, 500)],
    ['of another system', walSegment(ONE, { systemId: '42' })],
  ])('wins when the archived one is %s', async (_what, damaged) => {
    await box.scope.catalog.writeIdentity({ systemid: SYSTEM_ID, version: '15' });
    await mkdir(box.path('wals', HASH));
    await writeFile(box.path('wals', HASH, ONE), damaged);
    await writeFile(box.path('wals', 'pg-xlog.db'), `${ONE}\t${damaged.length}\t1.0\tNone\tNone\n`);
    await box.put('incoming', ONE, walSegment(ONE));
    await archive();
    expect((await readFile(box.path('wals', HASH, ONE))).equals(walSegment(ONE))).toBe(true);
    expect((await box.index()).map(([name, size]) => [name, size])).toEqual([[ONE, String(SMALL_SEGMENT)]]);
    expect(await box.names('incoming')).toEqual([]);
    expect((await box.names('errors')).length).toBe(1);
  });
});

describe('a partial file that comes by both ways', () => {
  const behind = recordedSegment(segmentName(7));
  const streamed = recordedSegment(ONE, { records: 300 });
  const PARTIAL = `${ONE}.partial`;
  beforeEach(async () => {
    await open('archiver = on\nstreaming_archiver = on');
    await box.put('streaming', PARTIAL, streamed);
    // Another one behind it: the stream has left the first.
    await box.put('streaming', `${TWO}.partial`, '');
    await archive();
    box.said();
  });

  it('is one file when the records are the same', async () => {
    await box.put('incoming', PARTIAL, recordedSegment(ONE, { records: 300, behind }));
    await archive();
    expect([await box.names('incoming'), await box.names('errors')]).toEqual([[], []]);
    expect(await names()).toEqual([PARTIAL]);
    expect((await readFile(box.path('wals', HASH, PARTIAL))).equals(streamed)).toBe(true);
  });

  it('gives way to the one with more records', async () => {
    await box.put('incoming', PARTIAL, recordedSegment(ONE, { records: 302, behind }));
    await archive();
    expect([await box.names('incoming'), await box.names('errors'), box.said().length]).toEqual([[], [], 2]);
    expect(await names()).toEqual([PARTIAL]);
    const stored = await readFile(box.path('wals', HASH, PARTIAL));
    expect(stored.equals(recordedSegment(ONE, { records: 302, behind }))).toBe(true);
  });

  it('is kept twice when each has records of its own', async () => {
    await box.put('incoming', PARTIAL, recordedSegment(ONE, { records: 300, forkAt: 299 }));
    await archive();
    const [kept = ''] = await box.names('errors');
    expect(box.said().slice(-2)).toEqual([
      `\tError: ${PARTIAL} is already present in server pg. File moved to errors directory.`,
      `WARNING: '${PARTIAL}' of server 'pg' has come with two contents, each with records that the other one lacks: the second one is kept as '${box.path('errors', kept)}'`,
    ]);
    expect((await readFile(box.path('wals', HASH, PARTIAL))).equals(streamed)).toBe(true);
  });
});

describe('after a kill', () => {
  it('a stored file without its line gets the line', async () => {
    await box.put('incoming', ONE, walSegment(ONE));
    await mkdir(box.path('wals', HASH));
    await link(box.path('incoming', ONE), box.path('wals', HASH, ONE));
    await writeFile(box.path('wals', 'pg-xlog.db'), '');
    await archive();
    expect(await names()).toEqual([ONE]);
    expect(await box.names('incoming')).toEqual([]);
    expect(await box.names('errors')).toEqual([]);
  });

  it('a listed file whose source is still there is not listed twice, also behind thousands of lines', async () => {
    await box.put('incoming', ONE, walSegment(ONE));
    await mkdir(box.path('wals', HASH));
    await copyFile(box.path('incoming', ONE), box.path('wals', HASH, ONE));
    const others = Array.from(
      { length: 5000 },
      (_, number) => `${segmentName(number + 2)}\t1048576\t1.0\tNone\tNone\n`,
    );
    await writeFile(box.path('wals', 'pg-xlog.db'), `${ONE}\t1048576\t1.0\tNone\tNone\n${others.join('')}`);
    await archive();
    expect((await names()).filter((name) => name === ONE)).toEqual([ONE]);
    expect(await box.names('incoming')).toEqual([]);
  });

  it('unfinished copies of either program are removed, and nothing else', async () => {
    await mkdir(box.path('wals', HASH));
    for (const name of [`${ONE}.tmp`, `${TWO}.compressed`, `${TWO}.uncompressed`, 'notes.tmp', `${TWO}.partial`]) {
      await writeFile(box.path('wals', HASH, name), 'x');
    }
    await box.put('incoming', ONE, walSegment(ONE));
    await archive();
    expect(await box.names('wals', HASH)).toEqual([ONE, `${TWO}.partial`, 'notes.tmp']);
  });
});

describe('a run that cannot store', () => {
  it('never stores plain WAL where it is to be encrypted', async () => {
    await open('archiver = on\nencryption = gpg');
    await box.put('incoming', ONE, walSegment(ONE));
    await expect(archive()).rejects.toThrow(/A recipient must be specified to encrypt/);
    expect(await box.names('wals', HASH)).toEqual([]);
    expect(await box.names('incoming')).toEqual([ONE]);
  });
});

describe('batches and streaming', () => {
  it('takes so many files per run', async () => {
    await open('archiver = on\narchiver_batch_size = 2');
    for (const number of [1, 2, 3]) await box.put('incoming', segmentName(number), walSegment(segmentName(number)));
    await box.put('incoming', '0.tmp', '');
    await archive();
    expect(box.said()).toEqual([`${FILE_HEADING} (batch size: 2)`, `\t${ONE}`, `\t${TWO}`]);
    await archive();
    expect(await names()).toEqual([ONE, TWO, segmentName(3)]);
  });

  it('archives streamed files first and leaves the one that is being written', async () => {
    await open('archiver = on\nstreaming_archiver = on');
    await box.put('streaming', ONE, walSegment(ONE));
    await box.put('streaming', TWO, walSegment(TWO));
    await box.put('incoming', segmentName(3), walSegment(segmentName(3)));
    await archive();
    expect(box.said()).toEqual([
      'Processing xlog segments from streaming for pg (batch size: 1)',
      `\t${ONE}`,
      FILE_HEADING,
      `\t${segmentName(3)}`,
    ]);
    expect(await box.names('streaming')).toEqual([TWO]);
  });
});

describe('the lock', () => {
  it('makes a second archiver go away', async () => {
    await box.put('incoming', ONE, walSegment(ONE));
    const lock = await acquireLock(join(box.root, 'home', '.pg-archive-wal.lock'), { wait: false });
    expect(await archive(true)).toEqual({ archived: [], isBusy: true });
    expect(box.said()).toEqual([
      'Another archive-wal process is already running on server pg. Skipping to the next server',
    ]);
    await lock.release();
    expect((await archive()).archived).toEqual([ONE]);
  });
});

describe('waiting', () => {
  it('archives until the file is there', async () => {
    setTimeout(() => void box.put('incoming', ONE, walSegment(ONE)), 250);
    expect(await waitForWal(box.scope, ONE, { timeoutSeconds: 10 })).toBe(true);
    expect(box.said()).toEqual([
      `Waiting for the WAL file ${ONE} from server 'pg' (max: 10 seconds)`,
      FILE_HEADING,
      `\t${ONE}`,
    ]);
  });

  it('for any file, gives up without an error', async () => {
    expect(await waitForWal(box.scope, null, { timeoutSeconds: 0.2 })).toBe(false);
    expect(box.said()).toEqual([
      "Waiting for a WAL file from server 'pg' to be archived (max: 0.2 seconds)",
      'A WAL file has not been received in 0.2 seconds',
    ]);
  });

  it('tells an incomplete file once, and takes it when it is complete', async () => {
    await box.put('incoming', ONE, walSegment(ONE).subarray(0, 5000));
    setTimeout(() => void box.put('incoming', ONE, walSegment(ONE)), 350);
    expect(await waitForWal(box.scope, ONE, { timeoutSeconds: 10 })).toBe(true);
    const said = box.said();
    expect(said.filter((line) => line.startsWith('WARNING'))).toHaveLength(1);
    expect(said.slice(1, 4)).toEqual([
      FILE_HEADING,
      `\t${ONE}`,
      `WARNING: WAL file '${ONE}' of server 'pg' has only 5000 of 1048576 bytes: it stays in '${box.path('incoming')}' until it is complete`,
    ]);
    expect(said.slice(-2)).toEqual([FILE_HEADING, `\t${ONE}`]);
  });

  it('tells of a file that goes on growing once', async () => {
    const whole = walSegment(ONE);
    await box.put('incoming', ONE, whole.subarray(0, 5000));
    for (let part = 1; part <= 5; part += 1) {
      setTimeout(() => void box.put('incoming', ONE, whole.subarray(0, 5000 * (part + 1))), 150 * part);
    }
    setTimeout(() => void box.put('incoming', ONE, whole), 1_000);
    expect(await waitForWal(box.scope, ONE, { timeoutSeconds: 30 })).toBe(true);
    const said = box.said();
    expect(said.filter((line) => line.startsWith('WARNING'))).toHaveLength(1);
    expect(said.filter((line) => line === FILE_HEADING)).toHaveLength(2);
  });

  it('ends with Ctrl-C', async () => {
    setTimeout(() => box.abort('SIGINT'), 150);
    expect(await waitForWal(box.scope, ONE, { timeoutSeconds: null })).toBe(false);
    expect(box.said()).toEqual([
      `Waiting for the WAL file ${ONE} from server 'pg'`,
      `Got CTRL-C. Continuing without waiting for '${ONE}' to be archived`,
    ]);
  });
});
