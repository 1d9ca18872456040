/** export-backup and import-backup beside the reference: words, members, and each reading what the other wrote. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ArchivingServer, startArchivingServer } from '../support/archiving-server.ts';
import { type ProgramResult, referenceFolder } from '../support/sandbox.ts';

const exec = promisify(execFile);

describe.skipIf(referenceFolder === undefined)('export-backup and import-backup', () => {
  let server: ArchivingServer;
  let id: string;
  let tablespace: string;
  let out: string;

  beforeAll(async () => {
    server = await startArchivingServer();
    const { box, cluster } = server;
    tablespace = await mkdtemp(join(tmpdir(), 'barman-ts-'));
    await cluster.sql(`CREATE TABLESPACE apart LOCATION '${tablespace}'`);
    await cluster.sql('CREATE TABLE t TABLESPACE apart AS SELECT generate_series(1, 1000) AS id');
    const taken = await box.barman(['backup', '--wait', '--wait-timeout', '60', 'pg']);
    expect(taken.stderr + taken.stdout).toContain('Backup completed');
    id = (await box.barman(['list-backups', '--minimal', 'pg'])).stdout.trim();
  });

  afterAll(async () => {
    await server?.dispose();
    if (tablespace) await rm(tablespace, { recursive: true, force: true });
  });

  beforeEach(async () => {
    out = join(server.box.root, 'out');
    await rm(out, { recursive: true, force: true });
    await mkdir(out);
  });

  /** Times and checksums of the names in a message. */
  const masked = (result: ProgramResult): ProgramResult => ({
    ...result,
    stdout: result.stdout.replace(/-\d{8}T\d{6}-[0-9a-f]{8}\.tar/g, '-TIME-SUM.tar'),
  });

  async function both(args: readonly string[]): Promise<{ theirs: ProgramResult; ours: ProgramResult }> {
    const theirs = masked(await server.box.reference(args));
    return { theirs, ours: masked(await server.box.barman(args)) };
  }

  async function exported(by: 'barman' | 'reference', ...options: string[]): Promise<string> {
    await rm(out, { recursive: true });
    await mkdir(out);
    const result = await server.box[by](['export-backup', 'pg', id, out, ...options]);
    expect(result.code).toBe(0);
    const names = await readdir(out);
    expect(names).toHaveLength(1);
    const path = join(out, names[0] ?? '');
    const sha256 = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    expect(path.split('-').at(-1)?.slice(0, 8)).toBe(sha256.slice(0, 8));
    // Barman's has the mode of the umask.
    if (by === 'barman') expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(result.stdout.split('\n')[1]).toBe(`Export completed successfully: ${path}`);
    return path;
  }

  describe('export', () => {
    /** As tar(1) tells it; the time of xlog.db and the size of barman.json are the export's own. */
    const listing = async (path: string) =>
      (await exec('tar', ['--full-time', '-tvf', path], { maxBuffer: 1 << 26 })).stdout
        .replace(/^.*( xlog\.db)$/m, '$1')
        .replace(/ +\d+ (.* barman\.json)$/m, ' SIZE $1');
    const member = async (path: string, name: string) =>
      (await exec('tar', ['-xOf', path, name], { encoding: 'latin1' })).stdout;

    it('holds what the reference puts into it', async () => {
      const theirs = join(server.box.root, 'theirs.tar');
      await rename(await exported('reference'), theirs);
      const ours = await exported('barman');
      expect(await listing(ours)).toBe(await listing(theirs));
      for (const name of ['identity.json', 'backup.info', 'xlog.db', 'backup/data/PG_VERSION']) {
        expect(await member(ours, name)).toBe(await member(theirs, name));
      }
      const keys = async (path: string) => Object.keys(JSON.parse(await member(path, 'barman.json')) as object);
      expect(await keys(ours)).toEqual(await keys(theirs));
    });

    it.each([
      ['gzip', '1', '.tar.gz'],
      ['bzip2', '1', '.tar.bz2'],
      ['xz', '0', '.tar.xz'],
    ])('compresses with %s', async (program, level, suffix) => {
      const path = await exported('barman', '--compression', program, '--compression-level', level);
      expect(path.endsWith(suffix)).toBe(true);
      expect((await exec(program, ['-t', path])).stderr).toBe('');
      const packed = await listing(path);
      expect(packed).toBe(await listing(await exported('barman')));
    });

    it.each<readonly string[]>([
      ['export-backup', 'pg', 'ID', 'OUT'],
      ['-f', 'json', 'export-backup', 'pg', 'latest', 'OUT/', '--compression', 'bzip2'],
      ['export-backup', 'pg', 'nosuch', 'OUT'],
      ['export-backup', 'pg', 'latest', 'OUT/nosuch'],
      ['export-backup', 'pg', 'latest', ''],
      ['export-backup', 'pg', 'latest', 'OUT/../barman.conf'],
      ['export-backup', 'pg', 'latest', 'OUT', '--compression-level', '3'],
      ['export-backup', 'pg', 'latest', 'OUT', '--compression', 'gzip', '--compression-level', '0'],
      ['export-backup', 'pg', 'latest', 'OUT', '--compression', 'xz', '--compression-level', '10'],
      ['export-backup', 'all', 'latest', 'OUT'],
      ['export-backup', 'nosuch', 'latest', 'OUT'],
    ])('says the same: %s %s %s %s', async (...words) => {
      const args = words.map((word) => word.replace('OUT', out).replace(/^ID$/, id));
      const { theirs, ours } = await both(args);
      expect(ours).toEqual(theirs);
    });

    it('refuses the same backups', async () => {
      const record = server.path('meta', `${id}-backup.info`);
      const text = await readFile(record, 'utf8');
      const args = ['export-backup', 'pg', id, out];
      try {
        for (const [from, to] of [
          ['status=DONE', 'status=FAILED'],
          ['status=DONE', 'status=WAITING_FOR_WALS'],
          ['parent_backup_id=None', 'parent_backup_id=20261101T040000'],
        ] as const) {
          await writeFile(record, text.replace(from, to));
          const { theirs, ours } = await both(args);
          expect(ours).toEqual(theirs);
          expect(ours.code).toBe(1);
        }
      } finally {
        await writeFile(record, text);
      }
      for (const path of [server.path('identity.json'), await walOf()]) {
        await rename(path, `${path}.away`);
        const { theirs, ours } = await both(args);
        await rename(`${path}.away`, path);
        expect(ours).toEqual(theirs);
        expect(ours.code).toBe(1);
      }
      const index = server.path('wals', 'pg-xlog.db');
      const lines = await readFile(index, 'utf8');
      await writeFile(
        index,
        lines
          .split('\n')
          .filter((line) => !/^[0-9A-F]{24}\t/.test(line))
          .join('\n'),
      );
      const { theirs, ours } = await both(args);
      await writeFile(index, lines);
      expect(ours).toEqual(theirs);
      expect(ours.stderr).toContain('not found in xlog.db');
      expect(await readdir(out)).toEqual([]);
    });

    it('steps back while another process holds the backup, and from a directory that takes no file', async () => {
      const args = ['export-backup', 'pg', id, out];
      const lock = join(server.box.home, `.pg-${id}.lock`);
      const held = async (program: string) =>
        exec('flock', [lock, program, '-c', server.box.configFile, ...args]).catch((error: unknown) => error);
      const { barman, reference } = server.box.programs;
      const [theirs, ours] = [await held(reference), await held(barman)] as ProgramResult[];
      expect([ours?.stdout, ours?.stderr, ours?.code]).toEqual([theirs?.stdout, theirs?.stderr, theirs?.code]);
      expect(ours?.stderr).toContain('is already running on backup');
      await chmod(out, 0o500);
      const refused = await both(args);
      await chmod(out, 0o700);
      expect(refused.ours).toEqual(refused.theirs);
      expect(refused.ours.code).toBe(1);
    });

    async function walOf(): Promise<string> {
      const { begin_wal: name = '' } = await server.record(id);
      return server.path('wals', name.slice(0, 16), name);
    }
  });

  describe('import', () => {
    /** Removes the backup by hand; its WAL stays. */
    async function forget(): Promise<void> {
      await rm(server.path('base', id), { recursive: true });
      for (const kind of ['backup.info', 'keep']) await rm(server.path('meta', `${id}-${kind}`), { force: true });
    }

    interface Picture {
      readonly lines: readonly string[];
      /** Of the files of the backup and the WAL, in the order of their names; the rest has the time of the import. */
      readonly times: readonly number[];
    }

    /** What a reader of the catalog sees of the backup: modes, sizes, times, links, and what is in the small files. */
    async function picture(): Promise<Picture> {
      const found = await exec(
        'find',
        [server.path('base'), server.path('meta'), server.path('wals'), '-printf', '%P %y %m %s %l\\t%T@\\n'],
        { maxBuffer: 1 << 26 },
      );
      const rows = found.stdout
        .replaceAll(server.box.root, 'ROOT')
        .split('\n')
        .sort()
        .map((line) => line.split('\t'));
      const isOld = (line: string) => / f /.test(line) && !/^\S*(?:backup\.info|keep|xlog\.db) /.test(line);
      const paths = [`meta/${id}-backup.info`, `meta/${id}-keep`, 'wals/pg-xlog.db'].map((name) => server.path(name));
      const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
      return {
        lines: [...rows.map(([line = '']) => line), ...texts],
        times: rows.filter(([line = '']) => isOld(line)).map(([, time]) => Number(time)),
      };
    }

    /** Python and Node round to another digit of a microsecond. Seconds. */
    const ROUNDING = 3e-6;

    function expectSame(left: Picture | undefined, right: Picture | undefined): void {
      expect(left?.lines).toEqual(right?.lines);
      const apart = left?.times.filter((time, index) => Math.abs(time - (right?.times[index] ?? 0)) > ROUNDING);
      expect(apart).toEqual([]);
      expect(left?.times.length).toBeGreaterThan(900);
    }

    it.each([[[]], [['--compression', 'bzip2', '--compression-level', '1']]])(
      'each takes in what the other wrote: %s',
      async (options) => {
        const pictures: Picture[] = [];
        for (const [writer, reader] of [
          ['barman', 'reference'],
          ['reference', 'barman'],
          ['barman', 'barman'],
        ] as const) {
          const path = await exported(writer, ...options);
          await forget();
          const imported = await server.box[reader](['import-backup', 'pg', path]);
          expect(imported).toEqual({
            code: 0,
            stdout: `Importing backup from '${path}' to server 'pg'\nSuccessfully imported backup '${id}' into server 'pg'\n`,
            stderr: '',
          });
          pictures.push(await picture());
        }
        expectSame(pictures[1], pictures[0]);
        expectSame(pictures[2], pictures[0]);
        const verified = await server.box.reference(['verify-backup', 'pg', id]);
        expect(verified.stdout).toContain('backup successfully verified');
      },
    );

    it('says the same of a file that it refuses', async () => {
      const path = await exported('barman');
      const name = path.slice(out.length + 1);
      const renamed = async (other: string) => {
        const target = join(server.box.root, other);
        await exec('ln', ['-f', path, target]);
        return target;
      };
      const note = join(server.box.root, 'note.txt');
      await writeFile(note, 'no tar file\n');
      const cases = [
        path,
        note,
        out,
        `${path}.nosuch`,
        await renamed('other.tar'),
        await renamed(name.replace('-pg-', '-pg2-')),
        await renamed(name.replace('.tar', '.zip')),
        await renamed(name.replace(/[0-9a-f]{8}\.tar/, '00000000.tar')),
        await renamed(name.replace(/-[0-9a-f]{8}\.tar/, '.tar')),
        await renamed(name.replace(/T\d{6}-/, 'T99-')),
        await renamed(name.replace('.tar', '.tar.gz')),
      ];
      for (const tarball of cases) {
        const { theirs, ours } = await both(['import-backup', 'pg', tarball]);
        expect(ours).toEqual(theirs);
        expect(ours.code).toBe(1);
      }
      for (const args of [
        ['import-backup', 'nosuch', path],
        ['import-backup', 'all', path],
        ['-f', 'json', 'import-backup', 'pg', path],
      ]) {
        const { theirs, ours } = await both(args);
        expect(ours).toEqual(theirs);
      }
      for (const lock of [`.pg-${id}.lock`, '.pg-backup.lock']) {
        const held = async (program: string) =>
          exec('flock', [
            join(server.box.home, lock),
            program,
            '-c',
            server.box.configFile,
            'import-backup',
            'pg',
            path,
          ]).catch((error: unknown) => error);
        const { barman, reference } = server.box.programs;
        const [theirs, ours] = [await held(reference), await held(barman)] as ProgramResult[];
        expect([ours?.stdout, ours?.stderr, ours?.code]).toEqual([theirs?.stdout, theirs?.stderr, theirs?.code]);
        expect(ours?.code).toBe(1);
      }
    });

    it('refuses another system and other WAL with the same words, and leaves nothing', async () => {
      const path = await exported('barman');
      await forget();
      const identity = server.path('identity.json');
      const { begin_wal: wal = '' } = await recordIn(path);
      const archived = server.path('wals', wal.slice(0, 16), wal);
      const change = (text: string) => text.replace(/"systemid": "7/, '"systemid": "8');
      for (const [file, spoil] of [
        [identity, async () => writeFile(identity, change(await readFile(identity, 'utf8')))],
        [archived, async () => writeFile(archived, Buffer.from(await readFile(archived)).fill(7, 70, 71))],
      ] as const) {
        const text = await readFile(file);
        await spoil();
        const { theirs, ours } = await both(['import-backup', 'pg', path]);
        await writeFile(file, text);
        expect(ours).toEqual(theirs);
        expect(ours.code).toBe(1);
        expect(await readdir(server.path('base'))).toEqual([]);
        expect(await readdir(server.path('meta'))).toEqual([]);
      }
      expect(await server.box.barman(['import-backup', 'pg', path])).toMatchObject({ code: 0 });
    });

    async function recordIn(path: string): Promise<Readonly<Record<string, string>>> {
      const { stdout } = await exec('tar', ['-xOf', path, 'backup.info']);
      return Object.fromEntries(stdout.split('\n').map((line) => line.split('=', 2) as [string, string]));
    }
  });
});
