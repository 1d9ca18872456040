/**
 * archive-wal killed at random instants, and on a full disk: nothing is lost, nothing is listed twice, nothing half is left.
 * Every single step, of linked files too, is struck in test/crash. Faults B1, B2.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { folderElsewhere } from '../support/cluster.ts';
import { barmanProgram, makeSandbox, type Sandbox } from '../support/sandbox.ts';
import { segmentName, walSegment } from '../support/wal-files.ts';

let box: Sandbox;
beforeEach(async () => {
  box = await makeSandbox();
});
afterEach(() => box.dispose());

const FILES = 100;
const KILLS = 20;

async function seed(extra: string, count = FILES): Promise<string[]> {
  await box.writeConfig(`[pg]\nconninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${extra}\n`);
  for (const name of ['incoming', 'wals', 'errors', 'base', 'meta'])
    await mkdir(join(box.home, 'pg', name), { recursive: true });
  const names = Array.from({ length: count }, (_, number) => segmentName(number + 1));
  for (const name of names) await writeFile(join(box.home, 'pg', 'incoming', name), walSegment(name));
  return names;
}

/** Milliseconds of an undisturbed run on nothing: kills come about its end. */
async function startTime(): Promise<number> {
  const started = performance.now();
  await box.barman(['list-servers']);
  return performance.now() - started;
}

async function killedRun(afterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [barmanProgram, '-c', box.configFile, 'archive-wal', 'pg'], {
    stdio: 'ignore',
  });
  const end = new Promise<boolean>((resolve) => child.once('exit', (_code, signal) => resolve(signal === 'SIGKILL')));
  await sleep(afterMs);
  child.kill('SIGKILL');
  return end;
}

const exists = (folder: string, name: string) =>
  stat(join(box.home, 'pg', folder, name)).then(
    ({ size }) => size > 0,
    () => false,
  );

/** At every instant each file is whole in its queue or in the archive. */
async function expectNothingLost(names: readonly string[]): Promise<void> {
  for (const name of names) {
    expect((await exists('incoming', name)) || (await exists('wals/0000000100000000', name)), name).toBe(true);
  }
}

async function expectWholeAfterNextRun(names: readonly string[], isCompressed: boolean): Promise<void> {
  const last = await box.barman(['archive-wal', 'pg']);
  expect([last.code, last.stderr]).toEqual([0, '']);
  expect(await readdir(join(box.home, 'pg', 'incoming'))).toEqual([]);
  expect(await readdir(join(box.home, 'pg', 'errors'))).toEqual([]);
  expect((await readdir(join(box.home, 'pg', 'wals', '0000000100000000'))).sort()).toEqual(names);
  for (const name of names) {
    const stored = await readFile(join(box.home, 'pg', 'wals', '0000000100000000', name));
    const plain = isCompressed ? gunzipSync(stored) : stored;
    expect(plain.equals(walSegment(name)), name).toBe(true);
  }
  const lines = (await readFile(join(box.home, 'pg', 'wals', 'pg-xlog.db'), 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => line.slice(0, line.indexOf('\t'))).sort()).toEqual(names);
}

const hasStrace = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0;

/** One thread for file operations: their order is that of the program, and strace counts them once. */
function traced(args: readonly string[]) {
  return spawnSync(
    'strace',
    ['-f', '-y', '-qq', ...args, process.execPath, barmanProgram, '-c', box.configFile, 'archive-wal', 'pg'],
    {
      env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
      encoding: 'utf8',
    },
  );
}

it.each([
  ['compressed', 'compression = gzip\ncompression_level = 1'],
  ['copied to another filesystem', 'OTHER'],
])('%s', async (_how, extra) => {
  let other: string | undefined;
  if (extra === 'OTHER') other = await folderElsewhere('wals');
  try {
    const names = await seed(extra === 'OTHER' ? '' : extra);
    if (other !== undefined) {
      await rm(join(box.home, 'pg', 'wals'), { recursive: true });
      await symlink(other, join(box.home, 'pg', 'wals'));
    }
    const lead = await startTime();
    let killed = 0;
    for (let round = 0; round < KILLS; round += 1) {
      if (await killedRun(lead * (0.5 + Math.random()))) killed += 1;
      await expectNothingLost(names);
      if ((await readdir(join(box.home, 'pg', 'incoming'))).length === 0) break;
    }
    expect(killed).toBeGreaterThan(0);
    await expectWholeAfterNextRun(names, extra.includes('gzip'));
  } finally {
    if (other !== undefined) await rm(other, { recursive: true, force: true });
  }
});

describe.skipIf(!hasStrace)('under strace', () => {
  it.each([
    ['compressed', 'compression = gzip', 'pwrite64', 'write'],
    ['linked', '', 'link', 'link'],
  ])(
    '%s: a full disk ends the run with one clear error, and the rest is archived later',
    async (_how, extra, call, verb) => {
      const names = await seed(extra, 3);
      // The first pwrite64 is the pid in the lock file.
      const run = traced(['-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:error=ENOSPC:when=2+`]);
      const [refused = ''] = names.slice(call === 'link' ? 1 : 0);
      const incoming = join(box.home, 'pg', 'incoming');
      expect(run.status).toBe(1);
      expect(run.stderr.replace(/, link '.*'/, ', link')).toBe(
        `ERROR: cannot archive WAL file '${refused}' of server 'pg': ENOSPC: no space left on device, ${verb}\n` +
          `HINT: make space in '${join(box.home, 'pg', 'wals')}'; it stays in '${incoming}' and the next archive-wal tries again\n`,
      );
      await expectNothingLost(names);
      expect(
        (await readdir(join(box.home, 'pg', 'wals', '0000000100000000'))).filter((name) => name.endsWith('.tmp')),
      ).toEqual([]);
      await expectWholeAfterNextRun(names, extra !== '');
    },
  );
});
