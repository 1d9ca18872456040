/** The archiver on real folders: what it stores, drops, rejects and leaves, and that it repairs what a kill left. */
import { spawnSync } from 'node:child_process';
import { readFile, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveWals } from '../../../../src/wal/archive/archive.ts';
import { segmentName, SMALL_SEGMENT, walSegment } from '../../../support/wal-files.ts';
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

it('is compressed so that gzip(1) reads it', async () => {
  await open('archiver = on\ncompression = gzip');
  await box.put('incoming', ONE, walSegment(ONE));
  await archive();
  const input = await readFile(box.path('wals', HASH, ONE));
  const { stdout } = spawnSync('gzip', ['-dc'], { input, maxBuffer: 2 * SMALL_SEGMENT });
  expect(stdout.equals(walSegment(ONE))).toBe(true);
});

describe('a second file of the same name', () => {
  it('goes to the errors directory when it holds something else, even of the same size and time', async () => {
    const time = 1_700_000_000;
    await box.put('incoming', ONE, walSegment(ONE));
    await utimes(box.path('incoming', ONE), time, time);
    await archive();
    box.said();
    await box.put('incoming', ONE, walSegment(ONE, { seed: 99 }));
    await utimes(box.path('incoming', ONE), time, time);
    const { archived } = await archive();
    expect(archived).toEqual([]);
    expect(box.said()).toEqual([
      FILE_HEADING,
      `\t${ONE}`,
      `\tError: ${ONE} is already present in server pg. File moved to errors directory.`,
    ]);
    const [rejected = ''] = await box.names('errors');
    expect(rejected).toMatch(/\.duplicate$/);
    expect((await readFile(box.path('errors', rejected))).equals(walSegment(ONE, { seed: 99 }))).toBe(true);
    expect((await readFile(box.path('wals', HASH, ONE))).equals(walSegment(ONE))).toBe(true);
    expect(await names()).toEqual([ONE]);
  });
});

describe('a run that cannot store', () => {
  it('keeps the source, leaves nothing half, and says what to do', async () => {
    await open(
      'archiver = on\ncompression = custom\ncustom_compression_filter = head -c 100; echo broken >&2; exit 3\ncustom_decompression_filter = cat',
    );
    await box.put('incoming', ONE, walSegment(ONE));
    await expect(archive()).rejects.toMatchObject({
      message: `cannot archive WAL file '${ONE}' of server 'pg': /bin/sh -c 'head -c 100; echo broken >&2; exit 3' failed with exit code 3: broken`,
      hint: `it stays in '${box.path('incoming')}' and the next archive-wal tries again`,
      exitCode: 1,
    });
    expect(await box.names('incoming')).toEqual([ONE]);
    expect(await box.names('wals', HASH)).toEqual([]);
    expect(await box.index()).toEqual([]);
  });

  it('does not believe a compressor that ends well and writes too little', async () => {
    await open(
      'archiver = on\ncompression = custom\ncustom_compression_filter = head -c 1000\ncustom_decompression_filter = cat',
    );
    await box.put('incoming', ONE, walSegment(ONE));
    await expect(archive()).rejects.toThrow(/does not give back the original/);
    expect(await box.names('incoming')).toEqual([ONE]);
    expect(await box.names('wals', HASH)).toEqual([]);
  });

  it('lists what was stored before the failure, and goes on from there', async () => {
    // Both files are filtered at the same time: the first bytes tell which is which.
    const filter = 'cat > $FLAG.$$; if test -e $FLAG && cmp -s $FLAG $FLAG.$$; then exit 9; fi; cat $FLAG.$$';
    await open(
      `archiver = on\ncompression = custom\ncustom_compression_filter = ${filter}\ncustom_decompression_filter = cat`,
    );
    const flag = join(box.root, 'flag');
    const { codecs } = box.scope;
    box = { ...box, scope: { ...box.scope, codecs: { ...codecs, env: { ...codecs.env, FLAG: flag } } } };
    for (const name of [ONE, TWO]) await box.put('incoming', name, walSegment(name));
    await writeFile(flag, walSegment(TWO));
    await expect(archive()).rejects.toThrow(`cannot archive WAL file '${TWO}' of server 'pg'`);
    expect(await names()).toEqual([ONE]);
    expect(await box.names('incoming')).toEqual([TWO]);
    await unlink(flag);
    await archive();
    expect(await names()).toEqual([ONE, TWO]);
    expect(await box.names('wals', HASH)).toEqual([ONE, TWO]);
  });
});

describe('hooks', () => {
  const script = (text: string) => `pre_archive_script = ${text}\npost_archive_script = ${text}`;

  it('see the source before and the archived file after', async () => {
    await open(
      `archiver = on\n${script('echo "$BARMAN_PHASE $BARMAN_SEGMENT $BARMAN_FILE $BARMAN_SIZE $BARMAN_TIMESTAMP [$BARMAN_COMPRESSION]" >> $BARMAN_CONFIGURATION.out; test -f $BARMAN_FILE && echo there >> $BARMAN_CONFIGURATION.out; grep -c $BARMAN_SEGMENT `dirname $BARMAN_CONFIGURATION`/home/pg/wals/pg-xlog.db >> $BARMAN_CONFIGURATION.out')}`,
    );
    await box.put('incoming', ONE, walSegment(ONE));
    await utimes(box.path('incoming', ONE), 1_700_000_000, 1_700_000_000);
    await archive();
    const out = await readFile(join(box.root, 'barman.conf.out'), 'utf8');
    expect(out.split('\n')).toEqual([
      `pre ${ONE} ${box.path('incoming', ONE)} ${SMALL_SEGMENT} 1700000000.0 []`,
      'there',
      `post ${ONE} ${box.path('wals', HASH, ONE)} ${SMALL_SEGMENT} 1700000000.0 []`,
      'there',
      '1',
      '',
    ]);
  });

  it('can stop the run: the file and the rest stay', async () => {
    await open('archiver = on\npre_archive_retry_script = test $BARMAN_SEGMENT != 000000010000000000000002 || exit 63');
    for (const number of [1, 2, 3]) await box.put('incoming', segmentName(number), walSegment(segmentName(number)));
    await archive();
    expect(box.said()).toEqual([FILE_HEADING, `\t${ONE}`, `\t${TWO}`]);
    expect(await box.log()).toContain(
      `barman.wal_archiver WARNING: Archiving of pg/${TWO} aborted by pre_archive_retry_script.Reason: Abort 'pre_archive_retry_script' retry hook script (test $BARMAN_SEGMENT != 000000010000000000000002 || exit 63, exit code: 63)`,
    );
    expect(await box.names('incoming')).toEqual([TWO, segmentName(3)]);
    expect(await names()).toEqual([ONE]);
  });
});

describe('a source that changes meanwhile', () => {
  it('is not unlinked when another file took its name', async () => {
    // The post script of a first file replaces the second one's source after it was stored: here by hand, before the commit.
    await open(
      'archiver = on\npre_archive_script = cp $BARMAN_FILE $BARMAN_FILE.new; mv $BARMAN_FILE.new $BARMAN_FILE',
    );
    await box.put('incoming', ONE, walSegment(ONE));
    await expect(archive()).rejects.toThrow(/changed while it was archived/);
    expect(await box.names('incoming')).toEqual([ONE]);
    expect(await box.names('wals', HASH)).toEqual([]);
    await unlink(box.path('incoming', ONE));
  });
});
