/**
 * Our client programs and those of Barman 3.20.1: the same words to ssh, the same stream, the same messages and exit codes;
 * and each with the other's Barman at the other end.
 */
import { chmod, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BarmanHost, type Client, clientProgram, startBarmanHost } from '../support/barman-host.ts';
import { type ProgramResult, referenceFolder, runProgram } from '../support/sandbox.ts';
import { segmentName, walSegment } from '../support/wal-files.ts';

const [ONE, TWO, THREE, FOUR] = [1, 2, 3, 4].map((number) => segmentName(number)) as [string, string, string, string];

/** Writes down its arguments and input, then answers as the environment says. */
const RECORDER = `#!/bin/sh
for word in "$@"; do printf '<%s>' "$word"; done > "$RECORD/argv"
case "$*" in *put-wal*) cat > "$RECORD/input" ;; *) [ -n "$SEND" ] && cat "$SEND" ;; esac
[ -n "$OUT" ] && echo "$OUT"
[ -n "$ERR" ] && echo "$ERR" >&2
exit $RC
`;

describe.skipIf(referenceFolder === undefined)('client programs beside Barman 3.20.1 (needs BARMAN_REFERENCE)', () => {
  let host: BarmanHost;
  let record: string;
  beforeAll(async () => {
    host = await startBarmanHost();
    record = join(host.local, 'record');
    await mkdir(record);
    await writeFile(join(record, 'ssh'), RECORDER);
    await chmod(join(record, 'ssh'), 0o755);
    for (const name of [ONE, TWO, THREE, FOUR]) {
      await writeFile(local(name), walSegment(name));
      // The fraction is in a pax record; the header beside it rounds there.
      await utimes(local(name), 1_795_228_851.25, 1_795_228_851.25);
    }
  });
  afterAll(() => host.dispose());

  const local = (name: string) => join(host.local, name);

  interface Recorded extends ProgramResult {
    readonly argv: string;
    readonly members: readonly string[];
    readonly destination: string;
  }

  /** Runs one client with the recording ssh. */
  async function recorded(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Recorded> {
    for (const name of ['argv', 'input', 'destination']) await rm(join(record, name), { force: true });
    const PATH = `${record}:${process.env.PATH ?? ''}`;
    const result = await runProgram(program, args, { env: { RC: '0', RECORD: record, ...env, PATH } });
    const input = await readFile(join(record, 'input')).catch(() => Buffer.alloc(0));
    const destination = await readFile(join(record, 'destination')).catch(() => Buffer.alloc(0));
    return {
      ...result,
      argv: await readFile(join(record, 'argv'), 'utf8').catch(() => ''),
      members: input.length === 0 ? [] : [...(await membersOf(input)), `${input.length} bytes`],
      destination: destination.toString('base64').slice(0, 2_000),
    };
  }

  async function membersOf(bytes: Buffer): Promise<string[]> {
    const members: string[] = [];
    const tar = extract();
    tar.end(bytes);
    for await (const entry of tar) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      const { name, size, mode, uid, gid, mtime, type } = entry.header;
      const text = name.endsWith('SUMS') ? Buffer.concat(chunks).toString('utf8') : '';
      members.push([name, type, size, mode, uid, gid, mtime.getTime(), text].join(' '));
    }
    return members;
  }

  /** The usage lines are ours. */
  const clean = (result: Recorded): Recorded => ({
    ...result,
    stderr: result.stderr.replace(/^usage: (?:.*\n(?: {2}.*\n)*)/, ''),
  });

  async function same(name: Client, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Recorded> {
    const theirs = clean(await recorded(join(referenceFolder ?? '', name), args, env));
    expect(clean(await recorded(clientProgram(name), args, env))).toEqual(theirs);
    return theirs;
  }

  it('send the same words and the same stream', async () => {
    const sent = await same('barman-wal-archive', ['h', 'pg', local(ONE)]);
    expect(sent.argv).toBe('<-q><-T><barman@h><barman><put-wal><pg>');
    expect(sent.members).toHaveLength(3);
    await same('barman-wal-archive', ['--md', '--port', '22', '-c', '/etc/x y.conf', '-Uu', 'h', 'pg', local(ONE)]);
    const words = await same(
      'barman-wal-restore',
      ['-P', '--port=22', '-c', '/etc/x.conf', 'h', 'p g', ONE, local('record/destination')],
      {
        SEND: local(ONE),
      },
    );
    expect(words.argv).toBe(
      `<-p><22><-q><-T><barman@h><barman><--config /etc/x.conf><get-wal --partial 'p g' '${ONE}'>`,
    );
  });

  it('pass on messages and exit codes in the same words', async () => {
    const said = { OUT: 'out', ERR: 'err' };
    for (const [args, env] of [
      [[local(ONE)], { ...said, RC: '4' }],
      [[local(ONE)], { RC: '255' }],
      [['-t', 'x'], { OUT: 'out', RC: '5' }],
      [['/nowhere/x'], {}],
      [[host.local], {}],
    ] as const) {
      await same('barman-wal-archive', [...args.slice(0, -1), 'h', 'pg', args.at(-1) ?? ''], env);
    }
    const destination = join(record, 'destination');
    for (const [args, env] of [
      [['-z', 'h', 'pg', ONE, destination], { SEND: local(ONE) }],
      [['h', 'pg', ONE, record], {}],
      [['h', 'pg', ONE, '/nowhere/x'], {}],
      [['-t', 'h', 'pg', ONE, destination], { ERR: 'err', RC: '3' }],
    ] as const) {
      await same('barman-wal-restore', args, env);
    }
  });

  it('fail with the same code and words where the reference leaves an empty destination', async () => {
    const destination = join(record, 'destination');
    for (const RC of ['1', '3', '127', '255']) {
      const args = ['-s', RC === '1' ? '1' : '0', 'h', 'pg', ONE, destination];
      const theirs = await recorded(join(referenceFolder ?? '', 'barman-wal-restore'), args, { RC, ERR: 'err' });
      expect(await recorded(clientProgram('barman-wal-restore'), args, { RC, ERR: 'err' })).toEqual(theirs);
      expect(await readdir(record)).not.toContain('destination');
    }
  });

  it('understand and refuse the same command lines', async () => {
    for (const args of [
      [],
      ['h', 'pg'],
      ['--bogus', 'h', 'pg', 'w'],
      ['-p', 'x', 'h', 'pg', 'w'],
      ['--compression-level', 'foo', 'h', 'pg', 'w'],
      ['h', 'pg', 'w', 'more'],
      ['--x=1', 'h', 'pg', 'w'],
    ]) {
      expect((await same('barman-wal-archive', args)).code).toBe(2);
    }
    for (const args of [
      ['-z', '-j', 'h', 'pg', 'w', 'd'],
      ['-s', 'x', 'h', 'pg', 'w', 'd'],
    ]) {
      expect((await same('barman-wal-restore', args)).code).toBe(2);
    }
    for (const name of ['barman-wal-archive', 'barman-wal-restore'] as const) await same(name, ['-V']);
  });

  it('work with the other Barman at the other end, in both directions', async () => {
    const done = { code: 0, stdout: '', stderr: '' };
    // The reference's client, our Barman.
    expect(await host.referenceClient('barman-wal-archive', ['h', 'pg', local(ONE)])).toEqual(done);
    expect(await host.referenceClient('barman-wal-archive', ['--zstd', 'h', 'pg', local(TWO)])).toEqual(done);
    expect(await host.referenceClient('barman-wal-restore', ['h', 'pg', TWO, local('back')])).toEqual(done);
    expect((await readFile(local('back'))).equals(walSegment(TWO))).toBe(true);
    const spool = ['-p', '2', '--spool-dir', local('spool')];
    expect(await host.referenceClient('barman-wal-restore', [...spool, 'h', 'pg', ONE, local('back')])).toEqual(done);
    // What the reference put into the spool is served by ours.
    expect(await readdir(local('spool'))).toEqual([TWO]);
    await host.answerWith('reference');
    expect(
      await host.client('barman-wal-restore', [
        '-p',
        '1',
        '--spool-dir',
        local('spool'),
        'h',
        'pg',
        TWO,
        local('back'),
      ]),
    ).toEqual(done);
    expect(await readdir(local('spool'))).toEqual([]);
    expect((await readFile(local('back'))).equals(walSegment(TWO))).toBe(true);
    // Our client, the reference's Barman.
    expect(await host.client('barman-wal-archive', ['h', 'pg', local(THREE)])).toEqual(done);
    expect(await host.client('barman-wal-archive', ['--md5', '-z', 'h', 'pg', local(FOUR)])).toEqual(done);
    expect(await host.client('barman-wal-archive', ['--md5', '-z', 'h', 'pg', local(FOUR)])).toEqual(done);
    expect((await readdir(host.path('incoming'))).sort()).toEqual([ONE, TWO, THREE, FOUR]);
    expect(await readdir(host.path('errors'))).toEqual([]);
    expect(await host.client('barman-wal-restore', ['h', 'pg', FOUR, local('back')])).toEqual(done);
    expect((await readFile(local('back'))).equals(walSegment(FOUR))).toBe(true);
    const missing = await host.client('barman-wal-restore', ['h', 'pg', segmentName(99), local('none')]);
    expect([missing.code, (await readdir(host.local)).includes('none')]).toEqual([1, false]);
    await host.answerWith('ours');
  });
});
