/** barman-wal-restore over a real sshd: the destination appears whole or not at all, and exit codes steer PostgreSQL right. */
import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type BarmanHost, clientProgram, startBarmanHost } from '../support/barman-host.ts';
import { runProgram } from '../support/sandbox.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { segmentName, SYSTEM_ID, walSegment } from '../support/wal-files.ts';

const NAMES = Array.from({ length: 12 }, (_, index) => segmentName(index + 1));
const [ONE, TWO, THREE] = NAMES as [string, string, string];
const MISSING = segmentName(99);

describe('barman-wal-restore', () => {
  let host: BarmanHost;
  let proxy: TcpProxy;
  beforeAll(async () => {
    host = await startBarmanHost();
    proxy = await startTcpProxy(host.sshd.port);
    await mkdir(host.path('wals', ONE.slice(0, 16)), { recursive: true });
    for (const name of NAMES) await writeFile(archived(name), walSegment(name));
    await writeFile(archived(TWO), gzipSync(walSegment(TWO)));
    await writeFile(host.path('wals', '00000002.history'), '1\t0/3000000\tno recovery target specified\n');
  });
  afterAll(async () => {
    await proxy.dispose();
    await host.dispose();
  });
  beforeEach(async () => {
    await mkdir(join(data(), 'pg_wal'), { recursive: true });
    await mkdir(join(data(), 'global'));
    const control = Buffer.alloc(8_192);
    control.writeBigUInt64LE(BigInt(SYSTEM_ID));
    await writeFile(join(data(), 'global', 'pg_control'), control);
  });
  afterEach(() => rm(data(), { recursive: true }));

  const archived = (name: string) => host.path('wals', name.slice(0, 16), name);
  const data = (...parts: string[]) => join(host.local, 'data', ...parts);
  const target = () => data('pg_wal', 'RECOVERYXLOG');
  const wals = () => readdir(data('pg_wal'));
  const restore = (args: readonly string[]) => host.client('barman-wal-restore', args);
  const SILENT = { code: 0, stdout: '', stderr: '' };
  const isSegment = async (name: string) => {
    expect((await readFile(target())).equals(walSegment(name))).toBe(true);
    expect(await wals()).toEqual(['RECOVERYXLOG']);
    await unlink(target());
  };

  it('restores a segment, stored plain or compressed, sent plain or compressed', async () => {
    expect(await restore(['h', 'pg', ONE, target()])).toEqual(SILENT);
    expect((await stat(target())).mode & 0o777).toBe(0o640);
    await isSegment(ONE);
    for (const options of [[], ['--keep-compression'], ['-P']]) {
      expect(await restore([...options, 'h', 'pg', TWO, target()])).toEqual(SILENT);
      await isSegment(TWO);
    }
    const { code, stdout, stderr } = await restore(['--bzip2', 'h', 'pg', ONE, target()]);
    expect([code, stdout.slice(0, 43), stderr]).toEqual([0, 'WARNING: `bzip2` option is deprecated and w', '']);
    await isSegment(ONE);
    expect(await restore(['h', 'pg', '00000002.history', target()])).toEqual(SILENT);
    expect(await readFile(target(), 'utf8')).toBe('1\t0/3000000\tno recovery target specified\n');
  });

  it('says that a file is not in the archive with 1, in every kind of recovery, and leaves nothing', async () => {
    const missing = {
      code: 1,
      stdout: '',
      stderr: `ERROR: WAL file '${MISSING}' not found in server 'pg' (SSH host: 127.0.0.1)\nERROR: Remote 'barman get-wal' command has failed!\n`,
    };
    expect(await restore(['h', 'pg', MISSING, target()])).toEqual(missing);
    await writeFile(data('recovery.signal'), '');
    expect(await restore(['-p', '3', '--spool-dir', data('spool'), 'h', 'pg', MISSING, target()])).toEqual(missing);
    expect(await wals()).toEqual([]);
  });

  it('keeps what was there when it fails', async () => {
    await writeFile(target(), 'before');
    await restore(['h', 'pg', MISSING, target()]);
    expect(await readFile(target(), 'utf8')).toBe('before');
  });

  it('ends with 2 without a connection, and with 255 where 2 would promote', async () => {
    proxy.fault = { kind: 'cut', afterBytes: 500_000, direction: 'to-client' };
    const args = ['--port', String(proxy.port), 'h', 'pg', ONE, target()];
    // Before that ssh has its own words.
    const broken = async () => {
      const { code, stderr } = await restore(args);
      expect([code, stderr.split('\n').slice(-2)]).toEqual([2, ['ERROR: Connection problem with ssh', '']]);
    };
    await broken();
    await writeFile(data('standby.signal'), '');
    await writeFile(data('recovery.signal'), '');
    await broken();
    await unlink(data('standby.signal'));
    // It tries again for a while by itself, and then makes PostgreSQL stop.
    const running = restore(args);
    const before = proxy.connections();
    await eventually('a second attempt', () => proxy.connections() > before + 1, 60);
    proxy.fault = undefined;
    const { code, stderr } = await running;
    // Between them ssh has its own words.
    expect([code, stderr.split('\n').find((line) => line.startsWith('WARNING'))]).toEqual([
      0,
      'WARNING: Connection problem with ssh: trying again in 2 seconds',
    ]);
    await isSegment(ONE);
    expect(await restore(['h', 'nowhere', ONE, target()])).toEqual({
      code: 255,
      stdout: '',
      stderr:
        "ERROR: Unknown server 'nowhere'\nERROR: Remote 'barman get-wal' command has failed!\n" +
        'HINT: this recovery would end here: PostgreSQL stops instead; remove the cause and start it again\n',
    });
    expect(await wals()).toEqual([]);
  });

  it('decompresses what comes compressed unasked, and refuses what is cut', async () => {
    await host.answerWith('ours', `gzip -c ${archived(ONE)}; exit 0`);
    expect(await restore(['h', 'pg', ONE, target()])).toEqual(SILENT);
    await isSegment(ONE);
    await host.answerWith('ours', `gzip -c ${archived(ONE)} | head -c 500; exit 0`);
    const { code, stdout, stderr } = await restore(['h', 'pg', ONE, target()]);
    await host.answerWith('ours');
    expect([code, stdout, stderr]).toEqual([2, '', `ERROR: cannot decompress '${ONE}': unexpected end of file\n`]);
    expect(await wals()).toEqual([]);
  });

  it('gives up in a bounded time when nothing moves any more', async () => {
    proxy.fault = { kind: 'stall', afterBytes: 500_000, direction: 'to-client' };
    expect(await restore(['--timeout', '2', '--port', String(proxy.port), 'h', 'pg', ONE, target()])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'ERROR: Connection problem with ssh: nothing moved for 2 seconds\n',
    });
    proxy.cutAll();
    proxy.fault = undefined;
    expect(await wals()).toEqual([]);
  });

  it.each([
    ['that a login shell spoils', ONE, 'echo Welcome', `is no WAL segment (${1_048_576 + 8} bytes)`],
    [
      'spoilt in a history file',
      '00000002.history',
      'echo Welcome',
      "cannot be read (cannot read line 'Welcome' of timeline history file '00000002.history')",
    ],
    ['that never comes', ONE, 'exit 0', 'is empty'],
  ])('refuses a file %s', async (_what, name, before, problem) => {
    await host.answerWith('ours', before);
    const result = await restore(['h', 'pg', name, target()]);
    await host.answerWith('ours');
    expect(result).toEqual({
      code: 2,
      stdout: '',
      stderr:
        `ERROR: WAL file '${name}' of server 'pg' ${problem}: refused\n` +
        `HINT: type "ssh ${host.sshd.user}@h true": it must print nothing; then look at the file on the Barman host\n`,
    });
    expect(await wals()).toEqual([]);
  });

  it('refuses the WAL of another cluster', async () => {
    await writeFile(archived(MISSING), walSegment(MISSING, { systemId: '42' }));
    const { code, stderr } = await restore(['h', 'pg', MISSING, target()]);
    await unlink(archived(MISSING));
    expect([code, stderr.split('\n')[0]]).toEqual([
      2,
      `ERROR: WAL file '${MISSING}' of server 'pg' comes from system 42, but this archive belongs to system ${SYSTEM_ID}: refused`,
    ]);
    expect(await wals()).toEqual([]);
  });

  it('ends with 3 for a destination that cannot be written', async () => {
    expect(await restore(['h', 'pg', ONE, data()])).toEqual({
      code: 3,
      stdout: '',
      stderr: `ERROR: WAL_DEST cannot be a directory: ${data()}\n`,
    });
    const path = data('nowhere', 'x');
    expect(await restore(['h', 'pg', ONE, path])).toEqual({
      code: 3,
      stdout: '',
      stderr: `ERROR: Cannot open '${path}' (WAL_DEST) for writing: [Errno 2] No such file or directory: '${path}'\n`,
    });
  });

  it('ends with 3 when the destination takes no more, compressed or not', async () => {
    // In blocks of 512 bytes.
    const limited = `ulimit -f 1024; exec "$@"`;
    for (const options of [[], ['--keep-compression']]) {
      const client = [clientProgram('barman-wal-restore'), '-U', host.sshd.user, ...options];
      const args = ['-c', limited, 'sh', ...client, 'h', 'pg', ONE, target()];
      const { code, stderr } = await runProgram('sh', args, { env: { PATH: host.sshd.env.PATH ?? '' } });
      expect([code, stderr]).toEqual([
        3,
        `ERROR: Cannot write '${target()}' (WAL_DEST): EFBIG: file too large, write\n`,
      ]);
      expect(await wals()).toEqual([]);
    }
  });

  it('clears away what a killed one left', async () => {
    await host.answerWith('ours', 'sleep 5');
    const args = ['-U', host.sshd.user, 'h', 'pg', ONE, target()];
    const child = spawn(clientProgram('barman-wal-restore'), args, { env: host.sshd.env, stdio: 'ignore' });
    await eventually('it has begun', async () => (await wals()).length === 1);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    await host.answerWith('ours');
    expect(await restore(['h', 'pg', ONE, target()])).toEqual(SILENT);
    await isSegment(ONE);
  });

  describe('--parallel', () => {
    const spool = (...parts: string[]) => data('spool', ...parts);
    const ahead = (name: string, options: readonly string[] = []) =>
      restore([...options, '-p', '5', '--spool-dir', spool(), 'h', 'pg', name, target()]);
    const visible = async () => (await readdir(spool())).filter((name) => !name.startsWith('.')).sort();
    const fetcher = async () => {
      const [file = ''] = (await readdir(spool())).filter((name) => name.endsWith('.pid'));
      return Number(await readFile(spool(file), 'utf8').catch(() => '0'));
    };
    afterEach(async () => {
      const pid = await fetcher().catch(() => 0);
      if (pid > 0) process.kill(pid, 'SIGTERM');
    });

    it('keeps the row filled ahead of the replay, also when the process that fills it is killed', async () => {
      expect(await ahead(ONE)).toEqual(SILENT);
      await isSegment(ONE);
      await eventually('four more are there', async () => (await visible()).join() === NAMES.slice(1, 5).join(), 60);
      process.kill(await fetcher(), 'SIGKILL');
      // Served without a connection.
      await host.sshd.stop();
      for (const name of [TWO, THREE]) {
        expect(await ahead(name)).toEqual(SILENT);
        await isSegment(name);
      }
      await host.sshd.start();
      for (const name of NAMES.slice(3)) {
        expect(await ahead(name)).toEqual(SILENT);
        await isSegment(name);
      }
      await eventually('what was served is gone', async () => (await visible()).length === 0);
    });

    it('waits for what is being fetched ahead, as long as it grows', async () => {
      await mkdir(spool(), { mode: 0o700 });
      const underWay = spool(`.${TWO}.${process.pid}.tmp`);
      await writeFile(underWay, walSegment(TWO).subarray(0, 100_000));
      // It would fail if it asked itself.
      await host.answerWith('ours', 'exit 9');
      const served = ahead(TWO);
      await sleep(700);
      await writeFile(underWay, walSegment(TWO));
      await rename(underWay, spool(TWO));
      expect(await served).toEqual(SILENT);
      await host.answerWith('ours');
      await isSegment(TWO);
      await writeFile(spool(`.${THREE}.${process.pid}.tmp`), 'stands still');
      expect(await ahead(THREE)).toEqual(SILENT);
      await isSegment(THREE);
    });

    it('serves nothing that is short, foreign or a link', async () => {
      await mkdir(spool(), { mode: 0o700 });
      await writeFile(spool(TWO), walSegment(TWO).subarray(0, 5_000));
      expect(await ahead(TWO)).toEqual({
        code: 0,
        stdout: '',
        stderr: `WARNING: '${spool(TWO)}' has only 5000 of 1048576 bytes: not used\n`,
      });
      await isSegment(TWO);
      // Somebody may be fetching it: it goes when it is old.
      expect(await visible()).toContain(TWO);
      await utimes(spool(TWO), 1, 1);
      await ahead(TWO);
      expect(await visible()).not.toContain(TWO);
      await writeFile(spool(ONE), walSegment(ONE, { systemId: '42' }));
      expect((await ahead(ONE)).code).toBe(0);
      await isSegment(ONE);
    });

    it('refuses a spool that anybody can write into, and fetches all the same', async () => {
      await mkdir(spool());
      await chmod(spool(), 0o777);
      expect(await ahead(ONE)).toEqual({
        code: 0,
        stdout: '',
        stderr: `WARNING: '${spool()}' is not a folder of our own: nothing is fetched ahead\n`,
      });
      expect(await readdir(spool())).toEqual([]);
    });

    it.each(['cannot be made', 'is a file', 'takes nothing'])('goes on without a spool that %s', async (what) => {
      const place = what === 'cannot be made' ? '/nowhere/spool' : spool();
      if (what === 'is a file') await writeFile(place, '');
      if (what === 'takes nothing') await mkdir(place, { mode: 0o500 });
      const { code, stderr } = await restore(['-p', '2', '--spool-dir', place, 'h', 'pg', ONE, target()]);
      if (what === 'takes nothing') await chmod(place, 0o700);
      expect({ code, warnings: stderr.match(/^WARNING: .*nothing is fetched ahead$/gm)?.length }).toEqual({
        code: 0,
        warnings: 1,
      });
      expect(stderr.split('\n')).toHaveLength(2);
      await isSegment(ONE);
    });
  });
});
