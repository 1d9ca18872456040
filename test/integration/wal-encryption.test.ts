/** WAL that is encrypted on its way into the archive, by a real gpg with a real key. */
import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { which } from '../../src/host/process/search-path.ts';
import { identifyWal } from '../../src/domain/wal/wal-content.ts';
import { eventually } from '../support/eventually.ts';
import { type GpgHome, makeGpgHome } from '../support/gpg-home.ts';
import { barmanProgram, makeSandbox, type ProgramResult, type Sandbox } from '../support/sandbox.ts';
import { walTar } from '../support/tar.ts';
import { segmentName, walSegment } from '../support/wal-files.ts';

const HASH = '0000000100000000';
const [ONE, TWO, THREE] = [1, 2, 3].map((number) => segmentName(number)) as [string, string, string];
const LABEL = `${ONE}.00000028.backup`;
const HISTORY = '00000002.history';
const QUIET = { code: 0, stderr: '' };

describe('encrypted WAL', () => {
  let keys: GpgHome;
  let box: Sandbox;
  beforeAll(async () => {
    keys = await makeGpgHome();
  });
  afterAll(() => keys.dispose());
  beforeEach(async () => {
    box = await makeSandbox();
    for (const name of ['incoming', 'streaming', 'wals', 'errors', 'base', 'meta']) {
      await mkdir(path(name), { recursive: true });
    }
  });
  afterEach(() => box.dispose());

  const path = (...parts: string[]) => join(box.home, 'pg', ...parts);
  const stored = (name: string) => (name === HISTORY ? path('wals', name) : path('wals', HASH, name));
  const configure = (...lines: string[]) =>
    box.writeConfig(
      `[pg]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${lines.join('\n')}\n`,
    );
  const barman = (args: readonly string[], env: NodeJS.ProcessEnv = {}, input?: Uint8Array) =>
    box.barman(args, { env: { ...keys.env, ...env }, ...(input === undefined ? {} : { input }) });
  const archive = (env?: NodeJS.ProcessEnv) => barman(['archive-wal', 'pg'], env);
  const put = (name: string, content: Uint8Array | string = walSegment(name)) =>
    writeFile(path('incoming', name), content);
  const withoutCommand = () => keys.options.replace(/^encryption_passphrase_command.*$/m, '');
  const index = async () =>
    (await readFile(path('wals', 'pg-xlog.db'), 'utf8')).split('\n').flatMap((line) => {
      const [name, size, , ...form] = line.split('\t');
      return name === '' || name === undefined ? [] : [[name, Number(size), ...form]];
    });

  /** True when get-wal gives back these very bytes. */
  const comesBack = async (name: string, content: Buffer, ...args: string[]) => {
    const bytes = await fetched(args, name);
    return typeof bytes === 'string' ? bytes : bytes.equals(content);
  };

  /** What get-wal writes into a file; its error where there is none. */
  async function fetched(args: readonly string[], name: string): Promise<Buffer | string> {
    const folder = join(box.root, 'fetched');
    await mkdir(folder, { recursive: true });
    const { code, stderr } = await barman(['get-wal', '-o', folder, ...args, 'pg', name]);
    if (code !== 0) return stderr;
    const [file = ''] = await readdir(folder);
    const bytes = await readFile(join(folder, file));
    await rm(folder, { recursive: true });
    return bytes;
  }

  it.each([
    ['', 'None'],
    ['compression = zstd', 'zstd'],
  ])('goes into the archive and comes out again (%s)', async (compression, word) => {
    await configure(compression, keys.options);
    const files: Record<string, Buffer> = {
      [ONE]: walSegment(ONE),
      [LABEL]: Buffer.from('START WAL LOCATION: 0/1000028\n'),
      [`${TWO}.partial`]: walSegment(TWO),
      [HISTORY]: Buffer.from('1\t0/2000000\tno recovery target specified\n'),
    };
    for (const [name, content] of Object.entries(files)) {
      await put(name, content);
      await chmod(path('incoming', name), 0o640);
      await utimes(path('incoming', name), 1_795_228_542.293, 1_795_228_542.293);
    }
    await put(THREE, gzipSync(walSegment(THREE)));
    expect(await archive()).toMatchObject(QUIET);
    expect(await readdir(path('incoming'))).toEqual([]);
    expect((await readdir(path('wals', HASH))).sort()).toEqual([ONE, LABEL, `${TWO}.partial`, THREE].sort());
    for (const [name, content] of Object.entries(files)) {
      const facts = await stat(stored(name));
      expect([facts.mode & 0o777, Math.round(facts.mtimeMs)]).toEqual([0o640, 1_795_228_542_293]);
      expect(identifyWal(await readFile(stored(name)))).toEqual({ compression: null, encryption: 'gpg' });
      expect(await index()).toContainEqual([name, facts.size, word, 'gpg']);
      expect(await comesBack(name.replace('.partial', ''), content, '-P')).toBe(true);
    }
    // What was compressed when it came is not compressed again.
    expect((await index()).find(([name]) => name === THREE)?.slice(2)).toEqual(['gzip', 'gpg']);
    expect(await comesBack(THREE, walSegment(THREE))).toBe(true);
    const kept = await fetched(['--keep-compression'], ONE);
    expect(identifyWal(kept as Buffer)).toEqual({ compression: word === 'None' ? null : word, encryption: null });
    expect(gunzipSync((await fetched(['-z'], ONE)) as Buffer).equals(walSegment(ONE))).toBe(true);

    expect(await barman(['rebuild-xlogdb', 'pg'])).toMatchObject(QUIET);
    expect((await index()).map(([name, , ...form]) => [name, ...form])).toEqual(
      [ONE, LABEL, THREE, HISTORY].map((name) => [name, 'None', 'gpg']),
    );
    expect(await comesBack(ONE, walSegment(ONE))).toBe(true);
  });

  it('is compared by its content where it can be decrypted', async () => {
    await configure('compression = gzip', keys.options);
    await put(ONE);
    await archive();
    await put(ONE);
    expect(await archive()).toMatchObject(QUIET);
    expect([await readdir(path('incoming')), await readdir(path('errors'))]).toEqual([[], []]);
    await put(ONE, walSegment(ONE, { seed: 7 }));
    expect((await archive()).stdout).toContain(`\tError: ${ONE} is already present in server pg.`);
    expect(await readdir(path('errors'))).toHaveLength(1);
    expect((await barman(['errors', 'pg'])).stdout).toContain('differs from the archived file');
    await configure('compression = gzip', withoutCommand());
    expect((await barman(['errors', 'pg'])).stdout).toContain('is encrypted and cannot be compared');
    expect(await fetched([], ONE)).toBe(
      `ERROR: Encrypted WAL file '${ONE}' detected, but no 'encryption_passphrase_command' is configured. Please set 'encryption_passphrase_command' in the configuration so the correct private key can be identified for decryption.\n`,
    );
  });

  it('is known by its time where it cannot be decrypted; of two times the sound one is archived, the other kept', async () => {
    await configure(withoutCommand());
    const [sent, later] = [1_795_228_542.293, 1_795_228_999];
    const send = async (time: number) => {
      const said = await barman(['put-wal', 'pg'], {}, await walTar({ [ONE]: walSegment(ONE) }, 'sha256', time));
      return [said, await readdir(path('incoming')), await archive()] as const;
    };
    expect((await send(sent))[1]).toEqual([ONE]);
    expect(await send(sent)).toMatchObject([QUIET, [], QUIET]);
    const [said, queued, archiver] = await send(later);
    expect([said, queued]).toEqual([expect.objectContaining(QUIET), [ONE]]);
    const [kept = '', ...more] = await readdir(path('errors'));
    expect(archiver.stderr).toBe(
      `WARNING: the archived WAL file '${ONE}' of server 'pg' cannot be decrypted here: it is replaced by the one that arrived now. Moved to '${path('errors', kept)}'\n`,
    );
    expect(more).toEqual([]);
    expect((await index()).map(([name]) => name)).toEqual([ONE]);
    await configure(keys.options);
    expect(await comesBack(ONE, walSegment(ONE))).toBe(true);
  });

  it('is compared at the door too', async () => {
    await configure(keys.options);
    await put(ONE);
    await archive();
    expect(await barman(['put-wal', 'pg'], {}, await walTar({ [ONE]: walSegment(ONE) }))).toEqual({
      ...QUIET,
      stdout: '',
    });
    expect(await readdir(path('incoming'))).toEqual([]);
    const other = await barman(['put-wal', 'pg'], {}, await walTar({ [ONE]: walSegment(ONE, { seed: 7 }) }));
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('is already there with another content') });
    // Without the passphrase it is the archiver that decides.
    await configure(withoutCommand());
    expect(await barman(['put-wal', 'pg'], {}, await walTar({ [ONE]: walSegment(ONE) }))).toMatchObject(QUIET);
    expect(await readdir(path('incoming'))).toEqual([ONE]);
  });

  it.each([
    ['of the same file is archived again', 1_795_228_542.293, []],
    ['of another one is set aside', 1_795_228_999, [expect.stringMatching(/\.duplicate$/)]],
  ])('without its line in the index, and without the passphrase, what is left %s', async (_how, time, errors) => {
    await configure('compression = gzip', withoutCommand());
    const send = async (at: number) => {
      await put(ONE);
      await utimes(path('incoming', ONE), at, at);
    };
    await send(1_795_228_542.293);
    await archive();
    // As a kill between the two leaves it.
    await writeFile(path('wals', 'pg-xlog.db'), '');
    await send(time);
    expect((await archive()).code).toBe(0);
    expect(await readdir(path('incoming'))).toEqual([]);
    expect(await readdir(path('errors'))).toEqual(errors);
    expect(await index()).toEqual([[ONE, (await stat(stored(ONE))).size, 'gzip', 'gpg']]);
    await configure(keys.options);
    expect(await comesBack(ONE, walSegment(ONE))).toBe(true);
  });

  it('loses nothing when it is killed while gpg is at work, and has nothing plain on disk', async () => {
    const bin = join(box.root, 'bin');
    await mkdir(bin);
    // Takes everything, gives half of it, and waits: an end of its input or its output would tell it nothing.
    const pidFile = join(box.root, 'gpg.pid');
    await writeFile(
      join(bin, 'gpg'),
      `#!/bin/sh\necho $$ >${pidFile}\n${which('gpg', process.env.PATH ?? '')} "$@" | head -c 500000\nexec sleep 60\n`,
    );
    await chmod(join(bin, 'gpg'), 0o755);
    await configure(keys.options, `path_prefix = ${bin}`);
    await put(ONE);
    const temporary = `${stored(ONE)}.tmp`;
    const child = spawn(process.execPath, [barmanProgram, '-c', box.configFile, 'archive-wal', 'pg'], {
      stdio: 'ignore',
      env: { ...process.env, ...keys.env },
    });
    const end = new Promise((resolve) => child.once('exit', resolve));
    await eventually('half of it is written', async () => {
      const size = await stat(temporary).then(
        (facts) => facts.size,
        () => 0,
      );
      return size === 500_000;
    });
    expect((await stat(temporary)).mode & 0o777).toBe(0o600);
    expect(identifyWal(await readFile(temporary)).encryption).toBe('gpg');
    child.kill('SIGKILL');
    await end;
    process.kill(Number(await readFile(pidFile, 'utf8')));
    const names = await readdir(box.home, { recursive: true });
    const plain = names.filter((name) => name.includes(ONE));
    expect(plain.sort()).toEqual([`pg/incoming/${ONE}`, `pg/wals/${HASH}/${ONE}.tmp`]);
    await configure(keys.options);
    expect(await archive()).toMatchObject(QUIET);
    expect(await readdir(path('wals', HASH))).toEqual([ONE]);
    expect(await readdir(path('incoming'))).toEqual([]);
    expect(await comesBack(ONE, walSegment(ONE))).toBe(true);
  });

  it('tells nobody the passphrase, and gives gpg the documented arguments', async () => {
    const bin = join(box.root, 'bin');
    const notes = join(box.root, 'notes');
    await mkdir(bin);
    for (const name of ['gpg', 'xz']) {
      await writeFile(
        join(bin, name),
        `#!/bin/sh\nenv >>${notes}\nprintf '%s\\n' "${name} $*" >>${notes}\nexec ${which(name, process.env.PATH ?? '')} "$@"\n`,
      );
      await chmod(join(bin, name), 0o755);
    }
    await configure('compression = xz', keys.options, `path_prefix = ${bin}`);
    await put(ONE);
    const said: ProgramResult[] = [await archive()];
    expect(await comesBack(ONE, walSegment(ONE))).toBe(true);
    const told = await readFile(notes, 'utf8');
    expect(told.split('\n').filter((line) => /^(gpg|xz) /.test(line))).toEqual([
      expect.stringMatching(/^(xz|gpg) /),
      expect.stringMatching(/^(xz|gpg) /),
      'gpg --yes --batch --pinentry-mode loopback --passphrase-fd 0 --decrypt --output - /dev/fd/3',
      'xz -d -c',
    ]);
    expect(told).toContain(
      `gpg --yes --batch --pinentry-mode loopback --compress-level 0 --recipient ${keys.recipient} --encrypt --output - -\n`,
    );
    // A command that fails, and tells all it knows.
    await configure(keys.options.replace('cat ', 'exec 2>&1; cat - '), `path_prefix = ${bin}`);
    const failing = join(box.root, 'failing.sh');
    await writeFile(failing, `set -x\necho '${keys.passphrase}'\nexit 3\n`);
    await configure(keys.options.replace(/(passphrase_command = ).*/, `$1sh ${failing}`));
    said.push(await barman(['get-wal', 'pg', ONE]));
    expect(said.at(-1)).toEqual({
      code: 1,
      stdout: '',
      stderr: `ERROR: Encrypted WAL file '${stored(ONE)}' cannot be decrypted: encryption_passphrase_command: the command failed with exit code 3\nHINT: run encryption_passphrase_command by hand, as the user of this program: it has to print the passphrase\n`,
    });
    await configure(keys.options.replace(/(passphrase_command = ).*/, '$1true'));
    said.push(await barman(['get-wal', 'pg', ONE]));
    expect(said.at(-1)?.stderr).toContain('The command returned an empty passphrase\n');
    await keys.forget();
    await configure(keys.options.replace(/(passphrase_command = ).*/, '$1echo wrong'));
    said.push(await barman(['get-wal', 'pg', ONE]));
    expect(said.at(-1)).toMatchObject({ code: 1, stderr: expect.stringContaining('HINT: the private key must be') });
    for (const name of await readdir(box.root, { recursive: true })) {
      const file = join(box.root, name);
      if (file === failing || !(await stat(file)).isFile()) continue;
      expect((await readFile(file)).includes(keys.passphrase), name).toBe(false);
    }
    expect(JSON.stringify(said)).not.toContain(keys.passphrase);
  });

  it('says what is missing: gpg, the recipient, the key', async () => {
    await configure(keys.options);
    await put(ONE);
    const bare = join(box.root, 'bare');
    await mkdir(bare);
    await symlink(process.execPath, join(bare, 'node'));
    const failed = (why: string, hint: string) => ({
      code: 1,
      stdout: `Processing xlog segments from file archival for pg\n\t${ONE}\n`,
      stderr: `ERROR: cannot archive WAL file '${ONE}' of server 'pg': ${why}\nHINT: ${hint}\n`,
    });
    expect(await archive({ PATH: bare })).toEqual(
      failed(
        "the program 'gpg' is not in the search path",
        'install it, e.g. "apt-get install gnupg", or set path_prefix',
      ),
    );
    await configure('encryption = gpg');
    expect(await archive()).toEqual(
      failed(
        'A recipient must be specified to encrypt: encryption = gpg, but encryption_key_id is unset',
        'set encryption_key_id to a key that "gpg --list-keys" shows',
      ),
    );
    await configure('encryption = gpg\nencryption_key_id = nobody');
    expect((await archive()).stderr).toMatch(
      /^ERROR: cannot archive WAL file '\w+' of server 'pg': cannot encrypt for 'nobody': .*nobody: skipped: No public key.*\nHINT: "gpg --list-keys nobody" must show.*\n$/,
    );
    expect(await readdir(path('incoming'))).toEqual([ONE]);
    expect(await readdir(path('wals', HASH))).toEqual([]);
    const forBackups = 'backup_compression = gzip\nbackup_compression_format = tar';
    const checked = async (...lines: string[]) => {
      await configure(...lines, forBackups);
      return (await barman(['check', 'pg'])).stdout.split('\n').filter((line) => line.includes('encryption'));
    };
    expect(await checked('encryption = gpg\nencryption_key_id = nobody')).toEqual([
      '\tencryption: FAILED (encryption test failed. Check the log file for more details)',
    ]);
    expect(await readFile(box.logFile, 'utf8')).toContain(
      "encryption test of server pg failed: cannot encrypt for 'nobody'",
    );
    expect(await checked(keys.options)).toEqual([
      '\tencryption: FAILED (encryption test succeeded, but this release encrypts WAL only: no backup can be taken)',
    ]);
  });

  it('is recognised as file(1) does, and beyond it; a WAL segment never is', async () => {
    const curve = await makeGpgHome('cv25519');
    try {
      const [plain, sealed] = [join(box.root, 'plain'), join(box.root, 'sealed')];
      await writeFile(plain, walSegment(ONE));
      const forms: Record<string, readonly [GpgHome, ...string[]]> = {
        rsa: [keys, '--recipient', keys.recipient, '--encrypt'],
        hidden: [keys, '--hidden-recipient', keys.recipient, '--encrypt'],
        armor: [keys, '--armor', '--recipient', keys.recipient, '--encrypt'],
        symmetric: [keys, '--passphrase', 'x', '--symmetric'],
        curve: [curve, '--recipient', curve.recipient, '--encrypt'],
        signed: [keys, '--passphrase', keys.passphrase, '--sign'],
      };
      const found: Record<string, readonly [byFile: boolean, byUs: boolean]> = {};
      for (const [name, [home, ...args]] of Object.entries(forms)) {
        await home.gpg(...args, '--output', sealed, plain);
        const words = spawnSync('file', ['--brief', sealed], { encoding: 'utf8' }).stdout.toUpperCase();
        const ours = identifyWal((await readFile(sealed)).subarray(0, 64)).encryption === 'gpg';
        found[name] = [words.includes('PGP') && words.includes('ENCRYPTED'), ours];
      }
      expect(found).toEqual({
        rsa: [true, true],
        hidden: [true, true],
        armor: [true, true],
        symmetric: [false, true],
        curve: [false, true],
        signed: [false, false],
      });
      for (let magic = 0xd000; magic < 0xd200; magic += 1) {
        const page = walSegment(ONE).subarray(0, 64);
        page.writeUInt16LE(magic, 0);
        expect(identifyWal(page).encryption).toBe(null);
        page.writeUInt16BE(magic, 0);
        expect(identifyWal(page).encryption).toBe(null);
      }
    } finally {
      await curve.dispose();
    }
  });
});
