/** import-backup: what a file from outside may hold, what is refused, and that a refusal leaves nothing behind. */
import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importBackup } from '../../../src/exchange/import/run.ts';
import { finishInterruptedImports } from '../../../src/exchange/import/publish.ts';
import { recordText } from '../../support/catalog-home.ts';
import { type Member, tarOf } from '../../support/tar.ts';
import { segmentName, SYSTEM_ID, walSegment } from '../../support/wal-files.ts';
import { openWalServer, type WalServer } from '../../support/wal-server.ts';

const ID = '20261101T040000';
const [ONE, TWO] = [segmentName(1), segmentName(2)];
const hash = (name: string) => name.slice(0, 16);
const line = (name: string, size = 1_048_576) => `${name}\t${size}\t1793505600.5\tNone\tNone\n`;
const record = (texts: Readonly<Record<string, string>> = {}) =>
  recordText({ begin_wal: ONE, end_wal: TWO, xlog_segment_size: '1048576', systemid: SYSTEM_ID, ...texts });

/** The members of a good export. */
const GOOD: readonly Member[] = [
  { name: 'identity.json', content: JSON.stringify({ systemid: SYSTEM_ID, version: '15' }) },
  { name: 'backup.info', content: record() },
  { name: 'barman.json', content: '{}' },
  { name: 'backup/', type: 'directory' },
  { name: 'backup/16386/', type: 'directory' },
  { name: 'backup/16386/PG_15_202209061', type: 'directory' },
  { name: 'backup/data/', type: 'directory' },
  { name: 'backup/data/PG_VERSION', content: '15\n', mtime: 1_795_228_851.5 },
  { name: 'backup/data/pg_tblspc/', type: 'directory' },
  { name: 'backup/data/pg_tblspc/16386', type: 'symlink', linkname: `/elsewhere/base/${ID}/16386` },
  { name: `wals/${hash(ONE)}/${ONE}`, content: walSegment(ONE) },
  { name: `wals/${hash(TWO)}/${TWO}`, content: walSegment(TWO) },
  { name: 'xlog.db', content: line(ONE) + line(TWO) },
];
const without = (name: string) => GOOD.filter((member) => !member.name.startsWith(name));
const withOne = (member: Member) => [...GOOD, member];
const replaced = (name: string, content: string | Buffer) =>
  GOOD.map((member) => (member.name === name ? { ...member, content } : member));

