import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveWals } from '../../../../src/wal/archive/archive.ts';
import { judgeRejects, resolveRejects } from '../../../../src/wal/rejects/judge-rejects.ts';
import { type RecordFacts, recordedSegment, segmentName, SYSTEM_ID, walSegment } from '../../../support/wal-files.ts';
import { openWalServer, type WalServer } from '../../../support/wal-server.ts';

let box: WalServer;

beforeEach(async () => {
  box = await openWalServer('archiver = on\ncompression = gzip');
  await box.scope.catalog.writeIdentity({ systemid: SYSTEM_ID, version: '15' });
});
afterEach(() => box.dispose());

const [one, two, three, four, five] = [1, 2, 3, 4, 5].map((number) => segmentName(number)) as [
  string,
  string,
  string,
  string,
  string,
];
const STAMP = '20261127T164000Z';
const reject = (name: string, content: string | Uint8Array, reason = 'duplicate') =>
  writeFile(box.path('errors', `${name}.${STAMP}.${reason}`), content);
const stored = (name: string, content: Uint8Array) => writeFile(box.path('wals', name.slice(0, 16), name), content);

/** Archived: one to three; rejected: every kind of file. */
async function fill(): Promise<void> {
  for (const name of [one, two, three]) await box.put('incoming', name, walSegment(name));
  await archiveWals(box.scope, { verbose: false });
  box.said();
  await reject(one, gzipSync(walSegment(one), { level: 1 }));
  await reject(two, walSegment(two).subarray(0, 500_000));
  await reject(three, walSegment(three, { seed: 77 }));
  await reject(four, walSegment(four), 'unknown');
  await reject(five, walSegment(five, { systemId: '42' }), 'unknown');
  await reject(`${five}.bad`, 'x', 'unknown');
  await writeFile(box.path('errors', 'README'), 'mine');
  await mkdir(box.path('errors', `adir.${STAMP}.unknown`));
  await symlink('/etc/passwd', box.path('errors', `${segmentName(6)}.${STAMP}.unknown`));
}

const facts = async () =>
  (await judgeRejects(box.scope)).map(({ file, relation, action, header }) => [
    file.replace(`.${STAMP}`, ''),
    relation,
    action,
    header?.systemId ?? null,
  ]);

describe('the errors directory', () => {
  it('is judged file by file', async () => {
    await fill();
    expect(await facts()).toEqual([
      [`${one}.duplicate`, 'identical', 'remove', SYSTEM_ID],
      [`${two}.duplicate`, 'prefix', 'remove', SYSTEM_ID],
      [`${three}.duplicate`, 'different', null, SYSTEM_ID],
      [`${four}.unknown`, 'not archived', 'queue', SYSTEM_ID],
      [`${five}.unknown`, 'not archived', null, '42'],
      [`${five}.bad.unknown`, 'no WAL', null, null],
      [`${segmentName(6)}.unknown`, 'no WAL', null, null],
      ['README', 'no WAL', null, null],
      ['adir.unknown', 'no WAL', null, null],
    ]);
  });

  it('loses what is safe to lose, and the archive gets what it lacks', async () => {
    await fill();
    expect([...(await resolveRejects(box.scope))]).toEqual([
      `${one}.${STAMP}.duplicate`,
      `${two}.${STAMP}.duplicate`,
      `${four}.${STAMP}.unknown`,
    ]);
    expect((await facts()).map(([file]) => file)).toEqual([
      `${three}.duplicate`,
      `${five}.unknown`,
      `${five}.bad.unknown`,
      `${segmentName(6)}.unknown`,
      'README',
      'adir.unknown',
    ]);
    expect(await box.names('incoming')).toEqual([four]);
    await archiveWals(box.scope, { verbose: false });
    expect((await box.index()).map(([name]) => name)).toEqual([one, two, three, four]);
  });

  it('gives the archive the whole segment where its own copy was cut', async () => {
    await fill();
    await stored(three, walSegment(three).subarray(0, 4096));
    await reject(three, walSegment(three));
    const [, , judged] = await judgeRejects(box.scope);
    expect(judged).toMatchObject({ relation: 'longer', action: 'queue' });
    await resolveRejects(box.scope);
    await archiveWals(box.scope, { verbose: false });
    expect(gunzipSync(await readFile(box.scope.catalog.walStore.locate(three))).equals(walSegment(three))).toBe(true);
    expect((await judgeRejects(box.scope)).map(({ relation }) => relation)).toContain('prefix');
  });

  it('never overwrites what waits in the queue', async () => {
    await fill();
    await box.put('incoming', four, walSegment(four, { seed: 5 }));
    const resolved = await resolveRejects(box.scope);
    expect(resolved.has(`${four}.${STAMP}.unknown`)).toBe(false);
    expect(box.said()).toEqual([
      `ERROR: cannot resolve '${four}.${STAMP}.unknown' of server 'pg': '${box.path('incoming', four)}' waits to be archived: run "barman archive-wal pg" first`,
    ]);
    expect((await readFile(box.path('incoming', four))).equals(walSegment(four, { seed: 5 }))).toBe(true);
  });

  it('tells the same records from others, and WAL of another system in the archive', async () => {
    const behind = recordedSegment(five);
    const records = (facts: RecordFacts) => recordedSegment(one, { switchAfter: 9, ...facts });
    const place = (name: string, bytes: Uint8Array) => box.put('incoming', name, bytes);
    await place(one, records({}));
    await place(`${two}.partial`, recordedSegment(two, { records: 5 }));
    await archiveWals(box.scope, { verbose: false });
    await stored(three, walSegment(three, { systemId: '42' }));
    await reject(one, records({ behind }));
    await reject(`${two}.partial`, recordedSegment(two, { records: 4, behind }));
    await reject(three, walSegment(three));
    const judged = await judgeRejects(box.scope);
    expect(judged.map(({ relation, verdict, action }) => [relation, verdict, action])).toEqual([
      ['same records', 'holds no record that the archived file lacks: it may be removed', 'remove'],
      ['same records', 'holds no record that the archived file lacks: it may be removed', 'remove'],
      [
        'different',
        `is sound, the archived file comes from system 42, but this archive belongs to system ${SYSTEM_ID}: it may be queued again`,
        'queue',
      ],
    ]);
    await resolveRejects(box.scope);
    await archiveWals(box.scope, { verbose: false });
    const archived = await readFile(box.scope.catalog.walStore.locate(three));
    expect(gunzipSync(archived).equals(walSegment(three))).toBe(true);
  });

  it('gives the archive a sound segment for a damaged one, and never the reverse', async () => {
    await fill();
    await stored(one, gzipSync(walSegment(one)).subarray(0, 700));
    await stored(two, gzipSync(walSegment(two)).subarray(0, 700));
    const [first, second] = await judgeRejects(box.scope);
    expect(first).toMatchObject({ relation: 'different', action: 'queue' });
    expect(second).toMatchObject({ relation: 'different', action: null });
    await resolveRejects(box.scope);
    await archiveWals(box.scope, { verbose: false });
    expect(
      (await readFile(box.scope.catalog.walStore.locate(one))).equals(gzipSync(walSegment(one), { level: 1 })),
    ).toBe(true);
  });
});
