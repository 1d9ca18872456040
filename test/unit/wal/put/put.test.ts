/** put-wal: what is admitted, what is refused, and that a refusal leaves nothing behind. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyBackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import { archiveWals } from '../../../../src/wal/archive/archive.ts';
import { putWals } from '../../../../src/wal/put/put.ts';
import { eventually } from '../../../support/eventually.ts';
import { type Member, sumsOf, tarOf, walTar } from '../../../support/tar.ts';
import { recordedSegment, segmentName, SYSTEM_ID, walSegment } from '../../../support/wal-files.ts';
import { openWalServer, type WalServer } from '../../../support/wal-server.ts';

const [ONE, TWO] = [segmentName(1), segmentName(2)];
const HASH = ONE.slice(0, 16);
const PARTIAL = `${ONE}.partial`;
const FOREIGN = `comes from system 42, but this archive belongs to system ${SYSTEM_ID}`;
const WHERE = "in put-wal for server 'pg' (SSH host: 192.0.2.7)";

describe('put-wal', () => {
  let pg: WalServer;
  beforeEach(async () => {
    pg = await openWalServer();
    await writeFile(pg.path('identity.json'), `{"systemid": "${SYSTEM_ID}", "version": "15"}`);
  });
  afterEach(() => pg.dispose());

  /** What was said; a thrown error as main would label it. */
  async function put(stream: Uint8Array | Readable): Promise<string[]> {
    // In pieces as a pipe gives them.
    const source = stream instanceof Readable ? stream : Readable.from(pieces(stream), { objectMode: false });
    try {
      await putWals(pg.scope, source, ' (SSH host: 192.0.2.7)');
    } catch (error) {
      return [...pg.said(), `thrown: ${(error as Error).message}`];
    }
    return pg.said();
  }
  function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
    for (let offset = 0; offset < bytes.length; offset += 65_536) yield bytes.subarray(offset, offset + 65_536);
  }
  const queue = () => pg.names('incoming');
  /** Acts once the hidden file is there. */
  async function whenReceiving(act: () => void): Promise<void> {
    await eventually('something is received', async () => (await queue()).length > 0);
    act();
  }

  it('stores a WAL file with its time, and says nothing', async () => {
    const bytes = walSegment(ONE);
    expect(await put(await walTar({ [ONE]: bytes }))).toEqual([]);
    expect(await queue()).toEqual([ONE]);
    expect((await readFile(pg.path('incoming', ONE))).equals(bytes)).toBe(true);
    const { mtimeMs, nlink } = await stat(pg.path('incoming', ONE));
    expect([Math.trunc(mtimeMs), nlink]).toEqual([1_795_228_851_669, 1]);
  });

  it('stores several files, each kind of WAL file, with md5 sums and a leading ./', async () => {
    const files = { [ONE]: walSegment(ONE), '00000002.history': '1\t0/3000000\tno recovery target\n' };
    expect(await put(await walTar(files, 'md5'))).toEqual([]);
    const label = `${ONE}.00000028.backup`;
    const partial = `${TWO}.partial`;
    const second = { [label]: 'START WAL LOCATION: 0/28\n', [partial]: 'anything' };
    const members = Object.entries(second).map(([name, content]) => ({ name: `./${name}`, content }));
    expect(await put(await tarOf([sumsOf(second), ...members]))).toEqual([]);
    expect(await queue()).toEqual([ONE, label, partial, '00000002.history'].sort());
  });

  it('takes the same content again, plain or compressed, as success', async () => {
    const bytes = walSegment(ONE);
    await put(await walTar({ [ONE]: bytes }));
    expect(await put(await walTar({ [ONE]: bytes }))).toEqual([]);
    expect(await put(await walTar({ [ONE]: gzipSync(bytes) }))).toEqual([]);
    expect(await queue()).toEqual([ONE]);
    expect((await readFile(pg.path('incoming', ONE))).equals(bytes)).toBe(true);
  });

  it('takes what is archived already as success, and does not queue it again', async () => {
    const bytes = walSegment(ONE);
    await mkdir(pg.path('wals', ONE.slice(0, 16)), { recursive: true });
    await writeFile(pg.path('wals', ONE.slice(0, 16), ONE), gzipSync(bytes));
    expect(await put(await walTar({ [ONE]: bytes }))).toEqual([]);
    expect(await queue()).toEqual([]);
  });

  it.each([
    ['in the queue', ['incoming', ONE]],
    ['in the archive', ['wals', ONE.slice(0, 16), ONE]],
  ])('refuses another valid content under one name %s, and keeps both sides as they are', async (_where, parts) => {
    const first = walSegment(ONE, { seed: 7 });
    await mkdir(pg.path(...parts.slice(0, -1)), { recursive: true });
    await writeFile(pg.path(...parts), first);
    const before = await queue();
    expect(await put(await walTar({ [ONE]: walSegment(ONE, { seed: 8 }) }))).toEqual([
      `ERROR: WAL file '${ONE}' is already there with another content: refused ${WHERE}\n` +
        `HINT: two clusters may be archiving to this server; if '${pg.path(...parts)}' is the wrong one, move it away and PostgreSQL sends its own again`,
    ]);
    expect((await readFile(pg.path(...parts))).equals(first)).toBe(true);
    expect([await queue(), await pg.names('errors')]).toEqual([before, []]);
  });

  it.each([
    ['empty', Buffer.alloc(0), 'is empty'],
    ['short', walSegment(ONE).subarray(0, 5_000), 'has only 5000 of 1048576 bytes'],
    ['of another system', walSegment(ONE, { systemId: '42' }), FOREIGN],
  ])('a good file beats a leftover that is %s', async (_what, leftover, because) => {
    await pg.put('incoming', ONE, leftover);
    const [said = '', ...more] = await put(await walTar({ [ONE]: walSegment(ONE) }));
    const [moved = ''] = await pg.names('errors');
    expect(moved).toMatch(new RegExp(`^${ONE}\\.\\d{8}T\\d{6}Z\\.unknown$`));
    expect([said, more]).toEqual([
      `WARNING: '${pg.path('incoming', ONE)}' ${because}: replaced by the one that arrived now. Moved to '${pg.path('errors', moved)}' ${WHERE}`,
      [],
    ]);
    expect((await readFile(pg.path('incoming', ONE))).equals(walSegment(ONE))).toBe(true);
    expect((await readFile(pg.path('errors', moved))).equals(leftover)).toBe(true);
  });

  /** What put-wal says, what archive-wal says then, and what is where afterwards. */
  async function putAndArchive(name: string, bytes: Buffer) {
    const said = await put(await walTar({ [name]: bytes }));
    await archiveWals(pg.scope, { verbose: false });
    const archived = await readFile(pg.path('wals', HASH, name)).catch(() => undefined);
    const isArchived = archived?.equals(bytes) ?? false;
    return { said, isArchived, archiver: pg.said().slice(2), queue: await queue(), errors: await pg.names('errors') };
  }
  async function archived(name: string, bytes: Buffer) {
    await mkdir(pg.path('wals', HASH), { recursive: true });
    await writeFile(pg.path('wals', HASH, name), bytes);
    await pg.scope.catalog.rebuildXlogdb();
  }

  it.each([
    ['of another system', walSegment(ONE, { systemId: '42' }), FOREIGN],
    ['of another system, compressed', gzipSync(walSegment(ONE, { systemId: '42' })), FOREIGN],
    ['damaged behind its first page', recordedSegment(ONE).fill(0, 500_000, 600_000), 'holds fewer records'],
  ])('answers 0 where the archived copy is %s, and the archive gets the good one', async (_what, bad, because) => {
    await archived(ONE, bad);
    const after = await putAndArchive(ONE, recordedSegment(ONE));
    expect(after).toMatchObject({ said: [], isArchived: true, queue: [] });
    expect(after.archiver).toEqual([
      `WARNING: the archived WAL file '${ONE}' of server 'pg' ${because}: it is replaced by the one that arrived now. Moved to '${pg.path('errors', after.errors[0] ?? '')}'`,
    ]);
    expect((await pg.index()).map(([name]) => name)).toEqual([ONE]);
    expect(await put(await walTar({ [ONE]: recordedSegment(ONE) }))).toEqual([]);
  });

  it('never gives up WAL of an older system of which there is a backup', async () => {
    await pg.scope.catalog.saveBackup({ ...emptyBackupInfo('20261101T040000'), systemid: '42' });
    const older = walSegment(ONE, { systemId: '42' });
    await archived(ONE, older);
    expect(await put(await walTar({ [ONE]: walSegment(ONE) }))).toEqual([
      `ERROR: WAL file '${ONE}' is already there with another content ('${pg.path('wals', HASH, ONE)}' comes from system 42, of which there are backups): refused ${WHERE}\n` +
        `HINT: two clusters may be archiving to this server; if '${pg.path('wals', HASH, ONE)}' is the wrong one, move it away and PostgreSQL sends its own again`,
    ]);
    expect((await readFile(pg.path('wals', HASH, ONE))).equals(older)).toBe(true);
  });

  it('takes the same records for the same segment, whatever lies behind them', async () => {
    const behind = recordedSegment(segmentName(7));
    const first = recordedSegment(ONE, { switchAfter: 9, behind });
    await archived(ONE, first);
    const after = await putAndArchive(ONE, recordedSegment(ONE, { switchAfter: 9 }));
    expect(after).toMatchObject({ said: [], queue: [], errors: [] });
    expect((await readFile(pg.path('wals', HASH, ONE))).equals(first)).toBe(true);
  });

  describe('a partial file that comes a second time', () => {
    const behind = recordedSegment(segmentName(7));
    const first = recordedSegment(ONE, { records: 300, behind });
    const places = ['in the queue', 'in the archive'];
    const place = (where: string) =>
      where === 'in the queue' ? pg.put('incoming', PARTIAL, first) : archived(PARTIAL, first);

    it.each(places)('is known %s where it holds the same records, or fewer', async (where) => {
      await place(where);
      for (const records of [300, 299]) {
        const { said, errors } = await putAndArchive(PARTIAL, recordedSegment(ONE, { records }));
        expect([said, errors]).toEqual([[], []]);
        expect((await readFile(pg.path('wals', HASH, PARTIAL))).equals(first)).toBe(true);
      }
    });

    it.each(places)('replaces the one %s where it holds more', async (where) => {
      await place(where);
      const after = await putAndArchive(PARTIAL, recordedSegment(ONE, { records: 301 }));
      expect(after).toMatchObject({ said: [], isArchived: true, queue: [], errors: [] });
    });

    it.each(places)('is kept beside the one %s where each has records of its own', async (where) => {
      await place(where);
      const other = recordedSegment(ONE, { records: 300, forkAt: 298 });
      const { said, errors } = await putAndArchive(PARTIAL, other);
      expect(said).toEqual([
        expect.stringMatching(/^WARNING: .* each holds records that the other one lacks: this one/),
      ]);
      expect((await readFile(pg.path('wals', HASH, PARTIAL))).equals(first)).toBe(true);
      expect((await readFile(pg.path('errors', errors[0] ?? ''))).equals(other)).toBe(true);
    });

    it('of another system is refused, also compressed', async () => {
      const foreign = recordedSegment(ONE, { records: 3, systemId: '42' });
      for (const bytes of [foreign, gzipSync(foreign)]) {
        expect(await put(await walTar({ [PARTIAL]: bytes }))).toEqual([
          expect.stringContaining(`ERROR: WAL file '${PARTIAL}' ${FOREIGN}: refused`),
        ]);
      }
      expect(await queue()).toEqual([]);
    });
  });

  it('takes an empty label with a warning, once, and archives what follows; a full one replaces it', async () => {
    const label = `${ONE}.00000028.backup`;
    const { said, queue: waiting } = await putAndArchive(label, Buffer.alloc(0));
    expect([said, waiting]).toEqual([
      [`WARNING: WAL file '${label}' is empty: taken all the same, no recovery reads it ${WHERE}`],
      [],
    ]);
    expect((await pg.index()).map(([name, size]) => [name, size])).toEqual([[label, '0']]);
    expect(await putAndArchive(TWO, walSegment(TWO))).toMatchObject({ said: [], isArchived: true });
    const content = Buffer.from('START WAL LOCATION: 0/100028\n');
    expect(await putAndArchive(label, content)).toMatchObject({ said: [], isArchived: true, errors: [] });
    expect((await putAndArchive(label, Buffer.alloc(0))).queue).toEqual([]);
    expect((await readFile(pg.path('wals', HASH, label))).equals(content)).toBe(true);
  });

  it('does not follow a link that holds the name', async () => {
    await writeFile(pg.path('elsewhere'), 'precious');
    await symlink(pg.path('elsewhere'), pg.path('incoming', ONE));
    expect(await put(await walTar({ [ONE]: walSegment(ONE) }))).toHaveLength(1);
    expect(await readFile(pg.path('elsewhere'), 'utf8')).toBe('precious');
    expect((await readFile(pg.path('incoming', ONE))).equals(walSegment(ONE))).toBe(true);
  });

  const COMPARE = '\nHINT: type "barman check pg" and compare the server name in archive_command';
  it.each<[string, string, string | Uint8Array, string]>([
    ['a zero-byte one', ONE, '', 'is empty'],
    ['a short one', ONE, walSegment(ONE).subarray(0, 700_000), 'has only 700000 of 1048576 bytes'],
    ['a long one', ONE, Buffer.concat([walSegment(ONE), Buffer.alloc(9)]), 'has 1048585 bytes instead of 1048576'],
    [
      'a foreign one',
      ONE,
      walSegment(ONE, { systemId: '4242' }),
      `comes from system 4242, but this archive belongs to system ${SYSTEM_ID}`,
    ],
    ['another segment', ONE, walSegment(TWO), 'begins at LSN 0/200000 instead of 0/100000'],
    [
      'a foreign one, compressed',
      ONE,
      gzipSync(walSegment(ONE, { systemId: '4242' })),
      `comes from system 4242, but this archive belongs to system ${SYSTEM_ID}`,
    ],
    ['a short one, compressed', ONE, gzipSync(walSegment(ONE).subarray(0, 9_000)), 'has only 9000 of 1048576 bytes'],
    ['text', ONE, 'no WAL at all', 'is no WAL segment (13 bytes)'],
    ['an empty history file', '00000002.history', '', 'is empty'],
  ])('refuses %s', async (_what, name, content, problem) => {
    const isFinal = /system|instead/.test(problem);
    expect(await put(await walTar({ [TWO]: walSegment(TWO), [name]: content }))).toEqual([
      `ERROR: WAL file '${name}' ${problem}: refused ${WHERE}${isFinal ? COMPARE : ''}`,
    ]);
    expect([await queue(), await pg.names('errors')]).toEqual([[], []]);
  });

  const good = { name: ONE, content: walSegment(ONE) };
  const sums = sumsOf({ [ONE]: good.content });
  it.each<[string, readonly Member[], string]>([
    [
      'a symbolic link',
      [{ name: TWO, type: 'symlink', linkname: '/etc/passwd' }],
      `Unsupported file type 'b'2'' for file '${TWO}' ${WHERE}`,
    ],
    [
      'a hard link',
      [{ name: TWO, type: 'link', linkname: ONE }],
      `Unsupported file type 'b'1'' for file '${TWO}' ${WHERE}`,
    ],
    ['a device', [{ name: TWO, type: 'character-device' }], `Unsupported file type 'b'3'' for file '${TWO}' ${WHERE}`],
    ['a pipe', [{ name: TWO, type: 'fifo' }], `Unsupported file type 'b'6'' for file '${TWO}' ${WHERE}`],
    ['a directory', [{ name: 'd', type: 'directory' }], `Unsupported file type 'b'5'' for file 'd' ${WHERE}`],
    ['a path upwards', [{ name: `../${TWO}`, content: 'x' }], `Unsupported filename '../${TWO}' ${WHERE}`],
    ['an absolute path', [{ name: `/tmp/${TWO}`, content: 'x' }], `Unsupported filename '/tmp/${TWO}' ${WHERE}`],
    ['a hidden name', [{ name: '.hidden', content: 'x' }], `Unsupported filename '.hidden' ${WHERE}`],
    ['a name for a shell', [{ name: 'a;b', content: 'x' }], `Unsupported filename 'a;b' ${WHERE}`],
    ['a name with a newline', [{ name: `${TWO}\nx`, content: 'x' }], `Unsupported filename '${TWO}\nx' ${WHERE}`],
    ['a file twice', [good], `Duplicate file '${ONE}' ${WHERE}`],
    ['a list twice', [sums], `Duplicate file 'SHA256SUMS' ${WHERE}`],
    [
      'a long list',
      [{ name: 'MD5SUMS', content: 'x'.repeat(1_100_000) }],
      `'MD5SUMS' is too long (1100000 bytes) ${WHERE}`,
    ],
  ])('refuses %s beside a good file, whole', async (_what, members, message) => {
    expect(await put(await tarOf([good, sums, ...members]))).toEqual([`thrown: ${message}`]);
    expect(await queue()).toEqual([]);
  });

  it.each<[string, readonly Member[], readonly string[]]>([
    ['no checksum', [good], [`ERROR: Missing checksum for file '${ONE}' ${WHERE}`]],
    [
      'a wrong checksum',
      [good, { name: 'SHA256SUMS', content: `abcd  ${ONE}\n` }],
      [
        `ERROR: Bad file checksum '${createHash('sha256').update(good.content).digest('hex')}' (should be abcd) for file '${ONE}' ${WHERE}`,
      ],
    ],
    [
      'a checksum without a file',
      [good, sumsOf({ [ONE]: good.content, [TWO]: 'x' })],
      [`ERROR: Checksum without corresponding file '${TWO}' ${WHERE}`],
    ],
    [
      'a bad line',
      [good, { name: 'MD5SUMS', content: 'xx\n' }],
      [`WARNING: Bad checksum line 'xx' found ${WHERE}`, `ERROR: Missing checksum for file '${ONE}' ${WHERE}`],
    ],
    ['only a list', [{ name: 'MD5SUMS', content: '' }], [`ERROR: No WAL file ${WHERE}`]],
    ['nothing', [], [`ERROR: No WAL file ${WHERE}`]],
  ])('refuses %s', async (_what, members, said) => {
    expect(await put(await tarOf(members))).toEqual(said);
    expect(await queue()).toEqual([]);
  });

  it('refuses 100,000 members early', async () => {
    const names = Array.from({ length: 300 }, (_, index) => segmentName(index));
    const [said = ''] = (await put(await tarOf(names.map((name) => ({ name, content: 'x' }))))).slice(-1);
    expect(said).toBe('thrown: more than 256 members in the tar stream');
    expect(await queue()).toEqual([]);
  });

  it('refuses a stream that is cut anywhere, and leaves nothing', async () => {
    const whole = await walTar({ [ONE]: walSegment(ONE), [TWO]: walSegment(TWO) });
    const cuts = [0, 100, 1_500, 70_000, 1_048_576 + 1_536, 1_600_000, whole.length - 2_000];
    const said = [];
    for (const cut of cuts) {
      said.push((await put(whole.subarray(0, cut))).join());
      expect(await queue()).toEqual([]);
    }
    expect(said).toEqual([
      'thrown: empty file',
      'thrown: truncated header',
      'thrown: unexpected end of data',
      'thrown: unexpected end of data',
      `ERROR: Missing checksum for file '${ONE}' ${WHERE}`,
      'thrown: unexpected end of data',
      'thrown: unexpected end of data',
    ]);
    expect(await put(Buffer.from('garbage '.repeat(1_000)))).toEqual(['thrown: invalid header']);
  });

  it('leaves nothing when the sender breaks off, or a signal says stop', async () => {
    const whole = await walTar({ [ONE]: walSegment(ONE) });
    const broken = new Readable({ read() {} });
    broken.push(whole.subarray(0, 500_000));
    const breaking = whenReceiving(() => broken.destroy(new Error('connection reset')));
    expect(await put(broken)).toEqual(['thrown: connection reset']);
    await breaking;
    const waiting = new Readable({ read() {} });
    waiting.push(whole.subarray(0, 500_000));
    const stopping = whenReceiving(() => pg.abort('SIGTERM'));
    expect(await put(waiting)).toEqual(['thrown: stopped by a signal']);
    await stopping;
    expect(await queue()).toEqual([]);
  });

  it('publishes one of two that come at once, whatever they hold', async () => {
    const same = await walTar({ [ONE]: walSegment(ONE) });
    const streams = [same, await walTar({ [TWO]: walSegment(TWO, { seed: 1 }) })];
    const results = await Promise.all(streams.map((stream) => put(stream)));
    expect(results.flat()).toEqual([]);
    expect(await queue()).toEqual([ONE, TWO]);
  });
});
