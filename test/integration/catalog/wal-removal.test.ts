/** Removal of obsolete WAL: exactly the named files go, at any kill, whatever the size of the segments. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { segmentName } from '../../../src/domain/wal/wal.ts';
import type { WalRecord } from '../../../src/domain/wal/xlogdb.ts';
import { makeHome, type TestHome } from '../../support/server-home.ts';

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.dispose());

const segments = (from: number, to: number, log = 0) =>
  Array.from({ length: to - from + 1 }, (_, index) => segmentName(1, log, from + index));
const olderThan = (horizon: string) => (record: WalRecord) => record.name < horizon;

async function archiveAll(names: readonly string[]): Promise<void> {
  await home.catalog.appendWals(names.map((name) => home.archive(name)));
}

async function listed(): Promise<string[]> {
  const names: string[] = [];
  await home.open().readWals(({ name }) => {
    names.push(name);
  });
  return names;
}

/** Every WAL file on disk. */
function present(): string[] {
  const wals = home.path('wals');
  return readdirSync(wals, { recursive: true, encoding: 'utf8' })
    .filter((name) => /[0-9A-F]{24}|history$/.test(name))
    .map((name) => name.split('/').at(-1) ?? '')
    .sort();
}

describe('removeWals', () => {
  it('loses no line that another process appends meanwhile', async () => {
    await archiveAll(segments(0, 200));
    const other = home.open();
    const late = segments(201, 230).map((name) => home.archive(name));
    await Promise.all([
      home.catalog.removeWals(olderThan(segmentName(1, 0, 100))),
      ...late.map((record) => other.appendWals([record])),
    ]);
    expect((await listed()).sort()).toEqual(segments(100, 230));
  });
});

it('survives SIGKILL at any moment: no needed file goes, every file is listed, the next run ends it', async () => {
  const horizon = segmentName(1, 0, 3000);
  const child = fileURLToPath(new URL('removal-child.ts', import.meta.url));
  await archiveAll(segments(0, 4095));
  let wasCut = false;
  for (let run = 0; run < 6; run += 1) {
    await killWhenGone(child, [home.root, horizon], home.catalog.walStore.locate(segmentName(1, 0, run * 590)));
    const names = await listed();
    const files = present();
    expect(files.slice(-1096)).toEqual(segments(3000, 4095));
    const known = new Set(names);
    expect(files.filter((name) => !known.has(name))).toEqual([]);
    wasCut ||= names.length > files.length;
    if (names.length === 1096) await archiveAll(segments(0, 2999));
  }
  expect(wasCut).toBe(true);
  await home.catalog.removeWals(olderThan(horizon));
  expect(present()).toEqual(segments(3000, 4095));
  expect((await listed()).sort()).toEqual(segments(3000, 4095));
  expect(readdirSync(home.path('wals'))).toEqual(['0000000100000000', 'pg-xlog.db']);
  expect(readFileSync(home.path('wals', 'pg-xlog.db'), 'utf8').endsWith('\n')).toBe(true);
}, 60_000);

/** Kills the child as soon as it has removed this file. */
function killWhenGone(program: string, args: readonly string[], path: string): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], { stdio: 'ignore' });
    const poll = setInterval(() => {
      if (!existsSync(path)) child.kill('SIGKILL');
    }, 1);
    child.once('close', () => {
      clearInterval(poll);
      resolve();
    });
  });
}
