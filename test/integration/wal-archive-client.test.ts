/** barman-wal-archive over a real sshd: exit code 0 means stored, everything else leaves nothing behind. */
import { spawn } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type BarmanHost, clientProgram, startBarmanHost, writeIdentity } from '../support/barman-host.ts';
import { runProgram } from '../support/sandbox.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { segmentName, SYSTEM_ID, walSegment } from '../support/wal-files.ts';

const [ONE, TWO, THREE, FOUR] = [1, 2, 3, 4].map((number) => segmentName(number)) as [string, string, string, string];

describe('barman-wal-archive', () => {
  let host: BarmanHost;
  let proxy: TcpProxy;
  beforeAll(async () => {
    host = await startBarmanHost();
    proxy = await startTcpProxy(host.sshd.port);
    await writeIdentity(host, SYSTEM_ID);
    await mkdir(wal('archive_status'), { recursive: true });
    for (const name of [ONE, TWO, THREE, FOUR]) await writeFile(wal(name), walSegment(name));
  });
  afterAll(async () => {
    await proxy.dispose();
    await host.dispose();
  });
  beforeEach(async () => {
    proxy.fault = undefined;
    await rm(host.path('incoming'), { recursive: true });
    await mkdir(host.path('incoming'));
  });

  const wal = (...parts: string[]) => join(host.local, 'pg_wal', ...parts);
  const queue = () => readdir(host.path('incoming'));
  const archive = (args: readonly string[]) => host.client('barman-wal-archive', args);
  const SILENT = { code: 0, stdout: '', stderr: '' };
  const failed = (path: string, why: string, error: string) =>
    `Archival of WAL file ${path} failed: ${why}\nERROR: ${error}\n`;

  it('stores the file with its time; sent again, plain or compressed, it is known', async () => {
    await utimes(wal(ONE), 1_795_228_851.5, 1_795_228_851.5);
    expect(await archive(['h', 'pg', wal(ONE)])).toEqual(SILENT);
    expect(await archive(['--md5', '-z', 'h', 'pg', wal(ONE)])).toEqual(SILENT);
    expect(await queue()).toEqual([ONE]);
    expect((await readFile(host.path('incoming', ONE))).equals(walSegment(ONE))).toBe(true);
    expect((await stat(host.path('incoming', ONE))).mtimeMs).toBe(1_795_228_851_500);
    expect(await archive(['--xz', '--compression-level', 'low', 'h', 'pg', wal(TWO)])).toEqual(SILENT);
    expect((await readFile(host.path('incoming', TWO))).subarray(0, 6).toString('latin1')).toBe('\xfd7zXZ\0');
    expect((await readdir(host.local)).filter((name) => name.startsWith('barman-wal-archive'))).toEqual([]);
  });

  it('runs alone, as one file in an empty folder', async () => {
    const folder = join(host.local, 'bin');
    await mkdir(folder);
    for (const name of ['barman-wal-archive', 'barman-wal-restore'] as const) {
      await copyFile(clientProgram(name), join(folder, name));
    }
    const env = { PATH: host.sshd.env.PATH };
    const sent = await runProgram(join(folder, 'barman-wal-archive'), ['-U', host.sshd.user, 'h', 'pg', wal(ONE)], {
      env,
    });
    expect(sent).toEqual(SILENT);
    const args = ['-U', host.sshd.user, 'h', 'pg', ONE, join(folder, 'back')];
    expect(await runProgram(join(folder, 'barman-wal-restore'), args, { env })).toEqual(SILENT);
    expect((await readFile(join(folder, 'back'))).equals(walSegment(ONE))).toBe(true);
  });

  it('compresses with libraries where it is installed, with programs where it stands alone', async () => {
    const magic = async (name: string) => (await readFile(host.path('incoming', name))).subarray(0, 10).toString('hex');
    expect(await archive(['--snappy', 'h', 'pg', wal(ONE)])).toEqual(SILENT);
    expect(await magic(ONE)).toBe('ff060000734e61507059');
    const target = join(host.local, 'restored');
    expect(await host.client('barman-wal-restore', ['--keep-compression', 'h', 'pg', ONE, target])).toEqual(SILENT);
    expect((await readFile(target)).equals(walSegment(ONE))).toBe(true);
    const alone = join(host.local, 'alone');
    await copyFile(clientProgram('barman-wal-archive'), alone);
    const env = { PATH: host.sshd.env.PATH };
    const run = (option: string, name: string) =>
      runProgram(alone, [option, '-U', host.sshd.user, 'h', 'pg', wal(name)], { env });
    for (const option of ['--zstd', '--lz4'] as const) {
      expect(await run(option, TWO)).toEqual(SILENT);
      expect((await magic(TWO)).startsWith({ '--zstd': '28b52ffd', '--lz4': '04224d18' }[option])).toBe(true);
      await rm(host.path('incoming', TWO));
    }
    expect(await run('--snappy', THREE)).toEqual({
      code: 2,
      stdout: '',
      stderr: failed(
        wal(THREE),
        "compression 'snappy' needs the library 'snappy', which is not installed",
        "Error executing ssh: compression 'snappy' needs the library 'snappy', which is not installed",
      ),
    });
  });

  it('has every option on its page, and the other client too', async () => {
    for (const name of ['barman-wal-archive', 'barman-wal-restore'] as const) {
      const page = await readFile(new URL(`../../docs/commands/${name}.md`, import.meta.url), 'utf8');
      const { stdout } = await host.client(name, ['--help']);
      const options = [...stdout.matchAll(/^ +(-\w, )?(--[\w-]+)/gm)].flatMap(([, short, long]) => [
        short?.slice(0, 2),
        long,
      ]);
      expect(options.length).toBeGreaterThan(15);
      expect(options.filter((option) => option !== undefined && !page.includes(`\`${option}`))).toEqual([]);
    }
  });

  it('passes on what the other end says, and its exit code', async () => {
    const foreign = wal(FOUR);
    await writeFile(foreign, walSegment(FOUR, { systemId: '42' }));
    const result = await archive(['h', 'pg', foreign]);
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr:
        `ERROR: WAL file '${FOUR}' comes from system 42, but this archive belongs to system ${SYSTEM_ID}: refused in put-wal for server 'pg' (SSH host: 127.0.0.1)\n` +
        'HINT: type "barman check pg" and compare the server name in archive_command\n' +
        failed(
          foreign,
          "ArchiverFailure:Remote 'barman put-wal' command has failed! (exit code 1)",
          "Remote 'barman put-wal' command has failed!",
        ),
    });
    await writeFile(foreign, walSegment(FOUR));
    expect((await archive(['h', 'nowhere', wal(ONE)])).stderr).toBe(
      `ERROR: Unknown server 'nowhere'\n${failed(wal(ONE), "ArchiverFailure:Remote 'barman put-wal' command has failed! (exit code 1)", "Remote 'barman put-wal' command has failed!")}`,
    );
    expect(await archive(['-t', 'h', 'pg', 'whatever'])).toEqual({
      code: 0,
      stdout: 'Ready to accept WAL files for the server pg\n\n',
      stderr: '',
    });
    expect(await queue()).toEqual([]);
  });

  it.each([
    [
      'a host that ssh would take for an option',
      ['--', '-oProxyCommand=touch x', 'pg', 'w'],
      "argument BARMAN_HOST: invalid value: '-oProxyCommand=touch x'",
    ],
    [
      'such a user',
      ['-U=-oProxyCommand=touch x', 'h', 'pg', 'w'],
      "argument -U/--user: invalid value: '-oProxyCommand=touch x'",
    ],
    [
      'a server that barman would take for one',
      ['--', 'h', '--config=x', 'w'],
      "argument SERVER_NAME: invalid value: '--config=x'",
    ],
    ['a port that is none', ['--port', '22 -v', 'h', 'pg', 'w'], "argument --port: invalid value: '22 -v'"],
  ])('refuses %s', async (_what, args, message) => {
    const { code, stderr } = await archive(args.map((word) => (word.startsWith('-U=') ? `-U${word.slice(3)}` : word)));
    expect([code, stderr.split('\n')[1]]).toEqual([2, `barman-wal-archive: error: ${message}`]);
  });

  it('gives the remote shell nothing to interpret', async () => {
    const trap = join(host.local, 'trap');
    const { code, stderr } = await archive(['h', `pg; touch ${trap}`, wal(ONE)]);
    expect([code, stderr.split('\n')[0]]).toEqual([1, `ERROR: Unknown server 'pg; touch ${trap}'`]);
    expect(await readdir(host.local)).not.toContain('trap');
  });

  it('ends with 3 when there is no connection: refused, or a host that is another one', async () => {
    const noConnection = {
      code: 3,
      stdout: '',
      stderr: failed(
        wal(ONE),
        "ArchiverFailure:Remote 'barman put-wal' command has failed! (exit code 255)",
        'Connection problem with ssh',
      ),
    };
    const knownHosts = join(host.sshd.root, 'known_hosts');
    const known = await readFile(knownHosts, 'utf8');
    await writeFile(knownHosts, `* ${await readFile(join(host.sshd.root, 'client_key.pub'), 'utf8')}`);
    expect(await archive(['h', 'pg', wal(ONE)])).toEqual(noConnection);
    await writeFile(knownHosts, known);
    await host.sshd.stop();
    expect(await archive(['h', 'pg', wal(ONE)])).toEqual(noConnection);
    await host.sshd.start();
    expect(await archive(['h', 'pg', wal(ONE)])).toEqual(SILENT);
  });

  it('is no success when the login shell ends with 0 and reads nothing', async () => {
    await host.answerWith('ours', 'exit 0');
    const big = wal(FOUR);
    await writeFile(big, walSegment(FOUR, { segmentSize: 16_777_216 }));
    const result = await archive(['h', 'pg', big]);
    await host.answerWith('ours');
    expect(result).toEqual({
      code: 2,
      stdout: '',
      stderr: failed(big, '[Errno 32] Broken pipe', 'Error executing ssh: [Errno 32] Broken pipe'),
    });
  });

  it('leaves nothing when the connection is cut after some bytes', async () => {
    for (const afterBytes of [2_000, 300_000, 900_000]) {
      proxy.fault = { kind: 'cut', afterBytes, direction: 'to-server' };
      const { code } = await archive(['--port', String(proxy.port), 'h', 'pg', wal(ONE)]);
      expect(code).toBe(3);
      await eventually('put-wal has ended', async () => (await queue()).length === 0);
    }
    proxy.fault = undefined;
    expect(await archive(['--port', String(proxy.port), 'h', 'pg', wal(ONE)])).toEqual(SILENT);
  });

  it('gives up in a bounded time when nothing moves any more', async () => {
    proxy.fault = { kind: 'stall', afterBytes: 300_000, direction: 'to-server' };
    const result = await archive(['--timeout', '2', '--port', String(proxy.port), 'h', 'pg', wal(ONE)]);
    expect(result).toEqual({
      code: 3,
      stdout: '',
      stderr: failed(
        wal(ONE),
        'ArchiverFailure:nothing moved for 2 seconds',
        'Connection problem with ssh: nothing moved for 2 seconds',
      ),
    });
    proxy.cutAll();
    await eventually('put-wal has ended', async () => (await queue()).length === 0);
  });

  it('leaves nothing when it is killed, and the next one succeeds; two at once do too', async () => {
    await host.answerWith('ours', 'sleep 1');
    const child = spawn(clientProgram('barman-wal-archive'), ['-U', host.sshd.user, 'h', 'pg', wal(ONE)], {
      env: host.sshd.env,
      stdio: 'ignore',
    });
    await eventually('ssh has logged in', async () => /Accepted publickey/.test((await host.sshd.log()).slice(-600)));
    child.kill('SIGKILL');
    await host.answerWith('ours');
    const results = await Promise.all([ONE, ONE, TWO].map((name) => archive(['h', 'pg', wal(name)])));
    expect(results).toEqual([SILENT, SILENT, SILENT]);
    await eventually('only whole files are there', async () => (await queue()).sort().join() === [ONE, TWO].join());
  });

  it('shares one connection with --control-persist', async () => {
    const logins = async () => (await host.sshd.log()).match(/Accepted publickey/g)?.length ?? 0;
    const before = await logins();
    for (const name of [ONE, TWO]) {
      expect(await archive(['--control-persist', '2', 'h', 'pg', wal(name)])).toEqual(SILENT);
    }
    expect((await logins()) - before).toBe(1);
    const [folder = ''] = (await readdir(host.local)).filter((name) => name.startsWith('barman-ssh-'));
    expect((await stat(join(host.local, folder))).mode & 0o777).toBe(0o700);
  });

  it('sends what waits behind with --parallel, and believes its notes for those very files only', async () => {
    for (const name of [ONE, TWO, THREE]) await writeFile(wal('archive_status', `${name}.ready`), '');
    await writeFile(wal(FOUR), walSegment(FOUR));
    const cache = join(host.local, 'cache');
    const parallel = (name: string) => archive(['-p', '4', '--prefetch-cache-dir', cache, 'h', 'pg', wal(name)]);
    expect(await parallel(ONE)).toEqual(SILENT);
    expect((await queue()).sort()).toEqual([ONE, TWO, THREE]);
    // Nobody could answer now.
    await host.sshd.stop();
    expect(await parallel(TWO)).toEqual(SILENT);
    // Another file of that name was never sent.
    await rm(wal(THREE));
    await writeFile(wal(THREE), walSegment(THREE, { seed: 9 }));
    expect((await parallel(THREE)).code).toBe(3);
    await host.sshd.start();
    expect((await parallel(THREE)).stderr).toContain(
      `WAL file '${THREE}' is already there with another content: refused`,
    );
  });
});
