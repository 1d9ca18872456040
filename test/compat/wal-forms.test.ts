/** One archive into which both programs put WAL, compressed and encrypted in every way: each reads every file, alike. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inParallel } from '../../src/domain/in-parallel.ts';
import { eventually } from '../support/eventually.ts';
import { type ArchivingServer, startArchivingServer } from '../support/archiving-server.ts';
import { type GpgHome, makeGpgHome } from '../support/gpg-home.ts';
import { makeSandbox, referenceFolder, type Sandbox } from '../support/sandbox.ts';
import { segmentName, walSegment } from '../support/wal-files.ts';

const HASH = '0000000100000000';
type Maker = 'barman' | 'reference';
const BOTH: readonly Maker[] = ['barman', 'reference'];

describe.skipIf(referenceFolder === undefined)('forms of WAL beside Barman 3.20.1 (needs BARMAN_REFERENCE)', () => {
  let keys: GpgHome;
  beforeAll(async () => {
    keys = await makeGpgHome();
    process.env.GNUPGHOME = keys.path;
  });
  afterAll(async () => {
    delete process.env.GNUPGHOME;
    await keys.dispose();
  });

  /** What a program's get-wal gives, in a folder of its own. */
  async function fetched(box: Sandbox, maker: Maker, name: string, ...args: string[]): Promise<Buffer> {
    const folder = await mkdtemp(join(box.root, 'fetched-'));
    const result = await box[maker](['get-wal', '-o', folder, ...args, 'pg', name]);
    expect(result, `${maker} ${name}: ${result.stderr}`).toMatchObject({ code: 0, stderr: '' });
    return readFile(join(folder, name));
  }

  describe('in one archive', () => {
    let box: Sandbox;
    beforeEach(async () => {
      box = await makeSandbox();
      for (const name of ['incoming', 'streaming', 'wals', 'errors', 'base', 'meta']) {
        await mkdir(path(name), { recursive: true });
      }
    });
    afterEach(() => box.dispose());

    const path = (...parts: string[]) => join(box.home, 'pg', ...parts);
    const configure = (...lines: string[]) =>
      box.writeConfig(
        `[pg]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${lines.join('\n')}\n`,
      );
    const archive = async (maker: Maker, files: Readonly<Record<string, Uint8Array | string>>) => {
      for (const [name, content] of Object.entries(files)) await writeFile(path('incoming', name), content);
      const result = await box[maker](['archive-wal', 'pg']);
      expect(result, `${maker}: ${result.stderr}`).toMatchObject({ code: 0, stderr: '' });
      expect(await readdir(path('incoming'))).toEqual([]);
      return result;
    };
    const index = async () =>
      (await readFile(path('wals', 'pg-xlog.db'), 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t'));

    it('both read every file identically, and list it alike', async () => {
      const forms = [undefined, 'gzip', 'bzip2', 'xz', 'zstd', 'lz4'].flatMap((compression) =>
        [false, true].map((encrypts) => ({ compression, encrypts })),
      );
      const wanted: (readonly [name: string, compression: string, encryption: string])[] = [];
      for (const { compression, encrypts } of forms) {
        await configure(compression === undefined ? '' : `compression = ${compression}`, encrypts ? keys.options : '');
        for (const maker of BOTH) {
          const name = segmentName(wanted.length + 1);
          await archive(maker, { [name]: walSegment(name) });
          wanted.push([name, compression ?? 'None', encrypts ? 'gpg' : 'None']);
        }
      }
      const lines = await index();
      expect(lines.map(([name, , , ...form]) => [name, ...form])).toEqual(wanted);
      for (const [name = '', size] of lines) expect((await stat(path('wals', HASH, name))).size).toBe(Number(size));
      // Whatever the configuration says by now.
      await configure(`encryption_passphrase_command = ${keys.passphraseCommand}`);
      await inParallel(wanted, 3, async ([name]) => {
        for (const maker of BOTH) {
          expect((await fetched(box, maker, name)).equals(walSegment(name)), `${maker} ${name}`).toBe(true);
        }
      });
      // One that ours, one that the reference wrote last.
      for (const [name] of wanted.slice(-2)) {
        const kept = await Promise.all(BOTH.map((maker) => fetched(box, maker, name, '--keep-compression')));
        expect(kept[0]?.equals(kept[1] ?? Buffer.alloc(0)), name).toBe(true);
      }
      const rebuilt: string[][][] = [];
      for (const maker of BOTH) {
        await box[maker](['rebuild-xlogdb', 'pg']);
        rebuilt.push(await index());
      }
      expect(rebuilt[0]).toEqual(rebuilt[1]);
    }, 300_000);

    it('says and does the same with every kind of encrypted file, and with one that arrives again', async () => {
      await configure('compression = gzip', keys.options);
      const kinds = (first: number) => {
        const [segment, other] = [segmentName(first), segmentName(first + 1)];
        return {
          [segment]: walSegment(segment),
          [`${segment}.00000028.backup`]: 'START WAL LOCATION: 0/28\n',
          [`${other}.partial`]: walSegment(other),
          [`0000000${first}.history`]: '1\t0/100000\tno recovery target specified\n',
        };
      };
      const words = (text: string, first: number) =>
        text
          .replaceAll(segmentName(first), 'FIRST')
          .replaceAll(segmentName(first + 1), 'NEXT')
          .replaceAll(`0000000${first}.`, 'TLI.');
      const ours = await archive('barman', kinds(2));
      const theirs = await archive('reference', kinds(4));
      expect(words(ours.stdout, 2)).toBe(words(theirs.stdout, 4));
      const lines = (await index()).map(([name = '', , , ...form]) => [words(words(name, 2), 4), ...form]);
      expect(lines.slice(0, 4)).toEqual(lines.slice(4));
      // The reference takes an encrypted file for another one, always; ours looks into it.
      const again = segmentName(2);
      expect((await archive('barman', { [again]: walSegment(again) })).stdout).not.toContain('Error');
      expect((await archive('reference', { [again]: walSegment(again) })).stdout).toContain('is already present');
      await configure('compression = gzip', `encryption = gpg\nencryption_key_id = ${keys.recipient}`);
      await writeFile(path('incoming', again), walSegment(again));
      const blind = await box.barman(['archive-wal', 'pg']);
      expect(blind.stderr).toContain(
        `the archived WAL file '${again}' of server 'pg' cannot be decrypted here: it is replaced by the one that arrived now`,
      );
      const refused = await Promise.all(BOTH.map((maker) => box[maker](['get-wal', 'pg', again])));
      expect(refused[0]).toEqual(refused[1]);
      expect(refused[0]?.code).toBe(1);
    });

    it('reads snappy of ours where it can; Barman says what it lacks', async () => {
      await configure('compression = snappy');
      const name = segmentName(1);
      await archive('barman', { [name]: walSegment(name) });
      expect((await index())[0]?.slice(3)).toEqual(['snappy', 'None']);
      expect((await fetched(box, 'barman', name)).equals(walSegment(name))).toBe(true);
      const folder = await mkdtemp(join(box.root, 'theirs-'));
      const theirs = await box.reference(['get-wal', '-o', folder, 'pg', name]);
      // Where its module is installed, it must give the same bytes.
      if (theirs.code === 0) expect((await readFile(join(folder, name))).equals(walSegment(name))).toBe(true);
      else expect(theirs.stdout + theirs.stderr).toContain('Missing required python module: python-snappy');
      await box.reference(['rebuild-xlogdb', 'pg']);
      expect((await index())[0]?.slice(3)).toEqual(['snappy', 'None']);
    });
  });

  describe('restored', () => {
    let server: ArchivingServer;
    beforeAll(async () => {
      server = await startArchivingServer();
    });
    afterAll(() => server?.dispose());

    it('both restore what both encrypted, byte by byte', async () => {
      const { box, cluster } = server;
      const taken = await box.barman(['backup', 'pg', '--wait']);
      expect(taken, taken.stderr).toMatchObject({ code: 0 });
      const archived = async (maker: Maker, compression: string) => {
        await box.writeConfig(server.section(`compression = ${compression}\n${keys.options}`));
        await cluster.sql(`CREATE TABLE of_${maker} AS SELECT generate_series(1, 1000) AS n; SELECT pg_switch_wal()`);
        const names = async () => (await readdir(server.path('incoming'))).filter((name) => !name.endsWith('.tmp'));
        await eventually('a segment arrives', async () => (await names()).length > 0);
        const result = await box[maker](['archive-wal', 'pg']);
        expect(result, result.stderr).toMatchObject({ code: 0 });
      };
      await archived('barman', 'zstd');
      await archived('reference', 'gzip');
      const delivered: Record<string, Buffer>[] = [];
      for (const maker of BOTH) {
        const target = join(box.root, `restored-${maker}`);
        const result = await box[maker](['restore', '--no-get-wal', 'pg', 'latest', target]);
        expect(result, `${maker}: ${result.stderr}`).toMatchObject({ code: 0 });
        const files: Record<string, Buffer> = {};
        for (const name of (await readdir(join(target, 'pg_wal'))).sort()) {
          if (/^[0-9A-F]{24}$/.test(name)) files[name] = await readFile(join(target, 'pg_wal', name));
        }
        delivered.push(files);
        await rm(target, { recursive: true });
      }
      const [ours = {}, theirs = {}] = delivered;
      expect(Object.keys(ours)).toEqual(Object.keys(theirs));
      expect(Object.keys(ours).length).toBeGreaterThan(2);
      for (const [name, bytes] of Object.entries(ours))
        expect(bytes.equals(theirs[name] ?? bytes.subarray(1)), name).toBe(true);
      // And without the passphrase, both refuse in the same words.
      await box.writeConfig(server.section('compression = gzip'));
      const target = join(box.root, 'refused');
      const refusals = [];
      for (const maker of BOTH) {
        const { code, stderr } = await box[maker](['restore', '--no-get-wal', 'pg', 'latest', target]);
        refusals.push({ code, error: stderr.split('\n').find((line) => line.startsWith('ERROR')) });
        await rm(target, { recursive: true, force: true });
      }
      expect(refusals[0]).toEqual(refusals[1]);
    });
  });
});
