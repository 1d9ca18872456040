/** put-wal of both programs on equal streams: same words, same exit code, same files. */
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';
import { sumsOf, tarOf, walTar } from '../support/tar.ts';
import { segmentName, walSegment } from '../support/wal-files.ts';

/** Equally long, so that outputs line up. */
const THEIRS = 'theirs';
const OURS = 'ourss_';
const [ONE, TWO] = [segmentName(1), segmentName(2)];
const wal = walSegment(ONE);

describe.skipIf(referenceFolder === undefined)('put-wal beside Barman 3.20.1 (needs BARMAN_REFERENCE)', () => {
  let box: Sandbox;
  beforeEach(async () => {
    box = await makeSandbox();
    const section = (name: string, more = '') =>
      `[${name}]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${more}\n`;
    await box.writeConfig(section(THEIRS) + section(OURS) + section('idle', 'active = false'));
    for (const server of [THEIRS, OURS]) await mkdir(join(box.home, server, 'incoming'), { recursive: true });
  });
  afterEach(() => box.dispose());

  /** Names, modes, times and contents of `incoming`. */
  async function queue(server: string): Promise<readonly string[]> {
    const folder = join(box.home, server, 'incoming');
    const lines = [];
    for (const name of (await readdir(folder)).sort()) {
      const { mode, mtimeMs } = await stat(join(folder, name));
      const isWhole = (await readFile(join(folder, name))).equals(wal);
      lines.push(`${name} ${mode.toString(8)} ${Math.trunc(mtimeMs)} ${isWhole}`);
    }
    return lines;
  }

  const clean = ({ code, stdout, stderr }: ProgramResult) => ({
    code,
    stdout: stdout.replaceAll(OURS, THEIRS),
    stderr: stderr.replaceAll(OURS, THEIRS),
  });

  async function both(args: readonly string[], input: Uint8Array | string, env: NodeJS.ProcessEnv = {}) {
    const theirs = await box.reference(['put-wal', ...args, THEIRS], { input, env });
    const ours = await box.barman(['put-wal', ...args, OURS], { input, env });
    expect(clean(ours)).toEqual(clean(theirs));
    return theirs;
  }

  it('accepts what the client sends, with sha256 and md5', async () => {
    await both([], await walTar({ [ONE]: wal }));
    const history = await walTar({ '00000002.history': '1\t0/3000000\tx\n' }, 'md5');
    expect((await both([], history)).code).toBe(0);
    expect(await queue(OURS)).toHaveLength(2);
    expect(await queue(OURS)).toEqual(await queue(THEIRS));
  });

  it('answers a test, through ssh too', async () => {
    const result = await both(['--test'], '', { SSH_CONNECTION: '192.0.2.7 1 192.0.2.8 22' });
    expect(result.stdout).toBe(`Ready to accept WAL files for the server ${THEIRS}\n`);
  });

  it('refuses a broken stream with the same words', async () => {
    const stream = await walTar({ [ONE]: wal });
    for (const input of [
      '',
      'garbage',
      stream.subarray(0, 500_000),
      // Between two members.
      stream.subarray(0, stream.length - 2_048),
    ]) {
      expect((await both([], input)).code).toBe(1);
    }
    expect(await queue(OURS)).toEqual([]);
  });

  it('refuses wrong members and checksums with the same words', async () => {
    const file = { name: ONE, content: wal };
    const env = { SSH_CONNECTION: '192.0.2.7 1 192.0.2.8 22' };
    for (const members of [
      [file, { name: 'SHA256SUMS', content: `abcd *${ONE}\n` }],
      [file, sumsOf({ [ONE]: wal, [TWO]: 'x' })],
      [file, { name: 'MD5SUMS', content: 'xx\n' }],
      [{ name: TWO, type: 'symlink' as const, linkname: '/etc/passwd' }],
      [{ name: `folder/${ONE}`, content: wal }],
    ]) {
      expect((await both([], await tarOf(members), env)).code).toBe(1);
    }
    expect([await queue(OURS), await queue(THEIRS)]).toEqual([[], []]);
  });

  it('refuses servers with the same words', async () => {
    for (const server of ['idle', 'nowhere']) {
      const theirs = await box.reference(['put-wal', server]);
      expect(await box.barman(['put-wal', server])).toEqual(theirs);
      expect(theirs.code).toBe(1);
    }
  });
});