describe('import-backup', () => {
  let pg: WalServer;
  beforeEach(async () => {
    pg = await openWalServer();
    await writeFile(pg.path('identity.json'), `{"systemid": "${SYSTEM_ID}", "version": "15"}`);
  });
  afterEach(() => pg.dispose());

  /** What was said after the first line; a thrown error as main would label it. */
  async function take(content: Uint8Array, suffix = '.tar'): Promise<string[]> {
    const sum = createHash('sha256').update(content).digest('hex').slice(0, 8);
    const path = join(pg.root, `backup-export-pg-${ID}-20261101T050000-${sum}${suffix}`);
    await writeFile(path, content);
    let thrown: string[] = [];
    try {
      await importBackup(pg.scope, path);
    } catch (error) {
      thrown = [`thrown: ${(error as Error).message}`];
    }
    return [...pg.said().filter((text) => !text.startsWith('Importing backup from ')), ...thrown];
  }
  const takeMembers = async (members: readonly Member[]) => take(await tarOf(members));
  const SUCCESS = `Successfully imported backup '${ID}' into server 'pg'`;

  async function expectNothing(): Promise<void> {
    expect(await pg.names('base')).toEqual([]);
    expect(await pg.names('meta')).toEqual([]);
    // Whoever reads the index makes it.
    expect((await pg.names('wals')).filter((name) => name !== 'pg-xlog.db')).toEqual([]);
    expect(await pg.index()).toEqual([]);
  }

  it('takes in the files, the WAL, the record and keeps it', async () => {
    expect(await takeMembers(GOOD)).toEqual([SUCCESS]);
    expect(await pg.names('base')).toEqual([ID]);
    expect(await readFile(pg.path('meta', `${ID}-backup.info`), 'utf8')).toBe(record());
    expect(await readFile(pg.path('meta', `${ID}-keep`), 'utf8')).toBe('standalone');
    expect(await readFile(pg.path('wals', 'pg-xlog.db'), 'utf8')).toBe(line(ONE) + line(TWO));
    expect((await readFile(pg.path('wals', hash(TWO), TWO))).equals(walSegment(TWO))).toBe(true);
    expect((await lstat(pg.path('base', ID, 'data', 'PG_VERSION'))).mtimeMs).toBe(1_795_228_851_500);
    // The link leads to where the tablespace is now.
    expect(await readlink(pg.path('base', ID, 'data', 'pg_tblspc', '16386'))).toBe(pg.path('base', ID, '16386'));
  });

  it('puts the lines of the WAL among those that are there, and leaves equal WAL as it is', async () => {
    const [ZERO, THREE] = [segmentName(0), segmentName(3)];
    await mkdir(pg.path('wals', hash(ONE)), { recursive: true });
    await writeFile(pg.path('wals', hash(ONE), ONE), gzipSync(walSegment(ONE)));
    const packed = (await readFile(pg.path('wals', hash(ONE), ONE))).length;
    const lines = [line(ZERO), line(ONE, packed).replace('\tNone\t', '\tgzip\t'), line(THREE)];
    await writeFile(pg.path('wals', 'pg-xlog.db'), lines.join(''));
    expect(await takeMembers(GOOD)).toEqual([SUCCESS]);
    expect(await readFile(pg.path('wals', 'pg-xlog.db'), 'utf8')).toBe(
      [...lines.slice(0, 2), line(TWO), line(THREE)].join(''),
    );
    expect((await lstat(pg.path('wals', hash(ONE), ONE))).size).toBe(packed);
  });

  const contains = (what: string) => `thrown: Tarball contains ${what}`;
  const lacks = (what: string) => `thrown: Exported tarball does not contain ${what}`;
  it.each<[string, readonly Member[], string]>([
    ['no identity', without('identity.json'), lacks('identity.json')],
    ['no record', without('backup.info'), lacks("a 'backup.info' file")],
    ['no index', without('xlog.db'), lacks("a 'xlog.db' file")],
    ['no WAL', without('wals'), lacks("a 'wals/' directory")],
    ['no data', without('backup/'), lacks("a 'backup/' directory")],
    [
      'half of the WAL',
      without(`wals/${hash(TWO)}/${TWO}`),
      lacks(`exactly the WAL that makes the backup consistent: ${ONE} to ${TWO}`),
    ],
    ['a name that climbs', withOne({ name: 'backup/../../evil' }), contains("unsafe path: 'backup/../../evil'")],
    ['an absolute name', withOne({ name: '/tmp/evil' }), contains("unsafe path: '/tmp/evil'")],
    ['a name with a dot', withOne({ name: 'backup/./evil' }), contains("unsafe path: 'backup/./evil'")],
    [
      'a link',
      withOne({ name: 'backup/data/evil', type: 'symlink', linkname: '/etc' }),
      contains("unsafe member type: 'backup/data/evil'"),
    ],
    [
      'a link that is no tablespace',
      withOne({ name: 'backup/data/pg_tblspc/evil', type: 'symlink', linkname: '/etc' }),
      contains("unsafe member type: 'backup/data/pg_tblspc/evil'"),
    ],
    [
      'a hard link',
      withOne({ name: 'backup/data/evil', type: 'link', linkname: 'backup/data/PG_VERSION' }),
      contains("unsafe member type: 'backup/data/evil'"),
    ],
    [
      'a device',
      withOne({ name: 'backup/data/evil', type: 'character-device' }),
      contains("unsafe member type: 'backup/data/evil'"),
    ],
    ['a pipe', withOne({ name: 'backup/data/evil', type: 'fifo' }), contains("unsafe member type: 'backup/data/evil'")],
    [
      'a second file of a name',
      withOne({ name: 'backup/data/PG_VERSION', content: '16\n' }),
      contains("two members of one name: 'backup/data/PG_VERSION'"),
    ],
    [
      'a second directory',
      withOne({ name: 'backup/data', type: 'directory' }),
      contains("two members of one name: 'backup/data'"),
    ],
    [
      'a second record',
      withOne({ name: 'backup.info', content: record() }),
      contains("two members of one name: 'backup.info'"),
    ],
    [
      'a file below a link',
      withOne({ name: 'backup/data/pg_tblspc/16386/evil' }),
      contains("two members of one name: 'backup/data/pg_tblspc/16386'"),
    ],
    [
      'a file below a file',
      withOne({ name: 'backup/data/PG_VERSION/evil' }),
      contains("two members of one name: 'backup/data/PG_VERSION/evil'"),
    ],
    ['something else', withOne({ name: 'stuff/evil' }), contains("unexpected member: 'stuff/evil'")],
    ['a mark of ours', withOne({ name: 'publishing' }), contains("unexpected member: 'publishing'")],
    [
      'WAL in a wrong directory',
      withOne({ name: `wals/0000000100000009/${ONE}` }),
      contains(`unexpected member: 'wals/0000000100000009/${ONE}'`),
    ],
    [
      'a record that failed',
      replaced('backup.info', record({ status: 'FAILED' })),
      `thrown: Cannot import backup '${ID}': backup status is 'FAILED', expected 'DONE'`,
    ],
    [
      'an incremental backup',
      replaced('backup.info', record({ parent_backup_id: '20261031T040000' })),
      `thrown: Cannot import backup '${ID}': it is an incremental backup`,
    ],
    [
      'a record of another system',
      replaced('backup.info', record({ systemid: '1' })),
      `thrown: Cannot import backup '${ID}': its backup.info is of the PostgreSQL system '1'`,
    ],
    ['no record at all', replaced('backup.info', 'hello\n'), 'thrown: Failed to load backup.info: '],
    [
      'another system',
      replaced('identity.json', '{"systemid": "1", "version": "15"}'),
      `thrown: Server identity mismatch: exported backup has systemid '1' but target server has systemid '${SYSTEM_ID}'`,
    ],
    [
      'a size that is not so',
      replaced('xlog.db', line(ONE) + line(TWO, 7)),
      `thrown: Exported tarball lists ${TWO} with another size than it has`,
    ],
    [
      'more tablespaces than there can be',
      [
        ...GOOD,
        ...Array.from({ length: 10_001 }, (_, index): Member => {
          const oid = String(20_000 + index);
          return { name: `backup/data/pg_tblspc/${oid}`, type: 'symlink', linkname: `/b/${ID}/${oid}` };
        }),
      ],
      contains('too many tablespaces'),
    ],
    [
      'WAL of another system',
      replaced(`wals/${hash(TWO)}/${TWO}`, walSegment(TWO, { systemId: '42' })),
      `thrown: Exported tarball cannot be imported: its WAL file '${TWO}' comes from system 42, but this archive belongs to system ${SYSTEM_ID}`,
    ],
    ['a damaged index', replaced('xlog.db', 'hello\n'), 'thrown: Exported tarball contains a damaged xlog.db'],
    [
      'a tablespace of another backup',
      [
        ...without('backup/data/pg_tblspc/16386'),
        { name: 'backup/data/pg_tblspc/16386', type: 'symlink', linkname: '/b/20251101T040000/16386' },
      ],
      contains("a tablespace of another backup: '/b/20251101T040000/16386'"),
    ],
  ])('refuses %s and leaves nothing', async (_, members, message) => {
    const said = await takeMembers(members);
    expect(said).toHaveLength(1);
    expect(said[0]?.slice(0, message.length)).toBe(message);
    if (!message.endsWith(': ')) expect(said[0]).toBe(message);
    await expectNothing();
  });

  it.each<[string, (bytes: Buffer) => Buffer, string]>([
    ['cut in a member', (bytes) => bytes.subarray(0, 600_000), 'unexpected end of data'],
    [
      'without its end',
      (bytes) => bytes.subarray(0, bytes.length - 1024),
      'Tarball is damaged: the end of the archive is missing',
    ],
    ['with something behind its end', (bytes) => Buffer.concat([bytes, Buffer.alloc(512, 'x')]), 'invalid header'],
    [
      'with a few bytes behind its end',
      (bytes) => Buffer.concat([bytes, Buffer.alloc(512), Buffer.from('x')]),
      'unexpected end of data',
    ],
  ])('refuses an archive %s', async (_, spoil, message) => {
    expect(await take(spoil(await tarOf(GOOD)))).toEqual([`thrown: ${message}`]);
    await expectNothing();
  });

  it('takes gzip, and refuses gzip that is cut or goes on', async () => {
    const packed = gzipSync(await tarOf(GOOD));
    expect((await take(packed.subarray(0, packed.length - 100), '.tar.gz'))[0]).toMatch(
      /^thrown: Tarball is damaged: it cannot be decompressed: /,
    );
    await expectNothing();
    for (const more of ['more', '\0\0\0\0']) {
      const said = await take(Buffer.concat([packed, Buffer.from(more)]), '.tar.gz');
      expect(said[0]).toMatch(/^thrown: Tarball is damaged: /);
    }
    await expectNothing();
    expect(await take(packed, '.tar.gz')).toEqual([SUCCESS]);
  });

  it('refuses other WAL under the same name and leaves that', async () => {
    const path = pg.path('wals', hash(ONE), ONE);
    const other = walSegment(ONE, { seed: 99 });
    await mkdir(dirname(path));
    await writeFile(path, other);
    await writeFile(pg.path('wals', 'pg-xlog.db'), line(ONE));
    expect(await takeMembers(GOOD)).toEqual([
      `thrown: WAL file(s) already exist in target server with conflicting content: ${ONE}`,
    ]);
    expect((await readFile(path)).equals(other)).toBe(true);
    expect(await pg.names('base')).toEqual([]);
  });

  /** The header of a member that claims this size, in the twelve bytes of its field. */
  async function headOf(name: string, size: Buffer): Promise<Buffer> {
    const head = (await tarOf([{ name }])).subarray(0, 512);
    size.copy(head, 124);
    head.fill(' ', 148, 156);
    const sum = head.reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return head;
  }

  it('refuses a declared size that the disk cannot hold before it writes', async () => {
    const bytes = await tarOf(GOOD);
    // 2^62 bytes in base 256.
    const head = await headOf('backup/data/bomb', Buffer.from([0x80, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]));
    const said = await take(Buffer.concat([bytes.subarray(0, 1024), head, bytes.subarray(1024)]));
    expect(said[0]).toMatch(/^thrown: (?:Tarball contains more than the file system|invalid header|Invalid)/);
    await expectNothing();
  });

  it('refuses a record that is far too long before it reads it', async () => {
    const head = await headOf('backup.info', Buffer.from('10000000000\0'));
    expect(await take(Buffer.concat([head, await tarOf(GOOD)]))).toEqual([
      contains("'backup.info' with 1073741824 bytes, which is too many"),
    ]);
    await expectNothing();
  });

  it('refuses an id that is there, and takes no mark of a finished delete for one', async () => {
    await writeFile(pg.path('meta', `${ID}-delete_this`), 'delete');
    expect(await takeMembers(GOOD)).toEqual([SUCCESS]);
    expect(await pg.names('meta')).toEqual([`${ID}-backup.info`, `${ID}-keep`]);
    expect(await takeMembers(GOOD)).toEqual([`thrown: Backup '${ID}' already exists in the catalog for server 'pg'`]);
  });

  it('stops at Ctrl-C and leaves nothing', async () => {
    pg.abort('SIGINT');
    expect(await takeMembers(GOOD)).toHaveLength(1);
    await expectNothing();
  });

  it('removes what an undecided import left, and brings no deleted backup back', async () => {
    await mkdir(pg.path('base', `.import-${ID}`, 'backup'), { recursive: true });
    await finishInterruptedImports(pg.scope);
    expect(await pg.names('base')).toEqual([]);
    expect(await takeMembers(GOOD)).toEqual([SUCCESS]);
    await mkdir(pg.path('base', `.import-${ID}`));
    await writeFile(pg.path('base', `.import-${ID}`, 'publishing'), `${ID}\n`);
    await rm(pg.path('base', ID), { recursive: true });
    await rm(pg.path('meta', `${ID}-backup.info`));
    await finishInterruptedImports(pg.scope);
    expect(await pg.names('base')).toEqual([]);
    expect(await pg.names('meta')).toEqual([`${ID}-keep`]);
  });
});
