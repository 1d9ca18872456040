/** archive-wal, get-wal and receive-wal of both programs on equal queues: same words, same trees, each reads the other's. */
import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import {
  barmanProgram,
  makeSandbox,
  type ProgramResult,
  referenceFolder,
  type Sandbox,
  streamingSection,
} from '../support/sandbox.ts';
import { segmentName, walSegment } from '../support/wal-files.ts';

/** Equally long, so that outputs line up. */
const THEIRS = 'theirs';
const OURS = 'ourss_';
const HASH = '0000000100000000';
const [ONE, TWO, THREE, FOUR] = [1, 2, 3, 4].map((number) => segmentName(number)) as [string, string, string, string];

type Content = string | Uint8Array | null;
type Queue = Readonly<Record<string, Content>>;

describe.skipIf(referenceFolder === undefined)('WAL beside Barman 3.20.1 (needs BARMAN_REFERENCE)', () => {
  let box: Sandbox;
  beforeEach(async () => {
    box = await makeSandbox();
  });
  afterEach(() => box.dispose());

  const path = (server: string, ...parts: string[]) => join(box.home, server, ...parts);

  async function configure(options: string): Promise<void> {
    const section = (name: string) =>
      `[${name}]\nconninfo = host=127.0.0.1 port=1 connect_timeout=1\nstreaming_conninfo = host=127.0.0.1 port=1 connect_timeout=1\nbackup_method = postgres\nslot_name = barman\n${options}\n`;
    await box.writeConfig(section(THEIRS) + section(OURS));
    for (const server of [THEIRS, OURS]) {
      for (const name of ['incoming', 'streaming', 'wals', 'errors', 'base', 'meta'])
        await mkdir(path(server, name), { recursive: true });
    }
  }

  /** null makes a directory. */
  async function put(queue: 'incoming' | 'streaming', files: Queue, time = 1_795_228_542.293): Promise<void> {
    for (const server of [THEIRS, OURS]) {
      for (const [name, content] of Object.entries(files)) {
        if (content === null) {
          await mkdir(path(server, queue, name));
          continue;
        }
        await writeFile(path(server, queue, name), content);
        await chmod(path(server, queue, name), 0o640);
        await utimes(path(server, queue, name), time, time);
      }
    }
  }

  const clean = (text: string) => text.replaceAll(OURS, THEIRS).replace(/\d{8}T\d{6}Z/g, 'TIME');
  function same(theirs: ProgramResult, ours: ProgramResult): void {
    expect({ ...ours, stdout: clean(ours.stdout), stderr: clean(ours.stderr) }).toEqual({
      ...theirs,
      stdout: clean(theirs.stdout),
      stderr: clean(theirs.stderr),
    });
  }

  /** Every file with mode and content (compressed ones by what they hold), and the index without sizes of those. */
  async function tree(server: string): Promise<Record<string, string>> {
    const facts: Record<string, string> = {};
    for (const name of (await readdir(path(server), { recursive: true })).sort()) {
      const info = await stat(path(server, name));
      if (!info.isFile()) {
        facts[clean(name)] = 'directory';
        continue;
      }
      const bytes = await readFile(path(server, name));
      const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
      const plain = isPacked ? spawnSync('gzip', ['-dc'], { input: bytes, maxBuffer: 64 * 1024 * 1024 }).stdout : bytes;
      const digest = spawnSync('md5sum', { input: plain, encoding: 'utf8' }).stdout.slice(0, 32);
      const isIndex = name.endsWith('xlog.db');
      facts[clean(name)] = isIndex
        ? bytes.toString().replace(/^(\S+)\t\d+\t(\S+)\t(gzip)/gm, '$1\tSIZE\t$2\t$3')
        : `${(info.mode & 0o777).toString(8)} ${isPacked ? 'gzip ' : ''}${info.mtimeMs === 1_795_228_542_293 ? 'time kept' : 'time of today'} ${digest}`;
    }
    return facts;
  }

  async function archiveBoth(...args: string[]): Promise<void> {
    same(await box.reference([...args, 'archive-wal', THEIRS]), await box.barman([...args, 'archive-wal', OURS]));
    expect(await tree(OURS)).toEqual(await tree(THEIRS));
  }

  const label = `${ONE}.00000028.backup`;
  const plain = (...names: string[]) => Object.fromEntries(names.map((name) => [name, walSegment(name)]));

  it('archives what archive_command brought, says so, and rejects the rest', async () => {
    await configure('archiver = on');
    await archiveBoth();
    await put('incoming', {
      ...plain(ONE, TWO),
      [label]: 'START WAL LOCATION\n',
      '00000002.history': '1\t0/100000\tno recovery target specified\n',
      [`${THREE}.partial`]: 'partial',
      junk: 'junk',
      adir: null,
      'half.tmp': 'x',
      '.hidden': 'x',
    });
    await archiveBoth();
    await archiveBoth('-f', 'json');
    await put('incoming', plain(FOUR));
    await archiveBoth('-f', 'json');
  });

  it.each([
    ['complete files only', plain(ONE, TWO, THREE)],
    ['one partial', { ...plain(ONE, TWO), [`${THREE}.partial`]: '' }],
    [
      'several partials',
      { ...plain(TWO), [`${ONE}.partial`]: 'a', [`${THREE}.partial`]: 'b', [`${FOUR}.partial`]: 'c', junk: 'x' },
    ],
    ['a history file at the end', { ...plain(ONE, TWO), '00000002.history': 'x' }],
  ] as readonly (readonly [string, Queue])[])('streaming: %s', async (_what, files) => {
    await configure('streaming_archiver = on');
    await put('streaming', files);
    await archiveBoth();
    await archiveBoth();
  });

  it('works in batches', async () => {
    await configure(
      'archiver = on\narchiver_batch_size = 2\nstreaming_archiver = on\nstreaming_archiver_batch_size = 3',
    );
    await put('incoming', plain(ONE, TWO, THREE));
    await put('streaming', plain(...[11, 12, 13, 14, 15].map((number) => segmentName(number))));
    for (let run = 0; run < 4; run += 1) await archiveBoth();
  });

  it.each([[''], ['compression = gzip']])('treats a second file of the same name alike (%s)', async (compression) => {
    await configure(`archiver = on\n${compression}`);
    await put('incoming', plain(ONE, TWO));
    await archiveBoth();
    // The reference takes files of the same size and time for the same.
    await put('incoming', { ...plain(ONE), [TWO]: walSegment(TWO, { seed: 77 }) }, 1_795_228_600);
    await archiveBoth();
    await put('incoming', { [ONE]: gzipSync(walSegment(ONE)) });
    await archiveBoth();
  });

  it('keeps what comes compressed, with the name of its algorithm', async () => {
    await configure('archiver = on\ncompression = xz');
    await put('incoming', { [ONE]: gzipSync(walSegment(ONE)) });
    await archiveBoth();
  });

  it('gives hooks the same environment', async () => {
    const script = (option: string) =>
      `${option} = env | grep ^BARMAN_ | grep -v REFERENCE | sort >> $BARMAN_CONFIGURATION.$BARMAN_SERVER`;
    await configure(
      `archiver = on\ncompression = gzip\n${['pre_archive_script', 'pre_archive_retry_script', 'post_archive_script', 'post_archive_retry_script'].map(script).join('\n')}`,
    );
    await put('incoming', { [ONE]: gzipSync(walSegment(ONE)), [TWO]: gzipSync(walSegment(TWO)) });
    await archiveBoth();
    const [theirs, ours] = await Promise.all(
      [THEIRS, OURS].map((name) => readFile(`${box.configFile}.${name}`, 'utf8')),
    );
    expect(clean(ours ?? '')).toBe(theirs);
  });

  it('stops at a veto of the retry script', async () => {
    await configure(`archiver = on\npre_archive_retry_script = test $BARMAN_SEGMENT != ${TWO} || exit 63`);
    await put('incoming', plain(ONE, TWO, THREE));
    await archiveBoth();
  });

  it('reads what the other archived, and answers get-wal alike', async () => {
    await configure('archiver = on\ncompression = gzip');
    await put('incoming', plain(ONE, TWO, THREE));
    await archiveBoth();
    await put('streaming', { [FOUR]: walSegment(FOUR), [`${segmentName(5)}.partial`]: 'partial' });
    const fetch = (program: string, server: string, args: readonly string[]) =>
      spawnSync(program, ['-c', box.configFile, 'get-wal', ...args.map((arg) => arg.replace('SERVER', server))], {
        maxBuffer: 8 * 1024 * 1024,
      });
    const reference = join(referenceFolder ?? '', 'barman');
    for (const [program, server] of [
      [reference, OURS],
      [barmanProgram, THEIRS],
    ] as const) {
      for (const name of [ONE, FOUR])
        expect(fetch(program, server, ['SERVER', name]).stdout.equals(walSegment(name))).toBe(true);
      const packed = fetch(program, server, ['-z', 'SERVER', ONE]).stdout;
      expect(packed.equals(await readFile(path(server, 'wals', HASH, ONE)))).toBe(true);
      const bzipped = fetch(program, server, ['-j', 'SERVER', ONE]).stdout;
      expect(
        spawnSync('bzip2', ['-dc'], { input: bzipped, maxBuffer: 8 * 1024 * 1024 }).stdout.equals(walSegment(ONE)),
      ).toBe(true);
    }
    for (const args of [
      ['SERVER', segmentName(9)],
      ['SERVER', 'notawal'],
      ['SERVER', '00000003.history'],
      ['-P', 'SERVER', segmentName(5)],
      ['-P', '-z', 'SERVER', segmentName(5)],
      ['SERVER', `${segmentName(5)}.partial`],
      ['--test', 'SERVER', 'anything'],
      ['--test', '-z', '--keep-compression', 'SERVER', 'anything'],
      ['-z', '--keep-compression', 'SERVER', 'notawal'],
      ['-j', '--keep-compression', 'SERVER', ONE],
      ['--peek', '2', 'SERVER', ONE],
      ['--peek', '20', 'SERVER', ONE],
      ['--peek', '2', 'SERVER', segmentName(9)],
      ['--peek', '2', 'SERVER', 'notawal'],
      ['--peek', '2', '-P', 'SERVER', segmentName(5)],
      ['--peek', '2', 'SERVER', `${segmentName(5)}.partial`],
      ['-o', '/nonexistent', 'SERVER', ONE],
      ['-o', '/proc', 'SERVER', segmentName(9)],
      ['-o', box.root, 'SERVER', ONE],
      ['SERVER', '../../etc/passwd'],
      ['nosuch', ONE],
    ]) {
      for (const format of [[], ['-f', 'json']]) {
        // The reference appends a JSON document to the WAL itself.
        if (format.length > 0 && args[0] === 'SERVER' && args[1]?.endsWith('.partial')) continue;
        const call = (server: string) => [...format, 'get-wal', ...args.map((arg) => arg.replace('SERVER', server))];
        const env = { SSH_CONNECTION: '192.0.2.7 1 192.0.2.8 22' };
        same(await box.reference(call(THEIRS), { env }), await box.barman(call(OURS), { env }));
      }
    }
  });

  describe('receive-wal', () => {
    let cluster: Cluster;
    beforeAll(async () => {
      cluster = await startCluster();
    });
    afterAll(() => cluster.dispose());

    async function configureStreaming(): Promise<void> {
      const section = (name: string) =>
        streamingSection(name, cluster).replace('slot_name = barman', `slot_name = ${name}`);
      await box.writeConfig(section(THEIRS) + section(OURS));
    }

    const both = async (...args: string[]) => {
      same(await box.reference(['receive-wal', ...args, THEIRS]), await box.barman(['receive-wal', ...args, OURS]));
    };

    it('cares for slots alike', async () => {
      await configureStreaming();
      await both('--create-slot');
      await both('--create-slot');
      await both('--create-slot', '--if-not-exists');
      await both('--reset');
      await both('--stop');
      await both('--stop', '--reset');
      await both('--drop-slot');
      await both('--drop-slot');
    });

    /** Runs it until it streams, does something to it, and tells how it ended. */
    async function receive(program: string, server: string, end: (pid: number) => unknown): Promise<ProgramResult> {
      const child = spawn(program, ['-c', box.configFile, 'receive-wal', server], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const ended = new Promise<number>((resolve) =>
        child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGTERM' ? 143 : 1))),
      );
      await eventually('it streams', () => stdout.includes('starting log streaming'));
      // pg_receivewal that is stopped while it fills a new file with zeros leaves one of a wrong size.
      await eventually(
        'the file has its size',
        async () =>
          (await stat(path(server, 'streaming', (await readdir(path(server, 'streaming'))).at(-1) ?? ''))).size ===
          16_777_216,
      );
      await end(child.pid ?? 0);
      const code = await ended;
      const positions = (text: string) =>
        text.replace(/[0-9A-F]+\/[0-9A-F]+/g, 'LSN').replace(/\b[0-9A-F]{24}/g, 'WAL');
      return { code, stdout: positions(stdout), stderr: positions(stderr) };
    }

    const reference = join(referenceFolder ?? '', 'barman');
    const byBoth = async (end: (pid: number) => unknown) => {
      same(await receive(reference, THEIRS, end), await receive(barmanProgram, OURS, end));
    };

    it.each(['SIGINT', 'SIGTERM'] as const)('ends alike at %s', async (signal) => {
      await configureStreaming();
      await byBoth((pid) => process.kill(pid, signal));
      await byBoth((pid) => process.kill(pid, signal));
    });

    it('ends alike when the stream breaks', async () => {
      await configureStreaming();
      await byBoth(() =>
        cluster.sql(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = 'barman_receive_wal'",
        ),
      );
    });

    it('resets alike', async () => {
      await configureStreaming();
      await byBoth((pid) => process.kill(pid, 'SIGINT'));
      await both('--reset');
      for (const server of [THEIRS, OURS]) await rm(path(server, 'streaming'), { recursive: true });
      for (const server of [THEIRS, OURS]) await mkdir(path(server, 'streaming'));
      await both('--reset');
    });
  });
});
